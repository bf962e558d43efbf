"""The collapsed density of residual structures against the dense normal, its gradient, and draws of effects."""

import numpy as np
import pytest
from scipy import stats

import partialpool as pp
from checks.residuals import residual_covariance, visits
from marginal.gaussian.oracle import dense_effects
from partialpool.design.build import build_design
from partialpool.kernels import kernel
from partialpool.lent_record import lend
from partialpool.marginal.gaussian.density import log_prior
from partialpool.marginal.gaussian.residual_marginal import build_residual_marginal
from partialpool.marginal.gaussian.residual_sets import find_sets
from partialpool.marginal.gaussian.unpacked import unpack_many
from partialpool.model.default_priors import resolve_priors
from partialpool.model.partial_correlations import cholesky_of_partials

MODELS = {
    "strata": "y ~ x + (1 | g), sigma ~ 0 + arm",
    "strata of two columns": "y ~ x + (x | h), sigma ~ 0 + arm:t",
    "ar": "y ~ x + ar(t, gr=g)",
    "ar, strata and groups": "y ~ x + (1 | g) + ar(t, gr=g), sigma ~ 0 + t",
    "ar, nested groups, precisions": "y | precision(w) ~ x + (1 | h/g) + ar(t, gr=g)",
    "cosy": "y ~ x + cosy(gr=g)",
    "cosy, strata and slopes": "y ~ x + (x | h) + cosy(gr=g), sigma ~ 0 + arm",
    "cosy, strata within series": "y ~ x + cosy(gr=g), sigma ~ 0 + t",
    "unstr": "y ~ x * t + unstr(t, gr=g)",
    "unstr and groups": "y ~ x + (1 | h) + unstr(t, gr=g)",
    "unstr, no intercept, one sd per arm": "y ~ 0 + x + (x | h) + unstr(t, gr=g), sigma ~ 0 + arm",
}
pytestmark = pytest.mark.filterwarnings("ignore::partialpool.DataWarning")


def problem(formula, table=None, **options):
    design = build_design(pp.ModelSpec.from_formula(formula, **options), visits() if table is None else table)
    priors = resolve_priors(design)
    return design, priors, build_residual_marginal(design, priors)


def theta_of(marginal, seed=3):
    return np.random.default_rng(seed).normal(0, 0.3, marginal.size)


@kernel
def prior_at(layout, thetas):
    return log_prior(layout, thetas, 0)


def log_likelihood(design, marginal, theta):
    """log p(y | theta) with every normal effect integrated out, by the dense covariance of the rows."""
    residual, units, n = marginal.residual_draws(theta[None]), marginal.units, design.n_rows
    parameter = residual["residual_corr"][0] if "residual_corr" in residual else None
    covariance = residual_covariance(design, residual["sigma"][0], parameter)
    _, sds, halves, *_ = unpack_many(lend(marginal.layout), theta[None])
    columns = dense_effects(design)
    for place, f in enumerate(marginal.arrangement.order):
        q = len(design.factors[f].names)
        sd, corr = units.factors[f].covariance(sds[:, place, :q], halves[:, place, :q, :q])
        sd = sd[0] * units.unit
        block = np.kron(np.eye(design.factors[f].n_levels), sd[:, None] * corr[0] * sd)
        covariance = covariance + columns[f] @ block @ columns[f].T
    x = (units.whole_columns(design.common.values) @ marginal.turn)[:, marginal.integrated]
    prior_mean = (marginal.normals.mean * marginal.normals.sd + marginal.known) * units.unit
    covariance = covariance + x @ np.diag((marginal.normals.sd * units.unit) ** 2) @ x.T
    mean = units.location + x @ prior_mean
    return stats.multivariate_normal(np.broadcast_to(mean, n), covariance).logpdf(design.response.values)


@pytest.mark.parametrize("model", MODELS)
def test_the_density_is_that_of_the_dense_normal(model):
    design, _, marginal = problem(MODELS[model])
    for seed in range(3):
        theta = theta_of(marginal, seed)
        ours = marginal.log_density(theta) - prior_at(marginal.layout, theta[None])
        assert ours == pytest.approx(log_likelihood(design, marginal, theta), rel=1e-10)


@pytest.mark.parametrize("model", MODELS)
def test_the_gradient_is_that_of_differences(model):
    _, _, marginal = problem(MODELS[model])
    theta = theta_of(marginal)
    value, gradient = marginal.gradient(theta)
    assert value == pytest.approx(marginal.log_density(theta), rel=1e-12)
    h = 1e-5
    differences = [
        (marginal.log_density(theta + h * e) - marginal.log_density(theta - h * e)) / (2 * h)
        for e in np.eye(marginal.size)
    ]
    np.testing.assert_allclose(gradient, differences, rtol=1e-6, atol=1e-6)


