"""Log probabilities of a positive response on both sides of y, given the log of its cumulated hazard H(y)."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from partialpool.families.incomplete_gamma import log_incomplete_gamma
from partialpool.families.within import log_between

__all__ = ["log_moment_within", "log_tails_of_hazard", "tensor_log_tails_of_hazard"]

_LN2: Final = 0.6931471805599453
_FAR: Final = -40.0
"""Below it log(1 - exp(-H)) is log H to the last digit."""


def log_tails_of_hazard(log_hazard: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log P(new <= y) = log(1 - exp(-H)) and log P(new > y) = -H, elementwise.

    Examples
    --------
    >>> below, above = log_tails_of_hazard(np.array([-800.0, 0.0, 6.0]))
    >>> below.round(4).tolist(), above.round(4).tolist()
    ([-800.0, -0.4587, -0.0], [-0.0, -1.0, -403.4288])
    """
    with np.errstate(over="ignore"):
        hazard = np.exp(log_hazard)
    small, large = np.clip(hazard, np.exp(_FAR), _LN2), np.maximum(hazard, _LN2)
    near = np.where(hazard < _LN2, np.log(-np.expm1(-small)), np.log1p(-np.exp(-large)))
    return np.where(log_hazard < _FAR, log_hazard, near), -hazard


def tensor_log_tails_of_hazard(log_hazard: Any, pt: Any) -> tuple[Any, Any]:
    """Return the same as tensors."""
    hazard = pt.exp(log_hazard)
    near = pt.log1mexp(-pt.exp(pt.maximum(log_hazard, _FAR)))
    return pt.switch(pt.lt(log_hazard, _FAR), log_hazard, near), -hazard


def log_moment_within(
    log_hazards: Sequence[np.ndarray], low: np.ndarray, high: np.ndarray, alpha: np.ndarray | float
) -> np.ndarray:
    """Return log of E(new; low < new <= high) / E new where the cumulated hazard is a power alpha of the response.

    y is proportional to H^(1 / alpha), H standard exponential, so that this is the probability that a gamma variable of
    shape 1 + 1 / alpha is between the hazards.

    Parameters
    ----------
    log_hazards
        log H at both ends, each (draws, rows); any numbers where an end is infinite.
    low, high
        The ends, (rows,).
    alpha
        The power, broadcastable.

    Examples
    --------
    >>> one, none = np.zeros((1, 1)), np.array([np.inf])  # of a standard exponential beyond 1, E(new; new > 1) = 2 / e
    >>> log_moment_within([one, one], np.array([1.0]), none, 1.0).round(4).tolist()
    [[-0.3069]]
    """
    with np.errstate(over="ignore"):
        at_low, at_high = (log_incomplete_gamma(1 + 1 / np.asarray(alpha), np.exp(at)) for at in log_hazards)
    return log_between(at_low, at_high, low, high)
