"""What the page says in words: what to try, and what will be seen, with this fit's own numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import numpy as np

from partialpool.explorer.curves import PoolingCurves, Pull
from partialpool.explorer.studies import FAMILIES, Study
from partialpool.plots.style import short

__all__ = ["Topic", "is_balanced", "isolated", "readings", "things_to_try"]

_ALIKE: Final = 0.01
"""Range of the levels' own errors, relative to the largest, within which they count as one."""
_ONE_SHARE: Final = 0.005
"""Range of the shares within which they count as one."""
_LONG: Final = 2.0
"""Times the standard error of another level: one with more gives way long before it."""
_STAYS: Final = 0.1
"""Share of the median under the widest prior within which another is said to stay there."""
_NARROW: Final = 2.0
"""Times the posterior median: a prior whose scale is above this, and which still moves it, has a say."""


@dataclass(frozen=True)
class Topic:
    """What the words are about.

    Attributes
    ----------
    factor
        Its name.
    others
        The factor's other effects.
    other_factors
        Names of the model's other factors.
    known
        Whether the standard errors of the rows are known.
    say
        Writes a value of the effect with its unit.
    """

    factor: str
    others: Sequence[str]
    other_factors: Sequence[str]
    known: bool
    say: Callable[[float], str]


class _Heard(Enum):
    """Whether the posterior follows a prior that is made narrower."""

    UNTRIED = auto()
    NEVER = auto()
    WHEN_NARROW = auto()
    ALWAYS = auto()


def isolated(name: object) -> str:
    r"""Keep a name's direction of writing to itself, so that one from right to left does not reorder what follows.

    Examples
    --------
    >>> isolated("308") == "\u2068308\u2069"
    True
    """
    return f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}"


def is_balanced(errors: np.ndarray) -> bool:
    """Whether every level's own rows tell it equally well: whether its estimates without pooling have one error.

    Examples
    --------
    >>> is_balanced(np.array([2.0, 2.01])), is_balanced(np.array([2.0, 2.1])), is_balanced(np.array([2.0, np.nan]))
    (True, False, False)
    """
    return bool(np.isfinite(errors).all() and np.ptp(errors) <= _ALIKE * errors.max())


def readings(curves: PoolingCurves, about: Topic) -> dict[str, str]:
    """Say what is seen at 0 (`complete`), at infinity (`none`) and `between`, where `{share}` stands for the shares."""
    weighing = ", each counting by its standard error" if about.known else ""
    one = "one line" if about.others else "one estimate"
    if curves.differ:
        one += " for all levels that stand at the same values of other predictors"
    complete = f"Complete pooling: levels do not differ, and all rows together make {one}{weighing}."
    none = f"No pooling: levels differ without limit, and each estimate is from own rows{_given(curves, about)}."
    between = {
        Pull.WEIGHT: f"{'Given the fixed effects, an' if curves.given else 'An'} estimate gives {{share}} of its "
        "weight to the level\N{RIGHT SINGLE QUOTATION MARK}s own rows, the rest to all levels together.",
        Pull.SHARE: "An estimate stands {share} of the way from the population mean to the one without pooling.",
        Pull.MATRIX: "No one weight says how far an estimate is pulled: the "
        f"level\N{RIGHT SINGLE QUOTATION MARK}s {' and '.join(map(isolated, about.others))} moves along.",
    }
    return {"complete": complete, "none": none + _limits(curves), "between": between[curves.pull]}


def things_to_try(
    curves: PoolingCurves, at: int, about: Topic, studies: Sequence[Study]
) -> tuple[tuple[str, str], ...]:
    """Write what to do and what is seen then, a pair each.

    Parameters
    ----------
    curves, at
        The curves, and the place in them of the posterior median.
    about
        What they are curves of.
    studies
        The fit's own first.
    """
    told = np.flatnonzero(np.isfinite(curves.values[-1]))
    whole = curves.values[0]
    if curves.differ:
        all_get = "differ by the predictors of the model alone, and each gets the estimate of all like it"
    else:
        all_get = f"do not differ, and all get one estimate, {about.say(float(whole[0]))}"
    left = f"With an sd of 0 the levels of {isolated(about.factor)} {all_get}: complete pooling."
    out = [("Drag the slider to its left end.", left)]
    if len(told):
        far = told[np.argmax(np.abs(curves.values[-1] - whole)[told])]
        out.append(
            (
                "Drag it to the right end.",
                f"Now each level has an estimate from its own rows{_given(curves, about)}, chance included: "
                f"{_named(curves, far)} stands farthest out, at {about.say(float(curves.values[-1][far]))} from "
                f"{_rows(curves.rows[far])}. Where would you expect its next rows?{_limits(curves)}",
            )
        )
    out.append(("Go slowly from one end to the other.", _on_the_way(curves, at, about)))
    heard, seen = _about_priors(studies, len(curves.labels), about)
    out.append(("Press \N{LEFT DOUBLE QUOTATION MARK}Posterior median\N{RIGHT DOUBLE QUOTATION MARK}.", _MEDIAN[heard]))
    return (*out, ("Choose the half-normal prior and move its scale.", seen))


