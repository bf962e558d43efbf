"""Compare what a notebook says when run again with what is committed: words and pictures exactly, numbers within error.

The draws of a seed repeat on one machine. On another, rounding parts the chains, and every estimate is as if drawn
anew. With 4000 draws that are nearly independent, a posterior sd is known to 1.1 %, so that two runs differ by 1.6 %,
one standard error: five per cent is three of them. A mean near zero has no relative error to speak of; its printed
digits say how well it is known, and three units of the last one are allowed. An effective sample size, a whole number
in the thousands, is an estimate from autocorrelations, and noisier. What is left over is told.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["Told", "number_agrees", "text_differences", "told_differences", "without_clock"]

_NUMBER: Final = re.compile(r"(?<![\w.])[-+\N{MINUS SIGN}]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?", re.I)
_CLOCK: Final = re.compile(r"(seed \d+, )\d+\.\d s\b|(k-hat )-?\d+\.\d+")
"""The seconds a fit took, and Pareto k-hat, a diagnostic whose verdict stands beside it in words."""
_RELATIVE: Final = 0.05
_LARGE: Final = 1000
_RELATIVE_LARGE: Final = 0.15
_UNITS: Final = 3


@dataclass(frozen=True)
class Told:
    """What one cell tells its reader.

    Attributes
    ----------
    where
        The cell, for messages.
    text
        All it prints and returns.
    pictures
        Size and alternative text of each picture; pixels are not compared.
    """

    where: str
    text: str
    pictures: tuple[str, ...] = ()


def told_differences(committed: list[Told], rerun: list[Told]) -> list[str]:
    """Say, cell by cell, where a new run disagrees with what is committed."""
    if len(committed) != len(rerun):
        return [f"{len(committed)} cells tell something, and {len(rerun)} when run again"]
    return [line for old, new in zip(committed, rerun, strict=True) for line in _cell_differences(old, new)]


def _cell_differences(old: Told, new: Told) -> Iterator[str]:
    for line in text_differences(old.text, new.text):
        yield f"{old.where}: {line}"
    if old.pictures != new.pictures:
        yield f"{old.where}: pictures committed {list(old.pictures)}, now {list(new.pictures)}"


def text_differences(committed: str, rerun: str) -> list[str]:
    """Compare two texts: words exactly, white space not at all, numbers within the tolerance.

    Examples
    --------
    >>> text_differences("ICC 0.39 of 18 levels", "ICC  0.40 of 18 levels")
    []
    >>> text_differences("ICC 0.39 of 18 levels", "ICC 0.49 of 18 levels")
    ['0.39 committed, now 0.49, in: ICC 0.49 of 18 levels']
    >>> text_differences("good", "doubtful")
    ['committed: good | now: doubtful']
    """
    old_lines, new_lines = (
        [line for line in without_clock(t).splitlines() if line.strip()] for t in (committed, rerun)
    )
    if len(old_lines) != len(new_lines):
        return [f"{len(old_lines)} lines committed, now {len(new_lines)}: {_first_apart(old_lines, new_lines)}"]
    return [line for old, new in zip(old_lines, new_lines, strict=True) for line in _line_differences(old, new)]


def _line_differences(old: str, new: str) -> list[str]:
    if _words(old) != _words(new):
        return [f"committed: {old.strip()} | now: {new.strip()}"]
    pairs = zip(_NUMBER.findall(old), _NUMBER.findall(new), strict=True)
    return [f"{a} committed, now {b}, in: {' '.join(new.split())}" for a, b in pairs if not number_agrees(a, b)]


def _words(line: str) -> list[str]:
    # A rule under a heading is as long as its column, which follows the digits.
    return re.sub(r"[-─━=]{3,}", "---", _NUMBER.sub("#", line)).split()


def _first_apart(old: list[str], new: list[str]) -> str:
    pairs = [(a, b) for a, b in zip(old, new, strict=False) if _words(a) != _words(b)]
    return f"first apart at {pairs[0][1].strip()!r}" if pairs else "the shorter one breaks off"


def number_agrees(committed: str, rerun: str) -> bool:
    """Compare two printed numbers: five per cent (large whole ones: fifteen) or three units of the last place.

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
    # The least slack keeps 0.39 and 0.42, three units apart, from failing by a rounding of binary fractions.
    return abs(old - new) <= max(relative * abs(old), _UNITS * max(_place(committed), _place(rerun))) * (1 + 1e-9)


def _value(number: str) -> float:
    return float(number.replace(",", "").replace("\N{MINUS SIGN}", "-"))


def _place(number: str) -> float:
    """Worth of the last printed digit."""
    mantissa, _, exponent = number.lower().partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def without_clock(text: str) -> str:
    """Leave out what is never twice the same, the seconds of a fit."""
    return _CLOCK.sub(r"\1\2", text)
