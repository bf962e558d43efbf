"""Assign covariances among levels, stated by factor, to the factor's groups."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from partialpool.errors import SpecError, nearest
from partialpool.spec.relationship import as_relationship, kind_of
from partialpool.spec.terms import Group

__all__ = ["with_covariances"]


def with_covariances(groups: Iterable[Group], cov: Mapping[str, object]) -> tuple[Group, ...]:
    """Assign to every group of a factor the factor's covariance.

    Raises
    ------
    SpecError
        A covariance for something that is not a factor; two different covariances for one factor.
    """
    groups = tuple(groups)
    if not isinstance(cov, Mapping):
        raise SpecError(
            "covariances among levels must be given by factor",
            got=kind_of(cov),
            allowed="{'animal': a labelled table}",
            do="write a dictionary from factors to tables",
        )
    factors = [group.factor for group in groups]
    for name in cov:
        if name not in factors:
            raise SpecError(
                "a covariance is given for a factor that the model does not have",
                got=repr(name),
                allowed=nearest(str(name), factors),
                do="name a grouping factor",
            )
    said = {name: {as_relationship(value)} for name, value in cov.items()}
    for group in groups:
        said.setdefault(group.factor, set()).update(() if group.cov is None else {group.cov})
    for name, found in said.items():
        if len(found) > 1:
            raise SpecError(
                f"two different covariances among the levels of {name}",
                got=", ".join(map(repr, found)),
                allowed="one covariance: all effects of a factor share it",
                do="copy the column under another name for effects with another covariance, or with none",
            )
    return tuple(replace(group, cov=next(iter(said[group.factor]), None)) for group in groups)
