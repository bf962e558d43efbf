"""Truncated rows: densities, tails, means and draws against SciPy and sums, kernels against those."""

import numpy as np
import pytest
from scipy import stats

from checks.bounded_rows import CASES, COUNTS, frozen, given_of, integral, probability
from partialpool.families.registry import FAMILIES
from partialpool.families.row_kernels.load import load_censored_row_kernels
from partialpool.families.row_kernels.within_bounds import known_of_rows
from partialpool.families.truncated import clipped, draw_within, log_density_of_truncated, tails_of_truncated

REAL = ("gaussian", "student_t")


def rows_of(name, link, n=24, seed=1):
    """Return linear predictors, responses, other ends and bounds: a quarter of the rows have two, one, one and none.

    Every third row is censored.
    """
    rng = np.random.default_rng(seed)
    eta = rng.uniform(0.2, 3.0, n) if link in ("inverse", "sqrt") else rng.normal(0, 0.5, n)
    counts = name in COUNTS
    y = rng.poisson(2, n).astype(float) if counts else rng.lognormal(0, 0.7, n)
    low = y - rng.integers(1, 3, n) if counts else y * rng.uniform(0.2, 0.9, n)
    high = y + rng.integers(1, 5, n) if counts else y * rng.uniform(1.1, 3, n)
    low[np.arange(n) % 4 > 1], high[np.arange(n) % 4 % 2 == 1] = -np.inf, np.inf
    low[(low < 0) & (name not in REAL)] = -np.inf
    end = y.copy()
    for at, known in ((1, np.inf), (2, -np.inf)):
        some = np.arange(n) % 9 == at
        end[some] = known
    return eta, y, end, low, high


def log_density(name, link, own, eta, y, end, low, high):
    return log_density_of_truncated(FAMILIES[name], given_of(name, link, own, eta), y, end, (low, high))[0]


@pytest.mark.parametrize(("name", "link", "own"), CASES)
def test_a_truncated_row_has_the_density_over_the_probability_of_its_bounds(name, link, own):
    eta, y, end, low, high = rows_of(name, link)
    found = log_density(name, link, own, eta, y, end, low, high)
    checked = 0
    for i in range(len(y)):
        new = frozen(name, link, own, eta[i])
        whole = probability(name, new, low[i], high[i])
        if whole < 1e-5:
            continue
        if end[i] == y[i]:
            known = new.pmf(y[i]) if name in COUNTS else new.pdf(y[i])
        else:
            a, b = (y[i], np.inf) if end[i] > y[i] else (-np.inf, y[i])
            known = probability(name, new, max(a, low[i]), min(b, high[i]))
        if known > 1e-7:
            assert np.exp(found[i]) == pytest.approx(known / whole, rel=1e-7)
            checked += 1
    assert checked > 10


@pytest.mark.parametrize(("name", "link", "own"), CASES)
def test_the_probabilities_below_at_and_above_are_those_within_the_bounds(name, link, own):
    eta, y, end, low, high = rows_of(name, link)
    given = given_of(name, link, own, eta)
    below, at, above = (part[0] for part in tails_of_truncated(FAMILIES[name], given, y, end, (low, high)))
    assert below + at + above == pytest.approx(np.ones(len(y)), abs=1e-10)
    for i in np.flatnonzero(end == y):
        new = frozen(name, link, own, eta[i])
        whole = probability(name, new, low[i], high[i])
        if whole > 1e-5:
            assert above[i] == pytest.approx(probability(name, new, max(y[i], low[i]), high[i]) / whole, abs=1e-7)
    assert not above[(end == np.inf)].any()
    assert not below[(end == -np.inf)].any()


@pytest.mark.parametrize(("name", "link", "own"), CASES)
def test_the_mean_is_that_of_the_truncated_distribution(name, link, own):
    eta, _, _, low, high = rows_of(name, link)
    found = FAMILIES[name].mean_within(given_of(name, link, own, eta), low, high)[0]
    checked = 0
    for i in range(len(eta)):
        new = frozen(name, link, own, eta[i])
        if name in COUNTS:
            k = np.arange(20_000)
            p = new.pmf(k) * ((k > low[i]) & (k <= high[i]))
            whole, moment = p.sum(), (p * k).sum()
        else:
            whole = probability(name, new, low[i], high[i])
            moment = integral(lambda x: x * new.pdf(x), new, low[i], high[i])  # noqa: B023
        if whole > 1e-3:
            assert found[i] == pytest.approx(moment / whole, rel=1e-6)
            checked += 1
    assert checked > 10


@pytest.mark.parametrize(("name", "link", "own"), CASES)
def test_kernels_agree_with_the_density_and_its_differences(name, link, own):
    eta, y, end, low, high = rows_of(name, link)
    own = np.array(own)
    y, end = clipped(y, end, low, high)
    known = known_of_rows(end, (low, high))
    kernels = load_censored_row_kernels(FAMILIES[name], link)
    slope, information, own_slope = np.empty(len(y)), np.empty(len(y)), np.empty(len(own))
    value = kernels.rows(y, known, eta, own, slope, information, own_slope) + kernels.constant(y, known)
    assert value == pytest.approx(log_density(name, link, own, eta, y, end, low, high).sum(), rel=1e-11)
    assert (information > 0).all()

    h = 1e-5
    up, down = (log_density(name, link, own, eta + step, y, end, low, high) for step in (h, -h))
    assert slope == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=2e-6)
    for k in range(len(own)):
        step = h * own[k] * np.eye(len(own))[k]
        sums = [log_density(name, link, own + sign * step, eta, y, end, low, high).sum() for sign in (1, -1)]
        assert own_slope[k] == pytest.approx((sums[0] - sums[1]) / (2 * step[k]), rel=1e-6, abs=2e-5)
    if kernels.each is not None:
        values = np.concatenate([eta[None], np.repeat(own[:, None], len(y), axis=1)])
        slopes, informations = np.empty_like(values), np.empty_like(values)
        assert kernels.each(y, known, values, slopes, informations) + kernels.constant(y, known) == value
        assert slopes[1:].sum(axis=1) == pytest.approx(own_slope)


