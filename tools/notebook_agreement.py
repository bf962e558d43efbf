"""Compare a notebook's output when run again with the committed one: words and pictures exactly, numbers within error.

The draws of a seed repeat on one machine. On another machine rounding makes the chains diverge, and every estimate is
as if from new draws. With 4000 nearly independent draws, a posterior sd is known to 1.1 %, so two runs differ by 1.6 %
(one standard error), and five per cent is three standard errors. For a mean near zero a relative error is meaningless;
its printed digits show its precision, and three units of the last one are allowed. An effective sample size, an integer
in the thousands, is an estimate from autocorrelations, and noisier.

These rules are quick and rough: of a thousand printed numbers some break them by chance, quantiles most often. So where
numbers disagree, the notebook is run again with other seeds (PARTIALPOOL_SEED_SHIFT), and a committed number passes if
it is inside the range of those nine runs, widened by twice that range on either side. Of normal estimates one in 7,000
is outside, whatever their standard error. A further run only widens the range, so runs end once every number passes.
Any remaining difference is reported. Words must agree exactly.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["OTHER_SEEDS", "CellOutput", "number_agrees", "output_differences", "text_differences", "without_clock"]

_NUMBER: Final = re.compile(r"(?<![\w.])[-+\N{MINUS SIGN}]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?", re.I)
_CLOCK: Final = re.compile(r"(seed \d+, )\d+\.\d s\b|(k-hat above 0\.7 in )[^:]+(?=:)|(k-hat )(?!above)-?\d+\.\d+")
"""The seconds of a fit, and Pareto k-hat: the number of rows in which it is above 0.7 depends on a few extreme draws,
and its verdict is printed beside it in words."""
_RELATIVE: Final = 0.05
_LARGE: Final = 1000
_RELATIVE_LARGE: Final = 0.15
_UNITS: Final = 3
_BOUND: Final = re.compile(r"\bp [<>] (?=\d)")
OTHER_SEEDS: Final = 8
"""Number of runs with other seeds that show how far a number moves by chance, where one disagrees."""


@dataclass(frozen=True)
class CellOutput:
    """The output of one cell.

    Attributes
    ----------
    where
        The cell, for messages.
    text
        Everything that the cell prints and returns.
    pictures
        Size and alternative text of each picture; pixels are not compared.
    """

    where: str
    text: str
    pictures: tuple[str, ...] = ()


def output_differences(
    committed: list[CellOutput], rerun: list[CellOutput], others: Sequence[list[CellOutput]] = ()
) -> list[str]:
    """List, cell by cell, where a new run disagrees with the committed one; `others` are runs with other seeds."""
    if len(committed) != len(rerun):
        return [f"{len(committed)} cells have output, and {len(rerun)} when run again"]
    cells = zip(committed, rerun, *others, strict=True)
    return [line for old, new, *more in cells for line in _cell_differences(old, new, more)]


def _cell_differences(old: CellOutput, new: CellOutput, others: list[CellOutput]) -> Iterator[str]:
    for line in text_differences(old.text, new.text, [other.text for other in others]):
        yield f"{old.where}: {line}"
    if old.pictures != new.pictures:
        yield f"{old.where}: pictures committed {list(old.pictures)}, now {list(new.pictures)}"


def text_differences(committed: str, rerun: str, others: Sequence[str] = ()) -> list[str]:
    """Compare two texts: words exactly, numbers within the tolerance, ignoring white space.

    Parameters
    ----------
    committed, rerun
        Committed output, and output of the new run.
    others
        Output of runs with other seeds.

    Examples
    --------
    >>> text_differences("ICC 0.39 of 18 levels", "ICC  0.40 of 18 levels")
    []
    >>> text_differences("ICC 0.39 of 18 levels", "ICC 0.49 of 18 levels")
    ['0.39 committed, now 0.49, in: ICC 0.49 of 18 levels']
    >>> text_differences("ICC 0.39 of 18 levels", "ICC 0.49 of 18 levels", ["ICC 0.43 of 18 levels"])
    []
    >>> text_differences("p = 0.001", "p < 0.001"), text_differences("p = 0.300", "p < 0.001")
    ([], ['0.300 committed, now 0.001, in: p < 0.001'])
    >>> text_differences("good", "doubtful")
    ['committed: good | now: doubtful']
    """
    old_lines, new_lines = _lines(committed), _lines(rerun)
    if len(old_lines) != len(new_lines):
        return [f"{len(old_lines)} lines committed, now {len(new_lines)}: {_first_apart(old_lines, new_lines)}"]
    more = [lines for lines in map(_lines, others) if len(lines) == len(new_lines)]
    lines = zip(old_lines, new_lines, *more, strict=True)
    return [line for old, new, *rest in lines for line in _line_differences(old, new, rest)]


def _lines(text: str) -> list[str]:
    return [line for line in without_clock(text).splitlines() if line.strip()]


def _line_differences(old: str, new: str, others: list[str]) -> list[str]:
    if _words(old) != _words(new):
        return [f"committed: {old.strip()} | now: {new.strip()}"]
    alike = [_NUMBER.findall(line) for line in others if _words(line) == _words(new)]
    numbers = zip(_NUMBER.findall(old), _NUMBER.findall(new), *alike, strict=True)
    return [
        f"{a} committed, now {b}{_beside(rest)}, in: {' '.join(new.split())}"
        for a, b, *rest in numbers
        if not number_agrees(a, b) and not (rest and _by_chance(a, [b, *rest]))
    ]


def _beside(others: list[str]) -> str:
    return f" ({min(others, key=_value)} to {max(others, key=_value)} with other seeds)" if others else ""


def _by_chance(committed: str, runs: list[str]) -> bool:
    """Whether a number is in the range of runs with different seeds, widened by twice that range on either side."""
    values = [_value(run) for run in runs]
    slack = 2 * (max(values) - min(values))
    return min(values) - slack <= _value(committed) <= max(values) + slack


def _words(line: str) -> list[str]:
    # A rule under a heading is as long as its column, which follows the digits.
    # p < 0.001 and p = 0.001 may be the same p value, on either side of the bound.
    return re.sub(r"[-─━=]{3,}", "---", _NUMBER.sub("#", _BOUND.sub("p = ", line))).split()


def _first_apart(old: list[str], new: list[str]) -> str:
    pairs = [(a, b) for a, b in zip(old, new, strict=False) if _words(a) != _words(b)]
    return f"first difference at {pairs[0][1].strip()!r}" if pairs else "the shorter one ends early"


def number_agrees(committed: str, rerun: str) -> bool:
    """Compare two printed numbers: five per cent (large integers: fifteen) or three units of the last place.

    Examples
    --------
    >>> number_agrees("0.06", "0.08"), number_agrees("26.9", "27.6"), number_agrees("3607", "3420")
    (True, True, True)
    >>> number_agrees("0.06", "0.16"), number_agrees("26.9", "29.9"), number_agrees("18", "22")
    (False, False, False)
    """
    old, new = _value(committed), _value(rerun)
    whole = _place(committed) == _place(rerun) == 1
    relative = _RELATIVE_LARGE if whole and abs(old) >= _LARGE else _RELATIVE
    # The small slack prevents 0.39 and 0.42, three units apart, from failing through binary rounding.
    return abs(old - new) <= max(relative * abs(old), _UNITS * max(_place(committed), _place(rerun))) * (1 + 1e-9)


def _value(number: str) -> float:
    return float(number.replace(",", "").replace("\N{MINUS SIGN}", "-"))


def _place(number: str) -> float:
    """Return the value of one unit in the last printed digit."""
    mantissa, _, exponent = number.lower().partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def without_clock(text: str) -> str:
    """Remove what differs in every run, such as the seconds of a fit."""
    return _CLOCK.sub(r"\1\2\3", text)
