"""A model with other terms, groups or priors."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from partialpool.spec.terms import Group

if TYPE_CHECKING:
    from partialpool.spec.model import ModelSpec

__all__ = ["changed_model"]


def changed_model(
    spec: "ModelSpec",
    common: Iterable[str],
    *,
    groups: Iterable[Group] | None = None,
    priors: Mapping[str, object] = MappingProxyType({}),
) -> "ModelSpec":
    """Return a model of the same response, offsets, family and units; its groups, unless others are given."""
    return type(spec)(
        spec.response,
        [*common, *(f"offset({o})" for o in spec.offsets)],
        spec.groups if groups is None else groups,
        intercept=spec.intercept,
        family=spec.family,
        link=spec.link,
        priors=priors,
        **spec.of_rows,
        smooths=spec.smooths,
        residual=spec.residual,
        sigma=spec.sigma,
        parameters=spec.parameters,
        cs=spec.cs,
    ).with_units(spec.units)
