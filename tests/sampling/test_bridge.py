"""Evidence by bridge sampling: closed forms, the collapsed engine's importance weights, and quadrature."""

import numpy as np
import pytest
from scipy import special, stats

import partialpool as pp
from partialpool.distributions.frozen import frozen
from partialpool.likelihood.maximise_generalised import GeneralisedLikelihood
from partialpool.likelihood.maximum import QUADRATURE
from partialpool.model.prior import log_prior_density
from partialpool.sampling.bridge import bridge

QUIET = {"seed": 1, "progressbar": False}


def sequence(seed=3):
    return np.random.SeedSequence(seed)


def flat(x):
    """The log density 0 of each row."""
    return np.zeros(len(x))


@pytest.mark.parametrize("head", [0, 2, 5])
def test_the_constant_of_a_normal_density_is_estimated(head):
    """q = 7 N(x; mean, covariance): if g is q up to its constant, the estimate is exact for any draws."""
    rng = np.random.default_rng(1)
    root = np.diag([1.0, 2.0, 0.5, 1.0, 3.0])
    root[1, 0] = 0.8 if head else 0.0
    target = stats.multivariate_normal(np.arange(5.0), root @ root.T)
    draws = np.arange(5.0) + rng.standard_normal((4, 1000, 5)) @ root.T
    values = np.log(7) + target.logpdf(draws)
    found, error = bridge(lambda x: np.log(7) + target.logpdf(x), draws, values, head, sequence())
    assert abs(found - np.log(7)) < 5 * error + 1e-6
    assert error < 0.02


def test_errors_are_correct_for_a_skewed_density_and_correlated_chains():
    """q = a gamma density in log x, drawn by an autoregressive chain: within five errors, over 30 repetitions."""
    scores = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal((4, 1000))
        z = noise.copy()
        for k in range(1, 1000):
            z[:, k] = 0.7 * z[:, k - 1] + np.sqrt(1 - 0.49) * noise[:, k]
        x = np.log(special.gammaincinv(8, special.ndtr(z)))[..., None]

        def density(at):
            return 8 * at[:, 0] - np.exp(at[:, 0]) - special.gammaln(8)

        values = stats.gamma.logpdf(np.exp(x[..., 0]), 8) + x[..., 0]
        found, error = bridge(density, x, values, 1, sequence(seed))
        scores.append(found / error)
    assert abs(np.mean(scores)) < 5 * max(np.std(scores), 1) / np.sqrt(30)
    assert 0.5 < np.std(scores) < 2


def test_too_few_draws_give_none():
    x = np.zeros((4, 10, 2))
    assert bridge(flat, x, np.zeros((4, 10)), 2, sequence()) is None


def test_a_chain_that_is_stuck_gives_none():
    x = np.random.default_rng(0).standard_normal((4, 200, 3))
    x[..., 2] = 1.0
    assert bridge(flat, x, np.zeros((4, 200)), 1, sequence()) is None
    assert bridge(flat, x, np.zeros((4, 200)), 3, sequence()) is None


def test_regions_without_density_count_as_zero():
    """Draws of g in regions without density are zeros in the average."""
    rng = np.random.default_rng(2)
    x = np.abs(rng.standard_normal((4, 1000, 1)))

    def density(at):
        return stats.halfnorm.logpdf(at[:, 0])

    found, error = bridge(density, x, stats.halfnorm.logpdf(x[..., 0]), 1, sequence())
    assert abs(found) < 5 * error


@pytest.mark.parametrize(
    ("formula", "data"), [("Yield ~ 1 + (1 | Batch)", "dyestuff"), ("Reaction ~ Days + (Days | Subject)", "sleepstudy")]
)
def test_it_is_the_evidence_of_the_other_engine(formula, data):
    collapsed, nuts = (
        pp.fit(formula, pp.load_dataset(data), engine=engine, **QUIET).run.evidence for engine in ("collapsed", "nuts")
    )
    assert abs(collapsed[0] - nuts[0]) < 5 * np.hypot(collapsed[1], nuts[1])
    assert 0 < nuts[1] < 0.05


def test_it_is_the_evidence_by_quadrature():
    """The integral over intercept and sd on a grid, every herd integrated out by quadrature."""
    fit = pp.fit("p(incidence, size) ~ 1 + (1 | herd)", pp.load_dataset("cbpp"), family="binomial", **QUIET)
    likelihood = GeneralisedLikelihood.of(fit.design, QUADRATURE)
    units = likelihood.parameters.units
    beta, log_sd = np.linspace(-3.5, -0.5, 41), np.linspace(-6, 1.5, 61)
    log_p = np.empty((61, 41))
    for i, s in enumerate(log_sd):
        for j, b in enumerate(beta):
            log_p[i, j] = -0.5 * likelihood.deviance.value(np.array([np.exp(s), b]) / units)
    draws = {"beta": beta[:, None], "sd_herd": np.ones((41, 1))}
    log_p += log_prior_density(fit.design, fit.priors, draws)["beta"].reshape(41)
    prior = frozen(fit.priors["sd_herd[Intercept]"])
    log_p += (prior.logpdf(np.exp(log_sd)) + log_sd)[:, None]
    top = log_p.max()
    expected = top + np.log(np.exp(log_p - top).sum() * (beta[1] - beta[0]) * (log_sd[1] - log_sd[0]))
    found, error = fit.run.evidence
    assert abs(found - expected) < 5 * error


def test_models_of_counts_are_compared_by_their_evidence():
    data = pp.load_dataset("cbpp")
    formulas = "p(incidence, size) ~ period + (1 | herd)", "p(incidence, size) ~ 1 + (1 | herd)"
    fits = {f: pp.fit(f, data, family="binomial", **QUIET) for f in formulas}
    found = pp.compare(fits)
    assert "evidence" in found.criteria
    assert found.frame.loc[formulas[0], "evidence"] > found.frame.loc[formulas[1], "evidence"] + 3
    assert "log evidence" in repr(fits[formulas[0]])
