"""Whether the priors move the answers, by power scaling with weights alone: no refit, no wait."""

from partialpool.fitting.fit import Fit
from partialpool.plots.power_scale import plot_power_scale
from partialpool.plots.style import figure_image
from partialpool.reporting.section import Note, Picture, Section
from partialpool.reporting.verdicts import moved_answers, prior_sensitivity
from partialpool.tabulate import number

__all__ = ["power_scale_section"]


def power_scale_section(fit: Fit) -> Section:
    """Draw power-scaling sensitivities, and name the answers that are not robust."""
    found = prior_sensitivity(fit)
    frame = found.frame
    moved = [f"{name}: {diagnosis}" for name, diagnosis in moved_answers(fit).items()]
    note = (
        Note(f"Not robust to the priors: {'; '.join(moved)}. Fit under other priors before you rely on them.", "bad")
        if moved
        else Note("Every answer is robust to the priors.", "good")
    )
    said = [f"{name} {number(float(row['prior']))}" for name, row in frame.iterrows() if "prior" in frame]
    alt = f"Sensitivity to all priors together, where 0.05 counts: {'; '.join(said)}."
    caption = (
        "How fast each answer moves when one prior, all of them or the likelihood is raised to a power near 1 "
        "(Kallioinen et al. 2024). An estimate that moves with the prior and not with the likelihood "
        "depends mainly on the prior."
    )
    prose = (
        "Priors say what was believed before the data. With few data they can dominate; this section shows how much."
    )
    return Section(prose=(prose, note), pictures=(Picture(figure_image(plot_power_scale(found)), alt, caption),))
