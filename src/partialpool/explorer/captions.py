"""Texts of the page: what to try and what will then be seen, with the numbers of this fit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from partialpool.explorer.curves import PoolingCurves, Pull
from partialpool.explorer.highest import equal_records, leaders, verdict
from partialpool.explorer.means import infinite_ways
from partialpool.explorer.prior_influence import Influence, prior_influence
from partialpool.explorer.studies import Study
from partialpool.explorer.words import Words
from partialpool.plots.style import short

__all__ = ["Topic", "is_balanced", "isolated", "readings", "things_to_try"]

_ALIKE: Final = 0.01
"""Range of the levels' own errors, relative to the largest, within which they count as equal."""
_ONE_SHARE: Final = 0.005
"""Range of the shares within which they count as equal."""
_ALL: Final = 0.995
"""Probability that would be rounded to 100 %, which draws cannot show."""
_MOST_NAMED: Final = 5


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
    words
        What one level is called, and what it has many of.
    say_mean
        Writes an estimate with the mean of the response there, where the page has means.
    sd_scale
        The scale of an sd without a unit: "log odds".
    records
        What each level has, "7 of 10"; may be left out.
    """

    factor: str
    others: Sequence[str]
    other_factors: Sequence[str]
    known: bool
    say: Callable[[float], str]
    words: Words = field(default_factory=Words)
    say_mean: Callable[[float], str] | None = None
    sd_scale: str = ""
    records: Sequence[str] = ()

    def say_estimate(self, value: float) -> str:
        """Write an estimate: with its mean where the page has means."""
        return self.say(value) if self.say_mean is None else self.say_mean(value)

    def say_sd(self, value: float) -> str:
        """Write an sd with its unit or its scale."""
        return f"{self.say(value)} in {self.sd_scale}" if self.sd_scale else self.say(value)

    def record(self, curves: PoolingCurves, at: int) -> str:
        """Write what a level has."""
        return self.records[at] if self.records else self.words.many(int(curves.rows[at]))


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
    words = about.words
    complete = (
        f"All together (complete pooling): as if no {words.one} differed from another, all {words.counted} together "
        f"give {one}{weighing}."
    )
    none = (
        f"Each alone (no pooling): each {words.one} may differ without limit, and each estimate is from its own "
        f"{words.counted}{_given(curves, about)}."
    )
    between = {
        Pull.WEIGHT: f"{'Given the fixed effects, an' if curves.given else 'An'} estimate gives {{share}} of its "
        f"weight to the {words.one}\N{RIGHT SINGLE QUOTATION MARK}s own {words.counted}, the rest to all together.",
        Pull.SHARE: "An estimate is {share} of the way from the population mean to the one without pooling.",
        Pull.MATRIX: "No single weight describes how far an estimate is pulled: the "
        f"{words.one}\N{RIGHT SINGLE QUOTATION MARK}s {' and '.join(map(isolated, about.others))} moves along.",
    }
    return {
        "complete": complete,
        "none": none + _limits(curves) + _without_estimate(curves, about),
        "between": between[curves.pull],
    }


def things_to_try(
    curves: PoolingCurves, at: int, about: Topic, studies: Sequence[Study], scale: float | None = None
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
    scale
        Scale from which other priors of the sd are judged; that of the fit's prior if left out.
    """
    told = np.flatnonzero(np.isfinite(curves.values[-1]))
    whole = curves.values[0]
    if curves.differ:
        all_get = (
            f"the {about.words.ones} differ only by the predictors of the model; those with equal predictors get the "
            "same estimate"
        )
    else:
        common = about.say_estimate(float(whole[0]))
        all_get = f"no {about.words.one} differs from another, and all get the same estimate, {common}"
    left = f"With an sd of 0 {all_get}: complete pooling."
    out = [("Drag the slider to its left end.", left)]
    own = f"Now each {about.words.one} has an estimate from its own {about.words.counted}{_given(curves, about)}"
    luck = f"{own}, including their noise, which is luck: "
    next_ones = f"its next {about.words.counted}"
    if infinite_ways(curves).any():
        out.append(("Drag it to the right end.", f"{luck}{_at_the_ends(curves, about)}{_limits(curves)}"))
    elif len(told):
        far = told[np.argmax(np.abs(curves.values[-1] - whole)[told])]
        seen = (
            f"{luck}{_named(curves, far)} is farthest out, at {about.say_estimate(float(curves.values[-1][far]))} from "
            f"{about.words.many(int(curves.rows[far]))}. Where would you expect {next_ones}?{_limits(curves)}"
            f"{_without_estimate(curves, about)}"
        )
        out.append(("Drag it to the right end.", seen))
    out.append(("Go slowly from one end to the other.", _on_the_way(curves, at, about)))
    middle = studies[0].scale if scale is None else scale
    of_levels = f"{len(curves.labels)} {about.words.ones}"
    heard, seen = prior_influence(studies, middle, of_levels, about.say, about.sd_scale)
    out += _about_the_highest(curves, studies[0], about)
    out.append(("Press \N{LEFT DOUBLE QUOTATION MARK}Compromise\N{RIGHT DOUBLE QUOTATION MARK}.", _MEDIAN[heard]))
    return (*out, ("Choose the half-normal prior and move its scale.", seen))


