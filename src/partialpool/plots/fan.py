"""Fans: the spread of a response along a predictor, and what it is made of."""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partialpool.errors import DataError
from partialpool.plots.style import GREY, INK, PALETTE, house_style, short

__all__ = ["plot_variance_function"]

_PROB = (0.05, 0.95)


def plot_variance_function(variances: xr.Dataset, *, unit: str = "", xunit: str = "") -> Figure:
    """Draw the population's line with the spread of responses around it, and the variance by source.

    Parameters
    ----------
    variances
        From `variance_function`, along one numeric predictor.
    unit, xunit
        Of the response and of the predictor, for the axes.

    Returns
    -------
    matplotlib.figure.Figure
        Left: mean line; bands of +- 1.64 sd, which hold 90 % of responses, of the residual alone and of everything.
        Right: sd of each source and in total, posterior mean and 90 % intervals.

    Raises
    ------
    DataError
        The grid has more than one predictor, or categories.
    """
    dims = [d for d in variances["variance"].dims if d not in ("chain", "draw")]
    if len(dims) != 1 or not np.issubdtype(variances[dims[0]].dtype, np.number):
        raise DataError(
            "a fan is drawn along one numeric predictor",
            got=", ".join(map(str, dims)) or "no predictor",
            allowed="a grid of one numeric column",
            do="select the others first: variances.sel(...)",
        )
    x, column = variances[dims[0]].to_numpy(), variances[dims[0]].attrs.get("long_name", dims[0])
    mean = variances["mean"].mean(("chain", "draw")).to_numpy()
    total = variances["variance"].mean(("chain", "draw")).to_numpy()
    residual = variances["parts"].sel(part="residual").mean(("chain", "draw")).to_numpy()
    named = f"{short(column)}{f' ({xunit})' if xunit else ''}"
    with house_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.9))
        for variance, color, text in ((total, PALETTE[0], "groups and residual"), (residual, GREY, "residual alone")):
            spread = 1.645 * np.sqrt(variance)
            left.fill_between(x, mean - spread, mean + spread, color=color, alpha=0.28, lw=0, label=text)
        left.plot(x, mean, color=INK, lw=1.6)
        left.set(xlabel=named, ylabel=_named(variances, unit), title="90 % of responses")
        left.legend(frameon=False, loc="upper left")
        sources = [(str(part), variances["parts"].sel(part=part)) for part in variances["part"].to_numpy()]
        colors = [*(PALETTE[k % len(PALETTE)] for k in range(len(sources) - 1)), GREY, INK]
        for (part, draws), color in zip([*sources, ("total", variances["variance"])], colors, strict=True):
            _band(
                right,
                x,
                np.sqrt(draws.stack(sample=("chain", "draw")).transpose("sample", dims[0]).to_numpy()),
                color,
                short(part, 20),
            )
        right.set(
            xlabel=named,
            ylabel=f"standard deviation{f' ({unit})' if unit else ''}",
            title="Where the spread comes from",
        )
        right.set_ylim(bottom=0)
        right.legend(frameon=False)
    return figure


def _named(variances: xr.Dataset, unit: str) -> str:
    scale = variances.attrs["scale"]
    extra = unit or ("" if scale == "identity" else f"{scale} scale")
    return f"{short(variances.attrs['response'])}{f' ({extra})' if extra else ''}"


def _band(axes: Axes, x: np.ndarray, draws: np.ndarray, color: str, label: str) -> None:
    low, high = np.quantile(draws, _PROB, axis=0)
    axes.fill_between(x, low, high, color=color, alpha=0.18, lw=0)
    axes.plot(x, draws.mean(axis=0), color=color, lw=1.8, label=label)
