"""Rows whose residuals share a standard deviation or are correlated, as the specification states."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from partialpool.design.column_types import is_quantity
from partialpool.design.effect_structure import correlation_bounds
from partialpool.errors import DataError, nearest
from partialpool.names import SIGMA
from partialpool.spec.residual import Residual

__all__ = ["DIGITS", "ResidualRows", "Series", "autoregressive", "read_residual_rows"]

DIGITS: Final = 9
"""Digits, in units of the smallest gap, to which distances in time are equal."""
MOST_GAPS: Final = 40
"""Most distances in time that an autoregressive correlation may have."""
MOST_VISITS: Final = 30
"""Most visits that an unstructured correlation may have: 435 correlations."""
_WHOLE: Final = 1e-6
"""Largest distance from an integer, as a share of the smallest gap, of a time that counts as a whole number of gaps."""


@dataclass(frozen=True, eq=False)
class Series:
    """Rows in series, whose residuals are correlated within a series and in the order of time.

    Attributes
    ----------
    stated
        As specified.
    labels
        Names of the series.
    of_row
        Series of each row, (rows,).
    time
        Time of each row since the first, in units of the smallest gap (`ar`), or code of its visit (`unstr`), else 0,
        (rows,).
    visits
        Names of the visits (`unstr`), else empty.
    step, origin
        The smallest gap between two rows of a series, and the first time (`ar`); else 1 and 0.
    is_discrete
        Whether all gaps are whole multiples of the smallest (`ar`): only then the correlation may be negative.
    """

    stated: Residual
    labels: tuple[Any, ...]
    of_row: np.ndarray
    time: np.ndarray
    visits: tuple[Any, ...] = ()
    step: float = 1.0
    origin: float = 0.0
    is_discrete: bool = True

    @property
    def kind(self) -> str:
        """Kind of correlation."""
        return self.stated.correlation

    @property
    def bounds(self) -> tuple[float, float]:
        """Bounds of the correlation of `ar` and `cosy`: those of positive definite matrices."""
        if self.kind == "cosy":
            return correlation_bounds("cs", int(self.sizes.max()))
        return (-1.0 if self.is_discrete else 0.0), 1.0

    def relative_time(self, rows: np.ndarray) -> np.ndarray:
        """Return what the correlations of some rows of one series depend on: times since the first, or visits."""
        if self.kind != "ar":
            return self.time[rows]
        since = self.time[rows] - self.time[rows[0]]
        return np.round(since, 0 if self.is_discrete else DIGITS) + 0.0

    def correlation(self, first: np.ndarray, second: np.ndarray, parameter: np.ndarray) -> np.ndarray:
        """Return the correlations of rows of one series under draws of the parameter.

        Parameters
        ----------
        first, second
            Row numbers, (m,) and (k,).
        parameter
            (draws,), or the correlations of the visits, (draws, visits, visits).

        Returns
        -------
        numpy.ndarray
            (draws, m, k); 1 for a row and itself.
        """
        if self.kind == "unstr":
            visits = self.time.astype(np.int64)
            return parameter[:, visits[first][:, None], visits[second]]
        same = first[:, None] == second
        if self.kind == "cosy":
            return np.where(same, 1.0, parameter[:, None, None])
        gap = np.abs(self.time[first][:, None] - self.time[second])
        return autoregressive(parameter[:, None, None], np.round(gap) if self.is_discrete else gap)

    @property
    def order(self) -> np.ndarray:
        """Rows sorted by series, then time, (rows,)."""
        return np.lexsort((self.time, self.of_row))

    @cached_property
    def patterns(self) -> tuple[np.ndarray, ...]:
        """Rows of series with equal correlations, in the order of time: an array (series, rows of each) per pattern."""
        order = self.order
        starts = np.flatnonzero(np.diff(self.of_row[order]) != 0) + 1
        groups: dict[bytes, list[np.ndarray]] = {}
        for rows in np.split(order, starts):
            groups.setdefault(self.relative_time(rows).tobytes(), []).append(rows)
        return tuple(np.array(rows) for rows in groups.values())

    @property
    def sizes(self) -> np.ndarray:
        """Number of rows of each series, (series,)."""
        return np.bincount(self.of_row, minlength=len(self.labels))

    def of(self, frame: pd.DataFrame) -> "Series":
        """Read new rows, whose series may be new."""
        labels, codes = _codes(frame[self.stated.gr])
        time = np.zeros(len(frame))
        if self.kind == "ar":
            time = (_times(self.stated, frame[self.stated.order]) - self.origin) / self.step
        elif self.kind == "unstr":
            names, visit = _codes(frame[self.stated.order])
            shown = tuple(map(str, self.visits))
            time = np.array([_place((self.stated.order or "",), str(name), shown) for name in names], float)[visit]
        return replace(self, labels=tuple(labels), of_row=codes, time=time)

    def check_steps(self, time: np.ndarray, first: np.ndarray) -> None:
        """Refuse times between the steps of the fitted rows, where the correlation may be negative.

        Parameters
        ----------
        time, first
            Of new rows, and of the first fitted rows of their series, (rows,) each.
        """
        since = time - first
        between = np.abs(since - np.round(since)) > _WHOLE * np.maximum(1, np.abs(since))
        if self.kind == "ar" and self.is_discrete and between.any():
            raise DataError(
                f"new rows are at times between the steps of {self.stated.order}",
                got=f"{self.stated.order} {self.origin + self.step * time[between][0]:g}",
                allowed=f"{self.origin + self.step * first[between][0]:g}, and steps of {self.step:g} from there: the "
                "correlation may be negative",
                do="predict at these times; or fit rows with other distances, between which correlations are positive",
            )

    def take(self, index: np.ndarray) -> "Series":
        """Return some of the rows, by position; the series keep their labels."""
        return replace(self, of_row=self.of_row[index], time=self.time[index])


@dataclass(frozen=True, eq=False)
class ResidualRows:
    """What is stated of the rows' residuals beyond one standard deviation.

    Attributes
    ----------
    strata
        Names of the strata that have a standard deviation of their own; one empty name where all rows share one.
    stratum
        Stratum of each row, (rows,).
    series
        Correlated rows, or None.
    by
        Columns whose combinations are the strata.
    """

    strata: tuple[str, ...]
    stratum: np.ndarray
    series: Series | None
    by: tuple[str, ...] = ()

    @property
    def sigma_names(self) -> tuple[str, ...]:
        """Names of the standard deviations: `sigma[placebo]`, or `sigma`."""
        return tuple(f"{SIGMA}[{name}]" if name else SIGMA for name in self.strata)

    @property
    def is_stratified(self) -> bool:
        """Whether there are several standard deviations."""
        return bool(self.strata[0])

    def of(self, frame: pd.DataFrame) -> "ResidualRows | None":
        """Read new rows with the same strata, visits and unit of time.

        None where columns of the strata are lacking; without columns of the series each row is one of a new series.

        Raises
        ------
        DataError
            A stratum or visit that the model has not seen.
        """
        if set(self.by) - set(frame):
            return None
        names, codes = _combinations(frame, self.by)
        places = np.array([_place(self.by, name, self.strata) for name in names], np.int64)
        named = self.series is not None and set(self.series.stated.columns) <= set(frame)
        series = self.series.of(frame) if self.series is not None and named else None
        return replace(self, stratum=places[codes], series=series)

    def changed_by(self, other: "ResidualRows") -> str | None:
        """Say what the parameters of other rows mean that those of these rows do not; None where they mean the same."""
        if self.strata != other.strata:
            return f"strata {', '.join(other.strata)}, not {', '.join(self.strata)}"
        old, new = self.series, other.series
        if old is None or new is None:
            return None
        if old.visits != new.visits:
            return f"visits {', '.join(map(str, new.visits))}, not {', '.join(map(str, old.visits))}"
        if (old.step, old.is_discrete) != (new.step, new.is_discrete):
            return f"a smallest distance in time of {new.step:g}, not {old.step:g}"
        if old.kind != "unstr" and old.bounds != new.bounds:
            return f"series of up to {int(new.sizes.max())} rows, not {int(old.sizes.max())}"
        return None

    @property
    def naming_columns(self) -> tuple[str, ...]:
        """Columns that only say which rows are of one series, and when: they have no typical value."""
        stated = () if self.series is None else self.series.stated.columns
        return tuple(column for column in stated if column not in self.by)

    def take(self, index: np.ndarray) -> "ResidualRows":
        """Return some of the rows, by position."""
        series = None if self.series is None else self.series.take(index)
        return replace(self, stratum=self.stratum[index], series=series)


def read_residual_rows(frame: pd.DataFrame, residual: Residual | None, sigma: Sequence[str]) -> ResidualRows | None:
    """Read the strata and series of a table's rows; None where nothing is stated.

    Parameters
    ----------
    frame
        The rows.
    residual
        The correlation, or None.
    sigma
        Columns whose combinations have standard deviations of their own; empty for one standard deviation, or for
        one per visit where the correlation is unstructured.

    Raises
    ------
    DataError
        Times that are not numbers, or twice in a series; too many distances; series of one row only.
    """
    if residual is None and not sigma:
        return None
    series = None if residual is None else _read_series(frame, residual)
    by = list(sigma)
    if residual is not None and residual.correlation == "unstr" and not by:
        by = [residual.order or ""]
    names, stratum = _combinations(frame, by)
    if by:
        _check_strata(by, names, np.bincount(stratum))
    return ResidualRows(names, stratum, series, tuple(by))


def _check_strata(by: Sequence[str], names: tuple[str, ...], rows: np.ndarray) -> None:
    """Refuse strata whose standard deviation no rows, or one row only, would inform."""
    column = ":".join(by)
    if len(names) < 2:
        raise DataError(
            f"residuals have an sd for each {column}, which is the same in every row",
            got=f"{column} {names[0]} in {rows[0]} rows",
            allowed="two strata or more",
            do=f"leave out sigma ~ 0 + {column}",
        )
    single = [name for name, count in zip(names, rows, strict=True) if count < 2]
    if single:
        raise DataError(
            f"residuals have an sd for each {column}, and some have one row",
            got=", ".join(single[:3]) + (f" and {len(single) - 3} more" if len(single) > 3 else ""),
            allowed="two rows or more for each sd",
            do=f"join these categories of {column} with others, leave their rows out, or name another column",
        )


def _combinations(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names of the combinations of categories that occur, and that of each row."""
    if not columns:
        return ("",), np.zeros(len(frame), np.int64)
    parts = [_codes(frame[column]) for column in columns]
    joined = np.stack([codes for _, codes in parts], axis=1)
    found, stratum = np.unique(joined, axis=0, return_inverse=True)
    names = tuple(":".join(str(labels[k]) for (labels, _), k in zip(parts, row, strict=True)) for row in found)
    return names, stratum.reshape(-1).astype(np.int64)


