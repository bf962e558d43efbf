"""A glossary of the page's technical terms."""

from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Section
from partialpool.tabulate import TextTable

__all__ = ["glossary_section"]

_WORDS = (
    ("posterior", "what is known about a quantity after seeing the data: a distribution, represented by draws", False),
    ("{percent} interval", "contains the quantity with probability {percent}, given model, priors and data", False),
    ("fixed effect", "a coefficient that is the same for the whole population; also: population-level effect", False),
    ("factor, level", "a grouping variable, and one of its groups", True),
    (
        "group effect",
        "difference of one level's coefficient from the population's; also: random or group-level effect",
        True,
    ),
    (
        "partial pooling",
        "each estimate combines the level's own rows with the population's",
        True,
    ),
    ("ICC", "share of the variance that is between levels; the correlation of two responses that share a level", True),
    (
        "ESS",
        "effective sample size: the number of independent draws of the same precision; several hundred are enough",
        False,
    ),
    ("R-hat", "a measure of agreement between the chains: below 1.01 they agree", False),
)
"""Term, meaning, and whether it applies only to models with groups."""


def glossary_section(reported: Reported) -> Section:
    """List the terms that the page uses."""
    groups = bool(reported.fit.design.factors)
    rows = tuple(
        (term.replace("{percent}", reported.percent), meaning.replace("{percent}", reported.percent))
        for term, meaning, of_groups in _WORDS
        if groups or not of_groups
    )
    return Section(tables=(TextTable(("term", "meaning"), rows, title="Terms"),))
