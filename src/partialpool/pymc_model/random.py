"""Priors become PyMC random variables."""

from collections.abc import Sequence

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from partialpool.distributions.prior import DISTRIBUTIONS, Prior

__all__ = ["can_shift", "random_vector", "scalar_random"]


def random_vector(
    name: str,
    priors: Sequence[Prior],
    labels: Sequence[str],
    *,
    dims: str,
    shift: pt.TensorVariable | float = 0.0,
) -> pt.TensorVariable:
    """Make one vector variable, or one scalar per element where the distributions differ.

    Parameters
    ----------
    name
        Of the variable; scalars are called `name[label]` and stacked under `name`.
    priors, labels
        One per element, in the variable's own units.
    dims
        The vector's dimension.
    shift
        Added to the location of every prior, shape (elements,) or 0; needs `can_shift(priors)`.
    """
    priors = [prior.standard for prior in priors]
    if len({prior.distribution for prior in priors}) == 1:
        roles = DISTRIBUTIONS[priors[0].distribution].roles
        arguments = {a: np.array([prior.arguments[a] for prior in priors]) for a in roles}
        moved = {a: v + shift if roles[a] == "location" else v for a, v in arguments.items()}
        return getattr(pm, priors[0].distribution)(name, **moved, dims=dims)
    scalars = [scalar_random(f"{name}[{label}]", prior) for prior, label in zip(priors, labels, strict=True)]
    return pm.Deterministic(name, pt.stack(scalars), dims=dims)


def can_shift(priors: Sequence[Prior]) -> bool:
    """Whether these priors are one distribution with a location."""
    kinds = {prior.distribution for prior in priors}
    return len(kinds) == 1 and "location" in DISTRIBUTIONS[next(iter(kinds))].roles.values()


def scalar_random(name: str, prior: Prior) -> pt.TensorVariable:
    """Make one scalar variable."""
    standard = prior.standard
    if standard.support == "fixed":
        return pm.Deterministic(name, pt.constant(standard.arguments["c"]))
    distribution = getattr(pm, standard.distribution)
    if standard.lower is None:
        return distribution(name, **standard.arguments)
    return pm.Truncated(name, distribution.dist(**standard.arguments), lower=standard.lower)
