"""Intraclass correlation of each factor."""

from functools import partial

from partialpool.design.labels import coordinate_of
from partialpool.design.nesting import nesting
from partialpool.fitting.point_estimate import common_point
from partialpool.plots.icc import plot_icc
from partialpool.plots.intervals import bars_in_words
from partialpool.plots.style import figure_image
from partialpool.questions.icc import icc
from partialpool.reporting.grids import Grid, slope_grids
from partialpool.reporting.limits import PHONE
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Picture, Section, which_can
from partialpool.reporting.wording import on_scale
from partialpool.tabulate import listed

__all__ = ["icc_section"]


def icc_section(reported: Reported) -> Section | None:
    """Draw the intraclass correlation of each factor, and along each predictor whose slope varies."""
    fit = reported.fit
    if not fit.design.grouping:
        return None
    curves, refused = which_can(
        (reported.names.column(grid.column), partial(_along, reported, grid)) for grid in slope_grids(fit.design)
    )
    return Section(prose=(_meaning(reported), *refused), pictures=(_averaged(reported), *curves))


def _meaning(reported: Reported) -> str:
    """Say what an ICC is: with nested factors, a share and not the correlation within a level."""
    nested = _nested(reported)
    if not nested:
        return (
            "The intraclass correlation (ICC) is the correlation of two responses that share a level, and the share of "
            "the variance between levels: 0 means that levels do not differ, 1 that responses within a level do not "
            "differ."
        )
    also = " ".join(
        f"Two responses of the same {inner} are also of the same {listed(outer)}: their correlation is the sum of the "
        "shares of these factors."
        for inner, outer in nested.items()
    )
    return f"The ICC of a factor is its share of the variance: 0 means that its levels do not differ. {also}"


def _nested(reported: Reported) -> dict[str, list[str]]:
    """Return the factors in which each nested factor lies, under the names of the page."""
    name = reported.names.factor
    found = nesting(reported.fit.design)
    return {name(inner): [name(one) for one in outer] for inner, outer in found.items() if outer}


def _averaged(reported: Reported) -> Picture:
    fit = reported.fit
    answer = reported.names.relabelled(icc(fit))
    point = common_point(answer["icc"], answer["total"])
    said = [
        f"ICC of {factor}: {reported.in_words(answer['icc'].sel(factor=factor).to_numpy(), point)}"
        for factor in answer["factor"].to_numpy()
    ]
    nested = _nested(reported)
    said += [
        f"Correlation of two responses of the same {factor}: "
        f"{reported.in_words(answer['same'].sel(factor=factor).to_numpy(), point)}"
        for factor in nested
    ]
    if len(said) > 1:
        said.append(f"All factors together: {reported.in_words(answer['total'].to_numpy(), point)}")
    varying = any(len(factor.names) > 1 for factor in fit.design.grouping)
    averaged = ", averaged over the rows" if varying else ""
    scale = on_scale(fit)
    residual = f" Residual: {answer.attrs['residual']}." if scale else ""
    bars = f"Circle: {point.name}; bars: {bars_in_words(reported.prob)}."
    what = "Shares of the variance (ICC)" if nested else "Intraclass correlation"
    caption = f"{what}{scale}{averaged}. {bars}{residual}"
    return Picture(figure_image(plot_icc(answer, prob=reported.prob), widest=PHONE), ". ".join(said) + ".", caption)


def _along(reported: Reported, grid: Grid) -> Picture:
    fit = reported.fit
    answer = icc(fit, at=grid.at)
    held, answer = grid.held(answer, reported.names), grid.along(answer)
    dim, column = coordinate_of(answer, grid.column), reported.names.column(grid.column)
    answer = reported.names.relabelled(answer)
    point = common_point(answer["icc"])
    ends = (answer[dim].to_numpy()[0], answer[dim].to_numpy()[-1])
    said = [
        f"ICC of {factor} at {column} {place:.4g}: "
        f"{reported.in_words(answer['icc'].sel({'factor': factor, dim: place}).to_numpy(), point)}"
        for factor in answer["factor"].to_numpy()
        for place in ends
    ]
    what = "Shares of the variance (ICC)" if _nested(reported) else "Intraclass correlation of two responses"
    caption = f"{what} at the same {column}{on_scale(fit)}.{held}"
    return Picture(figure_image(plot_icc(answer, prob=reported.prob), widest=PHONE), ". ".join(said) + ".", caption)
