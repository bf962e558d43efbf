"""The family's own parameters in each row: numbers of a draw, or functions of their predictors."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import numpy as np

from partialpool.design.design import Design
from partialpool.design.newdata import Rows
from partialpool.model.predictor import Draws, linear_predictor, of_predictor
from partialpool.names import CUTPOINTS

__all__ = ["HasParameters", "family_parameters", "parameter_of", "threshold_effects"]


class HasParameters(Protocol):
    """Rows, or points, of predictors."""

    @property
    def parameters(self) -> Mapping[str, Rows]:
        """The rows of the predictor of each parameter."""


def parameter_of(design: Design, name: str, eta: np.ndarray) -> np.ndarray:
    """Return a parameter of its linear predictor, elementwise."""
    return np.asarray(design.spec.family_record.link_of(name).inverse(eta))


def family_parameters(
    design: Design, rows: HasParameters, draws: Draws, *, added: Mapping[str, np.ndarray] = MappingProxyType({})
) -> dict[str, np.ndarray]:
    """Return the family's own parameters, in the family's order.

    Parameters
    ----------
    design, rows
        The model, and its own rows or new ones.
    draws
        Posterior variables, chains stacked; where rows have new levels, those of `with_new_levels`.
    added
        By parameter, what is added to its linear predictor, (draws, rows).

    Returns
    -------
    dict of numpy.ndarray
        (draws, 1); cutpoints (draws, K - 1); (draws, rows) where a parameter has a predictor; cutpoints
        (draws, rows, K - 1) less the effects of the thresholds, where they have coefficients of their own.
    """
    found: dict[str, np.ndarray] = {}
    for name in design.parameter_names:
        if name in design.parameters:
            other = design.parameters[name]
            eta = linear_predictor(other, rows.parameters[name], of_predictor(design, name, draws))
            found[name] = parameter_of(design, name, eta + added.get(name, 0.0))
        elif name in draws:
            found[name] = draws[name].reshape(len(draws[name]), -1)
    if design.thresholds:
        found[CUTPOINTS] = found[CUTPOINTS][:, None, :] - threshold_effects(design, rows, draws)
    return found


def threshold_effects(design: Design, rows: HasParameters, draws: Draws) -> np.ndarray:
    """Return what the thresholds' own coefficients add to the linear predictor, (draws, rows, thresholds)."""
    each = (
        linear_predictor(design.parameters[name], rows.parameters[name], of_predictor(design, name, draws))
        for name in design.thresholds
    )
    return np.stack(list(each), axis=2)