def _about_the_highest(curves: PoolingCurves, own: Study, about: Topic) -> list[tuple[str, str]]:
    """Say which level is the highest with the largest probability, whether that is certain, and which are tied."""
    if own.levels is None:
        return []
    one, count = about.words.one, len(curves.labels)
    records = equal_records(curves)
    found = own.levels
    same, near = leaders(found, records)
    highest = float(found.highest[same[0]])
    size = f"{'above 99' if highest >= _ALL else f'{100 * highest:.0f}'}\N{NO-BREAK SPACE}%"
    said = verdict(highest, count, found.draws)
    if len(same) > 1:
        seen = (
            f"{_these(curves, same)} have the same record: that is a tie. Of all {count}, each of them is the highest "
            f"with a probability of {size}: {said}."
        )
    elif near:
        seen = (
            f"Of all {count}, {_these(curves, [*same, *near])} have the largest probabilities of being the highest, "
            f"which cannot be told apart: {size}, {said}."
        )
    else:
        seen = f"Of all {count}, {_named(curves, same[0])} is the highest with the largest probability, {size}: {said}."
    return [(f"Point at the {one} that you think is the highest, or tap it.", seen)]


def _these(curves: PoolingCurves, which: Sequence[int]) -> str:
    """Name some levels, and count those that are not named."""
    names = [_named(curves, k) for k in which[:_MOST_NAMED]]
    more = len(which) - len(names)
    rest = [f"{more} more"] if more else []
    return _and([*names, *rest])


_MEDIAN: Final = {
    Influence.UNTRIED: "The curve shows which sds are plausible, given the data and the prior.",
    Influence.BOTH: "The curve shows which sds are plausible, given the data and the prior. Here both matter, as the "
    "next point shows.",
} | dict.fromkeys(
    (Influence.NEITHER, Influence.NARROW),
    "The sd need not be chosen: it is estimated from the differences in the data. The curve shows which sds are "
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


def _at_the_ends(curves: PoolingCurves, about: Topic) -> str:
    """Name the levels that are farthest out in the picture, at its ends: alone they would have one outcome for ever."""
    ways = infinite_ways(curves)
    said: list[str] = []
    for way, does in ((1, about.words.highest), (-1, about.words.lowest)):
        some = np.flatnonzero(ways == way)
        if not len(some):
            continue
        named = [f"{_named(curves, k)} ({about.record(curves, k)})" for k in some[:_MOST_NAMED]]
        more = [f"{len(some) - len(named)} more"] if len(some) > len(named) else []
        where = f"{'is' if len(some) == 1 else 'are'} farthest out" + (", at the other end" if said else "")
        alone = f"on this record alone, {_named(curves, some[0])}" if len(some) == 1 else "on these records alone, each"
        said.append(f"{_and([*named, *more])} {where}: {alone} would {does}.")
    return f"{' '.join(said)} Would you expect that of the next {about.words.counted}?"


def _without_estimate(curves: PoolingCurves, about: Topic) -> str:
    """Name the levels that are at the ends of the picture, those without an estimate, and those without trials."""
    said, ways = "", infinite_ways(curves)
    if ways.any():
        said += f" With one outcome only, and so at an end of the picture: {_some(curves, ways != 0)}."
    if (curves.infinite & (ways == 0)).any():
        said += f" No estimate of its own: {_some(curves, curves.infinite & (ways == 0))}."
    if curves.empty.any():
        said += f" No {about.words.counted}, and so no estimate alone: {_some(curves, curves.empty)}."
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
            f"{about.words.ones.capitalize()} at the same distance do not move equally here: their "
            f"{' and '.join(map(isolated, about.others))} moves along, which is not shown, "
            f"and a {about.words.one} that is unusual in that moves here too. "
            f"{_named(curves, most)} moves most."
        )
    shares, errors, balanced = curves.shares[at], curves.own_errors, is_balanced(curves.own_errors)
    clear = np.flatnonzero(np.isfinite(shares) & np.isfinite(errors))
    if len(clear) < 2:
        return _by_weight(curves, shares, about)
    low, high = float(shares[clear].min()), float(shares[clear].max())
    if balanced and high - low < _ONE_SHARE:
        return (
            f"All {about.words.ones} carry the same information here, so all are pulled by the same share of their "
            "distance: those farther out move farther."
        )
    least, most = int(clear[np.argmax(errors[clear])]), int(clear[np.argmin(errors[clear])])
    if not balanced and shares[least] < shares[most]:
        return _drawn(curves, shares, (least, most), about)
    if not about.other_factors or f"{100 * low:.0f}" == f"{100 * high:.0f}":
        return _by_weight(curves, shares, about)
    return (
        f"The share of the distance from the population mean differs between {about.words.ones}: at the posterior "
        f"median it is between {100 * low:.0f} and {100 * high:.0f}\N{NO-BREAK SPACE}%, since effects of "
        f"{_listed(about.other_factors)} move along."
    )


