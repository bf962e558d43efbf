"""What the estimate of a level rests on, in words: `14 of 18` trials, or `n 18`."""

import numpy as np

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects

__all__ = ["amounts", "brackets"]


def amounts(design: Design, factor: FactorEffects) -> list[str]:
    """Return the successes of each level, `14 of 18`, or for other responses its number of rows.

    A response of 0 and 1, or of two categories, counts successes too. A level may have no trials.
    """
    response = design.response
    if response.trials is None and not response.is_binary:
        return [f"{count} row{'s' if count != 1 else ''}" for count in factor.counts.tolist()]
    hits, trials = (
        factor.sum(np.asarray(values, float)).round().astype(int).tolist()
        for values in (response.values, response.n_trials)
    )
    return [f"{hit} of {count}" if count else "no trials" for hit, count in zip(hits, trials, strict=True)]


def brackets(design: Design, factor: FactorEffects) -> list[str]:
    """Return what stands in brackets beside the name of each level; nothing where every level has as many rows."""
    counts = factor.counts
    if design.response.trials is None and not design.response.is_binary:
        return [f"n {count}" for count in counts.tolist()] if np.ptp(counts) else [""] * len(counts)
    return amounts(design, factor)
