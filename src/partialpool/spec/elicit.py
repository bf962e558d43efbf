"""Translate a statement into a prior: "90 % sure that the ICC is between .05 and .3"."""

import math
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from numbers import Real
from types import MappingProxyType
from typing import Any, Final

from partialpool.distributions.frozen import frozen
from partialpool.distributions.prior import Prior
from partialpool.distributions.table import DISTRIBUTIONS
from partialpool.errors import PriorError
from partialpool.spec.keywords import explains_keywords

__all__ = ["elicit"]

_TOLERANCE: Final = 0.005
"""Largest accepted difference between the mass reached between the bounds and the stated mass."""

_LOWEST: Final[Mapping[str, float]] = MappingProxyType({"positive": 0.0, "unit": 0.0, "correlation": -1.0})
_HIGHEST: Final[Mapping[str, float]] = MappingProxyType({"unit": 1.0, "correlation": 1.0})
_FIXED: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {"HalfStudentT": MappingProxyType({"nu": 3.0}), "StudentT": MappingProxyType({"nu": 3.0})}
)
"""Arguments that a statement about one interval does not determine: defaults of this package."""


@explains_keywords
def elicit(distribution: str, *, between: Sequence[float], mass: float = 0.9, **fixed: float) -> Prior:
    """Find the prior that puts a stated mass between two values.

    Among the distributions of the family that do, the one of maximum entropy is taken: it adds the least information
    beyond the statement (PreliZ's `maxent`). In TOML:
    `icc = { distribution = "Beta", between = [0.05, 0.3], mass = 0.9 }`.

    Parameters
    ----------
    distribution
        A family of `Prior`, by name. For an sd: `HalfNormal`, `Gamma`, `PC`, ...; for an ICC: `Beta`; for a fixed
        effect: `Normal`, ...; for the correlation of two effects: `LKJ`, with an interval that is symmetric about 0.
    between
        The two values, on the scale of the parameter. Families with one argument (half-normal, exponential) have
        their mode at 0 and take `(0, u)`: "90 % sure that the sd is below u".
    mass
        Probability of the interval, between 0 and 1.
    **fixed
        Known arguments of the distribution. `nu` of a Student t is 3 if not given: an interval does not determine it.

    Raises
    ------
    PriorError
        Unknown distribution; bounds that are not an interval within its support; a mass that is not a probability; no
        distribution of the family that satisfies the statement.

    Examples
    --------
    >>> elicit("PC", between=(0, 10), mass=0.95)
    Prior('PC', u=10, a=0.05)
    >>> elicit("HalfNormal", between=(0, 20), mass=0.9)
    Prior('HalfNormal', sigma=12.1591)
    >>> elicit("Beta", between=(0.05, 0.3), mass=0.9)
    Prior('Beta', alpha=3.91..., beta=18.1...)
    """
    low, high = _interval(distribution, between)
    if isinstance(mass, bool) or not isinstance(mass, Real) or not 0 < mass < 1:
        raise PriorError(
            "mass must be a probability", got=repr(mass), allowed="between 0 and 1", do="for instance mass=0.9"
        )
    unknown = set(fixed) - (set() if distribution in ("PC", "LKJ") else set(DISTRIBUTIONS[distribution].roles))
    if unknown:
        raise PriorError(
            f"unknown argument of a {distribution} prior",
            got=", ".join(sorted(unknown)),
            allowed="between, mass, and arguments of the distribution that are known",
            do="correct or remove it",
        )
    if fixed and set(fixed) == set(DISTRIBUTIONS[distribution].roles):
        raise PriorError(
            "every argument of the prior is already given",
            got=", ".join(f"{name}={value:g}" for name, value in fixed.items()),
            allowed="at least one argument left out",
            do=f"leave one out, or write Prior({distribution!r}, ...)",
        )
    if distribution == "PC":
        return _penalised(low, high, mass)
    if distribution == "LKJ":
        return _correlated(low, high, mass)
    if set(DISTRIBUTIONS[distribution].roles.values()) in ({"scale"}, {"rate"}):
        return _below(distribution, (low, high), mass)
    return _most_entropy(distribution, (low, high), mass, {**_FIXED.get(distribution, {}), **fixed})


