"""The mean of the response, conditional on group effects or with them integrated out."""

import numpy as np

from partialpool.design.design import Design
from partialpool.model.predictor import Draws
from partialpool.model.response import family_parameters

__all__ = ["expectation"]


def expectation(design: Design, eta: np.ndarray, spread: np.ndarray | None, draws: Draws) -> np.ndarray:
    """Evaluate E(y | eta), or E(y | eta + u) with u ~ N(0, spread) integrated out.

    Parameters
    ----------
    design
        The model.
    eta
        Linear predictor, (draws, rows).
    spread
        Variance that is integrated out, (draws, rows); None for none.
    draws
        The family's own parameters.

    Returns
    -------
    numpy.ndarray
        (draws, rows): the mean; binomial: of one trial. Ordinal: (draws, rows, categories), the probability of each.

    Raises
    ------
    DataError
        The inverse link with a spread: 1 / eta has no mean under a normal eta.
    """
    own = family_parameters(design, eta, draws)
    return design.spec.family_record.mean(design.spec.link_record, eta, spread, own)
