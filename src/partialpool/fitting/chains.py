"""Diagnostics of one quantity's draws, from ArviZ."""

import numpy as np
from arviz_stats.base import array_stats

__all__ = ["bulk_ess", "mcse_mean", "rhat", "tail_ess"]

_CHAIN_AXES = {"chain_axis": 0, "draw_axis": 1}
_TAILS = (0.05, 0.95)


def bulk_ess(draws: np.ndarray) -> float:
    """Bulk effective sample size of draws of shape (chains, draws)."""
    return float(array_stats.ess(draws, method="bulk", **_CHAIN_AXES))


def tail_ess(draws: np.ndarray) -> float:
    """Effective sample size at the 5 % and 95 % quantiles, the smaller."""
    return float(array_stats.ess(draws, method="tail", prob=_TAILS, **_CHAIN_AXES))


def mcse_mean(draws: np.ndarray) -> float:
    """Monte Carlo standard error of the mean."""
    return float(array_stats.mcse(draws, method="mean", **_CHAIN_AXES))


def rhat(draws: np.ndarray) -> float:
    """Rank-normalised split R-hat; NaN for one chain."""
    return float(array_stats.rhat(draws, **_CHAIN_AXES)) if draws.shape[0] > 1 else float("nan")
