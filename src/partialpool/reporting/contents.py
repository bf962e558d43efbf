"""The table of contents: what stands on the page, in this order.

To add a section: a file in `sections/` with a function from a `Fit` to a `Section` (None where it does not apply), its
import, and its line here.
"""

from typing import Final

from partialpool.reporting.section import Chapter
from partialpool.reporting.sections.design_effect import costs
from partialpool.reporting.sections.estimates import estimates
from partialpool.reporting.sections.group_effects import who
from partialpool.reporting.sections.icc import alike
from partialpool.reporting.sections.in_short import in_short
from partialpool.reporting.sections.level_lines import lines
from partialpool.reporting.sections.made_from import made_from
from partialpool.reporting.sections.posterior_checks import fits_data
from partialpool.reporting.sections.power_scale import priors_matter
from partialpool.reporting.sections.predict import foretold
from partialpool.reporting.sections.priors import the_priors
from partialpool.reporting.sections.reading import reading
from partialpool.reporting.sections.shrinkage import pulled
from partialpool.reporting.sections.singularity import supported
from partialpool.reporting.sections.the_model import the_model
from partialpool.reporting.sections.trust import trust
from partialpool.reporting.sections.variance_components import where_it_sits
from partialpool.reporting.sections.variance_function import spread

__all__ = ["CHAPTERS"]

CHAPTERS: Final = (
    Chapter("In short", in_short),
    Chapter("The model", the_model),
    Chapter("Priors", the_priors),
    Chapter("Can the draws be trusted?", trust),
    Chapter("Does the model fit the data?", fits_data),
    Chapter("Estimates", estimates),
    Chapter("What does it predict?", foretold),
    Chapter("How alike are two members of a group?", alike),
    Chapter("Where does the variance sit?", where_it_sits),
    Chapter("What does grouping cost?", costs),
    Chapter("How far is each level pulled?", pulled),
    Chapter("What is each level's line?", lines),
    Chapter("How does the spread change?", spread),
    Chapter("Who is where?", who),
    Chapter("Do the data support what varies?", supported),
    Chapter("Do the priors matter?", priors_matter),
    Chapter("How this was made", made_from),
    Chapter("Words", reading),
)
