"""Sensitivity of the answers to the priors, by power scaling with importance weights (no refits)."""

from partialpool.plots.power_scale import plot_power_scale
from partialpool.plots.style import figure_image
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Note, Picture, Section
from partialpool.tabulate import listed, number

__all__ = ["power_scale_section", "verdict_on_priors"]


def power_scale_section(reported: Reported) -> Section:
    """Draw power-scaling sensitivities, and name the answers that are sensitive to the priors."""
    found = reported.prior_sensitivity
    frame = found.frame
    note = verdict_on_priors(reported)
    said = [f"{name} {number(float(row['prior']))}" for name, row in frame.iterrows() if "prior" in frame]
    alt = f"Sensitivity to all priors together (values above 0.05 count): {'; '.join(said)}."
    caption = (
        "How fast each answer changes when one prior, all priors or the likelihood is raised to a power near 1 "
        "(Kallioinen et al. 2024). An estimate that changes with the prior and not with the likelihood "
        "depends mainly on the prior. Bars: two Monte Carlo standard errors; where a bar crosses the dashed line, the "
        "answer is near the threshold, and more draws have to decide."
    )
    prose = (
        "Priors express what was assumed before the data were seen. With few data they can dominate the estimates; "
        "this section shows how much."
    )
    return Section(prose=(prose, note), pictures=(Picture(figure_image(plot_power_scale(found)), alt, caption),))


def verdict_on_priors(reported: Reported) -> Note:
    """Say which answers are sensitive to the priors."""
    moved = [f"{name}: {diagnosis}" for name, diagnosis in reported.moved_answers.items()]
    near = listed(list(reported.doubtful_answers))
    beside = f" Near the threshold, so that more draws have to decide: {near}." if near else ""
    if moved:
        text = (
            f"Not robust to the priors: {'; '.join(moved)}. Refit under other priors before you rely on them.{beside}"
        )
        return Note(text, "bad")
    if near:
        return Note(f"No answer is clearly sensitive to the priors.{beside}")
    return Note(
        "No answer changes noticeably when the priors are made a little stronger or weaker (powers near 1). "
        "Refits under other priors can show more: pp.sensitivity_report(fit).",
        "good",
    )
