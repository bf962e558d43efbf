"""The summary table of a fit, or of any labelled draws."""

import math
from collections.abc import Callable, Mapping
from typing import Final

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr
from arviz_base import dataset_to_dataframe

from partialpool.errors import SamplingWarning, warn
from partialpool.fitting.drawn_variables import drawn_variables
from partialpool.fitting.fit import Fit
from partialpool.fitting.point_estimate import MEDIAN, has_mean, has_median, mean_is_known
from partialpool.fitting.summary import Digest
from partialpool.fitting.tidy_rows import with_row_names
from partialpool.intervals import DEFAULT_PROB, central_ends
from partialpool.spec.keywords import explains_keywords
from partialpool.tabulate import estimate_cells, fixed

__all__ = ["summary"]

_MOST_NAMED = 6
_MOST_DECIMALS: Final = 7
_LARGEST: Final = 1e9
"""A row that needs more decimals, or has larger numbers, is written with exponents."""


@explains_keywords
def summary(x: Fit | xr.Dataset | xr.DataArray, *, prob: float = DEFAULT_PROB) -> Digest | pd.DataFrame:
    """Summarise a fit, or the draws that any function of a fit returns.

    Parameters
    ----------
    x
        A fit; or labelled draws with dims (chain, draw, ...).
    prob
        Probability of the equal-tailed intervals.

    Returns
    -------
    Digest or pandas.DataFrame
        For a fit its variance components with correlations, fixed effects, ICC and diagnostics, which print
        as tables (HTML in a notebook) and are numbers in `.frame`; for draws ArviZ's summary table of the variables
        that have draws, in which predicted rows are called by their predictors, `expectation[Days=9]`. The ends of
        intervals are printed to at least as many decimals as the mean, and a row's mean, sd and ends all with an
        exponent or all without (in text, HTML and LaTeX; the numbers in the table keep their precision). If a few draws
        determine the mean of a row, as of an expectation over new levels under a log link, the table has a `median`
        beside it, and a `SamplingWarning` names the rows.

    Raises
    ------
    DataError
        The dataset contains no draws.
    SpecError
        `prob` is not between 0 and 1.
    """
    central_ends(prob)
    if isinstance(x, Fit):
        return x.digest.with_prob(prob)
    drawn = with_row_names(drawn_variables(x, doing="summarised", example="pp.summary(pp.icc(fit))"))
    with np.errstate(invalid="ignore", divide="ignore"):  # a correlation with itself does not vary
        frame = azs.summary(xr.DataTree.from_dict({"posterior": drawn}), ci_prob=prob, ci_kind="eti")
    return _in_one_notation(_with_medians(frame, drawn))


def _in_one_notation(frame: pd.DataFrame) -> pd.DataFrame:
    """Print a row's mean, median, sd and ends all with an exponent or all without; the numbers stay as they are."""
    shown = getattr(frame, "_fmt_map", None)
    if not shown or "mean" not in shown:
        return frame
    columns = [c for c in frame.columns if c in ("mean", "median", "sd") or str(c).endswith(("_lb", "_ub"))]
    written = {column: dict(cells) for column, cells in shown.items()}
    for row, numbers in zip(frame.index, frame[columns].to_numpy(float), strict=True):
        values = {c: v for c, v in zip(columns, numbers.tolist(), strict=True) if math.isfinite(v)}
        cells = {c: str(written[c][row]) for c in values if row in written.get(c, {})}
        if "mean" in cells and "sd" in cells:
            for column, cell in _row(values, cells).items():
                written[column][row] = cell
    make: Callable[..., pd.DataFrame] = type(frame)
    return make(frame.copy(), fmt_map=written)


def _row(values: Mapping[str, float], cells: Mapping[str, str]) -> dict[str, str]:
    """Write one row; a cell keeps the digits it has, and ends have those of the mean at least."""
    places = {column: _places(cell) for column, cell in cells.items()}
    largest, sd = max(abs(values[column]) for column in cells), values["sd"]
    of_mean, ends = places["mean"], [column for column in cells if column not in ("mean", "median", "sd")]
    if max(of_mean, places["sd"]) <= _MOST_DECIMALS and not 0 < largest < 10.0**-_MOST_DECIMALS and largest < _LARGEST:
        for column in ends:
            places[column] = max(of_mean, min(places[column], _MOST_DECIMALS))
        return {column: fixed(values[column], max(0, place)) for column, place in places.items()}
    second_digit = 1 - math.floor(math.log10(sd)) if sd > 0 else of_mean
    for column in ("mean", *ends):
        places[column] = max(places[column], of_mean, second_digit)
    return {column: _with_exponent(values[column], place) for column, place in places.items()}


def _with_medians(frame: pd.DataFrame, drawn: xr.Dataset) -> pd.DataFrame:
    """Put medians beside means, if a few draws determine any of these, and name the rows."""
    known = _each(_is_known, drawn)
    known = known.assign({name: xr.ones_like(known[name]) for name in drawn.data_vars if has_mean(drawn[name])})
    stacked = xr.concat([_each(MEDIAN.of, drawn), _each(MEDIAN.spread, drawn), known], dim="summary")
    stacked = stacked.assign_coords(summary=["median", "spread", "known"])
    found = dataset_to_dataframe(stacked, sample_dims=["summary"]).T  # rows in ArviZ's order
    decided = [str(row) for row, known in found["known"].items() if not known]
    if not decided and not any(has_median(values) for values in drawn.data_vars.values()):
        return frame
    more = f" and {len(decided) - _MOST_NAMED} more" if len(decided) > _MOST_NAMED else ""
    if decided:
        named = ", ".join(decided[:_MOST_NAMED])
        warn(f"a few draws decide the mean and sd of {named}{more}: read the median", SamplingWarning)
    wide = frame.copy()
    wide.insert(1, "median", found["median"].to_numpy())
    shown = getattr(frame, "_fmt_map", None)
    if not shown:
        return wide
    cells = {row: estimate_cells([value], spread)[0] for row, value, spread, _ in found.itertuples()}
    make: Callable[..., pd.DataFrame] = type(frame)
    return make(wide, fmt_map={**shown, "median": cells})


def _each(ask: Callable[[np.ndarray], object], drawn: xr.Dataset) -> xr.Dataset:
    """Apply a function to the draws of each quantity."""
    found: xr.Dataset = xr.apply_ufunc(
        ask, drawn, input_core_dims=[["chain", "draw"]], vectorize=True, output_dtypes=[float]
    )
    return found


def _is_known(draws: np.ndarray) -> bool:
    """Whether the mean is finite; a quantity with missing draws has no median either."""
    return bool(np.isnan(draws).any()) or mean_is_known(draws)


def _places(cell: str) -> int:
    """Count the decimal places of a cell; below 0 if the exponent leaves fewer than all digits before the point.

    Examples
    --------
    >>> _places("144.42"), _places("140"), _places("1.20e-05"), _places("1.20e+05")
    (2, 0, 7, -3)
    """
    digits, _, exponent = cell.partition("e")
    return len(digits.partition(".")[2]) - int(exponent or 0)


def _with_exponent(value: float, places: int) -> str:
    """Write a number with an exponent, to the given number of decimal places.

    Examples
    --------
    >>> _with_exponent(-1.5987e-9, 11), _with_exponent(4e-13, 11), _with_exponent(1.0158e7, -5)
    ('-1.60e-09', '0', '1.02e+07')
    """
    rounded = round(value, places)
    if rounded == 0:
        return "0"
    return f"{rounded:.{max(0, math.floor(math.log10(abs(rounded))) + places)}e}"
