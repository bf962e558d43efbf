"""Pedigrees and their relationship matrices."""

import math
from typing import Any, Final

import narwhals as nw
import numpy as np
import pandas as pd

from partialpool.errors import DataError

__all__ = ["relationship_matrix"]

_COLUMNS: Final = 3


def relationship_matrix(pedigree: Any, *, unknown: str = "0") -> pd.DataFrame:
    """Compute the numerator relationship matrix of a pedigree: the covariance of breeding values with variance 1.

    By the tabular method (Emik & Terrill 1949, *J. Heredity* 40:51): with parents before children, A_ij of every j
    before i is the mean of A_fj and A_mj, where f and m are the parents of i, and A_ii = 1 + A_fm / 2. These are twice
    the kinship coefficients.

    Parameters
    ----------
    pedigree
        A pandas, polars or pyarrow table with one row per person, in any order. The first three columns are the person,
        the father and the mother, under any names (animal, sire, dam).
    unknown
        Text that marks an unknown parent; a missing value does so too.

    Returns
    -------
    pandas.DataFrame
        Rows and columns in the order of the pedigree, ready for `fit(..., cov={"person": matrix})`.

    Raises
    ------
    DataError
        Not a table (a list, a lazy frame); fewer than three columns, or two with the same name; a person twice, a
        parent without a row, or a person who is their own ancestor.

    Examples
    --------
    >>> family = pd.DataFrame({"person": ["ann", "bob", "cy", "di"], "father": ["0", "0", "bob", "bob"],
    ...                        "mother": ["0", "0", "ann", "0"]})
    >>> relationship_matrix(family).loc["cy"].to_dict()
    {'ann': 0.5, 'bob': 0.5, 'cy': 1.0, 'di': 0.25}
    """
    people, parents = _read(pedigree, unknown)
    matrix = np.zeros((len(people), len(people)))
    done: list[int] = []
    for i in _ancestors_first(people, parents):
        known = [p for p in parents[i] if p is not None]
        matrix[i, done] = matrix[done, i] = matrix[known][:, done].sum(axis=0) / 2
        matrix[i, i] = 1 + (matrix[known[0], known[1]] / 2 if len(known) == 2 else 0.0)
        done.append(i)
    return pd.DataFrame(matrix, index=people, columns=people)


def _read(pedigree: Any, unknown: str) -> tuple[list[str], list[tuple[int | None, ...]]]:
    """Return the names, and for each the positions of father and mother."""
    rows = [[_name(cell, unknown) for cell in row] for row in zip(*_columns(pedigree), strict=True)]
    place: dict[str, int] = {}
    for k, (person, *_) in enumerate(rows):
        if person is None or person in place:
            got = f"none in row {k}" if person is None else f"{person!r} twice"
            raise _refused("every person of a pedigree must have exactly one row", got)
        place[person] = k
    for person, *named in rows:
        strangers = [name for name in named if name is not None and name not in place]
        if strangers:
            raise _refused("a parent has no row", f"{strangers[0]!r}, of {person!r}")
    return list(place), [tuple(None if name is None else place[name] for name in named) for _, *named in rows]


def _columns(pedigree: Any) -> list[list[object]]:
    """Return the first three columns."""
    try:
        table = nw.from_native(pedigree, eager_only=True)
    except nw.exceptions.DuplicateError as error:
        raise _refused(
            "a pedigree has two columns with the same name", str(error).partition("got:")[2].strip(" -\n")
        ) from error
    except TypeError as error:
        raise DataError(
            "this is not a pedigree",
            got=f"{type(pedigree).__module__.partition('.')[0]}.{type(pedigree).__name__}".removeprefix("builtins."),
            allowed="a pandas, polars or pyarrow table with one row per person",
            do="collect a lazy frame first; put lists into a pandas.DataFrame",
        ) from error
    if table.shape[1] < _COLUMNS:
        named = ", ".join(map(str, table.columns))
        raise _refused("a pedigree must have columns for the person, the father and the mother", named)
    return [table[:, k].to_list() for k in range(_COLUMNS)]


def _name(cell: object, unknown: str) -> str | None:
    """Return a name as `str` writes the level in the data; 3.0, from a column with missing values, becomes 3."""
    if cell is None or cell is pd.NA or (isinstance(cell, float) and math.isnan(cell)):
        return None
    name = str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
    return None if name == unknown else name


def _ancestors_first(people: list[str], parents: list[tuple[int | None, ...]]) -> list[int]:
    """Order the people so that parents come before children."""
    order: list[int] = []
    placed: set[int | None] = {None}
    waiting = list(range(len(people)))
    while waiting:
        ready = [k for k in waiting if placed.issuperset(parents[k])]
        if not ready:
            raise _refused(
                "a person must not be their own ancestor", f"a cycle among {', '.join(people[k] for k in waiting[:5])}"
            )
        order += ready
        placed.update(ready)
        waiting = [k for k in waiting if k not in placed]
    return order


def _refused(what: str, got: str) -> DataError:
    return DataError(
        what,
        got=got,
        allowed="one row per person, parents included; '0' or nothing for an unknown parent",
        do="correct the pedigree",
    )
