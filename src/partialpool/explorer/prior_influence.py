"""Whether the data determine the sd or the prior is influential, by one rule whatever priors a page offers."""

from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Final

import numpy as np

from partialpool.explorer.studies import FAMILIES, Study

__all__ = ["Influence", "prior_influence"]

_STEP: Final = 4.0
"""The scales compared are the one of the fit, and this many times smaller and larger: every grid of a page has them."""
_STAYS: Final = 0.1
"""Relative change of the median of the sd below which it counts as unchanged."""
_QUESTION: Final = "Does the curve follow the prior, or does it stay where the data are?"


class Influence(Enum):
    """Whether the posterior of the sd follows the scale of its prior."""

    UNTRIED = auto()
    NEITHER = auto()
    NARROW = auto()
    BOTH = auto()


def prior_influence(
    studies: Sequence[Study], scale: float, of_levels: str, say: Callable[[float], str], unit: str = ""
) -> tuple[Influence, str]:
    """Compare the medians of the sd under half-normal priors with a scale, a quarter of it, and four times it.

    Parameters
    ----------
    studies
        The posteriors.
    scale
        Scale of the fit's prior.
    of_levels
        The levels and their number, in words.
    say
        Writes an sd with its unit.
    unit
        Scale of an sd without a unit: "log odds".
    """
    narrow, middle, wide = (_median(studies, scale * times) for times in (1 / _STEP, 1.0, _STEP))
    if narrow is None or middle is None or wide is None:
        return Influence.UNTRIED, _QUESTION
    told = (
        f"With the scales {say(scale / _STEP)}, {say(scale)} and {say(scale * _STEP)} the median of the sd is "
        f"{say(narrow)}, {say(middle)} and {say(wide)}{f', in {unit}' if unit else ''}."
    )
    if abs(wide - middle) >= _STAYS * middle:
        return (
            Influence.BOTH,
            f"{told} With {of_levels} the data alone do not determine it: the prior is influential.",
        )
    if abs(narrow - middle) >= _STAYS * middle:
        return (
            Influence.NARROW,
            f"{told} With {of_levels} a wider prior hardly changes it: only a narrower prior is influential.",
        )
    return (
        Influence.NEITHER,
        f"{told} With {of_levels} the data determine it: none of these three priors is influential.",
    )


def _median(studies: Sequence[Study], scale: float) -> float | None:
    """Return the median of the sd under a half-normal prior, between two scales of the page by interpolation.

    None where the page has no scale near enough on either side.
    """
    family = next(iter(FAMILIES))
    usable = sorted(
        (study for study in studies if study.family == family and len(study.sd) and study.good),
        key=lambda study: study.scale,
    )
    below = [study for study in usable if study.scale <= scale * (1 + 1e-9)]
    above = [study for study in usable if study.scale >= scale * (1 - 1e-9)]
    if not below or not above or above[0].scale > _STEP * below[-1].scale * (1 + 1e-9):
        return None
    ends = [below[-1], above[0]]
    places, medians = np.log([study.scale for study in ends]), [float(np.median(study.sd)) for study in ends]
    return float(np.interp(np.log(scale), places, medians))
