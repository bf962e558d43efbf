"""Every family by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from partialpool.errors import SpecError, nearest
from partialpool.families.beta import Beta
from partialpool.families.binary import Bernoulli, Binomial
from partialpool.families.cumulative import Cumulative
from partialpool.families.exponential import Exponential
from partialpool.families.family import Family
from partialpool.families.gamma import Gamma
from partialpool.families.gaussian import Gaussian
from partialpool.families.lognormal import LogNormal
from partialpool.families.negative_binomial import NegativeBinomial
from partialpool.families.poisson import Poisson
from partialpool.families.student_t import StudentT

__all__ = ["FAMILIES", "family_named"]

FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        family.name: family
        for family in (
            Gaussian(),
            StudentT(),
            LogNormal(),
            Bernoulli(),
            Binomial(),
            Poisson(),
            NegativeBinomial(),
            Gamma(),
            Exponential(),
            Beta(),
            Cumulative(),
        )
    }
)


def family_named(name: str) -> Family:
    """Return a family by name.

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
