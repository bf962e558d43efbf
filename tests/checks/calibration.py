"""Simulation-based calibration: ranks of true values among posterior draws, judged by simultaneous bands of their ECDF.

If a true value is drawn from the prior, data given the true value and n independent draws given the data, its rank
among the draws is uniform on 0, ..., n (Talts, Betancourt, Simpson, Vehtari & Gelman 2020, arXiv:1804.06788). The same
holds for any function of parameters and data; the rank of the log likelihood detects a posterior that ignores the data
(Modrák et al. 2023, arXiv:2211.02383).
"""

from typing import NamedTuple

import numpy as np
from arviz_stats.ecdf_utils import compute_ecdf, get_pointwise_confidence_band

_POINTS = 50


class Departure(NamedTuple):
    """The largest departure of an ECDF of ranks from uniform, and the departure that the band allows at that rank."""

    deviation: float
    allowed: float

    @property
    def outside(self):
        return not abs(self.deviation) <= self.allowed


def departures(truth, draws, *, false_alarm):
    """Return the departure of each quantity.

    Parameters
    ----------
    truth, draws
        True values and draws by quantity, of shapes (data sets,) and (data sets, draws); draws are nearly independent.
    false_alarm
        Upper bound of the chance that exact draws leave the band of any quantity, by Bonferroni over quantities and
        points.
    """
    coverage = 1 - false_alarm / (len(truth) * _POINTS)
    return {
        name: _departure((draws[name] < truth[name][:, None]).sum(axis=1), draws[name].shape[1], coverage)
        for name in truth
    }


def _departure(ranks, n, coverage):
    """Compare at `_POINTS` ranks: the count of ranks below k is Binomial(data sets, k / (n + 1))."""
    below = np.unique(np.linspace(1, n, _POINTS).round())
    uniform = below / (n + 1)
    deviation = compute_ecdf(ranks, below - 1) - uniform
    low, high = get_pointwise_confidence_band(coverage, len(ranks), uniform)
    allowed = np.where(deviation < 0, uniform - low, high - uniform)
    can_be_left = np.where(deviation < 0, low > 0, high < 1)
    worst = np.argmax(np.where(can_be_left, np.abs(deviation) / allowed, 0))
    return Departure(deviation[worst], allowed[worst])


def check_uniform(truth, draws, *, false_alarm, note=""):
    """Assert that no quantity leaves its band; the message lists all of them, then the note."""
    found = departures(truth, draws, false_alarm=false_alarm)
    lines = [
        f"{'OUTSIDE' if d.outside else 'inside ':7} {d.deviation:+.3f} of {d.allowed:.3f}  {name}"
        for name, d in found.items()
    ]
    assert not any(d.outside for d in found.values()), "\n".join(["ranks are not uniform", *lines, note])