def _place(columns: Sequence[str], name: str, known: Sequence[str]) -> int:
    """Return the place of a stratum or visit among the known ones."""
    if name not in known:
        raise DataError(
            f"the residuals of this category of {':'.join(columns)} are not known",
            got=repr(name),
            allowed=nearest(name, known),
            do="predict for categories that the fitted data have",
        )
    return list(known).index(name)


def _codes(column: pd.Series) -> tuple[list[Any], np.ndarray]:
    """Return the values that occur, in the order of the categories or sorted, and the code of each row's."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        used = column.cat.remove_unused_categories()
        return list(used.cat.categories), used.cat.codes.to_numpy(np.int64)
    values, codes = np.unique(column.to_numpy(), return_inverse=True)
    return values.tolist(), codes.reshape(-1).astype(np.int64)


def _read_series(frame: pd.DataFrame, residual: Residual) -> Series:
    labels, codes = _codes(frame[residual.gr])
    if np.bincount(codes).max() < 2:
        raise DataError(
            f"no {residual.gr} has two rows: residuals cannot be correlated within it",
            got=f"{len(labels)} values of {residual.gr!r} in {len(codes)} rows",
            allowed="two rows or more in some of them",
            do=f"name by gr= the column of what was observed repeatedly, or leave {residual} out",
        )
    if residual.order is None:
        return Series(residual, tuple(labels), codes, np.zeros(len(codes)))
    column = frame[residual.order]
    if residual.correlation == "unstr":
        visits, time = _codes(column)
        _check_few(residual, visits)
        _check_once(residual, labels, codes, time.astype(float), column)
        return Series(residual, tuple(labels), codes, time.astype(float), tuple(visits))
    time = _times(residual, column)
    _check_once(residual, labels, codes, time, column)
    order = np.lexsort((time, codes))
    gaps = np.diff(time[order])[np.diff(codes[order]) == 0]
    step = float(gaps.min())
    multiples = np.abs(gaps / step - np.round(gaps / step)) <= _WHOLE * np.maximum(1, gaps / step)
    is_discrete = bool(multiples.all())
    relative = gaps / step
    distinct = np.unique(np.round(relative, 0 if is_discrete else DIGITS))
    if len(distinct) > MOST_GAPS:
        raise DataError(
            "the times of ar have too many different distances",
            got=f"{len(distinct)} distances between successive rows, from {gaps.min():.4g} to {gaps.max():.4g}",
            allowed=f"up to {MOST_GAPS}",
            do=f"round {residual.order!r} to a coarser unit of time",
        )
    origin = float(time.min())
    return Series(
        residual, tuple(labels), codes, (time - origin) / step, step=step, origin=origin, is_discrete=is_discrete
    )


def _times(residual: Residual, column: pd.Series) -> np.ndarray:
    """Return times as numbers."""
    if not is_quantity(column):
        raise DataError(
            f"the times {residual.order!r} of ar must be numbers",
            got=f"{column.tolist()[0]!r}",
            allowed="numbers whose differences are distances in time",
            do="compute them as a column; for visits without distances use unstr(visit, gr=...)",
        )
    return column.to_numpy(float)


def _check_few(residual: Residual, visits: Sequence[Any]) -> None:
    """Refuse more visits than have a correlation for every pair in reasonable time."""
    if len(visits) > MOST_VISITS:
        pairs = len(visits) * (len(visits) - 1) // 2
        raise DataError(
            "unstr has a correlation for every pair of visits, and these are too many",
            got=f"{len(visits)} values of {residual.order!r}, {pairs} correlations",
            allowed=f"up to {MOST_VISITS} visits",
            do=f"number the visits of each {residual.gr}, or write ar(time, gr={residual.gr}) for times",
        )


def autoregressive(rho: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Return rho^gap; a negative rho needs whole gaps."""
    return np.where(rho < 0, (-1.0) ** np.round(gap), 1.0) * np.abs(rho) ** gap


def _check_once(residual: Residual, labels: Sequence[Any], codes: np.ndarray, time: np.ndarray, column: Any) -> None:
    """Refuse two rows of one series at one time."""
    order = np.lexsort((time, codes))
    same = np.flatnonzero((np.diff(codes[order]) == 0) & (np.diff(time[order]) == 0))
    if len(same):
        at = order[same[0]]
        raise DataError(
            f"two rows of one {residual.gr} have the same {residual.order}",
            got=f"{residual.order} {column.iloc[at]} twice for {residual.gr} {labels[codes[at]]}",
            allowed="each time once in a series",
            do="correct or average these rows, or name by gr= what distinguishes them",
        )
