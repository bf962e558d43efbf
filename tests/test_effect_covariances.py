"""Covariances of group effects with a structure: cs, ar1, equal sds, by."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import partialpool as pp
from checks.refusals import check_refused
from checks.residuals import reference_table
from partialpool.design.build import build_design
from partialpool.lent_record import lend
from partialpool.likelihood.covariance_factor import relative_coordinates
from partialpool.likelihood.maximise import _Problem
from partialpool.likelihood.maximum import QUADRATURE
from partialpool.likelihood.starting_points import starting_points
from partialpool.marginal.gaussian.marginal import build_marginal
from partialpool.marginal.gaussian.partial_correlation import AUTOREGRESSIVE, COMPOUND, partial_correlation
from partialpool.marginal.gaussian.unpacked import unpack_many
from partialpool.model.default_priors import resolve_priors
from partialpool.model.effect_correlation import structured_correlation
from partialpool.model.partial_correlations import cholesky_of_partials
from partialpool.model.prior import draw_prior, log_prior_density
from partialpool.pymc_model.build import build_pymc_model
from partialpool.sampling.mixing import mcse_mean

REFERENCE = json.loads((Path(__file__).parent / "reference" / "effect_covariances.json").read_text())
SETTINGS = {"seed": 1, "draws": 250, "progressbar": False}
FORMULAS = (
    "y ~ x + cs(0 + visit | g)",
    "y ~ x + cs(0 + visit | g, hom=True)",
    "y ~ ar1(0 + visit | g)",
    "y ~ ar1(0 + visit | g, hom=False) + (1 | h)",
    "y ~ diag(0 + visit | g, hom=True) + (1 | h)",
    "y ~ (1 + x | gr(g, by=arm))",
    "y ~ cs(0 + visit | gr(g, by=arm))",
    "y ~ x + cs(1 + x + I(x**2) | g)",
)


def panel(people=24, visits=4, seed=5):
    """Two rows for each person and visit, people in two arms and in six groups of another factor."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), 2 * visits)
    visit = np.tile(np.repeat(np.arange(visits), 2), people)
    effects = rng.normal(0, 1, (people, visits)) @ np.linalg.cholesky(0.4 + 0.6 * np.eye(visits)).T
    table = {
        "y": 3 + effects[person, visit] + rng.normal(0, 0.7, len(person)),
        "x": rng.normal(2, 1, len(person)),
        "g": [f"p{k}" for k in person],
        "h": [f"h{k}" for k in rng.integers(0, 6, len(person))],
        "visit": [f"v{k}" for k in visit],
        "arm": np.where(person % 2, "new", "old"),
    }
    return pd.DataFrame(table)


