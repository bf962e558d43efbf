"""Texts of the page: what to try and what will then be seen, with the numbers of this fit."""

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
"""Range of the levels' own errors, relative to the largest, within which they count as equal."""
_ONE_SHARE: Final = 0.005
"""Range of the shares within which they count as equal."""
_LONG: Final = 2.0
"""Ratio of two levels' standard errors from which the text says that one gives way long before the other."""
_STAYS: Final = 0.1
"""Relative difference to the median under the widest prior below which a median counts as unchanged."""
_ALL: Final = 0.995
"""Probability that would be rounded to 100 %, which draws cannot show."""
_SURE: Final = 0.95
_LIKELY: Final = 0.5
"""Probabilities from which being the highest is called almost certain, and likely; the page's script has the same."""
_MOST_NAMED: Final = 5
_NARROW: Final = 2.0
"""Ratio to the posterior median: the prior is influential if one with a larger scale still moves the median."""


@dataclass(frozen=True)
class Topic:
    """Subject of the texts.

    Attributes
    ----------
    factor
        Name of the factor.
    others
        The factor's other effects.
    other_factors
        Names of the model's other factors.
    known
        Whether the standard errors of the rows are known.
    say
        Writes a value of the effect with its unit.
    counted
        What a level has many of: rows, or trials where rows have several.
    say_mean
        Writes an estimate with the mean of the response there, where the page has means.
    """

    factor: str
    others: Sequence[str]
    other_factors: Sequence[str]
    known: bool
    say: Callable[[float], str]
    counted: str = "row"
    say_mean: Callable[[float], str] | None = None

    def say_estimate(self, value: float) -> str:
        """Write an estimate: with its mean where the page has means."""
        return self.say(value) if self.say_mean is None else self.say_mean(value)


class _Heard(Enum):
    """Whether the posterior follows as the prior is narrowed."""

    UNTRIED = auto()
    NEVER = auto()
    WHEN_NARROW = auto()
    ALWAYS = auto()


def isolated(name: object) -> str:
    r"""Isolate a name's writing direction, so that a right-to-left name does not reorder the text after it.

    Examples
    --------
    >>> isolated("308") == "\u2068308\u2069"
    True
    """
    return f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}"


def is_balanced(errors: np.ndarray) -> bool:
    """Whether the estimates without pooling have the same standard error in every level.

    Examples
    --------
    >>> is_balanced(np.array([2.0, 2.01])), is_balanced(np.array([2.0, 2.1])), is_balanced(np.array([2.0, np.nan]))
    (True, False, False)
    """
    return bool(np.isfinite(errors).all() and np.ptp(errors) <= _ALIKE * errors.max())


def readings(curves: PoolingCurves, about: Topic) -> dict[str, str]:
    """Describe the estimates at 0 (`complete`), infinity (`none`) and `between`, with `{share}` for the shares."""
    weighing = ", weighted by their standard errors" if about.known else ""
    one = "one line" if about.others else "one estimate"
    if curves.differ:
        one += " for all levels with the same values of the other predictors"
    complete = f"All together (complete pooling): levels do not differ, and all rows together give {one}{weighing}."
    none = (
        "Each alone (no pooling): levels may differ without limit, and each estimate is from its own rows"
        f"{_given(curves, about)}."
    )
    between = {
        Pull.WEIGHT: f"{'Given the fixed effects, an' if curves.given else 'An'} estimate gives {{share}} of its "
        "weight to the level\N{RIGHT SINGLE QUOTATION MARK}s own rows, the rest to all levels together.",
        Pull.SHARE: "An estimate is {share} of the way from the population mean to the one without pooling.",
        Pull.MATRIX: "No single weight describes how far an estimate is pulled: the "
        f"level\N{RIGHT SINGLE QUOTATION MARK}s {' and '.join(map(isolated, about.others))} moves along.",
    }
    return {
        "complete": complete,
        "none": none + _limits(curves) + _without_estimate(curves),
        "between": between[curves.pull],
    }


