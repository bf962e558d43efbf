"""Ticks of logarithmic axes."""

import pytest

from partialpool.plots.ticks import round_numbers


@pytest.mark.parametrize(
    ("ends", "ticks"),
    [
        ((0.02, 300), [0.1, 1, 10, 100]),
        ((20, 837), [30, 100, 300]),
        ((13, 22), [14, 16, 18, 20, 22]),
        ((10, 10.4), [10, 10.1, 10.2, 10.3, 10.4]),
    ],
)
def test_ticks_of_a_logarithmic_axis_areround_numbers(ends, ticks):
    assert round_numbers(*ends) == pytest.approx(ticks)
