"""LKJ from Beta partial correlations: forward (see tests/model/test_prior.py), by MCMC, and algebraically."""

import numpy as np
import nutpie
import pymc as pm
import pytensor.tensor as pt
import pytest

from partialpool.distributions.prior import Prior
from partialpool.model.lkj import lkj_log_density
from partialpool.pymc_model.covariance import block_cholesky, lkj_cholesky, partial_concentrations
from partialpool.sampling.mixing import bulk_ess, mcse_mean

SIZES = [(2, 1.0), (3, 2.0), (4, 1.0)]


@pytest.fixture(scope="module")
def sampled():
    with pm.Model() as model:
        for n, eta in SIZES:
            rows = lkj_cholesky(f"partial_{n}", n, eta)
            factor = pt.stack([pt.stack(row) for row in rows])
            pm.Deterministic(f"corr_{n}", factor @ factor.T)
    compiled = nutpie.compile_pymc_model(model)
    return nutpie.sample(compiled, draws=2000, tune=500, chains=4, cores=2, seed=3, progress_bar=False).posterior


@pytest.mark.thorough
@pytest.mark.parametrize(("n", "eta"), SIZES)
def test_marginal_variance_by_mcmc(sampled, n, eta):
    corr = sampled[f"corr_{n}"].to_numpy()
    for i in range(n):
        for j in range(i):
            squared = corr[:, :, i, j] ** 2
            assert bulk_ess(squared) > 1000
            assert abs(squared.mean() - 1 / (2 * eta + n - 1)) < 5 * mcse_mean(squared)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_density_of_the_partials_is_the_lkj_density(n):
    """log p(partials) and log p(R) differ by the Jacobian of partials -> R, here by finite differences."""
    eta = 1.7
    concentration = partial_concentrations(n, eta)
    rng = np.random.default_rng(n)
    p = rng.uniform(0.2, 0.8, len(concentration))
    pairs = [(i, j) for i in range(1, n) for j in range(i)]

    def correlations(p):
        factor = np.zeros((n, n))
        position = 0
        for i in range(n):
            left = 1.0
            for j in range(i):
                z = 2 * p[position] - 1
                factor[i, j], left, position = z * np.sqrt(left), left * (1 - z**2), position + 1
            factor[i, i] = np.sqrt(left)
        return factor @ factor.T

    def lower(p):
        return np.array([correlations(p)[pair] for pair in pairs])

    step = 1e-6
    jacobian = np.array([(lower(p + step * e) - lower(p - step * e)) / (2 * step) for e in np.eye(len(p))]).T
    log_beta = sum(float(pm.logp(pm.Beta.dist(a, a), x).eval()) for a, x in zip(concentration, p, strict=True))
    expected = lkj_log_density(correlations(p), eta) + np.linalg.slogdet(jacobian)[1]
    assert log_beta == pytest.approx(float(expected), rel=1e-6)


def test_blocks_are_independent_of_each_other():
    with pm.Model():
        factor = block_cholesky("g", [(0, 2), (1,), (3, 4)], 5, Prior("LKJ", eta=2))
    corr = (factor @ factor.T).eval()
    np.testing.assert_allclose(np.diag(corr), 1.0, atol=1e-12)
    outside = [(i, j) for i in range(5) for j in range(i) if (j, i) not in [(0, 2), (3, 4)]]
    assert all(corr[i, j] == 0 for i, j in outside)
    assert corr[2, 0] != 0
    assert corr[4, 3] != 0
