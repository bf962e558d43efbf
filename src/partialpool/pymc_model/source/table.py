"""The script's table: the columns that it reads, as text at its end, and the function that reads them.

Numbers are written with all their digits. Text is written as comma-separated values while it is plain: no quotes,
backslashes, or characters that are not printed. Other labels are written as Python text and numbered in the table, so
that no label can end the text or be run. Long texts are compressed.
"""

import base64
import csv
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from partialpool.names import answer_name
from partialpool.pymc_model.source.code import written
from partialpool.pymc_model.source.layout import WIDTH, Bracket, Node, assigned, laid_out, prefixed

__all__ = ["LARGEST_TEXT", "SourceTable", "matrix_text", "opened", "table_values", "text_block"]

LARGEST_TEXT: Final = 100_000
"""Most characters of a table or a matrix that are written as they are; a longer one is compressed."""


@dataclass(frozen=True, eq=False)
class SourceTable:
    """The rows that a model uses.

    Attributes
    ----------
    columns
        Numbers, booleans or labels by name, each (rows,).
    rows
        Number of each row in the table as given, (rows,).
    """

    columns: Mapping[str, np.ndarray]
    rows: np.ndarray

    @cached_property
    def numbered(self) -> dict[str, list[str]]:
        """The labels of columns that are not plain text, in the order of their numbers."""
        odd = {name: values for name, values in self.columns.items() if _is_text(values)}
        labels = {name: sorted(set(values.tolist())) for name, values in odd.items()}
        return {name: each for name, each in labels.items() if not all(map(_is_plain, each))}

    @property
    def header(self) -> list[str]:
        """Names of the columns in the text; the first is that of the row numbers, where these have gaps."""
        own = [name if _is_plain(name) and name else f"column {at}" for at, name in enumerate(self.columns, start=1)]
        return own if self._is_whole else [answer_name("row", set(own)), *own]

    @cached_property
    def text(self) -> str:
        """The table as comma-separated values."""
        codes = {name: {label: at for at, label in enumerate(labels)} for name, labels in self.numbered.items()}
        cells = [
            [codes[name][label] for label in values] if name in codes else _cells(values)
            for name, values in self.columns.items()
        ]
        written_out = io.StringIO()
        writer = csv.writer(written_out, lineterminator="\n")
        writer.writerow(self.header)
        writer.writerows(zip(*([] if self._is_whole else [self.rows.tolist()]), *cells, strict=True))
        return written_out.getvalue()

    def reader(self) -> list[str]:
        """Return the lines of the function that reads the table."""
        numbered, given = self.numbered, [*self.header[: -len(self.columns)], *self.columns]
        items: list[Node] = [opened("TABLE", self.text), "na_filter=False"]
        if given != self.header:
            items += [Bracket("names=[", tuple(written(name).text for name in given), "]"), "header=0"]
        if not self._is_whole:
            items.append("index_col=0")
        texts = [name for name, values in self.columns.items() if _is_text(values) and name not in numbered]
        if texts:
            items.append(Bracket("dtype={", tuple(f"{written(name).text}: str" for name in texts), "}"))
        read = Bracket("pd.read_csv(", tuple(items), ")")
        lines = assigned("table", read, 1) if numbered else laid_out(prefixed("return ", read), 1)
        for name, labels in numbered.items():
            lines += assigned("labels", Bracket("[", tuple(written(label).text for label in labels), "]"), 1)
            column = f"table[{written(name).text}]"
            lines.append(f"    {column} = np.array(labels, dtype=object)[{column}]")
        return [
            "def read_table():",
            '    """Return the rows that the model uses, which are at the end of this file."""',
            *lines,
            *(["    return table"] if numbered else []),
        ]

    @property
    def _is_whole(self) -> bool:
        return np.array_equal(self.rows, np.arange(len(self.rows)))


def table_values(column: pd.Series) -> np.ndarray:
    """Return a column of the model's table as numbers, booleans or labels."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        labels = column.astype(object).to_numpy()
        return labels if _is_text(labels) else np.array(labels.tolist())
    return column.to_numpy()


def opened(name: str, text: str) -> str:
    """Return the expression that opens a text of the script as a file."""
    return f"io.BytesIO(zlib.decompress(base64.b64decode({name})))" if _is_large(text) else f"io.StringIO({name})"


def text_block(name: str, text: str) -> list[str]:
    """Return the lines that assign a text which has no quotes and no backslashes of its own, or its compressed form."""
    if _is_large(text):
        packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
        text = "\n".join(packed[at : at + WIDTH] for at in range(0, len(packed), WIDTH))
    return [f'{name} = """\\', *text.removesuffix("\n").split("\n"), '"""']


def matrix_text(matrix: np.ndarray) -> str:
    """Write a matrix as text, a row a line."""
    return "".join(" ".join(repr(float(x)).removesuffix(".0") for x in row) + "\n" for row in matrix)


def _is_large(text: str) -> bool:
    return len(text) > LARGEST_TEXT


def _is_text(values: np.ndarray) -> bool:
    return values.dtype.kind not in "biuf" and any(isinstance(value, str) for value in values[:1])


def _is_plain(text: str) -> bool:
    return text.isprintable() and not set(text) & set("'\"\\")


def _cells(values: np.ndarray) -> Sequence[object]:
    return [repr(value) if isinstance(value, float) else value for value in values.tolist()]