def test_times_that_are_no_multiples_have_a_positive_correlation():
    table = visits().assign(t=lambda d: d["t"] + 0.1 * (d["t"] == 3))
    design, priors, marginal = problem("y ~ x + ar(t, gr=g)", table)
    assert not design.residual.series.is_discrete
    assert priors["residual_corr"].arguments["lower"] == 0
    theta = theta_of(marginal)
    ours = marginal.log_density(theta) - prior_at(marginal.layout, theta[None])
    assert ours == pytest.approx(log_likelihood(design, marginal, theta), rel=1e-10)


def test_compound_symmetry_may_be_negative_down_to_its_bound():
    design, priors, marginal = problem("y ~ x + cosy(gr=g)")
    largest = design.residual.series.sizes.max()
    assert priors["residual_corr"].arguments == {"lower": -1 / (largest - 1), "upper": 1.0}
    theta = theta_of(marginal)
    theta[-1] = -6.0  # near the lower bound
    assert marginal.residual_draws(theta[None])["residual_corr"][0] < 0
    ours = marginal.log_density(theta) - prior_at(marginal.layout, theta[None])
    assert ours == pytest.approx(log_likelihood(design, marginal, theta), rel=1e-9)


def test_the_cost_does_not_grow_with_the_rows():
    """Complete series: as many sets for 12 series as for 1,200."""
    sizes = {
        n: [
            len(find_sets(problem(MODELS[model], visits(series=n, share=1.0))[0].residual))
            for model in ("ar", "cosy", "unstr", "strata")
        ]
        for n in (12, 1200)
    }
    assert sizes[12] == sizes[1200] == [4, 2, 15, 2]


@pytest.mark.parametrize("order", ["rows", "series", "visits"])
def test_no_order_matters(order):
    table = visits(series=40, times=4).astype({"t": str})
    changed = {
        "rows": table.sample(frac=1, random_state=5),
        "series": table.assign(g=39 - table["g"]),
        "visits": table.assign(t=table["t"].map(dict(zip("0123", "3021", strict=True)))),
    }[order]
    fits = [pp.maximum_likelihood("y ~ x + unstr(t, gr=g)", one) for one in (table, changed)]
    assert fits[0].log_likelihood == pytest.approx(fits[1].log_likelihood, abs=1e-6)


def test_the_unit_of_time_does_not_matter():
    fits = [
        pp.fit("y ~ x + ar(t, gr=g)", table, seed=1, draws=200, progressbar=False)
        for table in (visits(), visits().assign(t=lambda d: 24.0 * d["t"] - 7))
    ]
    np.testing.assert_allclose(*(fit.posterior["residual_corr"] for fit in fits), rtol=1e-9)


def test_effects_are_drawn_from_their_conditional_distribution():
    """Given theta, means and covariances of drawn effects are those of the dense normal."""
    design, _, marginal = problem("y ~ x + (1 | h) + ar(t, gr=g)")
    theta = theta_of(marginal)
    draws = 4000
    noise = np.random.default_rng(1).standard_normal((draws, 4 + 2))
    effects, out = np.empty_like(noise), np.empty(draws)
    marginal.draw_effects(np.repeat(theta[None], draws, axis=0), noise, effects, out)
    np.testing.assert_allclose(out, marginal.log_density(theta))
    b = effects[:, :4] * marginal.units.factors[0].to_data[0, 0] * marginal.units.unit
    residual = marginal.residual_draws(theta[None])
    r = residual_covariance(design, residual["sigma"][0], residual["residual_corr"][0])
    _, sds, halves, *_ = unpack_many(lend(marginal.layout), theta[None])
    sd, _ = marginal.units.factors[0].covariance(sds[:, 0, :1], halves[:, 0, :1, :1])
    variance = (sd[0, 0] * marginal.units.unit) ** 2
    x = marginal.units.whole_columns(design.common.values)
    x = (x @ marginal.turn)[:, marginal.integrated]
    r = r + x @ np.diag((marginal.normals.sd * marginal.units.unit) ** 2) @ x.T
    mean = marginal.units.location + x @ (marginal.normals.mean * marginal.normals.sd * marginal.units.unit)
    z = dense_effects(design)[0]
    v = r + variance * z @ z.T
    expected = variance * z.T @ np.linalg.solve(v, design.response.values - mean)
    spread = variance * np.eye(4) - variance**2 * z.T @ np.linalg.solve(v, z)
    se = np.sqrt(np.diagonal(spread) / draws)
    assert (np.abs(b.mean(axis=0) - expected) < 5 * se).all()
    np.testing.assert_allclose(np.cov(b.T), spread, atol=5 * spread.max() * np.sqrt(2 / draws))


def test_partial_correlations_make_a_correlation_matrix():
    partials = np.random.default_rng(2).uniform(-0.9, 0.9, (5, 6))
    half = cholesky_of_partials(partials, 4)
    corr = half @ half.transpose(0, 2, 1)
    np.testing.assert_allclose(np.diagonal(corr, axis1=1, axis2=2), 1)
    np.testing.assert_allclose(corr[:, 1, 0], partials[:, 0])
    assert (np.linalg.eigvalsh(corr) > 0).all()
