"""What stands in the place of the rows of a table that is not in memory: every use of it is an error that says so."""

from collections.abc import Iterator, Mapping
from typing import Any, Never

import numpy as np
import pandas as pd

from partialpool.design.streamed.number_summary import NumberSummary
from partialpool.errors import DataError

__all__ = ["AbsentColumn", "AbsentFrame", "AbsentRows"]


class AbsentRows:
    """Values of every row of a table that was read in batches, which are not kept.

    Empty arrays in this place would make every sum 0, and answers wrong without a word.
    """

    def __init__(self, what: str, source: str) -> None:
        self._what, self._source = what, source

    def _refuse(self, *_: Any, **__: Any) -> Never:
        raise DataError(
            "this needs the rows of the table, which a fit of a table that is read in batches does not keep",
            got=f"{self._what}; {self._source}",
            allowed="what follows from the draws and from sums over rows: the summary, pp.icc, "
            "pp.variance_components, pp.group_effects, pp.level_effects, pp.shrinkage, pp.predict for new rows",
            do="fit a random sample of the rows that fits into memory, and ask that fit",
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # libraries ask for such names to learn what an object is
            raise AttributeError(name)
        return self._refuse()

    __iter__: Any = _refuse
    __getitem__: Any = _refuse
    __contains__: Any = _refuse
    __len__ = __bool__ = __float__ = __int__ = _refuse
    __array__ = __array_ufunc__ = __array_function__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = _refuse
    __matmul__ = __rmatmul__ = __neg__ = __lt__ = __le__ = __gt__ = __ge__ = __and__ = __or__ = __invert__ = _refuse


class AbsentColumn(AbsentRows):
    """A column of which the first pass knows the type, and of numbers the mean, the sd and the range."""

    def __init__(self, name: str, dtype: Any, summary: NumberSummary | None, source: str) -> None:
        super().__init__(f"the column {name!r}", source)
        self.name, self.dtype, self._summary = name, dtype, summary

    @property
    def _known(self) -> NumberSummary:
        return self._refuse() if self._summary is None else self._summary

    def mean(self) -> float:
        """Return the mean of all rows."""
        return self._known.mean

    def std(self, ddof: int = 1) -> float:
        """Return the standard deviation of all rows."""
        return float(np.sqrt(self._known.squares / (self._known.rows - ddof)))

    def min(self) -> float:
        """Return the lowest value."""
        return self._known.lowest

    def max(self) -> float:
        """Return the highest value."""
        return self._known.highest


class AbsentFrame(AbsentRows):
    """The columns that a model read; their rows are not kept."""

    def __init__(self, columns: Mapping[str, AbsentColumn], source: str) -> None:
        super().__init__("the rows of the model", source)
        self._columns = dict(columns)

    @property
    def columns(self) -> pd.Index:
        """Names of the columns."""
        return pd.Index(list(self._columns))

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __getitem__(self, name: Any) -> AbsentColumn:
        return self._columns[name] if isinstance(name, str) else self._refuse()
