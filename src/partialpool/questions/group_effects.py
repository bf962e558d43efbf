"""Group effects: the deviation of each level from the population."""

from typing import Any, Final

import numpy as np
import xarray as xr

from partialpool.design.own_effects import own_effects
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.predictor_of_fit import predictor_of_fit
from partialpool.fitting.some_levels import draws_of_kept
from partialpool.names import answer_name, b_name, effect_dim, predictor_name
from partialpool.spec.keywords import explains_keywords

__all__ = ["group_effects"]

_NAMES: Final = ("chain", "draw", "level", "n", "effect", "effects")


@explains_keywords
def group_effects(fit: Fit, factor: str | None = None, *, parameter: str | None = None) -> xr.Dataset:
    """Return the random (group-level) effects: the deviations b of each level from the fixed effects.

    Parameters
    ----------
    fit
        A fit.
    factor
        Its grouping factor; optional if there is only one.
    parameter
        The parameter of the family, or the category, whose predictor the effects are part of; left out for the mean.

    Returns
    -------
    xarray.Dataset
        `effects`, dims (chain, draw, level, effect), on the scale of the linear predictor; `n`, the rows of
        each level. Under `gr(g, by=arm)` a
        level has the effects of its own category only, under their names without it (`Intercept`, `x`), and `arm` is a
        coordinate of the levels. The posterior has the other categories' effects too: no row informs them, and they
        are draws from their distribution. Of a fit with `keep_levels=`, the levels are those that were kept.

    Raises
    ------
    DataError
        No such factor or parameter, or none named although there are several; the draws of no level were kept.
    """
    predictor = predictor_of_fit(fit, parameter)
    found = predictor.design.factor_named(factor)
    chosen, own = found.name, own_effects(predictor.design, found)
    called = chosen if parameter is None else predictor_name(parameter, chosen)
    kept = draws_of_kept(fit.tree, chosen) if parameter is None else None
    draws = predictor.posterior[b_name(chosen)] if kept is None else kept
    effects = draws.rename({called: "level", effect_dim(called): "effect"})
    effects = effects.transpose("chain", "draw", "level", "effect")
    if own is not None and kept is None:
        coords: dict[str, Any] = {name: effects[name] for name in ("chain", "draw", "level")}
        coords |= {"effect": list(own.names), answer_name(own.by, _NAMES): ("level", own.category)}
        effects = xr.DataArray(own.take(effects.to_numpy()), dims=effects.dims, coords=coords)
    rows = np.asarray(found.counts)
    if kept is not None:
        rows = rows[np.isin(np.asarray(found.levels.labels), kept[chosen].to_numpy())]
    attrs = {
        "factor": chosen,
        "definition": "b, the deviation of a level's effect from the fixed effect",
        **predictor.attrs,
    }
    return Answer({"effects": effects.drop_attrs(), "n": (("level",), rows)}, attrs=attrs)
