"""Tails of gamma, negative binomial and Student t rows, with derivatives in their shapes, over extreme arguments.

The slow computations are sums and integrals relative to the largest term, in which nothing underflows: a sum of counts,
and for the others Gauss-Legendre rules over pieces of the logarithm of the variable.
"""

import numpy as np
import pytest
from scipy import special

from checks.bounded_rows import given_of
from partialpool.families.registry import FAMILIES
from partialpool.families.row_kernels.load import load_censored_row_kernels

NODES, WEIGHTS = np.polynomial.legendre.leggauss(30)


def kernel_row(name, link, own, eta, y, end):
    """Return log p of a censored row, its slope in eta and its slopes in the own parameters."""
    own = np.array(own, float)
    slope, own_slope = np.empty(1), np.empty(len(own))
    kernels = load_censored_row_kernels(FAMILIES[name], link)
    value = kernels.rows(np.array([y]), np.array([end]), np.array([eta]), own, slope, np.empty(1), own_slope)
    return value, slope[0], own_slope


def weighted(log_f, slopes, start, stop, pieces=4000):
    """Return the log of the integral of exp(log_f), and the averages of the slopes under it."""
    edges = np.linspace(start, stop, pieces + 1)
    x = (edges[:-1, None] + np.diff(edges)[:, None] * (NODES + 1) / 2).ravel()
    w = (np.diff(edges)[:, None] * WEIGHTS / 2).ravel()
    values = log_f(x)
    top = values.max()
    p = np.exp(values - top) * w
    return top + np.log(p.sum()), [float((p * slope(x)).sum() / p.sum()) for slope in slopes]


