"""Standard deviations and correlations of residuals, on draws: of the rows of a design, or of new ones.

Given all effects, residuals e of a series are normal with covariance R = D C D, D the standard deviations of the rows,
C their correlations (`design/residual_rows.py`). With P = C^-1 and standardised residuals s = e / D,

    s_i | all others ~ N(s_i - (P s)_i / P_ii, 1 / P_ii).
"""

from dataclasses import replace

import numpy as np

from partialpool.design.columns import label_text
from partialpool.design.design import Design
from partialpool.design.newdata import Rows, own_rows
from partialpool.design.residual_rows import Series
from partialpool.model.predictor import Draws, linear_predictor
from partialpool.names import RESIDUAL_CORRELATION, SIGMA

__all__ = ["correlated_noise", "fitted_series", "given_observed", "given_the_others", "residual_sds"]


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
    for rows in series.patterns:
        half = np.linalg.cholesky(series.correlation(rows[0], rows[0], draws[RESIDUAL_CORRELATION]))
        out[:, rows] = np.einsum("dij,dsj->dsi", half, noise[:, rows])
    return out


def given_the_others(series: Series, draws: Draws, standardised: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and sd of each standardised residual given the others of its series, (draws, rows) each."""
    mean, sd = np.empty_like(standardised), np.empty_like(standardised)
    for rows in series.patterns:
        precision = np.linalg.inv(series.correlation(rows[0], rows[0], draws[RESIDUAL_CORRELATION]))
        own = np.diagonal(precision, axis1=1, axis2=2)[:, None]
        s = standardised[:, rows]
        mean[:, rows] = s - np.einsum("dij,dsj->dsi", precision, s) / own
        sd[:, rows] = 1 / np.sqrt(own)
    return mean, sd


def fitted_series(fitted: Series, new: Series) -> np.ndarray:
    """Return the fitted series of each new row, by the text of its label, (rows,); -1 for a new one."""
    places = {label_text(label): k for k, label in enumerate(fitted.labels)}
    return np.array([places.get(label_text(label), -1) for label in new.labels], np.int64)[new.of_row]


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
    known = fitted_series(old, new)
    first_times = np.full(len(old.labels), np.inf)
    np.minimum.at(first_times, old.of_row, old.time)
    old.check_steps(new.time[known >= 0], first_times[known[known >= 0]])
    observed, parameter = own_rows(design), draws[RESIDUAL_CORRELATION]
    for code in np.unique(known[known >= 0]):
        seen, wanted = np.flatnonzero(old.of_row == code), np.flatnonzero(known == code)
        time = np.concatenate([old.time[seen], new.time[wanted]])
        both = replace(old, of_row=np.zeros(len(time), np.int64), time=time)
        first, later = np.arange(len(seen)), len(seen) + np.arange(len(wanted))
        if old.kind != "cosy":
            at = both.relative_time(np.arange(len(time)))
            later = later[~np.isin(at[later], at[first])]
        if not len(later):
            continue
        some = observed.take(seen)
        residuals = (design.response.values[seen] - linear_predictor(design, some, draws)) / residual_sds(some, draws)
        cross = both.correlation(later, first, parameter)
        weights = np.linalg.solve(both.correlation(first, first, parameter), cross.transpose(0, 2, 1))
        there = wanted[later - len(seen)]
        mean[:, there] = np.einsum("dmk,dm->dk", weights, residuals)
        sd[:, there] = np.sqrt(np.maximum(1 - np.einsum("dmk,dkm->dk", weights, cross), 0.0))
    return mean, sd