def sleep():
    """The reference's table: days as a category, and in thirds."""
    table = pp.load_dataset("sleepstudy")
    thirds = np.array(["early", "middle", "late"])[np.minimum(table["Days"] // 3, 2)]
    return table.assign(third=thirds, day=pd.Categorical(table["Days"].astype(int).astype(str)))


@pytest.mark.parametrize("formula", FORMULAS)
def test_every_notation_is_the_same_specification(formula):
    spec = pp.ModelSpec.from_formula(formula)
    assert pp.ModelSpec.from_formula(spec.to_formula()) == spec
    assert pp.ModelSpec.from_toml_text(spec.to_toml()) == spec
    assert pp.ModelSpec(spec.response, spec.common, spec.groups, intercept=spec.intercept) == spec


def test_keywords_and_names_of_glmmtmb():
    group = pp.Group("g", slopes=["visit"], intercept=False, covariance="cs", hom=True, by="arm")
    assert str(group) == "cs(0 + visit | gr(g, by=arm), hom=True)"
    assert pp.ModelSpec.from_formula(f"y ~ {group}").groups == (group,)
    assert pp.ModelSpec.from_formula("y ~ homcs(0 + visit | g)").groups[0].hom
    assert pp.ModelSpec.from_formula("y ~ diag(x | g)") == pp.ModelSpec.from_formula("y ~ (x || g)")
    assert pp.ModelSpec.from_formula("y ~ us(x | g)") == pp.ModelSpec.from_formula("y ~ (x | g)")


@pytest.mark.parametrize(
    ("kind", "code", "rhos"), [("cs", COMPOUND, (-0.19, 0.0, 0.6)), ("ar1", AUTOREGRESSIVE, (-0.9, 0.0, 0.7))]
)
def test_partial_correlations_give_the_structured_matrix(kind, code, rhos):
    pairs = [(i, j) for i in range(1, 6) for j in range(i)]
    found = partial_correlation.py_func if hasattr(partial_correlation, "py_func") else partial_correlation
    for rho in rhos:
        z = np.array([found(code, i, j, rho)[0] for i, j in pairs])
        half = cholesky_of_partials(z[None], 6)[0]
        np.testing.assert_allclose(half @ half.T, structured_correlation(kind, np.array([rho]), 6)[0], atol=1e-12)
        for i, j in pairs:
            value, rest, slope = found(code, i, j, rho)
            step = 1e-6
            ends = [np.arctanh(found(code, i, j, rho + sign * step)[0]) for sign in (1, -1)]
            assert rest == pytest.approx(np.sqrt(1 - value**2), rel=1e-10)
            assert slope == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_gradient_is_that_of_differences(formula):
    design = build_design(pp.ModelSpec.from_formula(formula), panel(people=8))
    marginal = build_marginal(design, resolve_priors(design))
    for theta in np.random.default_rng(2).normal(0, 0.3, (3, marginal.size)):
        value, gradient = marginal.gradient(theta)
        assert value == pytest.approx(marginal.log_density(theta), rel=1e-12)
        steps = 1e-5 * np.eye(marginal.size)
        slopes = [(marginal.log_density(theta + s) - marginal.log_density(theta - s)) / 2e-5 for s in steps]
        np.testing.assert_allclose(gradient, slopes, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("formula", REFERENCE)
@pytest.mark.parametrize("method", ["ml", "reml"])
def test_log_likelihoods_are_those_of_glmmtmb_and_lme4(formula, method):
    table = reference_table("bodyweight") if formula.startswith("weight") else sleep()
    found = pp.maximum_likelihood(formula, table, reml=method == "reml")
    assert found.log_likelihood == pytest.approx(REFERENCE[formula][method], abs=1e-5)


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_likelihood_at_the_maximum_is_that_of_the_dense_normal(formula):
    table = panel()
    fit = pp.maximum_likelihood(formula, table)
    design, at = fit.design, fit.maximum
    covariance = np.eye(design.n_rows) * at.sigma**2
    for factor, sd, corr in zip(design.factors, at.sd, at.corr, strict=True):
        same = factor.codes[:, None] == factor.codes
        covariance += same * (factor.values @ (sd[:, None] * corr * sd) @ factor.values.T)
    mean = np.column_stack([np.ones(design.n_rows), design.common.values]) @ at.beta
    expected = stats.multivariate_normal(mean, covariance).logpdf(design.response.values)
    assert fit.log_likelihood == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "formula", [*FORMULAS, "y ~ cs(1 + x | gr(g, by=arm))", "y ~ cs(1 + x + I(x**2) | gr(g, by=arm))"]
)
def test_theta_gives_the_structured_matrix_of_every_block(formula):
    design = build_design(pp.ModelSpec.from_formula(formula), panel())
    marginal = build_marginal(design, resolve_priors(design))
    place, factor = marginal.arrangement.order.index(0), design.factors[0]
    for theta in np.random.default_rng(4).normal(0, 1, (5, marginal.size)):
        half = unpack_many(lend(marginal.layout), theta[None]).corr[0, place][: len(factor.names), : len(factor.names)]
        corr = half @ half.T
        np.testing.assert_allclose(np.diagonal(corr), 1)
        for block in factor.blocks if factor.structure.has_one_correlation else ():
            expected = structured_correlation(factor.structure.kind, np.array([corr[block[0], block[1]]]), len(block))[
                0
            ]
            np.testing.assert_allclose(corr[np.ix_(block, block)], expected, atol=1e-12)
            outside = np.delete(np.arange(len(corr)), block)
            assert not corr[np.ix_(block, outside)].any()


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_pymc_model_has_the_structure(formula):
    design = build_design(pp.ModelSpec.from_formula(formula), panel())
    model = build_pymc_model(design, resolve_priors(design))
    rng = np.random.default_rng(3)
    point = {key: value + rng.normal(0, 0.2, np.shape(value)) for key, value in model.initial_point().items()}
    factor = design.factors[0]
    names = [
        "sd_g",
        *(["corr_g"] if factor.correlated else []),
        "beta",
        "sigma",
        *(f"b_{f.name}" for f in design.factors),
    ]
    compiled = model.compile_fn(model.replace_rvs_by_values([model[name] for name in names]), on_unused_input="ignore")
    values = dict(zip(names, compiled(point), strict=True))
    np.testing.assert_array_equal(values["sd_g"], values["sd_g"][list(factor.structure.sd_of)])
    assert len(np.unique(values["sd_g"])) == len(factor.structure.own_sds)
    for block in factor.blocks if factor.structure.has_one_correlation else ():
        rho = np.array([values["corr_g"][block[0], block[1]]])
        own = structured_correlation(factor.structure.kind, rho, len(block))[0]
        np.testing.assert_allclose(values["corr_g"][np.ix_(block, block)], own, atol=1e-12)


@pytest.mark.parametrize(
    "formula",
    [
        pytest.param("y ~ x + cs(0 + visit | g)", marks=pytest.mark.slow),
        pytest.param("y ~ ar1(0 + visit | g)", marks=pytest.mark.thorough),
        pytest.param("y ~ (1 + x | gr(g, by=arm))", marks=pytest.mark.slow),
    ],
)
def test_posteriors_agree_with_pymc(formula):
    table = panel()
    ours = pp.fit(formula, table, seed=1, progressbar=False)
    theirs = pp.fit(formula, table, engine="pymc", seed=2, draws=500, progressbar=False)
    for name in ("beta", "sd_g", "corr_g", "sigma"):
        one, other = (fit.posterior[name].transpose("chain", "draw", ...).to_numpy() for fit in (ours, theirs))
        one, other = (values.reshape(*values.shape[:2], -1) for values in (one, other))
        for k in range(one.shape[2]):
            if one[..., k].std() < 1e-12:
                continue
            error = np.hypot(mcse_mean(one[..., k]), mcse_mean(other[..., k]))
            assert abs(one[..., k].mean() - other[..., k].mean()) < 5 * error, (name, k)


def test_prior_draws_have_the_structure_and_its_density():
    for formula in FORMULAS[:5]:
        design = build_design(pp.ModelSpec.from_formula(formula), panel())
        priors = resolve_priors(design)
        draws = draw_prior(design, priors, 50, seed=1)
        factor = design.factors[0]
        assert all(np.isfinite(values).all() for values in log_prior_density(design, priors, draws).values())
        if factor.structure.has_one_correlation:
            corr = draws["corr_g"]
            np.testing.assert_allclose(
                corr, structured_correlation(factor.structure.kind, corr[:, 0, 1], 4), atol=1e-12
            )


def test_by_is_a_fit_of_each_category_if_nothing_is_shared():
    """With all coefficients of their own, and known residual sd, categories are separate models."""
    table = panel().assign(s=0.7)
    both = pp.maximum_likelihood("y | se(s) ~ 0 + arm + arm:x + (1 + x | gr(g, by=arm))", table)
    apart = [
        pp.maximum_likelihood("y | se(s) ~ 1 + x + (1 + x | g)", table[table["arm"] == arm]) for arm in ("new", "old")
    ]
    assert both.log_likelihood == pytest.approx(sum(fit.log_likelihood for fit in apart), abs=1e-6)
    assert both.n_parameters == sum(fit.n_parameters for fit in apart)


@pytest.fixture(scope="module")
def by_arm():
    return pp.fit("y ~ x + (1 + x | gr(g, by=arm))", panel(), **SETTINGS)


def test_a_level_is_shown_with_the_effects_of_its_own_category(by_arm):
    answer, b = pp.group_effects(by_arm), by_arm.posterior["b_g"]
    assert answer["effect"].to_numpy().tolist() == ["Intercept", "x"]
    for level, arm in panel().drop_duplicates("g").set_index("g")["arm"].items():
        assert answer["arm"].sel(level=level).item() == arm
        for effect, name in (("Intercept", f"arm[{arm}]"), ("x", f"arm[{arm}]:x")):
            shown = answer["effects"].sel(level=level, effect=effect).to_numpy()
            np.testing.assert_array_equal(shown, b.sel(g=level, g_effect=name).to_numpy())
    frame = pp.to_frame(answer)
    assert len(frame) == 48
    assert set(frame["arm"]) == {"new", "old"}
    assert set(b["g_effect"].to_numpy()) == {"arm[new]", "arm[old]", "arm[new]:x", "arm[old]:x"}


def test_a_coefficient_of_a_level_is_that_of_its_own_category(by_arm):
    own = pp.level_effects(by_arm, "x")["effect"]
    assert own.sizes["level"] == 24
    for arm in ("new", "old"):
        some = pp.level_effects(by_arm, f"arm[{arm}]:x")["effect"]
        assert some["level"].to_numpy().tolist() == sorted(set(panel().query("arm == @arm")["g"]))
        np.testing.assert_array_equal(some, own.sel(level=some["level"]))
        slopes = by_arm.posterior["beta"].sel(coef="x") + by_arm.posterior["b_g"].sel(g_effect=f"arm[{arm}]:x")
        np.testing.assert_allclose(some, slopes.sel(g=some["level"].to_numpy()), rtol=1e-12)
    ranks = pp.level_ranks(by_arm, "x")
    assert ranks["best"].sum().item() == pytest.approx(1)
    assert ranks.sizes["level"] == 24


def test_an_unknown_coefficient_of_a_category_is_refused(by_arm):
    check_refused(pp.DataError, lambda: pp.level_effects(by_arm, "z"), "name one coefficient that varies", "x over g")


def test_shrinkage_is_that_of_each_category(by_arm):
    """The weights and own estimates of a category's levels, from their definition."""
    answer, factor = pp.shrinkage(by_arm), by_arm.design.factors[0]
    assert answer["effect"].to_numpy().tolist() == ["Intercept", "x"]
    assert answer["covariance"].dims == ("chain", "draw", "category", "effect", "effect_bis")
    table, draws = panel(), by_arm.stacked()
    for place, level in enumerate(factor.levels.labels):
        rows = np.flatnonzero(factor.codes == place)
        z = np.column_stack([np.ones(len(rows)), table["x"].to_numpy()[rows]])
        own = np.linalg.lstsq(z, table["y"].to_numpy()[rows])[0]
        np.testing.assert_allclose(answer["no_pooling"].sel(level=level), own, rtol=1e-8)
        which = [
            k for k, name in enumerate(factor.names) if name.startswith(f"arm[{answer['arm'].sel(level=level).item()}]")
        ]
        for draw in (0, 700):
            sd, corr = draws["sd_g"][draw][which], draws["corr_g"][draw][np.ix_(which, which)]
            sigma = sd[:, None] * corr * sd
            v = z @ sigma @ z.T + draws["sigma"][draw] ** 2 * np.eye(len(rows))
            weight = answer["weight"].sel(level=level).stack(sample=("chain", "draw")).isel(sample=draw)
            np.testing.assert_allclose(weight, sigma @ z.T @ np.linalg.solve(v, z), rtol=1e-6, atol=1e-9)
    assert len(pp.plot_shrinkage(answer).axes[0].lines) >= 3
    lines = pp.level_lines(by_arm, "x", points=2)
    expected = answer["no_pooling"].sel(effect="Intercept") + lines["grid"] * answer["no_pooling"].sel(effect="x")
    np.testing.assert_allclose(lines["no_pooling"], expected.transpose("level", "grid"), rtol=1e-8)
    check_refused(pp.DataError, lambda: pp.explore(by_arm, "page.html"), "sds for each arm", "rows of one arm")


def test_plots_show_each_levels_own_effects(by_arm):
    figure = pp.plot_group_effects(by_arm)
    assert [panel.get_title("left") for panel in figure.axes] == ["Intercept", "x"]
    figure = pp.plot_level_effects(pp.level_effects(by_arm, "x"))
    assert len(figure.axes[0].get_yticklabels()) >= 24


@pytest.mark.parametrize("method", ["ml", "reml"])
def test_one_mean_for_categories_far_apart_has_several_maxima_of_which_the_highest_is_found(method):
    """The rats' diets have means of 251 and 450 to 500 g, and one fixed effect: a maximum for each that it follows.

    Each is reached from a start whose category has small sds, and the others large ones.
    """
    table, reml = reference_table("bodyweight"), method == "reml"
    found = pp.maximum_likelihood("weight ~ time + (time | gr(rat, by=diet))", table, reml=reml)
    design = found.design
    coordinates = relative_coordinates(_Problem(design, reml=reml).kept)
    assert len(starting_points(design, coordinates, (1.0, 0.1))) == 5
    assert found.log_likelihood == pytest.approx({"ml": -583.8824, "reml": -584.2595}[method], abs=1e-3)
    assert found.coefficients["estimate"]["Intercept"] == pytest.approx(252, abs=3)


def test_a_mean_for_each_category_needs_no_more_starts():
    table = reference_table("bodyweight")
    for formula in ("weight ~ time + diet + (time | gr(rat, by=diet))", "weight ~ time + (time | rat)"):
        design = build_design(pp.ModelSpec.from_formula(formula), table)
        coordinates = relative_coordinates(_Problem(design, reml=False).kept)
        assert len(starting_points(design, coordinates, (1.0, 0.1))) == 2


def test_maximum_likelihood_of_one_correlation_in_each_category():
    """With two effects compound symmetry is no restriction."""
    table = panel()
    for by in ("arm", None):
        group = "gr(g, by=arm)" if by else "g"
        free = pp.maximum_likelihood(f"y ~ x + (1 + x | {group})", table)
        one = pp.maximum_likelihood(f"y ~ x + cs(1 + x | {group})", table)
        assert one.log_likelihood == pytest.approx(free.log_likelihood, abs=1e-5)


@pytest.mark.parametrize(
    ("structured", "same"),
    [
        ("diag(0 + visit | g, hom=True)", "(1 | g:visit)"),
        ("cs(0 + visit | g, hom=True)", "(1 | g) + (1 | g:visit)"),
        ("cs(1 + x | g)", "(1 + x | g)"),
    ],
)
def test_the_likelihood_of_counts_is_that_of_the_same_model_without_a_structure(structured, same):
    """Equal variances and one positive covariance are two varying intercepts; of two effects, cs is no restriction."""
    table = panel(people=30)
    table["n"] = np.random.default_rng(1).poisson(np.exp(0.3 * table["y"]))
    one, other = (
        pp.maximum_likelihood(f"n ~ x + {group}", table, family="poisson", laplace=True) for group in (structured, same)
    )
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-6)
    assert one.n_parameters == other.n_parameters
    np.testing.assert_allclose(one.coefficients, other.coefficients, rtol=1e-3)


def test_quadrature_of_counts_takes_structures_too():
    table = panel(people=30)
    table["n"] = np.random.default_rng(1).poisson(np.exp(0.3 * table["y"]))
    one, other = (
        pp.maximum_likelihood(f"n ~ x + {group}", table, family="poisson") for group in ("cs(1 + x | g)", "(1 + x | g)")
    )
    assert one.maximum.method == other.maximum.method == QUADRATURE
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-6)


