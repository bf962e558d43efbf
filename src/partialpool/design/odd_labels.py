"""Find possible typing errors: labels that differ only by case or space, categories of one row, numbers as text."""

import re
import unicodedata
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from partialpool.design.categories import Categories
from partialpool.design.numbers_as_text import numbers_as_text
from partialpool.errors import DataWarning, warn

__all__ = ["OddLabels", "find_odd_labels", "warn_odd_labels"]

_SHOWN: Final = 3
_FEW: Final = 0.1
"""Most cells, as a share, that may be taken for errors in a column of numbers."""
_NUMBER: Final = re.compile(r"[-+]?\d[\d.,' ]*(e[-+]?\d+)?\s*%?", re.IGNORECASE)
_DATE: Final = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d{1,2}:\d{2}.*)?|\d{1,2}[- ][A-Za-z]{3,9}[- ]\d{2,4}|\d{4}-\d{2}"
)


@dataclass(frozen=True)
class OddLabels:
    """A possible error in the labels of one column.

    Attributes
    ----------
    column, what, do
        The column, what was found, and what to do about it.
    """

    column: str
    what: str
    do: str

    def __str__(self) -> str:
        return f"{self.what}; allowed, but {self.do}"


def find_odd_labels(
    frame: pd.DataFrame, categories: Mapping[str, Categories], text: Collection[str] = ()
) -> tuple[OddLabels, ...]:
    """Find labels that are likely to be typing errors.

    Parameters
    ----------
    frame
        The columns and rows the model read.
    categories
        The predictors that are categories (`Design.categories`).
    text
        Predictors that were text in the table, not declared as categories: numbers and dates are unexpected there.
    """
    found = [odd for column in frame.columns for odd in _alike(frame[column])]
    for column, known in categories.items():
        if known.coding != "label":
            found += _alone(frame[column], known.reference)
    return (*found, *(odd for column in text for odd in _not_text(frame[column])))


def warn_odd_labels(frame: pd.DataFrame, categories: Mapping[str, Categories], text: Collection[str]) -> None:
    """Warn of each label that is likely to be a typing error, as found by `find_odd_labels`."""
    for odd in find_odd_labels(frame, categories, sorted(text)):
        warn(str(odd), DataWarning)


def _alike(column: pd.Series) -> Iterator[OddLabels]:
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return
    alike: dict[str, list[str]] = {}
    for label in column.cat.categories:
        if isinstance(label, str):
            bare = " ".join(unicodedata.normalize("NFKC", label).casefold().split())
            alike.setdefault(bare, []).append(label)
    doubled = [labels for labels in alike.values() if len(labels) > 1]
    if doubled:
        counts = column.value_counts()
        shown = "; ".join(" and ".join(f"{v!r} ({_rows(counts[v])})" for v in labels) for labels in doubled[:_SHOWN])
        more = f" and {len(doubled) - _SHOWN} more" if len(doubled) > _SHOWN else ""
        yield OddLabels(
            str(column.name),
            f"labels of {column.name!r} differ only by case or space: got {shown}{more}",
            "each is a separate category: make them equal if they are one (for instance .str.strip().str.lower())",
        )


def _alone(column: pd.Series, reference: Hashable) -> Iterator[OddLabels]:
    counts = column.value_counts(sort=False)
    alone = [label for label, count in counts.items() if count == 1]
    if alone:
        shown = ", ".join(repr(label) for label in alone[:_SHOWN])
        more = f" and {len(alone) - _SHOWN} more" if len(alone) > _SHOWN else ""
        first = " (the reference of all others)" if reference in alone else ""
        yield OddLabels(
            str(column.name),
            f"categories of {column.name!r} have one row: got {shown}{more}{first}",
            "its coefficient depends on that row alone: check the label, or merge it with another category",
        )


def _not_text(column: pd.Series) -> Iterator[OddLabels]:
    labels = [str(label).strip() for label in column.cat.categories]
    for kind, pattern, instead in (
        ("dates", _DATE, "convert the column to numbers (for instance days since the first)"),
        ("numbers", _NUMBER, "convert the column to numbers"),
    ):
        if all(pattern.fullmatch(label) for label in labels):
            shown = ", ".join(repr(str(label)) for label in column.cat.categories[:_SHOWN])
            yield OddLabels(
                str(column.name),
                f"{column.name!r} is {kind} written as text: got {shown}{', ...' if len(labels) > _SHOWN else ''}, "
                f"read as {len(labels)} categories in the order of text",
                f"{instead}, or {_declare(column)}",
            )
            return
    yield from _odd_cells(column)


def _odd_cells(column: pd.Series) -> Iterator[OddLabels]:
    """Find cells that turn a column of numbers into categories; a class such as `2+` or `>10` is an ordinary label."""
    numbers = numbers_as_text(column)
    if numbers is None or numbers.n_odd > _FEW * len(column):
        return
    if not any(re.search(r"\d", label) for label, _ in numbers.odd):
        yield OddLabels(
            str(column.name),
            f"{column.name!r} is numbers written as text, except for {numbers.odd_in_words}; read as "
            f"{len(column.cat.categories)} categories in the order of text",
            f"{numbers.do}; or {_declare(column)}",
        )


def _declare(column: pd.Series) -> str:
    return f"declare it a category: C({column.name}), or a categorical"


def _rows(count: int | np.integer) -> str:
    return f"{count} row{'' if count == 1 else 's'}"
