"""The priors a user states: conversion of other objects to `Prior`, and a table of priors by parameter."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from partialpool.distributions.prior import Prior
from partialpool.errors import PriorError
from partialpool.spec.elicit import elicit
from partialpool.spec.frozen_table import FrozenTable

__all__ = ["PriorTable", "as_prior"]


def as_prior(value: object) -> Prior:
    """Convert to `Prior`: a `Prior`, a mapping from TOML, a `pymc_extras` Prior or a PreliZ distribution.

    A mapping with `between` is passed to `elicit`.

    Raises
    ------
    PriorError
        For any other value, and for priors on priors (a `pymc_extras` Prior with a Prior inside).

    Examples
    --------
    >>> as_prior({"distribution": "HalfNormal", "sigma": 50})
    Prior('HalfNormal', sigma=50)
    """
    if isinstance(value, Prior):
        return value
    if isinstance(value, Mapping) and isinstance(value.get("distribution"), str):
        arguments: dict[str, Any] = {str(k): v for k, v in value.items() if k != "distribution"}
        if "between" in arguments:
            return elicit(value["distribution"], **arguments)
        return Prior(value["distribution"], **arguments)
    foreign: Any = value  # recognised by its module, so that neither library is imported here
    home = type(value).__module__
    if home.startswith("pymc_extras.") and type(value).__name__ == "Prior" and foreign.transform is None:
        return Prior(foreign.distribution, **foreign.parameters)
    if home.startswith("preliz.") and getattr(foreign, "params_dict", None):
        return Prior(type(value).__name__, **foreign.params_dict)
    raise PriorError(
        "this is not a prior",
        got=repr(value),
        allowed="pp.Prior, a pymc_extras Prior without transform, a PreliZ distribution with its parameters set, "
        "or {'distribution': name, arguments or a statement: between = [low, high], mass = 0.9}",
        do="for instance pp.Prior('HalfNormal', sigma=1)",
    )


class PriorTable(FrozenTable[Prior]):
    """The priors a user set, by parameter name: an immutable, hashable mapping.

    Examples
    --------
    >>> table = PriorTable({"sigma": Prior("HalfNormal", sigma=1)})
    >>> table["sigma"], len(table), hash(table) == hash(PriorTable(table))
    (Prior('HalfNormal', sigma=1), 1, True)
    """

    __slots__ = ()

    def __init__(self, priors: Mapping[str, object] = MappingProxyType({})) -> None:
        if not isinstance(priors, Mapping) or not all(isinstance(name, str) for name in priors):
            raise PriorError(
                "priors must be given by parameter",
                got=repr(priors),
                allowed="{'sd_Subject': pp.Prior('HalfNormal', sigma=50)}",
                do="write a dictionary from names to priors",
            )
        super().__init__({str(name): as_prior(prior) for name, prior in priors.items()})
