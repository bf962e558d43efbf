"""Variance components: shares of the fixed effects, of each factor, and of the residual."""

import xarray as xr

from partialpool.fitting.fit import Fit
from partialpool.fitting.point_estimate import Point, common_point
from partialpool.plots.style import figure_image
from partialpool.plots.variance_components import plot_variance_components
from partialpool.questions.variance_components import variance_components
from partialpool.reporting.limits import PHONE
from partialpool.reporting.section import Picture, Section
from partialpool.reporting.wording import estimate_in_words, on_scale, response_name

__all__ = ["variance_components_section"]


def variance_components_section(fit: Fit) -> Section:
    """Draw the shares of fixed effects, factors and residual, and state marginal and conditional R2."""
    answer = variance_components(fit)
    point = common_point(answer["share"])
    shares = [f"{part}: {_said(answer['share'].sel(part=part), point)}" for part in answer["part"].to_numpy()]
    explained = []
    if fit.design.common.names:
        explained.append(f"Marginal R², the share of the fixed effects: {_said(answer['r2_marginal'])}.")
    if fit.design.factors:
        explained.append(f"Conditional R², of fixed and group effects together: {_said(answer['r2_conditional'])}.")
    picture = Picture(
        figure_image(plot_variance_components(answer), widest=PHONE),
        f"Shares of the variance of {response_name(fit)}. {'; '.join(shares)}.",
        f"Shares of the variance of {response_name(fit)}{on_scale(fit)}. Fixed: what the fixed effects explain; "
        f"residual: {answer.attrs['residual']}. Circle: {point.name}; bars: 50 % and 90 % intervals.",
    )
    return Section(prose=tuple(explained), pictures=(picture,))


def _said(draws: xr.DataArray, point: Point | None = None) -> str:
    return estimate_in_words(draws.to_numpy(), point)
