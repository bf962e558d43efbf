"""Description of a prior's distribution: its arguments, its support, and how each part of the package computes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

__all__ = [
    "BETA",
    "CAUCHY",
    "EXPONENTIAL",
    "GAMMA",
    "INVERSE_GAMMA",
    "JOINT",
    "LAPLACE",
    "LOGISTIC",
    "LOG_NORMAL",
    "NORMAL",
    "PARTIAL_CORRELATION",
    "STUDENT_T",
    "UNIFORM",
    "WEIBULL",
    "Distribution",
    "Role",
    "Support",
]

Role = Literal["location", "scale", "rate", "log_location", "shape"]
Support = Literal["real", "coefficients", "positive", "unit", "simplex", "correlation", "fixed"]

(
    NORMAL,
    STUDENT_T,
    CAUCHY,
    LAPLACE,
    LOGISTIC,
    UNIFORM,
    EXPONENTIAL,
    GAMMA,
    INVERSE_GAMMA,
    LOG_NORMAL,
    WEIBULL,
    PARTIAL_CORRELATION,
    JOINT,
    BETA,
) = range(14)
"""The shapes of density in the compiled kernel (`distributions/density_kernel.py`), up to a constant: a
half-distribution has the shape of the whole one."""


@dataclass(frozen=True, eq=False)
class Distribution:
    """One distribution of priors.

    Attributes
    ----------
    name
        As in PyMC, where PyMC has it.
    support
        The set on which it has its mass.
    roles
        Its arguments in order, each with its behaviour under a change of units.
    scipy
        From arguments to SciPy's distribution; None for distributions of more than one number.
    kernel
        Shape of the density, and a function from arguments to (location, scale or rate, shape, log constant).
    power
        From (alpha, arguments) to name and arguments of the distribution whose density is proportional to this density
        to the power alpha; None where that belongs to no family here.
    standard
        From arguments to name and arguments of the same distribution under PyMC's name; None where the name is the
        same.
    half_of
        From arguments to name and arguments of PyMC's distribution whose upper half this is; None where PyMC has it.
    """

    name: str
    support: Support
    roles: Mapping[str, Role]
    scipy: Callable[..., Any] | None = None
    kernel: tuple[int, Callable[..., tuple[float, ...]]] | None = None
    power: Callable[..., tuple[str, dict[str, float]]] | None = None
    standard: Callable[..., tuple[str, dict[str, float]]] | None = None
    half_of: Callable[..., tuple[str, dict[str, float]]] | None = None

    def __post_init__(self) -> None:
        """Make the roles, given as a dictionary in the table, immutable."""
        object.__setattr__(self, "roles", MappingProxyType(dict(self.roles)))

    @property
    def unbounded(self) -> frozenset[str]:
        """The location arguments, which may be negative; all other arguments must be positive."""
        return frozenset(name for name, role in self.roles.items() if role in ("location", "log_location"))
