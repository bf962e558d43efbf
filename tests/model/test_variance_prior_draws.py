"""The joint prior on arrays: draws of the ICC follow their Beta exactly, densities are those stated."""

import numpy as np
import pytest
from scipy import stats

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.model.default_priors import resolve_priors
from partialpool.model.prior import draw_parameters, log_prior_density
from partialpool.model.variance_prior import decompose
from partialpool.model.variance_prior_draws import implied_sd
from partialpool.spec.model import ModelSpec

DRAWS = 20_000
ICC = pp.Prior("Beta", alpha=2, beta=5)
TOTAL = pp.Prior("HalfStudentT", nu=3, sigma=4)


def problem(formula, name, **options):
    design = build_design(ModelSpec.from_formula(formula, **options), pp.load_dataset(name))
    return design, resolve_priors(design)


def follows(draws, distribution):
    """Kolmogorov-Smirnov test at 1e-3, with a fixed seed; it detects a shape that is wrong by a few per cent."""
    return stats.kstest(draws, distribution.cdf).pvalue > 1e-3


def test_one_factor_follows_the_beta():
    design, priors = problem("Yield ~ 1 + (1 | Batch)", "dyestuff", priors={"icc": ICC, "total_sd": TOTAL})
    draws = draw_parameters(design, priors, DRAWS, seed=1)
    sd, sigma = draws["sd_Batch"][:, 0], draws["sigma"]
    icc = sd**2 / (sd**2 + sigma**2)
    assert follows(icc, stats.beta(2, 5))
    assert not follows(icc, stats.beta(2.1, 5))
    assert stats.kstest(np.sqrt(sd**2 + sigma**2), lambda x: 2 * stats.t(3, 0, 4).cdf(x) - 1).pvalue > 1e-3


def test_two_factors_follow_the_dirichlet():
    """With icc ~ Beta(a_1 + a_2, b) and shares ~ Dirichlet(a_1, a_2), each factor's ICC is Beta(a_f, the rest)."""
    shares = {"share_batch": pp.Prior("Dirichlet", a=0.5), "share_batch:cask": pp.Prior("Dirichlet", a=1.5)}
    design, priors = problem("strength ~ 1 + (1 | batch/cask)", "pastes", priors={"icc": ICC, **shares})
    draws = draw_parameters(design, priors, DRAWS, seed=2)
    variances = np.stack([draws["sd_batch"][:, 0], draws["sd_batch:cask"][:, 0], draws["sigma"]]) ** 2
    batch, cask, _ = variances / variances.sum(axis=0)
    assert follows(batch + cask, stats.beta(2, 5))
    assert follows(batch, stats.beta(0.5, 6.5))
    assert follows(cask, stats.beta(1.5, 5.5))
    assert not follows(cask, stats.beta(1.6, 5.5))


def test_the_icc_of_a_latent_response_follows_the_beta():
    design, priors = problem(
        "use ~ 1 + (1 | district)", "contraception", family="bernoulli", link="probit", priors={"icc": ICC}
    )
    sd = draw_parameters(design, priors, DRAWS, seed=3)["sd_district"][:, 0]
    assert follows(sd**2 / (sd**2 + 1), stats.beta(2, 5))


def test_densities_are_those_stated():
    shares = {"share_batch": pp.Prior("Dirichlet", a=2)}
    design, priors = problem(
        "strength ~ 1 + (1 | batch/cask)", "pastes", priors={"icc": ICC, "total_sd": TOTAL, **shares}
    )
    draws = draw_parameters(design, priors, 5, seed=4)
    density = log_prior_density(design, priors, draws)
    assert set(density) == {"beta", "icc", "total_sd", "shares"}
    total, icc, split = decompose(design).parts(draws)
    np.testing.assert_allclose(density["icc"], stats.beta(2, 5).logpdf(icc))
    np.testing.assert_allclose(density["total_sd"], np.log(2) + stats.t(3, 0, 4).logpdf(total))
    np.testing.assert_allclose(density["shares"], stats.dirichlet([2, 1]).logpdf(split.T))


def test_without_variance_between_groups_the_density_is_zero():
    design, priors = problem("strength ~ 1 + (1 | batch/cask)", "pastes", priors={"icc": ICC})
    nothing = {"beta": np.zeros((1, 1)), "sd_batch": np.zeros((1, 1)), "sd_batch:cask": np.zeros((1, 1))}
    density = log_prior_density(design, priors, nothing | {"sigma": np.ones(1)})
    assert density["icc"][0] == -np.inf
    assert density["shares"][0] == -np.inf


@pytest.mark.thorough
@pytest.mark.parametrize("parameter", ["sd_Subject[Intercept]", "sd_Subject[Days]"])
def test_the_implied_prior_of_one_sd_is_that_of_draws(parameter):
    design, priors = problem("Reaction ~ Days + (Days | Subject)", "sleepstudy", priors={"icc": ICC})
    implied = implied_sd(design, priors, parameter)
    column = ["Intercept", "Days"].index(parameter[11:-1])
    drawn = draw_parameters(design, priors, DRAWS, seed=5)
    draws = design.factors[0].basis.at_means(drawn["sd_Subject"], drawn["corr_Subject"])[0][:, column]
    points = np.quantile(draws, [0.1, 0.5, 0.9])
    # The mixture averages over 4,000 draws of its own.
    assert np.abs(implied.cdf(points) - [0.1, 0.5, 0.9]).max() < 5 * 0.5 / np.sqrt(4000)
    grid = np.linspace(0, points[2], 4001)[1:]
    assert np.trapezoid(implied.pdf(grid), grid) == pytest.approx(implied.cdf(points[2]), abs=5e-3)