def test_a_summary_shows_each_parameter_once():
    fit = pp.fit("y ~ x + ar1(0 + visit | g)", panel(), **SETTINGS)
    text = str(fit).split("Fixed effects", maxsplit=1)[0]
    assert text.count("corr(neighbouring effects)") == text.count("corr(") == 1
    assert text.count("each effect") == 1
    assert "visit[v" not in text  # which category is the first does not matter
    labels = pp.table(fit).frame["label"].tolist()
    assert {"g, sd of each effect", "g, correlation of neighbouring effects"} <= set(labels)
    assert "sd of each effect over g: HalfStudentT" in pp.methods(fit)
    equal = pp.fit("y ~ x + cs(0 + visit | g)", panel(), **SETTINGS)
    assert "corr(any two effects)" in str(equal)
    assert pp.maximum_likelihood("y ~ x + ar1(0 + visit | g)", panel()).n_parameters == 2 + 2 + 1


@pytest.mark.parametrize(
    "formula", ["y ~ ar1(0 + visit | g)", "y ~ diag(0 + visit | g, hom=True)", "y ~ (1 + x | gr(g, by=arm))"]
)
def test_units_and_the_order_of_rows_change_nothing(formula):
    table = panel()
    changed = table.assign(y=100 * table["y"], x=table["x"] / 1000).sample(frac=1, random_state=1)
    one, other = (
        build_marginal(d, resolve_priors(d))
        for d in (build_design(pp.ModelSpec.from_formula(formula), t) for t in (table, changed))
    )
    theta = np.linspace(-0.4, 0.4, one.size)
    assert one.elements == other.elements
    jacobian = len(table) * np.log(100)
    assert one.log_density(theta) == pytest.approx(other.log_density(theta) + jacobian, rel=1e-9)