def _drawn(curves: PoolingCurves, shares: np.ndarray, pair: tuple[int, int], about: Topic) -> str:
    """Say how far two levels are drawn to the others: that with the least information, and that with the most."""
    fewer = curves.rows[pair[0]] < curves.rows[pair[1]] and _counts_tell(curves, about)
    strengths = [about.words.many(int(curves.rows[k])) if fewer else _strength(curves, k, about) for k in pair]
    names, ways = [_named(curves, k) for k in pair], [f"{100 * (1 - shares[k]):.0f}" for k in pair]
    why = (
        f"the fewer {about.words.counted}, the larger the share of the way"
        if fewer
        else f"the less its own {about.words.counted} tell, the larger the share of the way"
    )
    if ways[0] == ways[1]:
        return f"{names[0]} ({strengths[0]}) gives way before {names[1]} ({strengths[1]}): {why}."
    told = [
        f"{name}, {strength}: {way}\N{NO-BREAK SPACE}% of the way"
        for name, strength, way in zip(names, strengths, ways, strict=True)
    ]
    return f"At the compromise each is drawn a part of the way to the others. {'; '.join(told)}: {why}."


def _counts_tell(curves: PoolingCurves, about: Topic) -> bool:
    """Whether the number of rows, or of trials, is what the levels' information depends on."""
    errors = curves.own_errors * np.sqrt(curves.rows)
    return about.words.counted != "rows" or is_balanced(errors[np.isfinite(curves.own_errors)])


def _by_weight(curves: PoolingCurves, shares: np.ndarray, about: Topic) -> str:
    """State the weights of all levels' own rows, also of levels whose own estimate is infinite."""
    if curves.pull is not Pull.WEIGHT or not np.isfinite(shares).any():
        return "Which levels move most, and which hardly at all?"
    low, high = (f"{100 * share:.0f}" for share in (np.nanmin(shares), np.nanmax(shares)))
    size = f"is {high}" if low == high else f"is between {low} and {high}"
    return (
        f"At the posterior median the weight of a {about.words.one}\N{RIGHT SINGLE QUOTATION MARK}s own "
        f"{about.words.counted} {size}\N{NO-BREAK SPACE}%: the less "
        "information they carry, the smaller it is, and the more the estimate is drawn "
        f"to the other {about.words.ones}."
    )


def _named(curves: PoolingCurves, at: int) -> str:
    return isolated(short(curves.labels[at], 40))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(isolated(short(name, 40)) for name in names)


def _and(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _strength(curves: PoolingCurves, at: int, about: Topic) -> str:
    """State the information in a level: its number of rows if only that matters, else its standard error."""
    told = np.isfinite(curves.own_errors)
    many = about.words.many(int(curves.rows[at]))
    if is_balanced((curves.own_errors * np.sqrt(curves.rows))[told]):
        return many
    error = f"standard error {about.say_sd(float(curves.own_errors[at]))}"
    return f"{many}, {error}" if about.words.counted != "rows" else error
