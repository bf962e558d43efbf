"""A glossary of the page's technical terms."""

from partialpool.design.nesting import nesting
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
    ("ICC", "{icc}", True),
    (
        "ESS",
        "effective sample size: the number of independent draws of the same precision; several hundred are enough",
        False,
    ),
    ("R-hat", "a measure of agreement between the chains: below 1.01 they agree", False),
)
"""Term, meaning, and whether it applies only to models with groups."""

_ICC = "share of the variance that is between levels; the correlation of two responses that share a level"
_NESTED_ICC = (
    "a factor's share of the variance; two responses of one level also share the levels of the factors in which it is "
    "nested, and their correlation is the sum of these factors' shares"
)


def glossary_section(reported: Reported) -> Section:
    """List the terms that the page uses."""
    groups = bool(reported.fit.design.grouping)
    values = {"percent": reported.percent, "icc": _NESTED_ICC if any(nesting(reported.fit.design).values()) else _ICC}
    rows = tuple(
        (term.format_map(values), meaning.format_map(values))
        for term, meaning, of_groups in _WORDS
        if groups or not of_groups
    )
    return Section(tables=(TextTable(("term", "meaning"), rows, title="Terms"),))
