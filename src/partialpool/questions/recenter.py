"""The covariance of intercepts and slopes with another origin of the predictor."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from partialpool.design.factor_effects import FactorEffects
from partialpool.design.units import UNITS
from partialpool.errors import DataError, nearest
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import over_tables
from partialpool.model.covariance import effect_covariance, effects_at_means
from partialpool.names import INTERCEPT
from partialpool.spec.expression import columns_of
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec

__all__ = ["recenter"]


@explains_keywords
@over_tables
def recenter(fit: Fit, /, factor: str | None = None, at: Mapping[str, Any] | None = None, **origin: Any) -> xr.Dataset:
    """Return the covariance of a factor's effects with the origin of a predictor moved.

    With intercepts defined at x = c instead of x = 0, the effects' covariance is T Sigma T', T = [[1, c], [0, 1]]:
    the slope keeps its variance, the intercept's variance becomes tau_0^2 + 2 c tau_01 + c^2 tau_1^2, and their
    covariance is tau_01 + c tau_1^2, which vanishes at c* = -tau_01 / tau_1^2, where the intercept's variance is
    smallest. The correlation of intercept and slope therefore depends on the choice of the origin.

    Parameters
    ----------
    fit
        A fit with a varying intercept and slope of one factor.
    factor
        The factor; optional if only one has these slopes.
    at
        New origins by the slopes' names, for names that are not valid keywords: `recenter(fit, at={"log(dose)": 0})`.
    **origin
        New origin of each predictor, by the slope's name: `recenter(fit, Days=4.5)`. The origins of others stay. One
        predictor may have several, `recenter(fit, Days=numpy.linspace(-5, 10, 31))`, which `plot_recenter` draws.

    Returns
    -------
    xarray.Dataset
        `covariance` and `correlation`, dims (chain, draw, effect, effect_bis); `sd` (chain, draw, effect); with several
        origins these have a dimension `origin` after draw, in the predictor's units, and attrs `along` names the
        predictor. `uncorrelated_at` (chain, draw, slope): c* of each slope, in the predictor's units, with the origins
        of the others unchanged. `sd_at_means` and `correlation_at_means`, as `sd` and `correlation`, with every
        predictor's origin at its mean over the rows, the point at which the priors are stated. `lowest` and `highest`
        (slope): the predictor's range in the rows.

    Raises
    ------
    DataError
        No such factor or slope; no varying intercept; effects without correlations; an origin that is not finite
        numbers; several origins of more than one predictor.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> moved = pp.recenter(fit, Days=9)
    >>> float(moved["correlation"].sel(effect="Intercept", effect_bis="Days").mean()) > 0.8
    True
    >>> pp.recenter(fit, Days=[0, 4.5, 9])["sd"].dims
    ('chain', 'draw', 'origin', 'effect')
    """
    origin = _named(at, origin)
    chosen = _factor_of(fit, factor, origin)
    names = list(chosen.names)
    block = next(list(b) for b in chosen.blocks if names.index(INTERCEPT) in b)
    effects = [names[i] for i in block]
    tangled = _tangled(fit.spec, chosen.name)
    _check_slopes(chosen.name, origin, effects, tangled)
    places, along = _places(origin)
    sigma = effect_covariance(fit.posterior, chosen)[..., block, :][..., block]
    intercept = effects.index(INTERCEPT)
    covariance, sd, correlation = _moved(sigma, effects, places, 1 if along is None else len(places[along]))
    slopes = [i for i in range(len(effects)) if i != intercept]
    own = np.stack([sigma[..., i, i] for i in slopes], axis=-1)
    cross = np.stack([sigma[..., intercept, i] for i in slopes], axis=-1)
    free = np.array([effects[i] not in tangled for i in slopes])
    vanishes = np.divide(-cross, own, out=np.full_like(own, np.nan), where=(own > 0) & free)
    lead = ("chain", "draw", "origin")
    moved_to = {
        "covariance": ((*lead, "effect", "effect_bis"), covariance),
        "correlation": ((*lead, "effect", "effect_bis"), correlation),
        "sd": ((*lead, "effect"), sd),
    }
    ranges, columns = chosen.ranges, [block[i] for i in slopes]
    sd_there, corr_there = effects_at_means(fit.posterior, chosen)
    others = {
        "sd_at_means": (("chain", "draw", "effect"), sd_there[..., block]),
        "correlation_at_means": (("chain", "draw", "effect", "effect_bis"), corr_there[..., block, :][..., block]),
        "uncorrelated_at": (("chain", "draw", "slope"), vanishes),
        "lowest": (("slope",), ranges.lowest[columns]),
        "highest": (("slope",), ranges.highest[columns]),
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
        "origin": ", ".join(f"{name}={_shown(values)}" for name, values in places.items()) or "as fitted",
        "response": fit.design.response.name,
        UNITS: fit.design.axis_units.as_text(),
        "scale": fit.spec.link,
    }
    if along is None:
        return Answer(moved_to, attrs=attrs).isel(origin=0).assign(others).assign_coords(coords)
    return Answer(moved_to | others, coords=coords | {"origin": places[along]}, attrs=attrs | {"along": along})


def _check_slopes(factor: str, origin: Mapping[str, Any], effects: list[str], tangled: Mapping[str, set[str]]) -> None:
    """Refuse predictors without a slope correlated with the intercept, and those that another effect uses too."""
    missing = [name for name in origin if name not in effects or name == INTERCEPT]
    if missing:
        raise DataError(
            f"no slope of this name varies with the intercept over {factor!r}",
            got=", ".join(map(repr, missing)),
            allowed=nearest(missing[0], [e for e in effects if e != INTERCEPT]),
            do="name one of these",
        )
    bound = [name for name in origin if name in tangled]
    if bound:
        raise DataError(
            "another effect reads the same predictor: moving its zero would change more than the intercept",
            got=f"{bound[0]!r} beside {', '.join(map(repr, sorted(tangled[bound[0]])))}",
            allowed="a predictor that one varying effect reads",
            do=f"fit the model with the predictor centred: I({bound[0]} - c)",
        )


def _moved(
    sigma: np.ndarray, effects: list[str], places: Mapping[str, np.ndarray], count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return covariance, sds and correlations at other origins, (chains, draws, origins, effects, ...)."""
    turn = np.broadcast_to(np.eye(len(effects)), (count, len(effects), len(effects))).copy()
    for name, values in places.items():
        turn[:, effects.index(INTERCEPT), effects.index(name)] = values
    moved = turn @ sigma[:, :, None] @ turn.transpose(0, 2, 1)
    sd = np.sqrt(np.maximum(np.diagonal(moved, axis1=-2, axis2=-1), 0.0))
    scale = sd[..., :, None] * sd[..., None, :]
    correlation = np.clip(np.divide(moved, scale, out=np.zeros_like(moved), where=scale > 0), -1.0, 1.0)
    return moved, sd, correlation


