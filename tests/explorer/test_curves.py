"""The curves: equal to dense generalised least squares at every sd, and to the textbook's estimates at both ends."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.fixed import fit_at
from explorer import dense
from partialpool.design.kinship import match_levels
from partialpool.explorer.curves import Pull, chosen_effect, pooling_curves
from partialpool.spec.relationship import as_relationship

CASES = {
    "correlated slopes": ("sleepstudy", "Reaction ~ Days + (Days | Subject)", "Intercept", {
        "sd_Subject": [25.0, 6.0], "corr_Subject": [[1, 0.3], [0.3, 1]], "sigma": 25.0, "beta": [251.0, 10.0]}),
    "the slope": ("sleepstudy", "Reaction ~ Days + (Days | Subject)", "Days", {
        "sd_Subject": [25.0, 6.0], "corr_Subject": [[1, -0.6], [-0.6, 1]], "sigma": 25.0, "beta": [251.0, 10.0]}),
    "independent slopes": ("sleepstudy", "Reaction ~ Days + (Days || Subject)", "Intercept", {
        "sd_Subject": [25.0, 6.0], "sigma": 25.0, "beta": [251.0, 10.0]}),
    "an effect without a common one": ("sleepstudy", "Reaction ~ 1 + (Days | Subject)", "Days", {
        "sd_Subject": [25.0, 10.0], "corr_Subject": [[1, 0.1], [0.1, 1]], "sigma": 25.0, "beta": [251.0]}),
    "unbalanced": ("radon", "log_radon ~ 1 + (1 | county)", "Intercept", {
        "sd_county": [0.3], "sigma": 0.8, "beta": [1.3]}),
    "a predictor of the rows": ("radon", "log_radon ~ floor + (1 | county)", "Intercept", {
        "sd_county": [0.33], "sigma": 0.75, "beta": [1.46, -0.69]}),
    "a predictor of the levels": ("radon", "log_radon ~ floor + log_uranium + (1 | county)", "Intercept", {
        "sd_county": [0.15], "sigma": 0.75, "beta": [1.46, -0.67, 0.72]}),
    "slopes that few levels tell": ("radon", "log_radon ~ floor + (floor | county)", "floor", {
        "sd_county": [0.33, 0.3], "corr_county": [[1, -0.3], [-0.3, 1]], "sigma": 0.75, "beta": [1.46, -0.67]}),
    "known errors": ("eight_schools", "effect ~ 1 + (1 | school)", "Intercept", {
        "sd_school": [4.0], "se": "standard_error", "beta": [8.0]}),
    "nested": ("pastes", "strength ~ 1 + (1 | batch/cask)", "Intercept", {
        "sd_batch": [1.3], "sd_batch:cask": [2.9], "sigma": 0.8, "beta": [60.0]}),
    "crossed": ("penicillin", "diameter ~ 1 + (1 | plate) + (1 | sample)", "Intercept", {
        "sd_plate": [0.85], "sd_sample": [1.8], "sigma": 0.55, "beta": [23.0]}),
    "no fixed effect": ("dyestuff", "Yield ~ 0 + (1 | Batch)", "Intercept", {"sd_Batch": [1500.0], "sigma": 50.0}),
    "beside a curve": ("sleepstudy", "Reaction ~ s(Days, k=5) + (1 | Subject)", "Intercept", {
        "sd_Subject": [25.0], "sd_s(Days)": [20.0, 20.0, 20.0], "sigma": 25.0, "beta": [251.0, 10.0]}),
    "on the log scale": ("dyestuff", "Yield ~ 1 + (1 | Batch)", "Intercept", {
        "family": "lognormal", "sd_Batch": [0.03], "sigma": 0.03, "beta": [7.3]}),
    "residuals in series": ("sleepstudy", "Reaction ~ Days + (Days | Subject) + ar(Days, gr=Subject)", "Days", {
        "sd_Subject": [25.0, 6.0], "corr_Subject": [[1, 0.3], [0.3, 1]], "sigma": 25.0, "residual_corr": 0.5,
        "beta": [251.0, 10.0]}),
    "several sds": ("pastes", "strength ~ 1 + (1 | batch) + cosy(gr=sample), sigma ~ 0 + cask", "Intercept", {
        "sd_batch": [1.3], "sigma": [0.8, 1.5, 2.0], "residual_corr": 0.4, "beta": [60.0]}),
}  # fmt: skip


@pytest.fixture(scope="module", params=CASES, ids=lambda name: name.replace(" ", "-"))
def case(request):
    data, formula, effect, values = CASES[request.param]
    fit = fit_at(formula, pp.load_dataset(data), **values)
    return fit, *chosen_effect(fit.design, None, effect)


def median_of(fit, factor, effect):
    return np.sqrt(dense.covariance(fit.posterior, factor)[(factor.names.index(effect),) * 2])


def at_the_means(fit):
    """A fit of the same model to a table of predictors that are centred: what it has at zero is at the means."""
    design, posterior = fit.design, fit.posterior
    (factor,) = design.factors
    if not factor.correlated:
        return fit
    sigma = dense.covariance(posterior, factor)
    sd = np.sqrt(np.diagonal(sigma))
    beta = [dense.place_of(design, factor, name) @ posterior["beta"].to_numpy()[0, 0] for name in design.common.coefs]
    moved = {name: design.frame[name] - design.frame[name].mean() for name in factor.names[1:]}
    values = {
        f"sd_{factor.name}": sd,
        f"corr_{factor.name}": sigma / np.outer(sd, sd),
        "sigma": posterior["sigma"].item(),
    }
    table = design.frame.assign(**moved)
    return fit_at(fit.spec.to_formula(), table, beta=beta, **values)


def test_every_sd_is_dense_least_squares(case):
    fit, factor, effect = case
    sds = median_of(fit, factor, effect) * np.array([0.0, 0.01, 0.3, 1.0, 5.0, 100.0])
    curves = pooling_curves(fit, factor, effect, sds)
    for k, sd in enumerate(sds):
        values, common, weights = dense.estimates(fit, factor, effect, sd)
        scale = np.ptp(curves.values[-1])
        np.testing.assert_allclose(curves.values[k], values, rtol=0, atol=1e-7 * scale)
        assert curves.population[k] == pytest.approx(common, abs=1e-7 * scale)
        if curves.pull is Pull.WEIGHT:
            np.testing.assert_allclose(curves.shares[k], weights, atol=1e-8)


def test_the_right_end_is_the_limit(case):
    """What is reached at infinity is what large sds tend to: the distance falls with the square of the sd."""
    fit, factor, effect = case
    median = median_of(fit, factor, effect)
    curves = pooling_curves(fit, factor, effect, np.array([1e3 * median, 1e4 * median, np.inf]))
    told = np.isfinite(curves.values[-1])
    assert told.any()
    scale = np.ptp(curves.values[-1][told])
    far, near = (np.abs(curves.values[k] - curves.values[-1])[told].max() / scale for k in (0, 1))
    assert near < 1e-5
    assert near < far / 50 or far < 1e-9


@pytest.mark.parametrize("name", ["correlated slopes", "the slope", "unbalanced", "known errors", "on the log scale"])
def test_the_ends_are_those_of_shrinkage(name):
    data, formula, effect, values = CASES[name]
    fit = fit_at(formula, pp.load_dataset(data), **values)
    factor, effect = chosen_effect(fit.design, None, effect)
    curves = pooling_curves(fit, factor, effect, np.array([0.0, median_of(fit, factor, effect), np.inf]))
    pooling = pp.shrinkage(at_the_means(fit)).sel(effect=effect)
    complete = np.full(factor.n_levels, float(pooling["complete_pooling"]))
    np.testing.assert_allclose(curves.values[0], complete, rtol=1e-10)
    np.testing.assert_allclose(curves.values[-1], pooling["no_pooling"], rtol=1e-10)
    np.testing.assert_allclose(curves.own_errors, pooling["no_pooling_se"], rtol=1e-8)
    weights = pooling["weight"].sel(effect_bis=effect).to_numpy()[0, 0]
    assert curves.pull is (Pull.MATRIX if len(factor.names) > 1 else Pull.WEIGHT)
    if curves.pull is Pull.WEIGHT:
        np.testing.assert_allclose(curves.shares[1], weights, rtol=1e-8)
    else:
        assert np.isnan(curves.shares).all()
    np.testing.assert_array_equal(curves.rows, pooling["n"])


@pytest.mark.parametrize("name", ["a predictor of the rows", "slopes that few levels tell", "the slope"])
def test_without_pooling_every_level_has_columns_of_its_own(name):
    data, formula, effect, values = CASES[name]
    fit = fit_at(formula, pp.load_dataset(data), **values)
    factor, effect = chosen_effect(fit.design, None, effect)
    curves = pooling_curves(fit, factor, effect, np.array([np.inf]))
    told = np.isfinite(curves.values[0])
    np.testing.assert_allclose(curves.values[0][told], dense.without_pooling(fit, factor, effect)[told], rtol=1e-9)
    # Told are at least those that have a line of their own; an intercept may be told where the slope is not.
    assert told[np.isfinite(pp.shrinkage(fit)["no_pooling"].sel(effect=effect))].all()
    assert np.isnan(curves.own_errors[~told]).all()
    if name == "slopes that few levels tell":
        two_floors = np.array([len(set(factor.values[factor.codes == j, 1])) for j in range(factor.n_levels)]) == 2
        np.testing.assert_array_equal(told, two_floors)


@pytest.mark.parametrize("name", ["nested", "crossed", "known errors", "the slope", "a predictor of the levels"])
def test_own_errors_are_those_of_shrinkage(name):
    data, formula, effect, values = CASES[name]
    fit = fit_at(formula, pp.load_dataset(data), **values)
    for factor in fit.design.factors:
        found = pooling_curves(fit, factor, effect, np.array([1.0])).own_errors
        expected = pp.shrinkage(fit, factor.name)["no_pooling_se"].sel(effect=effect)
        np.testing.assert_allclose(found, expected, rtol=1e-8)


def two_factors(name, factor):
    """Curves of one of two factors at 0, at its sd, and at infinity."""
    data, formula, effect, values = CASES[name]
    fit = fit_at(formula, pp.load_dataset(data), **values)
    chosen, effect = chosen_effect(fit.design, factor, effect)
    curves = pooling_curves(fit, chosen, effect, np.array([0.0, median_of(fit, chosen, effect), np.inf]))
    assert curves.pull is Pull.SHARE
    return fit, curves


@pytest.mark.parametrize("factor", ["plate", "sample"])
def test_crossed_levels_keep_the_share_that_shrinkage_says(factor):
    fit, curves = two_factors("crossed", factor)
    weights = pp.shrinkage(fit, factor)["weight"].to_numpy().ravel()
    clear = np.isfinite(curves.shares[1])
    assert clear.sum() >= 4
    np.testing.assert_allclose(curves.shares[1][clear], weights[clear], rtol=1e-6)
    moved = (curves.values[1] - curves.population[1]) / (curves.values[2] - curves.population[1])
    np.testing.assert_allclose(curves.shares[1][clear], moved[clear], rtol=1e-9)
    # Without a share are the levels whose own estimate is at the mean, and no others.
    way = np.abs(curves.values[2] - curves.population[1])
    assert way[~clear].max(initial=0.0) < way[clear].min()


def test_a_batch_of_casks_keeps_less_than_its_rows_alone_would_give_it():
    """Its casks are no sure sign of it: sd^2 / (sd^2 + sd_cask^2 / 3 + sigma^2 / 6) of three casks of two rows."""
    fit, curves = two_factors("nested", "batch")
    share = 1.3**2 / (1.3**2 + 2.9**2 / 3 + 0.8**2 / 6)
    clear = np.isfinite(curves.shares[1])
    assert clear.sum() >= 8
    np.testing.assert_allclose(curves.shares[1][clear], share, rtol=1e-6)
    assert share < pp.shrinkage(fit, "batch")["weight"].to_numpy().min()
    np.testing.assert_array_equal(curves.shares[0][clear], 0.0)
    np.testing.assert_array_equal(curves.shares[2][clear], 1.0)


def test_what_lies_outside_has_no_share():
    """Casks are pulled to their batch, not to the mean of all."""
    _, curves = two_factors("nested", "batch:cask")
    low = np.minimum(curves.population[1], curves.values[2])
    high = np.maximum(curves.population[1], curves.values[2])
    outside = (curves.values[1] < low) | (curves.values[1] > high)
    assert outside.any()
    assert np.isnan(curves.shares[1][outside]).all()
    assert np.nanmin(curves.shares) >= 0
    assert np.nanmax(curves.shares) <= 1


@pytest.mark.parametrize(
    ("name", "given", "untold"),
    [
        ("unbalanced", (), ()),
        ("a predictor of the rows", ("floor",), ()),
        ("a predictor of the levels", ("floor", "log_uranium"), ("log_uranium",)),
        ("correlated slopes", (), ()),
        ("crossed", (), ()),
    ],
)
def test_what_is_estimated_from_all_rows_and_what_only_pooling_tells(name, given, untold):
    data, formula, effect, values = CASES[name]
    fit = fit_at(formula, pp.load_dataset(data), **values)
    curves = pooling_curves(fit, *chosen_effect(fit.design, None, effect), np.array([1.0]))
    assert (curves.given, curves.untold) == (given, untold)


def growth():
    rng = np.random.default_rng(8)
    boys = np.repeat([False] * 4 + [True] * 5, 5)
    data = pd.DataFrame({"child": np.repeat([f"c{k}" for k in range(9)], 5), "age": np.tile(np.arange(5.0), 9)})
    data["sex"] = np.where(boys, "boy", "girl")
    return data.assign(y=20 + (1 + 0.5 * boys) * data["age"] + rng.normal(0, 1, 45))


@pytest.mark.parametrize("effect", ["Intercept", "age"])
def test_levels_stand_at_their_own_values_of_what_changes_their_slope(effect):
    """Complete pooling is a line for each sex, no pooling each child's own, and neither waits for the other's limit."""
    data = growth()
    fit = fit_at("y ~ age * sex + (age | child)", data, sd_child=[1.0, 0.3], corr_child=np.eye(2), sigma=1.0,
                 beta=[20.0, 1.5, 0.0, -0.5])  # fmt: skip
    factor, effect = chosen_effect(fit.design, None, effect)
    at = factor.names.index(effect)
    curves = pooling_curves(fit, factor, effect, np.array([0.0, 1.0, np.inf]))
    data["age"] -= 2  # the mean
    of_sex = {sex: np.polyfit(rows["age"], rows["y"], 1)[::-1][at] for sex, rows in data.groupby("sex")}
    sexes = data.groupby("child")["sex"].first()
    np.testing.assert_allclose(curves.values[0], sexes.map(of_sex), rtol=1e-9)
    own = [np.polyfit(rows["age"], rows["y"], 1)[::-1][at] for _, rows in data.groupby("child")]
    np.testing.assert_allclose(curves.values[-1], own, rtol=1e-9)
    assert curves.differ
    assert curves.held == "sex (each level's own)"
    assert curves.origin == ("age=2 (mean)" if effect == "Intercept" else "")
    assert (curves.given, curves.untold) == ((), ())
    assert len(set(curves.population[1])) == 2


def test_one_varying_intercept_is_a_weighted_mean():
    data, formula, _, values = CASES["unbalanced"]
    fit = fit_at(formula, pp.load_dataset(data), **values)
    factor, effect = chosen_effect(fit.design, None, None)
    sd = 0.2
    curves = pooling_curves(fit, factor, effect, np.array([sd]))
    y, codes = fit.design.response.values, factor.codes
    n = np.bincount(codes)
    means = np.bincount(codes, y) / n
    w = n * sd**2 / (n * sd**2 + values["sigma"] ** 2)
    mean = (w * means).sum() / w.sum()
    np.testing.assert_allclose(curves.shares[0], w)
    np.testing.assert_allclose(curves.values[0], w * means + (1 - w) * mean)
    assert curves.population[0] == pytest.approx(mean)


def test_no_pooling_of_an_intercept_is_the_mean_of_each_level():
    fit = fit_at("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), sd_Batch=[40.0], sigma=50.0, beta=[1500.0])
    factor, effect = chosen_effect(fit.design, None, None)
    curves = pooling_curves(fit, factor, effect, np.array([0.0, np.inf]))
    means = pp.load_dataset("dyestuff").groupby("Batch")["Yield"].mean()
    np.testing.assert_allclose(curves.values[1], means.loc[list(curves.labels)], rtol=1e-12)
    np.testing.assert_allclose(curves.values[0], means.mean(), rtol=1e-12)


def test_at_the_median_it_is_near_the_posterior_mean(sleep):
    factor, effect = chosen_effect(sleep.design, None, None)
    moved = pp.recenter(sleep, Days=4.5)
    curves = pooling_curves(sleep, factor, effect, np.array([float(moved["sd"].sel(effect=effect).median())]))
    posterior = pp.level_effects(sleep, effect)["effect"] + 4.5 * pp.level_effects(sleep, "Days")["effect"]
    sds = posterior.std(("chain", "draw")).to_numpy()
    assert np.abs(curves.values[0] - posterior.mean(("chain", "draw")).to_numpy()).max() < 0.2 * sds.min()


def test_scale_and_origin_change_units_only():
    """Rows in other units, a predictor far from its zero."""
    data = pp.load_dataset("sleepstudy")
    corr = [[1, 0.3], [0.3, 1]]
    plain = fit_at("Reaction ~ Days + (Days | Subject)", data, sd_Subject=[25.0, 6.0], corr_Subject=corr, sigma=25.0,
                   beta=[251.0, 10.0])  # fmt: skip
    scaled = fit_at("Reaction ~ Days + (Days | Subject)", data.assign(Reaction=1e6 * data["Reaction"] + 3e9),
                    sd_Subject=[25e6, 6e6], corr_Subject=corr, sigma=25e6, beta=[3e9, 1e7])  # fmt: skip
    for effect, shift in (("Intercept", 3e9), ("Days", 0.0)):
        factor, _ = chosen_effect(plain.design, None, effect)
        sds = np.array([0.0, 10.0, np.inf])
        one = pooling_curves(plain, factor, effect, sds)
        other = pooling_curves(scaled, scaled.design.factors[0], effect, 1e6 * sds)
        np.testing.assert_allclose(other.values, 1e6 * one.values + shift, rtol=1e-8)


def test_what_is_chosen(sleep, schools):
    assert chosen_effect(sleep.design, None, None)[1] == "Intercept"
    assert chosen_effect(sleep.design, "Subject", "Days")[1] == "Days"
    slopes = fit_at("Reaction ~ Days + (0 + Days | Subject)", pp.load_dataset("sleepstudy"), sd_Subject=[6.0],
                    sigma=25.0, beta=[251.0, 10.0])  # fmt: skip
    assert chosen_effect(slopes.design, None, None)[1] == "Days"
    with pytest.raises(pp.DataError, match=r"does not vary over 'Subject'(?s:.*)'Day'(?s:.*)'Days' \(nearest\)"):
        chosen_effect(sleep.design, None, "Day")
    with pytest.raises(pp.DataError, match=r"no such grouping factor(?s:.*)'school'"):
        chosen_effect(schools.design, "pupil", None)


def test_related_levels_of_another_factor_count_and_of_this_one_are_refused():
    """Levels that covary, b ~ N(0, K (x) Sigma): those of the other factor are estimated along."""
    fit = fit_at("diameter ~ 1 + (1 | plate) + (1 | sample)", pp.load_dataset("penicillin"), sd_plate=[0.85],
                 sd_sample=[1.8], sigma=0.55, beta=[23.0])  # fmt: skip
    plate, sample = fit.design.factors
    among = 0.6 * np.ones((6, 6)) + 0.4 * np.eye(6)
    known = as_relationship(pd.DataFrame(among, index=sample.levels.labels, columns=sample.levels.labels))
    related = replace(sample, kinship=match_levels(known, "sample", sample.levels.labels))
    other = replace(fit, design=replace(fit.design, factors=(plate, related)))
    values = pooling_curves(other, plate, "Intercept", np.array([0.5])).values[0]
    # By the definition, with the covariance written out.
    x, zs = dense.design_matrices(fit.design)
    y = fit.design.response.values
    v = 0.5**2 * zs[0] @ zs[0].T + 1.8**2 * zs[1] @ among @ zs[1].T + 0.55**2 * np.eye(len(y))
    beta = np.linalg.solve(x.T @ np.linalg.solve(v, x), x.T @ np.linalg.solve(v, y))
    expected = beta + 0.5**2 * zs[0].T @ np.linalg.solve(v, y - x @ beta)
    np.testing.assert_allclose(values, expected, rtol=1e-9)
    with pytest.raises(pp.DataError, match="those of sample covary"):
        chosen_effect(other.design, "sample", None)


THROWS = {
    "pupil": list("ABCDEFGH"),
    "hits": [6, 5, 14, 11, 20, 4, 0, 9],
    "throws": [10, 10, 18, 15, 20, 20, 6, 16],
    "club": ["no", "no", "yes", "yes", "yes", "no", "no", "yes"],
}


@pytest.mark.parametrize("formula", ["p(hits, throws) ~ 1 + (1 | pupil)", "p(hits, throws) ~ club + (1 | pupil)"])
def test_levels_without_a_finite_estimate_do_not_move_the_others_at_infinity(formula):
    """E hit always and G never: the mean of all pupils has no limit, but every other pupil has an own estimate."""
    beta = [0.2, 0.8] if "club" in formula else [0.4]
    fit = fit_at(formula, THROWS, family="binomial", beta=beta, sd_pupil=[1.0])
    factor, effect = chosen_effect(fit.design, None, None)
    curves = pooling_curves(fit, factor, effect, np.array([0.0, 0.5, 1.0, 3.0, 10.0, np.inf]))
    np.testing.assert_array_equal(curves.infinite, [k in "EG" for k in THROWS["pupil"]])
    np.testing.assert_allclose(curves.population[-1], curves.population[-2])
    assert np.abs(curves.population).max() < 5
    hits, throws = np.array(THROWS["hits"]), np.array(THROWS["throws"])
    with np.errstate(divide="ignore"):
        own = np.log(hits / (throws - hits))
    known = ~curves.infinite
    # Values are at the average club: differences within a club do not depend on its coefficient.
    for club in set(THROWS["club"]) if "club" in formula else [None]:
        among = known & (np.array([c == club for c in THROWS["club"]]) if club else True)
        found, expected = curves.values[-1][among], own[among]
        np.testing.assert_allclose(found - found.mean(), expected - expected.mean(), atol=1e-6)
    if "club" not in formula:
        np.testing.assert_allclose(curves.values[-1][known], own[known], atol=1e-6)
    assert np.abs(curves.values[-1][known]).max() < 5
