"""Singularity of effects on parameters of the family: thresholds, pairs across predictors, and simpler models."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import partialpool as pp
from checks.fixed import fit_at
from partialpool.design.build import build_design
from partialpool.design.simplify import without_effects, without_smooth
from partialpool.fitting.varying_terms import pairs_of, terms_of
from partialpool.questions.near_zero import mass_near_zero
from partialpool.questions.singularity import UNDECIDED

DRAWS, LEVELS = 40, 8
RNG = np.random.default_rng(5)
CODES = np.repeat(np.arange(LEVELS), [3, 4, 5, 6, 7, 8, 9, 10])
TABLE = pd.DataFrame(
    {
        "x": RNG.normal(1, 2, len(CODES)),
        "g": [f"g{k}" for k in CODES],
        "y": RNG.normal(0, 1, LEVELS)[CODES] + RNG.normal(size=len(CODES)),
        "n": RNG.poisson(2, len(CODES)),
    }
)


def made_up(formula, **given):
    """A fit whose draws are made up: coefficients at 0, effects of size 0.1."""
    design = build_design(pp.ModelSpec.from_formula(formula, family=given.pop("family", "gaussian")), TABLE)
    values = dict(given)
    for name, one in {"": design, **design.parameters}.items():
        of = f"{name}_" if name else ""
        values.setdefault(f"beta{of and '_'}{name}", np.zeros((DRAWS, len(one.common.coefs))))
        for factor in one.factors:
            q = len(factor.names)
            values.setdefault(f"sd_{of}{factor.name}", RNG.uniform(0.01, 0.5, (DRAWS, q)))
            values.setdefault(f"b_{of}{factor.name}", RNG.normal(0, 0.1, (DRAWS, factor.n_levels, q)))
    return fit_at(formula, TABLE, family=design.spec.family, draws=DRAWS, **values)


def test_contributions_and_thresholds_of_effects_on_log_sigma():
    """A row has information 2 about the log of its sigma."""
    fit = made_up("y ~ x + (1 | g), sigma ~ x + (x || g)")
    terms = terms_of(fit)
    assert [term.label for term in terms] == ["g: Intercept", "g: sigma: Intercept", "g: sigma: x"]
    assert [term.keeps for term in terms] == [True, False, False]
    found, sd = mass_near_zero(fit, terms), fit.stacked()["sd_sigma_g"]
    sizes = np.array([1.0, np.sqrt((TABLE["x"] ** 2).mean())])
    np.testing.assert_allclose(found.contribution[0, :, 1:], sd * sizes, rtol=1e-12)
    n = np.bincount(CODES)
    np.testing.assert_allclose(found.small[1:], np.sqrt(0.1 / (2 * (n**2).sum() / n.sum())), rtol=1e-10)
    np.testing.assert_allclose(found.near[1:], (sd * sizes < found.small[1]).mean(axis=0))
    scale = fit.priors["sd_sigma_g[Intercept]"].arguments["sigma"]
    expected = 2 * stats.t(3, scale=scale).cdf(found.small[1]) - 1
    assert found.near_prior[1] == pytest.approx(expected)


def test_information_of_a_shape_is_that_of_its_rows():
    """Counts: the mean over simulated responses of the kernel's information is the variance of the score."""
    from partialpool.fitting.pooling_ends import density_of

    fit = made_up("n ~ 1 + (1 | g), alpha ~ (1 | g)", family="negative_binomial")
    density, eta = density_of(fit), np.full(len(TABLE), 0.3)
    assert (density.information_of("alpha", eta) > 0).all()
    assert density.predictors["alpha"].shape == (len(TABLE),)


def test_an_intercept_of_a_probability_of_zeros_is_kept():
    fit = made_up(
        "n ~ 1 + (1 | g), zi ~ (x | g)", family="zero_inflated_poisson", corr_zi_g=np.tile(np.eye(2), (DRAWS, 1, 1))
    )
    assert {term.label: term.keeps for term in terms_of(fit)} == {
        "g: Intercept": True,
        "g: zi: Intercept": True,
        "g: zi: x": False,
    }
    (pair,) = pairs_of(fit)
    assert (pair.label, pair.key) == ("g: zi: Intercept, zi: x", ("zi", "g", 0, 1))
    assert pair.extreme_prior == pytest.approx(2 * stats.beta(2, 2).cdf(0.025))


def test_correlations_across_predictors_are_at_the_predictors_means():
    corr = np.array([[1, 0.3, -0.6], [0.3, 1, 0.2], [-0.6, 0.2, 1]])
    formula = "y ~ x + (x |p| g), sigma ~ x + (1 |p| g)"
    fit = made_up(formula, corr_across_g=np.tile(corr, (DRAWS, 1, 1)), corr_g=np.tile(corr[:2, :2], (DRAWS, 1, 1)))
    pairs = {pair.label: pair for pair in pairs_of(fit)}
    assert set(pairs) == {"g: Intercept, x", "g: Intercept, sigma: Intercept", "g: x, sigma: Intercept"}
    values, mean = fit.stacked(), TABLE["x"].mean()
    sd = np.concatenate([values["sd_g"], values["sd_sigma_g"]], axis=1)
    turn = np.array([[1, mean, 0], [0, 1, 0], [0, 0, 1]])
    for draw in range(3):
        moved = turn @ (corr * np.outer(sd[draw], sd[draw])) @ turn.T
        expected = moved[0, 2] / np.sqrt(moved[0, 0] * moved[2, 2])
        assert pairs["g: Intercept, sigma: Intercept"].correlation[0, draw] == pytest.approx(expected)
    for pair in pairs.values():  # LKJ(2) of three effects
        assert pair.extreme_prior == pytest.approx(2 * stats.beta(2.5, 2.5).cdf(0.025))


