"""Numbers for the page's script: intervals of the levels, which is the highest, and a level that was never seen."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from partialpool.explorer.highest import verdicts
from partialpool.explorer.means import MeanAxis
from partialpool.explorer.newcomer import Newcomer
from partialpool.explorer.pictures import MARGIN
from partialpool.explorer.studies import Study
from partialpool.intervals import central_ends

__all__ = ["certainty_numbers", "own_intervals"]

_DIGITS: Final = 5
"""Significant digits of the ends of intervals."""
_DECIMALS: Final = 3
"""Decimals of probabilities, which the page shows in whole per cent."""
_POINTS: Final = 121
"""Points at which the density of a new level is drawn."""


def own_intervals(own: Study, order: np.ndarray, prob: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of intervals of the fit itself: of the levels shown, and of a new one."""
    ends = [] if own.levels is None else [own.levels.low[order], own.levels.high[order]]
    new = [] if own.newcomer is None else [own.newcomer.quantile(share) for share in central_ends(prob)]
    return np.concatenate([np.zeros(0), *ends]), np.array(new)


def certainty_numbers(
    studies: Sequence[Study],
    order: np.ndarray,
    ends: tuple[float, float],
    prob: float,
    means: MeanAxis | None,
) -> dict[str, Any]:
    """Return for every prior the intervals of the levels, and what is expected of a new one.

    Parameters
    ----------
    studies, prob
        The posteriors, in the order in which the page has them, and the probability of the intervals.
    order
        Positions of the levels shown.
    ends
        Ends of the axis of estimates, between which the density of a new level is drawn.
    means
        The axis of means; None where there is none.

    Returns
    -------
    dict
        `newcomer_points`, the places of the densities. `certain`, by prior, None where the fit failed: `low` and
        `high`, by level, with `means` of each where the page has them; `highest`, the probability of being the highest
        of all levels, and `verdicts`, what it says; `newcomer`: `low`, `median` and `high`, with their `means`, and the
        `density`, 1 at its peak.
    """
    beside = MARGIN * (ends[1] - ends[0])
    points = np.linspace(ends[0] - beside, ends[1] + beside, _POINTS)
    mean = None if means is None else means.link.inverse
    return {
        "newcomer_points": _rounded(points),
        "certain": [_certain(study, order, points, prob, mean) for study in studies],
    }


def _certain(
    study: Study,
    order: np.ndarray,
    points: np.ndarray,
    prob: float,
    mean: Callable[[np.ndarray], np.ndarray] | None,
) -> dict[str, Any] | None:
    if study.levels is None:
        return None
    found = study.levels
    out: dict[str, Any] = {"low": _rounded(found.low[order]), "high": _rounded(found.high[order])}
    out["highest"] = np.round(found.highest[order], _DECIMALS).tolist()
    out["verdicts"] = verdicts(found, order)
    if mean is not None:
        out["means"] = {name: _rounded(mean(getattr(found, name)[order])) for name in ("low", "high")}
    out["newcomer"] = None if study.newcomer is None else _expected(study.newcomer, points, prob, mean)
    return out


def _expected(
    newcomer: Newcomer, points: np.ndarray, prob: float, mean: Callable[[np.ndarray], np.ndarray] | None
) -> dict[str, Any]:
    lower, upper = central_ends(prob)
    values = np.array([newcomer.quantile(share) for share in (lower, 0.5, upper)])
    names = ("low", "median", "high")
    density = newcomer.density(points)
    peak = float(density.max()) or 1.0
    out: dict[str, Any] = dict(zip(names, _rounded(values), strict=True))
    out["density"] = np.round(density / peak, _DECIMALS).tolist()
    out["means"] = None if mean is None else dict(zip(names, _rounded(mean(values)), strict=True))
    return out


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in np.asarray(values).tolist()]
