"""Cutpoints and the probabilities of categories determine each other, in NumPy and in PyTensor."""

import numpy as np
import pytensor.tensor as pt
import pytest

from partialpool.families.cutpoints import ADJACENT, CUMULATIVE, SEQUENTIAL
from partialpool.families.given import Given
from partialpool.families.links import LINKS
from partialpool.families.registry import FAMILIES

CASES = [(name, link) for name, family in FAMILIES.items() if family.has_cutpoints for link in family.links]
SHARES = np.array([[0.1, 0.2, 0.3, 0.4], [0.6, 0.01, 0.3, 0.09], [0.25, 0.25, 0.25, 0.25]])


@pytest.mark.parametrize(("name", "link"), CASES)
def test_cutpoints_at_shares_have_these_shares(name, link):
    meaning = FAMILIES[name].cutpoints
    cutpoints = meaning.at_shares(LINKS[link], SHARES)
    np.testing.assert_allclose(meaning.shares(LINKS[link], cutpoints), SHARES, rtol=1e-12)
    for shares, own in zip(SHARES, cutpoints, strict=True):
        tensor = meaning.tensor_at_shares(LINKS[link], pt.constant(shares), pt)
        np.testing.assert_allclose(tensor.eval(), own, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("name", "link"), CASES)
def test_shares_are_the_family_s_probabilities_at_a_predictor_of_zero(name, link):
    family, cutpoints = FAMILIES[name], np.array([[-1.0, 0.2, 1.1]])
    given = Given(LINKS[link], np.zeros((1, 1)), {"cutpoints": cutpoints})
    p = np.exp([family.log_density(given, np.array([k]))[0, 0] for k in range(4)])
    np.testing.assert_allclose(family.cutpoints.shares(LINKS[link], cutpoints)[0], p, rtol=1e-12)


def test_events_have_the_stated_probabilities():
    p = SHARES[0]
    np.testing.assert_allclose(CUMULATIVE.event_chances(p), [0.1, 0.3, 0.6])
    np.testing.assert_allclose(SEQUENTIAL.event_chances(p), [0.1, 0.2 / 0.9, 0.3 / 0.7])
    np.testing.assert_allclose(ADJACENT.event_chances(p), [0.1 / 0.3, 0.2 / 0.5, 0.3 / 0.7])


def test_a_family_without_cutpoints_has_no_meaning_of_them():
    assert not FAMILIES["poisson"].has_cutpoints
    with pytest.raises(TypeError, match="poisson has no cutpoints"):
        _ = FAMILIES["poisson"].cutpoints
