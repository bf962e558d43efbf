"""R-hat and effective sample sizes of many quantities at once, as ArviZ computes them one by one.

Rank-normalised split R-hat, bulk and tail ESS of Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021, Bayesian
Analysis 16:667), with Geyer's initial monotone sequence. A model with thousands of group effects has thousands of these
to check whenever it is printed; one by one they take milliseconds each. The tests hold every number to ArviZ.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from scipy import fft
from scipy.special import ndtri

from partialpool.workers import map_pieces

__all__ = ["Mixing", "bulk_ess", "mcse_mean", "mean_ess", "mixing", "rhat", "rhats"]

_TAILS: Final = (0.05, 0.95)
_OFFSET: Final = 3 / 8
"""Of ranks, after Blom (1958)."""
_CONSTANT: Final = 1e-15
"""Range below which draws do not vary."""
_FEWEST_DRAWS: Final = 4
_AT_ONCE: Final = 32
"""Quantities of a piece of work: their arrays stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Mixing:
    """How well the chains of each quantity have mixed, (quantities,) each; NaN where that is not known.

    Attributes
    ----------
    rhat
        Rank-normalised split R-hat; NaN for one chain.
    bulk_ess, tail_ess
        Effective sample sizes of the bulk, and at the 5 % and 95 % quantiles, the smaller.
    """

    rhat: np.ndarray
    bulk_ess: np.ndarray
    tail_ess: np.ndarray


def mixing(columns: Sequence[np.ndarray], *, tables: int = 1, workers: int = 1) -> Mixing:
    """Compute the diagnostics of each column, (chains, draws); NaN for fewer than four draws or values not finite.

    Parameters
    ----------
    columns
        Draws of each quantity.
    tables
        Number of completed tables, whose chains follow one another, as many of each. Their posteriors differ, so that
        R-hat is the largest within a table, and the ESS the sum over tables.
    workers
        Number of threads.
    """
    if tables > 1:
        within = [mixing(_of_table(columns, k, tables), workers=workers) for k in range(tables)]
        return Mixing(
            np.max([one.rhat for one in within], axis=0),
            np.sum([one.bulk_ess for one in within], axis=0),
            np.sum([one.tail_ess for one in within], axis=0),
        )
    return Mixing(*_of_pieces(_mixing, 3, columns, workers))


def rhats(columns: Sequence[np.ndarray], *, tables: int = 1) -> np.ndarray:
    """Return the R-hat of each column as `mixing` does, without the ESS, which takes most of its time."""
    each = [_of_pieces(_rhats, 1, _of_table(columns, k, tables), 1)[0] for k in range(tables)]
    return np.asarray(np.max(each, axis=0))