def test_a_uniform_prior_of_the_correlation_is_understood():
    fit = pp.fit("y ~ cs(0 + visit | g)", panel(), priors={"corr_g": pp.Prior("Uniform", lower=0, upper=1)}, **SETTINGS)
    assert fit.posterior["corr_g"].min() >= 0


WRONG = {
    "two bars": ("y ~ cs(0 + visit || g)", "cannot read cs"),
    "unknown option": ("y ~ ar1(0 + visit | g, order=2)", "hom=True"),
    "unknown option of gr": ("y ~ (1 | gr(g, cov=A))", "gr(factor, by=column)"),
    "one effect": ("y ~ cs(1 | g)", "several effects"),
    "an intercept in ar1": ("y ~ ar1(visit | g)", "without an intercept"),
    "ar1 of a number": ("y ~ ar1(0 + x + I(x**2) | g)", "ordered categories"),
    "equal sds of unlike effects": ("y ~ cs(1 + x + I(x**2) | g, hom=True)", "one sd"),
    "by varies within levels": ("y ~ (1 | gr(h, by=arm))", "varies within levels"),
    "by of a number": ("y ~ (1 | gr(g, by=x))", "must be categories"),
    "two terms of one factor": ("y ~ cs(0 + visit | g) + (0 + x | g)", "several terms"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_uses_are_refused_with_what_to_do(case):
    formula, mention = WRONG[case]
    check_refused(pp.PartialPoolError, lambda: pp.fit(formula, panel(), **SETTINGS), mention)


def test_wrong_keywords_are_refused():
    check_refused(pp.SpecError, lambda: pp.Group("g", covariance="toep"), "unknown covariance")
    check_refused(pp.SpecError, lambda: pp.Group("g", slopes=["x"], covariance="cs", correlated=False), "correlated")
    check_refused(pp.SpecError, lambda: pp.Group("g", slopes=["x"], hom=True), "equal sds")
    check_refused(pp.SpecError, lambda: pp.Group("g", by=3), "name of a column")
    check_refused(pp.SpecError, lambda: pp.Group("g", slopes=["x"], covariance="cs", hom="yes"), "hom of a Group")
    wrong = {"corr_g": pp.Prior("LKJ", eta=2)}
    check_refused(pp.PriorError, lambda: pp.fit("y ~ cs(0 + visit | g)", panel(), priors=wrong, **SETTINGS), "Uniform")
    wide = {"corr_g": pp.Prior("Uniform", lower=-0.9, upper=1)}
    check_refused(pp.PriorError, lambda: pp.fit("y ~ cs(0 + visit | g)", panel(), priors=wide, **SETTINGS), "definite")
    joint = {"icc": pp.Prior("Beta", alpha=1, beta=1)}
    call = lambda: pp.fit("y ~ ar1(0 + visit | g)", panel(), priors=joint, **SETTINGS)  # noqa: E731
    check_refused(pp.PriorError, call, "share one sd")
