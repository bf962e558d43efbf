"""Average effects by closed forms, by numerical integration, by loops over rows; refusals."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import integrate, interpolate, special

import partialpool as pp
from checks.fixed import fit_at
from checks.quadrature import normal_density


@pytest.fixture(scope="module")
def logistic():
    data = pp.load_dataset("contraception")
    return fit_at(
        "use ~ age + urban + (1 | district)", data, family="bernoulli", beta=[-0.8, 0.03, 0.9], sd_district=[1.5]
    )


def value(effects, view, contrast=0):
    return float(effects[view].isel(chain=0, draw=0, contrast=contrast))


def test_a_linear_model_has_one_answer():
    data = pp.load_dataset("sleepstudy")
    fit = fit_at(
        "Reaction ~ Days + (Days | Subject)", data, beta=[250.0, 10.0], sd_Subject=[20.0, 5.0],
        corr_Subject=np.eye(2), sigma=25.0,
    )  # fmt: skip
    for options, expected in (({}, 10.0), ({"values": [0, 9]}, 90.0), ({"measure": "slope"}, 10.0)):
        effects = pp.average_effect(fit, "Days", **options)
        for view in ("population_average", "subject_specific"):
            assert value(effects, view) == pytest.approx(expected)


def test_a_subject_specific_odds_ratio_is_the_coefficient(logistic):
    effects = pp.average_effect(logistic, "urban", measure="odds_ratio")
    assert effects["contrast"].to_numpy().tolist() == ["Y against N"]
    assert value(effects, "subject_specific") == pytest.approx(np.exp(0.9))
    assert value(effects, "population_average") < np.exp(0.9)


@pytest.mark.parametrize("sd", [0.3, 0.8, 1.5])
def test_a_log_odds_ratio_shrinks_as_the_docstring_says(sd):
    """1 / sqrt(1 + 0.346 Var(u)) is an approximation: 5 % off at sd 1.5, less below."""
    data = pp.load_dataset("contraception")
    fit = fit_at("use ~ urban + (1 | district)", data, family="bernoulli", beta=[-0.8, 0.9], sd_district=[sd])
    effects = pp.average_effect(fit, "urban", measure="odds_ratio")
    assert value(effects, "subject_specific") == pytest.approx(np.exp(0.9))
    ratio = np.log(value(effects, "population_average")) / 0.9
    assert ratio == pytest.approx(1 / np.sqrt(1 + 0.346 * sd**2), rel=0.06)


def by_loop(fit, beta, sd, change):
    """Mean over the table's rows of numerical integrals over b."""
    data = pp.load_dataset("contraception").assign(**change)
    eta = beta[0] + beta[1] * data["age"] + beta[2] * (data["urban"] == "Y")
    distinct, counts = np.unique(eta.to_numpy(), return_counts=True)
    means = [
        integrate.quad(lambda b, m=m: special.expit(m + b) * normal_density(b / sd) / sd, -15, 15, limit=300)[0]
        for m in distinct
    ]
    return float(np.average(means, weights=counts))


def test_population_averages_against_numerical_integration(logistic):
    first, second = (by_loop(logistic, (-0.8, 0.03, 0.9), 1.5, {"urban": u}) for u in ("N", "Y"))
    assert value(pp.average_effect(logistic, "urban"), "population_average") == pytest.approx(second - first, abs=1e-8)
    ratio = pp.average_effect(logistic, "urban", measure="ratio")
    assert value(ratio, "population_average") == pytest.approx(second / first, abs=1e-7)


def test_a_slope_is_the_derivative(logistic):
    """The typical level's: mean of beta p (1 - p) over the rows."""
    data = pp.load_dataset("contraception")
    p = special.expit(-0.8 + 0.03 * data["age"] + 0.9 * (data["urban"] == "Y"))
    found = pp.average_effect(logistic, "age", measure="slope")
    assert value(found, "subject_specific") == pytest.approx(float((0.03 * p * (1 - p)).mean()), rel=1e-6)
    assert value(found, "population_average") < value(found, "subject_specific")


def test_a_log_link_gives_one_ratio_with_varying_intercepts_and_two_with_slopes():
    rng = np.random.default_rng(0)
    data = {"y": rng.poisson(3, 60), "x": np.tile([0.0, 1, 2], 20), "g": np.repeat(np.arange(6), 10)}
    plain = fit_at("y ~ x + (1 | g)", data, family="poisson", beta=[0.5, 0.3], sd_g=[0.7])
    effects = pp.average_effect(plain, "x", measure="ratio", values=[0, 1])
    for view in ("population_average", "subject_specific"):
        assert value(effects, view) == pytest.approx(np.exp(0.3))
    slopes = fit_at(
        "y ~ x + (x | g)", data, family="poisson", beta=[0.5, 0.3], sd_g=[0.7, 0.4], corr_g=[[1, 0.5], [0.5, 1]]
    )
    effects = pp.average_effect(slopes, "x", measure="ratio", values=[0, 1])
    assert value(effects, "subject_specific") == pytest.approx(np.exp(0.3))
    grown = 0.4**2 + 2 * 0.5 * 0.7 * 0.4
    assert value(effects, "population_average") == pytest.approx(np.exp(0.3 + grown / 2))


