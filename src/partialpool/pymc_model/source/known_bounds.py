"""What is known of responses besides their values, as text: other ends of censored rows, bounds of all rows."""

from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.design.truncation import ends_of_all_rows
from partialpool.families.censored import upper_ends
from partialpool.pymc_model.source.code import Code
from partialpool.pymc_model.source.columns import Column, chosen, stored_column, table_column
from partialpool.pymc_model.source.layout import commented
from partialpool.pymc_model.source.piece import let
from partialpool.spec.additions import trunc_columns

__all__ = ["array_lines", "known_of_rows"]

_OTHER_END: Final = "The other end of each response: itself where it was seen, inf where it is above, -inf where below."
_BOUNDS: Final = {
    "low": "Every response is above this: for counts, the lower bound less 1.",
    "high": "Every response is this or below.",
}


def known_of_rows(design: Design) -> tuple[dict[str, Column], list[str], dict[str, Code]]:
    """Return the columns that are read, by name, the lines that make arrays of them, and what they are called.

    The names are those of `TensorGiven`.
    """
    response = design.response.within_bounds
    ends = response.other_ends
    columns: dict[str, Column] = {}
    lines: list[str] = []
    known = {"other_end": Code("other_end"), "upper_end": Code("upper_end")}
    if response.censoring is not None:
        columns["other_end"] = stored_column("other_end", ends, design.frame)
        lines += array_lines("other_end", columns["other_end"], "float", _OTHER_END)
        if (upper_ends(response.values, ends) == ends).any():
            lines += let("upper_end", _upper_end(), 1)
    if response.truncation is not None:
        for name, end in zip(_BOUNDS, ends_of_all_rows(response.truncation), strict=True):
            if end is not None:
                columns[name], known[name] = _bound(name, end, design), Code(name)
                lines += array_lines(name, columns[name], "float", _BOUNDS[name])
    return columns, lines, known


def array_lines(name: str, column: Column, kind: str, told: str) -> list[str]:
    """Return the lines that make an array of a column, below a comment."""
    return [*commented(told, indent=1), *let(name, Code("np").asarray(column.code, dtype=Code(kind)), 1)]


def _bound(name: str, values: np.ndarray, design: Design) -> Column:
    """Write a bound of each row: a number, a column of the table, or one that is stored."""
    if (values == values[0]).all():
        return Column(Code("np").full(Code("len(table)"), float(values[0])), values)
    candidates = (table_column(column, design.frame) for column in trunc_columns(design.spec.trunc))
    return chosen(candidates, values) or stored_column(name, values, design.frame)


def _upper_end() -> Code:
    """Write `upper_ends`."""
    np_, y, ends = Code("np"), Code("y"), Code("other_end")
    seen_or_endless = np_.logical_or(np_.isinf(ends), np_.equal(ends, y))
    return np_.where(seen_or_endless, np_.abs(y) + y + 1.0, ends)
