"""The variance of the group effects in some rows, which marginal predictions integrate out."""

from collections.abc import Collection

import numpy as np

from partialpool.design.design import Design
from partialpool.design.newdata import Rows
from partialpool.model.predictor import Draws
from partialpool.names import corr_name, sd_name

__all__ = ["spread_of_rows"]


def spread_of_rows(design: Design, rows: Rows, draws: Draws, factors: Collection[str]) -> np.ndarray | None:
    """Return sum_f z' Sigma_f z over the named factors, (draws, rows); None where there are none.

    Where levels of a factor have a known covariance, Sigma_f is multiplied by its mean diagonal entry over the rows.

    Parameters
    ----------
    design, rows
        The model, and its own rows or new ones.
    draws
        `sd_<f>` and, where effects are correlated, `corr_<f>`, chains stacked.
    factors
        Names of the factors.
    """
    total = None
    for factor, group in zip(design.factors, rows.groups, strict=True):
        if factor.name not in factors:
            continue
        # z' Sigma z for all draws and rows at once: products of effects against products of values, one matrix product.
        sd, q = draws[sd_name(factor.name)], len(factor.names)
        corr = draws[corr_name(factor.name)] if factor.correlated else np.eye(q)
        sigma = (sd[:, :, None] * corr * sd[:, None, :]).reshape(len(sd), q * q)
        pairs = (group.values[:, :, None] * group.values[:, None, :]).reshape(-1, q * q)
        # Rounding may leave a correlation of +-1 a little below 0.
        spread = factor.mean_own * np.maximum(sigma @ pairs.T, 0.0)
        total = spread if total is None else total + spread
    return total
