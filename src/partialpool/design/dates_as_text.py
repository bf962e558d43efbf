"""Dates that a table has as text: how they are written, and which cells are not dates."""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from partialpool.design.numbers_as_text import cells_by_label, cells_in_words
from partialpool.design.row_names import from_file

__all__ = ["DatesAsText", "dates_as_text"]

_SHOWN: Final = 3
"""Most dates that a message names."""
_FEW: Final = 0.1
"""Most cells, as a share, that may be something else in a column of dates."""
_HALF: Final = 0.5
"""More than this share of the labels must be dates by some format."""
_DATE: Final = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d{1,2}:\d{2}.*)?|\d{1,2}[- ][A-Za-z]{3,9}[- ]\d{2,4}|\d{4}-\d{2}"
)
_FORMATS: Final = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y-%m"),
    *(f"%d{mark}%m{mark}{year}" for mark in "./-" for year in ("%Y", "%y")),
    *(f"%m{mark}%d{mark}{year}" for mark in "/-" for year in ("%Y", "%y")),
    *("%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %y"),
    *("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M"),
)
"""Usual ways to write dates, as `pandas.to_datetime` takes them."""


@dataclass(frozen=True)
class DatesAsText:
    """A column of text that looks like dates.

    Attributes
    ----------
    column
        Name of the column.
    labels
        Its dates, as they are written, in the order of text.
    formats
        The formats by which all of them are dates; two where day and month can be exchanged; empty if there is none.
    odd
        The other labels, in the order of the rows, each with its rows.
    index
        Of the column: the names of its rows.
    """

    column: str
    labels: tuple[str, ...]
    formats: tuple[str, ...]
    odd: tuple[tuple[str, tuple[int, ...]], ...]
    index: pd.Index

    @property
    def what(self) -> str:
        """What was found.

        Examples
        --------
        >>> dates_as_text(pd.Series(["1.5.2025", "13.5.2025"], name="day")).what
        "'day' looks like dates written as text: got '1.5.2025', '13.5.2025'"
        """
        more = ", ..." if len(self.labels) > _SHOWN else ""
        other = f", except for {cells_in_words(self.odd, self.index)}" if self.odd else ""
        shown = ", ".join(map(repr, self.labels[:_SHOWN]))
        return f"{self.column!r} looks like dates written as text: got {shown}{more}{other}"

    @property
    def do(self) -> str:
        """How to make days of them.

        Examples
        --------
        >>> dates_as_text(pd.Series(["1.5.2025", "13.5.2025"], name="day")).do
        "convert the column to days since the first: day = pd.to_datetime(data['day'], format='%d.%m.%Y'); \
(day - day.min()).dt.days"
        """
        correct = "correct these cells, and " if self.odd else ""
        if not self.formats:
            return f"{correct}convert the column to numbers (for instance days since the first)"
        if from_file(self.index):
            return f"{correct}write the days since the first into a column of numbers, and name that one"
        form = " or ".join(f"format={form!r}" for form in self.formats)
        read = f"day = pd.to_datetime(data[{self.column!r}], {form}); (day - day.min()).dt.days"
        return f"{correct}convert the column to days since the first: {read}"


def dates_as_text(column: pd.Series) -> DatesAsText | None:
    """Find out whether a column of text looks like dates; None where it does not.

    Parameters
    ----------
    column
        Text, or categories, without missing values; its index has the row numbers of the table as given.
    """
    codes, labels = pd.factorize(column.astype(object))
    texts = [str(label).strip() for label in labels]
    date = np.array([_DATE.fullmatch(text) is not None for text in texts], dtype=bool)
    if not date.any() or (~date[codes]).sum() > _FEW * len(codes):
        return None
    dates = pd.Series([text for text, is_date in zip(texts, date, strict=True) if is_date])
    fits = {form: pd.to_datetime(dates, format=form, errors="coerce").notna() for form in _FORMATS}
    if np.logical_or.reduce([*fits.values()]).mean() <= _HALF:  # section numbers, school years
        return None
    formats = tuple(form for form, those in fits.items() if those.all())
    odd = cells_by_label(column, codes, labels, ~date)
    return DatesAsText(str(column.name), tuple(sorted(map(str, labels[date]))), formats, odd, column.index)
