"""How much the rows of a level tell together about an effect that they share, given the residual variance."""

import numpy as np

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects

__all__ = ["information_alike", "row_information_of"]


def row_information_of(design: Design, residual: float) -> np.ndarray:
    """Information of each row about its linear predictor, (rows,): 1 / its residual variance on that scale.

    `residual` is the variance of one observation; a row of n trials is n of them, a known error has its own.
    """
    if design.se is not None:
        return 1 / design.se**2
    return design.response.n_trials / residual


def information_alike(factor: FactorEffects, information: np.ndarray) -> float:
    """Information that the rows of a level, of one that a unit of information at random belongs to, have together.

    sum_j W_j^2 / sum_j W_j, W_j summed over the rows of a level; with K the known covariance of levels,
    sum_jk (L'WL)_jk^2 / sum_j W_j, in proportion to what is known of a variance, tr((Z K Z')^2): its square included so
    that negative relationships count as well. K is in units of its mean own entry here, as contributions are.
    """
    n = factor.sum(information)
    shared = n if factor.root is None else factor.root.T @ (n[:, None] * factor.root)
    return float((shared**2).sum() / n.sum()) / factor.mean_own**2
