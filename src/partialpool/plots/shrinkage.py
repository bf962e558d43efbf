"""Plot of shrinkage: arrows from each level's own estimate to its partially pooled estimate."""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partialpool.design.psd_root import singular_root
from partialpool.errors import DataError
from partialpool.names import INTERCEPT
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.axis_limits import AxisLimits, mark_beyond, robust_limits
from partialpool.plots.held import held_in_title, named_effect
from partialpool.plots.style import BLUE, GREY, INK, VERMILION, house_style, room, short
from partialpool.tabulate import number

__all__ = ["plot_shrinkage"]

_MOST_LABELS = 40
_MOST_ELLIPSES = 6


@draws_answer_of("shrinkage", "no_pooling", "no_pooling_se", "complete_pooling", "partial_pooling", "covariance", "n")
def plot_shrinkage(pooling: xr.Dataset, *, unit: str = "") -> Figure:
    """Draw how far each level is pulled: along one effect, or in the plane of two.

    Parameters
    ----------
    pooling
        From `shrinkage`.
    unit
        Unit of the response, for the axes.

    Returns
    -------
    matplotlib.figure.Figure
        Open circle: the level's own estimate; dot: partial pooling; arrow between them; dashed line or cross: complete
        pooling, one per level where levels have different values of other predictors. With two or more effects the
        first two span the plane, with the ellipse that contains 90 % of levels in the population. Own estimates far
        from all others are arrowheads at the edge, with their value. The title says at which values other predictors
        are fixed.

    Raises
    ------
    DataError
        No level has its own estimate.
    """
    own, partial = pooling["no_pooling"].to_numpy(), pooling["partial_pooling"].mean(("chain", "draw")).to_numpy()
    if not np.isfinite(own).any():
        raise DataError(
            "no level's own rows identify its effects",
            got="no level with enough rows",
            allowed="a level with more rows than effects",
            do="draw pp.plot_group_effects instead",
        )
    names = [str(e) for e in pooling["effect"].to_numpy()]
    with house_style():
        return (
            _line(pooling, own[:, 0], partial[:, 0], unit) if len(names) == 1 else _plane(pooling, own, partial, unit)
        )


def _line(pooling: xr.Dataset, own: np.ndarray, partial: np.ndarray, unit: str) -> Figure:
    order = np.argsort(partial)
    levels, known = pooling["level"].to_numpy(), _known(pooling)
    labels = [f"{short(levels[i])}  ({known[i]})" for i in order]
    few = len(order) <= _MOST_LABELS
    size = (7.2 + (room(labels) if few else 0.0), float(np.clip(1.8 + 0.22 * len(order), 2.8, 12)))
    figure, axes = plt.subplots(figsize=size)
    places = np.arange(len(order))
    draws = (
        pooling["partial_pooling"]
        .stack(sample=("chain", "draw"))
        .isel(effect=0)
        .transpose("sample", "level")
        .to_numpy()
    )
    ends = np.quantile(draws[:, order], [0.05, 0.95], axis=0)
    axes.hlines(places, *ends, color=BLUE, lw=1.2)
    complete = pooling["complete_pooling"].isel(effect=0).to_numpy()
    if complete.ndim:
        axes.plot(complete[order], places, "|", ms=9, mew=1.6, color=VERMILION, label="complete pooling")
    else:
        axes.axvline(float(complete), color=VERMILION, lw=1.2, ls="--", label="complete pooling")
    limits = robust_limits(np.concatenate([ends.ravel(), complete.ravel()]), own)
    _draw_own(axes, (own[order], places), (partial[order], places), (limits, None))
    axes.plot(partial[order], places, "o", ms=5, color=BLUE, label="partial pooling, 90 % interval")
    axes.set_yticks(places if few else [], labels if few else [])
    effect = str(pooling["effect"].to_numpy()[0])
    what = pooling.attrs["response"] if effect == INTERCEPT else effect
    axes.set_xlabel(f"{short(what)}{_in_units(effect, unit)}")
    axes.set_ylabel(short(pooling.attrs["factor"]))
    _entitle(figure, pooling)
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    return figure


