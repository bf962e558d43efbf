"""The quantities that a response is conditional on in a PyMC model: tensors for the arrays of `families/given.py`."""

from collections.abc import Callable, Mapping
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
        Name and dimensions of the observed variable.
    values
        The response, (rows,).
    link, eta, parameters
        Link, linear predictor and parameters of the model; `sigma` may be known standard errors.
    pm, pt
        The modules `pymc` and `pytensor.tensor`: only code that builds a PyMC model imports them.
    trials
        Trials of each row, or None.
    other_end, upper_end
        Other ends of responses that are bounds only, and `upper_ends` of these (`families/censored.py`), or None.
    low, high
        Bounds of responses, of which those outside are not in the table (`families/truncated.py`), or None.
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
    other_end: "pt.TensorVariable | None" = None
    upper_end: "pt.TensorVariable | None" = None
    low: "pt.TensorVariable | float | None" = None
    high: "pt.TensorVariable | float | None" = None

    @property
    def mean(self) -> "pt.TensorVariable":
        """The inverse link of the linear predictor."""
        return self.eta if self.link.is_identity else self.named("mu", self.link.tensor_inverse(self.eta, self.pt))

    def named(self, name: str, tensor: "pt.TensorVariable") -> "pt.TensorVariable":
        """Return a tensor that is used more than once; where a model is written as text, it becomes a variable."""
        return tensor

    def observed(self, dtype: str = "float64") -> dict[str, Any]:
        """Return the arguments with which a PyMC distribution becomes the observed variable."""
        return {"observed": self.values.astype(dtype), "dims": self.dims}

    def custom(
        self, arguments: Mapping[str, Any], log_density: Callable[..., Any], new: Callable[..., Any]
    ) -> "pt.TensorVariable":
        """Register a distribution that PyMC does not have.

        Parameters
        ----------
        arguments
            Its parameters by name.
        log_density
            Of the response and these parameters, with the names of `arguments`.
        new
            A new response, of the parameters and `size`.
        """
        values = tuple(arguments.values())
        return self.pm.CustomDist(self.name, *values, dist=new, logp=log_density, **self.observed())

    @property
    def counted(self) -> dict[str, Any]:
        """The same for integers."""
        return self.observed("int64")
