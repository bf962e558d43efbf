"""Plot of variance components as shares."""

from typing import Unpack

import xarray as xr
from matplotlib.figure import Figure

from partialpool.intervals import DEFAULT_PROB
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.own_labels import OwnLabels
from partialpool.plots.shares import draw_shares
from partialpool.plots.style import titled
from partialpool.questions.variance_components import variance_components

__all__ = ["plot_variance_components"]


@draws_answer_of("variance_components", "share", ask=variance_components)
def plot_variance_components(components: xr.Dataset, *, prob: float = DEFAULT_PROB, **own: Unpack[OwnLabels]) -> Figure:
    """Draw the shares of fixed effects, of each factor and of the residual in the variance.

    Parameters
    ----------
    components
        From `variance_components`; or a fit, for which `variance_components` is then called without other arguments.
    prob
        Probability of the thin bars; the thick ones contain 50 %.
    title
        Text in place of the figure's title; `""` for none.
    xlabel, ylabel
        Texts in place of the labels of the axes.

    Returns
    -------
    matplotlib.figure.Figure
        Posterior mean, 50 % and `prob` intervals of each share; where a few draws decide a mean, all points are
        medians, and the title says so.
    """
    rows = {str(part): components["share"].sel(part=part).to_numpy() for part in components["part"].to_numpy()}
    title = f"Variance components of {titled(components.attrs['response'])}"
    return draw_shares(rows, "share of the variance", title, prob=prob)
