"""Priors as plain records: the name of a distribution and its arguments, with PyMC's names.

PyMC is not imported here. The table of distributions defines the arguments of each, their allowed values, and
their behaviour under a change of units, so that a prior stated on the original scale can be
used by a sampler that works on a unit scale.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from partialpool.distributions.distribution import Role, Support
from partialpool.distributions.table import DISTRIBUTIONS
from partialpool.errors import PriorError, nearest

__all__ = ["Prior"]

_CALLED: Final = re.compile(r"(\w+)\s*(?:\(([^()]*)\))?")
"""A name, or a call in R's notation."""
_RESCALE: Final[Mapping[Role, Callable[[float, float], float]]] = MappingProxyType(
    {
        "location": lambda value, unit: value / unit,
        "scale": lambda value, unit: value / unit,
        "rate": lambda value, unit: value * unit,
        "log_location": lambda value, unit: value - math.log(unit),
        "shape": lambda value, unit: value,
    }
)


@dataclass(frozen=True, init=False, repr=False)
class Prior:
    """A prior: the name of a distribution and its arguments, as in PyMC.

    Parameters
    ----------
    distribution
        One of `DISTRIBUTIONS`: Normal, StudentT, Cauchy, Laplace, Logistic, Uniform (real line);
        HalfNormal, HalfStudentT, HalfCauchy, HalfLogistic, Exponential, Gamma, InverseGamma, LogNormal, Weibull
        (positive); PC (a penalised-complexity prior of an sd, P(sd > u) = a); Beta (a share of variance); Dirichlet
        (cutpoints, several shares); LKJ (correlations); UnitInformation (all fixed effects together, see `pp.priors`);
        DiracDelta (a family's own `nu`, `alpha` or `phi`, fixed at c).
    **arguments
        All arguments of the distribution, finite numbers on the original scale of the parameter. In addition, `lower`
        truncates a positive distribution from below: for a family's own `nu`, `alpha` or `phi`.

    Raises
    ------
    PriorError
        Unknown distribution; unknown, missing or impossible argument.

    Examples
    --------
    >>> Prior("Normal", mu=0, sigma=20)
    Prior('Normal', mu=0, sigma=20)
    >>> Prior("HalfNormal", sigma=50) == Prior("HalfNormal", sigma=50.0)
    True
    >>> print(Prior("Gamma", alpha=2, beta=0.1, lower=2))
    Gamma(alpha=2, beta=0.1, lower=2)
    """

    distribution: str
    items: tuple[tuple[str, float], ...]
    lower: float | None
    """Lower truncation; None for no truncation. The bound of a Uniform prior is an argument instead."""

    def __init__(self, distribution: str, /, *unnamed: object, **arguments: float) -> None:
        if not isinstance(distribution, str) or distribution not in DISTRIBUTIONS:
            raise PriorError(
                "unknown distribution for a prior",
                got=", ".join(map(_short, (distribution, *unnamed))),
                allowed=nearest(str(distribution), DISTRIBUTIONS),
                do=_advice_on_name(distribution, unnamed),
            )
        if unnamed:
            raise PriorError(
                f"an argument of {distribution} has no name",
                got=", ".join(map(_short, unnamed)),
                allowed=", ".join(f"{name}=..." for name in DISTRIBUTIONS[distribution].roles),
                do=f"write {_with_names(distribution, unnamed)}",
            )
        roles = DISTRIBUTIONS[distribution].roles
        can_truncate = DISTRIBUTIONS[distribution].support == "positive"
        lower = arguments.pop("lower", None) if can_truncate else None
        if set(arguments) != set(roles):
            raise PriorError(
                f"wrong arguments for {distribution}",
                got=", ".join(arguments) or "none",
                allowed=", ".join(roles) + (", and lower to truncate" if can_truncate else ""),
                do=f"write Prior({distribution!r}, {', '.join(f'{a}=...' for a in roles)})",
            )
        object.__setattr__(self, "distribution", distribution)
        object.__setattr__(self, "items", tuple((name, _number(arguments[name])) for name in roles))
        object.__setattr__(self, "lower", None if lower is None else _number(lower))
        self._check_values()

    def _check_values(self) -> None:
        if self.lower is not None and not self.lower > 0:
            raise PriorError(
                f"the truncation of {self.distribution} must be above 0",
                got=f"lower={self.lower:g}",
                allowed="a number above 0",
                do="leave lower out, or increase it",
            )
        positive = [a for a in self.arguments if a not in DISTRIBUTIONS[self.distribution].unbounded]
        for name in positive:
            if not self.arguments[name] > 0:
                raise PriorError(
                    f"impossible argument {name} of {self.distribution}",
                    got=f"{name}={self.arguments[name]:g}",
                    allowed="a number above 0",
                    do=f"change {name}",
                )
        if self.distribution == "PC" and not self.arguments["a"] < 1:
            raise PriorError(
                "a must be a probability",
                got=f"a={self.arguments['a']:g}",
                allowed="between 0 and 1: P(sd > u) = a",
                do="for instance Prior('PC', u=10, a=0.05): 5 % sure that the sd is above 10",
            )
        if self.distribution == "Uniform" and not self.arguments["lower"] < self.arguments["upper"]:
            raise PriorError(
                "a Uniform prior needs lower < upper",
                got=repr(self),
                allowed="lower below upper",
                do="swap or change the bounds",
            )

    @property
    def arguments(self) -> dict[str, float]:
        """The distribution's own arguments by name, in PyMC's order."""
        return dict(self.items)

    @property
    def stated(self) -> dict[str, float]:
        """The stated arguments by name, with `lower` for a truncated prior."""
        return self.arguments | ({} if self.lower is None else {"lower": self.lower})

    @property
    def support(self) -> Support:
        """The support of the distribution: real, coefficients, positive, unit, simplex, correlation or fixed."""
        return DISTRIBUTIONS[self.distribution].support

    @property
    def standard(self) -> "Prior":
        """The same prior under PyMC's name.

        A penalised-complexity prior of an sd is exponential in the distance from the model without the effect
        (Simpson, Rue, Riebler, Martins & Sorbye 2017): P(sd > u) = a makes its rate -log(a) / u.

        Examples
        --------
        >>> Prior("PC", u=10, a=0.05).standard
        Prior('Exponential', lam=0.299573)
        """
        same = DISTRIBUTIONS[self.distribution].standard
        if same is None:
            return self
        name, arguments = same(**self.arguments)
        return Prior(name, **arguments, **({} if self.lower is None else {"lower": self.lower}))

    def in_units_of(self, unit: float) -> "Prior":
        """Return the prior of `parameter / unit`, where this is the prior of `parameter`.

        Examples
        --------
        >>> Prior("Normal", mu=10, sigma=20).in_units_of(10)
        Prior('Normal', mu=1, sigma=2)
        """
        if not (unit > 0 and math.isfinite(unit)):
            raise PriorError(
                "a unit must be a positive number", got=repr(unit), allowed="above 0", do="rescale the data"
            )
        roles = DISTRIBUTIONS[self.distribution].roles
        cut = {} if self.lower is None else {"lower": self.lower / unit}
        return Prior(self.distribution, **{a: _RESCALE[roles[a]](v, unit) for a, v in self.items}, **cut)

    def __repr__(self) -> str:
        return f"Prior({self.distribution!r}, {', '.join(f'{a}={v:.6g}' for a, v in self.stated.items())})"

    def __str__(self) -> str:
        """Write as in a paper: `Normal(mu=0, sigma=20)`."""
        return f"{self.distribution}({', '.join(f'{a}={v:.4g}' for a, v in self.stated.items())})"


