"""Create the variable of a prior: in a PyMC model, or as the text of one (`pymc_model/source`)."""

from collections.abc import Mapping
from typing import Any

from partialpool.distributions.distribution import Distribution

__all__ = ["variable"]


def variable(
    pm: Any,
    name: str,
    entry: Distribution,
    arguments: Mapping[str, Any],
    *,
    lower: float | None = None,
    dims: str | None = None,
) -> Any:
    """Create PyMC's variable; a distribution without a PyMC class is the upper half of one that has a class.

    Parameters
    ----------
    pm
        The module `pymc`, or what stands for it.
    name
        Name of the variable.
    entry, arguments
        The distribution, under PyMC's name, and its arguments: of a vector, arrays of its shape.
    lower
        Where it is truncated; None for no truncation.
    dims
        Its dimension, if it is a vector.
    """
    labelled = {} if dims is None else {"dims": dims}
    if entry.half_of is not None:
        whole, stated = entry.half_of(**arguments)
        # PyMC would start at the whole distribution's mean, which is the end of the half.
        scale = next(arguments[name] for name, role in entry.roles.items() if role == "scale")
        cut, start = (0.0, scale) if lower is None else (lower, lower + scale)
        return pm.Truncated(name, getattr(pm, whole).dist(**stated), lower=cut, initval=start, **labelled)
    distribution = getattr(pm, entry.name)
    if lower is None:
        return distribution(name, **arguments, **labelled)
    return pm.Truncated(name, distribution.dist(**arguments), lower=lower, **labelled)
