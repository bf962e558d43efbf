"""The effect of a predictor in each level."""

from collections.abc import Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr

from partialpool.design.units import UNITS
from partialpool.errors import DataError, nearest
from partialpool.fitting.fit import Fit
from partialpool.model.level_coefficients import level_coefficients
from partialpool.spec.keywords import explains_keywords

__all__ = ["level_effects"]


@explains_keywords
def level_effects(
    fit: Fit,
    effect: str,
    *,
    factor: str | None = None,
    threshold: float = 0.0,
    at: Mapping[str, Any] = MappingProxyType({}),
) -> xr.Dataset:
    """Return a coefficient in every level, and the probability that it exceeds a threshold.

    The coefficient of a level is the sum of the fixed effects at the level's predictor values and its group effect:
    under `age * sex + (age | subject)` the slope of a boy is that of boys plus his own deviation. Predictors that share
    a term with the varying ones are at the level's own value, unless they vary within most levels; those, and all
    others, are at one value for all levels: numbers and the offset at their means, categories averaged over the rows.
    For `(0 + condition | subject)` a coefficient is the subject's mean in that condition. `attrs["held"]` states the
    value of each predictor; `attrs["varies_within"]` names predictors that vary within levels and change the
    coefficient, so that a level has no single one: set them by `at=`.

    Parameters
    ----------
    fit
        A fit.
    effect
        A coefficient that varies: `Days`, or `Intercept`.
    factor
        The factor it varies over; optional if there is only one.
    threshold
        Value that the coefficient is compared with, in its units.
    at
        One value by column, `{"sex": "Male"}`, for all levels, in place of the levels' own values.

    Returns
    -------
    xarray.Dataset
        On the scale of the linear predictor: `effect` (chain, draw, level); `population`, without the group effects,
        (chain, draw), or (chain, draw, level) if levels have their own predictor values; by level, `above`, the
        posterior probability that the effect exceeds the threshold.

    Raises
    ------
    DataError
        The coefficient does not vary; it varies over several factors and none is named; a threshold that is not a
        number; `at` names a column that the model does not use, or whose effect varies.

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
            "a threshold must be a number",
            got=repr(threshold),
            allowed=f"a finite number, in units of {effect!r}",
            do="write for instance threshold=10",
        )
    owner, posterior = owners[0], fit.posterior
    coefficients = level_coefficients(fit.design, owner, at)
    which = owner.names.index(effect)
    own = coefficients.own_draws(posterior)[..., which]
    common = coefficients.common_draws(posterior)[..., which]
    total = own + coefficients.by_level(common, 2)
    every = ("chain", "draw", "level")
    differ = coefficients.places.differ
    population = (every, coefficients.by_level(common, 2)) if differ else (every[:2], common[:, :, 0])
    variables = {
        "effect": (every, total),
        "population": population,
        "above": (("level",), (total > threshold).mean(axis=(0, 1))),
    }
    coords = {"chain": posterior["chain"], "draw": posterior["draw"], "level": list(owner.levels.labels)}
    attrs = {
        "effect": effect,
        "factor": owner.name,
        "threshold": float(threshold),
        "definition": "fixed effects at the level's predictor values, plus the level's own effect",
        "scale": fit.spec.link,
        "response": fit.design.response.name,
        UNITS: fit.design.axis_units.as_text(),
        **coefficients.in_words,
    }
    return xr.Dataset(variables, coords=coords, attrs=attrs)
