"""Sensitivity to priors at a glance: posteriors that move, or do not, and what moves them."""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from partialpool.errors import DataError, nearest
from partialpool.plots.style import BLUE, GREY, INK, PALETTE, house_style, room, short
from partialpool.sensitivity.power import THRESHOLD, PowerScaling

__all__ = ["plot_power_scale", "plot_prior_grid"]

_INNER, _OUTER = (0.25, 0.75), (0.05, 0.95)
_MOST_ROWS = 60


def plot_prior_grid(study: xr.Dataset, quantity: str, *, unit: str = "") -> Figure:
    """Draw one answer under every prior, with the prior itself where the answer is a parameter that has one.

    Parameters
    ----------
    study
        From `prior_grid`.
    quantity
        Which answer: `"sd_Subject[Intercept]"`, `"icc[Subject]"`.
    unit
        Of the answer, for the axis.

    Returns
    -------
    matplotlib.figure.Figure
        A row per prior: posterior median, 50 % and 90 % intervals (blue); the prior's median and 90 % interval above it
        (grey), cut off where it leaves the picture.

    Raises
    ------
    DataError
        No such answer; more priors than rows have room.
    """
    answers = [str(name) for name, values in study.data_vars.items() if "chain" in values.dims]
    if quantity not in answers:
        raise DataError(
            "the study did not follow this answer",
            got=repr(quantity),
            allowed=nearest(quantity, answers),
            do="name one of these",
        )
    if study.sizes["prior"] > _MOST_ROWS:
        raise DataError(
            "too many priors for one picture",
            got=f"{study.sizes['prior']}",
            allowed=f"up to {_MOST_ROWS}",
            do="select some first: study.isel(prior=slice(0, 20))",
        )
    draws = study[quantity].stack(sample=("chain", "draw")).transpose("prior", "sample").to_numpy()
    labels = [short(label, most=60) for label in study["prior"].to_numpy()]
    places = np.arange(len(labels))
    low, high = np.nanmin(np.nanquantile(draws, 0.02, axis=1)), np.nanmax(np.nanquantile(draws, 0.98, axis=1))
    margin = 0.15 * (high - low)
    with house_style():
        figure, axes = plt.subplots(figsize=(6.4 + room(labels), 1.6 + 0.34 * len(labels)))
        for probabilities, width in ((_OUTER, 1.2), (_INNER, 4.0)):
            lows, highs = np.nanquantile(draws, probabilities, axis=1)
            name = "posterior, 50 % and 90 %" if probabilities is _INNER else "_"
            axes.hlines(places, lows, highs, color=BLUE, lw=width, label=name)
        axes.plot(np.nanmedian(draws, axis=1), places, "o", ms=5, mfc="white", mec=INK, mew=1)
        if f"prior_{quantity}" in study:
            own = study[f"prior_{quantity}"].transpose("prior", "level").to_numpy()
            axes.hlines(places - 0.3, own[:, 0], own[:, 2], color=GREY, lw=1.6, label="prior, 90 %")
            axes.plot(own[:, 1], places - 0.3, "|", color=GREY, ms=7, mew=1.6)
        axes.set_xlim(low - margin, high + margin)
        axes.set_yticks(places, labels)
        axes.invert_yaxis()
        axes.margins(y=0.6 / len(labels))
        axes.set_xlabel(f"{quantity}{f' ({unit})' if unit else ''}")
        figure.suptitle(
            f"{study.attrs['response']}: {quantity} under {len(labels)} priors", x=0.01, ha="left", fontsize=11
        )
        figure.legend(frameon=False, loc="outside lower center", ncols=2, fontsize=9)
    return figure


def plot_power_scale(scaling: PowerScaling) -> Figure:
    """Draw how much each prior, all priors and the likelihood move each answer.

    Parameters
    ----------
    scaling
        From `power_scale`.

    Returns
    -------
    matplotlib.figure.Figure
        A row per answer, a mark per component, and the line above which a sensitivity counts.
    """
    frame = scaling.frame
    components = [c for c in frame.columns if c != "diagnosis"]
    places = np.arange(len(frame))
    labels = [short(name) for name in frame.index]
    marks = "osD^vPX*hd<>"
    with house_style():
        figure, axes = plt.subplots(figsize=(6.6 + room(labels), 1.7 + 0.34 * len(frame)))
        for k, component in enumerate(components):
            axes.plot(
                frame[component],
                places,
                marks[k % len(marks)],
                ms=6,
                color=INK if component == "likelihood" else PALETTE[k % len(PALETTE)],
                mfc="white" if component == "likelihood" else None,
                label=short(component),
            )
        axes.axvline(THRESHOLD, color=GREY, lw=1, ls="--")
        axes.set_xscale("symlog", linthresh=0.01)
        axes.set_xlim(0, 1.4 * max(frame[components].to_numpy().max(), THRESHOLD))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_yticks(places, labels)
        axes.invert_yaxis()
        axes.margins(y=0.6 / len(frame))
        axes.set_xlabel("power-scaling sensitivity (dashed: 0.05, above which it counts)")
        figure.suptitle("What moves the answers", x=0.01, ha="left", fontsize=11)
        figure.legend(frameon=False, loc="outside right upper", fontsize=9)
    return figure
