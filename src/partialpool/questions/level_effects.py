"""The effect of a predictor in each level."""

from collections.abc import Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.errors import DataError
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import over_tables
from partialpool.fitting.predictor_of_fit import predictor_of_fit
from partialpool.fitting.some_levels import draws_of_kept
from partialpool.model.varying_effect import is_of_each_threshold, varying_effect
from partialpool.spec.keywords import explains_keywords

__all__ = ["level_effects"]


@explains_keywords
@over_tables
def level_effects(
    fit: Fit,
    effect: str,
    *,
    factor: str | None = None,
    threshold: float = 0.0,
    at: Mapping[str, Any] = MappingProxyType({}),
    parameter: str | None = None,
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
        A coefficient that varies: `Days`, or `Intercept`. Under `(1 + x | gr(g, by=arm))` `x` is each level's own
        slope, that of its category; `arm[a]:x` is that of the levels of category a, without the other levels.
    factor
        The factor it varies over; optional if there is only one.
    threshold
        Value that the coefficient is compared with, in its units.
    at
        One value by column, `{"sex": "Male"}`, for all levels, in place of the levels' own values.
    parameter
        The parameter of the family, or the category, whose predictor the coefficient is part of; left out for the
        mean. Under `sigma ~ arm + (1 | subject)`, `parameter="sigma"` and the effect `Intercept` are each subject's log
        sigma.

    Returns
    -------
    xarray.Dataset
        On the scale of the linear predictor: `effect` (chain, draw, level); `population`, without the group effects,
        (chain, draw), or (chain, draw, level) if levels have their own predictor values; by level, `above`, the
        posterior probability that the effect exceeds the threshold, and `n`, its rows. Of a fit with `keep_levels=`,
        the levels are those that were kept.

    Raises
    ------
    DataError
        The coefficient does not vary; it varies over several factors and none is named; a threshold that is not a
        number; `at` names a column that the model does not use, or whose effect varies; the parameter has no
        predictor; the draws of no level were kept.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> slopes = pp.level_effects(fit, "Days")
    >>> float(slopes["above"].sel(level="308")) > 0.99, float(slopes["above"].sel(level="335")) < 0.7
    (True, True)
    """
    predictor = predictor_of_fit(fit, parameter)
    found = varying_effect(predictor.design, effect, factor, at)
    _check_one_for_all_thresholds(predictor.design, effect)
    if not isinstance(threshold, Real) or not np.isfinite(float(threshold)):
        raise DataError(
            "a threshold must be a number",
            got=repr(threshold),
            allowed=f"a finite number, in units of {effect!r}",
            do="write for instance threshold=10",
        )
    posterior, coefficients = predictor.posterior, found.coefficients
    kept = draws_of_kept(fit.tree, coefficients.factor.name) if parameter is None else None
    if kept is None:
        total = found.draws(posterior)
    else:
        found = found.among(kept[coefficients.factor.name].to_numpy().tolist())
        total = found.draws_among(kept.to_numpy(), posterior)
    common = found.population_draws(posterior)
    every = ("chain", "draw", "level")
    population = (every, common) if found.differs else (every[:2], common[:, :, 0])
    variables = {
        "effect": (every, total),
        "population": population,
        "above": (("level",), (total > threshold).mean(axis=(0, 1))),
        "n": (("level",), found.counts),
    }
    coords = {"chain": posterior["chain"], "draw": posterior["draw"], "level": found.levels}
    attrs = {
        "effect": effect,
        "factor": coefficients.factor.name,
        "threshold": float(threshold),
        "definition": "fixed effects at the level's predictor values, plus the level's own effect"
        + ("; those of single thresholds are left out" if predictor.design.thresholds else ""),
        **predictor.attrs,
        **coefficients.in_words,
    }
    return Answer(variables, coords=coords, attrs=attrs)


def _check_one_for_all_thresholds(design: Design, effect: str) -> None:
    """Refuse an effect that differs between the thresholds of ordered categories."""
    if is_of_each_threshold(design, effect):
        raise DataError(
            f"a level has no single effect of {effect!r}: every threshold has a coefficient of it",
            got=f"{design.spec}",
            allowed="an effect that is not inside of cs(...)",
            do="use pp.group_effects for the deviations of levels, pp.level_ranks for their ranks, or pp.predict for "
            "each level",
        )
