"""A table of rows to predict for: some columns at given values, every other predictor at a typical one."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from partialpool.design.design import Design
from partialpool.design.grid import check_places, check_values
from partialpool.design.held import hold, is_number
from partialpool.design.with_columns import with_columns
from partialpool.errors import DataError, nearest
from partialpool.fitting.fit import Fit
from partialpool.fitting.imputed import ImputedFit
from partialpool.fitting.over_tables import mean_table
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.terms import factor_columns

__all__ = ["datagrid"]


@explains_keywords
def datagrid(
    fit: Fit, at: Mapping[str, Any] = MappingProxyType({}), /, *, by: str | Sequence[str] = (), **columns: Any
) -> pd.DataFrame:
    """Cross the values of some columns, with every other predictor fixed at its mean or first category.

    The reference grid of emmeans and of marginaleffects' `datagrid`, as a table for `predict`; brms fills in
    `conditional_effects` the same way.

    Parameters
    ----------
    fit
        The fit whose predictors are to be set.
    at, columns
        A value or a list of values by column; in a dictionary if a column's name is not a valid Python name. Grouping
        factors have no typical level: name levels for predictions of `kind="conditional"`; the other kinds need none.
        Nor has the column of series of correlated residuals (`gr=`).
    by
        Categorical columns or grouping factors of the model: the grid is made for each of their combinations in the
        fit's rows; numbers that were not named are at their mean over the rows of that combination, and categories at
        its own where these rows have only one: a site keeps its habitat and its elevation. A column named
        `by` has to be in the dictionary.

    Returns
    -------
    pandas.DataFrame
        One row per combination of the values, `by` changing slowest, then the column that was named first.
        Numeric columns that were not named are at their mean over the fit's rows, categorical ones at their first
        category (the formula decides which columns are categorical: `C(period)` makes numbers categorical), and the
        number of trials is one. An offset follows from its columns: `offset(log(days))` from the mean of `days`; for
        predictions per day write `days=1`.

    Raises
    ------
    DataError
        A column the model does not use; a numeric column in `by`; no value; a category that the model has not seen, or
        a missing value of a predictor (levels of grouping factors may be new); `within` or `between` of a factor for
        which no level was named.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("log_radon ~ floor + log_uranium + (1 | county)", pp.load_dataset("radon"), seed=1,
    ...              progressbar=False)
    >>> pp.datagrid(fit, floor=[0, 1]).round(2)
       floor  log_uranium
    0      0        -0.13
    1      1        -0.13
    >>> rows = pp.predict(fit, pp.datagrid(fit, floor=[0, 1]), kind="typical")
    >>> rows["expectation"].sizes["obs"]
    2
    """
    check_places(at)
    if isinstance(fit, ImputedFit):
        return mean_table([datagrid(own, at, by=by, **columns) for own in fit.of_tables])
    design, asked = fit.design, {**at, **columns}
    known = design.spec.predictor_columns
    for name in asked:
        if name not in known:
            raise DataError(
                "the model reads no such column",
                got=repr(name),
                allowed=nearest(str(name), known),
                do="name columns that the model reads",
            )
    values = {name: _listed(name, value) for name, value in asked.items()}
    for name in _predictors(design, values):
        # With None at the end the list is never taken for a nested one.
        check_values(design, name, np.array([*values[name], None], dtype=object)[:-1])
    series = () if design.residual is None else design.residual.naming_columns
    unheld = set(series) - set(design.spec.expression_columns)
    read = [name for name in design.spec.predictor_columns_with(()) if name not in unheld]
    composed = {factor.name: factor_columns(factor.name) for factor in design.grouping}
    chosen = [column for name in ([by] if isinstance(by, str) else by) for column in composed.get(name, (name,))]
    pieces = []
    strata = _first_strata(design)
    for fixed, own in _groups(design, chosen, asked):
        held = {
            name: strata[name] if name in strata else hold(design, name, own if chosen else None).value
            for name in read
            if name not in asked and name not in fixed
        }
        grid = pd.DataFrame(list(product(*values.values())), columns=list(values))
        pieces.append(with_columns(grid, {**fixed, **held}))
    rows = pd.concat(pieces, ignore_index=True)
    return rows[[name for name in known if name in rows]]


def _first_strata(design: Design) -> dict[str, Any]:
    """Return the first value of each number that names strata of the residual sd, and is no predictor otherwise."""
    by = () if design.residual is None else design.residual.by
    return {name: design.frame[name].min() for name in by if is_number(design, name)}


def _predictors(design: Design, columns: Iterable[str]) -> list[str]:
    """Return those of the columns whose values terms read; the others only name levels, which may be new."""
    known = design.categories
    return [
        name
        for name in columns
        if name in design.spec.expression_columns and not (name in known and known[name].coding == "label")
    ]


def _groups(design: Design, by: list[str], asked: Mapping[str, Any]) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """Return each combination of the columns in `by` in the rows, with its rows; without `by`, all rows."""
    factors = [column for factor in design.grouping for column in factor_columns(factor.name)]
    known = list(dict.fromkeys([*(c for c in design.spec.expression_columns if not is_number(design, c)), *factors]))
    for name in by:
        if name not in known or name in asked:
            raise DataError(
                f"{name!r} is named twice" if name in asked else "by= names no category or factor of the model",
                got=f"by={by!r}",
                allowed=(nearest(str(name), known) if known else "nothing: the model has none")
                + ", not named otherwise",
                do="name a categorical column or a grouping factor",
            )
    if not by:
        return [({}, design.frame)]
    found = design.frame.groupby(by, observed=True, sort=True)
    return [(dict(zip(by, key, strict=True)), rows) for key, rows in found]


def _listed(name: str, value: Any) -> list[Any]:
    found = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    if any(np.ndim(one) > 0 for one in found):
        raise DataError(
            f"each value of {name!r} must be a single one",
            got=repr(value),
            allowed="a list of values",
            do="write for instance [0, 1]",
        )
    if not found:
        raise DataError(
            f"no value of {name!r}",
            got="an empty list",
            allowed="one value or more",
            do="name the values to predict at",
        )
    return found
