"""The log density of a design's rows as a function of their linear predictor, the family's parameters given."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.newdata import own_rows
from partialpool.model.response import log_density

__all__ = ["Curvature", "ResponseDensity", "mean_parameters"]


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
        The family's own parameters by name, in the family's order.
    """

    design: Design
    rows: Curvature
    own: Mapping[str, float]

    def log_density(self, eta: np.ndarray) -> np.ndarray:
        """Evaluate log p of each row, (rows,), at linear predictors with offset; NaN outside the link's domain."""
        draws = {name: np.array([value]) for name, value in self.own.items()}
        return np.asarray(log_density(self.design, own_rows(self.design), eta[None], draws)[0])

    def curvature(self, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate d log p / d eta of each row, and its information, (rows,) each."""
        return self.rows.curvature(np.ascontiguousarray(eta), self._values)

    @cached_property
    def _values(self) -> np.ndarray:
        return np.array(list(self.own.values()), float)


def mean_parameters(posterior: xr.Dataset, design: Design) -> dict[str, float]:
    """Return the posterior means of the family's own parameters, by name, in the family's order; scalars only."""
    names = (name for name, _ in design.spec.family_record.parameters if name in posterior)
    return {name: float(posterior[name].mean()) for name in names}
