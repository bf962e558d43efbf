"""Who responds? The effect of a predictor in each level."""

from numbers import Real

import numpy as np
import xarray as xr

from partialpool.errors import DataError, nearest
from partialpool.fitting import Fit
from partialpool.names import BETA, COEF, b_name, effect_dim

__all__ = ["level_effects"]


def level_effects(fit: Fit, effect: str, *, factor: str | None = None, threshold: float = 0.0) -> xr.Dataset:
    """Return a coefficient in every level, common effect plus the level's own, and the chance that it is large.

    Parameters
    ----------
    fit
        A fit.
    effect
        A coefficient that varies: `Days`, or `Intercept`.
    factor
        The factor it varies over; may be left out where there is only one.
    threshold
        What counts as large, in units of the coefficient.

    Returns
    -------
    xarray.Dataset
        On the scale of the linear predictor: `effect` (chain, draw, level), `population` (chain, draw), 0 where
        the model has no such common effect; by level, `above`, the posterior probability that the effect exceeds the
        threshold.

    Raises
    ------
    DataError
        The coefficient does not vary; it varies over several factors and none is named; a threshold that is no number.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> slopes = pp.level_effects(fit, "Days")
    >>> float(slopes["above"].sel(level="308")) > 0.99, float(slopes["above"].sel(level="335")) < 0.7
    (True, True)
    """
    owners = [f for f in fit.design.factors if effect in f.names and factor in (None, f.name)]
    if len(owners) != 1:
        varying = [f"{e} over {f.name}" for f in fit.design.factors for e in f.names]
        raise DataError(
            "name one coefficient that varies" if not owners else f"{effect!r} varies over several factors",
            got=f"{effect!r}" + (f" over {factor!r}" if factor else ""),
            allowed=nearest(effect, varying),
            do="name the effect, and the factor by factor=",
        )
    if not isinstance(threshold, Real) or not np.isfinite(float(threshold)):
        raise DataError(
            "a threshold is a number",
            got=repr(threshold),
            allowed=f"a finite number, in units of {effect!r}",
            do="write for instance threshold=10",
        )
    owner, posterior = owners[0], fit.posterior
    own = posterior[b_name(owner.name)].sel({effect_dim(owner.name): effect}, drop=True).rename({owner.name: "level"})
    has_common = BETA in posterior and effect in posterior[COEF].to_numpy()
    population = (
        posterior[BETA].sel({COEF: effect}, drop=True) if has_common else xr.zeros_like(own.isel(level=0, drop=True))
    )
    total = (own + population).transpose("chain", "draw", "level")
    attrs = {
        "effect": effect,
        "factor": owner.name,
        "threshold": float(threshold),
        "definition": "common effect plus the level's own",
        "scale": fit.spec.link,
        "response": fit.spec.response,
    }
    variables = {"effect": total.drop_attrs(), "population": population.drop_attrs()}
    variables["above"] = (total > threshold).mean(("chain", "draw")).drop_attrs()
    return xr.Dataset(variables, attrs=attrs)
