"""What a probability of being the highest says: beside chance, and with its sampling error."""

import numpy as np
import pytest

from partialpool.explorer.certainty import Certainty
from partialpool.explorer.highest import leaders, ties, verdict, with_shared_ties
from partialpool.explorer.studies import Study

NONE = np.zeros(0)


@pytest.mark.parametrize(
    ("share", "levels", "expected"),
    [
        (0.55, 2, "not clearly different from chance (50\xa0%)"),
        (0.45, 2, "not clearly different from chance (50\xa0%)"),
        (0.75, 2, "likely, but we cannot be sure"),
        (0.25, 2, "less likely than by chance (50\xa0%)"),
        (0.66, 14, "likely, but we cannot be sure"),
        (0.18, 14, "more likely than by chance (7\xa0%), but we cannot be sure"),
        (0.14, 14, "not clearly different from chance (7\xa0%)"),
        (0.10, 14, "not clearly different from chance (7\xa0%)"),
        (0.02, 14, "hardly"),
        (0.97, 14, "almost certain"),
        (0.03, 200, "more likely than by chance (0.5\xa0%), but we cannot be sure"),
        (0.0, 14, "hardly"),
        (1.0, 2, "almost certain"),
    ],
)
def test_a_probability_is_related_to_chance(share, levels, expected):
    assert verdict(share, levels, 4000) == expected


def test_the_same_printed_percentage_has_the_same_verdict():
    for levels in (2, 3, 8, 14, 60):
        for percent in range(101):
            near = np.linspace(percent - 0.49, percent + 0.49, 7).clip(0, 100) / 100
            assert len({verdict(float(share), levels, 4000) for share in near}) == 1


def test_with_few_draws_less_is_said():
    assert verdict(0.7, 2, 4000) == "likely, but we cannot be sure"
    assert verdict(0.7, 2, 50) == "not clearly different from chance (50\xa0%)"


def test_levels_that_cannot_be_told_apart_lead_together():
    records = np.array([0, 1, 2, 3])
    found = Certainty(NONE, NONE, np.array([0.41, 0.40, 0.15, 0.04]), 4000.0)
    assert leaders(found, records) == ([0], [1])
    # The standard error of p - q is sqrt((p + q - (p - q)^2) / draws): 0.014 here, so that 0.05 is a difference.
    assert leaders(Certainty(NONE, NONE, np.array([0.41, 0.36, 0.19, 0.04]), 4000.0), records) == ([0], [])
    assert leaders(found, np.array([0, 1, 0, 3])) == ([0, 2], [1])


def test_equal_records_share_their_probabilities():
    records = np.array([0, 1, 0, 2])
    own = Certainty(NONE, NONE, np.array([0.5, 0.1, 0.3, 0.1]), 4000.0)
    failed = Study("half-t(3)", 1.0, np.ones_like, NONE, NONE, NONE, good=False)
    made = Study("half-t(3)", 1.0, np.ones_like, NONE, NONE, NONE, good=True, levels=own)
    shared, none = with_shared_ties([made, failed], records)
    assert none.levels is None
    np.testing.assert_allclose(shared.levels.highest, [0.4, 0.1, 0.4, 0.1])
    assert ties(("a", "b", "c", "d"), records, np.array([2, 1])) == [["a"], []]
