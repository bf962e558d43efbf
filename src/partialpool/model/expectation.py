"""The mean of the response, conditional on group effects or with them integrated out."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from partialpool.design.design import Design
from partialpool.design.truncation import Truncation
from partialpool.families.given import Given
from partialpool.model.parameter_values import HasParameters, family_parameters
from partialpool.model.predictor import Draws
from partialpool.model.truncated_mean import mean_over_levels_within

__all__ = ["expectation"]


def expectation(
    design: Design,
    rows: HasParameters,
    eta: np.ndarray,
    spread: np.ndarray | None,
    draws: Draws,
    *,
    parameters: Mapping[str, np.ndarray] = MappingProxyType({}),
    bounds: Truncation | None = None,
) -> np.ndarray:
    """Evaluate E(y | eta), or E(y | eta + u) with u ~ N(0, spread) integrated out.

    Parameters
    ----------
    design, rows
        The model, and its own rows or new ones.
    eta
        Linear predictor, (draws, rows).
    spread
        Variance that is integrated out, (draws, rows); None for none.
    draws
        The family's own parameters.
    parameters
        Means over levels of parameters that have predictors, in place of those of the rows' levels.
    bounds
        Bounds of the rows, for the mean of the response given that it is within them; None for the mean before
        truncation.

    Returns
    -------
    numpy.ndarray
        (draws, rows): the mean; binomial: of one trial. Ordinal: (draws, rows, categories), the probability of each.

    Raises
    ------
    DataError
        The inverse link with a spread: 1 / eta has no mean under a normal eta.
    """
    own = {**family_parameters(design, rows, draws), **parameters}
    if bounds is not None:
        family, given = design.spec.family_record, Given(design.spec.link_record, eta, own)
        if spread is not None:
            return mean_over_levels_within(family, given, spread, bounds)
        return family.mean_within(given, bounds.low, bounds.high)
    return design.spec.family_record.mean(design.spec.link_record, eta, spread, own)
