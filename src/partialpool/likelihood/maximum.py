"""The result of maximum likelihood, as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

__all__ = ["EXACT", "LAPLACE", "OBSERVED", "QUADRATURE", "SINGULAR", "Maximum", "OfPredictor"]

SINGULAR: Final = 1e-4
"""Smallest diagonal element of a relative Cholesky factor that counts as above 0, as in lme4."""
EXACT: Final = "exactly"
QUADRATURE: Final = "by adaptive quadrature"
LAPLACE: Final = "by Laplace's approximation"
OBSERVED: Final = "by Laplace's approximation with the observed information"


@dataclass(frozen=True, eq=False)
class OfPredictor:
    """Estimates of the predictor of a parameter of the family, on the scale of its link.

    Attributes
    ----------
    beta, covariance, sd, corr, modes, relative
        As those of the mean's predictor in `Maximum`.
    """

    beta: np.ndarray
    covariance: np.ndarray
    sd: tuple[np.ndarray, ...]
    corr: tuple[np.ndarray, ...]
    modes: tuple[np.ndarray, ...]
    relative: tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class Maximum:
    """A maximum of the likelihood, in the units of the data.

    Attributes
    ----------
    log_likelihood
        Log likelihood at the maximum; for REML, the restricted one.
    beta, covariance
        Coefficients (coefs,) and their covariance, (coefs, coefs): for a normal response given the variances; for
        others from the Hessian in all parameters, given those at the end of their range.
    sigma
        Residual sd; None if it is known, or the response is not normal.
    sd, corr
        Per factor: (effects,), (effects, effects).
    modes
        Conditional modes of the group effects per factor, (levels, effects).
    relative
        Per factor the diagonal of the relative Cholesky factor, Sigma / sigma^2 = L L', of effects at the predictors'
        means, columns scaled to sd 1, (effects,): the sd of each effect given those before it, in residual sds; sigma
        is 1 for a response that is not normal.
    no_residual
        Whether the maximum of the likelihood is at a residual sd of 0; `sigma` is then near 0.
    steepest
        Largest element of the gradient at the end, in log likelihood per unit of a relative Cholesky factor; elements
        at their bound are left out. For a response that is not normal, per standard error of a parameter.
    own
        The family's own parameters by name, (1,), or (1, cutpoints); empty for a normal response.
    method
        How group effects were integrated out.
    estimated
        Names of the family's own parameters that are estimated; the model may fix others.
    at_end
        Names of those about which the data say nothing: their estimate is at the end of their range.
    residual
        Where residuals have several sds or are correlated, in place of sigma: `sigma`, () or (strata,), and
        `residual_corr`, () or (visits, visits).
    parameters
        Estimates of the predictors of the family's parameters, by parameter.
    across
        Correlations of the effects over a factor of several predictors, by factor, (effects, effects).
    """

    log_likelihood: float
    beta: np.ndarray
    covariance: np.ndarray
    sigma: float | None
    sd: tuple[np.ndarray, ...]
    corr: tuple[np.ndarray, ...]
    modes: tuple[np.ndarray, ...]
    relative: tuple[np.ndarray, ...]
    no_residual: bool
    steepest: float
    own: Mapping[str, np.ndarray]
    method: str
    estimated: tuple[str, ...] = ()
    at_end: tuple[str, ...] = ()
    residual: Mapping[str, np.ndarray] = MappingProxyType({})
    parameters: Mapping[str, OfPredictor] = MappingProxyType({})
    across: Mapping[str, np.ndarray] = MappingProxyType({})

    @property
    def singular(self) -> bool:
        """Whether one of `relative` is below 1e-4, or the residual sd is 0."""
        each = (self.relative, *(one.relative for one in self.parameters.values()))
        return self.no_residual or any(bool((diagonal < SINGULAR).any()) for own in each for diagonal in own)
