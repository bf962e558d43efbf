"""The variance of a response about its own mean, per family."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

__all__ = ["DISPERSIONS", "dispersion"]

_Own = Mapping[str, np.ndarray]

DISPERSIONS: Final[Mapping[str, tuple[str, Callable[[np.ndarray, _Own], np.ndarray]]]] = MappingProxyType(
    {
        "gaussian": ("sigma^2", lambda m, own: np.broadcast_to(own["sigma"] ** 2, m.shape)),
        "student_t": (
            "sigma^2 nu / (nu - 2)",
            lambda m, own: np.broadcast_to(own["sigma"] ** 2 * _tail(own["nu"]), m.shape),
        ),
        "lognormal": ("(exp(sigma^2) - 1) mean^2", lambda m, own: np.expm1(own["sigma"] ** 2) * m**2),
        "bernoulli": ("mean (1 - mean)", lambda m, own: m * (1 - m)),
        "binomial": ("mean (1 - mean)", lambda m, own: m * (1 - m)),
        "poisson": ("mean", lambda m, own: m),
        "negative_binomial": ("mean + mean^2 / alpha", lambda m, own: m + m**2 / own["alpha"]),
        "gamma": ("mean^2 / alpha", lambda m, own: m**2 / own["alpha"]),
        "beta": ("mean (1 - mean) / (1 + phi)", lambda m, own: m * (1 - m) / (1 + own["phi"])),
    }
)
"""Formula in words, and Var(y | mean) with the family's own parameters; binomial: of one trial."""


def dispersion(family: str, mean: np.ndarray, own: _Own) -> np.ndarray:
    """Evaluate Var(y | mean), elementwise; infinite for a Student t of 2 degrees of freedom or fewer.

    Parameters
    ----------
    family
        Any but `cumulative`, whose categories have no variance.
    mean
        Mean of the response; binomial: of one trial.
    own
        The family's parameters, broadcastable to `mean`; known standard errors stand for `sigma`.

    Examples
    --------
    >>> dispersion("negative_binomial", np.array([2.0]), {"alpha": np.array([4.0])})
    array([3.])
    """
    return DISPERSIONS[family][1](mean, own)


def _tail(nu: np.ndarray) -> np.ndarray:
    return np.divide(nu, nu - 2, out=np.full(np.shape(nu), np.inf), where=np.asarray(nu) > 2)
