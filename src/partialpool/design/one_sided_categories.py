"""Categories whose coefficients the rows leave open on one side: with zeros only, with successes only, of one row."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.design.response import Response

__all__ = ["one_sided_in_words"]

_NAMED: Final = 3


def one_sided_in_words(design: Design) -> str:
    """Name the predictor's categories with a response at one end of its range in every row, or with a single row.

    Under a log or logit link the likelihood of the coefficient of such a category increases towards minus or plus
    infinity (Albert & Anderson 1984, Biometrika 71:1): the posterior has a long tail, which samplers hardly follow.

    Parameters
    ----------
    design
        The model on its rows.

    Returns
    -------
    str
        Up to three of them; empty if there are none, or if the response has no such end.

    Examples
    --------
    >>> from partialpool.design.build import build_design
    >>> from partialpool.spec.model import ModelSpec
    >>> table = {"n": [3, 4, 0, 0, 2, 5], "wood": list("oobbpp")}
    >>> one_sided_in_words(build_design(ModelSpec.from_formula("n ~ wood", family="poisson"), table))
    "the category 'b' of 'wood' has only zeros (2 rows)"
    """
    counts = "zeros" in design.spec.family_record.checks
    if not counts and not design.response.is_binary and design.response.trials is None:
        return ""
    found = list(_one_sided(design))
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(found[:_NAMED]) + more


def _one_sided(design: Design) -> Iterator[str]:
    for column, known in design.categories.items():
        for label in known.values if known.coding not in ("label", "value") else ():
            rows = (design.frame[column] == label).to_numpy()
            n = int(rows.sum())
            end = _end(design.response, rows) if n else ""
            if end:
                yield f"the category {label!r} of {column!r} has only {end} ({n} row{'' if n == 1 else 's'})"
            elif n == 1:
                yield f"the category {label!r} of {column!r} has one row"


def _end(response: Response, rows: np.ndarray) -> str:
    """Name the end of its range at which the response is in all of some rows; empty if it is not."""
    y = response.values[rows]
    if response.trials is not None:
        return "failures" if not y.any() else "successes" if (y == response.trials[rows]).all() else ""
    if response.categories:
        return repr(response.categories[int(y[0])]) if np.ptp(y) == 0 else ""
    return "zeros" if not y.any() else ""
