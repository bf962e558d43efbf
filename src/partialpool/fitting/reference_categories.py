"""The reference categories that a command or a model file states: each becomes the first category of its column."""

import re
from collections.abc import Mapping

import pandas as pd

from partialpool.design.categories import find_categories
from partialpool.errors import DataError, nearest
from partialpool.spec.columns_read import evaluated_texts
from partialpool.spec.model import ModelSpec
from partialpool.spec.whitelist import CODING

__all__ = ["with_references"]


def with_references(table: pd.DataFrame, references: Mapping[str, str], spec: ModelSpec) -> pd.DataFrame:
    """Return the table with the reference category of each column first; the others keep their order.

    Parameters
    ----------
    table
        The table of the model.
    references
        Category by column, as text.
    spec
        The model.

    Raises
    ------
    DataError
        A column that the model or the table does not have; a column of numbers that the formula does not read as
        categories; a category that the column does not have; a reference that the formula states too.

    Examples
    --------
    >>> birds = pd.DataFrame({"n": [1, 2, 4], "habitat": ["bog", "meadow", "wood"]})
    >>> spec = ModelSpec.from_formula("n ~ habitat", family="poisson")
    >>> with_references(birds, {"habitat": "meadow"}, spec)["habitat"].cat.categories.tolist()
    ['meadow', 'bog', 'wood']
    """
    changed = {column: _releveled(table, column, wanted, spec) for column, wanted in references.items()}
    return table.assign(**changed)


def _releveled(table: pd.DataFrame, column: str, wanted: str, spec: ModelSpec) -> pd.Series:
    used = [name for name in spec.expression_columns if name in table]
    if column not in used:
        raise DataError(
            "a reference category is stated for a column that the model does not use",
            got=f"{column}={wanted}",
            allowed=nearest(column, used) if used else "a predictor of the model",
            do="name a column of the formula that has categories",
        )
    calls = re.compile(rf"\b({'|'.join(map(re.escape, CODING))})\(\s*`?{re.escape(column)}`?\s*([,)])")
    found = [match for text in evaluated_texts(spec) for match in calls.finditer(text)]
    values = table[column]
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if is_number and not found:
        raise DataError(
            "a column of numbers has no reference category",
            got=f"{column}={wanted}",
            allowed="text, or numbers that the formula reads as categories",
            do=f"write C({column}) in the formula",
        )
    if any(match[2] == "," for match in found):
        raise DataError(
            "the formula and the reference category both say how a column is coded",
            got=f"{found[0][0]} ...) and {column}={wanted}",
            allowed="one of the two",
            do=f"write C({column}) in the formula, or leave the reference category out",
        )
    categories = find_categories(values.dropna(), column).values
    first = [value for value in categories if str(value) == wanted]
    if not first:
        raise DataError(
            "the column does not have this category",
            got=f"{column}={wanted}",
            allowed=nearest(wanted, list(map(str, categories))),
            do="name one of these",
        )
    order = [*first, *(value for value in categories if value not in first)]
    return pd.Series(pd.Categorical(values, categories=order), index=values.index)
