"""What a response is conditional on, in a PyMC model: the tensors beside the arrays of `families/given.py`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from partialpool.families.link import Link

if TYPE_CHECKING:
    import pytensor.tensor as pt

__all__ = ["TensorGiven"]


@dataclass(frozen=True, eq=False)
class TensorGiven:
    """The linear predictor and the family's parameters as tensors, and the observed response.

    Attributes
    ----------
    name, dims
        Of the observed variable.
    values
        The response, (rows,).
    link, eta, parameters
        Of the model; known standard errors stand for `sigma`.
    pm, pt
        The modules `pymc` and `pytensor.tensor`: only who builds a PyMC model imports them.
    trials
        Of each row, or None.
    """

    name: str
    dims: str
    values: np.ndarray
    link: Link
    eta: "pt.TensorVariable"
    parameters: Mapping[str, "pt.TensorVariable"]
    pm: Any
    pt: Any
    trials: "pt.TensorVariable | None" = None

    @property
    def mean(self) -> "pt.TensorVariable":
        """The inverse link of the linear predictor."""
        return self.link.tensor_inverse(self.eta, self.pt)

    def observed(self, dtype: str = "float64") -> dict[str, Any]:
        """Arguments of a PyMC distribution that make it the observed variable."""
        return {"observed": self.values.astype(dtype), "dims": self.dims}

    @property
    def counted(self) -> dict[str, Any]:
        """The same for whole numbers."""
        return self.observed("int64")
