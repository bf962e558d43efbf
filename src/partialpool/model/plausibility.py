"""Whether replicates look like data of this kind at all: what a prior may say, and what it had better not."""

import numpy as np

from partialpool.design.build import Design

__all__ = ["implausible_share"]

_SDS = 10.0
"""Observed sds from the observed mean beyond which a real number is out of the world."""
_TIMES = 100.0
"""Times the largest (or least) observed value beyond which a positive one is."""


def implausible_share(design: Design, replicates: np.ndarray) -> tuple[float, str]:
    """Return how much of the replicates is where no data of this kind can be, and what that means in words.

    Parameters
    ----------
    design
        With the observed response, which says what kind of data these are.
    replicates
        (draws, rows).
    """
    y, kind = design.response.values, design.spec.family_record.kind
    if kind == "real":
        off = np.abs(replicates - y.mean()) > _SDS * y.std()
        return float(off.mean()), f"responses more than {_SDS:g} observed sds from the observed mean"
    if kind in ("positive", "count"):
        high = replicates > _TIMES * max(float(y.max()), 1.0 if kind == "count" else 0.0)
        low = replicates < y.min() / _TIMES if kind == "positive" else np.zeros(replicates.shape, bool)
        return float((high | low).mean()), f"responses {_TIMES:g} times beyond the observed range"
    if kind == "ordinal":
        alike = (replicates == replicates[:, :1]).all(axis=1)
        return float(alike.mean()), "tables in which every row is of one category"
    trials = np.ones(replicates.shape[1]) if design.response.trials is None else design.response.trials
    share = replicates.sum(axis=1) / trials.sum()
    return float(((share == 0) | (share == 1)).mean()), "tables in which everybody fails or all succeed"
