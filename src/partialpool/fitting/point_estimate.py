"""One number for many draws: their mean, or their median where a few draws decide the mean.

Under a log link an average over a population of levels is exp(x beta + sigma^2 / 2): its posterior has a tail so long
that the mean of some thousand draws is decided by the largest of them, changes with the seed, and may lie where hardly
a draw does. The mean is taken to be known unless

* a draw is infinite or not a number; or
* the mean lies outside the central half of the draws: less than a quarter of them outweigh all others; or
* the Pareto k-hat of a tail is above 0.7: the variance is infinite or as good as that, so that more draws hardly make
  the mean surer (Vehtari et al. 2024, JMLR 25:72).

None of the three changes with the unit, with where zero is, or with the order of the draws. A median is always known
as well as its neighbours are close.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import xarray as xr
from arviz_stats.base import array_stats

from partialpool.fitting.convergence import MAX_KHAT

__all__ = ["MEAN", "MEDIAN", "Point", "common_point", "mean_is_known", "point_estimate", "quantiles"]

_CENTRAL: Final = (0.25, 0.5, 0.75)
_NORMAL_HALF: Final = 1.349
"""Width of the central half of a standard normal."""
_ROUNDING: Final = 1e-9
_FEWEST: Final = 100
"""Draws without which no tail is fitted."""
_BLOCK: Final = 256
"""Quantities that are looked at together: copies of all draws of thousands of levels would fill the memory."""
_FAR: Final = 10.0
"""In ranges of the central half: where no draw is farther from the median, there is no long tail to fit.

Of 4000 draws whose k is 0.7 the farthest is some 200 away.
"""


@dataclass(frozen=True)
class Point:
    """The kind of a point estimate: one for a whole picture or column of a table.

    Parameters
    ----------
    kind
        `mean` or `median`.
    """

    kind: Literal["mean", "median"]

    @property
    def name(self) -> str:
        """What it is and, of a median, why it is no mean."""
        return "posterior mean" if self.kind == "mean" else "posterior median (a few draws decide the mean)"

    def of(self, draws: np.ndarray, axis: int | None = None) -> np.ndarray:
        """Evaluate it along an axis, of all draws if none is named.

        Examples
        --------
        >>> float(MEAN.of(np.array([0.0, 1.0, 5.0]))), float(MEDIAN.of(np.array([0.0, 1.0, 5.0])))
        (2.0, 1.0)
        """
        values = np.asarray(draws)
        return np.asarray(values.mean(axis=axis) if self.kind == "mean" else np.median(values, axis=axis))

    def spread(self, draws: np.ndarray) -> float:
        """Return the sd of draws of one quantity; beside a median that of a normal with the same central half.

        The digits that are printed follow it: the sd is decided by a few draws where the mean is.
        """
        if self.kind == "mean":
            return float(np.std(draws, ddof=1)) if draws.size > 1 else 0.0
        low, high = quantiles(draws, (0.25, 0.75))
        return float(high - low) / _NORMAL_HALF if np.isfinite([low, high]).all() else float("nan")


MEAN: Final = Point("mean")
MEDIAN: Final = Point("median")


def mean_is_known(draws: np.ndarray) -> bool:
    """Tell whether the mean of draws of one quantity, of any shape, is known to a digit of what is printed.

    Examples
    --------
    >>> normal = np.random.default_rng(1).normal(size=4000)
    >>> mean_is_known(normal), mean_is_known(np.exp(3 * normal)), mean_is_known(np.full(4000, 0.1))
    (True, False, True)
    """
    return bool(_known(np.asarray(draws, float).reshape(-1, 1))[0])


def point_estimate(draws: np.ndarray) -> tuple[float, Literal["mean", "median"]]:
    """Return the mean of draws of one quantity where it is known, else the median; and which it is.

    Examples
    --------
    >>> point_estimate(np.full(4, 0.25))
    (0.25, 'mean')
    """
    point = MEAN if mean_is_known(draws) else MEDIAN
    return float(point.of(draws)), point.kind


def common_point(*quantities: xr.DataArray | np.ndarray) -> Point:
    """Choose the mean if every quantity's is known, else the median of all.

    Parameters
    ----------
    quantities
        Labelled draws with dims (chain, draw, ...); or arrays whose first dimension is the draws'. A quantity that is
        not a number in some draws has no point of either kind, and decides nothing.
    """
    for values in quantities:
        if isinstance(values, xr.DataArray):
            rest = [dim for dim in values.dims if dim not in ("chain", "draw")]
            array = values.transpose("chain", "draw", *rest).to_numpy()
            columns = array.reshape(array.shape[0] * array.shape[1], -1)
        else:
            columns = np.asarray(values).reshape(len(values), -1)
        for start in range(0, columns.shape[1], _BLOCK):
            block = columns[:, start : start + _BLOCK].astype(float)
            if not _known(block[:, ~np.isnan(block).any(axis=0)]).all():
                return MEDIAN
    return MEAN


def quantiles(draws: np.ndarray, probs: tuple[float, ...], axis: int | None = None) -> np.ndarray:
    """Return quantiles, the first dimension; of draws that may be infinite without a mean of two of them.

    Examples
    --------
    >>> quantiles(np.array([1.0, 2.0, np.inf, np.inf]), (0.25, 0.95))
    array([ 1., inf])
    """
    method: Literal["inverted_cdf", "linear"] = "inverted_cdf" if np.isinf(draws).any() else "linear"
    return np.asarray(np.quantile(draws, probs, axis=axis, method=method))


def _known(columns: np.ndarray) -> np.ndarray:
    """Whether the mean of each column is, shape (columns,), of draws (draws, columns)."""
    known = np.isfinite(columns).all(axis=0) & (len(columns) > 0)
    finite = columns[:, known]
    if not finite.size:
        return np.asarray(known)
    low, middle, high = np.quantile(finite, _CENTRAL, axis=0)
    largest = np.abs(finite).max(axis=0)
    largest = np.where(largest > 0, largest, 1.0)
    mean = (finite / largest).mean(axis=0) * largest  # of large numbers without overflow
    rounding = _ROUNDING * np.maximum(np.abs(low), np.abs(high))
    # Where half of the draws are one number, as zeros and ones are, the central half says nothing of a mean.
    outside = ((mean < low - rounding) | (mean > high + rounding)) & (high - low > rounding)
    distance = np.abs(finite - middle).max(axis=0)
    far = distance > _FAR * (high - low) + rounding
    for k in np.flatnonzero(far & ~outside):
        outside[k] = _khat((finite[:, k] - middle[k]) / distance[k]) > MAX_KHAT
    known[known] = ~outside
    return np.asarray(known)


def _khat(draws: np.ndarray) -> float:
    """Pareto k-hat of the longer tail, whatever the order of the draws; NaN where there is no tail to fit."""
    if len(draws) < _FEWEST:
        return float("nan")
    try:
        return float(array_stats.pareto_khat(draws[None, :], r_eff=1.0))
    except ValueError:  # all draws of a tail are one number
        return float("nan")
