"""Point estimate of draws: their mean, or their median where a few draws decide the mean.

Under a log link an average over a population of levels is exp(x beta + sigma^2 / 2). Its posterior has a tail so long
that the mean of some thousand draws is decided by the largest of them, changes with the seed, and may be in a region
with hardly any draws. The mean counts as known unless

* a draw is infinite or not a number; or
* the mean is outside the central half of the draws: less than a quarter of them outweigh all others; or
* the Pareto k-hat of a tail is above 0.7: the variance is infinite or practically so, and more draws hardly make
  the mean more precise (Vehtari et al. 2024, JMLR 25:72).

None of the three criteria depends on the unit, the origin or the order of the draws. The precision of a median is
always given by the distance of its neighbours.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import xarray as xr

from partialpool.fitting.convergence import MAX_KHAT
from partialpool.sampling.pareto import khat_of_draws

__all__ = [
    "ESTIMATE",
    "MEAN",
    "MEDIAN",
    "OF_RATIOS",
    "Point",
    "common_point",
    "has_mean",
    "has_median",
    "mean_is_known",
    "means_known",
    "point_estimate",
    "quantiles",
]

_CENTRAL: Final = (0.25, 0.5, 0.75)
_NORMAL_HALF: Final = 1.349
"""Width of the central half of a standard normal."""
_ROUNDING: Final = 1e-9
_FEWEST: Final = 100
"""Fewest draws for which a tail is fitted."""
_BLOCK: Final = 256
"""Quantities that are checked at once: copies of all draws of thousands of levels would fill the memory."""
_FAR: Final = 10.0
"""Distance from the median, in widths of the central half; where no draw is farther, no tail needs to be fitted.

Of 4000 draws with a k of 0.7, the farthest is at about 200.
"""


@dataclass(frozen=True)
class Point:
    """The kind of a point estimate, the same for a whole figure or a column of a table.

    Parameters
    ----------
    kind
        `mean` or `median`.
    reason
        Why it is the median, where that is not the nature of the quantity.
    """

    kind: Literal["mean", "median"]
    reason: str = ""

    @property
    def name(self) -> str:
        """Name of the point estimate and, for a median, the reason."""
        return f"posterior {self.kind}{f' ({self.reason})' if self.reason else ''}"

    def of(self, draws: np.ndarray, axis: int | None = None) -> np.ndarray:
        """Evaluate the point estimate along an axis, or over all draws.

        Examples
        --------
        >>> float(MEAN.of(np.array([0.0, 1.0, 5.0]))), float(MEDIAN.of(np.array([0.0, 1.0, 5.0])))
        (2.0, 1.0)
        """
        values = np.asarray(draws)
        return np.asarray(values.mean(axis=axis) if self.kind == "mean" else np.median(values, axis=axis))

    def spread(self, draws: np.ndarray) -> float:
        """Return the sd of draws of one quantity; for a median, that of a normal with the same central half.

        It determines the printed digits. Where a few draws decide the mean, they decide the sd too.
        """
        if self.kind == "mean":
            return float(np.std(draws, ddof=1)) if draws.size > 1 else 0.0
        low, high = quantiles(draws, (0.25, 0.75))
        return float(high - low) / _NORMAL_HALF if np.isfinite([low, high]).all() else float("nan")


MEAN: Final = Point("mean")
MEDIAN: Final = Point("median", "a few draws decide the mean")
OF_RATIOS: Final = Point("median")
"""Of ratios, whose inverse is as good a comparison: the median of the inverse is the inverse of the median."""
ESTIMATE: Final = "estimate"
"""Attribute of labelled draws whose point estimate is of one kind by their nature: `median` of ratios, `mean` of ranks.

