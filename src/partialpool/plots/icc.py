"""Plot of intraclass correlations."""

from typing import Unpack

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from partialpool.design.units import Units
from partialpool.errors import DataError
from partialpool.fitting.point_estimate import common_point
from partialpool.intervals import DEFAULT_PROB
from partialpool.model.partition import ONE_MEAN
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.axis_units import column_label
from partialpool.plots.intervals import interval_bars
from partialpool.plots.own_labels import OwnLabels
from partialpool.plots.shares import draw_shares, entitle_shares
from partialpool.plots.style import PALETTE, house_style, short, titled
from partialpool.questions.icc import icc

__all__ = ["plot_icc"]


@draws_answer_of("icc", "icc", "same", ask=icc)
def plot_icc(correlations: xr.Dataset, *, prob: float = DEFAULT_PROB, **own: Unpack[OwnLabels]) -> Figure:
    """Draw intraclass correlations: an interval per factor, or a curve along a predictor.

    Parameters
    ----------
    correlations
        From `icc`, averaged over the rows or along one predictor; or a fit, for which `icc` is then called without
        other arguments.
    prob
        Probability of the thin bars, or along a number of the wide bands; the thick ones and the narrow ones contain
        50 %.
    title
        Text in place of the figure's title; `""` for none.
    xlabel, ylabel
        Texts in place of the labels of the axes.

    Returns
    -------
    matplotlib.figure.Figure
        Posterior mean, 50 % and `prob` intervals, on a scale from 0 to 1; where a few draws decide a mean, all points
        are medians, and the title says so. Where factors are nested, the correlation of two responses of one level
        (`same`) is larger than that level's share of the variance; the axis then says that shares are drawn.

    Raises
    ------
    DataError
        More than one predictor.
    SpecError
        `prob` is not between 0 and 1.
    """
    dims = [d for d in correlations["icc"].dims if d not in ("chain", "draw", "factor")]
    if len(dims) > 1:
        raise DataError(
            "an ICC is drawn along one predictor",
            got=", ".join(map(str, dims)),
            allowed="one column in at=",
            do="select the others first: correlations.sel(...)",
        )
    names = [str(f) for f in correlations["factor"].to_numpy()]
    title = f"ICC of {titled(correlations.attrs['response'])}"
    column = correlations[dims[0]].attrs.get("long_name", str(dims[0])) if dims else ""
    if dims and np.issubdtype(correlations[dims[0]].dtype, np.number):
        return _curves(correlations, names, column, title, prob)
    rows = {}
    for name in names:
        for value in correlations[dims[0]].to_numpy() if dims else [None]:
            at = {"factor": name} | ({dims[0]: value} if dims else {})
            rows[name if value is None else f"{name}, {column} {value}"] = correlations["icc"].sel(at).to_numpy()
    if not dims and len(names) > 1:
        rows["all of them"] = correlations["total"].to_numpy()
    averaged = f"\n{ONE_MEAN}" if ONE_MEAN in correlations.attrs["residual"] else ""
    return draw_shares(rows, f"{_meaning(correlations)}{averaged}", title, prob=prob)


def _meaning(correlations: xr.Dataset) -> str:
    """Return the meaning of a factor's share: a correlation where the level shares no other factor, else a share."""
    alone = np.allclose(correlations["same"], correlations["icc"], equal_nan=True)
    return "correlation of two responses\nthat share a level" if alone else "share of the variance"


def _curves(correlations: xr.Dataset, names: list[str], column: str, title: str, prob: float) -> Figure:
    along = correlations["icc"].dims[-1]
    x, point = correlations[along].to_numpy(), common_point(correlations["icc"])
    with house_style():
        figure, axes = plt.subplots(figsize=(6.4, 3.8))
        for k, name in enumerate(names):
            draws = (
                correlations["icc"]
                .sel(factor=name)
                .stack(sample=("chain", "draw"))
                .transpose("sample", along)
                .to_numpy()
            )
            color = PALETTE[k % len(PALETTE)]
            for ends in interval_bars(prob):
                axes.fill_between(x, *np.quantile(draws, ends, axis=0), color=color, alpha=0.2, lw=0)
            axes.plot(x, point.of(draws, axis=0), color=color, lw=1.8, label=short(name))
        axes.set_ylim(0, 1)
        unit = Units.of_answer(correlations.attrs).of(str(along))
        axes.set(xlabel=column_label(column, unit), ylabel=_meaning(correlations))
        entitle_shares(figure, f"{title} along {titled(column)}", point, prob=prob)
        if len(names) > 1:
            axes.legend(frameon=False)
    return figure
