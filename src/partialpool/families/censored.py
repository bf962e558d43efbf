"""Responses that are known within bounds only: a family's density, tails and PyMC variable for such rows.

The other end of a row is its response y where that was seen, infinity where the response is above y (right censored),
-infinity where it is y or below (left censored), and otherwise the upper end of (y, other end]. These are the
conventions of brms (and of Stan's `lccdf` and `lcdf`): a row counts with the probability of what is known of it.

Where rows outside bounds are not in the table (`families/truncated.py`), that is the probability given the bounds.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from partialpool.families.family import Family
from partialpool.families.given import Given
from partialpool.families.links import LINKS
from partialpool.families.within import log_within, tensor_log_within

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["known_ends", "log_density_of_censored", "register_bounded", "tails_of_censored", "upper_ends"]


def known_ends(y: np.ndarray, other_end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return low and high of (low, high], what is known of each row; of rows that were seen both are y.

    Examples
    --------
    >>> low, high = known_ends(np.full(4, 2.0), np.array([2.0, np.inf, -np.inf, 3.0]))
    >>> low.tolist(), high.tolist()
    ([2.0, 2.0, -inf, 2.0], [2.0, inf, 2.0, 3.0])
    """
    return np.where(other_end < y, -np.inf, y), np.where(other_end < y, y, other_end)


def log_density_of_censored(family: Family, given: Given, y: np.ndarray, other_end: np.ndarray) -> np.ndarray:
    """Evaluate log p(y) of rows that were seen, and the log probability of what is known of the others.

    Parameters
    ----------
    family, given
        The distribution of each row.
    y, other_end
        Responses and their other ends, (rows,).

    Returns
    -------
    numpy.ndarray
        (draws, rows).

    Examples
    --------
    >>> from partialpool.families.links import LINKS
    >>> from partialpool.families.registry import FAMILIES
    >>> given = Given(LINKS["log"], np.zeros((1, 3)), {})  # rate 1
    >>> ends = np.array([2.0, np.inf, 3.0])  # seen; above 2; between 2 and 3
    >>> log_density_of_censored(FAMILIES["exponential"], given, np.full(3, 2.0), ends).round(4).tolist()
    [[-2.0, -2.0, -2.4587]]
    """
    seen = other_end == y
    if seen.all():
        return family.log_density(given, y)
    return np.where(seen, family.log_density(given, y), log_within(family, given, *known_ends(y, other_end)))


def tails_of_censored(
    family: Family, given: Given, y: np.ndarray, other_end: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Evaluate the probabilities below what is known of each row, of that itself, and above it, (draws, rows).

    Of rows that were seen the middle one is P(new = y), 0 on a continuous scale.
    """
    seen, right, left = other_end == y, other_end == np.inf, other_end == -np.inf
    upper = np.where(np.isfinite(other_end), other_end, y)
    known = np.exp(log_density_of_censored(family, given, y, other_end))
    below = np.where(seen, family.tails(given, y)[0], np.exp(family.log_tails(given, y)[0]))
    above = family.tails(given, upper)[1]
    at = np.where(seen, family.probability(given, y), known)
    return np.where(left, 0.0, below), at, np.where(right, 0.0, above)


def register_bounded(family: Family, given: "TensorGiven", y: np.ndarray, other_end: np.ndarray) -> "pt.TensorVariable":
    """Register the observed variable of a model with censored rows or bounds of all rows.

    Its new values are not censored; they are within the bounds.

    Parameters
    ----------
    family, given
        The distribution of each row, with what is known of it: `other_end` and `upper_end`, `low` and `high`.
    y, other_end
        Responses and their other ends, (rows,): which formulas are needed.
    """
    pm, pt, ends, upper = given.pm, given.pt, given.other_end, given.upper_end
    has_censored = bool((other_end != y).any())
    has_intervals = bool((np.isfinite(other_end) & (other_end != y)).any())
    names = tuple(given.parameters)

    def inner(location: Any, own: tuple[Any, ...], named: dict[str, Any], size: Any = None) -> "TensorGiven":
        parameters = {**dict(zip(names, own, strict=False)), **named}
        unnamed = _Unnamed(pm, size)
        return replace(given, link=LINKS["identity"], eta=location, parameters=parameters, pm=unnamed)

    def log_density(value: Any, location: Any, *own: Any, **named: Any) -> Any:
        of = inner(location, own, named)
        found = pm.logp(family.register(of), value)
        if has_censored:
            below, above = family.tensor_log_tails(of, value)
            beyond = pt.switch(pt.gt(ends, 0), above, below)
            if has_intervals:
                beyond = pt.switch(pt.eq(ends, upper), tensor_log_within(family, of, value, upper), beyond)
            found = pt.switch(pt.eq(ends, value), found, beyond)
        is_bounded = given.low is not None or given.high is not None
        return found - tensor_log_within(family, of, given.low, given.high) if is_bounded else found

    def new(location: Any, *own: Any, **named: Any) -> Any:
        *parameters, size = (*own, named.pop("size")) if "size" in named else own
        drawn = family.register(inner(location, tuple(parameters), named, size))
        # PyMC's bounds are possible values.
        lower = given.low if given.low is None or family.is_continuous else given.low + 1
        bounds = {name: end for name, end in (("lower", lower), ("upper", given.high)) if end is not None}
        return pm.Truncated.dist(drawn, **bounds) if bounds else drawn

    return given.custom({"location": given.mean, **given.parameters}, log_density, new)


def upper_ends(y: np.ndarray, other_end: np.ndarray) -> np.ndarray:
    """Return the upper ends of intervals, (rows,), and other numbers above y for rows that are none."""
    return np.where(np.isfinite(other_end) & (other_end != y), other_end, np.abs(y) + y + 1.0)


class _Unnamed:
    """PyMC, whose distributions have no name and are not observed."""

    def __init__(self, pm: Any, size: Any) -> None:
        self._pm, self._size = pm, size

    def __getattr__(self, name: str) -> Any:
        made = getattr(self._pm, name)
        return _NoName(made, self._size) if name[0].isupper() else made


class _NoName:
    """A distribution of PyMC whose call leaves name, observed values and dims out."""

    def __init__(self, made: Any, size: Any) -> None:
        self.dist, self._size = made.dist, size

    def __call__(self, name: str, *arguments: Any, observed: Any = None, dims: Any = None, **named: Any) -> Any:
        sized = {} if self._size is None else {"size": self._size}
        return self.dist(*arguments, **named, **sized)
