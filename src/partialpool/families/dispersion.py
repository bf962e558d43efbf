"""The variance of a response about its own mean, per family."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

__all__ = ["DISPERSIONS", "dispersion", "expected_dispersion", "tail_inflation"]

_Own = Mapping[str, np.ndarray]

DISPERSIONS: Final[Mapping[str, tuple[str, Callable[[np.ndarray, np.ndarray, _Own], np.ndarray]]]] = MappingProxyType(
    {
        "gaussian": ("sigma^2", lambda m, square, own: np.broadcast_to(own["sigma"] ** 2, m.shape)),
        "student_t": (
            "sigma^2 nu / (nu - 2)",
            lambda m, square, own: np.broadcast_to(own["sigma"] ** 2 * tail_inflation(own["nu"]), m.shape),
        ),
        "lognormal": ("(exp(sigma^2) - 1) mean^2", lambda m, square, own: np.expm1(own["sigma"] ** 2) * square),
        "bernoulli": ("mean (1 - mean)", lambda m, square, own: m - square),
        "binomial": ("mean (1 - mean)", lambda m, square, own: m - square),
        "poisson": ("mean", lambda m, square, own: m),
        "negative_binomial": ("mean + mean^2 / alpha", lambda m, square, own: m + square / own["alpha"]),
        "gamma": ("mean^2 / alpha", lambda m, square, own: square / own["alpha"]),
        "beta": ("mean (1 - mean) / (1 + phi)", lambda m, square, own: (m - square) / (1 + own["phi"])),
    }
)
"""Formula in words, and E Var(y | mean) of E mean, E mean^2 and the family's own parameters; binomial: of one trial."""


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
    return expected_dispersion(family, mean, mean**2, own)


def expected_dispersion(family: str, mean: np.ndarray, square: np.ndarray, own: _Own) -> np.ndarray:
    """Evaluate E Var(y | m) over a distribution of m: every such variance is a polynomial of degree 2 in m.

    Parameters
    ----------
    family, own
        As in `dispersion`.
    mean, square
        E m and E m^2.
    """
    return DISPERSIONS[family][1](mean, square, own)


def tail_inflation(nu: np.ndarray) -> np.ndarray:
    """Return nu / (nu - 2), the variance of a Student t over sigma^2; infinite for nu of 2 or less."""
    return np.divide(nu, nu - 2, out=np.full(np.shape(nu), np.inf), where=np.asarray(nu) > 2)
