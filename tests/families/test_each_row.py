"""Row kernels whose parameters differ from row to row equal exact arithmetic, row by row."""

import numpy as np
import pytest

from families import decimal_density as exact
from families.test_row_kernels import NONE, OWN, given, simulated
from partialpool.families.registry import FAMILIES
from partialpool.families.row_kernels.load import load_row_kernels

CASES = [
    (family, link)
    for family in FAMILIES.values()
    for link in family.links
    if load_row_kernels(family, link).each is not None
]
EVERY = pytest.mark.parametrize(("family", "link"), CASES, ids=[f"{family.name}-{link}" for family, link in CASES])


def own_of_each_row(family, rows, seed=4):
    """Parameters about those of `OWN`, within 0 and 1 where these are."""
    rng = np.random.default_rng(seed)
    low, high = 0.4, {"zi": 2.5, "hu": 2.5}
    return np.array([OWN[name][0] * rng.uniform(low, high.get(name, 3.0), rows) for name, _ in family.parameters])


def evaluate(family, link, y, known, values):
    slopes, informations = np.empty_like(values), np.empty_like(values)
    kernels = load_row_kernels(family, link)
    log_p = kernels.each(y, known, values, slopes, informations)
    return log_p + kernels.constant(y, known), slopes, informations


@EVERY
def test_value_and_slopes_are_those_of_exact_arithmetic(family, link):
    eta, known, y = simulated(family, link, rows=24)
    own = own_of_each_row(family, 24)
    log_p, slopes, informations = evaluate(family, link, y, known, np.vstack([eta, own]))
    of_row = known if len(known) else [None] * 24
    rows = [(family.name, link, *row, values) for *row, values in zip(y, of_row, eta, own.T, strict=True)]
    expected = np.array([exact.log_density(*row) for row in rows])
    assert log_p == pytest.approx(expected.sum(), rel=0, abs=1e-13 * np.abs(expected).sum())
    assert slopes[0] == pytest.approx([exact.slope(*row) for row in rows], rel=1e-11, abs=1e-13)
    own_slopes = np.array([exact.own_slopes(*row) for row in rows])
    np.testing.assert_allclose(slopes[1:].T, own_slopes, rtol=1e-9, atol=1e-12)
    assert np.isfinite(informations).all()
    assert (informations > 0).all()


@EVERY
def test_rows_of_equal_parameters_are_those_of_the_other_kernel(family, link):
    eta, known, y = simulated(family, link, rows=50)
    own = np.array([OWN[name][0] for name, _ in family.parameters])
    values = np.vstack([eta, np.repeat(own[:, None], 50, axis=1)])
    log_p, slopes, informations = evaluate(family, link, y, known, values)
    kernels = load_row_kernels(family, link)
    slope, information, own_slope = np.empty(50), np.empty(50), np.empty(len(own))
    same = kernels.rows(y, known, eta, own, slope, information, own_slope) + kernels.constant(y, known)
    assert log_p == pytest.approx(same, rel=1e-12)
    assert slopes[0] == pytest.approx(slope, rel=1e-12, abs=1e-14)
    assert informations[0] == pytest.approx(information, rel=1e-12)
    assert slopes[1:].sum(axis=1) == pytest.approx(own_slope, rel=1e-9, abs=1e-9)


@EVERY
def test_the_informations_of_the_parameters_are_near_the_expected_squares_of_their_slopes(family, link):
    """Within a factor of three: they serve coordinates only."""
    at = np.repeat(given(family, link, np.array([0.9])).eta[0], 200_000)
    own = np.array([OWN[name][0] for name, _ in family.parameters])
    known = np.full(len(at), 8.0) if family.kind == "successes" else NONE
    y = family.draw(given(family, link, at, known), np.random.default_rng(5))[0]
    values = np.vstack([at, np.repeat(own[:, None], len(at), axis=1)])
    _, slopes, informations = evaluate(family, link, y, known, values)
    ratio = informations[1:].mean(axis=1) / (slopes[1:] ** 2).mean(axis=1)
    assert ((ratio > 1 / 3) & (ratio < 3)).all()


@EVERY
def test_parameters_outside_their_domain_are_impossible(family, link):
    eta, known, y = simulated(family, link, rows=6)
    values = np.vstack([eta, own_of_each_row(family, 6)])
    for k, (name, _) in enumerate(family.parameters):
        for bad in (np.nan, np.inf, -1.0, 0.0, *((1.0,) if family.parameter_links.get(name) == "logit" else ())):
            changed = values.copy()
            changed[1 + k, 3] = bad
            assert evaluate(family, link, y, known, changed)[0] == -np.inf
