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
        The distribution, under PyMC's name, and its arguments.
    lower
        Where it is truncated; None for no truncation.
    dims
        Its dimension, if it is a vector.
    """
    pymc_name, stated = entry.name, arguments
    if entry.half_of is not None:
        pymc_name, stated = entry.half_of(**arguments)
        lower = 0.0 if lower is None else lower
    distribution, labelled = getattr(pm, pymc_name), {} if dims is None else {"dims": dims}
    if lower is None:
        return distribution(name, **stated, **labelled)
    return pm.Truncated(name, distribution.dist(**stated), lower=lower, **labelled)
