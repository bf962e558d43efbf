"""The draws of a factor's effects among those of a posterior, which may lack them."""

from collections.abc import Mapping

import numpy as np

from partialpool.errors import DataError
from partialpool.names import b_name

__all__ = ["draws_of_levels", "levels_not_kept"]


def draws_of_levels(draws: Mapping[str, np.ndarray], factor: str) -> np.ndarray:
    """Return the effects of all levels, (draws, levels, effects).

    Raises
    ------
    DataError
        The fit kept the draws of some levels only.
    """
    name = b_name(factor)
    if name not in draws:
        raise levels_not_kept(name, "some levels")
    return draws[name]


def levels_not_kept(name: str, kept: str) -> DataError:
    """Return the error of a question that needs draws which were not kept."""
    return DataError(
        "this needs the draws of all levels, and the fit kept those of some",
        got=f"{name}, of which keep_levels= kept {kept}",
        allowed="pp.level_effects and pp.group_effects for the levels that were kept, fit.level_summaries for all, "
        "pp.icc, pp.variance_components, pp.summary and fit.posterior without the effects",
        do="fit without keep_levels=, or with fewer draws so that all are kept; fit.draw_levels([...]) draws other "
        "levels",
    )
