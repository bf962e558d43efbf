"""Censored rows: log probabilities against numeric integration and SciPy, and kernels against those."""

import numpy as np
import pytest
from scipy import special

from checks.bounded_rows import CASES, COUNTS, frozen, given_of, probability
from partialpool.families.censored import log_density_of_censored, tails_of_censored
from partialpool.families.registry import FAMILIES
from partialpool.families.row_kernels.load import load_censored_row_kernels, load_row_kernels

CENSORED = [name for name, family in FAMILIES.items() if family.censored_row_kernels]


def rows_of(name, link, n=48, seed=1):
    """Return linear predictors, responses and other ends, a quarter of the rows each of every kind."""
    rng = np.random.default_rng(seed)
    eta = rng.uniform(0.2, 3.0, n) if link in ("inverse", "sqrt") else rng.normal(0, 0.5, n)
    if name in COUNTS:
        y = rng.poisson(2, n).astype(float)
        end = np.select([np.arange(n) % 4 == k for k in (0, 1, 2)], [y, np.inf, -np.inf], y + rng.integers(1, 6, n))
        return eta, y, end
    y = rng.lognormal(0, 0.7, n)
    end = np.select([np.arange(n) % 4 == k for k in (0, 1, 2)], [y, np.inf, -np.inf], y * rng.uniform(1.1, 4, n))
    return eta, y, end


def log_density(name, link, own, eta, y, end):
    return log_density_of_censored(FAMILIES[name], given_of(name, link, own, eta), y, end)[0]


def test_every_family_with_kernels_of_censored_rows_is_among_the_cases():
    assert set(CENSORED) == {name for name, *_ in CASES}
    for name in CENSORED:
        assert {link for one, link, _ in CASES if one == name} == set(FAMILIES[name].links)


@pytest.mark.parametrize(("name", "link", "own"), CASES)
def test_a_censored_row_has_the_integral_of_the_density(name, link, own):
    eta, y, end = rows_of(name, link)
    found = log_density(name, link, own, eta, y, end)
    checked = 0
    for i in range(len(y)):
        new = frozen(name, link, own, eta[i])
        if end[i] == y[i]:
            expected = new.pmf(y[i]) if name in COUNTS else new.pdf(y[i])
        else:
            low, high = (y[i], end[i]) if end[i] > y[i] else (-np.inf, y[i])
            expected = probability(name, new, low, high)
        if expected > 1e-6:
            assert np.exp(found[i]) == pytest.approx(expected, rel=1e-8)
            checked += 1
    assert checked > 30


@pytest.mark.parametrize(("name", "link", "own"), CASES)
def test_the_probabilities_below_at_and_above_sum_to_one(name, link, own):
    eta, y, end = rows_of(name, link)
    below, at, above = tails_of_censored(FAMILIES[name], given_of(name, link, own, eta), y, end)
    assert below + at + above == pytest.approx(np.ones((1, len(y))), abs=1e-12)
    right, left, seen = end == np.inf, end == -np.inf, end == y
    assert not above[0, right].any()
    assert not below[0, left].any()
    assert at[0, seen].any() == (name in COUNTS)


@pytest.mark.parametrize(("name", "link", "own"), CASES)
def test_kernels_agree_with_the_density_and_its_differences(name, link, own):
    eta, y, end = rows_of(name, link)
    own = np.array(own)
    kernels = load_censored_row_kernels(FAMILIES[name], link)
    slope, information, own_slope = np.empty(len(y)), np.empty(len(y)), np.empty(len(own))
    value = kernels.rows(y, end, eta, own, slope, information, own_slope) + kernels.constant(y, end)
    assert value == pytest.approx(log_density(name, link, own, eta, y, end).sum(), rel=1e-12)

    h = 1e-5
    up, down = (log_density(name, link, own, eta + step, y, end) for step in (h, -h))
    assert slope == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-6)
    if not (name == "student_t" or link == "sqrt" or (name, link) == ("gaussian", "log")):  # no second derivatives
        shifted = [np.empty(len(y)), np.empty(len(y))]
        for out, step in zip(shifted, (h, -h), strict=True):
            kernels.rows(y, end, eta + step, own, out, np.empty(len(y)), np.empty(len(own)))
        assert information == pytest.approx((shifted[1] - shifted[0]) / (2 * h), rel=1e-6, abs=1e-6)
    for k in range(len(own)):
        step = h * np.eye(len(own))[k]
        sums = [log_density(name, link, own + sign * step, eta, y, end).sum() for sign in (1, -1)]
        assert own_slope[k] == pytest.approx((sums[0] - sums[1]) / (2 * h), rel=1e-6, abs=1e-5)


@pytest.mark.parametrize(("name", "link", "own"), [case for case in CASES if case[2]])
def test_kernels_of_each_row_agree_with_those_of_all(name, link, own):
    eta, y, end = rows_of(name, link)
    own = np.array(own)
    kernels = load_censored_row_kernels(FAMILIES[name], link)
    slope, information, own_slope = np.empty(len(y)), np.empty(len(y)), np.empty(len(own))
    value = kernels.rows(y, end, eta, own, slope, information, own_slope)
    values = np.concatenate([eta[None], np.repeat(own[:, None], len(y), axis=1)])
    slopes, informations = np.empty_like(values), np.empty_like(values)
    assert kernels.each(y, end, values, slopes, informations) == value
    assert slopes[0].tolist() == slope.tolist()
    assert slopes[1:].sum(axis=1) == pytest.approx(own_slope)
    assert (informations > 0).all()


