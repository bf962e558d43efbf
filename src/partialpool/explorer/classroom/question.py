"""A table that was pasted, and what its columns mean: the question of the classroom's form, as a model and a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Final

import pandas as pd

from partialpool.errors import DataError, SpecError, nearest
from partialpool.explorer.classroom.missing import said_of_words
from partialpool.explorer.classroom.pasted import read_cells, read_pasted
from partialpool.explorer.classroom.remarks import added_up, complete_rows, without_attempts
from partialpool.explorer.classroom.responses import (
    as_yes,
    check_both_outcomes,
    check_percentages,
    check_repeats,
    check_yes_and_no,
    make_numbers,
)
from partialpool.spec.model import ModelSpec
from partialpool.spec.terms import Group
from partialpool.spec.whitelist import quote_name

__all__ = ["KINDS", "MOST_LEVELS", "MOST_TITLE", "Kind", "Question"]

MOST_LEVELS: Final = 200
"""So many levels the explorer shows at once; a fit of more would keep the others waiting."""
_MOST_SHOWN: Final = 60
"""Characters of a name or value that an error repeats."""
MOST_TITLE: Final = 80
_UNQUOTABLE: Final = "`"
"""It ends a name in backquotes."""
_JOINING: Final = ":/"
"""Between the names of two columns they name a factor: `batch:cask`."""


@dataclass(frozen=True)
class Kind:
    """A kind of response: its family, and whether it needs a column of attempts or a value that counts as yes.

    `is_whole` says whether its values, and the attempts, are whole numbers from 0; `needs_repeats` whether some names
    must have several rows.
    """

    name: str
    family: str
    example: str
    has_attempts: bool = False
    has_success: bool = False
    is_whole: bool = False
    needs_repeats: bool = False


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind("hits out of attempts", "binomial", "7 of 12 throws", has_attempts=True, is_whole=True),
            Kind("yes or no", "bernoulli", "one row per throw: hit or miss", has_success=True),
            Kind("a count", "poisson", "the goals of a match", is_whole=True),
            Kind("a measurement", "gaussian", "a height in cm, a time in s", needs_repeats=True),
        )
    }
)
"""What a response can be, in the words of the form."""


@dataclass(frozen=True)
class Question:
    """One submission of the form: every field as it was typed.

    Attributes
    ----------
    text
        The table.
    who, response
        Columns of the level and of the response.
    kind
        A name in `KINDS`.
    attempts
        Column of the attempts, for hits out of attempts.
    success
        The value that counts as yes; empty for numbers 0 and 1, and for true and false.
    title
        Title of the page; may be empty.
    """

    text: str
    who: str = ""
    response: str = ""
    kind: str = ""
    attempts: str = ""
    success: str = ""
    title: str = ""

    @property
    def key(self) -> str:
        """A short name that equal questions share."""
        fields = "\x1f".join((self.text, self.who, self.response, self.kind, self.attempts, self.success, self.title))
        return sha256(fields.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    def model(self) -> tuple[ModelSpec, pd.DataFrame]:
        r"""Return the model `response ~ 1 + (1 | who)` and its table, without rows of 0 attempts or empty cells.

        Names become part of a model only as columns of the table that was read, and in backquotes.

        Raises
        ------
        DataError, SpecError
            The text is no table; it is too large; a column does not exist, has a name that no formula can have, or does
            not have the values of its kind.

        Examples
        --------
        >>> table = "name,hits,shots\nAda,2,3\nBen,5,9"
        >>> print(Question(table, "name", "hits", "hits out of attempts", "shots").model()[0].to_formula())
        p(hits, shots) ~ 1 + (1 | name)
        """
        return self.read()[:2]

    @property
    def remarks(self) -> list[str]:
        r"""What was done with the rows, as sentences for above the page; raises as `model`.

        Examples
        --------
        >>> table = "name,hits,shots\nAda,2,3\nAda,1,4\nBen,5,9\nCem,0,0"
        >>> Question(table, "name", "hits", "hits out of attempts", "shots").remarks
        ['No attempts: Cem. Rows with 0 attempts tell nothing, and are left out.', 'Ada has 2 rows; they are added up.']
        """
        return self.read()[2]

    def read(self) -> tuple[ModelSpec, pd.DataFrame, list[str]]:
        """Return `model` and `remarks` from one reading of the table; raises as `model`."""
        if len(self.title) > MOST_TITLE:
            raise SpecError(
                "the title is too long",
                got=f"{len(self.title)} characters",
                allowed=f"up to {MOST_TITLE}",
                do="shorten it",
            )
        if self.kind not in KINDS:
            raise SpecError(
                "this kind of response does not exist",
                got=repr(self.kind[:_MOST_SHOWN]),
                allowed=", ".join(map(repr, KINDS)),
                do="choose one of these",
            )
        kind = KINDS[self.kind]
        table = read_pasted(self.text, {self.who})
        for name in (self.who, self.response):
            _check_column(name, table)
        check_percentages(table, self.who, self.response)
        used = {"who": self.who, "what was measured": self.response}
        if kind.has_attempts:
            used["the attempts"] = self.attempts
        for name in used.values():
            _check_column(name, table)
        _check_column(self.who, table, _UNQUOTABLE + _JOINING)
        _check_apart(used)
        _check_levels(self.who, table)
        response = quote_name(self.response)
        remarks = said_of_words(read_cells(self.text, {*used.values()}), table, self.who)
        if kind.has_attempts:
            response = f"p({response}, {quote_name(self.attempts)})"
        if kind.has_success:
            table[self.response] = as_yes(table[self.response], self.success)
            check_yes_and_no(table[self.response])
        else:
            make_numbers(table, self.who, [*used.values()][1:], is_whole=kind.is_whole)
        table, incomplete = complete_rows(table, self.who, [*used.values()])
        remarks += incomplete
        _check_levels(self.who, table)
        if kind.has_attempts:
            table, empty = without_attempts(table, self.who, self.attempts)
            remarks += empty
            _check_levels(self.who, table)
            check_both_outcomes(float(table[self.response].sum()), float(table[self.attempts].sum()))
            remarks += added_up(table, self.who)
        if kind.needs_repeats:
            check_repeats(table, self.who, self.response)
        return ModelSpec(response, groups=[Group(self.who)], family=kind.family), table, remarks


def _check_column(name: str, table: pd.DataFrame, refused: str = _UNQUOTABLE) -> None:
    if name not in table:
        raise DataError(
            "no column is chosen" if not name else "the table has no such column",
            got=repr(name[:_MOST_SHOWN]),
            allowed=nearest(name, table.columns),
            do="choose a column of the table that was read",
        )
    found = [character for character in refused if character in name]
    if found:
        raise SpecError(
            "a model cannot have a column of this name here",
            got=repr(name[:_MOST_SHOWN]),
            allowed=f"names without {' '.join(refused)}",
            do="rename the column in the first line of the table",
        )


def _check_apart(used: Mapping[str, str]) -> None:
    """Refuse one column in two roles."""
    roles: dict[str, list[str]] = {}
    for role, name in used.items():
        roles.setdefault(name, []).append(role)
    for name, those in roles.items():
        if len(those) > 1:
            raise SpecError(
                "one column is chosen twice",
                got=f"{name!r} for {' and '.join(those)}",
                allowed="another column for each",
                do="choose another column for one of them",
            )


def _check_levels(who: str, table: pd.DataFrame) -> None:
    count = table[who].nunique()
    if count < 2:
        only = f"only {str(table[who].dropna().iloc[0])[:_MOST_SHOWN]!r}" if count else "no name"
        raise DataError(
            f"{who!r} has too few different values: one is compared with others, so there must be two or more",
            got=f"{only} in {len(table)} row{'s' if len(table) != 1 else ''} with all values",
            allowed=f"2 to {MOST_LEVELS}",
            do=f"add more rows, of others than this one; or choose another column, if {who!r} does not say whose row "
            "it is",
        )
    if count > MOST_LEVELS:
        raise DataError(
            f"{who!r} has too many different values",
            got=f"{count} in {len(table)} rows",
            allowed=f"2 to {MOST_LEVELS}",
            do="choose the column that says whose row it is, or use pp.fit and pp.explore",
        )
