"""Create PyMC random variables from priors."""

from collections.abc import Sequence

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from partialpool.distributions.prior import Prior
from partialpool.distributions.table import DISTRIBUTIONS
from partialpool.pymc_model.variable import variable

__all__ = ["random_vector", "scalar_random"]


def random_vector(name: str, priors: Sequence[Prior], labels: Sequence[str], *, dims: str) -> pt.TensorVariable:
    """Create one vector variable, or one scalar per element if the distributions differ.

    Parameters
    ----------
    name
        Name of the variable; scalars are called `name[label]` and stacked under `name`.
    priors, labels
        One per element, in the variable's units.
    dims
        The vector's dimension.
    """
    priors = [prior.standard for prior in priors]
    if len({prior.distribution for prior in priors}) == 1:
        entry = DISTRIBUTIONS[priors[0].distribution]
        arguments = {a: np.array([prior.arguments[a] for prior in priors]) for a in entry.roles}
        return variable(pm, name, entry, arguments, dims=dims)
    scalars = [scalar_random(f"{name}[{label}]", prior) for prior, label in zip(priors, labels, strict=True)]
    return pm.Deterministic(name, pt.stack(scalars), dims=dims)


def scalar_random(name: str, prior: Prior) -> pt.TensorVariable:
    """Create one scalar variable."""
    standard = prior.standard
    if standard.support == "fixed":
        return pm.Deterministic(name, pt.constant(standard.arguments["c"]))
    return variable(pm, name, DISTRIBUTIONS[standard.distribution], standard.arguments, lower=standard.lower)