def test_other_rows_may_be_averaged_over(logistic):
    young = pd.DataFrame({"age": [-13.0, -10.0], "urban": ["N", "Y"]})
    found = pp.average_effect(logistic, "urban", data=young)
    p = [special.expit(-0.8 + 0.03 * np.array([-13, -10]) + add).mean() for add in (0.0, 0.9)]
    assert value(found, "subject_specific") == pytest.approx(p[1] - p[0])


def test_ordinal_effects_are_on_every_category_and_sum_to_nothing():
    data = {"y": [0, 1, 2, 1, 2, 0], "x": [0.0, 1, 2, 3, 4, 5], "g": [0, 0, 1, 1, 2, 2]}
    fit = fit_at("y ~ x + (1 | g)", data, family="cumulative", beta=[0.3], sd_g=[1.0], cutpoints=[-1.0, 1.0])
    found = pp.average_effect(fit, "x", values=[0, 5])
    assert found["population_average"].dims == ("chain", "draw", "contrast", "category")
    assert float(np.abs(found["population_average"].sum("category")).max()) == pytest.approx(0, abs=1e-12)


def test_contrasts_by_kind_of_column():
    rng = np.random.default_rng(0)
    columns = {"c": np.tile(list("uvw"), 10), "t": np.tile([0, 1], 15), "k": np.repeat([True, False], 15)}
    data = pd.DataFrame(columns | {"y": rng.normal(size=30), "x": rng.normal(size=30), "g": np.repeat(np.arange(6), 5)})
    fit = fit_at("y ~ c + t + k + x + (1 | g)", data, beta=[0.0, 1, 2, 3, 4, 5], sd_g=[1.0], sigma=1.0)
    expected = {
        "c": {"v against u": 1, "w against u": 2},
        "t": {"1 against 0": 3},
        "k": {"True against False": 4},
        "x": {"+1": 5},
    }
    for column, contrasts in expected.items():
        effects = pp.average_effect(fit, column)
        assert effects["contrast"].to_numpy().tolist() == list(contrasts)
        found = effects["population_average"].isel(chain=0, draw=0).to_numpy()
        assert found == pytest.approx(list(contrasts.values())), column
    assert value(pp.average_effect(fit, "c", values=["w", "v"]), "subject_specific") == pytest.approx(-1)


def test_slopes_and_kinds_of_contrast_are_the_models_whatever_the_rows():
    rng = np.random.default_rng(0)
    columns = {"x": rng.normal(size=30), "t": np.tile(["ctl", "trt"], 15), "g": np.repeat(np.arange(6), 5)}
    data = pd.DataFrame(columns | {"y": rng.normal(size=30)})
    fit = fit_at("y ~ x + t + (1 | g)", data, beta=[0.0, 0.7, 2.0], sd_g=[1.0], sigma=1.0)
    for x in ([1.0], [0.1] * 3, [0.1 + 0.2, 0.3], [5.0, 9.0]):
        rows = {"x": x, "t": ["trt"] * len(x)}
        assert value(pp.average_effect(fit, "x", measure="slope", data=rows), "population_average") == pytest.approx(
            0.7
        )
        found = pp.average_effect(fit, "x", data=rows)
        assert found["contrast"].to_numpy().tolist() == ["+1"]
    treated = pp.average_effect(fit, "t", data=data[data["t"] == "trt"])
    assert treated["contrast"].to_numpy().tolist() == ["trt against ctl"]
    assert value(treated, "population_average") == pytest.approx(2.0)


def test_numbers_that_are_categories():
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"y": rng.normal(size=30), "c": np.tile([1, 2, 3], 10), "g": np.repeat(np.arange(6), 5)})
    as_numbers = fit_at("y ~ C(c) + (1 | g)", data, beta=[0.0, 1.0, 3.0], sd_g=[1.0], sigma=1.0)
    declared = fit_at(
        "y ~ c + (1 | g)", data.assign(c=pd.Categorical(data["c"])), beta=[0.0, 1.0, 3.0], sd_g=[1.0], sigma=1.0
    )
    for fit in (as_numbers, declared):
        effects = pp.average_effect(fit, "c")
        assert effects["contrast"].to_numpy().tolist() == ["2 against 1", "3 against 1"]
        assert effects["population_average"].isel(chain=0, draw=0).to_numpy() == pytest.approx([1, 3])


