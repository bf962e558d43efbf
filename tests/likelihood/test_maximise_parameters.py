"""Maximum likelihood with predictors of parameters: against glmmTMB, an explicit Laplace approximation, closed forms.

The likelihood is multiplied out here over all effects at once, by a generic search for the mode.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.design.joined_factors import joined_factors, joined_members
from partialpool.design.newdata import own_rows
from partialpool.likelihood.maximum import EXACT, OBSERVED
from partialpool.likelihood.maximum_likelihood import LikelihoodFit, likelihood_fit
from partialpool.model.predictor import linear_predictor
from partialpool.model.response import log_density
from partialpool.names import BETA, b_name, names_of_predictor
from partialpool.spec.options import as_spec
from sampling.test_parameter_references import GLMMTMB, MODELS, estimates, table_of

SLOW = ("cover", "ticks_hurdle", "epil_inflated", "articles_hurdle")
"""They take up to half a minute."""


def table(levels=12, rows=8, seed=1):
    rng = np.random.default_rng(seed)
    n = levels * rows
    g, x = np.repeat(np.arange(levels), rows), rng.normal(3, 2, n)
    level, unrest = rng.multivariate_normal([0, 0], [[4, -0.5], [-0.5, 0.16]], levels).T
    rate = np.exp(0.5 + 0.2 * (x - 3) + 0.3 * level[g] / 2)
    return pd.DataFrame({
        "y": rng.normal(50 + x + level[g], np.exp(1 + 0.2 * (x - 3) + unrest[g])), "x": x,
        "g": [f"g{k:02d}" for k in g],
        "count": rng.poisson(rate) * (rng.random(n) < 0.7), "arm": np.where(g % 2, "b", "a"), "h": g % 4,
    })  # fmt: skip


TABLE = table()
JOINED = ["y ~ x + (x |p| g)", "sigma ~ x + (1 |p| g)"]
CASES = {
    "joined": (JOINED, "gaussian"),
    "scale_alone": (["y ~ x", "sigma ~ arm + (1 | g)"], "gaussian"),
    "apart": (["y ~ x + (1 | g) + (1 | h)", "sigma ~ x + (x || g)"], "gaussian"),
    "zeros": (["count ~ x + (1 | g)", "zi ~ arm"], "zero_inflated_poisson"),
    "zeros_of_levels": (["count ~ x + (1 |p| g)", "hu ~ (1 |p| g)"], "hurdle_poisson"),
    "shapes": (["count ~ x + (1 | g)", "alpha ~ x"], "negative_binomial"),
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.thorough) if n in SLOW else n for n in MODELS])
def test_glmmtmb_finds_the_same(name):
    """The log likelihood to the digits that are kept; estimates and standard errors to 0.1 % of a standard error."""
    one, reference = MODELS[name], GLMMTMB[name]
    design = build_design(as_spec(one.formula, family=one.family), table_of(one.table))
    found = likelihood_fit(design)
    assert found.log_likelihood == pytest.approx(reference["log_likelihood"], abs=1e-5)
    for part, parameter in {"cond": None, **one.own}.items():
        of, predictor = (
            (found.maximum, design)
            if parameter is None
            else (found.maximum.parameters[parameter], design.parameters[parameter])
        )
        estimate, se = estimates(name, part, predictor.common.coefs)
        assert np.abs((of.beta - estimate) / se).max() < 1e-3
        assert np.sqrt(np.diagonal(of.covariance)) == pytest.approx(se, rel=1e-3)
        entries = {"cond": "logsd", "zi": "logsd_zi"}.get(part, "none")
        sds = [float(sd) for own in of.sd for sd in own]
        theirs = [entry["estimate"] for entry in reference.get(entries, {}).values()]
        assert np.log(sds) == pytest.approx(theirs, abs=1e-4)


def root_of(covariance):
    """A root of a covariance that may be singular, as estimates of few levels are."""
    values, axes = np.linalg.eigh(covariance)
    return axes * np.sqrt(np.maximum(values, 0))


class Explicit:
    """The Laplace approximation at estimates, by generic optimisation over the effects of all predictors."""

    def __init__(self, fit):
        self.fit, self.rows = fit, own_rows(fit.design)
        design, maximum = fit.design, fit.maximum
        predictors = {"": (design, maximum)}
        predictors |= {name: (other, maximum.parameters[name]) for name, other in design.parameters.items()}
        self.parts = []  # variable, levels, effects, factor and predictor
        covariances = {}
        for name, (one, found) in predictors.items():
            names = (
                names_of_predictor(name, one.spec.factors)
                if name
                else {b_name(f.name): b_name(f.name) for f in one.factors}
            )
            for factor, sd, corr in zip(one.factors, found.sd, found.corr, strict=True):
                self.parts.append((names[b_name(factor.name)], factor.n_levels, len(sd)))
                covariances[names[b_name(factor.name)]] = corr * np.outer(sd, sd)
        joined = {}
        for one in joined_factors(design):
            members = joined_members(one, design)
            sd = np.sqrt(np.concatenate([np.diagonal(covariances[m.b]) for m in members]))
            joined[tuple(m.b for m in members)] = maximum.across[one.factor] * np.outer(sd, sd)
        apart = [name for name in covariances if not any(name in names for names in joined)]
        self.blocks = {**joined, **{(name,): covariances[name] for name in apart}}
        self.values = {BETA: maximum.beta[None], **maximum.own}
        for name in design.parameters:
            self.values[names_of_predictor(name, ())[BETA]] = maximum.parameters[name].beta[None]

    def named(self, u):
        """Effects b of every variable, (levels, effects), from standard normal u."""
        found, at = dict(self.values), 0
        sizes = {name: (levels, effects) for name, levels, effects in self.parts}
        for names, covariance in self.blocks.items():
            levels, width = sizes[names[0]][0], len(covariance)
            own = u[at : at + levels * width].reshape(levels, width) @ root_of(covariance).T
            at += levels * width
            first = 0
            for name in names:
                found[name] = own[None, :, first : first + sizes[name][1]]
                first += sizes[name][1]
        return found

    def h(self, u):
        draws = self.named(u)
        eta = linear_predictor(self.fit.design, self.rows, draws)
        return float(log_density(self.fit.design, self.rows, eta, draws).sum() - u @ u / 2)

    def log_likelihood(self):
        size = sum(levels * effects for _, levels, effects in self.parts)
        found = optimize.minimize(lambda u: -self.h(u), np.zeros(size), method="BFGS", options={"gtol": 1e-6})
        u, step = found.x, 1e-3
        steps = step * np.eye(size)
        hessian = np.empty((size, size))
        for i in range(size):
            for j in range(i + 1):
                corners = [self.h(u + a * steps[i] + b * steps[j]) for a in (1, -1) for b in (1, -1)]
                hessian[i, j] = hessian[j, i] = -(corners[0] - corners[1] - corners[2] + corners[3]) / (4 * step**2)
        return self.h(u) - 0.5 * np.linalg.slogdet(hessian)[1]


@pytest.mark.parametrize("name", CASES)
def test_the_likelihood_is_laplace_s_approximation(name):
    model, family = CASES[name]
    small = table(levels=6, rows=8, seed=3)
    found = pp.maximum_likelihood(model, small, family=family)
    assert found.log_likelihood == pytest.approx(Explicit(found).log_likelihood(), abs=2e-4)
    assert found.maximum.method == OBSERVED


def test_two_arms_with_sds_of_their_own_have_closed_forms():
    found = pp.maximum_likelihood(["y ~ arm", "sigma ~ arm"], TABLE)
    arms = [TABLE.loc[TABLE["arm"] == arm, "y"].to_numpy() for arm in ("a", "b")]
    expected = sum(stats.norm(y.mean(), y.std()).logpdf(y).sum() for y in arms)
    assert found.log_likelihood == pytest.approx(expected, abs=1e-8)
    assert found.maximum.method == EXACT
    table_ = found.coefficients["estimate"]
    assert table_["sigma: Intercept"] == pytest.approx(np.log(arms[0].std()), abs=1e-4)
    assert table_["sigma: arm[b]"] == pytest.approx(np.log(arms[1].std() / arms[0].std()), abs=1e-4)
    # The information about a log sd is 2 n, and about the difference of two the harmonic sum.
    errors = found.coefficients["std_error"]
    assert errors["sigma: Intercept"] == pytest.approx(1 / np.sqrt(2 * len(arms[0])), rel=1e-3)
    assert errors["sigma: arm[b]"] == pytest.approx(np.sqrt(sum(1 / (2 * len(y)) for y in arms)), rel=1e-3)


def test_one_sigma_is_sigma_with_a_constant_predictor():
    plain = pp.maximum_likelihood("y ~ x + (x | g)", TABLE)
    constant = pp.maximum_likelihood(["y ~ x + (x | g)", "sigma ~ 1"], TABLE)
    assert constant.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-6)
    assert (constant.n_parameters, constant.maximum.method) == (plain.n_parameters, EXACT)
    assert np.exp(constant.maximum.parameters["sigma"].beta[0]) == pytest.approx(plain.maximum.sigma, rel=1e-4)
    assert constant.maximum.sd[0] == pytest.approx(plain.maximum.sd[0], rel=1e-3)
    np.testing.assert_allclose(constant.maximum.modes[0], plain.maximum.modes[0], atol=1e-3)


def test_units_and_origins_move_what_they_should():
    found = pp.maximum_likelihood(JOINED, TABLE)
    moved = pp.maximum_likelihood(JOINED, TABLE.assign(y=1e3 * TABLE["y"] - 7, x=TABLE["x"] / 10 + 1e2))
    n = len(TABLE)
    assert moved.log_likelihood == pytest.approx(found.log_likelihood - n * np.log(1e3), abs=1e-4)
    assert moved.coefficients["estimate"]["sigma: x"] == pytest.approx(
        10 * found.coefficients["estimate"]["sigma: x"], rel=1e-3
    )
    assert moved.maximum.parameters["sigma"].sd[0] == pytest.approx(found.maximum.parameters["sigma"].sd[0], rel=1e-3)


def test_the_fit_prints_every_predictor():
    found = pp.maximum_likelihood(JOINED, TABLE)
    # Two coefficients of each predictor; three sds, and three correlations.
    assert found.n_parameters == 10
    text = str(found)
    for words in ("sigma: Intercept", "corr(Intercept, x)", "corr(Intercept, sigma: Intercept)", "sigma: x", OBSERVED):
        assert words in text
    frame = found.variance_components
    assert list(zip(frame["effect"], frame["with"], strict=True)) == [
        ("Intercept", ""), ("x", ""), ("Intercept", "x"), ("sigma: Intercept", ""), ("Intercept", "sigma: Intercept"),
        ("x", "sigma: Intercept"),
    ]  # fmt: skip
    assert list(found.coefficients.index) == ["Intercept", "x", "sigma: Intercept", "sigma: x"]
    modes = found.conditional_modes("g", parameter="sigma")
    assert (list(modes.columns), len(modes)) == (["Intercept"], 12)
    with pytest.raises(pp.DataError, match="no such predictor"):
        found.conditional_modes("g", parameter="nu")


def test_drawn_responses_have_new_effects_of_every_predictor():
    """With sd and log sd correlated over levels: moments over many levels, within five standard errors."""
    levels, rows = 4000, 6
    frame = pd.DataFrame({"y": np.tile(np.arange(rows) * 1.0, levels), "g": np.repeat(np.arange(levels), rows)})
    design = build_design(as_spec(["y ~ 1 + (1 |p| g)", "sigma ~ 1 + (1 |p| g)"]), frame)
    small = pp.maximum_likelihood(["y ~ 1 + (1 |p| g)", "sigma ~ 1 + (1 |p| g)"], TABLE)
    from dataclasses import replace

    sigma = replace(small.maximum.parameters["sigma"], beta=np.array([0.5]), sd=(np.array([0.3]),))
    at = replace(
        small.maximum, beta=np.array([10.0]), sd=(np.array([2.0]),), parameters={"sigma": sigma},
        across={"g": np.array([[1, -0.7], [-0.7, 1]])},
    )  # fmt: skip
    y = LikelihoodFit(design, at, reml=False).draw_response(np.random.default_rng(1)).reshape(levels, rows)
    within = y.var(axis=1, ddof=1)
    assert abs(y.mean() - 10) < 5 * y.mean(axis=1).std() / np.sqrt(levels)
    assert abs(within.mean() - np.exp(1 + 2 * 0.09)) < 5 * within.std() / np.sqrt(levels)
    centre, expected = y.mean(axis=1) - 10, np.exp(1 + 2 * 0.09) * 2 * -0.7 * 2 * 0.3
    products = centre * (within - within.mean())
    assert abs(products.mean() - expected) < 5 * products.std() / np.sqrt(levels)


def test_what_has_no_likelihood_says_why():
    with pytest.raises(pp.EngineError, match="REML is for normal responses") as error:
        pp.maximum_likelihood(["y ~ x", "sigma ~ x"], TABLE, reml=True)
    assert "sigma with predictors" in error.value.got


def test_tests_of_effects_on_parameters():
    mean = "y ~ x + (1 | g)"
    test = pp.lrt([mean, "sigma ~ x + arm"], mean, TABLE)
    assert (test.added, test.mixture, len(test.null)) == (
        "the fixed effects sigma: x and sigma: arm[b]", ((2, 1.0),), 0,
    )  # fmt: skip
    assert test.p_naive == pytest.approx(stats.chi2(2).sf(test.statistic))
    against_one = pp.lrt([mean, "sigma ~ x + arm"], [mean, "sigma ~ 1"], TABLE)
    assert against_one.statistic == pytest.approx(test.statistic, abs=1e-5)
    levels = pp.lrt(["y ~ x + (1 |p| g)", "sigma ~ x + (1 |p| g)"], [mean, "sigma ~ x"], TABLE)
    assert levels.added == "sigma: Intercept varying over g, correlated with Intercept"
    assert levels.mixture == ((1, 0.5), (2, 0.5))
    correlation = pp.lrt(["y ~ x + (1 |p| g)", "sigma ~ x + (1 |p| g)"], [mean, "sigma ~ x + (1 | g)"], TABLE)
    assert correlation.mixture == ((1, 1.0),)
    assert 0 <= correlation.statistic < levels.statistic


def test_the_null_is_simulated_on_request():
    small = table(levels=6, rows=5, seed=4)
    test = pp.lrt(["y ~ x", "sigma ~ x"], "y ~ x", small, simulations=12, seed=1, progressbar=False)
    assert (test.method, len(test.null) + test.n_failed) == ("parametric bootstrap", 12)
    again = pp.lrt(["y ~ x", "sigma ~ x"], "y ~ x", small, simulations=12, seed=1, progressbar=False)
    np.testing.assert_array_equal(test.null, again.null)
    assert (test.null >= 0).all()


@pytest.mark.parametrize(
    ("full", "reduced", "wrong"),
    [
        (["y ~ x", "sigma ~ x"], ["y ~ x", "sigma ~ arm"], "the fixed effect sigma: arm[b] is in"),
        (["y ~ x + arm", "sigma ~ x"], ["y ~ x", "sigma ~ x + (1 | g)"], "the factor g is in"),
        (["y ~ x + (1 | g)", "sigma ~ (1 | g)"], ["y ~ x + (1 |p| g)", "sigma ~ (1 |p| g)"], "in the wrong order"),
        (["y ~ x + arm + (1 | g)", "sigma ~ x + (1 | g)"], JOINED, "the effect x over g is in"),
        (["y ~ x", "sigma ~ 0 + x + arm"], "y ~ x", "one number sigma for all rows is in"),
        (["y ~ x", "sigma ~ x + offset(x)"], ["y ~ 1", "sigma ~ x"], "the two models differ in the offset of sigma"),
        (["y ~ x", "sigma ~ x"], ["y ~ x", "sigma ~ x"], "the two models are the same"),
    ],
)
def test_models_that_are_not_nested_are_refused(full, reduced, wrong):
    with pytest.raises(pp.SpecError) as error:
        pp.lrt(full, reduced, TABLE)
    assert wrong in str(error.value)


def test_censored_lifetimes_whose_shape_differs_between_arms():
    """Each arm alone is a Weibull sample, whose likelihood is maximised by a generic search."""
    rng, n = np.random.default_rng(1), 200
    arm = np.arange(n) % 2
    time = 3 * rng.weibull(np.where(arm, 2.0, 1.0))
    over = time > 4
    data = pd.DataFrame(
        {"t": np.minimum(time, 4), "s": np.where(over, "right", "none"), "arm": np.where(arm, "b", "a")}
    )
    found = pp.maximum_likelihood(["t | cens(s) ~ arm", "alpha ~ arm"], data, family="weibull")
    total = 0.0
    for one in (0, 1):
        y, late = data.loc[arm == one, "t"].to_numpy(), over[arm == one]

        def loss(p, y=y, late=late):
            law = stats.weibull_min(np.exp(p[0]), scale=np.exp(p[1]))
            return -law.logpdf(y[~late]).sum() - law.logsf(y[late]).sum()

        total -= optimize.minimize(loss, [0.0, 1.0]).fun
    assert found.log_likelihood == pytest.approx(total, abs=1e-5)
