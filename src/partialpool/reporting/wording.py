"""Numbers and their units in sentences."""

import numpy as np
import xarray as xr

from partialpool.fitting.fit import Fit
from partialpool.fitting.point_estimate import MEAN, MEDIAN, Point, mean_is_known, quantiles
from partialpool.intervals import DEFAULT_PROB, central_ends, percent
from partialpool.tabulate import estimate_cells, number

__all__ = [
    "estimate_in_words",
    "held_meanwhile",
    "how_wide",
    "offset_held",
    "on_scale",
    "others_held",
    "predictors_held",
    "response_name",
]


def estimate_in_words(draws: np.ndarray, point: Point | None = None, *, prob: float = DEFAULT_PROB) -> str:
    """Return the mean (or median) and a central interval of draws of one quantity, in words.

    Parameters
    ----------
    draws
        An array of any shape.
    point
        Mean or median, as in the figure beside it; by default the median where a few draws decide the mean.
    prob
        Probability of the interval.

    Examples
    --------
    >>> estimate_in_words(np.linspace(0, 1, 101), prob=0.9)
    'posterior mean 0.50, 90 % interval 0.05 to 0.95'
    >>> estimate_in_words(np.full(4, 0.25))
    'posterior mean 0.25, 95 % interval 0.25 to 0.25'
    >>> estimate_in_words(np.geomspace(0.01, 100, 101), prob=0.9)
    'posterior median (a few draws decide the mean) 1.0, 90 % interval 0.0 to 63.1'
    """
    if point is None:
        point = MEAN if mean_is_known(draws) else MEDIAN
    low, high = quantiles(draws, central_ends(prob))
    spread = point.spread(draws)
    # Differences by rounding error do not count as spread.
    middle = float(point.of(draws))
    constant = spread <= 1e-12 * abs(middle)
    values = (middle, float(low), float(high))
    shown, lower, upper = tuple(number(v) for v in values) if constant else estimate_cells(values, spread)
    return f"{point.name} {shown}, {percent(prob)} interval {lower} to {upper}"


def response_name(fit: Fit) -> str:
    """Return the response's name without the backquotes that a formula needs around unusual names."""
    return fit.spec.response.replace("`", "")


def on_scale(fit: Fit) -> str:
    """Name the scale of the linear predictor, as the end of a sentence; empty where it is the response's scale."""
    if fit.spec.family_record.on_log_scale:
        return " on the log scale"
    return fit.spec.link_record.scale_in_words


def how_wide(fit: Fit) -> str:
    """Say what the default priors are scaled by, as the end of a clause."""
    own = fit.spec.link_record.is_identity or fit.spec.family_record.on_log_scale
    return ", which are scaled to the data" if own else f", which are wide on the {fit.spec.link} scale"


def held_meanwhile(answer: xr.Dataset) -> str:
    """State the values at which an answer fixes other predictors, as a sentence; empty where there are none."""
    held = answer.attrs.get("held", "nothing")
    return others_held("" if held == "nothing" else held)


def others_held(places: str) -> str:
    """State the values of other predictors, as a sentence that follows another; empty where there are none."""
    return f" Other predictors fixed at: {places}." if places else ""


def predictors_held(places: str) -> str:
    """State the values of all predictors, as a sentence that follows another; empty where there are none."""
    return f" Predictors fixed at: {places}." if places else ""


def offset_held(answer: xr.Dataset) -> str:
    """State the offset of an answer's rows, as a sentence that follows another; empty where there is none."""
    return f" Offset: {answer.attrs['offset']}." if "offset" in answer.attrs else ""
