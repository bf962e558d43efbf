"""Ticks of logarithmic axes."""

import pytest

from partialpool.plots.ticks import round_numbers


@pytest.mark.parametrize(
    ("ends", "ticks"),
    [
        ((0.02, 300), [0.1, 1, 10, 100]),
        ((20, 837), [30, 100, 300]),
        ((13, 22), [15, 17.5, 20]),
        ((10, 10.4), [10.05, 10.2, 10.35]),
    ],
)
def test_ticks_of_a_logarithmic_axis_areround_numbers(ends, ticks):
    assert round_numbers(*ends) == pytest.approx(ticks)