def test_simpler_models():
    def simpler(formula, weak=(), tied=()):
        return without_effects(build_design(pp.ModelSpec.from_formula(formula), TABLE), weak, tied).to_formula()

    crossed = "y ~ x + (1 | g), sigma ~ x + (x | g)"
    assert simpler(crossed, {("sigma", "g", 1)}) == "y ~ x + (1 | g), sigma ~ x + (1 | g)"
    assert simpler(crossed, (), {("sigma", "g", 0, 1)}) == "y ~ x + (1 | g), sigma ~ x + (x || g)"
    assert simpler(crossed, {("sigma", "g", 0), ("sigma", "g", 1)}) == "y ~ x + (1 | g), sigma ~ x"
    joined = "y ~ x + (x |p| g), sigma ~ 1 + (1 |p| g)"
    assert simpler(joined, {("sigma", "g", 0)}) == "y ~ x + (x | g), sigma ~ 1"
    assert simpler(joined, {("", "g", 1)}) == "y ~ x + (1 |p| g), sigma ~ 1 + (1 |p| g)"
    curves = pp.ModelSpec.from_formula("y ~ s(x), sigma ~ s(x) + (1 | g)")
    assert without_smooth(curves, "s(x)", "sigma").to_formula() == "y ~ x + s(x), sigma ~ x + (1 | g)"
    assert without_smooth(curves, "s(x)").to_formula() == "y ~ x, sigma ~ x + s(x) + (1 | g)"


def test_effects_on_categories_are_refused():
    table = TABLE.assign(k=np.array(list("abc"))[RNG.integers(0, 3, len(TABLE))])
    own = {"corr_across_g": np.eye(2)}
    for name in "bc":
        own |= {f"beta_{name}": [0.0], f"sd_{name}_g": [1.0], f"b_{name}_g": np.zeros((LEVELS, 1))}
    fit = fit_at("k ~ 1 + (1 | g)", table, family="categorical", **own)
    with pytest.raises(pp.DataError, match="the effects on categories are differences to a reference"):
        pp.singularity(fit)


@pytest.mark.thorough
def test_a_location_scale_model_is_judged_by_its_likelihood():
    rng = np.random.default_rng(1)
    g, x = np.repeat(np.arange(20), 15), rng.normal(size=300)
    y = 2 + 0.3 * x + rng.normal(0, 1, 20)[g] + np.exp(0.2 * x) * rng.normal(size=300)
    table = pd.DataFrame({"y": y, "x": x, "g": [f"g{k}" for k in g]})
    fit = pp.fit("y ~ x + (1 | g), sigma ~ x + (x || g)", table, seed=1, progressbar=False)
    found = pp.singularity(fit)
    relative = dict(zip(found["term"].to_numpy(), found["ml_relative"].to_numpy(), strict=True))
    ml = pp.maximum_likelihood(fit.spec, table)
    components = ml.variance_components.query("factor == 'g'").set_index("effect")["estimate"]
    for effect in ("sigma: Intercept", "sigma: x"):
        assert (relative[f"g: {effect}"] == 0) == (components[effect] == 0)
    assert found.attrs["ml_singular"] == ("yes" if ml.singular else "no")
    assert found.attrs["reml_singular"] == "no REML: sigma with predictors"
    assert bool(found["supported"].sel(term="g: Intercept"))
    if found.attrs["simpler"]:
        other = pp.maximum_likelihood(found.attrs["simpler"], table)
        assert other.deviance + 2 * other.n_parameters <= ml.deviance + 2 * ml.n_parameters + 1e-6
    assert pp.plot_singularity(found).axes
    assert "of sigma" in found.attrs["finding"] or bool(found["good"])


@pytest.mark.thorough
def test_a_curve_of_sigma_is_compared_with_a_line():
    fit = pp.fit("y ~ x, sigma ~ s(x, k=5) + (1 | g)", TABLE, seed=1, progressbar=False)
    found = pp.singularity(fit)
    assert list(found["term"].to_numpy()) == ["g: sigma: Intercept", "s(x): sigma: departures"]
    ml = pp.maximum_likelihood(fit.spec, TABLE)
    line = pp.maximum_likelihood("y ~ x, sigma ~ x + (1 | g)", TABLE)
    assert (float(found["ml_relative"][1]) == 0) == (float(ml.maximum.parameters["sigma"].sd[1][0]) == 0)
    needless = line.deviance + 2 * line.n_parameters <= ml.deviance + 2 * ml.n_parameters + 1e-6
    if needless and float(found["near_zero"][1]) >= UNDECIDED:
        assert "A straight line would do for s(x) of sigma" in found.attrs["finding"]
        assert "pp.lrt('y ~ x, sigma ~ x + s(x, k=5) + (1 | g)', 'y ~ x, sigma ~ x + (1 | g)'" in found.attrs["finding"]
    else:
        assert bool(found["supported"][1])