def test_a_level_whose_mean_is_not_known_is_refused():
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"x": rng.normal(size=60), "g": np.repeat(list("abcdef"), 10), "y": rng.normal(size=60)})
    fit = fit_at("y ~ within(x, g) + between(x, g) + (1 | g)", data, beta=[0, 1.0, 5.0], sd_g=[1.0], sigma=1.0)
    # Changing x moves the deviation from a mean that is known: the within coefficient.
    assert value(pp.average_effect(fit, "x"), "population_average") == pytest.approx(1.0)
    assert value(
        pp.average_effect(fit, "x", data={"x": [0.0, 4.0], "g": ["a", "b"]}), "subject_specific"
    ) == pytest.approx(1)
    with pytest.raises(pp.DataError, match="has no learned mean for these levels"):
        pp.average_effect(fit, "x", data={"x": [0.0, 4.0], "g": ["new", "new"]})


COMPARED = {
    "x + between(x, g)": ([0, 2.0, 5.0], 2.0),
    "within(x, g) + between(x, g)": ([0, 2.0, 5.0], 2.0),
    "between(x, g)": ([0, 5.0], 0.0),
    "z + between(log(x), `my group`)": ([0, 1.0, 5.0], 0.0),
}


@pytest.mark.parametrize("terms", COMPARED)
def test_an_effect_that_leaves_the_means_of_levels_as_they_are_says_so(terms):
    rng = np.random.default_rng(0)
    g = np.repeat(list("abcdef"), 10)
    data = pd.DataFrame({"x": rng.gamma(3, size=60), "z": rng.normal(size=60), "g": g, "my group": g})
    beta, expected = COMPARED[terms]
    fit = fit_at(f"y ~ {terms} + (1 | g)", data.assign(y=rng.normal(size=60)), beta=beta, sd_g=[1.0], sigma=1.0)
    effect = pp.average_effect(fit, "x")
    assert value(effect, "population_average") == pytest.approx(expected)
    by = "my group" if "my group" in terms else "g"
    assert effect.attrs["held"] == f"means of x by {by} (effect within {by})"
    assert f"held: means of x by {by} (effect within {by})" in pp.plot_average_effect(effect).get_suptitle()
    plt.close("all")
    if "z" in terms:
        assert "held" not in pp.average_effect(fit, "z").attrs


def test_only_columns_that_terms_read_are_needed():
    data = pp.load_dataset("cbpp")
    fit = fit_at(
        "p(incidence, size) ~ period + (1 | herd)", data, family="binomial", beta=[-1.4, -1, -1.1, -1.6], sd_herd=[0.6]
    )
    found = pp.average_effect(fit, "period", data={"period": ["1", "2"]})
    assert value(found, "subject_specific") == pytest.approx(special.expit(-2.4) - special.expit(-1.4))


def test_a_saturated_probability_has_finite_odds():
    data = {"y": [0, 1, 1, 0, 1, 1], "x": [0.0, 1, 2, 0, 1, 30], "g": [0, 0, 1, 1, 2, 2]}
    fit = fit_at("y ~ x + (1 | g)", data, family="bernoulli", link="cloglog", beta=[0.0, 1.0], sd_g=[0.5])
    found = pp.average_effect(fit, "x", measure="odds_ratio", values=[0, 1])
    assert np.isfinite(value(found, "population_average"))


