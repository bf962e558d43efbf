"""Find possible typing errors: labels that differ only by case or space, categories of one row, numbers as text."""

import re
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from partialpool.design.categories import Categories
from partialpool.design.dates_as_text import DatesAsText, dates_as_text
from partialpool.design.misspelt import find_misspelt, plain_spelling
from partialpool.design.numbers_as_text import numbers_as_text
from partialpool.design.row_names import from_file
from partialpool.errors import DataWarning, warn
from partialpool.spec.whitelist import quote_name

__all__ = [
    "CountedLabels",
    "OddLabels",
    "find_numbers_and_dates",
    "find_odd_counts",
    "find_odd_labels",
    "warn_odd",
]

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


@dataclass(frozen=True)
class CountedLabels:
    """The labels of a column of categories.

    Attributes
    ----------
    column
        Its name.
    rows
        The number of rows of each label, in the order of the categories.
    from_file
        Whether a file that the package read has them: they are corrected there.
    """

    column: str
    rows: Mapping[Hashable, int]
    from_file: bool = False

    @classmethod
    def of(cls, column: pd.Series) -> "CountedLabels":
        """Count the rows of a column of categories, booleans, or numbers that are categories."""
        counts = column.value_counts(sort=False)
        if not isinstance(column.dtype, pd.CategoricalDtype):
            counts = counts.sort_index()
        return cls(str(column.name), dict(zip(counts.index, counts.tolist(), strict=True)), from_file(column.index))


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
    counted = [
        CountedLabels.of(column)
        for name, column in frame.items()
        if isinstance(column.dtype, pd.CategoricalDtype) or name in categories
    ]
    return find_odd_counts(counted, categories, [odd for column in text for odd in _not_text(frame[column])])


def find_odd_counts(
    counted: Iterable[CountedLabels], categories: Mapping[str, Categories], unexpected: Sequence[OddLabels] = ()
) -> tuple[OddLabels, ...]:
    """Find labels that are likely to be typing errors, given the number of rows of each.

    Parameters
    ----------
    counted
        The columns of labels.
    categories
        The predictors that are categories (`Design.categories`).
    unexpected
        What was found in columns of text already: no need to say of dates that each has one row.
    """
    by_column = {labels.column: labels for labels in counted}
    found = [odd for labels in by_column.values() for check in (_alike, _misspelt) for odd in check(labels)]
    mistaken = {odd.column for odd in unexpected}
    for column, known in categories.items():
        if known.coding != "label" and column not in mistaken:
            found += _alone(by_column[column], known.reference)
    return (*found, *unexpected)


def warn_odd(found: Iterable[OddLabels]) -> None:
    """Warn of each label that is likely to be a typing error."""
    for odd in found:
        warn(str(odd), DataWarning)


def _alike(labels: CountedLabels) -> Iterator[OddLabels]:
    alike: dict[str, list[str]] = {}
    for label in labels.rows:
        if isinstance(label, str):
            alike.setdefault(plain_spelling(label), []).append(label)
    doubled = [spelt for spelt in alike.values() if len(spelt) > 1]
    if doubled:
        rows = labels.rows
        shown = "; ".join(" and ".join(f"{v!r} ({_rows(rows[v])})" for v in spelt) for spelt in doubled[:_NAMED])
        more = f" and {len(doubled) - _NAMED} more" if len(doubled) > _NAMED else ""
        where, how = (" in the file", "") if labels.from_file else ("", " (for instance .str.strip().str.lower())")
        yield OddLabels(
            labels.column,
            f"labels of {labels.column!r} differ only by case or space: got {shown}{more}",
            f"each is a separate category: make them equal{where} if they are one{how}",
        )


def _misspelt(labels: CountedLabels) -> Iterator[OddLabels]:
    found = find_misspelt(labels.rows)
    if found:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        replaced = f" (data[{labels.column!r}].replace({{{found[0].label!r}: {found[0].frequent!r}}}))"
        where, how = (" in the file", "") if labels.from_file else ("", replaced)
        yield OddLabels(
            labels.column,
            f"labels of {labels.column!r} may be misspelt: got {', '.join(map(str, found[:_NAMED]))}{more}",
            f"each is a separate category: correct it{where} if it means the frequent one{how}",
        )


def _alone(labels: CountedLabels, reference: Hashable) -> Iterator[OddLabels]:
    alone = [label for label, count in labels.rows.items() if count == 1]
    if alone:
        alone.sort(key=lambda label: label != reference)
        marks = {reference: " (the reference of all others)"}
        shown = ", ".join(f"{label!r}{marks.get(label, '')}" for label in alone[:_NAMED])
        more = f" and {len(alone) - _NAMED} more" if len(alone) > _NAMED else ""
        yield OddLabels(
            labels.column,
            f"categories of {labels.column!r} have one row: got {shown}{more}",
            "its coefficient depends on that row alone: check the label, or merge it with another category"
            if len(alone) == 1
            else "each coefficient depends on that row alone: check the labels, or merge them with other categories",
        )


def find_numbers_and_dates(column: pd.Series) -> Iterator[OddLabels]:
    """Find a column of text in which every label is a number, or every one is a date."""
    dates = dates_as_text(column)
    if dates and not dates.odd:
        yield _of_dates(column, dates)
    elif not dates and _are_numbers(column):
        yield _of_numbers(column)


def _not_text(column: pd.Series) -> Iterator[OddLabels]:
    if dates := dates_as_text(column):
        yield _of_dates(column, dates)
    elif _are_numbers(column):
        yield _of_numbers(column)
    else:
        yield from _odd_cells(column)


def _of_dates(column: pd.Series, dates: DatesAsText) -> OddLabels:
    return OddLabels(str(column.name), f"{dates.what}{_read_as(column)}", f"{dates.do}; or {_declare(column)}")


def _are_numbers(column: pd.Series) -> bool:
    return all(_NUMBER.fullmatch(str(label).strip()) for label in column.cat.categories)


def _of_numbers(column: pd.Series) -> OddLabels:
    return OddLabels(
        str(column.name),
        f"{column.name!r} has numbers written as text: got {_first_labels(column)}{_read_as(column)}",
        f"convert the column to numbers, or {_declare(column)}",
    )


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
