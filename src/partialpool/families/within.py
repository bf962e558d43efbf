"""The log probability that a response is within (low, high], either of which may be infinite.

Both `log_tails` of a family keep their digits where a probability underflows; the probability of an interval is the
difference of two of them, taken from the smaller tail, in which it keeps its digits.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from partialpool.families.given import Given

if TYPE_CHECKING:
    from partialpool.families.family import Family
    from partialpool.families.twin import TensorGiven

__all__ = ["finite_ends", "log_between", "log_within", "tensor_log_within"]


def log_within(family: "Family", given: Given, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Evaluate log P(low < new <= high), (draws, rows); -inf where high is not above low.

    Parameters
    ----------
    family, given
        The distribution of each row.
    low, high
        Ends, (rows,) or (draws, rows), -inf and inf where there is none.

    Examples
    --------
    >>> from partialpool.families.links import LINKS
    >>> from partialpool.families.registry import FAMILIES
    >>> given = Given(LINKS["log"], np.zeros((1, 3)), {})  # rate 1
    >>> low, high = np.array([-np.inf, 2.0, 2.0]), np.array([2.0, np.inf, 3.0])
    >>> log_within(FAMILIES["exponential"], given, low, high).round(4).tolist()
    [[-0.1454, -2.0, -2.4587]]
    """
    start, end = finite_ends(low, high)
    at_start = family.log_tails(given, start)
    both = ((low > -np.inf) & (high < np.inf)).any()
    return log_between(at_start, family.log_tails(given, end) if both else at_start, low, high)


def log_between(
    at_low: tuple[np.ndarray, np.ndarray], at_high: tuple[np.ndarray, np.ndarray], low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Return the same, given the logs of the probabilities below and above either end.

    Parameters
    ----------
    at_low, at_high
        Logs of the probabilities below and above `finite_ends`, each (draws, rows).
    low, high
        The ends.
    """
    has_low, has_high = low > -np.inf, high < np.inf
    (below_low, above_low), (below_high, above_high) = at_low, at_high
    if not (has_low & has_high).any():
        return np.where(has_low, above_low, np.where(has_high, below_high, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        from_below = below_high + _log1mexp(np.minimum(below_low - below_high, 0.0))
        from_above = above_low + _log1mexp(np.minimum(above_high - above_low, 0.0))
    between = np.where(high > low, np.where(below_high < above_low, from_below, from_above), -np.inf)
    return np.where(has_low & has_high, between, np.where(has_low, above_low, np.where(has_high, below_high, 0.0)))


def tensor_log_within(family: "Family", given: "TensorGiven", low: Any, high: Any) -> Any:
    """Return the same in a PyMC model; an end is None where no row has it, and finite in all rows otherwise."""
    if low is None:
        return family.tensor_log_tails(given, high)[0]
    below_low, above_low = family.tensor_log_tails(given, low)
    if high is None:
        return above_low
    below_high, above_high = family.tensor_log_tails(given, high)
    from_below = below_high + given.pt.log1mexp(below_low - below_high)
    from_above = above_low + given.pt.log1mexp(above_high - above_low)
    return given.pt.switch(given.pt.lt(below_high, above_low), from_below, from_above)


def finite_ends(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends, and numbers at which a tail can be evaluated where there is none: the other end, or 1."""
    start = np.where(low > -np.inf, low, np.where(high < np.inf, high, 1.0))
    return start, np.where(high < np.inf, high, start)


def _log1mexp(x: np.ndarray) -> np.ndarray:
    """Return log(1 - exp(x)), x < 0 (Maechler 2012, Accurately computing log(1 - exp(-|a|)))."""
    return np.where(x > -np.log(2), np.log(-np.expm1(x)), np.log1p(-np.exp(x)))
