"""Standard deviations and correlations of residuals, on draws: of the rows of a design, or of new ones.

Given all effects, residuals e of a series are normal with covariance R = D C D, D the standard deviations of the rows,
C their correlations (`design/residual_rows.py`). With P = C^-1 and standardised residuals s = e / D,

    s_i | all others ~ N(s_i - (P s)_i / P_ii, 1 / P_ii).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from partialpool.design.newdata import Rows
from partialpool.design.residual_rows import Series
from partialpool.names import RESIDUAL_CORRELATION, SIGMA

__all__ = ["Pattern", "correlated_noise", "given_the_others", "patterns", "residual_sds"]

Draws = Mapping[str, np.ndarray]


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
    starts = np.flatnonzero(np.concatenate([[True], np.diff(series.codes[order]) != 0]))
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
