"""Which level is the highest, in words: the probability beside what chance alone would give, and its sampling error."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from partialpool.explorer.certainty import Certainty
from partialpool.explorer.curves import PoolingCurves, Pull
from partialpool.explorer.studies import Study

__all__ = ["equal_records", "leaders", "percent_of", "ties", "verdict", "verdicts", "with_shared_ties"]

_SURE: Final = 0.95
_LIKELY: Final = 0.5
_HARDLY: Final = 0.05
_CLEARLY: Final = 2.0
"""Ratio of odds from which a probability is said to differ from chance."""
_ERRORS: Final = 2.0
"""Standard errors of a probability that are allowed for."""
_ALIKE: Final = 1e-6
"""Relative difference of two curves below which the records of the levels count as equal."""


def verdict(share: float, levels: int, draws: float) -> str:
    r"""Return what a probability of being the highest says; the same for all that are printed as the same per cent.

    Parameters
    ----------
    share
        The probability.
    levels
        Number of levels: by chance each is the highest with a probability of 1 / levels.
    draws
        Effective number of draws that the probability is a share of.

    Examples
    --------
    >>> verdict(0.55, 14, 4000), verdict(0.98, 14, 4000), verdict(0.01, 14, 4000)
    ('likely, but we cannot be sure', 'almost certain', 'hardly')
    >>> print(verdict(0.55, 2, 4000).replace("\N{NO-BREAK SPACE}", " "))
    not clearly different from chance (50 %)
    """
    share = round(100 * share) / 100
    error = _ERRORS * float(np.sqrt(max(share * (1 - share), 0.25 / max(draws, 1)) / max(draws, 1)))
    chance = 1 / levels
    if _odds(share - error) >= _CLEARLY * _odds(chance):
        if share >= _SURE:
            return "almost certain"
        if share >= _LIKELY:
            return "likely, but we cannot be sure"
        return f"more likely than by chance ({percent_of(chance)}), but we cannot be sure"
    if _odds(share + error) <= _odds(chance) / _CLEARLY:
        return "hardly" if share < _HARDLY else f"less likely than by chance ({percent_of(chance)})"
    return f"not clearly different from chance ({percent_of(chance)})"


def verdicts(found: Certainty, order: np.ndarray) -> list[str]:
    """Return the verdict of each of some levels."""
    return [verdict(float(found.highest[k]), len(found.highest), found.draws) for k in order]


def equal_records(curves: PoolingCurves) -> np.ndarray:
    """Return a number for each level that levels share whose estimates are equal at every sd, (levels,).

    Their rows tell the same, so that none of them can be ahead of another: with a single varying effect, and no other
    predictors, they have the same posterior. In other models each level has a number of its own.
    """
    if curves.pull is not Pull.WEIGHT or curves.given:
        return np.arange(len(curves.labels))
    keys = np.vstack([curves.values, curves.own_errors, curves.rows])
    size = np.nanmax(np.abs(np.where(np.isfinite(keys), keys, np.nan)), axis=1, keepdims=True, initial=1e-300)
    with np.errstate(invalid="ignore"):
        rounded = np.round(keys / (_ALIKE * size))
    found: dict[bytes, int] = {}
    rounded = np.where(np.isfinite(rounded), rounded + 0.0, np.inf)
    return np.array([found.setdefault(column.tobytes(), len(found)) for column in rounded.T.copy()])


def with_shared_ties(studies: Sequence[Study], records: np.ndarray) -> tuple[Study, ...]:
    """Give levels of equal records the mean of their probabilities, which differ only by sampling error."""
    counts = np.bincount(records)

    def shared(found: Certainty | None) -> Certainty | None:
        return found and replace(found, highest=(np.bincount(records, found.highest) / counts)[records])

    return tuple(replace(study, levels=shared(study.levels)) for study in studies)


def leaders(found: Certainty, records: np.ndarray) -> tuple[Sequence[int], Sequence[int]]:
    """Return the levels that share the record of the most probable one, and others that cannot be told from it."""
    first = int(np.argmax(found.highest))
    best = float(found.highest[first])
    same = np.flatnonzero(records == records[first])
    # Of two shares of the same draws: Var(p - q) = (p + q - (p - q)^2) / draws.
    gap = best - found.highest
    error = np.sqrt(np.maximum(best + found.highest - gap**2, 0) / max(found.draws, 1))
    near = np.flatnonzero((gap <= _ERRORS * error) & (records != records[first]) & (found.highest > 0))
    return same.tolist(), near.tolist()


def ties(labels: Sequence[str], records: np.ndarray, order: np.ndarray) -> list[list[str]]:
    """Return for each of some levels the other levels that have the same record."""
    of: dict[int, list[int]] = {}
    for at, record in enumerate(records.tolist()):
        of.setdefault(record, []).append(at)
    return [[labels[other] for other in of[int(records[k])] if other != k] for k in order]


def _odds(share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return float("inf") if share == 1 else share / (1 - share)


def percent_of(share: float) -> str:
    """Write a probability in per cent, a small one with two digits."""
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%" if share >= 0.01 else f"{100 * share:.2g}\N{NO-BREAK SPACE}%"
