"""Priors become PyMC random variables."""

from collections.abc import Sequence

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from partialpool.spec.priors import Prior

__all__ = ["random_vector", "scalar_random"]


def random_vector(
    name: str, priors: Sequence[Prior], labels: Sequence[str], *, dims: str, units: np.ndarray | None = None
) -> pt.TensorVariable:
    """Make one vector variable, or one scalar per element where the distributions differ.

    Parameters
    ----------
    name
        Of the variable; scalars are called `name[label]` and stacked under `name`.
    priors, labels
        One per element, on the original scale.
    dims
        The vector's dimension.
    units
        If given, the variable is `parameter / units`, shape (elements,).
    """
    if units is not None:
        priors = [prior.in_units_of(float(unit)) for prior, unit in zip(priors, units, strict=True)]
    if len({prior.distribution for prior in priors}) == 1:
        arguments = {a: np.array([prior.arguments[a] for prior in priors]) for a in priors[0].arguments}
        return getattr(pm, priors[0].distribution)(name, **arguments, dims=dims)
    scalars = [scalar_random(f"{name}[{label}]", prior) for prior, label in zip(priors, labels, strict=True)]
    return pm.Deterministic(name, pt.stack(scalars), dims=dims)


def scalar_random(name: str, prior: Prior) -> pt.TensorVariable:
    """Make one scalar variable."""
    return getattr(pm, prior.distribution)(name, **prior.arguments)
