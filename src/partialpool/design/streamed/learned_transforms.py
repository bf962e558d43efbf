"""Functions of a formula that learn from all rows: their constants are those of the first pass, or they are refused."""

import math
from typing import Any

from partialpool.design.recipe import Recipe
from partialpool.design.streamed.survey import Survey
from partialpool.design.transforms import take_mean_and_sd
from partialpool.errors import DataError

__all__ = ["learn_from_survey"]


def learn_from_survey(recipe: Recipe, survey: Survey) -> None:
    """Replace what the functions of a recipe learned from some rows by the means and sds of all rows.

    Raises
    ------
    DataError
        A function that learns something else than the mean and sd of a column.
    """
    for call in recipe.calls:
        learned = getattr(call, "stateful_transform", None)
        if learned is None:
            continue
        arguments = (*call.args, *call.kwargs.values())
        column = getattr(arguments[0], "name", None) if len(arguments) == 1 else None
        summary = None if _is_call(arguments[0]) else survey.numbers.get(str(column))
        taken = False
        if summary is not None:
            sd = summary.sd * math.sqrt(summary.rows / max(summary.rows - 1, 1))
            taken = take_mean_and_sd(learned, summary.mean, sd)
        if not taken:
            raise DataError(
                f"{call} learns its constants from all rows, and a table that is read in batches does not give them",
                got=str(call),
                allowed="center(x), scale(x) and standardize(x) of a column of numbers; functions that learn nothing",
                do="write a polynomial as x + I(x**2); add other columns where the table is made",
            )


def _is_call(argument: Any) -> bool:
    return hasattr(argument, "callee") or hasattr(argument, "op")
