"""Find possible typing errors: labels that differ only by case or space, categories of one row, numbers as text."""

import re
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from partialpool.design.categories import Categories
from partialpool.design.dates_as_text import dates_as_text
from partialpool.design.misspelt import find_misspelt, plain_spelling
from partialpool.design.numbers_as_text import numbers_as_text
from partialpool.design.row_names import from_file
from partialpool.errors import DataWarning, warn
from partialpool.spec.whitelist import quote_name

__all__ = ["OddLabels", "find_odd_labels", "warn_odd_labels"]

_SHOWN: Final = 3
_NAMED: Final = 10
"""Most labels that a message names where each of them may have to be corrected."""
_FEW: Final = 0.1
"""Most cells, as a share, that may be taken for errors in a column of numbers."""
_NUMBER: Final = re.compile(r"[-+]?\d[\d.,' ]*(e[-+]?\d+)?\s*%?", re.IGNORECASE)


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
    found = [odd for column in frame.columns for check in (_alike, _misspelt) for odd in check(frame[column])]
    unexpected = [odd for column in text for odd in _not_text(frame[column])]
    mistaken = {odd.column for odd in unexpected}  # no need to say of dates that each has one row
    for column, known in categories.items():
        if known.coding != "label" and column not in mistaken:
            found += _alone(frame[column], known.reference)
    return (*found, *unexpected)


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
            alike.setdefault(plain_spelling(label), []).append(label)
    doubled = [labels for labels in alike.values() if len(labels) > 1]
    if doubled:
        counts = column.value_counts()
        shown = "; ".join(" and ".join(f"{v!r} ({_rows(counts[v])})" for v in labels) for labels in doubled[:_NAMED])
        more = f" and {len(doubled) - _NAMED} more" if len(doubled) > _NAMED else ""
        where, how = (
            (" in the file", "") if from_file(column.index) else ("", " (for instance .str.strip().str.lower())")
        )
        yield OddLabels(
            str(column.name),
            f"labels of {column.name!r} differ only by case or space: got {shown}{more}",
            f"each is a separate category: make them equal{where} if they are one{how}",
        )


def _misspelt(column: pd.Series) -> Iterator[OddLabels]:
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return
    found = find_misspelt(column)
    if found:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        replaced = f" (data[{column.name!r}].replace({{{found[0].label!r}: {found[0].frequent!r}}}))"
        where, how = (" in the file", "") if from_file(column.index) else ("", replaced)
        yield OddLabels(
            str(column.name),
            f"labels of {column.name!r} may be misspelt: got {', '.join(map(str, found[:_NAMED]))}{more}",
            f"each is a separate category: correct it{where} if it means the frequent one{how}",
        )


def _alone(column: pd.Series, reference: Hashable) -> Iterator[OddLabels]:
    counts = column.value_counts(sort=False)
    alone = [label for label, count in counts.items() if count == 1]
    if alone:
        alone.sort(key=lambda label: label != reference)
        marks = {reference: " (the reference of all others)"}
        shown = ", ".join(f"{label!r}{marks.get(label, '')}" for label in alone[:_NAMED])
        more = f" and {len(alone) - _NAMED} more" if len(alone) > _NAMED else ""
        yield OddLabels(
            str(column.name),
            f"categories of {column.name!r} have one row: got {shown}{more}",
            "its coefficient depends on that row alone: check the label, or merge it with another category"
            if len(alone) == 1
            else "each coefficient depends on that row alone: check the labels, or merge them with other categories",
        )


def _not_text(column: pd.Series) -> Iterator[OddLabels]:
    if dates := dates_as_text(column):
        yield OddLabels(str(column.name), f"{dates.what}{_read_as(column)}", f"{dates.do}; or {_declare(column)}")
    elif all(_NUMBER.fullmatch(str(label).strip()) for label in column.cat.categories):
        yield OddLabels(
            str(column.name),
            f"{column.name!r} has numbers written as text: got {_first_labels(column)}{_read_as(column)}",
            f"convert the column to numbers, or {_declare(column)}",
        )
    else:
        yield from _odd_cells(column)


def _odd_cells(column: pd.Series) -> Iterator[OddLabels]:
    """Find cells that turn a column of numbers into categories; a class such as `2+` or `>10` is an ordinary label."""
    numbers = numbers_as_text(column)
    if numbers is None or numbers.n_odd > _FEW * len(column):
        return
    if not any(re.search(r"\d", label) for label, _ in numbers.odd):
        yield OddLabels(
            str(column.name),
            f"{column.name!r} has numbers written as text, except for {numbers.odd_in_words}{_read_as(column)}",
            f"{numbers.do}; or {_declare(column)}",
        )


def _first_labels(column: pd.Series) -> str:
    labels = [repr(str(label)) for label in column.cat.categories]
    return ", ".join([*labels[:_SHOWN], *["..."] * (len(labels) > _SHOWN)])


def _read_as(column: pd.Series) -> str:
    return f", read as {len(column.cat.categories)} categories in the order of text"


def _declare(column: pd.Series) -> str:
    return f"declare it a category: C({quote_name(str(column.name))}), or a categorical"


def _rows(count: int | np.integer) -> str:
    return f"{count} row{'' if count == 1 else 's'}"
