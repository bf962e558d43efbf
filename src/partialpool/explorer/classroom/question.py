"""A table that was pasted, and what its columns mean: the question of the classroom's form, as a model and a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from types import MappingProxyType
from typing import Final

import pandas as pd

from partialpool.errors import DataError, SpecError, nearest
from partialpool.fitting.table_file import read_table_text
from partialpool.spec.model import ModelSpec
from partialpool.spec.terms import Group
from partialpool.spec.whitelist import quote_name

__all__ = ["KINDS", "MOST_LEVELS", "MOST_ROWS", "Kind", "Question", "read_pasted"]

MOST_ROWS: Final = 5_000
MOST_LEVELS: Final = 200
"""So many levels the explorer shows at once; a fit of more would keep the others waiting."""
_MOST_SHOWN: Final = 60
"""Characters of a name or value that an error repeats."""
_UNQUOTABLE: Final = "`"
"""It ends a name in backquotes."""
_JOINING: Final = ":/"
"""Between the names of two columns they name a factor: `batch:cask`."""


@dataclass(frozen=True)
class Kind:
    """A kind of response: its family, and whether it needs a column of attempts or a value that counts as yes.

    `is_whole` says whether its values, and the attempts, are whole numbers from 0.
    """

    name: str
    family: str
    example: str
    has_attempts: bool = False
    has_success: bool = False
    is_whole: bool = False


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind("hits out of attempts", "binomial", "7 of 12 throws", has_attempts=True, is_whole=True),
            Kind("yes or no", "bernoulli", "one row per throw: hit or miss", has_success=True),
            Kind("a count", "poisson", "the goals of a match", is_whole=True),
            Kind("a measurement", "gaussian", "a height in cm, a time in s"),
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
    """

    text: str
    who: str = ""
    response: str = ""
    kind: str = ""
    attempts: str = ""
    success: str = ""

    @property
    def key(self) -> str:
        """A short name that equal questions share."""
        fields = "\x1f".join((self.text, self.who, self.response, self.kind, self.attempts, self.success))
        return sha256(fields.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    def model(self) -> tuple[ModelSpec, pd.DataFrame]:
        r"""Return the model `response ~ 1 + (1 | who)` and its table.

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
        if self.kind not in KINDS:
            raise SpecError(
                "this kind of response does not exist",
                got=repr(self.kind[:_MOST_SHOWN]),
                allowed=", ".join(map(repr, KINDS)),
                do="choose one of these",
            )
        kind = KINDS[self.kind]
        table = read_pasted(self.text, {self.who})
        used = {"who": self.who, "what was measured": self.response}
        if kind.has_attempts:
            used["the attempts"] = self.attempts
        for name in used.values():
            _check_column(name, table)
        _check_column(self.who, table, _UNQUOTABLE + _JOINING)
        _check_apart(used)
        _check_levels(self.who, table)
        response = quote_name(self.response)
        if kind.has_attempts:
            response = f"p({response}, {quote_name(self.attempts)})"
        if kind.has_success:
            table[self.response] = _as_yes(table[self.response], self.success)
        else:
            _make_numbers(table, self.who, [*used.values()][1:], is_whole=kind.is_whole)
        return ModelSpec(response, groups=[Group(self.who)], family=kind.family), table


def read_pasted(text: str, factors: set[str]) -> pd.DataFrame:
    """Read a pasted table of at most `MOST_ROWS` rows; spaces around column names are dropped.

    Raises
    ------
    DataError
        It is not a table of two columns and a row, or has too many rows.
    """
    names, _, rows = text.replace("\r\n", "\n").strip("\n\ufeff").partition("\n")
    # The reader takes names as they are written; spaces after the separators are not meant as parts of them.
    table = read_table_text(f"{_without_spaces(names)}\n{rows}\n", factors).rename(columns=str)
    if table.shape[1] < 2:
        raise DataError(
            "the lines of the table do not have the same number of columns, or only one",
            got=f"read as one column, {str(table.columns[0])[:_MOST_SHOWN]!r}",
            allowed="two columns or more in every line, between commas, semicolons or tabs",
            do="compare the lines with the first one; put quotation marks around a name that has a comma",
        )
    if not 0 < len(table) <= MOST_ROWS:
        raise DataError(
            "the table has no rows" if table.empty else "the table has too many rows",
            got=f"{len(table)} rows",
            allowed=f"1 to {MOST_ROWS} rows below the line of column names",
            do="paste the rows too" if table.empty else "paste a part of the rows, or use pp.fit and pp.explore",
        )
    return table


def _without_spaces(names: str) -> str:
    """Drop the spaces beside separators in the line of column names.

    Examples
    --------
    >>> _without_spaces(" name ; my hits;shots ")
    'name;my hits;shots'
    """
    for separator in ",;\t|":
        if separator in names and '"' not in names:
            names = separator.join(name.strip(" ") for name in names.split(separator))
    return names.strip(" ")


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
    if not 2 <= count <= MOST_LEVELS:
        many = count > MOST_LEVELS
        raise DataError(
            f"{who!r} has too {'many' if many else 'few'} different values",
            got=f"{count} in {len(table)} rows",
            allowed=f"2 to {MOST_LEVELS}",
            do="choose the column that says whose row it is" + (", or use pp.fit and pp.explore" if many else ""),
        )


def _make_numbers(table: pd.DataFrame, who: str, columns: Sequence[str], *, is_whole: bool) -> None:
    """Make columns numeric; refuse values that are not, or not whole, and of two columns hits above the attempts."""
    for name in columns:
        numbers = pd.to_numeric(table[name], errors="coerce")
        wrong = table[name].notna() & numbers.isna()
        if is_whole:
            wrong |= (numbers < 0) | (numbers != numbers.round()) & numbers.notna()
        if wrong.any():
            raise DataError(
                f"{name!r} has values that are not {'whole numbers from 0' if is_whole else 'numbers'}",
                got=f"{str(table[name][wrong].iloc[0])[:_MOST_SHOWN]!r}, {_of(table, who, wrong)}",
                allowed="0, 1, 2, ..." if is_whole else "numbers such as 12.5",
                do="correct these rows, or choose another column or another kind",
            )
        table[name] = numbers  # 05 is kept as text by the reader, because a label could be so
    for hits, attempts in pairwise(columns):
        wrong = table[hits] > table[attempts]
        if wrong.any():
            raise DataError(
                "more hits than attempts",
                got=f"{table[hits][wrong].iloc[0]:g} of {table[attempts][wrong].iloc[0]:g}, {_of(table, who, wrong)}",
                allowed="hits from 0 to the attempts",
                do="correct these rows, or choose the columns the other way round",
            )


def _of(table: pd.DataFrame, who: str, wrong: pd.Series) -> str:
    """Name the first of the wrong rows, and count them."""
    count = int(wrong.sum())
    return f"of {str(table[who][wrong].iloc[0])[:_MOST_SHOWN]!r}; {count} such row{'s' if count > 1 else ''}"


def _as_yes(values: pd.Series, success: str) -> pd.Series:
    """Return the values as two categories, the second of which counts as yes; numbers 0 and 1 stay as they are."""
    labels = values.map(str, na_action="ignore")
    shown = sorted(labels.dropna().unique())
    if not success and set(values.dropna().unique()) <= {0, 1}:
        return values
    if success not in shown or len(shown) > 2:
        raise DataError(
            f"{values.name!r} cannot be read as yes or no",
            got=f"{len(shown)} different values" + (f", and none is {success[:_MOST_SHOWN]!r}" if success else ""),
            allowed="two values, one of which counts as yes; or 0 and 1",
            do=f"name the value that counts as yes: {nearest(success, shown)}",
        )
    others = [label for label in shown if label != success]
    return labels.astype(pd.CategoricalDtype([*others, success]))
