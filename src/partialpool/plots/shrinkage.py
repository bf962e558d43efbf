"""Plot of shrinkage: arrows from each level's own estimate to its partially pooled estimate."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Unpack

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partialpool.design.psd_root import singular_root
from partialpool.design.units import Units
from partialpool.errors import DataError
from partialpool.families.link import Link
from partialpool.families.links import LINKS
from partialpool.intervals import DEFAULT_PROB, central_ends, percent
from partialpool.names import INTERCEPT
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.axis_limits import AxisLimits, mark_beyond, robust_limits
from partialpool.plots.axis_units import bracketed, stated_or
from partialpool.plots.held import held_in_title, named_effect
from partialpool.plots.label_places import write_beside
from partialpool.plots.own_labels import OwnLabels
from partialpool.plots.style import BLUE, GREY, VERMILION, house_style, legend_below, room, short, titled
from partialpool.questions.shrinkage import shrinkage
from partialpool.tabulate import number

__all__ = ["as_drawn", "plot_shrinkage"]

_MOST_LABELS = 40
_MOST_ELLIPSES = 6
_MOST_NAMED = 4


@draws_answer_of(
    "shrinkage", "no_pooling", "no_pooling_se", "complete_pooling", "partial_pooling", "covariance", "n", ask=shrinkage
)
def plot_shrinkage(
    pooling: xr.Dataset, *, unit: str | None = None, prob: float = DEFAULT_PROB, **own: Unpack[OwnLabels]
) -> Figure:
    """Draw how far each level is pulled: along one effect, or in the plane of two.

    Parameters
    ----------
    pooling
        From `shrinkage`; or a fit, for which `shrinkage` is then called without other arguments.
    unit
        Unit of the response, for the axes; by default the one that the model or the table states.
    prob
        Probability of the intervals along one effect; in the plane of two, share of levels inside the ellipse.
    title
        Text in place of the figure's title; `""` for none.
    xlabel, ylabel
        Texts in place of the labels of the axes.

    Returns
    -------
    matplotlib.figure.Figure
        Open circle: the level's own estimate; dot: partial pooling, with its interval of probability `prob` where there
        is a single effect; arrow between them; dashed line or cross: complete pooling, one per level where levels have
        different values of other predictors. With two or more effects the first two span the plane, with the ellipse
        that contains a share `prob` of the levels in the population. Own estimates far from all others are arrowheads
        at the edge, with their value. Levels whose own estimate is infinite have no circle; their names say "no finite
        estimate", and those of levels without trials "no trials". The title says at which values other predictors are
        fixed.

        A single varying intercept is drawn as the mean of the response: a probability, an expected count. Other effects
        are on the scale of the linear predictor.

    Raises
    ------
    DataError
        No level has its own estimate.
    SpecError
        `prob` is not between 0 and 1.
    """
    unit = stated_or(unit, Units.of_answer(pooling.attrs).linear)
    if not np.isfinite(pooling["no_pooling"]).any():
        raise DataError(
            "no level's own rows identify its effects, or all their estimates are infinite",
            got="no level with an estimate of its own",
            allowed="a level with more rows than effects, and with more than one outcome",
            do="draw pp.plot_group_effects instead",
        )
    names = [str(e) for e in pooling["effect"].to_numpy()]
    with house_style():
        return _line(pooling, unit, prob) if len(names) == 1 else _plane(pooling, unit, prob)


def as_drawn(pooling: xr.Dataset) -> tuple[xr.Dataset, bool]:
    """Return the estimates as means of the response if the only effect is an intercept, and whether they are."""
    link, effects = _link(pooling), [str(effect) for effect in pooling["effect"].to_numpy()]
    if effects != [INTERCEPT] or link.is_identity or not link.is_increasing:
        return pooling, False
    estimates = {name: pooling[name] for name in ("no_pooling", "complete_pooling", "partial_pooling")}
    means = {name: v.copy(data=link.inverse(v.to_numpy())) for name, v in estimates.items()}
    # All successes or none: the mean of the level's own rows is finite.
    finite = ~xr.DataArray(_infinite(pooling), dims="level")
    own = means["no_pooling"].where(finite, pooling["own_mean"]) if "own_mean" in pooling else means["no_pooling"]
    return pooling.assign(means | {"no_pooling": own.transpose(*pooling["no_pooling"].dims)}), True


def _link(pooling: xr.Dataset) -> Link:
    return LINKS[pooling.attrs.get("scale", "identity")]


def _line(pooling: xr.Dataset, unit: str, prob: float) -> Figure:
    pooling, as_means = as_drawn(pooling)
    draws = pooling["partial_pooling"].isel(effect=0).stack(sample=("chain", "draw")).transpose("sample", "level")
    own, partial = pooling["no_pooling"].to_numpy()[:, 0], draws.mean("sample").to_numpy()
    order = np.argsort(partial)
    levels, known, infinite = pooling["level"].to_numpy(), _known(pooling), _infinite(pooling)
    without = ["" if as_means or not far else ", no finite estimate" for far in infinite]
    labels = [f"{short(levels[i])}  ({known[i]}{without[i]})" for i in order]
    few = len(order) <= _MOST_LABELS
    size = (7.2 + (room(labels) if few else 0.0), float(np.clip(1.8 + 0.22 * len(order), 2.8, 12)))
    figure, axes = plt.subplots(figsize=size)
    places = np.arange(len(order))
    ends = np.quantile(draws.to_numpy()[:, order], central_ends(prob), axis=0)
    axes.hlines(places, *ends, color=BLUE, lw=1.2)
    complete = pooling["complete_pooling"].isel(effect=0).to_numpy()
    if complete.ndim:
        axes.plot(complete[order], places, "|", ms=9, mew=1.6, color=VERMILION, label="complete pooling")
    elif np.isfinite(complete):
        axes.axvline(float(complete), color=VERMILION, lw=1.2, ls="--", label="complete pooling")
    limits = robust_limits(np.concatenate([ends.ravel(), complete.ravel()]), own)
    _draw_own(axes, (own[order], places), (partial[order], places), (limits, None))
    axes.plot(partial[order], places, "o", ms=5, color=BLUE, label=f"partial pooling, {percent(prob)} interval")
    axes.set_yticks(places if few else [], labels if few else [])
    axes.set_xlabel(_along(pooling, unit, as_means=as_means))
    axes.set_ylabel(titled(pooling.attrs["factor"]))
    _entitle(figure, pooling, named=few)
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    return figure


def _along(pooling: xr.Dataset, unit: str, *, as_means: bool) -> str:
    """Return the label of the axis of a single effect."""
    effect = str(pooling["effect"].to_numpy()[0])
    if as_means:
        return f"{short(pooling.attrs['mean'], 60)}{_in_units(effect, unit)}"
    if effect == INTERCEPT:
        return f"{short(pooling.attrs.get('predictor', pooling.attrs['response']), 60)}{_in_units(effect, unit)}"
    known = replace(Units.of_answer(pooling.attrs), linear=unit).of_effects([effect])
    return f"{titled(effect)}{_of_effect(pooling, effect, known)}"


def _predictor(pooling: xr.Dataset) -> str:
    """Return the name of the linear predictor; empty where it is the response."""
    return "" if _link(pooling).is_identity else short(pooling.attrs["predictor"], 36)


def _infinite(pooling: xr.Dataset) -> np.ndarray:
    """Whether the own estimate of each level goes to infinity, boolean (levels,)."""
    if "no_estimate" not in pooling:
        return np.zeros(pooling.sizes["level"], bool)
    return np.asarray((pooling["no_estimate"] == "infinite").any("effect").to_numpy())


def _known(pooling: xr.Dataset) -> list[str]:
    """Return the information in each level: rows or trials, or in a table of estimates the standard error."""
    n, errors = pooling["n"].to_numpy(), pooling["no_pooling_se"].isel(effect=0).to_numpy()
    if "trials" in pooling:
        return [f"n {k}" if k else "no trials" for k in pooling["trials"].to_numpy()]
    if _link(pooling).is_identity and (n == 1).all() and np.ptp(errors) > 0:
        return [f"se {number(error, 2)}" for error in errors]
    return [f"n {k}" for k in n]


def _plane(pooling: xr.Dataset, unit: str, prob: float) -> Figure:
    own, partial = pooling["no_pooling"].to_numpy(), pooling["partial_pooling"].mean(("chain", "draw")).to_numpy()
    figure, axes = plt.subplots(figsize=(6.6, 5.4))
    complete = np.atleast_2d(pooling["complete_pooling"].transpose(..., "effect").to_numpy()[..., :2])
    crosses, place = np.unique(complete, axis=0, return_inverse=True, equal_nan=True)
    shown, outlines = [partial[:, :2], crosses], []
    spread = pooling["covariance"].mean(("chain", "draw"))
    places = np.zeros(len(partial), int) if len(complete) == 1 else place.ravel()
    category, sigmas = np.zeros(len(partial), int), [spread]
    if "category" in spread.dims:
        labels = [str(one) for one in spread["category"].to_numpy()]
        category = np.array([labels.index(str(one)) for one in _categories(pooling)])
        sigmas = [spread.isel(category=k) for k in range(len(labels))]
    # Levels with different values of other predictors have different population means; categories, their own spread.
    both = np.unique(np.stack([places, category], axis=1), axis=0)
    for k, (cross, which) in enumerate(both) if len(both) <= _MOST_ELLIPSES else ():
        here = partial[(places == cross) & (category == which)]
        center, outline = here.mean(axis=0)[:2], _ellipse(sigmas[which], prob)
        label = "_" if k else f"{percent(prob)} of levels{' of a category' if len(sigmas) > 1 else ''}"
        axes.plot(center[0] + outline[0], center[1] + outline[1], color=GREY, lw=1.2, label=label)
        outlines.append(center + outline.T)
    shown += outlines
    limits = [robust_limits(np.concatenate(shown)[:, k], own[:, k]) for k in (0, 1)]
    _draw_own(axes, (own[:, 0], own[:, 1]), (partial[:, 0], partial[:, 1]), (limits[0], limits[1]))
    axes.plot(partial[:, 0], partial[:, 1], "o", ms=5, color=BLUE, label="partial pooling")
    axes.plot(*crosses.T, "X", ms=9, color=VERMILION, label="complete pooling")
    factor = titled(pooling.attrs["factor"])
    names = [str(effect) for effect in pooling["effect"].to_numpy()[:2]]
    known = replace(Units.of_answer(pooling.attrs), linear=unit).of_effects(names)
    along, up = (
        f"{named_effect(pooling.attrs, name)} of each {factor}{_of_effect(pooling, name, known)}" for name in names
    )
    axes.set(xlabel=along, ylabel=up)
    _entitle(figure, pooling, named=False)
    axes.grid(visible=True, axis="both")
    legend_below(figure, [axes], columns=4)
    if len(own) <= _MOST_LABELS:
        at = np.column_stack([end.clipped(own[:, k]) if end else own[:, k] for k, end in enumerate(limits)])
        arrows = [np.stack(ends) for ends in zip(at, partial[:, :2], strict=True)]
        names = [short(label, 18) for label in pooling["level"].to_numpy()]
        marks = np.concatenate([at, partial[:, :2], crosses])
        write_beside(axes, names, partial[:, :2], marks=marks, lines=[*arrows, *outlines])
    return figure


def _of_effect(pooling: xr.Dataset, effect: str, known: Mapping[str, str]) -> str:
    """Return the unit of an effect in brackets: the response's, or the scale of the linear predictor."""
    if effect in known:
        return bracketed(known[effect])
    return _in_units(effect, _predictor(pooling) if effect == INTERCEPT else _link(pooling).unit_in_words)


