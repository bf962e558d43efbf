"""Words of the page for one level, and for what a level has many of."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from partialpool.design.design import Design
from partialpool.families.link import ProbabilityLink

__all__ = ["Words", "pupil_word", "words_of"]

_LEVEL: Final = "level"
_HITS: Final = ("hit", "hits", "goals", "scored")
_NAMES: Final = ("name", "names", "first name", "last name", "surname", "full name", "id")
_FEWEST: Final = 3
_MOST: Final = 20


@dataclass(frozen=True)
class Words:
    """What is said of the levels and their rows.

    Attributes
    ----------
    one
        One level: "pupil".
    counted
        What a level has many of, in the plural: "throws".
    highest, lowest
        What a level would do according to a record of one outcome alone: "never miss", "never hit".
    """

    one: str = _LEVEL
    counted: str = "rows"
    highest: str = "never fail"
    lowest: str = "never succeed"

    @property
    def ones(self) -> str:
        """Several levels.

        Examples
        --------
        >>> [Words(one).ones for one in ("pupil", "county", "Batch", "Klasse")]
        ['pupils', 'counties', 'Batches', 'Klasses']
        """
        if re.search("[^aeiou]y$", self.one):
            return f"{self.one[:-1]}ies"
        return f"{self.one}{'es' if re.search('(s|x|ch|sh)$', self.one) else 's'}"

    def many(self, count: int) -> str:
        """Write a number of rows, trials or throws.

        Examples
        --------
        >>> Words(counted="throws").many(1), Words(counted="throws").many(3)
        ('1 throw', '3 throws')
        """
        return f"{count} {self.counted.removesuffix('s') if count == 1 else self.counted}"


def words_of(design: Design, factor: str, called: str = "") -> Words:
    """Return the words for the levels of a factor: the name of its column, and of the column of the trials.

    Parameters
    ----------
    design
        The design.
    factor
        Name of the factor.
    called
        What one level is called, in place of the name of the column.
    """
    one = called or (factor if _is_word(factor) else _LEVEL)
    always, never = (
        ("never miss", "never hit") if design.response.name.casefold() in _HITS else ("never fail", "never succeed")
    )
    if not isinstance(design.spec.link_record, ProbabilityLink):
        never = "always have 0"
    if design.response.trials is None:
        return Words(one, "rows", always, never)
    trials = design.spec.response_term.trials or ""
    is_plural = _is_word(trials) and re.search("[^s]s$", trials.casefold()) is not None
    return Words(one, trials if is_plural else "trials", always, never)


def pupil_word(column: str) -> str:
    """Return what one level of a column of a class's table is called: a pupil, where the column only has names.

    Examples
    --------
    >>> pupil_word("name"), pupil_word("team"), pupil_word("x1")
    ('pupil', 'team', 'level')
    """
    if column.casefold() in _NAMES:
        return "pupil"
    return column if _is_word(column) else _LEVEL


def _is_word(name: str) -> bool:
    """Whether a column's name is one word in Latin letters, as it can stand in a sentence.

    Examples
    --------
    >>> [_is_word(name) for name in ("pupil", "batch:cask", "g", "x1")]
    [True, False, False, False]
    """
    letters = name.isalpha() and all(unicodedata.name(letter, "").startswith("LATIN") for letter in name)
    return letters and _FEWEST <= len(name) <= _MOST