def _advice_on_name(given: object, unnamed: tuple[object, ...]) -> str:
    """Advise on a distribution that does not exist: other spellings, and R's notation `normal(0, 1)`."""
    usual = "pick one of these, with PyMC's argument names"
    called = _CALLED.fullmatch(given.strip()) if isinstance(given, str) else None
    if called is None:
        return usual
    values = unnamed or tuple(value.strip() for value in (called[2] or "").split(",") if value.strip())
    same = next((name for name in DISTRIBUTIONS if name.lower() == called[1].replace("_", "").lower()), "")
    if same and not values:
        return f"write {same!r}: names are case-sensitive"
    if same:
        return f"write {_with_names(same, values)}: names are case-sensitive, and arguments have names"
    return usual


def _with_names(distribution: str, values: tuple[object, ...]) -> str:
    """Write a prior with the names of its arguments, and the given values where there are as many."""
    names = DISTRIBUTIONS[distribution].roles
    written = [_short(value).strip("'") for value in values] if len(values) == len(names) else ["..."] * len(names)
    return f"pp.Prior({distribution!r}, {', '.join(f'{n}={v}' for n, v in zip(names, written, strict=True))})"


def _short(value: object) -> str:
    return repr(value)[:80]


def _number(value: object) -> float:
    """Return a finite number as float; refuse anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        item = getattr(value, "item", None)
        value = item() if callable(item) and getattr(value, "size", 0) == 1 else value
    try:
        number = math.nan if isinstance(value, bool) or not isinstance(value, (int, float)) else float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise PriorError(
            "arguments of a prior must be finite numbers",
            got=repr(value)[:80],
            allowed="one int or float",
            do="give a number; to give each coefficient its own prior, name them: 'beta[x]', 'sd_g[x]'",
        )
    return number
