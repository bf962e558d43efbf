"""Answers and draws as data frames: a row for each quantity, or for each draw."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from pandas.api.types import is_integer_dtype

from partialpool.fitting.drawn_variables import drawn_variables
from partialpool.fitting.fit import Fit
from partialpool.fitting.tidy_rows import SAMPLE, flat_draws, places_of, quantity_names, tidy_rows
from partialpool.intervals import DEFAULT_PROB, central_ends
from partialpool.spec.keywords import explains_keywords

__all__ = ["draws_frame", "to_frame"]

_ESTIMATE: Final = ("estimate", "std_error", "conf_low", "conf_high")


@explains_keywords
def to_frame(answer: Fit | xr.Dataset | xr.DataArray, *, prob: float = DEFAULT_PROB) -> pd.DataFrame:
    """Tabulate a fit's parameters, or what any function of a fit returns: a row for each quantity.

    Columns have the names of marginaleffects (Arel-Bundock, Greifer & Heiss 2024, J. Stat. Softw. 111:9), so that code
    written for its tables reads these.

    Parameters
    ----------
    answer
        A fit, whose group effects are left out (`group_effects` has them); or draws with dimensions chain and draw.
    prob
        Probability of the central interval.

    Returns
    -------
    pandas.DataFrame
        `term`, the quantity; the columns that say which one it is, such as `factor`, `level` and `n` (its rows), or the
        covariates of `predict`; `estimate`, the posterior mean; `std_error`, the posterior sd; `conf_low` and
        `conf_high`, the ends of the interval. If a few draws determine a mean, the row's estimate is the posterior
        median, `std_error` is missing, and `statistic` is "median" instead of "mean"; of ratios the estimate is always
        the median.

    Raises
    ------
    DataError
        There are no draws.
    SpecError
        `prob` is not between 0 and 1.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> rows = pp.predict(fit, pp.datagrid(fit, Days=[0, 9]), kind="marginal")
    >>> pp.to_frame(rows["expectation"], prob=0.9).columns.tolist()
    ['term', 'obs', 'Days', 'estimate', 'std_error', 'conf_low', 'conf_high', 'statistic']
    """
    ends = central_ends(prob)
    tables = [tidy_rows(name, _beside_rows(answer, values), ends) for name, values in _drawn(answer)]
    together = pd.concat(tables, ignore_index=True)
    for column in {c for table in tables for c in table.columns if is_integer_dtype(table[c])}:
        if together[column].isna().any():  # some quantities have none: numbers of rows remain whole numbers
            together[column] = together[column].astype("Int64")
    where = [c for c in together.columns if c not in ("term", "statistic", *_ESTIMATE)]
    return together[["term", *where, *_ESTIMATE, "statistic"]]


@explains_keywords
def draws_frame(answer: Fit | xr.Dataset | xr.DataArray, *, long: bool = False) -> pd.DataFrame:
    """Return draws as a data frame: a row for each draw, or in long form for each draw and quantity.

    Parameters
    ----------
    answer
        A fit, whose group effects are left out (pass `group_effects(fit)` for them); or draws with dimensions chain and
        draw.
    long
        Whether every quantity of a draw has its own row.

    Returns
    -------
    pandas.DataFrame
        `chain`, `draw`, and a column for each quantity, named as ArviZ names them: `sd_Subject[Days]`. In long form
        `chain`, `draw`, `term`, the columns that say which quantity it is, and `value`.

    Raises
    ------
    DataError
        There are no draws.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (1 | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> draws = pp.draws_frame(fit)
    >>> draws.columns.tolist()
    ['chain', 'draw', 'beta[Intercept]', 'beta[Days]', 'sd_Subject[Intercept]', 'sigma', 'icc[Subject]']
    >>> bool((draws["beta[Days]"] > 5).all())
    True
    """
    pieces = list(_drawn(answer))
    if long:
        return pd.concat([_long(name, values) for name, values in pieces], ignore_index=True)
    columns = dict(zip(SAMPLE, _counts(pieces[0][1]), strict=True))
    for name, values in pieces:
        flat = flat_draws(values)
        for label, column in zip(quantity_names(name, values), flat.T, strict=True):
            columns[label] = column
    return pd.DataFrame(columns)


def _drawn(answer: Fit | xr.Dataset | xr.DataArray) -> Iterator[tuple[str, xr.DataArray]]:
    """Yield every variable that has draws, dimensions chain and draw first, with its name."""
    if isinstance(answer, Fit):
        yield from ((name, xr.DataArray(draws, dims=SAMPLE)) for name, draws in answer.digest.draws.items())
        return
    found = drawn_variables(answer, doing="tabulated", example="pp.to_frame(pp.icc(fit))")
    yield from ((str(name), values.transpose(*SAMPLE, ...)) for name, values in found.data_vars.items())


def _beside_rows(answer: Fit | xr.Dataset | xr.DataArray, values: xr.DataArray) -> xr.DataArray:
    """Add the number of rows of each level to draws of levels, where the answer has it."""
    if not isinstance(answer, xr.Dataset) or "n" not in answer:
        return values
    known = not {*SAMPLE} & {*answer["n"].dims} and {*answer["n"].dims} <= {*values.dims}
    return values.assign_coords(n=answer["n"]) if known else values


def _counts(values: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the chain and the number in it of every draw, (draws,) each."""
    chain, draw = (values[dim].to_numpy() if dim in values.coords else np.arange(values.sizes[dim]) for dim in SAMPLE)
    return np.repeat(chain, len(draw)), np.tile(draw, len(chain))


def _long(name: str, values: xr.DataArray) -> pd.DataFrame:
    """Return a row for each draw of each quantity."""
    places, draws = places_of(values), flat_draws(values)
    table = places.loc[np.tile(places.index, len(draws))].reset_index(drop=True)
    chain, draw = _counts(values)
    table.insert(0, "chain", np.repeat(chain, draws.shape[1]))
    table.insert(1, "draw", np.repeat(draw, draws.shape[1]))
    table.insert(2, "term", name)
    table["value"] = draws.ravel()
    return table