@pytest.mark.parametrize(("name", "link", "own"), CASES)
def test_rows_that_were_all_seen_have_the_density_of_the_plain_kernels(name, link, own):
    eta, y, _ = rows_of(name, link)
    own, none = np.array(own), np.empty(0)
    found = []
    for kernels, known in (
        (load_censored_row_kernels(FAMILIES[name], link), y),
        (load_row_kernels(FAMILIES[name], link), none),
    ):
        slope, own_slope = np.empty(len(y)), np.empty(len(own))
        value = kernels.rows(y, known, eta, own, slope, np.empty(len(y)), own_slope) + kernels.constant(y, known)
        found.append((value, slope, own_slope))
    (value, slope, own_slope), (plain, plain_slope, plain_own) = found
    assert value == pytest.approx(plain, rel=1e-12)
    assert slope == pytest.approx(plain_slope, rel=1e-10, abs=1e-12)
    assert own_slope == pytest.approx(plain_own, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize(
    ("y", "end"),
    [(30.0, np.inf), (-30.0, -np.inf), (25.0, 26.0), (-26.0, -25.0), (8.0, np.inf), (1.0, 1.0 + 1e-9), (-12.0, 12.0)]
    + [(0.5, 0.5005), (20.0, 20.0 + 1e-4), (-0.4, -0.399)],
)
def test_the_normal_keeps_its_digits_far_out_and_in_narrow_intervals(y, end):
    low, high = (y, end) if end > y else (-np.inf, y)
    near = min((low, high, 0.0 if low < 0 < high else low), key=abs)
    # Relative to the density at the end that is nearer to the middle, so that nothing underflows.
    start, width = max(low, near - 40), min(high, near + 40) - max(low, near - 40)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    z = start + width * ((np.arange(800)[:, None] + 0.5 + 0.5 * nodes) / 800)
    p = float((np.exp(-0.5 * (z - near) * (z + near)) * weights).sum() * width / 1600)
    phi = [np.exp(-0.5 * (at - near) * (at + near)) / p if np.isfinite(at) else 0.0 for at in (low, high)]
    turned = sum(sign * at * r for sign, at, r in zip((-1, 1), (low, high), phi, strict=True) if np.isfinite(at))
    exact = np.log(p) - 0.5 * near**2 - 0.5 * np.log(2 * np.pi), phi[0] - phi[1], -turned
    kernels = load_censored_row_kernels(FAMILIES["gaussian"], "identity")
    slope, own_slope = np.empty(1), np.empty(1)
    value = kernels.rows(np.array([y]), np.array([end]), np.zeros(1), np.ones(1), slope, np.empty(1), own_slope)
    lost = 1e-15 / min(width, 1.0)  # the difference above has the rounding errors of two densities over p
    assert value == pytest.approx(exact[0], rel=1e-11, abs=1e-12)
    assert slope[0] == pytest.approx(exact[1], rel=1e-11, abs=1e-12 + lost)
    assert own_slope[0] == pytest.approx(exact[2], rel=1e-11, abs=1e-12 + lost)


@pytest.mark.parametrize("alpha", [0.3, 1.0, 8.0])
@pytest.mark.parametrize("w", [-800.0, -60.0, -1e-3, 2.0, 6.0])
def test_the_weibull_keeps_its_digits_where_probabilities_underflow(alpha, w):
    eta = float(special.gammaln(1 + 1 / alpha) - w / alpha)  # y = 1
    kernels = load_censored_row_kernels(FAMILIES["weibull"], "log")
    hazard = np.exp(w)
    left = w if w < -40 else np.log(-np.expm1(-hazard)) if hazard < 1 else np.log1p(-np.exp(-hazard))
    of_left = -alpha if w < -40 else -alpha * hazard / np.expm1(hazard)
    for end, expected, of_eta in ((-np.inf, left, of_left), (np.inf, -hazard, alpha * hazard)):
        slope = np.empty(1)
        value = kernels.rows(
            np.ones(1), np.array([end]), np.array([eta]), np.array([alpha]), slope, np.empty(1), np.empty(1)
        )
        assert value == pytest.approx(expected, rel=1e-9, abs=1e-300)
        assert slope[0] == pytest.approx(of_eta, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(
    ("y", "end", "mean"), [(900, np.inf, 20), (3, -np.inf, 2000), (700, 705, 20), (0, np.inf, 1e-200)]
)
def test_counts_keep_their_digits_where_probabilities_underflow(y, end, mean):
    low, high = (y + 1, end) if end > y else (0, y)
    counts = np.arange(low, min(high, low + 400) + 1)
    terms = counts * np.log(mean) - special.gammaln(counts + 1)
    expected, middle = special.logsumexp(terms) - mean, np.average(counts, weights=np.exp(terms - terms.max()))
    eta, y, end = np.log([float(mean)]), np.array([float(y)]), np.array([float(end)])
    slope = np.empty(1)
    found = load_censored_row_kernels(FAMILIES["poisson"], "log").rows(
        y, end, eta, np.empty(0), slope, np.empty(1), np.empty(0)
    )
    assert found == pytest.approx(expected, rel=1e-12)
    assert slope[0] == pytest.approx(middle - mean, rel=1e-9)
    assert log_density("poisson", "log", [], eta, y, end)[0] == pytest.approx(expected, rel=1e-11)


def test_a_family_without_such_kernels_says_so():
    with pytest.raises(NotImplementedError, match="no compiled row kernel"):
        load_censored_row_kernels(FAMILIES["bernoulli"], "logit")