def _in_units(effect: str, unit: str) -> str:
    if not unit:
        return ""
    # A category's effect, `sex[Male]`, is a difference of responses; a predictor's is one per unit.
    return f" ({unit})" if effect == INTERCEPT or effect.endswith("]") else f" ({unit} per unit)"


def _entitle(figure: Figure, pooling: xr.Dataset, *, named: bool) -> None:
    title = f"{titled(pooling.attrs['response'])}: pulled towards the population"
    below = held_in_title(pooling.attrs, 80)
    infinite = pooling["level"].to_numpy()[_infinite(pooling)]
    if len(infinite) and not named:
        which = ", ".join(short(level, 18) for level in infinite[:_MOST_NAMED])
        below += f"\nno finite estimate without pooling: {which}{', ...' if len(infinite) > _MOST_NAMED else ''}"
        below += f" ({len(infinite)} of {pooling.sizes['level']})"
    figure.suptitle(f"{title}{below}", fontsize=10.5 if below else 11, x=0.01, ha="left")


def _draw_own(
    axes: Axes,
    own: tuple[np.ndarray, np.ndarray],
    partial: tuple[np.ndarray, np.ndarray],
    limits: tuple[AxisLimits | None, AxisLimits | None],
) -> None:
    """Draw the levels' own estimates, and arrows from them, or from the edge where they are beyond it."""
    at = [values if end is None else end.clipped(values) for values, end in zip(own, limits, strict=True)]
    for a, b, c, d in zip(*at, *partial, strict=True):
        if np.isfinite(a + b):
            axes.annotate("", (c, d), (a, b), arrowprops={"arrowstyle": "->", "color": GREY, "lw": 0.9}, zorder=1)
    here = ~mark_beyond(axes, own, limits, GREY)
    axes.plot(own[0][here], own[1][here], "o", ms=5, mfc="white", mec=GREY, label="no pooling")


def _categories(pooling: xr.Dataset) -> np.ndarray:
    """Return the category of each level, where the covariance differs by category."""
    (by,) = [coord for name, coord in pooling.coords.items() if coord.dims == ("level",) and name != "level"]
    return np.asarray(by.to_numpy())


def _ellipse(spread: xr.DataArray, prob: float) -> np.ndarray:
    """Return the outline that contains `prob` of a bivariate normal with covariance Sigma, (2, points)."""
    sigma = spread.transpose("effect", "effect_bis").to_numpy()[:2, :2]
    angle = np.linspace(0, 2 * np.pi, 200)
    radius = np.sqrt(-2 * np.log1p(-prob))  # the squared distance is chi-square with 2 degrees of freedom
    return radius * singular_root(sigma) @ np.stack([np.cos(angle), np.sin(angle)])
