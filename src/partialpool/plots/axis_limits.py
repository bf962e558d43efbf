"""Axis limits that ignore a few far values, and arrowheads with numbers for the values beyond them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes

from partialpool.tabulate import number, typeset

__all__ = ["AxisLimits", "mark_beyond", "robust_limits"]

_FENCE: Final = 1.5
"""Interquartile ranges beyond the quartiles from which a value is far (Tukey 1977, Exploratory Data Analysis)."""
_WORTH: Final = 2.0
"""A far value is left out only if the axis would otherwise be at least this many times as long."""
_MARGIN: Final = 0.05
_MOST_WRITTEN: Final = 8
"""Most values at the edges that are labelled with their number."""


@dataclass(frozen=True)
class AxisLimits:
    """Ends of an axis, in its units.

    Attributes
    ----------
    low, high
        Ends of the axis.
    """

    low: float
    high: float

    def beyond(self, values: np.ndarray) -> np.ndarray:
        """Return -1 where a value is below the axis, 1 where it is above, else 0 (also for NaN)."""
        return (values > self.high).astype(int) - (values < self.low)

    def clipped(self, values: np.ndarray) -> np.ndarray:
        """Return the values clipped to the axis; NaN stays NaN."""
        return np.clip(values, self.low, self.high)


def robust_limits(shown: np.ndarray, others: np.ndarray) -> AxisLimits | None:
    """Return limits that include all of `shown`, and those of `others` that are not far from the rest.

    A value is far if it is more than 1.5 interquartile ranges beyond the quartiles of `others`, and beyond `shown`. Far
    values are left out only where the axis would otherwise be more than twice as long. Neither units nor the order of
    values matter.

    Parameters
    ----------
    shown
        Values that must be on the axis, of any shape.
    others
        Values of which some may be left out, of any shape. Values that are not finite are ignored in both.

    Returns
    -------
    AxisLimits or None
        None where no value needs to be left out, so that the axis can be scaled automatically.

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
    """Draw an arrowhead at the edge for every point beyond the limits, with its value.

    Parameters
    ----------
    axes
        A panel.
    places
        x and y of all points, (points,) each; NaN points are skipped.
    limits
        Limits of the horizontal and of the vertical axis; None includes every value. The panel gets these limits.
    color
        Color of the points.

    Returns
    -------
    numpy.ndarray
        True where a point is beyond the limits, (points,).
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
                ", ".join(typeset(number(value)) for value in values),
                (at[0][point], at[1][point]),
                xytext=(-7 * along, 4 if along else -8 * up),
                textcoords="offset points",
                ha={-1: "left", 0: "center", 1: "right"}[along],
                va="bottom" if along else {-1: "bottom", 1: "top"}[up],
                fontsize=7.5,
                color=color,
            )
    return beyond