def test_wrong_arguments(logistic):
    with pytest.raises(pp.DataError, match="does not read this column"):
        pp.average_effect(logistic, "district")
    with pytest.raises(pp.SpecError, match="unknown measure"):
        pp.average_effect(logistic, "age", measure="risk")
    with pytest.raises(pp.DataError, match="a slope needs a numeric predictor"):
        pp.average_effect(logistic, "urban", measure="slope")
    with pytest.raises(pp.SpecError, match="each row's own value"):
        pp.average_effect(logistic, "age", measure="slope", values=[0, 1])
    for values in (["Y"], ["Y", "Y"]):
        with pytest.raises(pp.DataError, match="two or more different values"):
            pp.average_effect(logistic, "urban", values=values)
    with pytest.raises(pp.DataError, match="'age' is numeric"):
        pp.average_effect(logistic, "age", values=["young", "old"])
    with pytest.raises(pp.DataError, match="no category 'suburb'"):
        pp.average_effect(logistic, "urban", values=["N", "suburb"])
    normal = fit_at("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), beta=[1500.0], sd_Batch=[40.0], sigma=50.0)
    with pytest.raises(pp.DataError, match="does not read this column"):
        pp.average_effect(normal, "Batch")
    sleep = pp.load_dataset("sleepstudy")
    sleep = fit_at("Reaction ~ Days + (1 | Subject)", sleep, beta=[250.0, 10.0], sd_Subject=[20.0], sigma=25.0)
    for measure in ("odds_ratio", "ratio"):
        with pytest.raises(pp.SpecError, match="compares"):
            pp.average_effect(sleep, "Days", measure=measure)


def spline(rows=60, df=4):
    x = np.round(np.linspace(0, 9, rows), 1)
    data = pd.DataFrame({"x": x, "y": np.sin(x), "z": np.cos(3 * x), "g": np.arange(rows) % 6})
    beta = np.array([0.5, 1.0, -2.0, 3.0, 1.5, 0.7])
    fit = fit_at(f"y ~ bs(x, df={df}) + z + (1 | g)", data, beta=beta, sd_g=[1.0], sigma=1.0)
    # By SciPy: cubic, one inner knot at the median, the others at the ends of the rows; its values there say which one.
    knots = np.r_[[x.min()] * 4, np.median(x), [x.max()] * 4]
    basis = interpolate.BSpline.design_matrix(x, knots, 3).toarray()
    heights = np.linalg.lstsq(basis, fit.design.common.values[:, :4] @ beta[1:5], rcond=None)[0]
    return fit, data, interpolate.BSpline(knots, heights, 3)


def test_slopes_of_a_spline_stay_inside_its_range():
    fit, data, curve = spline()
    found = value(pp.average_effect(fit, "x", measure="slope"), "population_average")
    assert found == pytest.approx(float(curve.derivative()(data["x"].to_numpy()).mean()), rel=1e-3)


def test_one_unit_more_than_a_spline_knows_warns_once_with_the_remedy():
    fit, data, curve = spline()
    beyond = int((data["x"] + 1 > data["x"].max()).sum())
    with pytest.warns(pp.DataWarning) as caught:
        pp.average_effect(fit, "x")
    assert [str(one.message) for one in caught] == [
        f"one unit more of 'x' is beyond the range its spline was fitted to (0 to 9) in {beyond} of 60 rows, "
        "where the spline is arbitrary: name values inside with values=[...], or use measure='slope'"
    ]
    inside = pp.average_effect(fit, "x", values=[2.0, 3.0])
    assert value(inside, "subject_specific") == pytest.approx(float(curve(3.0) - curve(2.0)))
    pp.average_effect(fit, "z")  # another predictor's spline stays where it is
    with pytest.warns(
        pp.DataWarning, match=r"the spline of 'x' was fitted to values from 0 to 9, and is evaluated at 12"
    ):
        pp.average_effect(fit, "x", values=[2.0, 12.0])


def test_each_row_keeps_its_own_exposure_and_other_predictors():
    """Against a loop over the rows; the answer says what each row keeps."""
    table = {"y": [1, 2, 3, 4, 0, 2], "w": [1.0, 2, 3, 10, 5, 4], "x": [0.0, 1, 2, 0, 1, 2], "arm": list("abbaab")}
    formula = "y ~ x + arm + offset(log(w))"
    fit = fit_at(formula, table, family="poisson", beta=[0.3, 0.2, -0.5])
    effect = pp.average_effect(fit, "x")
    changes = [
        w * (np.exp(0.3 + 0.2 * (x + 1) - 0.5 * (arm == "b")) - np.exp(0.3 + 0.2 * x - 0.5 * (arm == "b")))
        for w, x, arm in zip(table["w"], table["x"], table["arm"], strict=True)
    ]
    assert effect["population_average"].item() == pytest.approx(np.mean(changes))
    assert effect.attrs["others"] == "each row keeps its own values of arm and its own offset log(w)"
    assert "each row keeps" in str(effect)
    alone = fit_at("y ~ x", table, family="poisson", beta=[0.3, 0.2])
    assert pp.average_effect(alone, "x").attrs["others"] == "none"


def test_the_answer_says_whether_both_forms_are_the_same_numbers():
    table = {"y": [1, 2, 3, 4, 0, 2], "x": [0.0, 1, 2, 0, 1, 2], "arm": list("ababab"), "g": list("uuvvww")}
    values = {"beta": [0.3, 0.2, 0.1], "sd_g": [0.5]}
    linear = fit_at("y ~ x + arm + (1 | g)", table, sigma=1.0, **values)
    counts = fit_at("y ~ x + arm + (1 | g)", table, family="poisson", **values)
    for by in (None, "arm"):
        assert pp.average_effect(linear, "x", by=by).attrs["agree"] == "yes"
        assert pp.average_effect(counts, "x", by=by).attrs["agree"] == "no"