No few draws can decide the mean of ranks, which have ends; but most draws of a level may be the same rank."""


def mean_is_known(draws: np.ndarray) -> bool:
    """Return whether the mean of draws of one quantity (any shape) is known to the printed digits.

    Examples
    --------
    >>> normal = np.random.default_rng(1).normal(size=4000)
    >>> mean_is_known(normal), mean_is_known(np.exp(3 * normal)), mean_is_known(np.full(4000, 0.1))
    (True, False, True)
    """
    return bool(means_known(np.asarray(draws, float).reshape(-1, 1))[0])


def point_estimate(draws: np.ndarray) -> tuple[float, Literal["mean", "median"]]:
    """Return the mean of draws of one quantity where it is known, else the median; and the kind returned.

    Examples
    --------
    >>> point_estimate(np.full(4, 0.25))
    (0.25, 'mean')
    """
    point = MEAN if mean_is_known(draws) else MEDIAN
    return float(point.of(draws)), point.kind


def common_point(*quantities: xr.DataArray | np.ndarray) -> Point:
    """Choose the mean if it is known for every quantity, else the median for all.

    Parameters
    ----------
    quantities
        Labelled draws with dims (chain, draw, ...), or arrays whose first dimension is draws. A quantity that is NaN in
        some draws has neither mean nor median, and is ignored.
    """
    if any(has_median(values) for values in quantities):
        return OF_RATIOS
    for values in quantities:
        if has_mean(values):
            continue
        if isinstance(values, xr.DataArray):
            rest = [dim for dim in values.dims if dim not in ("chain", "draw")]
            array = values.transpose("chain", "draw", *rest).to_numpy()
            columns = array.reshape(array.shape[0] * array.shape[1], -1)
        else:
            columns = np.asarray(values).reshape(len(values), -1)
        for start in range(0, columns.shape[1], _BLOCK):
            block = columns[:, start : start + _BLOCK].astype(float)
            if not means_known(block[:, ~np.isnan(block).any(axis=0)]).all():
                return MEDIAN
    return MEAN


def has_median(values: xr.DataArray | np.ndarray) -> bool:
    """Whether the point estimate of draws is their median by their nature, as of a ratio."""
    return isinstance(values, xr.DataArray) and values.attrs.get(ESTIMATE) == "median"


def has_mean(values: xr.DataArray | np.ndarray) -> bool:
    """Whether the point estimate of draws is their mean by their nature, as of a rank."""
    return isinstance(values, xr.DataArray) and values.attrs.get(ESTIMATE) == "mean"


def quantiles(draws: np.ndarray, probs: tuple[float, ...], axis: int | None = None) -> np.ndarray:
    """Return quantiles along the first dimension; draws may be infinite, and are then not interpolated.

    Examples
    --------
    >>> quantiles(np.array([1.0, 2.0, np.inf, np.inf]), (0.25, 0.95))
    array([ 1., inf])
    """
    method: Literal["inverted_cdf", "linear"] = "inverted_cdf" if np.isinf(draws).any() else "linear"
    return np.asarray(np.quantile(draws, probs, axis=axis, method=method))


def means_known(columns: np.ndarray) -> np.ndarray:
    """Whether the mean of each column of draws (draws, columns) is known, boolean (columns,)."""
    known = np.isfinite(columns).all(axis=0) & (len(columns) > 0)
    finite = columns[:, known]
    if not finite.size:
        return np.asarray(known)
    low, middle, high = np.quantile(finite, _CENTRAL, axis=0)
    largest = np.abs(finite).max(axis=0)
    largest = np.where(largest > 0, largest, 1.0)
    mean = (finite / largest).mean(axis=0) * largest  # scaled, so that large numbers do not overflow
    rounding = _ROUNDING * np.maximum(np.abs(low), np.abs(high))
    # Where half of the draws are equal, as with zeros and ones, the central half is no criterion for the mean.
    outside = ((mean < low - rounding) | (mean > high + rounding)) & (high - low > rounding)
    distance = np.abs(finite - middle).max(axis=0)
    far = distance > _FAR * (high - low) + rounding
    if len(finite) >= _FEWEST:
        for k in np.flatnonzero(far & ~outside):
            outside[k] = khat_of_draws((finite[:, k] - middle[k]) / distance[k]) > MAX_KHAT
    known[known] = ~outside
    return np.asarray(known)
