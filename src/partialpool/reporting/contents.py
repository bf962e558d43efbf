"""The table of contents: the chapters of the page, in order.

To add a section, write a file in `sections/` with a function that takes a `Reported` fit and returns a `Section`
(None where it does not apply), import it here, and add its line below.
"""

from typing import Final

from partialpool.reporting.section import Chapter
from partialpool.reporting.sections.checks_in_brief import checks_in_brief
from partialpool.reporting.sections.design_effect import design_effect_section
from partialpool.reporting.sections.diagnostics import diagnostics_section
from partialpool.reporting.sections.estimates import estimates
from partialpool.reporting.sections.glossary import glossary_section
from partialpool.reporting.sections.group_effects import group_effects_section
from partialpool.reporting.sections.hypothesis import hypothesis_section
from partialpool.reporting.sections.icc import icc_section
from partialpool.reporting.sections.in_short import in_short
from partialpool.reporting.sections.level_lines import level_lines_section
from partialpool.reporting.sections.level_predictions import level_predictions_section
from partialpool.reporting.sections.made_from import made_from
from partialpool.reporting.sections.methods import methods_section
from partialpool.reporting.sections.posterior_checks import posterior_checks_section
from partialpool.reporting.sections.power_scale import power_scale_section
from partialpool.reporting.sections.predict import predict_section
from partialpool.reporting.sections.priors import priors_section
from partialpool.reporting.sections.shrinkage import shrinkage_section
from partialpool.reporting.sections.singularity import singularity_section
from partialpool.reporting.sections.the_model import the_model
from partialpool.reporting.sections.variance_components import variance_components_section
from partialpool.reporting.sections.variance_function import variance_function_section

__all__ = ["BRIEF", "CHAPTERS", "CLAIMS", "SHORT"]

CLAIMS: Final = Chapter("Claims", hypothesis_section)
"""It is there only if claims are stated."""
CHAPTERS: Final = (
    Chapter("Summary", in_short),
    Chapter("Predictions", predict_section),
    Chapter("Estimates", estimates),
    CLAIMS,
    Chapter("Intraclass correlation", icc_section),
    Chapter("Variance components", variance_components_section),
    Chapter("Design effect", design_effect_section),
    Chapter("Variance along the predictors", variance_function_section),
    Chapter("Predictions by level", level_predictions_section),
    Chapter("Group effects", group_effects_section),
    Chapter("Shrinkage", shrinkage_section),
    Chapter("Fitted lines by level", level_lines_section),
    Chapter("Support for the varying effects", singularity_section),
    Chapter("The model", the_model),
    Chapter("Statistical methods", methods_section),
    Chapter("Priors", priors_section),
    Chapter("Sensitivity to the priors", power_scale_section),
    Chapter("Diagnostics of the draws", diagnostics_section),
    Chapter("Model checks", posterior_checks_section),
    Chapter("Software and settings", made_from),
    Chapter("Glossary", glossary_section),
)
"""The whole report: results first, of the population and then of groups; then how they were obtained; an appendix."""
BRIEF: Final = Chapter("Checks in brief", checks_in_brief)
"""The chapters on draws, model checks and priors in one table, for a short report."""
SHORT: Final = ("Summary", "Predictions", "Statistical methods", BRIEF.title)
"""Titles of the chapters of a short report."""
