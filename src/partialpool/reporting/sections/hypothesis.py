"""Claims that were stated for the report, with their posterior probabilities."""

from typing import Final

from partialpool.questions.hypothesis import hypothesis
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Section
from partialpool.tabulate import TextTable, estimate_cells

__all__ = ["hypothesis_section"]

_NUMBERS: Final = ["estimate", "conf_low", "conf_high", "std_error", "probability"]
_NEARLY_SURE: Final = 0.9995
"""Probabilities above it would be printed as 1, and those below its opposite as 0."""


def hypothesis_section(reported: Reported) -> Section | None:
    """Tabulate the claims; None where none was stated."""
    if not reported.claims:
        return None
    found = hypothesis(reported.fit, *reported.claims, prob=reported.prob)
    rows = []
    for claim, number in zip(found["hypothesis"], found[_NUMBERS].to_numpy(float), strict=True):
        *interval, sd, probability = number
        rows.append((str(claim), *estimate_cells(interval, sd), _probability(probability)))
    heads = ("claim", "estimate", *reported.end_names, "posterior probability")
    title = f"Claims stated for this report: mean and {reported.percent} interval of what is compared"
    return Section(
        prose=(
            "Each claim is an inequality between quantities of the model. Its posterior probability is the share of "
            "the draws for which it is true, given the data and the priors. The estimate is that of the quantity "
            "that is compared with a number; where both sides have quantities, that of the left side less the right "
            "side.",
        ),
        tables=(TextTable(heads, tuple(rows), title=title),),
    )


def _probability(value: float) -> str:
    """Return a share of draws; no finite number of draws makes a claim certain.

    Examples
    --------
    >>> _probability(0.97249), _probability(1.0), _probability(0.0)
    ('0.972', '> 0.999', '< 0.001')
    """
    if value > _NEARLY_SURE:
        return "> 0.999"
    return "< 0.001" if value < 1 - _NEARLY_SURE else f"{value:.3f}"