def _known(pooling: xr.Dataset) -> list[str]:
    """Return the information in each level: its number of rows, or in a table of estimates its standard error."""
    n, errors = pooling["n"].to_numpy(), pooling["no_pooling_se"].isel(effect=0).to_numpy()
    if (n == 1).all() and np.ptp(errors) > 0:
        return [f"se {number(error, 2)}" for error in errors]
    return [f"n {k}" for k in n]


def _plane(pooling: xr.Dataset, own: np.ndarray, partial: np.ndarray, unit: str) -> Figure:
    figure, axes = plt.subplots(figsize=(6.6, 5.4))
    complete = np.atleast_2d(pooling["complete_pooling"].transpose(..., "effect").to_numpy()[..., :2])
    crosses, place = np.unique(complete, axis=0, return_inverse=True)
    shown = [partial[:, :2], crosses]
    # Levels with different values of other predictors have different population means.
    for k in range(len(crosses)) if len(crosses) <= _MOST_ELLIPSES else ():
        here = partial if len(complete) == 1 else partial[place.ravel() == k]
        center, outline = here.mean(axis=0)[:2], _ellipse(pooling)
        label = "_" if k else "90 % of levels"
        axes.plot(center[0] + outline[0], center[1] + outline[1], color=GREY, lw=1.2, label=label)
        shown.append(center + outline.T)
    limits = [robust_limits(np.concatenate(shown)[:, k], own[:, k]) for k in (0, 1)]
    _draw_own(axes, (own[:, 0], own[:, 1]), (partial[:, 0], partial[:, 1]), (limits[0], limits[1]))
    axes.plot(partial[:, 0], partial[:, 1], "o", ms=5, color=BLUE, label="partial pooling")
    axes.plot(*crosses.T, "X", ms=9, color=VERMILION, label="complete pooling")
    if len(own) <= _MOST_LABELS:
        for label, x, y in zip(pooling["level"].to_numpy(), partial[:, 0], partial[:, 1], strict=True):
            axes.annotate(short(label, 18), (x, y), xytext=(4, 3), textcoords="offset points", fontsize=7, color=INK)
    factor = short(pooling.attrs["factor"], 22)
    names = [str(effect) for effect in pooling["effect"].to_numpy()[:2]]
    along, up = (f"{named_effect(pooling.attrs, name, 22)} of each {factor}{_in_units(name, unit)}" for name in names)
    axes.set(xlabel=along, ylabel=up)
    _entitle(figure, pooling)
    axes.grid(visible=True, axis="both")
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4, fontsize=9)
    return figure


def _in_units(effect: str, unit: str) -> str:
    if not unit:
        return ""
    # A category's effect, `sex[Male]`, is a difference of responses; a predictor's is one per unit.
    return f" ({unit})" if effect == INTERCEPT or effect.endswith("]") else f" ({unit} per unit)"


def _entitle(figure: Figure, pooling: xr.Dataset) -> None:
    title = f"{short(pooling.attrs['response'])}: pulled towards the population"
    held = held_in_title(pooling.attrs, 80)
    figure.suptitle(f"{title}{held}", fontsize=10.5 if held else 11, x=0.01, ha="left")


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


def _ellipse(pooling: xr.Dataset) -> np.ndarray:
    """Return the outline that contains 90 % of a bivariate normal with the posterior mean of Sigma, (2, points)."""
    sigma = pooling["covariance"].mean(("chain", "draw")).to_numpy()[:2, :2]
    angle = np.linspace(0, 2 * np.pi, 200)
    return np.sqrt(-2 * np.log(0.1)) * singular_root(sigma) @ np.stack([np.cos(angle), np.sin(angle)])
