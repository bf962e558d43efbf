"""Base classes of the links.

Effects enter the mean only through the linear predictor, as a sum of normals. Integrating out any number of them is
therefore a single integral, E m(eta + u), u ~ N(0, s), m the inverse link. It has a closed form for the identity, log,
square-root and probit links,

    eta,   exp(eta + s / 2),   eta^2 + s,   Phi(eta / sqrt(1 + s)),

and is computed by the trapezoidal rule for logit and cloglog (`families/normal_integral.py`).
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, override

import numpy as np

from partialpool.families.normal_integral import mean_over_normal

if TYPE_CHECKING:
    import pytensor.tensor as pt

__all__ = ["IntegratedLink", "Link", "ProbabilityLink"]


class Link(ABC):
    """A function from the mean of a response to the linear predictor, elementwise on arrays."""

    name: ClassVar[str]
    is_identity: ClassVar[bool] = False
    has_closed_mean: ClassVar[bool] = True
    """Whether the mean over a normal linear predictor has a closed form."""
    takes_any_predictor: ClassVar[bool] = True
    """Whether every linear predictor corresponds to a valid mean; otherwise only those above 0 do."""
    written_location: ClassVar[str] = ""
    """The link of the mean response in words, for links with units, where the intercept's prior uses the data."""
    coefficients_are_log_ratios: ClassVar[bool] = False
    """Whether adding to the linear predictor multiplies the mean."""
    coefficient_ratio: ClassVar[str] = ""
    """Name of exp(coefficient), as a heading; empty where it has none."""
    is_increasing: ClassVar[bool] = True
    """Whether the mean increases with every linear predictor, so that intervals of one are intervals of the other."""
    unit_in_words: ClassVar[str] = ""
    """Name of the linear predictor's unit; empty where it is the response's."""
    as_function: ClassVar[str] = ""
    """Name of the inverse as a function, where it has one."""

    @abstractmethod
    def inverse(self, eta: np.ndarray) -> np.ndarray:
        """Return the mean at a linear predictor."""

    @abstractmethod
    def forward(self, mean: np.ndarray) -> np.ndarray:
        """Return the linear predictor at a mean."""

    @abstractmethod
    def slope(self, eta: np.ndarray) -> np.ndarray:
        """Return d mean / d linear predictor, at a linear predictor."""

    @abstractmethod
    def forward_slope(self, mean: np.ndarray) -> np.ndarray:
        """Return d linear predictor / d mean, at a mean."""

    @abstractmethod
    def tensor_inverse(self, eta: "pt.TensorVariable", pt: Any) -> "pt.TensorVariable":
        """Return the mean at a linear predictor, in PyTensor."""

    @abstractmethod
    def mean_over_normal(self, eta: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """Return E m(eta + u), u ~ N(0, spread), elementwise."""

    @abstractmethod
    def covariance_over_normal(self, eta: np.ndarray, shared: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """Return Cov(m(eta + w + r), m(eta + w + r')), w ~ N(0, shared), r and r' ~ N(0, spread - shared), elementwise.

        With m1 = E m(eta + u), u ~ N(0, v), v = spread and s = shared:

            identity   s
            log        m1^2 (e^s - 1)
            sqrt       4 eta^2 s + 2 s^2
            probit     Phi2(h, h; rho) - m1^2,   h = eta / sqrt(1 + v), rho = s / (1 + v),
                       Phi2(h, h; rho) = Phi(h) - 2 T(h, sqrt((1 - rho) / (1 + rho)))   (Owen 1956)
            logit, cloglog   E (E[m | w] - m1)^2, both by the trapezoidal rule

        Parameters
        ----------
        eta, shared, spread
            Linear predictor, and variances with shared <= spread, of one shape.
        """

    def population_mean(self, eta: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """Return E m(eta + u) where it has a closed form; else the mean at the typical level, u = 0.

        Under logit and cloglog the delta method is applied at the typical level, since a mean over groups would flatten
        the slope.
        """
        return self.mean_over_normal(eta, spread) if self.has_closed_mean else self.inverse(eta)

    def variance_of_prediction(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Return the variance of a response on the scale of the linear predictor: delta method, Var(y) (d link)^2."""
        return variance * self.forward_slope(mean) ** 2

    def words_of_variance(self, formula: str) -> str:
        """Describe how `variance_of_prediction` follows from a formula for Var(y | mean)."""
        return f"delta method, Var = {formula}"

    def observed_sd(self, y: np.ndarray, shift: np.ndarray) -> float | None:
        """Return the sd of the data minus the offset, on the scale of the linear predictor; None if not defined."""
        return None

    def name_predictor(self, mean: str) -> str:
        """Name the linear predictor of a mean that has a name: `log expected visits`."""
        return f"{self.name} {mean}"

    @property
    def units_in_words(self) -> str:
        """The units of the linear predictor, in words: empty for the identity, else `log odds` or `probit units`."""
        return "" if self.is_identity else f"{self.name} units"

    @property
    def scale_in_words(self) -> str:
        """The words after "sd ...": empty for the identity, else " on the log scale"."""
        return "" if self.is_identity else f" on the {self.name} scale"


class ProbabilityLink(Link):
    """A link for probabilities; it corresponds to a latent variable of known variance."""

    latent_variance: ClassVar[float]
    is_symmetric: ClassVar[bool] = True
    """Whether a failure at eta is a success at -eta."""

    @abstractmethod
    def log_success(self, eta: np.ndarray) -> np.ndarray:
        """Return log m(eta): a probability that rounds to 1 still has a logarithm."""

    @abstractmethod
    def log_failure(self, eta: np.ndarray) -> np.ndarray:
        """Return log(1 - m(eta))."""

    @abstractmethod
    def tensor_forward(self, p: "pt.TensorVariable", pt: Any) -> "pt.TensorVariable":
        """Return the linear predictor at a probability, in PyTensor: cutpoints need it."""


class IntegratedLink(ProbabilityLink):
    """A link whose means over a normal are computed by the trapezoidal rule."""

    has_closed_mean = False
    strip: ClassVar[float]
    """Distance from the real line within which the inverse is analytic and bounded."""

    @override
    def mean_over_normal(self, eta: np.ndarray, spread: np.ndarray) -> np.ndarray:
        return mean_over_normal(self.inverse, eta, spread, strip=self.strip)

    @override
    def covariance_over_normal(self, eta: np.ndarray, shared: np.ndarray, spread: np.ndarray) -> np.ndarray:
        rest, mean = np.maximum(spread - shared, 0.0), self.mean_over_normal(eta, spread)
        alone = not rest.any()

        def square(x: np.ndarray, inner: np.ndarray, middle: np.ndarray) -> np.ndarray:
            return ((self.inverse(x) if alone else self.mean_over_normal(x, inner)) - middle) ** 2

        return mean_over_normal(square, eta, shared, rest, mean, strip=self.strip)
