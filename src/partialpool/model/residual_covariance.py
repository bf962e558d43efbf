"""Standard deviations and correlations of residuals, on draws: of the rows of a design, or of new ones.

Given all effects, residuals e of a series are normal with covariance R = D C D, D the standard deviations of the rows,
C their correlations (`design/residual_rows.py`). With P = C^-1 and standardised residuals s = e / D,

    s_i | all others ~ N(s_i - (P s)_i / P_ii, 1 / P_ii).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from partialpool.design.design import Design
from partialpool.design.newdata import Rows, own_rows
from partialpool.design.residual_rows import Series
from partialpool.model.predictor import Draws, linear_predictor
from partialpool.names import RESIDUAL_CORRELATION, SIGMA

__all__ = ["Pattern", "correlated_noise", "given_observed", "given_the_others", "patterns", "residual_sds"]


@dataclass(frozen=True, eq=False)
class Pattern:
    """Series whose rows have the same correlations.

    Attributes
    ----------
    series
        The series of all rows.
    rows
        Row numbers, (series, rows of each).
    """

    series: Series
    rows: np.ndarray

    def correlation(self, draws: Draws) -> np.ndarray:
        """Return C, (draws, rows, rows)."""
        return self.series.correlation(self.rows[0], self.rows[0], draws[RESIDUAL_CORRELATION])


def patterns(series: Series) -> Iterator[Pattern]:
    """Yield the series in groups of equal correlations."""
    order = series.order
    starts = np.flatnonzero(np.concatenate([[True], np.diff(series.of_row[order]) != 0]))
    groups: dict[bytes, list[np.ndarray]] = {}
    for members in np.split(order, starts[1:]):
        key = series.relative_time(members).tobytes() + bytes([len(members) % 251])
        groups.setdefault(key, []).append(members)
    yield from (Pattern(series, np.array(members)) for members in groups.values())


def residual_sds(rows: Rows, draws: Draws) -> np.ndarray:
    """Return the residual sd of each row, (draws, rows), or (draws, 1) or (1, rows) where it does not differ."""
    if rows.se is not None:
        return rows.se[None]
    sigma = draws[SIGMA].reshape(len(draws[SIGMA]), -1)
    if rows.residual is not None and rows.residual.is_stratified:
        sigma = sigma[:, rows.residual.stratum]
    return sigma if rows.precision is None else sigma / np.sqrt(rows.precision)


def correlated_noise(series: Series, draws: Draws, noise: np.ndarray) -> np.ndarray:
    """Turn independent standard normal noise (draws, rows) into noise with the correlations of the series."""
    out = np.empty_like(noise)
    for pattern in patterns(series):
        half = np.linalg.cholesky(pattern.correlation(draws))
        out[:, pattern.rows] = np.einsum("dij,dsj->dsi", half, noise[:, pattern.rows])
    return out


def given_the_others(series: Series, draws: Draws, standardised: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and sd of each standardised residual given the others of its series, (draws, rows) each."""
    mean, sd = np.empty_like(standardised), np.empty_like(standardised)
    for pattern in patterns(series):
        precision = np.linalg.inv(pattern.correlation(draws))
        own = np.diagonal(precision, axis1=1, axis2=2)[:, None]
        s = standardised[:, pattern.rows]
        mean[:, pattern.rows] = s - np.einsum("dij,dsj->dsi", precision, s) / own
        sd[:, pattern.rows] = 1 / np.sqrt(own)
    return mean, sd


def given_observed(design: Design, rows: Rows, draws: Draws) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and sd of each new row's standardised residual given the observed rows of its series.

    Rows of series that were not observed, and rows at a time that was observed (replicates of that row), have mean 0
    and sd 1. Each row is by itself: the residuals of two new rows are not jointly drawn from these.

    Returns
    -------
    tuple of numpy.ndarray
        (draws, rows) each.
    """
    shape = (len(draws[RESIDUAL_CORRELATION]), len(rows.index))
    mean, sd = np.zeros(shape), np.ones(shape)
    if design.residual is None or design.residual.series is None or rows.residual is None:
        return mean, sd
    old, new = design.residual.series, rows.residual.series
    if new is None:
        return mean, sd
    places = {label: k for k, label in enumerate(old.labels)}
    known = np.array([places.get(label, -1) for label in new.labels])[new.of_row]
    for code in np.unique(known[known >= 0]):
        seen, wanted = np.flatnonzero(old.of_row == code), np.flatnonzero(known == code)
        times = old.relative_time(seen), _times(old, new, wanted, seen)
        wanted = wanted[~np.isin(times[1], times[0])] if old.kind != "cosy" else wanted
        if not len(wanted):
            continue
        some = own_rows(design).take(seen)
        residuals = (design.response.values[seen] - linear_predictor(design, some, draws)) / residual_sds(some, draws)
        both = _joined(old, new, seen, wanted)
        first, later = np.arange(len(seen)), len(seen) + np.arange(len(wanted))
        parameter = draws[RESIDUAL_CORRELATION]
        cross = both.correlation(later, first, parameter)
        weights = np.linalg.solve(both.correlation(first, first, parameter), cross.transpose(0, 2, 1))
        mean[:, wanted] = np.einsum("dmk,dm->dk", weights, residuals)
        sd[:, wanted] = np.sqrt(np.maximum(1 - np.einsum("dmk,dkm->dk", weights, cross), 0.0))
    return mean, sd


def _times(old: Series, new: Series, wanted: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the times of new rows as `relative_time` gives those of the observed rows."""
    return _joined(old, new, seen, wanted).relative_time(np.arange(len(seen) + len(wanted)))[len(seen) :]


def _joined(old: Series, new: Series, seen: np.ndarray, wanted: np.ndarray) -> Series:
    """Return observed and new rows of one series as one."""
    time = np.concatenate([old.time[seen], new.time[wanted]])
    return replace(old, of_row=np.zeros(len(time), np.int64), time=time)