@pytest.mark.parametrize("alpha", [0.05, 0.7, 3.0, 80.0, 4000.0])
@pytest.mark.parametrize("ratio", [1e-6, 0.2, 0.9, 1.0, 1.1, 3.0, 40.0])
@pytest.mark.parametrize("end", [np.inf, -np.inf])
def test_tails_of_the_gamma(alpha, ratio, end):
    """With y = 1 and t = log y, the density of t is alpha-power: its derivative in alpha averages over the tail."""
    eta = -np.log(ratio)  # y / mean = ratio

    def log_f(t):
        return alpha * (t + np.log(alpha) - eta) - alpha * np.exp(t - eta) - special.gammaln(alpha)

    def of_alpha(t):
        return t - eta + np.log(alpha) + 1 - np.exp(t - eta) - special.digamma(alpha)

    def of_eta(t):
        return alpha * (np.exp(t - eta) - 1)

    up = np.log1p(900 / (alpha * max(ratio, 1.0)) + 60 / np.sqrt(alpha))
    down = min(60 / np.sqrt(alpha) + 60 / alpha, 1400.0)
    bounds = (0.0, max(eta, 0.0) + up) if end > 0 else (-max(-eta, 0.0) - down, 0.0)
    expected, (by_alpha, by_eta) = weighted(log_f, (of_alpha, of_eta), *bounds)
    value, slope, own = kernel_row("gamma", "log", [alpha], eta, 1.0, end)
    size = max(1.0, abs(special.gammaln(alpha)))  # what rounding of the slow computation is relative to
    assert value == pytest.approx(expected, rel=1e-11, abs=5e-13 * size)
    assert own[0] == pytest.approx(by_alpha, rel=1e-8, abs=1e-12 * size)
    assert slope == pytest.approx(by_eta, rel=1e-8, abs=1e-10 * size)
    log_tails = FAMILIES["gamma"].log_tails(given_of("gamma", "log", [alpha], [eta]), np.ones(1))
    assert log_tails[int(end > 0)][0, 0] == pytest.approx(value, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("alpha", [0.01, 0.5, 3.0, 200.0, 1e6])
@pytest.mark.parametrize("mean", [1e-8, 0.3, 5.0, 400.0])
@pytest.mark.parametrize("y", [0, 1, 7, 300])
@pytest.mark.parametrize("end", [np.inf, -np.inf])
def test_tails_of_the_negative_binomial(alpha, mean, y, end):
    last = y + 2000 + int(45 * (1 + mean / alpha)) if end > 0 else y
    k = np.arange(y + 1 if end > 0 else 0, last + 1, dtype=float)
    total = alpha + mean
    # log of p(k) as a sum of ratios, relative to p(0).
    steps = np.log((alpha + np.arange(last)) / (1 + np.arange(last)) * (mean / total))
    log_p = np.concatenate([[0.0], np.cumsum(steps)])[k.astype(int)] - alpha * np.log1p(mean / alpha)
    of_alpha = np.concatenate([[0.0], np.cumsum(1 / (alpha + np.arange(last)))])[k.astype(int)]
    of_alpha = of_alpha - np.log1p(mean / alpha) + (mean - k) / total
    of_eta = alpha * (k - mean) / total
    top = log_p.max()
    p = np.exp(log_p - top)
    expected = top + np.log(p.sum())
    value, slope, own = kernel_row("negative_binomial", "log", [alpha], np.log(mean), float(y), end)
    lost = 2e-13 + 1e-15 * (y + 1) * max(1.0, abs(top))
    assert value == pytest.approx(expected, rel=1e-10, abs=lost)
    by_alpha = float(np.average(of_alpha, weights=p))
    assert slope == pytest.approx(float(np.average(of_eta, weights=p)), rel=1e-8, abs=10 * lost)
    spread = float(np.average(abs(of_alpha), weights=p))
    assert own[0] == pytest.approx(by_alpha, rel=1e-8, abs=1e-9 * spread + 10 * lost / alpha)
    log_tails = FAMILIES["negative_binomial"].log_tails(
        given_of("negative_binomial", "log", [alpha], [np.log(mean)]), np.array([float(y)])
    )
    assert log_tails[int(end > 0)][0, 0] == pytest.approx(value, rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("nu", [0.3, 1.0, 4.0, 30.0, 1e4, 1e8])
@pytest.mark.parametrize("z", [0.0, 1e-9, 0.3, 1.0, 1.1, 4.0, 30.0, 1e5])
def test_tails_of_the_student_t(nu, z):
    """The tail beyond z, over u = log(z + 1) (t is a power there), and the middle as 1 less it."""

    def log_density(x):
        constant = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2) - 0.5 * np.log(nu * np.pi)
        if nu > 1e3:  # a ratio of gamma functions by its series, in which nothing cancels
            constant = -0.25 / nu + 1 / (24 * nu**3) - 0.5 * np.log(2 * np.pi)
        return constant - (nu + 1) / 2 * np.log1p(x * x / nu)

    def log_f(u):
        return log_density(np.expm1(u)) + u

    def of_nu(u):
        square = np.expm1(u) ** 2
        step = special.digamma((nu + 1) / 2) - special.digamma(nu / 2) - 1 / nu
        if nu > 1e3:
            step = 0.5 / nu**2 - 1 / (4 * nu**4)
        share = square / (nu + square)
        return 0.5 * (step - np.log1p(square / nu) + (nu + 1) / nu * share)

    start = np.log1p(z)
    rate = (nu + 1) * z * z / (nu + z * z)
    wide = 45 / rate if rate > 20 else 45 / nu + 5
    expected, (by_nu,) = weighted(log_f, (of_nu,), start, start + wide)
    value, slope, own = kernel_row("student_t", "identity", [1.0, nu], 0.0, z, np.inf)
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-11)
    assert slope == pytest.approx(np.exp(log_density(z) - expected), rel=1e-9 - 1e-15 * expected)
    if nu < 1e7:
        assert own[1] == pytest.approx(by_nu, rel=1e-6, abs=1e-12)
    assert own[0] == pytest.approx(z * slope, rel=1e-12)
    below, mirrored, own_below = kernel_row("student_t", "identity", [1.0, nu], 0.0, -z, -np.inf)
    assert below == value
    assert mirrored == -slope
    assert own_below.tolist() == pytest.approx(own.tolist(), rel=1e-14)
    rest, *_ = kernel_row("student_t", "identity", [1.0, nu], 0.0, z, -np.inf)
    assert np.exp(rest) + np.exp(value) == pytest.approx(1.0, abs=1e-15)
    log_tails = FAMILIES["student_t"].log_tails(given_of("student_t", "identity", [1.0, nu], [0.0]), np.array([z]))
    assert log_tails[1][0, 0] == pytest.approx(value, rel=1e-10, abs=1e-13)


@pytest.mark.parametrize(
    ("name", "link", "own", "eta"),
    [
        ("gamma", "log", [2.0], 0.3),
        ("gamma", "log", [50.0], 0.3),
        ("negative_binomial", "log", [2.0], 1.3),
        ("student_t", "identity", [0.7, 3.0], 0.4),
    ],
)
@pytest.mark.parametrize("y", [0.0, 1.0, 3.0, 20.0])
def test_an_interval_is_the_difference_of_its_tails(name, link, own, eta, y):
    """Two intervals that touch have the probability of both, also far out, and averages of their slopes."""
    y = max(y, 0.05) if name == "gamma" else y
    parts = [kernel_row(name, link, own, eta, a, b) for a, b in ((y, y + 2), (y + 2, y + 5), (y, y + 5))]
    shares = np.exp([parts[0][0] - parts[2][0], parts[1][0] - parts[2][0]])
    assert shares.sum() == pytest.approx(1, abs=1e-11)
    for at in (1, 2):
        average = sum(share * np.atleast_1d(part[at]) for share, part in zip(shares, parts, strict=False))
        assert average == pytest.approx(np.atleast_1d(parts[2][at]), rel=1e-9, abs=1e-11)
