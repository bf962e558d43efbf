"""Support in the data for the varying effects and their correlations."""

import xarray as xr

from partialpool.plots.singularity import plot_singularity
from partialpool.plots.style import figure_image
from partialpool.questions.singularity import singularity
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Note, Picture, Section
from partialpool.reporting.wording import on_scale

__all__ = ["singularity_section"]


def singularity_section(reported: Reported) -> Section | None:
    """State which effects the data do not support, with the simpler model, and draw them."""
    fit = reported.fit
    others = fit.design.parameters.values()
    categories = fit.spec.family_record.has_predictors_of_categories
    if categories or not any(one.factors for one in (fit.design, *others)):
        return None
    answer = reported.names.relabelled(singularity(fit))
    said = [
        f"{term}: near zero with probability {float(near):.2f}, under the prior {float(prior):.2f}"
        for term, near, prior in zip(
            answer["term"].to_numpy(), answer["near_zero"], answer["near_zero_prior"], strict=True
        )
    ]
    said += [
        f"correlation of {pair}: above 0.95 in absolute value with probability {float(extreme):.2f}"
        for pair, extreme in zip(answer["pair"].to_numpy(), answer["extreme"], strict=True)
    ]
    caption = (
        f"Contribution of each varying effect to the linear predictor{on_scale(fit)}, posterior (bars) against prior "
        "(line); near zero (grey) is too small to distinguish from the noise of a level's rows."
    )
    picture = Picture(figure_image(plot_singularity(answer)), "; ".join(said) + ".", caption)
    sentence = answer.attrs["sentence"]
    note = Note(sentence, "good") if bool(answer["good"]) else Note(sentence, "bad")
    return Section(prose=(note, *_classical(answer)), pictures=(picture,))


def _classical(answer: xr.Dataset) -> tuple[str, ...]:
    """Say by which method the classical fit is judged, and why; nothing where there is none."""
    if answer.attrs["ml_singular"] not in ("yes", "no"):
        return ()
    why = (
        "A fit is singular if an estimated variance is 0, or an estimated correlation 1 or -1. Models with and without "
        "an effect are compared by maximum likelihood (ML), because AIC is defined by the maximum of the likelihood."
    )
    if answer.attrs["reml_singular"] not in ("yes", "no"):
        return (f"{why} REML is for normal responses only.",)
    return (f"{why} REML, the default of lme4, estimates variances a little larger: with few levels it may differ.",)
