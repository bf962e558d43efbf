"""Rows that stand for several equal rows: they are repeated, so that everything else is right by construction."""

from dataclasses import replace

import numpy as np

from partialpool.design.column_types import is_quantity
from partialpool.design.row_names import such_rows_in_words
from partialpool.design.table import Table
from partialpool.design.with_columns import with_columns
from partialpool.errors import DataError
from partialpool.memory import check_fits

__all__ = ["repeat_rows"]


def repeat_rows(table: Table, frequency: str) -> Table:
    """Repeat each row as often as a column says; in the result that column is 1.

    Repeating the result changes nothing, so that a design can be built again from the rows of another.

    Parameters
    ----------
    table
        Complete rows.
    frequency
        Column of positive integers.

    Raises
    ------
    DataError
        Text, or a value that is not a positive integer.
    EngineError
        The repeated rows do not fit into memory.
    """
    column = table.frame[frequency]
    numbers = column.to_numpy(float) if is_quantity(column) else np.full(len(column), np.nan)
    wrong = ~((numbers >= 1) & (numbers == np.floor(numbers)))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        shown = f"{numbers[at]:g}" if is_quantity(column) else repr(column.tolist()[at])
        raise DataError(
            f"the frequencies {frequency!r} must be positive integers",
            got=f"{shown} {such_rows_in_words(column.index, at, int(wrong.sum()))}",
            allowed="1, 2, 3, ...: how many equal rows the row stands for",
            do="remove rows that stand for none; for weights of the residual variance write y | precision(w)",
        )
    check_fits(
        8.0 * numbers.sum() * (len(table.frame.columns) + 1),
        wrong="the repeated rows do not fit into memory",
        got=f"{len(numbers)} rows with frequencies that add up to {numbers.sum():.4g}",
        do="for successes of trials write p(successes, n); or fit a random sample of the rows",
    )
    places = np.repeat(np.arange(len(numbers)), numbers.astype(int))
    frame = with_columns(table.frame.iloc[places], {frequency: 1})
    added = len(places) - len(numbers)
    return replace(table, frame=frame, rows=table.rows[places], n_given=table.n_given + added)
