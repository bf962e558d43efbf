"""Panels of the prior predictive along one predictor: sd of a response, and lines of new levels."""

from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, StrMethodFormatter

from partialpool.families.links import LINKS
from partialpool.families.registry import family_named
from partialpool.intervals import DEFAULT_PROB, central_ends, percent
from partialpool.plots.axis_units import bracketed, column_label, unit_or_scale
from partialpool.plots.intervals import interval_bars
from partialpool.plots.style import BLUE, GREY, INK, VERMILION, short, titled
from partialpool.tabulate import number, typeset

__all__ = ["draw_level_lines", "draw_scatter", "drawable"]

_SEEN: Final = (0.05, 0.95)
"""Quantiles of the lines that set the panel's limits, so that one extreme line does not flatten all others."""

_FARTHEST: Final = 1e100
"""Largest value on an axis: very wide priors may overflow."""


def drawable(values: np.ndarray) -> np.ndarray:
    """Return numbers that an axis can show: those beyond 1e100 in absolute value are clipped to it.

    Examples
    --------
    >>> drawable(np.array([1.0, np.inf, -1e200]))
    array([ 1.e+000,  1.e+100, -1.e+100])
    """
    return np.clip(values, -_FARTHEST, _FARTHEST)


def draw_scatter(panel: Axes, outlook: xr.Dataset, *, unit: str, xunit: str, prob: float = DEFAULT_PROB) -> None:
    """Draw the prior's sd of a response along the predictor (median, 50 % and `prob`), and the sd of the data.

    Parameters
    ----------
    panel
        The panel to draw in.
    outlook
        The group `outlook` of `prior_predictive`, with `variance`.
    unit, xunit
        Unit of the response, shown where the sd has that unit; unit of the predictor.
    prob
        Probability of the wide band; the narrow one contains 50 %.
    """
    x, variance = _sorted(outlook, "variance")
    panel.set(xlabel=_named(outlook, xunit), title=f"How far responses scatter along {titled(outlook.attrs['along'])}")
    sd, data = np.sqrt(variance), outlook.attrs
    if not len(sd):
        _say_nothing(panel)
        return
    for (lower, upper), alpha in zip(interval_bars(prob), (0.18, 0.3), strict=False):
        low, high = np.quantile(sd, [lower, upper], axis=0)
        label = f"{percent(upper - lower)} of the prior"
        panel.fill_between(x, low, high, color=BLUE, alpha=alpha, lw=0, label=label)
    panel.plot(x, np.median(sd, axis=0), color=BLUE, lw=1.8, label="median")
    if "observed_sd" in data:
        panel.axhline(data["observed_sd"], color=VERMILION, lw=1.8, ls="--", label="the data, all rows")
    elif "latent_sd" in data:
        panel.axhline(data["latent_sd"], color=INK, lw=1.4, ls=":", label="without any groups")
    panel.set_ylim(bottom=0)
    own = LINKS[data["scale"]].is_identity  # otherwise the sd is not in the response's unit
    panel.set_ylabel(f"sd of a response{bracketed(unit_or_scale(unit if own else '', data['scale']))}")
    _legend(panel)


def draw_level_lines(
    panel: Axes, outlook: xr.Dataset, *, unit: str, xunit: str, lines: int, prob: float = DEFAULT_PROB
) -> None:
    """Draw lines of new levels, each from a separate draw, beside the range of the data.

    Parameters
    ----------
    panel
        The panel to draw in.
    outlook
        The group `outlook` of `prior_predictive`.
    unit, xunit
        Unit of the response, shown where the lines have that unit; unit of the predictor.
    lines
        Greatest number of lines.
    prob
        Share of all draws between the dashed lines.
    """
    x, draws = _sorted(outlook, "level_line")
    data = outlook.attrs
    title = "Lines" if data["levels"] == "none" else f"Lines of new levels of {titled(data['levels'])}"
    panel.set(xlabel=_named(outlook, xunit), title=title)
    if not len(draws):
        _say_nothing(panel)
        return
    chosen = draws[np.linspace(0, len(draws) - 1, min(lines, len(draws))).round().astype(int)]
    for k, line in enumerate(chosen):
        panel.plot(x, line, color=GREY, lw=0.9, alpha=0.8, label=f"{len(chosen)} draws" if k == 0 else "_")
    ends = np.quantile(draws, central_ends(prob), axis=0, method="nearest")
    for end, label in zip(ends, (f"{percent(prob)} of {len(draws)} draws", "_"), strict=True):
        panel.plot(x, end, color=INK, lw=1.4, ls="--", label=label)
    if "observed_low" in data:
        low, high = data["observed_low"], data["observed_high"]
        panel.axhspan(
            low, high, color=VERMILION, alpha=0.25, lw=0, label=typeset(f"the data: {number(low)} to {number(high)}")
        )
    if "observed_mean" in data:
        mean = data["observed_mean"]
        panel.axhline(mean, color=VERMILION, lw=1.8, label=typeset(f"the data: {number(mean)} on average"))
    _limit(panel, chosen, ends, outlook)
    named = f"{column_label(data['response'], unit)}"
    panel.set_ylabel(named if data["lines"] == "mean of the response" else titled(data["lines"]))
    _legend(panel)


def _limit(panel: Axes, lines: np.ndarray, ends: np.ndarray, outlook: xr.Dataset) -> None:
    """Set limits that show most lines and the whole of the dashed ones, on a log scale under a log link."""
    data = outlook.attrs
    family = family_named(data["family"])
    if family.has_mean and family.support.mean_is_probability:
        panel.set_ylim(-0.02, 1.02)
        return
    seen = [*np.quantile(lines, _SEEN), ends.min(), ends.max()]
    seen += [data[end] for end in ("observed_low", "observed_high") if end in data]
    if data["scale"] == "log":
        positive = [value for value in seen if value > 0]
        if positive:
            panel.set_yscale("log")
            panel.set_ylim(min(positive) / 1.2, 1.2 * max(positive))
            few = max(positive) < 100 * min(positive)
            panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)))
            panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            panel.minorticks_off()
        return
    margin = 0.04 * (max(seen) - min(seen))
    panel.set_ylim(min(seen) - margin, max(seen) + margin)


def _say_nothing(panel: Axes) -> None:
    panel.set(xticks=[], yticks=[])
    panel.text(0.5, 0.5, "beyond all numbers", ha="center", transform=panel.transAxes)


def _legend(panel: Axes) -> None:
    # Beside the panel: inside, lines may cover every corner.
    panel.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)


def _sorted(outlook: xr.Dataset, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return sorted values of the predictor, and draws there, (draws, places); none where most draws are NaN."""
    along = outlook[name].dims[-1]
    values = outlook[name].sortby(along)
    draws = drawable(values.stack(sample=("chain", "draw")).transpose("sample", along).to_numpy())
    known = ~np.isnan(draws).any(axis=1)
    # Where most draws overflow, the rest do not represent the prior.
    return values[along].to_numpy(), draws[known & (known.mean() > 0.5)]


def _named(outlook: xr.Dataset, xunit: str) -> str:
    held = "" if outlook.attrs["held"] == "nothing" else f"\nheld: {short(outlook.attrs['held'], 45)}"
    offset = "" if outlook.attrs["offset"] == "none" else f"\noffset: {short(outlook.attrs['offset'], 45)}"
    return f"{column_label(outlook.attrs['along'], xunit)}{held}{offset}"
