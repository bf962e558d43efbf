"""The joint prior of ICC, total sd and shares inside the collapsed density."""

import numpy as np
import pytest
from scipy import stats

import partialpool as pp
from marginal.gaussian.oracle import log_likelihood, parameters, problem, table, to_zero
from marginal.gaussian.test_density import check_gradient, theta_of
from partialpool.distributions.frozen import frozen
from partialpool.model.variance_prior import decompose

CASES = {
    "one factor": "y ~ x + (1 | a)",
    "two factors": "y ~ x + (1 | outer/inner)",
    "precisions": "y | precision(s) ~ x + (1 | outer/inner)",
    "independent slopes": "y ~ x + (x + w || a)",
    "slopes and a crossed factor": "y ~ x + (x || a) + (1 | c)",
}
PRIORS = {
    "icc": pp.Prior("Beta", alpha=2, beta=3.5),
    "total_sd": pp.Prior("HalfStudentT", nu=4, sigma=3),
}


def of(case):
    factor = "outer" if "outer" in CASES[case] else "a"
    shares = {} if case == "one factor" else {f"share_{factor}": pp.Prior("Dirichlet", a=1.7)}
    return problem(CASES[case], table("unbalanced"), priors=PRIORS | shares)


def coordinates(parts, priors, log_sds):
    """(log total, icc, shares but the last) of log sds and log sigma, and the stated density there."""
    sds = {name: np.exp(log_sds[None, :-1][:, part]) for name, part in parts.factors.items()}
    (total,), (icc,), (shares,) = parts.parts(sds | {"sigma": np.exp(log_sds[-1:])})
    density = frozen(priors["icc"]).logpdf(icc) + frozen(priors["total_sd"]).logpdf(total) + np.log(total)
    if len(shares) > 1:
        density += stats.dirichlet([priors[s].arguments["a"] for s in parts.shares]).logpdf(shares)
    return np.array([np.log(total), icc, *shares[:-1]]), density


def log_prior_by_differences(parts, priors, log_sds):
    """The stated density times the Jacobian of the change of variables, by central differences."""
    h = 1e-5
    columns = [
        (coordinates(parts, priors, log_sds + step)[0] - coordinates(parts, priors, log_sds - step)[0]) / (2 * h)
        for step in h * np.eye(len(log_sds))
    ]
    return coordinates(parts, priors, log_sds)[1] + np.linalg.slogdet(np.array(columns))[1]


@pytest.mark.parametrize("case", CASES)
def test_the_density_is_the_stated_one_times_the_jacobian(case):
    design, priors, marginal = of(case)
    parts = decompose(design)
    theta = theta_of(marginal, "moderate")
    sigmas, sigma, _ = parameters(marginal, theta)
    at_means = [np.linalg.inv(to_zero(factor)) for factor in design.factors]
    sds = [np.sqrt(np.diagonal(at_means[f] @ sigmas[f] @ at_means[f].T)) for f in sorted(sigmas)]
    log_sds = np.log(np.append(np.concatenate(sds), sigma))
    # d log theta = d log sd, whatever the units.
    expected = log_likelihood(design, priors, marginal, theta) + log_prior_by_differences(parts, priors, log_sds)
    assert marginal.log_density(theta) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_is_that_of_differences(case):
    check_gradient(of(case)[2])


@pytest.mark.parametrize("size", [-300.0, 200.0])
def test_density_and_gradient_are_finite_at_very_small_and_large_sds(size):
    marginal = of("two factors")[2]
    theta = theta_of(marginal, "moderate")
    theta[0] += size
    assert np.isfinite(marginal.log_density(theta))
    assert np.isfinite(marginal.gradient(theta)[1]).all()


def test_sds_scale_with_the_unit_of_the_response():
    """The response in thousandths: the same posterior of the ICC, sds a thousand times as large."""
    data = pp.load_dataset("pastes")
    formula = "strength ~ 1 + (1 | batch/cask)"
    options = {"seed": 1, "progressbar": False}
    own = {"icc": PRIORS["icc"], "total_sd": pp.Prior("HalfNormal", sigma=4)}
    scaled = own | {"total_sd": pp.Prior("HalfNormal", sigma=4000)}
    near = pp.fit(formula, data, priors=own, **options)
    far = pp.fit(formula, data.assign(strength=data.strength * 1000), priors=scaled, **options)
    np.testing.assert_allclose(far.posterior["sd_batch"], 1000 * near.posterior["sd_batch"], rtol=1e-6)


def test_the_posterior_reweighted_to_priors_of_sds_is_that_of_these_priors():
    """A posterior under priors of icc and total_sd, reweighted to half-normal priors of the sds, by importance."""
    data, formula = pp.load_dataset("dyestuff"), "Yield ~ 1 + (1 | Batch)"
    half = pp.Prior("HalfNormal", sigma=60)
    joint = {"icc": pp.Prior("Beta", alpha=1, beta=1), "total_sd": pp.Prior("HalfNormal", sigma=80)}
    options = {"seed": 3, "progressbar": False, "draws": 4000}
    own = pp.fit(formula, data, priors={"sd_Batch": half, "sigma": half}, **options)
    whole = pp.fit(formula, data, priors=joint, **options).stacked()
    sd, sigma = whole["sd_Batch"][:, 0], whole["sigma"]
    total = np.sqrt(sd**2 + sigma**2)
    # p(sd, sigma) = p(total) p(icc) |d(total, icc) / d(sd, sigma)|, |...| = 2 sd sigma / total^3.
    stated = frozen(joint["total_sd"]).logpdf(total) + np.log(2 * sd * sigma / total**3)
    log_weights = frozen(half).logpdf(sd) + frozen(half).logpdf(sigma) - stated
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    for name, values in (("sd_Batch", sd), ("sigma", sigma)):
        direct = own.posterior[name].to_numpy().ravel()
        mean = weights @ values
        size = 1 / np.sum(weights**2) / 2  # half, since draws are not quite independent
        assert size > 1000
        error = np.sqrt((weights @ (values - mean) ** 2) / size + direct.var() / (len(direct) / 2))
        assert abs(mean - direct.mean()) < 5 * error
