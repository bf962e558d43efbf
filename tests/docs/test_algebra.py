"""The formulas of docs/collapsed.md, in its notation, against dense matrices, densities and differences."""

import numpy as np
import pytest
from scipy import stats

N, J, SIGMA = 60, 7, 0.8
SD, R = np.array([1.3, 0.6]), -0.4


@pytest.fixture(scope="module")
def rows():
    """A leaf with intercept and slope, Z; the rest: a crossed factor of four levels and a coefficient."""
    rng = np.random.default_rng(8)
    g, h, x = rng.integers(0, J, N), rng.integers(0, 4, N), rng.normal(size=N)
    z = np.zeros((N, 2 * J))
    z[np.arange(N), 2 * g], z[np.arange(N), 2 * g + 1] = 1.0, x
    rest = np.column_stack([np.eye(4)[h], x])
    return z, rest, rng.normal(size=N) * 2


def root(sd=SD, r=R):
    """A level's block of Lambda, diag(sd) T, and T."""
    t = np.array([[1.0, 0.0], [r, np.sqrt(1 - r * r)]])
    return np.diag(sd) @ t, t


def whole(leaf):
    """Lambda: of the leaf's levels, of the crossed factor, of the coefficient."""
    return np.block(
        [[np.kron(np.eye(J), leaf), np.zeros((2 * J, 5))], [np.zeros((5, 2 * J)), np.diag([0.5] * 4 + [2.0])]]
    )


def log_density(rows, sd=SD, r=R, sigma=SIGMA):
    """Log density by a multivariate normal distribution of all rows."""
    z, rest, y = rows
    half = np.hstack([z, rest]) @ whole(root(sd, r)[0])
    return stats.multivariate_normal(np.zeros(N), half @ half.T + sigma**2 * np.eye(N)).logpdf(y)


@pytest.fixture(scope="module")
def given(rows):
    """W, r, Lambda, A, L, c; mean and covariance of u."""
    z, rest, r = rows
    w, big = np.hstack([z, rest]), whole(root()[0])
    a = np.eye(big.shape[1]) + big.T @ w.T @ w @ big / SIGMA**2
    lower = np.linalg.cholesky(a)
    c = np.linalg.solve(lower, big.T @ w.T @ r / SIGMA**2)
    return w, r, big, a, lower, c, np.linalg.solve(lower.T, c), np.linalg.inv(a)


def test_the_log_density_is_that_of_a_normal_of_all_rows(rows, given):
    _, r, _, _, lower, c, _, _ = given
    found = -0.5 * (N * np.log(2 * np.pi * SIGMA**2) + 2 * np.log(np.diag(lower)).sum() + r @ r / SIGMA**2 - c @ c)
    assert found == pytest.approx(log_density(rows), rel=1e-10)


def test_elimination_of_the_leaf_leaves_the_schur_complement(rows, given):
    z, rest, _ = rows
    a, (leaf, _) = given[3], root()
    left = rest.T @ rest
    for j in range(J):
        z_j = z[:, 2 * j : 2 * j + 2]
        l_j = np.linalg.cholesky(np.eye(2) + leaf.T @ z_j.T @ z_j @ leaf / SIGMA**2)
        f_j = np.linalg.solve(l_j, leaf.T @ (z_j.T @ rest)) / SIGMA
        left = left - f_j.T @ f_j
    smaller = whole(leaf)[2 * J :, 2 * J :]
    k = 2 * J
    schur = a[k:, k:] - a[k:, :k] @ np.linalg.solve(a[:k, :k], a[:k, k:])
    np.testing.assert_allclose(np.eye(5) + smaller.T @ left @ smaller / SIGMA**2, schur, rtol=1e-10, atol=1e-12)


def slope(function, at, step=1e-5):
    return (function(at + step) - function(at - step)) / (2 * step)


def excess(given):
    """M_f - J_f I of the leaf."""
    *_, mean, cov = given
    second = cov + np.outer(mean, mean)
    return sum(second[2 * j : 2 * j + 2, 2 * j : 2 * j + 2] for j in range(J)) - J * np.eye(2)


def test_the_gradient_along_sds_and_correlation_is_that_of_differences(rows, given):
    _, t = root()
    by_sd = np.diag(t @ excess(given) @ np.linalg.inv(t))
    for k in range(2):
        unit = np.eye(2)[k]
        expected = slope(lambda x, unit=unit: log_density(rows, sd=SD * np.exp(x * unit)), 0.0)
        assert by_sd[k] == pytest.approx(expected, rel=1e-6)
    dt = slope(lambda r: root(r=r)[1], R)
    expected = slope(lambda r: log_density(rows, r=r), R)
    assert np.trace(excess(given) @ np.linalg.inv(t) @ dt) == pytest.approx(expected, rel=1e-6)


def test_the_gradient_along_sigma_is_that_of_differences(rows, given):
    w, r, big, _, _, c, mean, cov = given
    residual = r - w @ big @ mean
    squared = residual @ residual + np.trace(big.T @ w.T @ w @ big @ cov)
    expected = slope(lambda x: log_density(rows, sigma=SIGMA * np.exp(x)), 0.0)
    assert squared / SIGMA**2 - N == pytest.approx(expected, rel=1e-6)
    short = r @ r / SIGMA**2 - c @ c + len(mean) - (np.trace(cov) + mean @ mean) - N
    assert short == pytest.approx(expected, rel=1e-6)


def test_the_rotation_of_related_levels_makes_them_and_their_copy_diagonal():
    rng = np.random.default_rng(3)
    h = np.linalg.cholesky(np.cov(rng.normal(size=(5, 9))))
    codes = np.repeat(np.arange(5), 3)
    z = np.eye(5)[codes]
    p = np.eye(5)[rng.permutation(5)]
    values, v = np.linalg.eigh(h.T @ z.T @ z @ h)
    r = h @ v
    np.testing.assert_allclose(r @ r.T, h @ h.T, atol=1e-12)
    np.testing.assert_allclose(r.T @ z.T @ z @ r, np.diag(values), atol=1e-12)
    u, d, vt = np.linalg.svd(h)
    np.testing.assert_allclose(vt @ h.T @ (z.T @ z @ p) @ (p.T @ u), 3 * np.diag(d), atol=1e-12)
