"""The table of a fit, or of any labelled draws."""

from collections.abc import Callable

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr
from arviz_base import dataset_to_dataframe

from partialpool.errors import DataError, SamplingWarning, warn
from partialpool.fitting.fit import Fit
from partialpool.fitting.point_estimate import MEDIAN, mean_is_known
from partialpool.fitting.summary import Digest
from partialpool.tabulate import estimate_cells

__all__ = ["summary"]

_MOST_NAMED = 6


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
        are as precise as they were). Where a few draws decide the mean of a row, as of an expectation over new levels
        under a log link, there is a `median` beside it, and a `SamplingWarning` names the rows.

    Raises
    ------
    DataError
        Nothing in it was drawn.
    """
    if isinstance(x, Fit):
        return x.digest
    if not isinstance(x, xr.Dataset | xr.DataArray):
        raise DataError(
            "only a fit, or draws of an answer, can be summarised",
            got=repr(x)[:60],
            allowed="a Fit, or what a question of a fit returns",
            do="for instance pp.summary(pp.icc(fit))",
        )
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
        frame = _with_ends(azs.summary(xr.DataTree.from_dict({"posterior": every[drawn]})))
    return _with_medians(frame, every[drawn])


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


def _with_medians(frame: pd.DataFrame, drawn: xr.Dataset) -> pd.DataFrame:
    """Put medians beside means, if a few draws decide any of these, and say which."""
    stacked = xr.concat([_each(ask, drawn) for ask in (MEDIAN.of, MEDIAN.spread, _is_known)], dim="summary")
    stacked = stacked.assign_coords(summary=["median", "spread", "known"])
    found = dataset_to_dataframe(stacked, sample_dims=["summary"]).T  # rows in ArviZ's order
    decided = [str(row) for row, known in found["known"].items() if not known]
    if not decided:
        return frame
    more = f" and {len(decided) - _MOST_NAMED} more" if len(decided) > _MOST_NAMED else ""
    warn(
        f"a few draws decide the mean and sd of {', '.join(decided[:_MOST_NAMED])}{more}: read the median",
        SamplingWarning,
    )
    wide = frame.copy()
    wide.insert(1, "median", found["median"].to_numpy())
    shown = getattr(frame, "_fmt_map", None)
    if not shown:
        return wide
    cells = {row: estimate_cells([value], spread)[0] for row, value, spread, _ in found.itertuples()}
    make: Callable[..., pd.DataFrame] = type(frame)
    return make(wide, fmt_map={**shown, "median": cells})


def _each(ask: Callable[[np.ndarray], object], drawn: xr.Dataset) -> xr.Dataset:
    """Ask the draws of each quantity."""
    found: xr.Dataset = xr.apply_ufunc(
        ask, drawn, input_core_dims=[["chain", "draw"]], vectorize=True, output_dtypes=[float]
    )
    return found


def _is_known(draws: np.ndarray) -> bool:
    """Whether the mean is known; what has gaps has no median either."""
    return bool(np.isnan(draws).any()) or mean_is_known(draws)


def _decimals(cell: str) -> int:
    """Count the decimals of a cell; of one with an exponent, what it has before the exponent shifts them.

    Examples
    --------
    >>> _decimals("144.42"), _decimals("140"), _decimals("1.20e-05"), _decimals("1.20e+05")
    (2, 0, 7, 0)
    """
    digits, _, exponent = cell.partition("e")
    return max(0, len(digits.partition(".")[2]) - int(exponent or 0))
