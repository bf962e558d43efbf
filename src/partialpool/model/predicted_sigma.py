"""The residual sd of each row under every draw, where sigma has a predictor."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.design.newdata import own_rows
from partialpool.model.parameter_values import family_parameters
from partialpool.model.predictor import Draws
from partialpool.model.whitened_rows import ResidualScale
from partialpool.names import SIGMA

__all__ = ["median_sigma", "sigma_of_rows"]

_AT_ONCE: Final = 4_000_000


def sigma_of_rows(design: Design, draws: Draws) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield sigma of some rows after others, (draws, rows), with their positions, (rows,).

    Parameters
    ----------
    design
        A model whose sigma has a predictor.
    draws
        Posterior variables, chains stacked.
    """
    rows, total = own_rows(design), len(next(iter(draws.values())))
    for index in np.array_split(np.arange(design.n_rows), 1 + design.n_rows * total // _AT_ONCE):
        yield family_parameters(design, rows.take(index), draws)[SIGMA], index


def median_sigma(design: Design, draws: Draws) -> ResidualScale:
    """Return the posterior median of the sd of each row."""
    found = np.empty(design.n_rows)
    for sigma, index in sigma_of_rows(design, draws):
        found[index] = np.median(sigma, axis=0)
    return ResidualScale(found, np.zeros(0))