def _named(at: Mapping[str, Any] | None, origin: Mapping[str, Any]) -> dict[str, Any]:
    """Return origins by the slopes' names, whether given by `at` or by keywords."""
    if at is not None and not isinstance(at, Mapping):
        raise DataError(
            "at= must be a mapping",
            got=repr(at),
            allowed="a mapping from the slopes' names to their origins",
            do='for a predictor that is called "at" write at={"at": 4.5}',
        )
    return {str(name): value for name, value in (at or {}).items()} | dict(origin)


def _tangled(spec: ModelSpec, factor: str) -> dict[str, set[str]]:
    """Return slopes whose predictor another slope over the factor uses too (powers, interactions), by name."""
    terms = [slope for group in spec.groups if group.factor == factor for slope in group.slopes]
    shared = {t: {o for o in terms if o != t and set(columns_of(o)) & set(columns_of(t))} for t in terms}
    return {term: others for term, others in shared.items() if others}


def _places(origin: dict[str, Any]) -> tuple[dict[str, np.ndarray], str | None]:
    """Return origins as arrays, (1,) or (origins,), and the predictor that has several, if any."""
    places = {}
    for name, value in origin.items():
        try:
            places[name] = np.atleast_1d(np.asarray(value, dtype=float))
        except (TypeError, ValueError):
            places[name] = np.empty(0)
        if places[name].ndim != 1 or not places[name].size or not np.isfinite(places[name]).all():
            raise DataError(
                f"the origin of {name!r} is not a value on its axis",
                got=repr(value),
                allowed="a finite number, or a list of them",
                do="write for instance Days=4.5, or Days=[0, 4.5, 9]",
            )
    several = [name for name, value in origin.items() if np.ndim(value) == 1]
    if len(several) > 1:
        raise DataError(
            "only one predictor may have several origins",
            got=", ".join(map(repr, several)),
            allowed="a list for one predictor, numbers for the others",
            do="call recenter for each in turn",
        )
    return places, several[0] if several else None


def _shown(values: np.ndarray) -> str:
    return f"{values[0]:g}" if len(values) == 1 else f"{values.min():g} to {values.max():g}"


def _factor_of(fit: Fit, factor: str | None, origin: dict[str, Any]) -> FactorEffects:
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
