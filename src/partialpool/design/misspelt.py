"""Labels that are near in spelling to a much more frequent one of the same column, as `forrest` is to `forest`."""

import re
import unicodedata
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Final

__all__ = ["Misspelt", "find_misspelt", "plain_spelling"]

_RARER: Final = 8
"""How many times as many rows the frequent label has."""
_SHORTEST: Final = 5
"""Fewest letters of words of which one may be the other with an error."""
_TWO_ERRORS: Final = 10
"""Fewest letters of words that may differ by two errors."""
_MOST_LABELS: Final = 200
"""Columns with more labels have names of individuals, among which similar ones are ordinary."""
_BETWEEN: Final = re.compile(r"[\s_\-.]+")


@dataclass(frozen=True)
class Misspelt:
    """A rare label, the frequent one that it is near to, and their rows."""

    label: str
    n_rows: int
    frequent: str
    n_frequent: int

    def __str__(self) -> str:
        rows = f"{self.n_rows} row{'' if self.n_rows == 1 else 's'}"
        return f"{self.label!r} ({rows}; {self.frequent!r}: {self.n_frequent})"


def find_misspelt(rows_of: Mapping[Hashable, int]) -> tuple[Misspelt, ...]:
    """Find the labels of a column that may be misspelt, in the order of the categories.

    A label may be misspelt if another one is near in spelling and has eight times as many rows or more. Near are words
    of five letters or more that differ by one letter left out, added, exchanged or swapped with its neighbour (by two
    in words of ten letters or more), or only by spaces and hyphens. Labels with digits are ids, and a last letter that
    is another one may number things (`Plot A`, `Plot B`): these are not near. Where two labels are near although
    neither is much rarer, similar names are ordinary in the column, and none is reported.

    Parameters
    ----------
    rows_of
        Number of rows of each label, in the order of the categories.

    Examples
    --------
    >>> [str(one) for one in find_misspelt({"forest": 20, "forrest": 2})]
    ["'forrest' (2 rows; 'forest': 20)"]
    """
    counts = {k: n for k, n in rows_of.items() if isinstance(k, str) and n}
    spelt: dict[str, list[str]] = {}
    for label in counts:
        spelt.setdefault(plain_spelling(label), []).append(label)
    if len(spelt) > _MOST_LABELS:
        return ()
    rows = {spelling: sum(counts[label] for label in labels) for spelling, labels in spelt.items()}
    near = [pair for pair in combinations([s for s in rows if not re.search(r"\d", s)], 2) if _are_near(*pair)]
    mistaken: dict[str, str] = {}
    for rare, frequent in (ordered for pair in near for ordered in permutations(pair)):
        known = mistaken.get(rare)
        if rows[frequent] >= _RARER * rows[rare] and (known is None or rows[frequent] > rows[known]):
            mistaken[rare] = frequent
    if any(not mistaken.keys() & {*pair} for pair in near):
        return ()
    return tuple(_all_labels(mistaken, spelt, counts))


def _all_labels(
    mistaken: Mapping[str, str], spelt: Mapping[str, list[str]], counts: Mapping[str, int]
) -> Iterator[Misspelt]:
    for label in (label for rare in mistaken for label in spelt[rare]):
        frequent = max(spelt[mistaken[plain_spelling(label)]], key=lambda one: counts[one])
        yield Misspelt(label, counts[label], frequent, counts[frequent])


def plain_spelling(label: str) -> str:
    """Return a label without differences of case, of Unicode form, and of the number of spaces.

    Examples
    --------
    >>> plain_spelling(" Wet  Meadow")
    'wet meadow'
    """
    return " ".join(unicodedata.normalize("NFKC", label).casefold().split())


def _are_near(one: str, other: str) -> bool:
    """Whether two spellings may be one word, of which one has an error.

    Examples
    --------
    >>> pairs = [("forest", "forrest"), ("hedge row", "hedgerow"), ("forest", "forset"), ("plot a", "plot b")]
    >>> [_are_near(*pair) for pair in [*pairs, ("north", "south"), ("upper wood", "lower wood")]]
    [True, True, True, False, False, False]
    """
    if _BETWEEN.sub("", one) == _BETWEEN.sub("", other):
        return True
    words, others = _BETWEEN.split(one), _BETWEEN.split(other)
    if len(words) != len(others):
        words, others = ["".join(words)], ["".join(others)]
    different = [(a, b) for a, b in zip(words, others, strict=True) if a != b]
    return len(different) == 1 and _is_typing_error(*different[0])


def _is_typing_error(word: str, other: str) -> bool:
    length = min(len(word), len(other))
    most = 0 if length < _SHORTEST else 1 if length < _TWO_ERRORS or word[0] != other[0] else 2
    if abs(len(word) - len(other)) > most or (len(word) == len(other) and word[:-1] == other[:-1]):
        return False
    return _distance(word, other) <= most


def _distance(word: str, other: str) -> int:
    """Return the number of letters left out, added, exchanged or swapped with a neighbour (optimal string alignment).

    Examples
    --------
    >>> [_distance("wetland", other) for other in ("wetland", "wetlnd", "wteland", "wwetlands")]
    [0, 1, 1, 2]
    """
    before, last, row = [0] * (len(other) + 1), [0] * (len(other) + 1), list(range(len(other) + 1))
    for i, letter in enumerate(word, start=1):
        before, last, row = last, row, [i] + [0] * len(other)
        for j, match in enumerate(other, start=1):
            row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != match))
            if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == match:
                row[j] = min(row[j], before[j - 2] + 1)
    return row[-1]