def _of_table(columns: Sequence[np.ndarray], number: int, tables: int) -> list[np.ndarray]:
    """Return the draws of one table of several, by its number from 0, of each column."""
    return [column[number * len(column) // tables : (number + 1) * len(column) // tables] for column in columns]


def _of_pieces(
    of: Callable[[np.ndarray], np.ndarray], rows: int, columns: Sequence[np.ndarray], workers: int
) -> np.ndarray:
    """Compute some rows of numbers of each column, (rows, columns)."""
    found = np.full((rows, len(columns)), np.nan)
    pieces = [slice(at, at + _AT_ONCE) for at in range(0, len(columns), _AT_ONCE)]

    def work(piece: slice) -> None:
        found[:, piece] = of(np.stack([np.asarray(column, dtype=float) for column in columns[piece]]))

    map_pieces(work, pieces, workers)
    return found


def bulk_ess(draws: np.ndarray) -> float:
    """Bulk effective sample size of draws of shape (chains, draws)."""
    return float(mixing([draws]).bulk_ess[0])


def rhat(draws: np.ndarray) -> float:
    """Rank-normalised split R-hat; NaN for one chain."""
    return float(rhats([draws])[0])


def mcse_mean(draws: np.ndarray, *, tables: int = 1) -> float:
    """Monte Carlo standard error of the mean of draws of shape (chains, draws), of several tables as for `mixing`."""
    if tables > 1:
        each = [mcse_mean(*_of_table([draws], k, tables)) for k in range(tables)]
        return float(np.linalg.norm(each) / tables)
    return float(np.std(draws, ddof=1) / np.sqrt(mean_ess(draws)))


def mean_ess(draws: np.ndarray) -> float:
    """Effective sample size for the mean of draws of shape (chains, draws); NaN as for `mixing`."""
    x = np.asarray(draws, dtype=float)
    if x.shape[1] < _FEWEST_DRAWS or not np.isfinite(x).all():
        return float("nan")
    with np.errstate(all="ignore"):
        return float(_ess(_split(x[None]))[0])


def _mixing(x: np.ndarray) -> np.ndarray:
    """Compute R-hat, bulk and tail ESS of x (quantities, chains, draws); (3, quantities)."""
    if x.shape[2] < _FEWEST_DRAWS:
        return np.full((3, len(x)), np.nan)
    x, spoiled = _without_spoiled(x)
    with np.errstate(all="ignore"):
        halves = _split(x)
        scores = _normal_scores(halves)
        low, high = np.quantile(x, _TAILS, axis=(1, 2))[..., None, None]
        tails = [_ess(_split((x <= end).astype(float))) for end in (low, high)]
        found = np.stack([_agreement(halves, scores), _ess(scores), np.minimum(*tails)])
    found[:, spoiled] = np.nan
    return found


def _rhats(x: np.ndarray) -> np.ndarray:
    """Compute R-hat of x (quantities, chains, draws); (1, quantities)."""
    if x.shape[2] < _FEWEST_DRAWS:
        return np.full((1, len(x)), np.nan)
    x, spoiled = _without_spoiled(x)
    with np.errstate(all="ignore"):
        halves = _split(x)
        found = _agreement(halves, _normal_scores(halves))
    return np.where(spoiled, np.nan, found)[None]


def _without_spoiled(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Replace quantities that are not finite everywhere, and say which they are, (quantities,)."""
    spoiled = ~np.isfinite(x).all(axis=(1, 2))
    return np.where(spoiled[:, None, None], 0.0, x), spoiled


def _agreement(halves: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return R-hat of the halves of chains, given their normal scores too; NaN for one chain."""
    if halves.shape[1] <= 2:
        return np.full(len(halves), np.nan)
    folded = np.abs(halves - np.median(halves, axis=(1, 2), keepdims=True))
    bulk, spread = _split_rhat(scores), _split_rhat(_normal_scores(folded))
    return np.where(spread > bulk, spread, bulk)


def _split(x: np.ndarray) -> np.ndarray:
    """Halve every chain, (quantities, 2 chains, draws / 2); of an odd number of draws the middle one is left out."""
    half = x.shape[2] // 2
    return np.concatenate([x[:, :, :half], x[:, :, -half:]], axis=1)


@lru_cache(maxsize=8)
def _scores_of_ranks(size: int) -> np.ndarray:
    """Return the normal scores of ranks 1, 1.5, 2, ..., size."""
    ranks = 1 + 0.5 * np.arange(2 * size - 1)
    return np.asarray(ndtri((ranks - _OFFSET) / (size - 2 * _OFFSET + 1)))


def _normal_scores(x: np.ndarray) -> np.ndarray:
    """Replace every value by the normal score of its rank among all chains; ties share their average rank."""
    flat = x.reshape(len(x), -1)
    order = flat.argsort(axis=1)
    ordered = np.take_along_axis(flat, order, axis=1)
    differs = ordered[:, 1:] != ordered[:, :-1]
    edge = np.ones((len(flat), 1), dtype=bool)
    places = np.arange(flat.shape[1], dtype=np.int32)
    # Equal values have the places first, ..., last: twice their average rank is first + last + 2.
    first = np.maximum.accumulate(np.where(np.hstack([edge, differs]), places, 0), axis=1)
    last = np.where(np.hstack([differs, edge]), places, np.int32(flat.shape[1]))
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    scores = np.empty(flat.shape)
    np.put_along_axis(scores, order, _scores_of_ranks(flat.shape[1])[first + last], axis=1)
    return scores.reshape(x.shape)


def _split_rhat(x: np.ndarray) -> np.ndarray:
    draws = x.shape[2]
    between = draws * x.mean(axis=2).var(axis=1, ddof=1)
    within = x.var(axis=2, ddof=1).mean(axis=1)
    return np.asarray(np.sqrt((between / within + draws - 1) / draws))


def _ess(x: np.ndarray) -> np.ndarray:
    """Compute the effective number of draws for the mean of x (quantities, chains, draws)."""
    _, chains, draws = x.shape
    total = chains * draws
    covariance = _mean_autocovariance(x)
    within = covariance[:, 0] * draws / (draws - 1.0)
    overall = covariance[:, 0] + (x.mean(axis=2).var(axis=1, ddof=1) if chains > 1 else 0.0)
    rho = 1.0 - (within[:, None] - covariance) / overall[:, None]
    rho[:, 0] = 1.0
    # Sums of neighbours (0, 1), (2, 3), ..., the last of which is looked at but not counted.
    pairs = max(0, -(-(draws - 2) // 2) - 1) + 1
    sums = rho[:, 0 : 2 * pairs : 2] + rho[:, 1 : 2 * pairs : 2]
    is_last = sums <= 0
    is_last[:, -1] = True
    last = is_last.argmax(axis=1)
    counted = np.where(np.arange(pairs) < last[:, None], np.minimum.accumulate(sums, axis=1), 0.0)
    at = np.arange(len(rho)), 2 * last
    even = np.where(sums[at[0], last] >= 0, rho[at], np.maximum(rho[at], 0.0))
    tau = np.maximum(-1.0 + 2.0 * counted.sum(axis=1) + even, 1 / np.log10(total))
    constant = np.ptp(x.reshape(len(x), -1), axis=1) < _CONSTANT
    return np.where(constant, float(total), total / tau)


def _mean_autocovariance(x: np.ndarray) -> np.ndarray:
    """Compute the autocovariance at every lag, averaged over chains, (quantities, draws), by Fourier transform.

    The inverse transform is linear, so that one of the mean power serves all chains.
    """
    draws = x.shape[2]
    size = fft.next_fast_len(2 * draws, real=True)
    spectrum = fft.rfft(x - x.mean(axis=2, keepdims=True), n=size, axis=2)
    power = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)
    return np.asarray(fft.irfft(power, n=size, axis=1)[:, :draws] / draws)
