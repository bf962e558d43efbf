"""What questions return: labelled draws, which print as a table of their estimates."""

import html
import math
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.fitting.tidy_rows import SAMPLE, tidy_rows
from partialpool.fitting.two_views import seen_once
from partialpool.intervals import DEFAULT_PROB, central_ends, end_names
from partialpool.tabulate import TextTable, estimate_cells, number

__all__ = ["Answer", "AnswerTree", "table_of_draws"]

_MOST_ROWS: Final = 20
"""Rows of a table that are printed; the others are counted."""
_SAID: Final = ("sentence", "others", "before_truncation")
"""Attributes that are lines below the tables."""
_NUMBERS: Final = ("estimate", "std_error", "conf_low", "conf_high")


class Answer(xr.Dataset):
    """A Dataset whose variables that have draws print as a table: mean, sd and interval of each quantity.

    It is an `xarray.Dataset` in every other respect, and so is what is selected or computed from it.
    """

    __slots__ = ()

    @classmethod
    def of(cls, values: xr.Dataset) -> "Answer":
        """Return a Dataset as an answer."""
        return cls(values.data_vars, coords=values.coords, attrs=values.attrs)

    @property
    def _shown(self) -> tuple[list[TextTable], list[str]]:
        """The tables to print, of draws and then of other variables, and lines below them."""
        drawn = [name for name, values in self.data_vars.items() if set(SAMPLE) <= set(values.dims) and values.size]
        fixed = self[[name for name, values in self.data_vars.items() if name not in drawn and values.size]]
        once, agreement = seen_once(self[drawn])
        tables, lines = [table_of_draws(once)] if drawn else [], []
        for dims in dict.fromkeys(values.dims for values in fixed.data_vars.values()):
            some = fixed[[name for name, values in fixed.data_vars.items() if values.dims == dims]]
            if drawn and _cells(some) > _MOST_ROWS:
                sizes = ", ".join(f"{name} {size}" for name, size in some.sizes.items())
                lines.append(f"also {', '.join(map(str, some.data_vars))}, by {sizes}")
            else:
                tables.append(_of_numbers(some))
        sizes = ", ".join(f"{name} {size}" for name, size in self.sizes.items())
        said = [str(self.attrs[name]) for name in _SAID if self.attrs.get(name, "none") != "none"]
        return tables, [*lines, *agreement, *said, f"xarray.Dataset of {sizes}" if sizes else "xarray.Dataset"]

    def __repr__(self) -> str:
        tables, lines = self._shown
        return "\n".join([*map(str, tables), *lines])

    __str__ = __repr__

    def _repr_html_(self) -> str:
        tables, (*lines, last) = self._shown
        whole = f"<details><summary>{html.escape(last)}</summary>{super()._repr_html_()}</details>"
        said = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
        return "".join(table._repr_html_() for table in tables) + said + whole


class AnswerTree(xr.DataTree):
    """A DataTree that prints as the table that `table` makes of it; its branches print as xarray prints them."""

    def table(self) -> TextTable | None:
        """Return what to print; None for a branch, or if the tree lacks something that the table shows."""
        return None

    def __repr__(self) -> str:  # type: ignore[override]  # as DataTree's own
        table = self.table()
        return super().__repr__() if table is None else f"{table}\nxarray.DataTree of {', '.join(self.children)}"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        table = self.table()
        if table is None:
            return str(super()._repr_html_())
        return (
            f"{table._repr_html_()}<details><summary>xarray.DataTree of {html.escape(', '.join(self.children))}"
            f"</summary>{super()._repr_html_()}</details>"
        )


def table_of_draws(drawn: xr.Dataset, *, title: str = "", notes: tuple[str, ...] = ()) -> TextTable:
    """Tabulate mean, sd and interval of the first quantities of variables that have draws.

    Parameters
    ----------
    drawn
        Variables with dimensions chain and draw.
    title, notes
        Lines above and below.
    """
    counts = {name: values.size // (values.sizes["chain"] * values.sizes["draw"]) for name, values in drawn.items()}
    tables, left = [], _MOST_ROWS
    for name, values in drawn.data_vars.items():
        if left <= 0:
            break
        some = _first(values.transpose(*SAMPLE, ...), left)
        tables.append(tidy_rows(str(name), some, central_ends(DEFAULT_PROB)).head(left))
        left -= len(tables[-1])
    frame = pd.concat(tables, ignore_index=True)
    where = [c for c in frame.columns if c not in (*_NUMBERS, "statistic")]
    rows = []
    for row in frame.to_dict("records"):
        estimates = estimate_cells([row[c] for c in _NUMBERS], row["std_error"])
        rows.append((*(_cell(row[c]) for c in where), *estimates))
    by_median = (frame["statistic"] == "median").to_numpy()
    head = "mean" if not by_median.any() else "median" if by_median.all() else "mean or median"
    more = sum(counts.values()) - len(frame)
    notes = (*((f"{more} more: pp.to_frame(answer) has all of them",) if more else ()), *notes)
    return TextTable((*map(str, where), head, "sd", *end_names(DEFAULT_PROB)), tuple(rows), title=title, notes=notes)


def _first(values: xr.DataArray, most: int) -> xr.DataArray:
    """Return a part of the variable that has its first quantities; all draws, dimensions chain and draw first."""
    within = 1
    for dim in reversed(values.dims[2:]):
        values = values.isel({dim: slice(0, -(-most // within))})
        within *= values.sizes[dim]
    return values


def _of_numbers(fixed: xr.Dataset) -> TextTable:
    """Tabulate variables without draws that have the same dimensions."""
    if not fixed.sizes:
        return TextTable(tuple(map(str, fixed.data_vars)), (tuple(_cell(v.item()) for v in fixed.data_vars.values()),))
    some = fixed.isel({dim: slice(0, _MOST_ROWS) for dim in fixed.sizes})
    frame = some.to_dataframe().reset_index()
    scalars = [name for name in frame if name in fixed.coords and not fixed[name].dims]
    frame = frame.drop(columns=scalars).head(_MOST_ROWS)
    more = _cells(fixed) - len(frame)
    rows = tuple(tuple(_cell(value) for value in row) for row in frame.itertuples(index=False))
    notes = (f"{more} more: answer.to_dataframe() has all of them",) if more else ()
    return TextTable(tuple(map(str, frame.columns)), rows, notes=notes)


def _cells(values: xr.Dataset) -> int:
    return math.prod(values.sizes.values())


def _cell(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return number(float(value), 4)
    return "-" if value is None or value is pd.NaT else str(value)
