"""Estimates and intervals of draws, as numbers and as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from partialpool.fitting.point_estimate import MEAN, MEDIAN, mean_is_known, quantiles
from partialpool.reporting.tables.content import Cell
from partialpool.reporting.tables.quantities import Quantity
from partialpool.tabulate import estimate_cells, number

__all__ = ["Estimate", "cells_of", "estimate_of"]

_SHARE_DIGIT: Final = 0.1
"""Least sd of an ICC, R2 or correlation for the choice of digits, so that all of them have the same decimals."""


@dataclass(frozen=True)
class Estimate:
    """An estimate of draws, with the ends of its interval.

    Attributes
    ----------
    value, low, high
        The estimate, and the ends of the interval.
    std_error
        The posterior sd; NaN with a median.
    spread
        What determines the digits: the posterior sd; for a median, that of a normal with the same central half; for a
        ratio below 1 the sd of its logarithm, at most the ratio, so that 0.248 +- 0.064 has two decimals.
    statistic
        `mean` or `median`.
    marked
        Whether it is a median where a mean is expected.
    """

    value: float
    low: float
    high: float
    std_error: float
    spread: float
    statistic: Literal["mean", "median"]
    marked: bool


def estimate_of(quantity: Quantity, ends: tuple[float, float]) -> Estimate | None:
    """Return the estimate of a quantity; None for a count.

    It is the posterior mean; the median of a ratio, so that exchanging the categories compared gives its inverse; and
    the median where a few draws decide the mean, though never of a share, which they hardly move.
    """
    draws = quantity.draws
    if draws is None:
        return None
    is_mean = not quantity.is_ratio and ((quantity.is_share and bool(np.isfinite(draws).all())) or mean_is_known(draws))
    point = MEAN if is_mean else MEDIAN
    low, high = quantiles(draws, ends)
    spread = point.spread(draws)
    value, std_error = float(point.of(draws)), spread if is_mean else float("nan")
    if quantity.is_share:
        spread = max(spread, _SHARE_DIGIT)
    if quantity.is_ratio:
        spread = max(spread, min(spread / value, value))
    marked = not (is_mean or quantity.is_ratio)
    return Estimate(value, float(low), float(high), std_error, spread, point.kind, marked)


def cells_of(estimates: Sequence[Estimate | None], scales: Sequence[str], digits: int) -> tuple[Cell | None, ...]:
    """Format one row: models on the same scale have the same decimals, those of the most precise one.

    Parameters
    ----------
    estimates
        One for each model, or None.
    scales
        Name of each model's scale.
    digits
        Significant digits of the posterior sd.
    """
    least: dict[str, float] = {}
    for estimate, scale in zip(estimates, scales, strict=True):
        # Differences by rounding error do not count as spread.
        if estimate is not None and estimate.spread > 1e-12 * abs(estimate.value) and np.isfinite(estimate.spread):
            least[scale] = min(estimate.spread, least.get(scale, np.inf))
    return tuple(
        None if one is None else _cell(one, least.get(scale), digits)
        for one, scale in zip(estimates, scales, strict=True)
    )


def _cell(estimate: Estimate, spread: float | None, digits: int) -> Cell:
    values = (estimate.value, estimate.low, estimate.high)
    shown, low, high = tuple(map(number, values)) if spread is None else estimate_cells(values, spread, digits)
    return Cell(shown, f"{low} to {high}", estimate.marked)
