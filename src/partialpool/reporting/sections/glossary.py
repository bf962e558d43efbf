"""Words a reader may not know."""

from partialpool.fitting.fit import Fit
from partialpool.reporting.section import Section
from partialpool.tabulate import TextTable

__all__ = ["glossary_section"]

_WORDS = (
    ("posterior", "what is known of a quantity after the data: a distribution, given as draws", False),
    ("90 % interval", "the quantity lies in it with probability 90 %, given model, priors and data", False),
    ("fixed effect", "a coefficient of the whole population; also: population-level effect", False),
    ("factor, level", "a grouping variable, and one of its groups", True),
    (
        "group effect",
        "how far one level's coefficient is from the population's; also: random or group-level effect",
        True,
    ),
    (
        "partial pooling",
        "levels borrow strength from each other: each estimate combines the level's own rows with the population's",
        True,
    ),
    ("ICC", "correlation of two responses that share a level", True),
    ("ESS", "effective sample size: how many independent draws these are worth; several hundred are enough", False),
    ("R-hat", "whether the chains agree: below 1.01 they do", False),
)
"""Term, meaning, and whether it needs groups."""


def glossary_section(fit: Fit) -> Section:
    """List the words of the page that this fit needs."""
    rows = tuple((term, meaning) for term, meaning, of_groups in _WORDS if fit.design.factors or not of_groups)
    return Section(tables=(TextTable(("term", "meaning"), rows, title="Terms"),))
