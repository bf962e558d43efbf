"""Assign origins of priors, stated by factor alongside a formula, to the factor's groups."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from partialpool.errors import SpecError, nearest
from partialpool.spec.group_options import ORIGINS
from partialpool.spec.terms import Group

__all__ = ["with_origins"]


def with_origins(groups: Iterable[Group], origin: Mapping[str, Any]) -> tuple[Group, ...]:
    """Assign to the groups of every named factor the origin of their priors.

    Raises
    ------
    SpecError
        An origin for something that is not a factor, or an origin other than `means` or `zero`.

    Examples
    --------
    >>> with_origins([Group("g", slopes=["x"])], {"g": "zero"})
    (Group(factor='g', slopes=('x',), intercept=True, correlated=True, origin='zero'),)
    """
    groups = tuple(groups)
    if not isinstance(origin, Mapping):
        raise SpecError(
            "origins of priors must be given by factor",
            got=repr(origin)[:80],
            allowed="{'Subject': 'zero'}",
            do=f"write a dictionary from factors to {' or '.join(map(repr, ORIGINS))}",
        )
    factors = [group.factor for group in groups]
    for name in origin:
        if name not in factors:
            raise SpecError(
                "an origin is given for a factor that the model does not have",
                got=repr(name),
                allowed=nearest(str(name), factors),
                do="name a grouping factor",
            )
    return tuple(replace(group, origin=origin.get(group.factor, group.origin)) for group in groups)