_QUESTION: Final = "Does the curve follow the prior, or does it stay where the data are?"
_MEDIAN: Final = {
    _Heard.UNTRIED: "The curve shows which sds are plausible, given the data and the prior.",
    _Heard.ALWAYS: "The curve shows which sds are plausible, given the data and the prior. Here both count, as the "
    "next point shows.",
} | dict.fromkeys(
    (_Heard.NEVER, _Heard.WHEN_NARROW),
    "Nobody has to choose the sd: the levels that there are tell how much levels differ. The curve shows which sds are "
    "plausible.",
)


def _given(curves: PoolingCurves, about: Topic) -> str:
    """Say what else is estimated from all rows, and so is given to every level."""
    parts = [f"fixed effects of {_listed(curves.given)}"] if curves.given else []
    parts += [f"effects of {_listed(about.other_factors)}"] if about.other_factors else []
    return f", given {' and '.join(parts)} estimated from all rows" if parts else ""


def _limits(curves: PoolingCurves) -> str:
    if not curves.untold:
        return ""
    return (
        f" Without pooling nothing tells the coefficient{'s' if len(curves.untold) > 1 else ''} of "
        f"{_listed(curves.untold)}: what is drawn is the limit as the sd grows."
    )


def _on_the_way(curves: PoolingCurves, at: int, about: Topic) -> str:
    """Say who moves more than others, and why, where that is so."""
    if about.others:
        most = int(np.nanargmax(np.abs(curves.values[at] - curves.values[-1])))
        return (
            "Levels at one distance do not move alike here: their "
            f"{' and '.join(map(isolated, about.others))} moves along, out of sight, "
            "and a level whose rows say something unusual of that gives way here too. "
            f"{_named(curves, most)} moves most."
        )
    shares, errors, balanced = curves.shares[at], curves.own_errors, is_balanced(curves.own_errors)
    clear = np.flatnonzero(np.isfinite(shares) & np.isfinite(errors))
    if not len(clear):
        return "Which levels move most, and which hardly at all?"
    low, high = float(shares[clear].min()), float(shares[clear].max())
    if balanced and high - low < _ONE_SHARE:
        return (
            "All levels have equally much to say here, so all are pulled by the same share of their distance: "
            "the farther out, the longer the way."
        )
    least, most = int(clear[np.argmax(errors[clear])]), int(clear[np.argmin(errors[clear])])
    if not balanced and shares[least] < shares[most]:
        long = "long " if errors[least] >= _LONG * errors[most] else ""
        return (
            f"{_named(curves, least)} ({_strength(curves, least, about)}) gives way {long}before "
            f"{_named(curves, most)} ({_strength(curves, most, about)}): "
            "the less a level says for itself, the more the others say for it."
        )
    return (
        "Levels do not keep one share of their distance from the population mean: at the posterior median it is "
        f"between {100 * low:.0f} and {100 * high:.0f}\N{NO-BREAK SPACE}%, since effects of "
        f"{_listed(about.other_factors)} move along."
    )


def _about_priors(studies: Sequence[Study], levels: int, about: Topic) -> tuple[_Heard, str]:
    """Say whether the posterior follows a half-normal prior that is made narrower."""
    family = next(iter(FAMILIES))
    usable = [study for study in studies if study.family == family and len(study.sd) and study.good]
    usable.sort(key=lambda study: study.scale)
    if len(usable) < 2:
        return _Heard.UNTRIED, _QUESTION
    medians = np.array([np.median(study.sd) for study in usable])
    say = about.say
    span = (
        f"Under the narrowest the median of the sd is {say(float(medians[0]))}, "
        f"under the widest {say(float(medians[-1]))}."
    )
    middle, high = np.quantile(studies[0].sd, [0.5, 0.95])
    if not usable[0].scale < middle <= high < usable[-1].scale:
        # Priors that all lie on one side of the posterior cannot tell whether it would follow.
        return _Heard.UNTRIED, f"{span} {_QUESTION}"
    against = f"{levels} levels of {isolated(about.factor)}"
    stays = np.abs(medians - medians[-1]) < _STAYS * medians[-1]
    first = len(stays) - int(np.argmin(stays[::-1])) if not stays.all() else 0
    if first == 0:
        return _Heard.NEVER, f"{span} Against {against} not even the narrowest is heard."
    if first == len(usable) - 1 or usable[first].scale > _NARROW * medians[-1]:
        return _Heard.ALWAYS, f"{span} With {against} the data do not settle it: the prior has a say."
    return (
        _Heard.WHEN_NARROW,
        f"{span} From a scale of {say(usable[first].scale)} on it hardly moves: against {against} "
        "only a prior that insists on less is heard.",
    )


def _named(curves: PoolingCurves, at: int) -> str:
    return isolated(short(curves.labels[at], 40))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(isolated(short(name, 40)) for name in names)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _strength(curves: PoolingCurves, at: int, about: Topic) -> str:
    """Say how much a level tells: its rows where they alone decide, or else the error of its own estimate."""
    told = np.isfinite(curves.own_errors)
    if is_balanced((curves.own_errors * np.sqrt(curves.rows))[told]):
        return _rows(int(curves.rows[at]))
    return f"standard error {about.say(float(curves.own_errors[at]))}"
