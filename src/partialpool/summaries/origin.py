"""The covariance of intercepts and slopes at another origin of the predictor."""

import numpy as np
import xarray as xr

from partialpool.design.build import FactorEffects
from partialpool.errors import DataError, nearest
from partialpool.fitting import Fit
from partialpool.names import INTERCEPT
from partialpool.variance.covariance import effect_covariance

__all__ = ["recenter"]


def recenter(fit: Fit, factor: str | None = None, **origin: float) -> xr.Dataset:
    """Return the covariance of a factor's effects with the origin of a predictor moved.

    With intercepts read off at x = c instead of x = 0, the effects' covariance is T Sigma T', T = [[1, c], [0, 1]]:
    the slope keeps its variance, the intercept takes tau_0^2 + 2 c tau_01 + c^2 tau_1^2, and their covariance is
    tau_01 + c tau_1^2, which vanishes at c* = -tau_01 / tau_1^2. A correlation of intercept and slope is a statement
    about where zero is.

    Parameters
    ----------
    fit
        A fit with a varying intercept and slope of one factor.
    factor
        The factor; may be left out where only one has these slopes.
    **origin
        New origin of each predictor, by the slope's name: `recenter(fit, Days=4.5)`. Those not named stay.

    Returns
    -------
    xarray.Dataset
        `covariance` and `correlation`, dims (chain, draw, effect, effect_bis); `sd` (chain, draw, effect);
        `uncorrelated_at` (chain, draw, slope): c* of each slope, in the predictor's units, with the others left
        where they were.

    Raises
    ------
    DataError
        No such factor or slope; no varying intercept; effects that share no correlation.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> moved = pp.recenter(fit, Days=9)
    >>> float(moved["correlation"].sel(effect="Intercept", effect_bis="Days").mean()) > 0.8
    True
    """
    chosen = _factor_of(fit, factor, origin)
    names = list(chosen.names)
    block = next(list(b) for b in chosen.blocks if names.index(INTERCEPT) in b)
    effects = [names[i] for i in block]
    missing = [name for name in origin if name not in effects or name == INTERCEPT]
    if missing:
        raise DataError(
            f"no slope of this name varies with the intercept over {chosen.name!r}",
            got=", ".join(map(repr, missing)),
            allowed=nearest(missing[0], [e for e in effects if e != INTERCEPT]),
            do="name one of these",
        )
    sigma = effect_covariance(fit.posterior, chosen)[..., block, :][..., block]
    at = effects.index(INTERCEPT)
    turn = np.eye(len(effects))
    for name, value in origin.items():
        turn[at, effects.index(name)] = float(value)
    moved = turn @ sigma @ turn.T
    sd = np.sqrt(np.maximum(np.diagonal(moved, axis1=2, axis2=3), 0.0))
    scale = sd[..., :, None] * sd[..., None, :]
    correlation = np.clip(np.divide(moved, scale, out=np.zeros_like(moved), where=scale > 0), -1.0, 1.0)
    slopes = [i for i in range(len(effects)) if i != at]
    own = np.stack([sigma[..., i, i] for i in slopes], axis=-1)
    cross = np.stack([sigma[..., at, i] for i in slopes], axis=-1)
    vanishes = np.divide(-cross, own, out=np.full_like(own, np.nan), where=own > 0)
    variables = {
        "covariance": (("chain", "draw", "effect", "effect_bis"), moved),
        "correlation": (("chain", "draw", "effect", "effect_bis"), correlation),
        "sd": (("chain", "draw", "effect"), sd),
        "uncorrelated_at": (("chain", "draw", "slope"), vanishes),
    }
    coords = {
        "chain": fit.posterior["chain"],
        "draw": fit.posterior["draw"],
        "effect": effects,
        "effect_bis": effects,
        "slope": [effects[i] for i in slopes],
    }
    attrs = {
        "definition": "T Sigma T', T = [[1, c], [0, 1]]",
        "factor": chosen.name,
        "origin": ", ".join(f"{name}={value:g}" for name, value in origin.items()) or "as fitted",
    }
    return xr.Dataset(variables, coords=coords, attrs=attrs)


def _factor_of(fit: Fit, factor: str | None, origin: dict[str, float]) -> FactorEffects:
    able = [f for f in fit.design.factors if any(f.names[i] == INTERCEPT for b in f.blocks if len(b) > 1 for i in b)]
    if factor is None and len(able) > 1:
        able_here = [f for f in able if set(origin) <= set(f.names)]
        able = able_here if len(able_here) == 1 else able
    if not able:
        raise DataError(
            "no intercept varies together with a slope",
            got=f"{fit.spec}",
            allowed="a term such as (x | g)",
            do="fit correlated intercepts and slopes",
        )
    names = [f.name for f in able]
    if (factor is None and len(able) > 1) or (factor is not None and factor not in names):
        raise DataError(
            "name a factor whose intercepts and slopes are correlated",
            got=repr(factor),
            allowed=nearest(str(factor), names),
            do="name one of these",
        )
    return able[0] if factor is None else able[names.index(factor)]
