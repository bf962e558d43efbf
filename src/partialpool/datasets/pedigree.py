"""Who descends from whom, and how alike that makes them."""

from typing import Final

import numpy as np
import pandas as pd

from partialpool.errors import DataError

__all__ = ["relationship_matrix"]

_COLUMNS: Final = ("person", "father", "mother")


def relationship_matrix(pedigree: pd.DataFrame, *, unknown: str = "0") -> pd.DataFrame:
    """Work out the numerator relationship matrix of a pedigree: the covariance among breeding values of variance 1.

    By the tabular method (Emik & Terrill 1949, *J. Heredity* 40:51): with parents before children, A_ij of every j
    before i is the mean of A_fj and A_mj, where f and m are the parents of i, and A_ii = 1 + A_fm / 2. These are twice
    the kinship coefficients.

    Parameters
    ----------
    pedigree
        One row per person, in any order. The first three columns are the person, the father and the mother, whatever
        they are called: animal, sire, dam.
    unknown
        How a parent is written who is not known; a missing value is one too.

    Returns
    -------
    pandas.DataFrame
        Rows and columns in the order of the pedigree, ready for `fit(..., cov={"person": matrix})`.

    Raises
    ------
    DataError
        A person twice, a parent without a row, somebody who is their own ancestor, fewer than three columns.

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


def _read(pedigree: pd.DataFrame, unknown: str) -> tuple[list[str], list[tuple[int | None, ...]]]:
    """Names, and for each the places of father and mother."""
    if pedigree.shape[1] < len(_COLUMNS):
        raise _refused("a pedigree has a column for the person, the father and the mother", ", ".join(pedigree.columns))
    absent = pedigree.iloc[:, 1:3].isna().to_numpy()
    columns = [pedigree.iloc[:, k].astype("str").tolist() for k in range(3)]
    place = {name: k for k, name in enumerate(columns[0])}
    if len(place) < len(columns[0]):
        twice = next(name for k, name in enumerate(columns[0]) if place[name] != k)
        raise _refused("a person has one row in a pedigree", f"{twice!r} twice")
    parents: list[tuple[int | None, ...]] = []
    for k, names in enumerate(zip(columns[1], columns[2], strict=True)):
        found = [None if name == unknown or absent[k, j] else name for j, name in enumerate(names)]
        strangers = [name for name in found if name is not None and name not in place]
        if strangers:
            raise _refused("a parent without a row of their own", f"{strangers[0]!r}, of {columns[0][k]!r}")
        parents.append(tuple(None if name is None else place[name] for name in found))
    return columns[0], parents


def _ancestors_first(people: list[str], parents: list[tuple[int | None, ...]]) -> list[int]:
    """Order the people so that parents come before children."""
    order: list[int] = []
    placed: set[int | None] = {None}
    waiting = list(range(len(people)))
    while waiting:
        ready = [k for k in waiting if placed.issuperset(parents[k])]
        if not ready:
            raise _refused(
                "nobody is their own ancestor", f"a circle among {', '.join(people[k] for k in waiting[:5])}"
            )
        order += ready
        placed.update(ready)
        waiting = [k for k in waiting if k not in placed]
    return order


def _refused(what: str, got: str) -> DataError:
    return DataError(
        what,
        got=got,
        allowed="one row per person, parents too; '0' or nothing for a parent who is not known",
        do="correct the pedigree",
    )
