"""Rows left out because of missing values: which columns lacked them, and levels of which factors lost rows."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass

import pandas as pd

from partialpool.spec.terms import factor_columns

__all__ = ["LeftOut", "count_left_out"]


@dataclass(frozen=True)
class LeftOut:
    """Rows of the table that the model does not use.

    Attributes
    ----------
    columns
        By column, the number of rows in which it has no value.
    without_response, without_predictor
        Number of rows without the response, and without a value of another column. A row may be in both.
    levels
        By grouping factor, the number of levels that lost rows, of those that the rows name.
    """

    columns: Mapping[str, int]
    without_response: int
    without_predictor: int
    levels: Mapping[str, int]

    def as_text(self) -> str:
        """Return the counts as JSON, for a file."""
        return json.dumps(asdict(self))

    def with_those_of(self, other: "LeftOut") -> "LeftOut":
        """Return the counts of two tables added up; a level that lost rows in both counts twice.

        Examples
        --------
        >>> one = LeftOut({"y": 1}, 1, 0, {"g": 1})
        >>> one.with_those_of(LeftOut({"x": 2}, 0, 2, {"g": 2}))
        LeftOut(columns={'y': 1, 'x': 2}, without_response=1, without_predictor=2, levels={'g': 3})
        """
        return LeftOut(
            _added(self.columns, other.columns),
            self.without_response + other.without_response,
            self.without_predictor + other.without_predictor,
            _added(self.levels, other.levels),
        )

    @classmethod
    def from_text(cls, text: str) -> "LeftOut":
        """Restore the counts from `as_text`."""
        return cls(**json.loads(text))


def count_left_out(incomplete: pd.DataFrame, response: Collection[str], factors: Iterable[str]) -> LeftOut | None:
    """Count the missing values of incomplete rows; None where no row is incomplete.

    Parameters
    ----------
    incomplete
        The rows that are left out, with the columns that the model reads.
    response
        Columns of the response.
    factors
        Grouping factors.

    Examples
    --------
    >>> rows = pd.DataFrame({"y": [None, 1.0], "x": [2.0, None], "g": ["a", "a"]})
    >>> count_left_out(rows, ["y"], ["g"])
    LeftOut(columns={'y': 1, 'x': 1}, without_response=1, without_predictor=1, levels={'g': 1})
    """
    if incomplete.empty:
        return None
    lacking = incomplete.isna()
    own = [name for name in lacking if name in response]
    levels = {}
    for factor in factors:
        labels = incomplete[list(factor_columns(factor))]
        levels[factor] = len(labels.dropna().drop_duplicates())
    return LeftOut(
        {str(name): int(count) for name, count in lacking.sum().items() if count},
        int(lacking[own].any(axis=1).sum()),
        int(lacking.drop(columns=own).any(axis=1).sum()),
        levels,
    )


def _added(some: Mapping[str, int], others: Mapping[str, int]) -> dict[str, int]:
    return {name: some.get(name, 0) + others.get(name, 0) for name in {**some, **others}}