def _interval(distribution: str, between: Sequence[float]) -> tuple[float, float]:
    if not isinstance(distribution, str) or distribution not in DISTRIBUTIONS or distribution == "Dirichlet":
        Prior(distribution)  # raises the usual error for an unknown name
        raise PriorError(
            "a statement about one interval does not determine a Dirichlet prior",
            got=repr(distribution),
            allowed="a distribution of one parameter",
            do="state the ICC with a Beta prior, and give the concentrations of the shares yourself",
        )
    support = DISTRIBUTIONS[distribution].support
    lowest, highest = _LOWEST.get(support, -math.inf), _HIGHEST.get(support, math.inf)
    tolist = getattr(between, "tolist", None)  # a NumPy array, recognised by its method
    between = tolist() if callable(tolist) else between
    listed = list(between) if isinstance(between, Sequence) and not isinstance(between, str) else []
    numbers = [float(x) for x in listed if isinstance(x, Real) and not isinstance(x, bool) and math.isfinite(x)]
    if len(listed) != 2 or len(numbers) != 2 or not lowest <= numbers[0] < numbers[1] <= highest:
        raise PriorError(
            f"between must be an interval of values that a {distribution} can take",
            got=repr(between),
            allowed=f"(low, high) with {lowest:g} <= low < high <= {highest:g}",
            do="for instance between=(0.05, 0.3)",
        )
    return numbers[0], numbers[1]


def _penalised(low: float, high: float, mass: float) -> Prior:
    """Return the PC prior with P(sd > u) = a, which is the statement itself."""
    if low != 0:
        raise PriorError(
            "a penalised-complexity prior has its mode at 0",
            got=f"between=({low:g}, {high:g})",
            allowed="(0, u): mass is the probability that the sd is below u",
            do="start at 0, or take a Gamma or LogNormal prior",
        )
    return Prior("PC", u=high, a=1 - mass)


def _below(distribution: str, interval: tuple[float, float], mass: float) -> Prior:
    """Solve for one scale or rate: u is the scale times the quantile of the unit distribution, P(x < u) = mass."""
    low, high = interval
    if low != 0:
        _refuse(distribution, interval, mass)
    (name, role), *_ = DISTRIBUTIONS[distribution].roles.items()
    scale = high / float(frozen(Prior(distribution, **{name: 1.0})).ppf(mass))
    return Prior(distribution, **{name: scale if role == "scale" else 1 / scale})


def _correlated(low: float, high: float, mass: float) -> Prior:
    """Solve for eta, for two effects: (r + 1) / 2 ~ Beta(eta, eta), whose mass between +-r grows with eta."""
    optimize, stats = import_module("scipy.optimize"), import_module("scipy.stats")

    if low != -high:
        raise PriorError(
            "an LKJ prior is symmetric about 0",
            got=f"between=({low:g}, {high:g})",
            allowed="(-r, r) with r below 1",
            do="give the same number with both signs",
        )

    def excess(log_eta: float) -> float:
        eta = math.exp(log_eta)
        return 1 - 2 * float(stats.beta(eta, eta).cdf((1 - high) / 2)) - mass

    ends = math.log(1e-3), math.log(1e6)
    if not (high < 1 and excess(ends[0]) < 0 < excess(ends[1])):
        _refuse("LKJ", (low, high), mass)
    return Prior("LKJ", eta=math.exp(optimize.brentq(excess, *ends)))


def _most_entropy(distribution: str, interval: tuple[float, float], mass: float, fixed: Mapping[str, float]) -> Prior:
    """Use PreliZ, and check that its result has the stated mass."""
    preliz = _preliz()
    roles = DISTRIBUTIONS[distribution].roles
    found: Any = getattr(preliz, distribution)(**fixed)
    with warnings.catch_warnings():
        # PreliZ warns where the mass cannot be reached; the check below raises an error instead.
        warnings.simplefilter("ignore")
        try:
            preliz.maxent(found, *interval, mass, plot=False)
            reached = float(found.cdf(interval[1]) - found.cdf(interval[0]))
        except (ValueError, ZeroDivisionError, OverflowError):
            reached = math.nan
    if not abs(reached - mass) <= _TOLERANCE:
        _refuse(distribution, interval, mass)
    return Prior(distribution, **{name: float(found.params_dict[name]) for name in roles})


def _preliz() -> Any:
    """Import PreliZ (three seconds), and restore the setting for saved figures that the import changes."""
    settings = import_module("matplotlib").rcParams
    before = settings["savefig.bbox"]
    preliz = import_module("preliz")
    settings["savefig.bbox"] = before
    return preliz


def _refuse(distribution: str, interval: tuple[float, float], mass: float) -> None:
    raise PriorError(
        f"no {distribution} prior satisfies this statement",
        got=f"{100 * mass:g} % between {interval[0]:g} and {interval[1]:g}",
        allowed="an interval and a mass that a distribution of this family can have",
        do="change the interval (from 0 for a family with its mode at 0), or use a family with more arguments",
    )
