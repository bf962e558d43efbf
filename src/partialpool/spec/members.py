"""Members: rows that belong to several levels of one factor, each with a weight."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from partialpool.errors import FormulaError, SpecError
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.member_table import OUTSIDE, MemberTable, read_member_table
from partialpool.spec.tokenize import outer_split
from partialpool.spec.whitelist import quote_name

__all__ = ["Members", "is_membership", "member_columns", "read_members"]

_WRITTEN: Final = "mm(school1, school2) or mm(school1, school2, weights=(w1, w2))"


@dataclass(frozen=True, init=False)
class Members:
    """The columns that say to which levels of one factor a row belongs, and with which weights.

    The effect in a row is the weighted sum of its levels' effects (Browne, Goldstein & Rasbash 2001, Statistical
    Modelling 1:103). A member named twice counts with both weights. The levels are those of all columns together.

    Parameters
    ----------
    *columns
        Two columns or more, each with one member of the row.
    weights
        As many columns of weights; without them the members of a row have equal weights. A member may be missing where
        its weight is 0.
    scale
        Whether the weights of each row are divided by their sum.
    row, member, weight
        In place of columns, for a table of memberships with one line for each row and member: `Members(table,
        row="pupil", member="school", weight="share")`. `row` names the column, there and in the data, that says whose
        memberships they are. Without `weight`, the members of a row have equal weights.

    Raises
    ------
    SpecError
        Fewer than two columns; weights that are not as many; a name with brackets, commas or other signs of a formula;
        a table without these columns, with missing values, or with weights that are not numbers from 0 on.

    Examples
    --------
    >>> str(Members("school1", "school2", weights=("w1", "w2")))
    'mm(school1, school2, weights=(w1, w2))'
    """

    columns: tuple[str, ...]
    weights: tuple[str, ...]
    scale: bool
    table: MemberTable | None

    @explains_keywords
    def __init__(
        self,
        *columns: Any,
        weights: Iterable[str] = (),
        scale: bool = True,
        row: str | None = None,
        member: str | None = None,
        weight: str | None = None,
    ) -> None:
        object.__setattr__(self, "table", None)
        if row is not None or member is not None or (len(columns) == 1 and not isinstance(columns[0], str)):
            object.__setattr__(self, "table", read_member_table(columns, row, member, weight, tuple(weights)))
            _check_scale(scale)
            self._keep((str(row),), (), scale)
            return
        given = (weights,) if isinstance(weights, str) or not isinstance(weights, Iterable) else tuple(weights)
        for name in (*columns, *given):
            if not isinstance(name, str) or not name.strip() or any(sign in name for sign in OUTSIDE):
                raise SpecError(
                    "multi-membership needs names of columns",
                    got=repr(name) if isinstance(name, str | float | int | None) else f"a {type(name).__name__}",
                    allowed=f"names without the signs {OUTSIDE}",
                    do="write pp.Members('school1', 'school2', weights=('w1', 'w2')), or rename the column",
                )
        if len(columns) < 2 or len(set(columns)) < len(columns):
            raise SpecError(
                "multi-membership needs two columns of members or more, each once",
                got=", ".join(map(repr, columns)) or "no column",
                allowed=_WRITTEN,
                do="write (1 | school) for one column",
            )
        if given and len(given) != len(columns):
            raise SpecError(
                "multi-membership needs one column of weights for each column of members",
                got=f"{len(columns)} columns of members, {len(given)} of weights",
                allowed=_WRITTEN,
                do="name as many columns of weights, in the order of the members, or leave weights out",
            )
        _check_scale(scale)
        self._keep(tuple(columns), given, scale)

    def _keep(self, columns: tuple[str, ...], weights: tuple[str, ...], scale: bool) -> None:
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "scale", scale)

    @property
    def factor(self) -> str:
        """The factor's name in the posterior: `mm(school1+school2)`, or `mm(school row=pupil)` for a table."""
        if self.table is not None:
            return f"mm({self.table.member} row={self.columns[0]})"
        return f"mm({'+'.join(self.columns)})"

    @property
    def weight_of(self) -> Mapping[str, str]:
        """The column of weights of each column of members; empty without weights."""
        return dict(zip(self.columns, self.weights, strict=False))

    def __str__(self) -> str:
        """Write as in a formula."""
        if self.table is not None:
            return self.factor
        inside = ", ".join(map(quote_name, self.columns))
        inside += f", weights=({', '.join(map(quote_name, self.weights))})" if self.weights else ""
        return f"mm({inside}{'' if self.scale else ', scale=False'})"


def _check_scale(scale: object) -> None:
    if not isinstance(scale, bool):
        raise SpecError(
            "scale of multi-membership must be True or False",
            got=repr(scale),
            allowed="True or False",
            do="leave it out: the weights of each row are then divided by their sum",
        )


def is_membership(factor: str) -> bool:
    """Whether a factor's name is that of several columns of members.

    Examples
    --------
    >>> is_membership("mm(school1+school2)"), is_membership("school")
    (True, False)
    """
    return factor.startswith("mm(") and factor.endswith(")")


def member_columns(factor: str) -> tuple[str, ...]:
    """Return the columns of members that a factor's name lists.

    Examples
    --------
    >>> member_columns("mm(school1+school2)"), member_columns("mm(school row=pupil)")
    (('school1', 'school2'), ('pupil',))
    """
    _, table, row = factor[3:-1].rpartition(" row=")
    return (row,) if table else tuple(factor[3:-1].split("+"))


def read_members(text: str) -> Members:
    """Read `mm(school1, school2, weights=(w1, w2), scale=False)`.

    Raises
    ------
    FormulaError
        Arguments that cannot be read.

    Examples
    --------
    >>> read_members("mm(a, b, weights=cbind(u, v))").weights
    ('u', 'v')
    """
    columns: list[str] = []
    said: dict[str, Any] = {}
    for argument in outer_split(text.strip()[3:-1], ","):
        name, equals, value = (part.strip() for part in argument.partition("="))
        if not equals:
            columns.append(_bare(argument))
        elif name == "weights" and value.removeprefix("cbind").startswith("(") and value.endswith(")"):
            said[name] = [_bare(part) for part in outer_split(value.removeprefix("cbind")[1:-1], ",") if part.strip()]
        elif name == "scale" and value.capitalize() in ("True", "False"):
            said[name] = value.capitalize() == "True"
        else:
            raise FormulaError(
                "cannot read an argument of mm(...)",
                got=argument.strip(),
                allowed=f"{_WRITTEN}; scale=False for weights as they are",
                do="name columns, and columns of weights in parentheses; a table of memberships is given by "
                "pp.Group(pp.Members(table, row=..., member=...))",
            )
    return Members(*columns, **said)


def _bare(part: str) -> str:
    part = part.strip()
    return part[1:-1] if len(part) > 2 and part[0] == part[-1] == "`" else part
