"""The distributions of priors, one entry each.

To add one, write its entry here and name it in the docstring of `Prior`. If the compiled kernel does not have the shape
of its density, add the shape to `distributions/density_kernel.py`. `docs/extend.md` has every step.

Powers p(x)^alpha, normalised:

    Normal(mu, s)            Normal(mu, s / sqrt(alpha)), and so the half-normal and the unit information prior
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

Powers of Logistic, HalfLogistic and Weibull are not in the same family.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import scipy
from scipy.special import betaln, gammaln

from partialpool.distributions.distribution import (
    BETA,
    CAUCHY,
    EXPONENTIAL,
    GAMMA,
    INVERSE_GAMMA,
    LAPLACE,
    LOG_NORMAL,
    LOGISTIC,
    NORMAL,
    STUDENT_T,
    UNIFORM,
    WEIBULL,
    Distribution,
)
from partialpool.distributions.scipy_wrappers import Fixed, Folded

__all__ = ["DISTRIBUTIONS"]

_HALF_LOG_2PI: Final = 0.5 * math.log(2 * math.pi)
_LOG_2: Final = math.log(2)
_Power = tuple[str, dict[str, float]]


def _t_constant(nu: float, sigma: float) -> float:
    return float(gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(nu * np.pi) - np.log(sigma))


def _t_power(p: float, nu: float, sigma: float) -> dict[str, float]:
    """Return degrees of freedom and scale of a t raised to a power; NaN where the tail is not integrable."""
    power = p * (nu + 1) - 1
    return {"nu": power, "sigma": sigma * math.sqrt(nu / power) if power > 0 else math.nan}


def _lognormal_power(p: float, mu: float, sigma: float) -> _Power:
    return "LogNormal", {"mu": mu + (1 - p) * sigma**2 / p, "sigma": sigma / math.sqrt(p)}


DISTRIBUTIONS: Final[Mapping[str, Distribution]] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            Distribution(
                "Normal", "real", {"mu": "location", "sigma": "scale"},
                scipy=lambda mu, sigma: scipy.stats.norm(mu, sigma),
                kernel=(NORMAL, lambda mu, sigma: (mu, sigma, 0, -_HALF_LOG_2PI - np.log(sigma))),
                power=lambda p, /, mu, sigma: ("Normal", {"mu": mu, "sigma": sigma / math.sqrt(p)}),
            ),
            Distribution(
                "StudentT", "real", {"nu": "shape", "mu": "location", "sigma": "scale"},
                scipy=lambda nu, mu, sigma: scipy.stats.t(nu, mu, sigma),
                kernel=(STUDENT_T, lambda nu, mu, sigma: (mu, sigma, nu, _t_constant(nu, sigma))),
                power=lambda p, /, nu, mu, sigma: ("StudentT", {"mu": mu, **_t_power(p, nu, sigma)}),
            ),
            Distribution(
                "Cauchy", "real", {"alpha": "location", "beta": "scale"},
                scipy=lambda alpha, beta: scipy.stats.cauchy(alpha, beta),
                kernel=(CAUCHY, lambda alpha, beta: (alpha, beta, 0, -np.log(np.pi * beta))),
                power=lambda p, /, alpha, beta: ("StudentT", {"mu": alpha, **_t_power(p, 1.0, beta)}),
            ),
            Distribution(
                "Laplace", "real", {"mu": "location", "b": "scale"},
                scipy=lambda mu, b: scipy.stats.laplace(mu, b),
                kernel=(LAPLACE, lambda mu, b: (mu, b, 0, -np.log(2 * b))),
                power=lambda p, /, mu, b: ("Laplace", {"mu": mu, "b": b / p}),
            ),
            Distribution(
                "Logistic", "real", {"mu": "location", "s": "scale"},
                scipy=lambda mu, s: scipy.stats.logistic(mu, s),
                kernel=(LOGISTIC, lambda mu, s: (mu, s, 0, -np.log(s))),
            ),
            Distribution(
                "Uniform", "real", {"lower": "location", "upper": "location"},
                scipy=lambda lower, upper: scipy.stats.uniform(lower, upper - lower),
                kernel=(UNIFORM, lambda lower, upper: (lower, upper - lower, 0, -np.log(upper - lower))),
                power=lambda p, /, lower, upper: ("Uniform", {"lower": lower, "upper": upper}),
            ),
            Distribution(
                "UnitInformation", "coefficients", {"mu": "location", "sigma": "scale"},
                power=lambda p, /, mu, sigma: ("UnitInformation", {"mu": mu, "sigma": sigma / math.sqrt(p)}),
            ),
            Distribution(
                "HalfNormal", "positive", {"sigma": "scale"},
                scipy=lambda sigma: scipy.stats.halfnorm(0, sigma),
                kernel=(NORMAL, lambda sigma: (0, sigma, 0, _LOG_2 - _HALF_LOG_2PI - np.log(sigma))),
                power=lambda p, /, sigma: ("HalfNormal", {"sigma": sigma / math.sqrt(p)}),
            ),
            Distribution(
                "HalfStudentT", "positive", {"nu": "shape", "sigma": "scale"},
                scipy=lambda nu, sigma: Folded(scipy.stats.t(nu, 0, sigma)),
                kernel=(STUDENT_T, lambda nu, sigma: (0, sigma, nu, _LOG_2 + _t_constant(nu, sigma))),
                power=lambda p, /, nu, sigma: ("HalfStudentT", _t_power(p, nu, sigma)),
            ),
            Distribution(
                "HalfCauchy", "positive", {"beta": "scale"},
                scipy=lambda beta: scipy.stats.halfcauchy(0, beta),
                kernel=(CAUCHY, lambda beta: (0, beta, 0, _LOG_2 - np.log(np.pi * beta))),
                power=lambda p, /, beta: ("HalfStudentT", _t_power(p, 1.0, beta)),
            ),
            Distribution(
                "HalfLogistic", "positive", {"s": "scale"},
                scipy=lambda s: scipy.stats.halflogistic(0, s),
                kernel=(LOGISTIC, lambda s: (0, s, 0, _LOG_2 - np.log(s))),
                half_of=lambda s: ("Logistic", {"mu": 0.0, "s": s}),
            ),
            Distribution(
                "Exponential", "positive", {"lam": "rate"},
                scipy=lambda lam: scipy.stats.expon(0, 1 / lam),
                kernel=(EXPONENTIAL, lambda lam: (0, lam, 0, np.log(lam))),
                power=lambda p, /, lam: ("Exponential", {"lam": p * lam}),
            ),
            Distribution(
                "Gamma", "positive", {"alpha": "shape", "beta": "rate"},
                scipy=lambda alpha, beta: scipy.stats.gamma(alpha, 0, 1 / beta),
                kernel=(GAMMA, lambda alpha, beta: (0, beta, alpha, alpha * np.log(beta) - gammaln(alpha))),
                power=lambda p, /, alpha, beta: ("Gamma", {"alpha": p * (alpha - 1) + 1, "beta": p * beta}),
            ),
            Distribution(
                "InverseGamma", "positive", {"alpha": "shape", "beta": "scale"},
                scipy=lambda alpha, beta: scipy.stats.invgamma(alpha, 0, beta),
                kernel=(INVERSE_GAMMA, lambda alpha, beta: (0, beta, alpha, alpha * np.log(beta) - gammaln(alpha))),
                power=lambda p, /, alpha, beta: ("InverseGamma", {"alpha": p * (alpha + 1) - 1, "beta": p * beta}),
            ),
            Distribution(
                "LogNormal", "positive", {"mu": "log_location", "sigma": "shape"},
                scipy=lambda mu, sigma: scipy.stats.lognorm(sigma, 0, np.exp(mu)),
                kernel=(LOG_NORMAL, lambda mu, sigma: (mu, sigma, 0, -_HALF_LOG_2PI - np.log(sigma))),
                power=_lognormal_power,
            ),
            Distribution(
                "Weibull", "positive", {"alpha": "shape", "beta": "scale"},
                scipy=lambda alpha, beta: scipy.stats.weibull_min(alpha, 0, beta),
                kernel=(WEIBULL, lambda alpha, beta: (0, beta, alpha, np.log(alpha) - np.log(beta))),
            ),
            Distribution(
                "PC", "positive", {"u": "scale", "a": "shape"},
                # P(sd > u) = a makes the rate -log(a) / u (Simpson, Rue, Riebler, Martins & Sorbye 2017).
                standard=lambda u, a: ("Exponential", {"lam": -math.log(a) / u}),
                power=lambda p, /, u, a: ("PC", {"u": u, "a": a**p}),
            ),
            Distribution(
                "Beta", "unit", {"alpha": "shape", "beta": "shape"},
                scipy=lambda alpha, beta: scipy.stats.beta(alpha, beta),
                kernel=(BETA, lambda alpha, beta: (alpha, beta, 0, -betaln(alpha, beta))),
                power=lambda p, /, alpha, beta: ("Beta", {"alpha": p * (alpha - 1) + 1, "beta": p * (beta - 1) + 1}),
            ),
            Distribution(
                "Dirichlet", "simplex", {"a": "shape"},
                power=lambda p, /, a: ("Dirichlet", {"a": p * (a - 1) + 1}),
            ),
            Distribution(
                "LKJ", "correlation", {"eta": "shape"},
                power=lambda p, /, eta: ("LKJ", {"eta": p * (eta - 1) + 1}),
            ),
            Distribution(
                "DiracDelta", "fixed", {"c": "shape"},
                scipy=lambda c: Fixed(c),
                power=lambda p, /, c: ("DiracDelta", {"c": c}),
            ),
        )
    }
)  # fmt: skip
"""All distributions by name, with PyMC's argument names."""
