"""Information of the rows of a level about an effect that they share, given the residual variance."""

import numpy as np
from scipy import sparse

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.member_effects import MemberEffects

__all__ = ["information_alike", "row_information_of"]


def row_information_of(design: Design, residual: float) -> np.ndarray:
    """Return each row's information about its linear predictor, (rows,): 1 / residual variance on that scale.

    Where rows are not in memory, all have the same, shape ().

    `residual` is the mean variance of one observation; a row of n trials counts as n observations. Known standard
    errors replace it, and a stated precision w distributes it among the rows as 1 / w.
    """
    if not design.has_rows:
        return np.array(1 / residual)
    if design.se is not None:
        return 1 / design.se**2
    if design.precision is not None:
        return design.precision * design.mean_inverse_precision / residual
    return design.response.n_trials / residual


def information_alike(factor: FactorEffects, information: np.ndarray) -> float:
    """Return the total information of a level's rows, for the level of a randomly chosen unit of information.

    It is sum_j W_j^2 / sum_j W_j, W_j summed over the rows of level j; with K = L L' the known covariance of levels,
    sum_jk (L'WL)_jk^2 / sum_j W_j. That is proportional to the information about a variance, tr((Z K Z')^2), in which
    negative relationships also count. K is in units of its mean diagonal entry here, as contributions are. Where rows
    belong to several levels, W_jk = sum_i w_ij w_ik W_i, and the sum of squares is over all pairs of levels.
    """
    if isinstance(factor, MemberEffects):
        gram = factor.weights.T @ sparse.diags_array(information) @ factor.weights
        return float(gram.power(2).sum() / information.sum()) / factor.mean_own**2
    n = factor.sum(information) if information.ndim else factor.counts * information
    shared = n if factor.root is None else factor.root.T @ (n[:, None] * factor.root)
    return float((shared**2).sum() / n.sum()) / factor.mean_own**2
