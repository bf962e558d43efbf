"""The log density of a design's rows as a function of their linear predictor, the family's parameters given."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Protocol

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.newdata import own_rows
from partialpool.model.predictor import linear_predictor, of_predictor
from partialpool.model.response import log_density
from partialpool.names import BETA, b_name, names_of_predictor

__all__ = ["Curvature", "ResponseDensity", "mean_draw", "mean_parameters", "mean_predictors"]


class Curvature(Protocol):
    """Slope and information of every row: what `marginal.glmm.posterior.read_response` returns has it."""

    def curvature(self, eta: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate d log p / d eta of each row, and its information, (rows,) each."""


@dataclass(frozen=True, eq=False)
class ResponseDensity:
    """log p(y | eta) of every row.

    Attributes
    ----------
    design
        The model.
    rows
        Slope and information of its rows.
    own
        The family's own parameters by name, in the family's order, where they are the same in all rows.
    others
        Coefficients and effects of the predictors of other parameters by variable, (1, ...): one draw.
    """

    design: Design
    rows: Curvature
    own: Mapping[str, float]
    others: Mapping[str, np.ndarray] = MappingProxyType({})

    def log_density(self, eta: np.ndarray) -> np.ndarray:
        """Evaluate log p of each row, (rows,), at linear predictors with offset; NaN outside the link's domain."""
        draws = {name: np.array([value]) for name, value in self.own.items()} | dict(self.others)
        return np.asarray(log_density(self.design, own_rows(self.design), eta[None], draws)[0])

    def curvature(self, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate d log p / d eta of each row, and its information, (rows,) each."""
        slope, information = self.rows.curvature(np.concatenate([eta, *self.predictors.values()]), self._values)
        return slope[: len(eta)], information[: len(eta)]

    def information_of(self, parameter: str, eta: np.ndarray) -> np.ndarray:
        """Return each row's information about the linear predictor of a parameter, (rows,)."""
        information = self.rows.curvature(np.concatenate([eta, *self.predictors.values()]), self._values)[1]
        at = 1 + list(self.predictors).index(parameter)
        return information.reshape(-1, len(eta))[at]

    @cached_property
    def predictors(self) -> dict[str, np.ndarray]:
        """The linear predictors of parameters, (rows,), by parameter."""
        rows = own_rows(self.design).parameters
        return {
            name: linear_predictor(other, rows[name], of_predictor(self.design, name, self.others))[0]
            for name, other in self.design.parameters.items()
        }

    @cached_property
    def _values(self) -> np.ndarray:
        """The family's parameters in the order of its kernels, which ignore those that have predictors."""
        names = (n for n in self.design.parameter_names if n in self.own or n in self.design.parameters)
        return np.array([self.own.get(name, 1.0) for name in names], float)


def mean_parameters(posterior: xr.Dataset, design: Design) -> dict[str, float]:
    """Return the posterior means of the family's own parameters, by name, in the family's order; scalars only."""
    names = (name for name, _ in design.spec.family_record.parameters if name in posterior)
    return {name: float(posterior[name].mean()) for name in names}


def mean_predictors(posterior: xr.Dataset, design: Design) -> dict[str, np.ndarray]:
    """Return the posterior means of the coefficients and effects of the predictors of parameters, (1, ...) each."""
    wanted: list[str] = []
    for name, other in design.parameters.items():
        names = names_of_predictor(name, other.spec.parts_with_sds)
        wanted += [names[variable] for variable in (BETA, *(b_name(factor.name) for factor in other.factors))]
    return mean_draw(posterior, wanted)


def mean_draw(posterior: xr.Dataset, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Return the posterior means of the variables that are there, as one draw: (1, ...) each."""
    drawn = {name: posterior[name].transpose("chain", "draw", ...).to_numpy() for name in names if name in posterior}
    return {name: values.mean(axis=(0, 1))[None] for name, values in drawn.items()}
