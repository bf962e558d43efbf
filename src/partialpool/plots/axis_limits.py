"""Axis limits that a few far values do not decide; what lies beyond them stands at the edge, with its number."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes

from partialpool.tabulate import number

__all__ = ["AxisLimits", "mark_beyond", "robust_limits"]

_FENCE: Final = 1.5
"""Interquartile ranges beyond the quartiles from which a value is far (Tukey 1977, Exploratory Data Analysis)."""
_WORTH: Final = 2.0
"""How many times longer the axis must otherwise be: a value a little away is not left out."""
_MARGIN: Final = 0.05
_MOST_WRITTEN: Final = 8
"""Values at the edges that have their number beside them."""


@dataclass(frozen=True)
class AxisLimits:
    """Ends of an axis, in its units.

    Attributes
    ----------
    low, high
        Where the axis ends.
    """

    low: float
    high: float

    def beyond(self, values: np.ndarray) -> np.ndarray:
        """Return -1 where a value lies below the axis, 1 where it lies above, else 0 (also where it is NaN)."""
        return (values > self.high).astype(int) - (values < self.low)

    def clipped(self, values: np.ndarray) -> np.ndarray:
        """Return values on the axis: those beyond it at its ends, NaN as it is."""
        return np.clip(values, self.low, self.high)


def robust_limits(shown: np.ndarray, others: np.ndarray) -> AxisLimits | None:
    """Return limits that hold all of `shown`, and of `others` those that are not far from the rest.

    Far is what lies more than 1.5 interquartile ranges beyond the quartiles of `others`, and beyond `shown`. It is left
    out only where the axis would otherwise be more than twice as long. Neither units nor the order of values matter.

    Parameters
    ----------
    shown
        Values that must be on the axis, of any shape.
    others
        Values of which some may be left out, of any shape. What is not finite is passed over in both.

    Returns
    -------
    AxisLimits or None
        None where every value has its place: the axis can end where it likes.

    Examples
    --------
    >>> import numpy as np
    >>> robust_limits(np.array([1.0, 2.0]), np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5000.0]))
    AxisLimits(low=-0.2, high=4.2)
    >>> robust_limits(np.array([1.0, 2.0]), np.array([0.0, 1.0, 2.0, 3.0, 4.0])) is None
    True
    """
    shown, others = shown[np.isfinite(shown)], others[np.isfinite(others)]
    if not others.size:
        return None
    quarter, three_quarters = np.quantile(others, [0.25, 0.75])
    reach = _FENCE * (three_quarters - quarter)
    near = others[(others >= quarter - reach) & (others <= three_quarters + reach)]
    kept, everything = np.concatenate([shown, near]), np.concatenate([shown, others])
    if np.ptp(everything) <= _WORTH * np.ptp(kept) or np.ptp(kept) == 0:
        return None
    margin = _MARGIN * np.ptp(kept)
    return AxisLimits(float(kept.min() - margin), float(kept.max() + margin))


def mark_beyond(
    axes: Axes,
    places: tuple[np.ndarray, np.ndarray],
    limits: tuple[AxisLimits | None, AxisLimits | None],
    color: str,
) -> np.ndarray:
    """Draw an arrowhead at the edge for every point beyond the limits, with the value that has no place on the axis.

    Parameters
    ----------
    axes
        A panel.
    places
        x and y of all points, (points,) each; a NaN is no point.
    limits
        Of the horizontal and of the vertical axis; None has room for everything. They become the panel's.
    color
        Of the points.

    Returns
    -------
    numpy.ndarray
        True where a point lies beyond, (points,).
    """
    if limits[0]:
        axes.set_xlim(limits[0].low, limits[0].high)
    if limits[1]:
        axes.set_ylim(limits[1].low, limits[1].high)
    way = [np.zeros(len(v), int) if end is None else end.beyond(v) for v, end in zip(places, limits, strict=True)]
    at = [v if end is None else end.clipped(v) for v, end in zip(places, limits, strict=True)]
    beyond = ((way[0] != 0) | (way[1] != 0)) & np.isfinite(places[0] + places[1])
    for k, point in enumerate(np.flatnonzero(beyond)):
        along, up = int(way[0][point]), int(way[1][point])
        marker = {-1: "<", 1: ">"}[along] if along else {-1: "v", 1: "^"}[up]
        axes.plot(at[0][point], at[1][point], marker, ms=7, color=color, clip_on=False, zorder=4)
        if k < _MOST_WRITTEN:
            values = [float(places[axis][point]) for axis in (0, 1) if way[axis][point]]
            axes.annotate(
                ", ".join(number(value) for value in values),
                (at[0][point], at[1][point]),
                xytext=(-7 * along, 4 if along else -8 * up),
                textcoords="offset points",
                ha={-1: "left", 0: "center", 1: "right"}[along],
                va="bottom" if along else {-1: "bottom", 1: "top"}[up],
                fontsize=7.5,
                color=color,
            )
    return beyond
