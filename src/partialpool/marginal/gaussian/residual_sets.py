"""Moments of rows whose residuals have several standard deviations or are correlated.

With residual covariance R, data enter through W'R^-1 W, W = [Z X y]. R^-1 is a sum of fixed matrices whose coefficients
depend on the residuals' parameters phi alone:

    W'R^-1 W = sum_k C_k(phi) M_k,     M_k = sum of v v' over "virtual rows" v,

where a virtual row is a row of W, the difference of two rows, or the sum of a series' rows. So the cost of an
evaluation depends on the number of sets k, and not on the number of rows. With sigma_i the sd of row i and P the
inverse of the correlations:

- off the diagonal, w_i w_j' + w_j w_i' = w_i w_i' + w_j w_j' - (w_i - w_j)(w_i - w_j)';
- `ar`: P is tridiagonal, since the series is a Markov chain: with gaps g before and h after row i,
  P_ii = 1 / (1 - rho^2g) + rho^2h / (1 - rho^2h), P_ij = -rho^g / (1 - rho^2g) for successive rows;
- `cosy`: P = [I - rho / (1 + (m - 1) rho) J] / (1 - rho) for a series of m rows;
- `unstr`: P is the inverse of the visits' correlations, for each set of visits that occurs ("pattern").
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy import sparse

from partialpool.design.design import Design
from partialpool.design.residual_rows import DIGITS, ResidualRows, Series, autoregressive
from partialpool.errors import EngineError
from partialpool.marginal.gaussian.crossproducts import Coupling, Moments, moments_of, weighted_columns
from partialpool.marginal.gaussian.standardise import Units

__all__ = ["Parameters", "ResidualSets", "collect_sets", "find_sets"]

MOST_SETS: Final = 3000
"""Most sets of moments: beyond, an evaluation would cost more than a pass over the rows."""


@dataclass(frozen=True, eq=False)
class Parameters:
    """Parameters of the residuals under some draws.

    Attributes
    ----------
    sigma
        Standard deviation of each stratum, (draws, strata).
    rho
        Correlation of `ar` or `cosy`, (draws,); 0 without.
    correlation
        Correlations of the visits, (draws, visits, visits); no visits without.
    """

    sigma: np.ndarray
    rho: np.ndarray
    correlation: np.ndarray


Coefficients = Callable[[Parameters], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class ResidualSets:
    """Virtual rows by set, and the coefficients of the sets.

    Attributes
    ----------
    rows
        One matrix per set, (virtual rows, rows), sparse.
    coefficients
        From parameters to C (draws, sets) and log |R| (draws,).
    """

    rows: tuple[sparse.csr_array, ...]
    coefficients: Coefficients

    def __len__(self) -> int:
        return len(self.rows)


def find_sets(residual: ResidualRows) -> ResidualSets:
    """Find the virtual rows of each set, and how the coefficients follow from the parameters."""
    series = residual.series
    if series is None:
        found = _independent(residual)
    elif series.stated.correlation == "ar":
        found = _autoregressive(residual, series)
    elif series.stated.correlation == "cosy":
        found = _symmetric(residual, series)
    else:
        found = _unstructured(residual, series)
    if len(found) > MOST_SETS:
        raise EngineError(
            "the residuals have too many different patterns to be integrated by moments",
            got=f"{len(found)} sets of moments",
            allowed=f"up to {MOST_SETS}",
            do="use engine='pymc', or round times so that fewer distances or patterns of visits occur",
        )
    return found


def collect_sets(design: Design, units: Units, sets: ResidualSets) -> tuple[Moments, ...]:
    """Collect the moments of every set, with the couplings of all sets filled up to the same pairs of levels.

    Raises
    ------
    EngineError
        A series has rows of several levels of a grouping factor.
    """
    z, xy = weighted_columns(design, units)
    codes, sizes = [f.of_rows(np.arange(f.n_levels)) for f in design.factors], [f.n_levels for f in design.factors]
    _check_nested(design)
    found = []
    for rows in sets.rows:
        first = rows.indices[rows.indptr[:-1]]
        virtual = [np.ascontiguousarray(rows @ one) for one in z]
        found.append(moments_of([c[first] for c in codes], virtual, rows @ xy, sizes))
    return _filled(found, design.n_rows)


def _check_nested(design: Design) -> None:
    crossed = design.crossing_factor
    if crossed:
        of = "series" if design.spec.residual is None else design.spec.residual.gr
        raise EngineError(
            f"the series of {of} cross the levels of {crossed}",
            got=f"a {of} with rows of several levels of {crossed}",
            allowed=f"each {of} within one level of every grouping factor",
            do="use engine='pymc', or leave one of the two out",
        )


def _filled(found: Sequence[Moments], rows: int) -> tuple[Moments, ...]:
    """Give every set the couplings of all, with 0 where it has none."""
    total = found[0]
    for one in found[1:]:
        total = total + one
    none = replace(
        total,
        own=tuple(0 * a for a in total.own),
        dense=tuple(0 * a for a in total.dense),
        couplings=tuple(tuple(Coupling(c.first, c.second, 0 * c.values) for c in line) for line in total.couplings),
        common=0 * total.common,
    )
    return tuple(replace(none + one, rows=rows) for one in found)


def _independent(residual: ResidualRows) -> ResidualSets:
    n, strata = len(residual.stratum), len(residual.strata)
    rows = [_single(np.flatnonzero(residual.stratum == k), n) for k in range(strata)]
    counts = np.bincount(residual.stratum, minlength=strata)

    def coefficients(given: Parameters) -> tuple[np.ndarray, np.ndarray]:
        return 1 / given.sigma**2, 2 * np.log(given.sigma) @ counts

    return ResidualSets(tuple(rows), coefficients)


def _autoregressive(residual: ResidualRows, series: Series) -> ResidualSets:
    order = series.order
    n, stratum = len(order), residual.stratum[order]
    inside = np.diff(series.of_row[order]) == 0
    gaps = np.where(inside, np.diff(series.time[order]), 0.0)
    gaps = np.round(gaps, 0 if series.is_discrete else DIGITS)
    before, after = np.concatenate([[0.0], gaps]), np.concatenate([gaps, [0.0]])
    previous = np.where(before > 0, np.concatenate([[0], stratum[:-1]]), -1)
    following = np.where(after > 0, np.concatenate([stratum[1:], [0]]), -1)
    keys = np.stack([before, after, stratum, previous, following], axis=1)
    singles, single_of = np.unique(keys, axis=0, return_inverse=True)
    at = np.flatnonzero(gaps > 0)
    pairs, pair_of = np.unique(np.stack([gaps[at], stratum[at], stratum[at + 1]], axis=1), axis=0, return_inverse=True)
    rows = [_single(order[single_of.reshape(-1) == k], n) for k in range(len(singles))]
    rows += [
        _combined([order[at[pair_of.reshape(-1) == k]], order[at[pair_of.reshape(-1) == k] + 1]], (1.0, -1.0), n)
        for k in range(len(pairs))
    ]
    counts, strata = np.bincount(pair_of.reshape(-1), minlength=len(pairs)), residual.strata
    of_stratum = np.bincount(stratum, minlength=len(strata))

    def coefficients(given: Parameters) -> tuple[np.ndarray, np.ndarray]:
        sigma, rho = given.sigma, given.rho[:, None]

        def off(gap: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
            """P_ij / (sigma_i sigma_j) of successive rows; 0 where there is none."""
            r = autoregressive(rho, np.where(gap > 0, gap, 1.0))
            whole = -r / (1 - r**2) / (sigma[:, one.astype(int)] * sigma[:, other.astype(int)])
            return np.where(gap > 0, whole, 0.0)

        gb, ga, own, prev, foll = singles.T
        rb, ra = (autoregressive(rho, np.where(gap > 0, gap, 1.0)) for gap in (gb, ga))
        diagonal = np.where(gb > 0, 1 / (1 - rb**2), 1.0) + np.where(ga > 0, ra**2 / (1 - ra**2), 0.0)
        c_single = diagonal / sigma[:, own.astype(int)] ** 2 + off(gb, prev, own) + off(ga, own, foll)
        c_pair = -off(*pairs.T)
        log_det = 2 * np.log(sigma) @ of_stratum + np.log1p(-(autoregressive(rho, pairs[:, 0]) ** 2)) @ counts
        return np.concatenate([c_single, c_pair], axis=1), log_det

    return ResidualSets(tuple(rows), coefficients)


def _symmetric(residual: ResidualRows, series: Series) -> ResidualSets:
    n, strata = len(residual.stratum), len(residual.strata)
    sizes, size_of = np.unique(series.sizes[series.sizes > 0], return_inverse=True)
    size_of_series = np.full(len(series.labels), -1)
    size_of_series[series.sizes > 0] = size_of
    size_of_row = size_of_series[series.of_row]
    rows = [_single(np.flatnonzero(residual.stratum == k), n) for k in range(strata)]
    pairs = [(k, m) for k in range(strata) for m in range(k)]
    for s in range(len(sizes)):
        sums = []
        chosen = np.flatnonzero(size_of_row == s)
        names, place = np.unique(series.of_row[chosen], return_inverse=True)
        for k in range(strata):
            inside = residual.stratum[chosen] == k
            entries = (np.ones(inside.sum()), (place.reshape(-1)[inside], chosen[inside]))
            sums.append(sparse.csr_array(entries, shape=(len(names), n)))
        rows += [_without_empty(one) for one in sums]
        rows += [_without_empty(sparse.csr_array(sums[k] - sums[m])) for k, m in pairs]
    counts = np.bincount(residual.stratum, minlength=strata)
    series_of_size = np.bincount(size_of, minlength=len(sizes))

    def coefficients(given: Parameters) -> tuple[np.ndarray, np.ndarray]:
        inverse, rho = 1 / given.sigma, given.rho[:, None]
        found = [inverse**2 / (1 - rho)]
        log_det = 2 * np.log(given.sigma) @ counts
        for m, count in zip(sizes, series_of_size, strict=True):
            shared = rho / ((1 - rho) * (1 + (m - 1) * rho))
            found.append(-shared * inverse * inverse.sum(axis=1, keepdims=True))
            found += [shared * (inverse[:, k] * inverse[:, other])[:, None] for k, other in pairs]
            log_det = log_det + count * ((m - 1) * np.log1p(-given.rho) + np.log1p((m - 1) * given.rho))
        return np.concatenate(found, axis=1), log_det

    return ResidualSets(tuple(rows), coefficients)


def _unstructured(residual: ResidualRows, series: Series) -> ResidualSets:
    n = len(residual.stratum)
    patterns = list(_by_stratum(residual, series))
    rows = []
    for _, _, members in patterns:
        m = members.shape[1]
        rows += [_single(members[:, a], n) for a in range(m)]
        rows += [_combined([members[:, a], members[:, b]], (1.0, -1.0), n) for a in range(m) for b in range(a)]

    def coefficients(given: Parameters) -> tuple[np.ndarray, np.ndarray]:
        found, log_det = [], np.zeros(len(given.sigma))
        for visits, stratum, members in patterns:
            sd = given.sigma[:, stratum]
            cov = given.correlation[:, visits[:, None], visits] * (sd[:, :, None] * sd[:, None, :])
            inverse = np.linalg.inv(cov)
            found.append(inverse.sum(axis=2))
            below = np.tril_indices(len(visits), -1)
            found.append(-inverse[:, below[0], below[1]])
            log_det = log_det + len(members) * np.linalg.slogdet(cov)[1]
        return np.concatenate(found, axis=1), log_det

    return ResidualSets(tuple(rows), coefficients)


def _by_stratum(residual: ResidualRows, series: Series) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield visits and strata (m,) of series that are alike in both, and their rows (series, m)."""
    for rows in series.patterns:
        strata, group = np.unique(residual.stratum[rows], axis=0, return_inverse=True)
        for k, stratum in enumerate(strata):
            yield series.time[rows[0]].astype(np.int64), stratum, rows[group.reshape(-1) == k]


def _single(places: np.ndarray, n: int) -> sparse.csr_array:
    return _combined([places], (1.0,), n)


def _combined(places: Sequence[np.ndarray], signs: Sequence[float], n: int) -> sparse.csr_array:
    """Return virtual rows that are sums of some rows, with signs."""
    count = len(places[0])
    lines = np.tile(np.arange(count), len(places))
    values = np.repeat(np.array(signs), count)
    return sparse.csr_array((values, (lines, np.concatenate(places))), shape=(count, n))


def _without_empty(rows: sparse.csr_array) -> sparse.csr_array:
    rows = sparse.csr_array(rows)
    return sparse.csr_array(rows[np.flatnonzero(np.diff(rows.indptr) > 0)])
