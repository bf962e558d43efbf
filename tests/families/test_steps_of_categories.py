"""The families sratio and acat against closed forms: binary responses, a softmax written out, and quadrature."""

import numpy as np
import pytest
from scipy import integrate, stats

from partialpool.families.given import Given
from partialpool.families.links import LINKS
from partialpool.families.registry import FAMILIES

STEPS = [(name, link) for name in ("sratio", "acat") for link in FAMILIES[name].links]
CUTPOINTS = {
    "ascending": [-1.0, 0.2, 1.1],
    "descending": [2.0, 0.3, -1.5],
    "alike": [0.4] * 4,
    "ten categories": [1.0, -2.0, 0.5, 0.0, 3.0, -1.0, 0.3, -0.4, 2.0],
}


def given(link, eta, cutpoints):
    return Given(LINKS[link], np.atleast_2d(eta), {"cutpoints": np.atleast_2d(cutpoints)})


def shares_by_hand(name, link, cutpoints, eta):
    if name == "sratio":
        stop = [*(LINKS[link].inverse(np.array(c - eta)) for c in cutpoints), 1.0]
        return np.array([q * np.prod([1 - earlier for earlier in stop[:k]]) for k, q in enumerate(stop)])
    weights = np.array([np.exp(sum(eta - c for c in cutpoints[:k])) for k in range(len(cutpoints) + 1)])
    return weights / weights.sum()


@pytest.mark.parametrize("link", FAMILIES["sratio"].links)
def test_sratio_is_binary_regressions_of_the_steps_with_one_slope(link):
    """Three categories: whether a row leaves the first, and of those that do, whether it leaves the second."""
    rng = np.random.default_rng(1)
    eta, cutpoints, y = rng.normal(size=50), [0.3, -0.8], rng.integers(0, 3, 50)
    bernoulli = FAMILIES["bernoulli"]
    stops = [(eta, cutpoints[0], y == 0), (eta[y > 0], cutpoints[1], y[y > 0] == 1)]
    expected = sum(
        bernoulli.log_density(Given(LINKS[link], (c - x)[None], {}), stop.astype(float)).sum() for x, c, stop in stops
    )
    assert FAMILIES["sratio"].log_density(given(link, eta, cutpoints), y).sum() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("name", "link"), STEPS)
@pytest.mark.parametrize("cutpoints", CUTPOINTS.values(), ids=CUTPOINTS)
def test_probabilities_are_those_written_out(name, link, cutpoints):
    eta = np.array([-1.3, 0.0, 0.8])
    expected = [shares_by_hand(name, link, cutpoints, x) for x in eta]
    found = FAMILIES[name].mean(LINKS[link], eta[None], None, {"cutpoints": np.array([cutpoints])})[0]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)
    logs = FAMILIES[name].log_shares(given(link, eta, cutpoints))[0]
    np.testing.assert_allclose(np.exp(logs), expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(("name", "link"), STEPS)
@pytest.mark.parametrize("cutpoints", CUTPOINTS.values(), ids=CUTPOINTS)
def test_means_over_a_normal_agree_with_adaptive_quadrature(name, link, cutpoints):
    eta, sds = np.array([[-1.0, 0.4, 2.0]] * 4), np.array([0.0, 0.4, 1.5, 5.0])
    spread = np.broadcast_to(sds[:, None] ** 2, eta.shape)
    own = {"cutpoints": np.array([cutpoints] * 4)}
    found = FAMILIES[name].mean(LINKS[link], eta, spread, own)
    np.testing.assert_allclose(found.sum(axis=2), 1.0, rtol=1e-12)
    assert (found >= 0).all()
    for d, sd in enumerate(sds):
        for i, centre in enumerate(eta[d]):
            if sd == 0:
                expected = shares_by_hand(name, link, cutpoints, centre)
            else:
                weighted = lambda z: stats.norm.pdf(z) * shares_by_hand(name, link, cutpoints, centre + sd * z)  # noqa: B023, E731
                expected = integrate.quad_vec(weighted, -9, 9, epsabs=1e-11, points=[0.0])[0]
            np.testing.assert_allclose(found[d, i], expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize(("name", "link"), STEPS)
def test_a_larger_predictor_makes_higher_categories_more_probable(name, link):
    p = np.exp(FAMILIES[name].log_shares(given(link, np.linspace(-2, 2, 9), CUTPOINTS["descending"])))[0]
    at_least = np.cumsum(p[:, ::-1], axis=1)[:, :-1]
    assert (np.diff(at_least, axis=0) > 0).all()


@pytest.mark.parametrize(("name", "link"), STEPS)
def test_the_information_is_the_expected_square_of_the_slope(name, link):
    family, eta, h = FAMILIES[name], np.array([-1.0, 0.0, 1.3]), 1e-5
    logs, up, down = (family.log_shares(given(link, eta + move, CUTPOINTS["ascending"])) for move in (0.0, h, -h))
    expected = (np.exp(logs) * ((up - down) / (2 * h)) ** 2).sum(axis=2)
    found = family.row_information(given(link, eta, CUTPOINTS["ascending"]))
    np.testing.assert_allclose(found, expected, rtol=1e-7)
