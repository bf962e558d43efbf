"""MemberTable: memberships in long format, one line for each row of the data and member."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from partialpool.errors import SpecError

__all__ = ["OUTSIDE", "MemberTable", "read_member_table"]

OUTSIDE: Final = "()[]`,:/|~+="
"""Characters that the names of the columns in mm(...) must not have."""
_ALLOWED: Final = "pp.Members(table, row='pupil', member='school', weight='share')"


@dataclass(frozen=True)
class MemberTable:
    """The lines of a table of memberships.

    Attributes
    ----------
    member
        The column of members.
    rows, members, weights
        Of each line: the row it is about, its member, its weight. A table without weights has weights of 1.
    """

    member: str
    rows: tuple[str | int | float | bool, ...]
    members: tuple[str | int | float | bool, ...]
    weights: tuple[float, ...]

    def __repr__(self) -> str:
        return f"table of {len(self.rows)} memberships"


def read_member_table(
    given: tuple[Any, ...], row: object, member: object, weight: object, weights: tuple[str, ...]
) -> MemberTable:
    """Read a table of memberships: anything with columns by name.

    Raises
    ------
    SpecError
        No table; a column that is missing; a missing value; weights that are not numbers from 0 on.
    """
    if len(given) != 1 or isinstance(given[0], str) or not hasattr(given[0], "__getitem__"):
        raise SpecError(
            "a table of memberships is given with the names of its columns",
            got=f"{len(given)} arguments without a name",
            allowed=_ALLOWED,
            do="pass one table, and name its columns by row=, member= and weight=",
        )
    if weights:
        raise SpecError(
            "a table of memberships has one column of weights",
            got=f"weights={weights!r}",
            allowed=_ALLOWED,
            do="name it by weight=",
        )
    for what, name in (("row", row), ("member", member), *([("weight", weight)] if weight is not None else [])):
        if not isinstance(name, str) or not name.strip() or any(sign in name for sign in OUTSIDE):
            raise SpecError(
                f"{what} of a table of memberships must be the name of a column",
                got=repr(name),
                allowed=f"{_ALLOWED}; names without the signs {OUTSIDE}",
                do="name the column, or rename it",
            )
    rows, members = _column(given[0], str(row)), _column(given[0], str(member))
    if not rows:
        raise SpecError(
            "a table of memberships is empty", got="0 lines", allowed="a line for each row and member", do="check it"
        )
    values = [1.0] * len(rows) if weight is None else _column(given[0], str(weight))
    wrong = next((v for v in values if isinstance(v, (str, bool)) or not (0 <= v < math.inf)), None)
    if wrong is not None:
        raise SpecError(
            "a table of memberships has weights that are not numbers from 0 on",
            got=repr(wrong),
            allowed="numbers from 0 on",
            do="correct these weights",
        )
    return MemberTable(str(member), tuple(rows), tuple(members), tuple(map(float, values)))


def _column(table: Any, name: str) -> list[Any]:
    try:
        column = table[name]
    except Exception as error:  # tables of polars and pyarrow raise errors of their own
        raise SpecError(
            f"a table of memberships has no column {name!r}",
            got=f"a {type(table).__name__} without it",
            allowed=_ALLOWED,
            do="correct the name, or the table",
        ) from error
    values = next(
        (getattr(column, how)() for how in ("to_pylist", "to_list", "tolist") if hasattr(column, how)), column
    )
    listed = [value.item() if hasattr(value, "item") else value for value in values]
    missing = sum(value is None or (isinstance(value, float) and math.isnan(value)) for value in listed)
    if missing:
        raise SpecError(
            f"column {name!r} of a table of memberships has missing values",
            got=f"{missing} of {len(listed)} lines",
            allowed="complete lines",
            do="leave these lines out",
        )
    return _whole(listed)


def _whole(values: Sequence[Any]) -> list[Any]:
    """Return whole floats as integers, as labels of levels are."""
    if values and all(isinstance(value, float) and value.is_integer() for value in values):
        return [int(value) for value in values]
    return list(values)
