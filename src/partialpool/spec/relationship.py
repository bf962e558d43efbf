"""A known covariance among the levels of a factor: a pedigree, a phylogeny, a kinship matrix."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from partialpool.errors import FileError, SpecError

__all__ = ["Relationship", "as_relationship", "kind_of", "read_relationship"]

_ASYMMETRY: Final = 1e-6
"""Largest accepted difference of mirrored entries, relative to the largest variance: rounding of single precision."""
_ALLOWED: Final = (
    "a table whose rows and columns have the same labels (pandas or xarray), a CSV file with labels in its first row "
    "and column, or {'levels': [...], 'lower': [row by row, up to the diagonal]}"
)


@dataclass(frozen=True)
class Relationship:
    """A symmetric matrix with a label for each row; hashable, and can be written as TOML.

    Effects of levels j and k have covariance K_jk Sigma: an sd refers to a level whose diagonal entry is 1.

    Attributes
    ----------
    levels
        Labels, as text: a level is matched by `str` of its value in the data.
    lower
        Entries row by row, up to the diagonal: K_00, K_10, K_11, K_20, ...
    """

    levels: tuple[str, ...]
    lower: tuple[float, ...]

    def __repr__(self) -> str:
        return f"Relationship of {len(self.levels)} levels"


def as_relationship(value: object) -> Relationship:
    """Convert a labelled matrix.

    Raises
    ------
    SpecError
        No labels, or different labels in rows and columns; entries that are not numbers; not symmetric.
    FileError
        A path that cannot be read.

    Examples
    --------
    >>> as_relationship({"levels": ["ann", "bob"], "lower": [1.0, 0.5, 1.0]})
    Relationship of 2 levels
    """
    if isinstance(value, Relationship):
        return value
    if isinstance(value, str | Path):
        return read_relationship(Path(value))
    if isinstance(value, Mapping):
        return _from_mapping(value)
    rows, columns, entries = _labelled(value)
    return _from_square(rows, columns, entries)


def kind_of(value: object) -> str:
    """Return the library and type of a value: `polars.LazyFrame`, `list`."""
    return f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}".removeprefix("builtins.")


def read_relationship(path: Path) -> Relationship:
    """Read a CSV file whose first row and first column are labels.

    Raises
    ------
    FileError
        The file does not exist, or is not such a table.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = [line for line in csv.reader(file) if line]
        columns = [label.strip() for label in lines[0][1:]]
        rows = [line[0].strip() for line in lines[1:]]
        entries = [[float(cell) for cell in line[1:]] for line in lines[1:]]
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise FileError(
            "cannot read the covariance among levels",
            got=f"{path}: {error}",
            allowed="a CSV file with labels in its first row and first column, and numbers elsewhere",
            do="check the path and the file",
        ) from error
    return _from_square(rows, columns, entries)


def _from_mapping(value: Mapping[Any, Any]) -> Relationship:
    levels, lower = value.get("levels"), value.get("lower")
    if set(value) != {"levels", "lower"} or not isinstance(levels, Sequence) or not isinstance(lower, Sequence):
        raise _refused("this is not a covariance among levels", f"a dictionary with {', '.join(map(str, value))}")
    labels = tuple(map(str, levels))
    _check_labels(labels)
    if len(lower) != len(labels) * (len(labels) + 1) // 2:
        raise _refused("the lower triangle has the wrong length", f"{len(lower)} numbers for {len(labels)} levels")
    return _checked(labels, tuple(_number(entry) for entry in lower))


def _labelled(value: Any) -> tuple[list[str], list[str], Any]:
    """Labels and entries of a pandas table or an xarray array, recognised by their attributes."""
    if hasattr(value, "index") and hasattr(value, "columns") and hasattr(value, "to_numpy"):
        if len(value) and all(type(i).__name__ == "RangeIndex" and i[0] == 0 for i in (value.index, value.columns)):
            # The default labels of pandas, from 0, need not match the labels in the data, such as 1, 2, ...
            raise SpecError(
                "a covariance among levels needs their labels",
                got="rows and columns numbered from 0, the default of pandas",
                allowed=_ALLOWED,
                do="label both: table.index = table.columns = labels, where labels is a list",
            )
        return list(map(str, value.index)), list(map(str, value.columns)), value.to_numpy().tolist()
    dims = getattr(value, "dims", ())
    if len(dims) == 2 and hasattr(value, "coords") and all(dim in value.coords for dim in dims):
        rows, columns = ([str(label) for label in value[dim].to_numpy().tolist()] for dim in dims)
        return rows, columns, value.to_numpy().tolist()
    raise SpecError(
        "a covariance among levels needs their labels",
        got=kind_of(value),
        allowed=_ALLOWED,
        do="label it: pandas.DataFrame(matrix, index=labels, columns=labels), where labels is a list",
    )


def _from_square(rows: list[str], columns: list[str], entries: Any) -> Relationship:
    labels = tuple(rows)
    _check_labels(labels)
    if sorted(rows) != sorted(columns) or any(len(line) != len(columns) for line in entries):
        other = sorted(set(rows) ^ set(columns))[:3]
        raise _refused(
            "rows and columns of a covariance must have the same labels",
            f"{len(rows)} rows and {len(columns)} columns" + (f", not in both: {', '.join(other)}" if other else ""),
        )
    place = [columns.index(label) if columns != rows else k for k, label in enumerate(rows)]
    matrix = [[_number(line[k]) for k in place] for line in entries]
    largest = max(abs(matrix[k][k]) for k in range(len(labels)))
    for i, line in enumerate(matrix):
        for j in range(i):
            if abs(line[j] - matrix[j][i]) > _ASYMMETRY * largest:
                raise _refused(
                    "a covariance must be symmetric",
                    f"{line[j]:g} at ({labels[i]}, {labels[j]}), {matrix[j][i]:g} at ({labels[j]}, {labels[i]})",
                )
    return _checked(labels, tuple((line[j] + matrix[j][i]) / 2 for i, line in enumerate(matrix) for j in range(i + 1)))


def _checked(labels: tuple[str, ...], lower: tuple[float, ...]) -> Relationship:
    for k, label in enumerate(labels):
        own = lower[k * (k + 3) // 2]
        if not own > 0:
            raise _refused("diagonal entries of a covariance must be above 0", f"{own:g} for {label!r}")
    return Relationship(labels, lower)


def _check_labels(labels: tuple[str, ...]) -> None:
    twice = [a for a, b in pairwise(sorted(labels)) if a == b]
    if twice or not labels:
        raise _refused("each level must have one row", f"{twice[0]!r} twice" if twice else "no levels at all")


def _number(entry: object) -> float:
    if isinstance(entry, bool) or not isinstance(entry, int | float) or not math.isfinite(entry):
        raise _refused("entries of a covariance must be finite numbers", repr(entry)[:60])
    return float(entry)


def _refused(what: str, got: str) -> SpecError:
    return SpecError(what, got=got, allowed=_ALLOWED, do="correct the matrix")
