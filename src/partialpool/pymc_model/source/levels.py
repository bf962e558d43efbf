"""The level or category of each row as an expression of the table: sorted, in order of appearance, or listed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd

from partialpool.design.factor_effects import FactorEffects
from partialpool.names import answer_name
from partialpool.pymc_model.source.code import Code, listed, written
from partialpool.pymc_model.source.columns import Column, table_column
from partialpool.pymc_model.source.layout import assigned
from partialpool.pymc_model.source.names import FactorNames
from partialpool.pymc_model.source.piece import let

__all__ = ["LevelCode", "RowLabels", "label_code", "level_code"]

_MOST_LISTED: Final = 20
"""Most levels that are listed one by one where no rule gives their order."""


@dataclass(frozen=True, eq=False)
class RowLabels:
    """A label of each row, as a number, and the local variables for both.

    Attributes
    ----------
    labels
        The labels, in order.
    numbers
        Position of each row's label, (rows,).
    columns
        The columns whose values, joined by `:`, are the labels.
    number, label
        Local variables: the number of each row, and the labels.
    called
        What the labels are of, in the names of columns that are stored.
    """

    labels: list
    numbers: np.ndarray
    columns: tuple[str, ...]
    number: str
    label: str
    called: str


@dataclass(frozen=True, eq=False)
class LevelCode:
    """The lines that assign the level of each row, as a number, and the levels' labels.

    Attributes
    ----------
    lines
        They assign both local variables of the `RowLabels`.
    reads, stores
        As for `Column`.
    """

    lines: tuple[str, ...]
    reads: frozenset[str]
    stores: Mapping[str, np.ndarray] = MappingProxyType({})


def level_code(factor: FactorEffects, names: FactorNames, frame: pd.DataFrame) -> LevelCode:
    """Write the code of a factor's levels, which assigns `level_<f>` and `levels_<f>`."""
    if not factor.levels.columns:
        lines = let(names.level, Code("np").zeros(Code("len(table)"), dtype=Code("int")), 1)
        return LevelCode((*lines, *let(names.levels, written(list(factor.levels.labels)), 1)), frozenset())
    numbers = factor.of_rows(np.arange(factor.n_levels))
    columns = tuple(factor.levels.columns)
    variables = names.level, names.levels
    return label_code(RowLabels(list(factor.levels.labels), numbers, columns, *variables, factor.name), frame)


def label_code(rows: RowLabels, frame: pd.DataFrame) -> LevelCode:
    """Write the code of the rows' labels; where no expression gives them, their numbers are stored in the table."""
    for column in _label_columns(rows, frame):
        for lines, codes, found in _codings(column, rows):
            if _same(found, rows.labels) and np.array_equal(codes, rows.numbers):
                return LevelCode(tuple(lines), column.reads)
    return _stored(rows, frame)


_Coding = tuple[list[str], np.ndarray, list]


def _codings(column: Column, rows: RowLabels) -> Iterator[_Coding]:
    """Yield ways to number the labels of a column: lines of code, the numbers they give, and the labels in order."""
    wanted = rows.labels
    labels = pd.Series(np.asarray(column.values, dtype=object)).infer_objects()
    orders: tuple[dict[str, bool], ...] = ({"sort": True}, {})
    for order in orders:
        codes, found = pd.factorize(labels, **order)
        call = Code("pd").factorize(column.code, **order)
        yield assigned(f"{rows.number}, {rows.label}", call.node, 1), codes, found.tolist()
    listing = None
    if _are_numbers(wanted) and sorted(set(labels), key=float) == wanted:
        listing = Code("sorted")(Code("set")(column.code), key=Code("float"))
    elif len(wanted) <= _MOST_LISTED:
        listing = listed(written(label, exact=True) for label in wanted)
    if listing is not None:
        codes = pd.Index(wanted, dtype=object).get_indexer(pd.Index(labels, dtype=object))
        number = Code("pd").Index(Code(rows.label)).get_indexer(column.code)
        yield [*assigned(rows.label, listing.node, 1), *assigned(rows.number, number.node, 1)], codes, wanted


def _are_numbers(labels: list) -> bool:
    """Whether labels are texts of different numbers: `9` before `10`."""
    if not all(isinstance(label, str) for label in labels):
        return False
    values = pd.to_numeric(pd.Series(labels, dtype=object), errors="coerce")
    return bool(values.notna().all() and values.is_unique)


def _label_columns(rows: RowLabels, frame: pd.DataFrame) -> Iterable[Column]:
    """Yield expressions that may give the label of each row."""
    columns = [table_column(name, frame) for name in rows.columns]
    if len(columns) > 1:
        joined, values = _as_text(columns[0])
        for column in columns[1:]:
            code, text = _as_text(column)
            joined, values = joined + ":" + code, values + ":" + text
        yield Column(joined, values, frozenset(rows.columns))
        return
    (column,) = columns
    yield column
    if pd.api.types.is_float_dtype(column.values) and (column.values == np.floor(column.values)).all():
        yield Column(column.code.astype(Code("int")), column.values.astype(int), column.reads)
    if all(isinstance(label, str) for label in rows.labels):
        yield Column(*_as_text(column), column.reads)


def _as_text(column: Column) -> tuple[Code, pd.Series]:
    text = column.values.astype(str).astype(object)
    is_text = all(isinstance(value, str) for value in column.values[:1])
    return (column.code if is_text else column.code.astype(Code("str"))), text


def _same(found: list, wanted: list) -> bool:
    return found == wanted and [type(one) for one in found] == [type(one) for one in wanted]


def _stored(rows: RowLabels, frame: pd.DataFrame) -> LevelCode:
    """Store the number of each row's label in the table, and its label unless a column has it."""
    place = answer_name(f"number of {rows.called}", set(frame.columns))
    stores = {place: rows.numbers}
    labels = np.asarray(rows.labels, dtype=object)[rows.numbers]
    columns = [one for one in _label_columns(rows, frame) if _same(list(one.values), labels.tolist())]
    if columns:
        column = columns[0]
    else:
        name = answer_name(f"level of {rows.called}", set(frame.columns))
        column = Column(Code(f"table[{written(name).text}]"), labels)
        stores[name] = labels
    steps = {
        rows.number: Code("np").asarray(Code(f"table[{written(place).text}]")),
        "labels": Code("np").asarray(column.code),
        rows.label: Code("labels")[Code("np").unique(Code(rows.number), return_index=True)[1]],
    }
    lines = tuple(line for name, code in steps.items() for line in assigned(name, code.node, 1))
    return LevelCode(lines, column.reads, MappingProxyType(stores))