def things_to_try(
    curves: PoolingCurves, at: int, about: Topic, studies: Sequence[Study]
) -> tuple[tuple[str, str], ...]:
    """Return pairs of what to do and what is then seen.

    Parameters
    ----------
    curves, at
        The curves, and the position of the posterior median in them.
    about
        Subject of the curves.
    studies
        That of the fit itself first.
    """
    told = np.flatnonzero(np.isfinite(curves.values[-1]))
    whole = curves.values[0]
    if curves.differ:
        all_get = "differ only by the predictors of the model; levels with equal predictors get the same estimate"
    else:
        all_get = f"do not differ, and all get the same estimate, {about.say_estimate(float(whole[0]))}"
    left = f"With an sd of 0 the levels of {isolated(about.factor)} {all_get}: complete pooling."
    out = [("Drag the slider to its left end.", left)]
    if len(told):
        far = told[np.argmax(np.abs(curves.values[-1] - whole)[told])]
        out.append(
            (
                "Drag it to the right end.",
                f"Now each level has an estimate from its own rows{_given(curves, about)}, including their noise, "
                f"which is luck: "
                f"{_named(curves, far)} is farthest out, at {about.say_estimate(float(curves.values[-1][far]))} from "
                f"{_many(curves.rows[far], about)}. Where would you expect its next {about.counted}s?{_limits(curves)}"
                f"{_without_estimate(curves)}",
            )
        )
    out.append(("Go slowly from one end to the other.", _on_the_way(curves, at, about)))
    heard, seen = _about_priors(studies, len(curves.labels), about)
    out += _about_the_highest(curves, studies[0])
    out.append(("Press \N{LEFT DOUBLE QUOTATION MARK}Compromise\N{RIGHT DOUBLE QUOTATION MARK}.", _MEDIAN[heard]))
    return (*out, ("Choose the half-normal prior and move its scale.", seen))


def _about_the_highest(curves: PoolingCurves, own: Study) -> list[tuple[str, str]]:
    """Say which level is the highest with the largest probability, and whether that is certain."""
    if own.levels is None:
        return []
    first, highest = int(np.argmax(own.levels.highest)), float(own.levels.highest.max())
    verdict = (
        "it is almost certain" if highest >= _SURE else
        "that is likely, but we cannot be sure" if highest >= _LIKELY else
        "we cannot be sure who is the highest"
    )  # fmt: skip
    return [
        (
            "Point at the level that you think is the highest, or tap it.",
            f"Of all {len(curves.labels)} levels, {_named(curves, first)} is the highest with the largest probability, "
            f"{'above 99' if highest >= _ALL else f'{100 * highest:.0f}'}\N{NO-BREAK SPACE}%: {verdict}.",
        )
    ]


_QUESTION: Final = "Does the curve follow the prior, or does it stay where the data are?"
_MEDIAN: Final = {
    _Heard.UNTRIED: "The curve shows which sds are plausible, given the data and the prior.",
    _Heard.ALWAYS: "The curve shows which sds are plausible, given the data and the prior. Here both matter, as the "
    "next point shows.",
} | dict.fromkeys(
    (_Heard.NEVER, _Heard.WHEN_NARROW),
    "The sd need not be chosen: it is estimated from the differences between levels. The curve shows which sds are "
    "plausible.",
)


def _given(curves: PoolingCurves, about: Topic) -> str:
    """Name the other effects that are estimated from all rows and so are the same for every level."""
    parts = [f"fixed effects of {_listed(curves.given)}"] if curves.given else []
    parts += [f"effects of {_listed(about.other_factors)}"] if about.other_factors else []
    return f", given {' and '.join(parts)} estimated from all rows" if parts else ""


def _limits(curves: PoolingCurves) -> str:
    if not curves.untold:
        return ""
    shown = "the value at the largest sd" if curves.infinite.any() else "the limit as the sd grows"
    return (
        f" Without pooling the rows do not identify the coefficient{'s' if len(curves.untold) > 1 else ''} of "
        f"{_listed(curves.untold)}: the picture shows {shown}."
    )


def _without_estimate(curves: PoolingCurves) -> str:
    """Name the levels whose own estimate is infinite, and those that have no trials."""
    said = ""
    if curves.infinite.any():
        said += (
            f" No finite estimate: {_some(curves, curves.infinite)}. Rows with only one outcome, or outcomes that a "
            "predictor separates, fit better the farther out the estimate is."
        )
    if curves.empty.any():
        said += f" No trials, and so no estimate without pooling: {_some(curves, curves.empty)}."
    return said


def _some(curves: PoolingCurves, chosen: np.ndarray) -> str:
    """List the first of the chosen levels, and count the others."""
    levels = [label for label, is_one in zip(curves.labels, chosen, strict=True) if is_one]
    more = len(levels) - _MOST_NAMED
    return f"{_listed(levels[:_MOST_NAMED])}{f' and {more} more' if more > 0 else ''}"


