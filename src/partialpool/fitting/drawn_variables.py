"""The variables of an answer that have draws."""

from typing import Any

import xarray as xr

from partialpool.errors import DataError

__all__ = ["drawn_variables"]


def drawn_variables(answer: Any, *, doing: str, example: str) -> xr.Dataset:
    """Return the variables that have dimensions chain and draw; a lone variable without a name is x.

    Parameters
    ----------
    answer
        What a function of a fit returned.
    doing
        What is done with it, in a passive participle, for the error.
    example
        A call that is right.

    Raises
    ------
    DataError
        It is no answer, or has no draws.
    """
    if not isinstance(answer, xr.Dataset | xr.DataArray):
        raise DataError(
            f"only a fit, or draws of an answer, can be {doing}",
            got=repr(answer)[:60],
            allowed="a Fit, or draws that a function of a fit returns",
            do=f"for instance {example}",
        )
    every = answer.to_dataset(name=answer.name or "x") if isinstance(answer, xr.DataArray) else answer
    drawn = [name for name, values in every.data_vars.items() if {"chain", "draw"} <= set(values.dims)]
    if not drawn:
        raise DataError(
            "the dataset contains no draws",
            got=", ".join(map(str, every.data_vars)) or "no variable",
            allowed="variables with dimensions chain and draw",
            do="show it as a table by .to_dataframe()",
        )
    return every[drawn]
