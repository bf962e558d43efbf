"""Variance components: shares of the fixed effects, of each factor, and of the residual."""

from partialpool.fitting.point_estimate import common_point
from partialpool.plots.intervals import bars_in_words
from partialpool.plots.style import figure_image
from partialpool.plots.variance_components import plot_variance_components
from partialpool.questions.variance_components import variance_components
from partialpool.reporting.limits import PHONE
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Picture, Section
from partialpool.reporting.wording import on_scale

__all__ = ["variance_components_section"]


def variance_components_section(reported: Reported) -> Section:
    """Draw the shares of fixed effects, factors and residual, and state marginal and conditional R2."""
    fit = reported.fit
    answer = reported.names.relabelled(variance_components(fit))
    point = common_point(answer["share"])
    shares = [
        f"{part}: {reported.in_words(answer['share'].sel(part=part).to_numpy(), point)}"
        for part in answer["part"].to_numpy()
    ]
    explained = []
    if fit.design.common.names or fit.spec.smooths:
        marginal = reported.in_words(answer["r2_marginal"].to_numpy())
        explained.append(f"Marginal R², the share of the fixed effects: {marginal}.")
    if fit.design.grouping:
        conditional = reported.in_words(answer["r2_conditional"].to_numpy())
        explained.append(f"Conditional R², of fixed and group effects together: {conditional}.")
    picture = Picture(
        figure_image(plot_variance_components(answer, prob=reported.prob), widest=PHONE),
        f"Shares of the variance of {reported.names.response}. {'; '.join(shares)}.",
        f"Shares of the variance of {reported.names.response}{on_scale(fit)}. Fixed: what the fixed effects explain; "
        f"residual: {answer.attrs['residual'].replace('^2', '²')}. Circle: {point.name}; bars: "
        f"{bars_in_words(reported.prob)}.",
    )
    return Section(prose=tuple(explained), pictures=(picture,))
