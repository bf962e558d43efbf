"""The mean of a count that is 0 with probability hu, else zero-truncated, as a function of the linear predictor.

With lambda = exp(eta), the mean before truncation, and t = -log P(0) of a Poisson (t = lambda) or a negative binomial
(t = alpha log(1 + lambda / alpha)), the counts above 0 have the mean and the variance

    m = lambda / (1 - exp(-t)),   v = m (c lambda - (m - 1)),   c = 1 (+ 1 / alpha),

and d m / d eta = v / (1 + lambda / alpha). m - 1 = lambda g with g between c / 2 and 1, so that means over a normal eta
are those of a bounded function times exponentials: E exp(k u) h(u) = exp(k^2 s / 2) E h(u + k s), u ~ N(0, s).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, override

import numpy as np

from partialpool.families.link import Link
from partialpool.families.normal_integral import mean_over_normal

if TYPE_CHECKING:
    import pytensor.tensor as pt

__all__ = ["CountsAboveZero"]

_STRIP: Final = 1.3
"""Distance from the real line within which g is analytic and bounded: 1 - exp(-exp(eta)) is 0 at distance pi / 2."""
_SMALL: Final = 1e-3
_STEPS: Final = 12
"""Newton steps from a mean to the linear predictor; the function is nearly a line."""
_LARGEST: Final = 700.0
_LEAST: Final = -300.0
"""Below this g is c / 2, and the square of lambda would underflow."""


@dataclass(frozen=True, eq=False)
class CountsAboveZero(Link):
    """The function from the linear predictor to E y.

    Attributes
    ----------
    rest
        1 - hu.
    alpha
        Shape of the negative binomial; None for a Poisson.
    """

    rest: np.ndarray
    alpha: np.ndarray | None = None
    name = "log"
    has_closed_mean = False
    coefficients_are_log_ratios = False
    unit_in_words = "log scale"

    @override
    def inverse(self, eta: np.ndarray) -> np.ndarray:
        return self.rest * (1 + _past(eta, *self._shape))

    @override
    def forward(self, mean: np.ndarray) -> np.ndarray:
        """Solve rest m(eta) = mean by Newton's method in log(m - 1); means up to 1 - hu have none, and get -700."""
        past = np.maximum(mean / self.rest - 1, np.exp(-_LARGEST))
        wanted = np.log(past)
        eta = wanted.copy()
        for _ in range(_STEPS):
            here = np.maximum(_past(eta, *self._shape), np.exp(-_LARGEST))
            eta = np.clip(eta - (np.log(here) - wanted) * here * self.rest / self.slope(eta), -_LARGEST, _LARGEST)
        return eta

    @override
    def slope(self, eta: np.ndarray) -> np.ndarray:
        return self.rest * self._variance_above(eta) * self._damping(eta)

    @override
    def forward_slope(self, mean: np.ndarray) -> np.ndarray:
        return 1 / self.slope(self.forward(mean))

    @override
    def tensor_inverse(self, eta: "pt.TensorVariable", pt: Any) -> "pt.TensorVariable":
        raise NotImplementedError("models in PyMC have the link of the counts before truncation")

    def variance(self, eta: np.ndarray) -> np.ndarray:
        """Evaluate Var(y | eta) = rest v + rest hu m^2."""
        return self.rest * (self._variance_above(eta) + (1 - self.rest) * (1 + _past(eta, *self._shape)) ** 2)

    @override
    def mean_over_normal(self, eta: np.ndarray, spread: np.ndarray) -> np.ndarray:
        return self.rest * (1 + np.exp(eta + spread / 2) * self._mean_of(_relative, eta + spread, spread))

    def variance_over_normal(self, eta: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """Evaluate E Var(y | eta + u) = rest E y^2 of the counts above 0 - rest^2 E m^2, u ~ N(0, spread)."""
        c = 1.0 if self.alpha is None else 1 + 1 / self.alpha
        once, twice = np.exp(eta + spread / 2), np.exp(2 * eta + 2 * spread)
        first = once * self._mean_of(_relative, eta + spread, spread)
        second = twice * self._mean_of(_relative, eta + 2 * spread, spread)
        squares = 1 + 2 * first + twice * self._mean_of(_relative_squared, eta + 2 * spread, spread)
        return self.rest * (1 + c * once + first + c * second) - self.rest**2 * squares

    @override
    def covariance_over_normal(self, eta: np.ndarray, shared: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """Evaluate E (E[m | w])^2 - (E m)^2, both by the trapezoidal rule: E[m | w] = 1 + exp(...) E[g | w]."""
        own = np.maximum(spread - shared, 0.0)
        once, twice = np.exp(eta + spread / 2), np.exp(2 * eta + own + 2 * shared)
        first = once * self._mean_of(_relative, eta + spread, spread)
        eta, shared, own, *shape = np.broadcast_arrays(eta, shared, own, *self._shape)

        def squared(x: np.ndarray, inner: np.ndarray, *alpha: np.ndarray) -> np.ndarray:
            return mean_over_normal(_relative, x, inner, *alpha, strip=_STRIP) ** 2

        both = twice * mean_over_normal(squared, eta + own + 2 * shared, shared, own, *shape, strip=_STRIP)
        return self.rest**2 * np.maximum(both - first**2, 0.0)

    @property
    def _shape(self) -> tuple[np.ndarray, ...]:
        return () if self.alpha is None else (self.alpha,)

    def _mean_of(self, function: Any, eta: np.ndarray, spread: np.ndarray) -> np.ndarray:
        eta, spread, *shape = np.broadcast_arrays(eta, spread, *self._shape)
        return mean_over_normal(function, eta, spread, *shape, strip=_STRIP)

    def _damping(self, eta: np.ndarray) -> np.ndarray:
        """Evaluate 1 / (1 + lambda / alpha)."""
        return np.ones_like(eta) if self.alpha is None else 1 / (1 + np.exp(np.minimum(eta, _LARGEST)) / self.alpha)

    def _variance_above(self, eta: np.ndarray) -> np.ndarray:
        """Evaluate v: for large lambda as m (1 + lambda / alpha - lambda exp(-t) / (1 - exp(-t)))."""
        mean, rate, past = np.exp(np.minimum(eta, _LARGEST)), _rate(eta, *self._shape), _past(eta, *self._shape)
        inverse = 0.0 if self.alpha is None else 1 / self.alpha
        high = np.maximum(mean, 1.0)
        far = 1 + high * inverse - high / np.expm1(np.clip(rate, np.finfo(float).tiny, _LARGEST))
        return (1 + past) * np.where(mean > 1, far, mean * (1 + inverse) - past)


def _rate(eta: np.ndarray, *alpha: np.ndarray) -> np.ndarray:
    """Evaluate t."""
    mean = np.exp(np.minimum(eta, _LARGEST))
    return alpha[0] * np.log1p(mean / alpha[0]) if alpha else mean


def _relative(eta: np.ndarray, *alpha: np.ndarray) -> np.ndarray:
    """Evaluate g = (m - 1) / lambda = (lambda - t + exp(-t) - 1 + t) / (lambda (1 - exp(-t)))."""
    mean = np.exp(np.clip(eta, _LEAST, _LARGEST))
    if not alpha:
        return _excess_of_exp(mean) / (mean * -np.expm1(-mean))
    rate = alpha[0] * np.log1p(mean / alpha[0])
    above = alpha[0] * _excess_of_log(mean / alpha[0]) + _excess_of_exp(rate)
    return above / (mean * -np.expm1(-rate))


def _relative_squared(eta: np.ndarray, *alpha: np.ndarray) -> np.ndarray:
    return _relative(eta, *alpha) ** 2


def _past(eta: np.ndarray, *alpha: np.ndarray) -> np.ndarray:
    """Evaluate m - 1."""
    return np.exp(np.minimum(eta, _LARGEST)) * _relative(eta, *alpha)


def _excess_of_exp(t: np.ndarray) -> np.ndarray:
    """Evaluate exp(-t) - 1 + t, t >= 0."""
    s = np.minimum(t, _SMALL)
    return np.where(t < _SMALL, s * s * (0.5 - s * (1 / 6 - s * (1 / 24 - s / 120))), np.expm1(-t) + t)


def _excess_of_log(r: np.ndarray) -> np.ndarray:
    """Evaluate r - log(1 + r), r >= 0."""
    s = np.minimum(r, _SMALL)
    return np.where(r < _SMALL, s * s * (0.5 - s * (1 / 3 - s * (1 / 4 - s / 5))), r - np.log1p(r))
