"""What counts as one observation: a row, or a trial where rows are sums of trials.

A binomial row of n trials says what n rows of one trial do. Answers about how much data there is count trials, so that
they do not depend on how trials were added up.
"""

import numpy as np

from partialpool.design.build import Design, FactorEffects

__all__ = ["column_sizes_by_trials", "counted", "observations", "spans_constant"]


def observations(design: Design) -> np.ndarray:
    """Return how many observations each row is, (rows,): its trials, or 1."""
    trials = design.response.trials
    return np.ones(design.n_rows) if trials is None else np.asarray(trials, float)


def counted(design: Design) -> str:
    """Return what observations are called: `trials` or `rows`."""
    return "rows" if design.response.trials is None else "trials"


def column_sizes_by_trials(design: Design, factor: FactorEffects) -> np.ndarray:
    """Return the root mean square over observations of each column that a factor's priors see, (effects,)."""
    columns = factor.basis.columns.of(factor.values)
    return np.sqrt(np.average(columns**2, axis=0, weights=observations(design)))


def spans_constant(columns: np.ndarray) -> bool:
    """Whether some combination of columns (rows, effects) is 1 in every row, as all categories of a column are."""
    if not columns.shape[1]:
        return False
    size = np.sqrt((columns**2).mean(axis=0))
    scaled = columns / np.where(size > 0, size, 1.0)
    ones = np.ones(len(columns))
    return bool(np.abs(scaled @ np.linalg.lstsq(scaled, ones, rcond=1e-12)[0] - 1).max() < 1e-9)
