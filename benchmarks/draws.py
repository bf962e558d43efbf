"""Effective sample size, computed by ArviZ for every program."""

from collections.abc import Mapping
from statistics import median
from typing import Any

import arviz as az
import numpy as np
import xarray as xr


def smallest_bulk_ess(draws: Mapping[str, Any]) -> tuple[float, str]:
    """Return the smallest bulk ESS of some quantities, each (chains, draws), and the name of that quantity."""
    arrays = {name: (("chain", "draw"), np.asarray(values, float)) for name, values in draws.items()}
    found = az.ess(xr.Dataset(arrays), method="bulk")
    sizes = {str(name): float(value) for name, value in found.data_vars.items()}
    worst = min(sizes, key=lambda name: sizes[name])
    return sizes[worst], worst


def largest_gap(draws: Mapping[str, Any], others: Mapping[str, Any]) -> tuple[float, str]:
    """Return the largest difference of posterior means in combined Monte Carlo standard errors, and its quantity.

    Of the quantities that both have, each (chains, draws).
    """
    gaps = {}
    for name in draws.keys() & others.keys():
        one, other = np.asarray(draws[name], float), np.asarray(others[name], float)
        error = np.hypot(float(az.mcse(one)), float(az.mcse(other)))
        gaps[name] = float(abs(one.mean() - other.mean()) / error)
    worst = max(gaps, key=lambda name: gaps[name])
    return gaps[worst], worst


def best_rate(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Summarise runs of one program on one model by the run with the most effective draws per second."""
    each = [rates([run]) for run in runs]
    together = {key: [number for found in each for number in found["each"][key]] for key in ("seconds", "ess")}
    return max(each, key=lambda found: found["ess_per_second"]) | {"each": together}


def rates(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Summarise runs of one program on one model: medians, and each run's numbers; the draws are discarded."""
    sizes = [smallest_bulk_ess(run["draws"]) for run in runs]
    seconds = [run["seconds"] for run in runs]
    per_second = [size / second for (size, _), second in zip(sizes, seconds, strict=True)]
    return {
        "seconds": median(seconds),
        "ess": median(size for size, _ in sizes),
        "ess_per_second": median(per_second),
        "slowest_quantity": min(sizes)[1],
        "each": {"seconds": seconds, "ess": [size for size, _ in sizes]},
    }
