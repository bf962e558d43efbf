"""The ranks of levels by a coefficient: which level is best, and how certain that is."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.errors import DataError
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import over_tables
from partialpool.fitting.point_estimate import ESTIMATE
from partialpool.fitting.predictor_of_fit import predictor_of_fit
from partialpool.model.varying_effect import is_of_each_threshold, varying_effect
from partialpool.spec.keywords import explains_keywords

__all__ = ["level_ranks"]

Best = Literal["highest", "lowest"]
_SIGN: Final[Mapping[str, int]] = MappingProxyType({"highest": -1, "lowest": 1})


@explains_keywords
@over_tables
def level_ranks(
    fit: Fit,
    effect: str,
    *,
    factor: str | None = None,
    best: Best = "highest",
    top: int | None = None,
    at: Mapping[str, Any] = MappingProxyType({}),
    parameter: str | None = None,
) -> xr.Dataset:
    """Return the rank of every level by a coefficient, and the probability of being the best.

    Each draw ranks all levels by their coefficients, which are those of `level_effects` (Goldstein & Spiegelhalter
    1996, JRSS A 159:385). Ranks are much less certain than the estimates suggest: levels whose coefficients are close
    change places in many draws. Shrunken estimates sorted by size are not the ranks, which depend on the uncertainty of
    every level. The expected rank has the least expected squared error (Lin, Louis, Paddock & Ridgeway 2006, Bayesian
    Analysis 1:915).

    Parameters
    ----------
    fit
        A fit.
    effect
        A coefficient that varies: `Days`, or `Intercept`. Under `(1 + x | gr(g, by=arm))` `x` ranks all levels by their
        own slopes, `arm[a]:x` those of category a. Under `cs(x) + (x | g)`, where every threshold has a coefficient of
        x, `x` ranks all levels by their own effects, which are deviations from each of these coefficients.
    factor
        The factor it varies over; optional if there is only one.
    best
        Whether the level with the `highest` or with the `lowest` coefficient has rank 1.
    top
        Number of best levels, for `among_top`.
    at
        One value by column, `{"sex": "Male"}`, for all levels, in place of the levels' own values.
    parameter
        The parameter of the family, or the category, whose predictor the coefficient is part of; left out for the
        mean. Under `sigma ~ arm + (1 | subject)`, `parameter="sigma"` ranks subjects by how variable they are.

    Returns
    -------
    xarray.Dataset
        `rank` (chain, draw, level): from 1, the best, to the number of levels; levels with equal coefficients share
        their mean rank. `summary` and `to_frame` give its interval. By level: `expected`, the mean of the ranks;
        `best`, the posterior probability of rank 1; `among_top`, if `top` is given, that of being among the `top` best.
        In a draw where levels are equal, they share a place in equal parts: the probabilities of all levels add up to 1
        and to `top`. `n`, its rows.

    Raises
    ------
    DataError
        The coefficient does not vary; it varies over several factors and none is named; another value of `best`; `top`
        is not a number of levels; `at` names a column that the model does not use, or whose effect varies; the
        parameter has no predictor.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> ranks = pp.level_ranks(fit, "Days", top=3)
    >>> ranks["expected"].idxmin().item(), 0.3 < float(ranks["best"].max()) < 0.7
    ('308', True)
    """
    predictor = predictor_of_fit(fit, parameter)
    found = varying_effect(predictor.design, effect, factor, at)
    _check(best, top, len(found.levels))
    first, last = _places(_SIGN[best] * found.draws(predictor.posterior))
    rank = (first + last) / 2
    variables = {
        "rank": (("chain", "draw", "level"), rank, {ESTIMATE: "mean"}),
        "expected": (("level",), rank.mean(axis=(0, 1))),
        "best": (("level",), _share_of_top(first, last, 1)),
        "n": (("level",), found.counts),
    }
    attrs: dict[str, Any] = {
        "effect": effect,
        "factor": found.coefficients.factor.name,
        "best": best,
        "definition": _definition(predictor.design, effect),
        **predictor.attrs,
        **found.coefficients.in_words,
    }
    if top is not None:
        variables["among_top"] = (("level",), _share_of_top(first, last, top))
        attrs["top"] = int(top)
    coords = {"chain": fit.posterior["chain"], "draw": fit.posterior["draw"], "level": found.levels}
    return Answer(variables, coords=coords, attrs=attrs)


def _definition(design: Design, effect: str) -> str:
    """Say what is ranked: where thresholds between categories have effects of their own, these are left out."""
    if is_of_each_threshold(design, effect):
        return "rank, in each draw, of the level's own effect, a deviation from the coefficients of all thresholds"
    ranked = "rank, in each draw, of the fixed effects at the level's predictor values plus its own effect"
    return f"{ranked}; those of single thresholds are left out" if design.thresholds else ranked


def _places(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last place that each value occupies along the last dimension: equal values share places.

    Examples
    --------
    >>> _places(np.array([4.0, 3.0, 4.0]))
    (array([2, 1, 2], dtype=int32), array([3, 1, 3], dtype=int32))
    """
    order = np.argsort(values, axis=-1)
    ranked = np.take_along_axis(values, order, axis=-1)
    count = values.shape[-1]
    place = np.arange(1, count + 1, dtype=np.int32)
    differs = ranked[..., 1:] != ranked[..., :-1]
    edge = np.ones((*values.shape[:-1], 1), bool)
    starts, ends = np.concatenate([edge, differs], axis=-1), np.concatenate([differs, edge], axis=-1)
    first, last = np.empty(values.shape, np.int32), np.empty(values.shape, np.int32)
    np.put_along_axis(first, order, np.maximum.accumulate(np.where(starts, place, 1), axis=-1), axis=-1)
    backwards = np.where(ends, place, count)[..., ::-1]
    np.put_along_axis(last, order, np.minimum.accumulate(backwards, axis=-1)[..., ::-1], axis=-1)
    return first, last


def _share_of_top(first: np.ndarray, last: np.ndarray, top: int) -> np.ndarray:
    """Return the probability of a place among the best, (levels,).

    A level that shares the places from `first` to `last` (chains, draws, levels) has each of them with equal
    probability.
    """
    return np.asarray(np.clip((top - first + 1) / (last - first + 1), 0, 1).mean(axis=(0, 1)))


def _check(best: object, top: object, levels: int) -> None:
    if best not in ("highest", "lowest"):
        raise DataError(
            "best= says which end of the coefficients is the best",
            got=repr(best),
            allowed="'highest' or 'lowest'",
            do="name one of these",
        )
    whole = isinstance(top, int | np.integer) and not isinstance(top, bool)
    if top is not None and not (whole and 1 <= int(top) <= levels):  # type: ignore[call-overload]
        raise DataError(
            "top= must be a number of levels",
            got=repr(top),
            allowed=f"an integer from 1 to {levels}, the number of levels",
            do="write for instance top=3",
        )
