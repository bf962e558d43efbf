"""Load the embedded data sets."""

import tomllib
from importlib.resources import files

import pandas as pd

from partialpool.errors import DataError, nearest

__all__ = ["dataset_names", "load_dataset"]

_HERE = files("partialpool.datasets")


def dataset_names() -> tuple[str, ...]:
    """Return the names of the embedded data sets.

    Examples
    --------
    >>> dataset_names()[:3]
    ('sleepstudy', 'radon', 'eight_schools')
    """
    return tuple(_index())


def load_dataset(name: str) -> pd.DataFrame:
    """Load an embedded data set.

    Parameters
    ----------
    name
        One of `dataset_names()`.

    Returns
    -------
    pandas.DataFrame
        Category columns are pandas categoricals; their categories are sorted, numbers by value.
        `attrs` has `about`, `source` and, per column, `units` and `descriptions`; for simulated data also `truth`,
        the true parameter values under the names of a fit.

    Raises
    ------
    DataError
        No such data set.

    Examples
    --------
    >>> load_dataset("sleepstudy").shape
    (180, 3)
    """
    index = _index()
    if name not in index:
        raise DataError(
            "no such data set",
            got=repr(name),
            allowed=nearest(str(name), index),
            do="name one of these, or pass your own table",
        )
    entry = index[name]
    columns = entry["columns"]
    categories = [column for column, facts in columns.items() if facts.get("kind") == "category"]
    with (_HERE / "tables" / f"{name}.csv").open(encoding="utf-8") as stream:
        table = pd.read_csv(stream, dtype=dict.fromkeys(categories, "str"))
    for column in categories:
        table[column] = pd.Categorical(table[column], categories=sorted(table[column].unique(), key=_natural))
    table.attrs = {
        "about": entry["about"],
        "source": entry["source"],
        "units": {column: facts["unit"] for column, facts in columns.items() if "unit" in facts},
        "descriptions": {column: facts["about"] for column, facts in columns.items()},
    } | ({"truth": entry["truth"]} if "truth" in entry else {})
    return table


def _index() -> dict[str, dict]:
    return tomllib.loads((_HERE / "index.toml").read_text(encoding="utf-8"))


def _natural(label: str) -> tuple[int, float, str]:
    """Return a sort key: numbers by value (2 before 10), then words alphabetically."""
    return (0, float(label), "") if label.isdigit() else (1, 0.0, label)
