"""Priors raised to a power: most families stay in the family, so that a fit under a scaled prior is a plain fit.

p(x)^alpha, normalised again:

    Normal(mu, s)            Normal(mu, s / sqrt(alpha))
    UnitInformation(mu, s)   UnitInformation(mu, s / sqrt(alpha))
    HalfNormal(s)            HalfNormal(s / sqrt(alpha))
    StudentT(nu, mu, s)      StudentT(nu', mu, s sqrt(nu / nu')),   nu' = alpha (nu + 1) - 1; so the half-t
    Cauchy, HalfCauchy       as a t with nu = 1
    Laplace(mu, b)           Laplace(mu, b / alpha)
    Exponential(lam)         Exponential(alpha lam)
    Gamma(a, b)              Gamma(alpha (a - 1) + 1, alpha b)
    InverseGamma(a, b)       InverseGamma(alpha (a + 1) - 1, alpha b)
    LogNormal(mu, s)         LogNormal(mu + (1 - alpha) s^2 / alpha, s / sqrt(alpha))
    LKJ(eta)                 LKJ(alpha (eta - 1) + 1)
    PC(u, a)                 PC(u, a^alpha)
    Beta(a, b)               Beta(alpha (a - 1) + 1, alpha (b - 1) + 1)
    Dirichlet(a)             Dirichlet(alpha (a - 1) + 1)
    Uniform                  itself

Logistic and Weibull leave their family. The Dirichlet of an ordinal model is a prior of the categories' probabilities,
and that of shares one of shares: those densities are raised to the power, not the ones of cutpoints or sds that follow.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from partialpool.distributions.prior import Prior
from partialpool.errors import PriorError

__all__ = ["power_prior"]


def _student(alpha: float, nu: float, sigma: float) -> tuple[float, float]:
    """Degrees of freedom and scale of a t raised to a power."""
    power = alpha * (nu + 1) - 1
    return power, sigma * np.sqrt(nu / power) if power > 0 else float("nan")


def _half_t(alpha: float, /, nu: float, sigma: float) -> Prior:
    power, scale = _student(alpha, nu, sigma)
    return Prior("HalfStudentT", nu=power, sigma=scale)


def _t(alpha: float, /, nu: float, mu: float, sigma: float) -> Prior:
    power, scale = _student(alpha, nu, sigma)
    return Prior("StudentT", nu=power, mu=mu, sigma=scale)


_POWERS: Final[Mapping[str, Callable[..., Prior]]] = MappingProxyType(
    {
        "Normal": lambda p, /, mu, sigma: Prior("Normal", mu=mu, sigma=sigma / np.sqrt(p)),
        "UnitInformation": lambda p, /, mu, sigma: Prior("UnitInformation", mu=mu, sigma=sigma / np.sqrt(p)),
        "HalfNormal": lambda p, /, sigma: Prior("HalfNormal", sigma=sigma / np.sqrt(p)),
        "StudentT": _t,
        "HalfStudentT": _half_t,
        "Cauchy": lambda p, /, alpha, beta: _t(p, 1.0, alpha, beta),
        "HalfCauchy": lambda p, /, beta: _half_t(p, 1.0, beta),
        "Laplace": lambda p, /, mu, b: Prior("Laplace", mu=mu, b=b / p),
        "Exponential": lambda p, /, lam: Prior("Exponential", lam=p * lam),
        "Gamma": lambda p, /, alpha, beta: Prior("Gamma", alpha=p * (alpha - 1) + 1, beta=p * beta),
        "InverseGamma": lambda p, /, alpha, beta: Prior("InverseGamma", alpha=p * (alpha + 1) - 1, beta=p * beta),
        "LogNormal": lambda p, /, mu, sigma: Prior(
            "LogNormal", mu=mu + (1 - p) * sigma**2 / p, sigma=sigma / np.sqrt(p)
        ),
        "LKJ": lambda p, /, eta: Prior("LKJ", eta=p * (eta - 1) + 1),
        "PC": lambda p, /, u, a: Prior("PC", u=u, a=a**p),
        "Beta": lambda p, /, alpha, beta: Prior("Beta", alpha=p * (alpha - 1) + 1, beta=p * (beta - 1) + 1),
        "Dirichlet": lambda p, /, a: Prior("Dirichlet", a=p * (a - 1) + 1),
        "DiracDelta": lambda p, /, c: Prior("DiracDelta", c=c),
        "Uniform": lambda p, /, lower, upper: Prior("Uniform", lower=lower, upper=upper),
    }
)


def power_prior(prior: Prior, alpha: float) -> Prior:
    """Return the prior whose density is proportional to another's to the power alpha.

    Parameters
    ----------
    prior
        Any but Logistic and Weibull.
    alpha
        Above 0: below 1 the prior says less, above it says more.

    Raises
    ------
    PriorError
        The power is no density of a known family: a Logistic or Weibull; a heavy tail that no longer ends.

    Examples
    --------
    >>> power_prior(Prior("HalfNormal", sigma=2), 4.0)
    Prior('HalfNormal', sigma=1)
    """
    if prior.distribution in _POWERS and alpha > 0:
        try:
            power = _POWERS[prior.distribution](alpha, **prior.arguments)
            return power if prior.lower is None else Prior(power.distribution, **power.stated, lower=prior.lower)
        except PriorError:
            pass  # an argument out of range, told below in the words of the question
    raise PriorError(
        "this prior to this power is no prior of a known family",
        got=f"{prior} to the power {alpha:g}",
        allowed=f"a positive power of {', '.join(_POWERS)} that has a finite integral",
        do="compare priors by name instead, by pp.prior_grid",
    )
