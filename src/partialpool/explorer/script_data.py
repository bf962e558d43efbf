"""Numbers for the page's script: curves, shares, ranks, and the densities of the posterior under every prior."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from partialpool.explorer.axis import LAST, PLAIN, SdAxis
from partialpool.explorer.curves import PoolingCurves, Pull
from partialpool.explorer.density import Outline, outline
from partialpool.explorer.studies import PriorScales, Study
from partialpool.intervals import central_ends, percent
from partialpool.tabulate import number

__all__ = ["SHARE_DIGITS", "drawn_edge", "interval_name", "level_numbers", "study_numbers"]

_DIGITS: Final = 10
"""Significant digits of the curves on the page."""
SHARE_DIGITS: Final = 5
"""Significant digits of the shares, which the page shows in whole percent."""
_ICC_POINTS: Final = 201
_SHOWN: Final = 0.95
"""Least share of the posterior draws of the sd that are drawn to scale."""


def drawn_edge(studies: Sequence[Study], prob: float) -> float:
    """Return the largest sd drawn to scale: room for the posteriors, but not for long tails under vague priors.

    The fit's own interval of probability `prob` is drawn to scale.
    """
    own, upper = studies[0].sd, max(_SHOWN, central_ends(prob)[1])
    median, high = (float(q) for q in np.quantile(own, [0.5, upper]))
    widest = max(float(np.quantile(study.sd, upper)) for study in studies if len(study.sd))
    return max(1.15 * high, min(1.15 * widest, 6 * median), 2.2 * median)


def interval_name(prob: float) -> str:
    r"""Return the name of an interval on the page, where a line does not end before the sign.

    Examples
    --------
    >>> interval_name(0.95)
    '95\xa0% interval'
    """
    return f"{percent(prob).replace(' ', '\N{NO-BREAK SPACE}')} interval"


def level_numbers(curves: PoolingCurves, order: np.ndarray) -> dict[str, Any]:
    """Return the numbers of every level, in the given order."""
    # An infinite estimate is no weighted mean.
    shares = np.where(np.isinf(curves.sds)[:, None] & curves.infinite, np.nan, curves.shares)
    return {
        "plain": PLAIN,
        "last": LAST,
        "sds": _listed(curves.sds),
        # One line for all levels, or a mark for each.
        "population": None if curves.differ else _listed(curves.population[:, 0]),
        "populations": [_listed(row[order]) for row in curves.population] if curves.differ else None,
        "values": [_listed(row[order]) for row in curves.values],
        "shares": None if curves.pull is Pull.MATRIX else [_listed(row[order], SHARE_DIGITS) for row in shares],
        "errors": _listed(curves.own_errors[order]),
        "rows": curves.rows[order].tolist(),
        "infinite": curves.infinite[order].tolist(),
        "empty": curves.empty[order].tolist(),
        "names": [curves.labels[k] for k in order],
        "ranks": _ranks(curves, order),
    }


def study_numbers(studies: Sequence[Study], scales: PriorScales, axis: SdAxis, prob: float) -> dict[str, Any]:
    """Return the curves of every prior, and the name of the intervals of their posteriors."""
    return {
        "studies": [_outlined(study, scales.sizes, axis, prob) for study in studies],
        "interval": interval_name(prob),
        "scales": [number(size) for size in scales.sizes],
        "own_scale": scales.start,
    }


def _ranks(curves: PoolingCurves, order: np.ndarray) -> dict[str, list[int]]:
    """Row of each level in the picture, from 1 at the bottom: by its own estimate, and by its standard error."""
    errors = np.where(np.isfinite(curves.own_errors), curves.own_errors, np.inf)[order]
    by_error = np.empty(len(order), int)
    by_error[np.argsort(-errors, kind="stable")] = np.arange(1, len(order) + 1)
    return {"estimate": list(range(len(order), 0, -1)), "information": by_error.tolist()}


def _outlined(study: Study, sizes: Sequence[float], axis: SdAxis, prob: float) -> dict[str, Any]:
    """Return one prior's curves in the format of the page."""
    scale = [k for k, size in enumerate(sizes) if np.isclose(size, study.scale, rtol=1e-9)]
    out: dict[str, Any] = {"family": study.family, "scale": scale[0] if scale else None, "good": study.good}
    out["sd"] = out["icc"] = None
    if len(study.sd):
        curve = outline(study.sd, study.prior, axis.sds[: PLAIN + 1], np.inf, prob=prob)
        steps = {name: axis.step_of(getattr(curve, name)) for name in ("low", "median", "high")}
        out["sd"] = _curve(curve) | {"steps": steps}
    if len(study.icc):
        out["icc"] = _curve(outline(study.icc, study.prior_icc, np.linspace(0, 1, _ICC_POINTS), 1.0, prob=prob))
    return out


def _curve(curve: Outline) -> dict[str, Any]:
    return {
        "posterior": _listed(curve.posterior, 4),
        "prior": _listed(curve.prior, 4),
        "low": curve.low,
        "median": curve.median,
        "high": curve.high,
        "beyond": round(curve.beyond, 4),
    }


def _listed(values: np.ndarray, digits: int = _DIGITS) -> list[float | None]:
    """Round numbers to significant digits; those that are not finite become None."""
    return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in values.tolist()]
