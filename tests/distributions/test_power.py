"""Priors to a power: their log densities are proportional; some distributions have no power of the same family."""

import numpy as np
import pytest
from scipy import stats

import partialpool as pp
from partialpool.distributions.frozen import frozen
from partialpool.distributions.power import power_prior
from partialpool.distributions.prior import Prior
from partialpool.model.lkj import lkj_log_density

SCALAR = [
    Prior("Normal", mu=1, sigma=2), Prior("HalfNormal", sigma=2), Prior("StudentT", nu=4, mu=1, sigma=2),
    Prior("HalfStudentT", nu=3, sigma=2), Prior("Cauchy", alpha=1, beta=2), Prior("HalfCauchy", beta=2),
    Prior("Laplace", mu=1, b=2), Prior("Exponential", lam=0.5), Prior("Gamma", alpha=2, beta=0.1),
    Prior("InverseGamma", alpha=2, beta=0.3), Prior("LogNormal", mu=0.2, sigma=0.7), Prior("Uniform", lower=0, upper=9),
    Prior("PC", u=3, a=0.1),
]  # fmt: skip


@pytest.mark.parametrize("alpha", [0.8, 1.0, 1.25, 3.0])
@pytest.mark.parametrize("prior", SCALAR, ids=str)
def test_log_densities_are_proportional(prior, alpha):
    x = np.array([0.05, 0.4, 1.3, 2.2, 7.0])
    gap = frozen(power_prior(prior, alpha)).logpdf(x) - alpha * frozen(prior).logpdf(x)
    assert gap == pytest.approx(np.full(5, gap[0]), abs=1e-10)


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_log_densities_of_correlations_are_proportional(alpha):
    r = np.array([-0.8, -0.1, 0.3, 0.95])
    matrices = np.stack([np.stack([np.ones(4), r], -1), np.stack([r, np.ones(4)], -1)], -1)
    scaled = power_prior(Prior("LKJ", eta=2), alpha).arguments["eta"]
    gap = lkj_log_density(matrices, scaled) - alpha * lkj_log_density(matrices, 2.0)
    assert gap == pytest.approx(np.full(4, gap[0]))


@pytest.mark.parametrize("alpha", [0.8, 2.0])
def test_log_densities_of_shares_are_proportional(alpha):
    x = np.array([0.05, 0.4, 0.77])
    prior = Prior("Beta", alpha=2, beta=3)
    gap = frozen(power_prior(prior, alpha)).logpdf(x) - alpha * frozen(prior).logpdf(x)
    assert gap == pytest.approx(np.full(3, gap[0]), abs=1e-10)
    splits = np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4], [0.05, 0.9, 0.05]]).T
    concentration = power_prior(Prior("Dirichlet", a=2.5), alpha).arguments["a"]
    gap = stats.dirichlet([concentration] * 3).logpdf(splits) - alpha * stats.dirichlet([2.5] * 3).logpdf(splits)
    assert gap == pytest.approx(np.full(3, gap[0]), abs=1e-10)


@pytest.mark.parametrize(
    ("prior", "alpha"),
    [(Prior("Weibull", alpha=2, beta=1), 0.8), (Prior("Logistic", mu=0, s=1), 2.0), (Prior("HalfCauchy", beta=1), 0.5),
     (Prior("Beta", alpha=0.2, beta=1), 2.0), (Prior("Normal", mu=0, sigma=1), -1.0),
     (Prior("Gamma", alpha=0.1, beta=1), 2.0)],
)  # fmt: skip
def test_a_power_outside_the_known_families_is_refused(prior, alpha):
    with pytest.raises(pp.PriorError, match="to this power is not a prior of a known family"):
        power_prior(prior, alpha)
