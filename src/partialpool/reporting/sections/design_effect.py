"""Consequences of grouping: the effective number of rows, and the errors of an analysis that ignores it."""

from functools import partial

from partialpool.fitting.point_estimate import common_point
from partialpool.plots.design_effect import plot_design_effect
from partialpool.plots.naive_errors import pair_of_errors, plot_naive_errors
from partialpool.plots.style import figure_image
from partialpool.questions.design_effect import design_effect
from partialpool.questions.naive_errors import naive_errors
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Picture, Section, which_can
from partialpool.tabulate import number

__all__ = ["design_effect_section"]


def design_effect_section(reported: Reported) -> Section | None:
    """Draw design effects, and naive standard errors beside those that account for the grouping."""
    if not reported.fit.design.grouping:
        return None
    spec = reported.fit.spec
    has_naive = spec.is_normal or spec.family_record.is_scored
    naive = [("standard errors that ignore the grouping", partial(_naive, reported))] if has_naive else []
    pictures, refused = which_can((("the design effect", partial(_worth, reported)), *naive))
    prose = (
        "Responses of one group are correlated, so that for the mean of the response a row carries less information "
        "than an independent row. The effect of a predictor that varies within groups is estimated more precisely, "
        "because rows of one group share its deviation, unless the effect itself varies over groups. An analysis that "
        "ignores the grouping reports wrong standard errors of both."
    )
    return Section(prose=(prose, *refused), pictures=pictures)


def _worth(reported: Reported) -> Picture:
    answer = reported.names.relabelled(design_effect(reported.fit))
    point = common_point(answer["design_effect"], answer["effective_sample_size"])
    said = []
    for factor in answer["factor"].to_numpy():
        effect = answer["design_effect"].sel(factor=factor).to_numpy()
        size = answer["effective_sample_size"].sel(factor=factor).to_numpy()
        worth = f"equivalent to {number(float(point.of(size)))} independent {answer.attrs['counted']}"
        said.append(f"{factor}: design effect {reported.in_words(effect, point)}; {worth}")
    counted, scale = f"{answer.attrs['rows']:,.0f} {answer.attrs['counted']}", answer.attrs["scale"]
    whose = "the mean of the response" if scale == "response" else f"a mean on the {scale}"
    caption = (
        f"Design effect of the {counted}, for {whose}, and the equivalent number of independent "
        f"{answer.attrs['counted']}."
    )
    return Picture(figure_image(plot_design_effect(answer, prob=reported.prob)), f"{'. '.join(said)}.", caption)


def _naive(reported: Reported) -> Picture:
    answer = reported.names.relabelled(naive_errors(reported.fit))
    said = [
        "{}: naive {}, with the grouping {}".format(coef, *pair_of_errors(float(naive), float(own)))
        for coef, naive, own in zip(answer["coef"].to_numpy(), answer["naive"], answer["honest"], strict=True)
    ]
    caption = (
        "Standard errors of the fixed effects: naive (grouping ignored) and of the model (posterior, accounting "
        "for the grouping)."
    )
    return Picture(figure_image(plot_naive_errors(answer)), f"Standard errors. {'; '.join(said)}.", caption)
