"""Families: which response each takes, which links, which parameters of its own and their default priors.

A family is data. Its density in PyMC lives in `pymc_model/likelihood.py`, in NumPy in `model/`;
a test holds the two against each other.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from partialpool.errors import SpecError, nearest
from partialpool.spec.priors import Prior

__all__ = ["FAMILIES", "LATENT_VARIANCE", "Family", "family_named"]

Kind = Literal["real", "positive", "proportion", "binary", "successes", "count", "ordinal"]


@dataclass(frozen=True)
class Family:
    """A response distribution.

    Attributes
    ----------
    name
        As written in a specification.
    kind
        What the response must be: `real`, `positive` (> 0), `proportion` (0 < y < 1), `binary` (0/1,
        boolean or two categories), `successes` (of trials, from `p(successes, trials)`), `count`
        (0, 1, 2, ...), `ordinal` (ordered categories).
    links
        The links it knows, the default first.
    parameters
        Its own parameters with their default prior; a prior is in units of the response's sd where
        `in_response_units` names the parameter.
    """

    name: str
    kind: Kind
    links: tuple[str, ...]
    parameters: tuple[tuple[str, Prior], ...] = ()
    in_response_units: frozenset[str] = frozenset()
    on_log_scale: bool = False
    """The location describes log(y), so that scales come from log(y) (lognormal)."""

    @property
    def is_latent(self) -> bool:
        """Whether a latent variable of known variance stands behind the response."""
        return self.kind in ("binary", "successes", "ordinal")

    @property
    def is_continuous(self) -> bool:
        """Whether no single value of the response has a probability of its own."""
        return self.kind in ("real", "positive", "proportion")

    @property
    def default_link(self) -> str:
        """The link used when none is named."""
        return self.links[0]


_SIGMA: Final = ("sigma", Prior("HalfStudentT", nu=3, sigma=1))
_UNITS: Final = frozenset({"sigma"})
# Degrees of freedom as in brms (Juarez & Steel 2010). Shapes and precisions share what brms takes for the negative
# binomial's shape alone: little mass at 0, a tail heavy enough for nearly Poisson data.
_NU: Final = ("nu", Prior("Gamma", alpha=2, beta=0.1))
_SHAPE: Final = Prior("InverseGamma", alpha=0.4, beta=0.3)
_BINARY_LINKS: Final = ("logit", "probit", "cloglog")

FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        family.name: family
        for family in (
            Family("gaussian", "real", ("identity", "log"), (_SIGMA,), _UNITS),
            Family("student_t", "real", ("identity", "log"), (_SIGMA, _NU), _UNITS),
            Family("lognormal", "positive", ("identity",), (_SIGMA,), _UNITS, on_log_scale=True),
            Family("bernoulli", "binary", _BINARY_LINKS),
            Family("binomial", "successes", _BINARY_LINKS),
            Family("poisson", "count", ("log", "sqrt")),
            Family("negative_binomial", "count", ("log", "sqrt"), (("alpha", _SHAPE),)),
            Family("gamma", "positive", ("log", "inverse"), (("alpha", _SHAPE),)),
            Family("beta", "proportion", _BINARY_LINKS, (("phi", _SHAPE),)),
            # Equal weight on every category at the predictors' means, as rstanarm's stan_polr does.
            Family("cumulative", "ordinal", _BINARY_LINKS, (("cutpoints", Prior("Dirichlet", a=1)),)),
        )
    }
)

LATENT_VARIANCE: Final[Mapping[str, float]] = MappingProxyType(
    {"logit": math.pi**2 / 3, "probit": 1.0, "cloglog": math.pi**2 / 6}
)
"""Variance of the latent variable behind a binary or ordinal response, by link."""


def family_named(name: str) -> Family:
    """Look a family up.

    Raises
    ------
    SpecError
        The name is not one of `FAMILIES`.

    Examples
    --------
    >>> family_named("poisson").default_link
    'log'
    """
    if not isinstance(name, str) or name not in FAMILIES:
        raise SpecError(
            "unknown family",
            got=repr(name),
            allowed=nearest(str(name), FAMILIES),
            do="name one of these families",
        )
    return FAMILIES[name]
