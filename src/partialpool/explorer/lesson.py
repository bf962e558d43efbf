"""What the page says in words: what to try, and what will be seen, with this fit's own numbers."""

from collections.abc import Callable, Sequence

import numpy as np

from partialpool.explorer.curves import PoolingCurves
from partialpool.explorer.studies import FAMILIES, Study
from partialpool.plots.style import short

__all__ = ["is_balanced", "things_to_try"]

_ALIKE = 0.005
"""Range of the weights within which they count as one."""
_STAYS = 0.1
"""Share of the median under the widest prior within which another is said to stay there."""
_NARROW = 2.0
"""Times the posterior median: a prior whose scale is above this, and which still moves it, has a say."""


def is_balanced(weights: np.ndarray) -> bool:
    """Whether the rows of every level weigh the same."""
    return bool(np.ptp(weights) < _ALIKE)


def things_to_try(
    curves: PoolingCurves,
    at: int,
    *,
    factor: str,
    others: Sequence[str],
    studies: Sequence[Study],
    say: Callable[[float], str],
) -> tuple[tuple[str, str], ...]:
    """Write what to do and what is seen then, a pair each.

    Parameters
    ----------
    curves, at
        The curves, and the place in them of what the data say.
    factor, others
        Name of the factor, and its other effects.
    studies
        The fit's own first.
    say
        Writes a value of the effect with its unit.
    """
    told = np.flatnonzero(np.isfinite(curves.values[-1]))
    whole = float(curves.values[0][0])
    out = [
        (
            "Drag the slider to its left end.",
            f"With an sd of 0 the levels of {factor} do not differ, and all get one estimate, {say(whole)}: "
            "complete pooling.",
        )
    ]
    if len(told):
        far = told[np.argmax(np.abs(curves.values[-1][told] - whole))]
        out.append(
            (
                "Drag it to the right end.",
                f"Now every level stands on its own rows, and chance with it: {_named(curves, far)} stands farthest "
                f"out, at {say(float(curves.values[-1][far]))} from {_rows(curves.rows[far])}. "
                "Where would you expect its next rows?",
            )
        )
    out.append(("Go slowly from one end to the other.", _on_the_way(curves, at, others, say)))
    out.append(
        (
            "Press \N{LEFT DOUBLE QUOTATION MARK}What the data say\N{RIGHT DOUBLE QUOTATION MARK}.",
            "Nobody has to choose the sd: the levels that there are tell how much levels differ. The curve shows which "
            "sds are plausible; while the slider stays under it, the data do not object.",
        )
    )
    return (*out, _about_priors(studies, len(curves.labels), factor, say))


def _on_the_way(curves: PoolingCurves, at: int, others: Sequence[str], say: Callable[[float], str]) -> str:
    """Say who moves more than others, and why."""
    weights = curves.weights[at]
    if not is_balanced(weights):
        least, most = int(np.argmin(weights)), int(np.argmax(weights))
        return (
            f"{_named(curves, least)} ({_strength(curves, least, say)}) gives way long before "
            f"{_named(curves, most)} ({_strength(curves, most, say)}): "
            "the less a level says for itself, the more the others say for it."
        )
    if not others:
        return (
            "All levels have equally much to say here, so all are pulled by the same share of their distance: "
            "the farther out, the longer the way."
        )
    return (
        f"Levels at one distance do not move alike here: their {' and '.join(others)} moves along, out of sight, and "
        "a level whose rows say something unusual of that gives way here too. "
        f"{_named(curves, int(np.nanargmax(np.abs(curves.values[at] - curves.values[-1]))))} moves most."
    )


def _about_priors(studies: Sequence[Study], levels: int, factor: str, say: Callable[[float], str]) -> tuple[str, str]:
    """Say whether the posterior follows a half-normal prior that is made narrower."""
    do = "Choose the half-normal prior and move its scale."
    family = next(iter(FAMILIES))
    usable = [study for study in studies if study.family == family and len(study.sd) and study.good]
    usable.sort(key=lambda study: study.scale)
    if len(usable) < 2:
        return do, "Does the curve follow the prior, or does it stay where the data are?"
    medians = np.array([np.median(study.sd) for study in usable])
    span = (
        f"Under the narrowest the median of the sd is {say(float(medians[0]))}, "
        f"under the widest {say(float(medians[-1]))}."
    )
    stays = np.abs(medians - medians[-1]) < _STAYS * medians[-1]
    first = len(stays) - int(np.argmin(stays[::-1])) if not stays.all() else 0
    if first == 0:
        return do, f"{span} With {levels} levels of {factor} no prior that can be chosen here is heard."
    if first == len(usable) - 1 or usable[first].scale > _NARROW * medians[-1]:
        return do, f"{span} With {levels} levels of {factor} the data do not settle it: the prior has a say."
    return (
        do,
        f"{span} From a scale of {say(usable[first].scale)} on it hardly moves: against {levels} levels of {factor} "
        "only a prior that insists on less is heard.",
    )


def _named(curves: PoolingCurves, at: int) -> str:
    return short(curves.labels[at], 40)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _strength(curves: PoolingCurves, at: int, say: Callable[[float], str]) -> str:
    """Say how much a level tells: its rows, or where they do not part the levels the error of its own estimate."""
    error = float(curves.own_errors[at])
    if np.ptp(curves.rows) > 0 or not np.isfinite(error):
        return _rows(int(curves.rows[at]))
    return f"standard error {say(error)}"
