"""Group effects: the deviation of each level from the population."""

import xarray as xr

from partialpool.design.units import UNITS
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.names import b_name, effect_dim
from partialpool.spec.keywords import explains_keywords

__all__ = ["group_effects"]


@explains_keywords
def group_effects(fit: Fit, factor: str | None = None) -> xr.Dataset:
    """Return the random (group-level) effects: the deviations b of each level from the fixed effects.

    Parameters
    ----------
    fit
        A fit.
    factor
        Its grouping factor; optional if there is only one.

    Returns
    -------
    xarray.Dataset
        `effects`, dims (chain, draw, level, effect), on the scale of the linear predictor.

    Raises
    ------
    DataError
        No such factor, or none named although there are several.
    """
    chosen = fit.design.factor_named(factor).name
    effects = fit.posterior[b_name(chosen)].rename({chosen: "level", effect_dim(chosen): "effect"})
    attrs = {
        "factor": chosen,
        "definition": "b, the deviation of a level's effect from the fixed effect",
        "scale": fit.spec.link,
        "response": fit.design.response.name,
        UNITS: fit.design.axis_units.as_text(),
    }
    return Answer({"effects": effects.drop_attrs()}, attrs=attrs)
