"""The table of a fit, or of any labelled draws."""

from collections.abc import Callable

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr

from partialpool.errors import DataError
from partialpool.fitting import Fit
from partialpool.overview.digest import Digest

__all__ = ["summary"]


def summary(x: Fit | xr.Dataset | xr.DataArray) -> Digest | pd.DataFrame:
    """Summarise a fit, or the draws that any question of a fit returns.

    Parameters
    ----------
    x
        A fit; or labelled draws with dims (chain, draw, ...).

    Returns
    -------
    Digest or pandas.DataFrame
        For a fit its variance components with correlations, common effects, ICC and diagnostics, which print
        as tables (HTML in a notebook) and are numbers in `.frame`; for draws ArviZ's summary table, of what has draws,
        the ends of intervals printed to the decimals of the mean at least (in text, HTML and LaTeX; the numbers in it
        are as precise as they were).

    Raises
    ------
    DataError
        Nothing in it was drawn.
    """
    if isinstance(x, Fit):
        return x.digest
    every = x.to_dataset(name=x.name or "x") if isinstance(x, xr.DataArray) else x
    drawn = [name for name, values in every.data_vars.items() if {"chain", "draw"} <= set(values.dims)]
    if not drawn:
        raise DataError(
            "nothing here was drawn",
            got=", ".join(map(str, every.data_vars)) or "no variable",
            allowed="variables with dimensions chain and draw",
            do="show it as a table by .to_dataframe()",
        )
    with np.errstate(invalid="ignore", divide="ignore"):  # a correlation with itself does not vary
        return _with_ends(azs.summary(xr.DataTree.from_dict({"posterior": every[drawn]})))


def _with_ends(frame: pd.DataFrame) -> pd.DataFrame:
    """Print the ends of intervals to the decimals of the mean at least; the numbers themselves stay as they are."""
    shown = getattr(frame, "_fmt_map", None)
    if not shown or "mean" not in shown:
        return frame
    ends = [column for column in frame.columns if str(column).endswith(("_lb", "_ub"))]
    written = {column: dict(cells) for column, cells in shown.items()}
    for column in ends:
        for row, value in frame[column].items():
            now, mean = str(written.get(column, {}).get(row, "")), str(shown["mean"].get(row, ""))
            if np.isfinite(value) and _decimals(now) < _decimals(mean):
                written.setdefault(column, {})[row] = f"{value:.{_decimals(mean)}f}"
            elif np.isfinite(value) and "e" not in now and _decimals(now) == 0:  # 149, not 150
                written.setdefault(column, {})[row] = f"{value:.0f}"
    make: Callable[..., pd.DataFrame] = type(frame)
    return make(frame.copy(), fmt_map=written)


def _decimals(cell: str) -> int:
    """Count the decimals of a cell; of one with an exponent, what it has before the exponent shifts them.

    Examples
    --------
    >>> _decimals("144.42"), _decimals("140"), _decimals("1.20e-05"), _decimals("1.20e+05")
    (2, 0, 7, 0)
    """
    digits, _, exponent = cell.partition("e")
    return max(0, len(digits.partition(".")[2]) - int(exponent or 0))