@pytest.mark.parametrize(
    ("name", "link", "own"),
    [case for case in CASES if case[1] != "sqrt" and case[:2] != ("gaussian", "log") and case[0] != "student_t"],
)
def test_the_information_is_the_expected_one_given_the_bounds(name, link, own):
    """Average -d^2 log p over draws within bounds; where it does not depend on y, it is exact."""
    n = 2000
    rng = np.random.default_rng(5)
    eta = np.full(n, 1.3 if link == "inverse" else 0.4)
    given = given_of(name, link, own, eta)
    low, high = (np.full(n, 0.0 if name in COUNTS else 0.5), np.full(n, 4.0))
    y = draw_within(FAMILIES[name], given, low, high, rng)[0]
    kernels = load_censored_row_kernels(FAMILIES[name], link)
    slope, information = np.empty(n), np.empty(n)
    kernels.rows(y, known_of_rows(y, (low, high)), eta, np.array(own), slope, information, np.empty(len(own)))
    squares = slope**2  # of expectation equal to the information
    assert slope.mean() == pytest.approx(0.0, abs=5 * slope.std() / np.sqrt(n))
    assert squares.mean() == pytest.approx(information.mean(), abs=5 * squares.std() / np.sqrt(n))


@pytest.mark.parametrize(("name", "link", "own"), CASES)
@pytest.mark.parametrize("far", [False, True])
def test_draws_within_bounds_have_their_distribution(name, link, own, far):
    """Tail probabilities of draws are uniform, also where nearly every draw without bounds is outside them."""
    n = 1500
    rng = np.random.default_rng(7)
    eta = np.full(n, 1.3 if link in ("inverse", "sqrt") else 0.0)
    given = given_of(name, link, own, eta)
    new = frozen(name, link, own, eta[0])
    low = np.full(n, float(new.isf(1e-6 if far else 0.6)))
    high = np.where(np.arange(n) % 2 == 0, np.inf, low + (3 if name in COUNTS else 1))
    y = draw_within(FAMILIES[name], given, low, high, rng)[0]
    assert (y > low).all()
    assert (y <= high).all()
    below, at, above = (part[0] for part in tails_of_truncated(FAMILIES[name], given, y, y, (low, high)))
    u = below + rng.random(n) * at
    assert (u + above < 1 + 1e-9).all()
    assert stats.kstest(u, "uniform").pvalue > 1e-6


@pytest.mark.parametrize("name", ["gaussian", "lognormal", "weibull"])
def test_draws_below_an_upper_bound_far_out_are_found(name):
    own = [0.5]
    link = FAMILIES[name].default_link
    eta, n = np.zeros(500), 500
    high = np.full(n, float(frozen(name, link, own, 0.0).ppf(1e-8)))
    given = given_of(name, link, own, eta)
    y = draw_within(FAMILIES[name], given, np.full(n, -np.inf), high, np.random.default_rng(3))[0]
    assert (y <= high).all()
    below, *_ = tails_of_truncated(FAMILIES[name], given, y, y, (np.full(n, -np.inf), high))
    assert stats.kstest(below[0], "uniform").pvalue > 1e-4


def test_rows_without_a_distribution_have_no_draw():
    given = given_of("poisson", "log", [], [np.nan, 0.0])
    with np.errstate(invalid="ignore"):
        y = draw_within(
            FAMILIES["gaussian"],
            given_of("gaussian", "identity", [1.0], [np.nan, 0.0]),
            np.full(2, 1.0),
            np.full(2, np.inf),
            np.random.default_rng(0),
        )[0]
    assert given.eta.shape == (1, 2)
    assert np.isnan(y[0])
    assert y[1] > 1


def test_far_from_the_mean_a_truncated_normal_is_exponential():
    """Beyond a bound z sds above the mean, (y - bound) z is nearly standard exponential: log p = log z, mean 1 / z."""
    z, one = 1e4, np.ones(1)
    given = given_of("gaussian", "identity", [1.0], [0.0])
    found = log_density_of_truncated(FAMILIES["gaussian"], given, z * one, z * one, (z * one, np.inf * one))
    assert found[0, 0] == pytest.approx(np.log(z), rel=1e-7)
    mean = FAMILIES["gaussian"].mean_within(given, z * one, np.inf * one)
    assert mean[0, 0] - z == pytest.approx(1 / z, rel=1e-3)


def test_counts_above_zero_are_those_of_the_zero_truncated_poisson():
    k, mean = np.arange(1.0, 9.0), 0.7
    given = given_of("poisson", "log", [], np.full(8, np.log(mean)))
    found = log_density_of_truncated(FAMILIES["poisson"], given, k, k, (np.zeros(8), np.full(8, np.inf)))[0]
    assert np.exp(found) == pytest.approx(stats.poisson(mean).pmf(k) / -np.expm1(-mean), rel=1e-12)