def _on_the_way(curves: PoolingCurves, at: int, about: Topic) -> str:
    """Describe which levels move most, and why, where it can be said."""
    if about.others:
        most = int(np.nanargmax(np.abs(curves.values[at] - curves.values[-1])))
        return (
            "Levels at the same distance do not move equally here: their "
            f"{' and '.join(map(isolated, about.others))} moves along, which is not shown, "
            "and a level that is unusual in that moves here too. "
            f"{_named(curves, most)} moves most."
        )
    shares, errors, balanced = curves.shares[at], curves.own_errors, is_balanced(curves.own_errors)
    clear = np.flatnonzero(np.isfinite(shares) & np.isfinite(errors))
    if len(clear) < 2:
        return _by_weight(curves, shares)
    low, high = float(shares[clear].min()), float(shares[clear].max())
    if balanced and high - low < _ONE_SHARE:
        return (
            "All levels carry the same information here, so all are pulled by the same share of their distance: "
            "levels farther out move farther."
        )
    least, most = int(clear[np.argmax(errors[clear])]), int(clear[np.argmin(errors[clear])])
    if not balanced and shares[least] < shares[most]:
        long = "long " if errors[least] >= _LONG * errors[most] else ""
        return (
            f"{_named(curves, least)} ({_strength(curves, least, about)}) gives way {long}before "
            f"{_named(curves, most)} ({_strength(curves, most, about)}): "
            "the less information a level's own rows carry, the more its estimate is drawn to the other levels."
        )
    if not about.other_factors or f"{100 * low:.0f}" == f"{100 * high:.0f}":
        return _by_weight(curves, shares)
    return (
        "The share of the distance from the population mean differs between levels: at the posterior median it is "
        f"between {100 * low:.0f} and {100 * high:.0f}\N{NO-BREAK SPACE}%, since effects of "
        f"{_listed(about.other_factors)} move along."
    )


def _by_weight(curves: PoolingCurves, shares: np.ndarray) -> str:
    """State the weights of all levels' own rows, also of levels whose own estimate is infinite."""
    if curves.pull is not Pull.WEIGHT or not np.isfinite(shares).any():
        return "Which levels move most, and which hardly at all?"
    low, high = (f"{100 * share:.0f}" for share in (np.nanmin(shares), np.nanmax(shares)))
    size = f"is {high}" if low == high else f"is between {low} and {high}"
    return (
        f"At the posterior median the weight of a level\N{RIGHT SINGLE QUOTATION MARK}s own rows {size}"
        "\N{NO-BREAK SPACE}%: the less information they carry, the smaller it is, and the more the estimate is drawn "
        "to the other levels."
    )


def _about_priors(studies: Sequence[Study], levels: int, about: Topic) -> tuple[_Heard, str]:
    """Describe whether the posterior follows as a half-normal prior is narrowed."""
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
        # Priors that are all on one side of the posterior cannot show whether it would follow.
        return _Heard.UNTRIED, f"{span} {_QUESTION}"
    against = f"{levels} levels of {isolated(about.factor)}"
    stays = np.abs(medians - medians[-1]) < _STAYS * medians[-1]
    first = len(stays) - int(np.argmin(stays[::-1])) if not stays.all() else 0
    if first == 0:
        return _Heard.NEVER, f"{span} With {against} not even the narrowest is influential."
    if first == len(usable) - 1 or usable[first].scale > _NARROW * medians[-1]:
        return _Heard.ALWAYS, f"{span} With {against} the data do not determine it: the prior is influential."
    return (
        _Heard.WHEN_NARROW,
        f"{span} From a scale of {say(usable[first].scale)} on it hardly moves: with {against} "
        "only a narrower prior is influential.",
    )


def _named(curves: PoolingCurves, at: int) -> str:
    return isolated(short(curves.labels[at], 40))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(isolated(short(name, 40)) for name in names)


def _many(count: int, about: Topic) -> str:
    return f"{count} {about.counted}{'s' if count != 1 else ''}"


def _strength(curves: PoolingCurves, at: int, about: Topic) -> str:
    """State the information in a level: its number of rows if only that matters, else its standard error."""
    told = np.isfinite(curves.own_errors)
    if is_balanced((curves.own_errors * np.sqrt(curves.rows))[told]):
        return _many(int(curves.rows[at]), about)
    error = f"standard error {about.say(float(curves.own_errors[at]))}"
    return f"{_many(int(curves.rows[at]), about)}, {error}" if about.counted != "row" else error
