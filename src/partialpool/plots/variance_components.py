"""Plot of variance components as shares."""

import xarray as xr
from matplotlib.figure import Figure

from partialpool.plots.answer import draws_answer_of
from partialpool.plots.shares import draw_shares
from partialpool.plots.style import short

__all__ = ["plot_variance_components"]


@draws_answer_of("variance_components", "share")
def plot_variance_components(components: xr.Dataset) -> Figure:
    """Draw the shares of fixed effects, of each factor and of the residual in the variance.

    Parameters
    ----------
    components
        From `variance_components`.

    Returns
    -------
    matplotlib.figure.Figure
        Posterior mean, 50 % and 90 % intervals of each share; where a few draws decide a mean, all points are medians,
        and the title says so.
    """
    rows = {str(part): components["share"].sel(part=part).to_numpy() for part in components["part"].to_numpy()}
    return draw_shares(
        rows, "share of the variance", f"Variance components of {short(components.attrs['response'], 20)}"
    )
