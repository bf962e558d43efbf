"""Responses outside bounds that are not in the table: the density, tails and draws of a response given its bounds.

The density is p(y) / P(low < new <= high). For counts `low` is the largest integer below the lower bound, so that both
bounds are possible responses, as in brms.
"""

from typing import Final

import numpy as np

from partialpool.families.censored import known_ends, log_density_of_censored
from partialpool.families.family import Family
from partialpool.families.given import Given
from partialpool.families.within import finite_ends, log_within

__all__ = ["clipped", "draw_within", "log_density_of_truncated", "tails_of_truncated"]

_ROUNDS: Final = 12
"""Rounds of draws without bounds, of which those within them are kept; the rest are drawn by inversion."""
_HALVINGS: Final = 200
_Bounds = tuple[np.ndarray, np.ndarray]
"""Low and high, (rows,) each."""


def clipped(y: np.ndarray, other_end: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return responses and their other ends as far as they are within the bounds, (rows,).

    A response above 3 that is 5 or below is in (3, 5]; one that was seen stays as it is.

    Examples
    --------
    >>> y, ends = clipped(np.full(3, 3.0), np.array([3.0, np.inf, -np.inf]), np.full(3, 1.0), np.full(3, 5.0))
    >>> y.tolist(), ends.tolist()
    ([3.0, 3.0, 1.0], [3.0, 5.0, 3.0])
    """
    least, most = known_ends(y, other_end)
    least, most = np.maximum(least, low), np.minimum(most, high)
    is_left = least == -np.inf
    censored = np.where(is_left, most, least), np.where(is_left, -np.inf, most)
    seen = other_end == y
    return np.where(seen, y, censored[0]), np.where(seen, y, censored[1])


def log_density_of_truncated(
    family: Family, given: Given, y: np.ndarray, other_end: np.ndarray, bounds: _Bounds
) -> np.ndarray:
    """Evaluate log p(y | low < y <= high), and of censored rows the log probability of what is known of them.

    Parameters
    ----------
    family, given
        The distribution of each row.
    y, other_end, bounds
        Responses, their other ends (`families/censored.py`), and (low, high), each (rows,).

    Returns
    -------
    numpy.ndarray
        (draws, rows).

    Examples
    --------
    >>> from partialpool.families.links import LINKS
    >>> from partialpool.families.registry import FAMILIES
    >>> given = Given(LINKS["log"], np.zeros((1, 1)), {})  # mean 1
    >>> one = np.array([1.0])  # of counts above 0 of mean 1, 58% are 1
    >>> log_density_of_truncated(FAMILIES["poisson"], given, one, one, (one * 0, one * np.inf)).round(4).tolist()
    [[-0.5413]]
    """
    y, other_end = clipped(y, other_end, *bounds)
    return log_density_of_censored(family, given, y, other_end) - log_within(family, given, *bounds)


def tails_of_truncated(
    family: Family, given: Given, y: np.ndarray, other_end: np.ndarray, bounds: _Bounds
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Evaluate the probabilities below what is known of each row, of that itself, and above it, given the bounds.

    Of rows that were seen the middle one is P(new = y), 0 on a continuous scale; all are (draws, rows).
    """
    low, high = bounds
    y, other_end = clipped(y, other_end, low, high)
    seen, least_most = other_end == y, known_ends(y, other_end)
    before = np.where(seen & (not family.is_continuous), y - 1, least_most[0])
    whole = log_within(family, given, low, high)

    def share(start: np.ndarray, end: np.ndarray) -> np.ndarray:
        there = end > start
        inside = log_within(family, given, np.where(there, start, low), np.where(there, end, high))
        return np.where(there, np.exp(inside - whole), 0.0)

    known = np.exp(log_density_of_censored(family, given, y, other_end) - whole)
    at = np.where(seen & family.is_continuous, 0.0, known)
    return share(low, np.maximum(before, low)), at, share(np.minimum(least_most[1], high), high)


def draw_within(
    family: Family, given: Given, low: np.ndarray, high: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw new responses within bounds, (draws, rows), as floats.

    Draws without bounds are repeated where they are outside; after some rounds, the few that are left are found by
    inversion of the distribution function. NaN where a response has no distribution.

    Parameters
    ----------
    family, given
        The distribution of each row.
    low, high
        Bounds, (rows,).
    """
    y = family.draw(given, rng)
    low, high = (np.broadcast_to(end, y.shape).ravel() for end in (low, high))
    out = np.array(y, float).ravel()
    outside = np.flatnonzero(~((out > low) & (out <= high)) & ~np.isnan(out))
    for _ in range(_ROUNDS):
        if not len(outside):
            break
        again = family.draw(_some(given, outside), rng)[0]
        kept = (again > low[outside]) & (again <= high[outside])
        out[outside[kept]] = again[kept]
        outside = outside[~kept]
    if len(outside):
        share = rng.random(len(outside))
        out[outside] = _inverted(family, _some(given, outside), low[outside], high[outside], np.log(share))
    return out.reshape(y.shape)


def _some(given: Given, places: np.ndarray) -> Given:
    """Return what some responses are conditional on, as one draw of so many rows."""
    shape = given.eta.shape
    own = {name: np.broadcast_to(values, shape).ravel()[places][None] for name, values in given.parameters.items()}
    return Given(given.link, given.eta.ravel()[places][None], own)


def _inverted(family: Family, given: Given, low: np.ndarray, high: np.ndarray, log_share: np.ndarray) -> np.ndarray:
    """Return the least y with log P(low < new <= y) - log P(low < new <= high) of `log_share` or more, by bisection."""
    whole = log_within(family, given, low, high)[0]
    usable = np.isfinite(whole)

    valid = finite_ends(low, high)[1]

    def reached(y: np.ndarray, where: np.ndarray) -> np.ndarray:
        return where & (log_within(family, given, low, np.where(where, y, valid))[0] - whole >= log_share)

    # Brackets: steps that double lead away from an end that is finite to the end that is not.
    has_low, has_high = low > -np.inf, high < np.inf
    positive = family.support.name in ("positive", "count")
    start = np.where(has_low, low, -1.0 if family.support.is_whole else 0.0 if positive else high)
    end = np.where(has_high, high, start)
    step = np.where(has_low | has_high, 1e-3 * np.abs(start) + 1e-3, 1.0)
    step = np.ceil(step) if family.support.is_whole else step
    for _ in range(_HALVINGS):
        up = usable & ~has_high & ~reached(end, has_low)
        down = usable & reached(start, ~has_low & (not positive))
        if not (up | down).any():
            break
        end, start, step = np.where(up, start + step, end), np.where(down, high - step, start), 2 * step
    for _ in range(_HALVINGS):
        middle = 0.5 * (start + end)
        middle = np.floor(middle) if family.support.is_whole else middle
        inside = usable & (middle > start) & (middle < end)
        if not inside.any():
            break
        above = reached(middle, inside)
        end, start = np.where(inside & above, middle, end), np.where(inside & ~above, middle, start)
    return np.where(usable, end, np.nan)
