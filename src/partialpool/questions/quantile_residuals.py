"""Randomised quantile residuals: the position of each response in its predictive distribution."""

from collections.abc import Iterable
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special

from partialpool.design.design import Design
from partialpool.design.held import is_number
from partialpool.design.labels import mean_by_name
from partialpool.design.newdata import as_new_levels, own_rows
from partialpool.design.units import UNITS
from partialpool.errors import DataError
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import of_first_table
from partialpool.model.chunks import pieces_of
from partialpool.model.expectation import expectation
from partialpool.model.predictor import linear_predictor, with_new_levels
from partialpool.model.response import tail_probabilities
from partialpool.names import OBS, answer_name
from partialpool.seeds import seed_sequence
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.terms import factor_columns

__all__ = ["quantile_residuals"]

ESTIMATED_EFFECTS: Final = "effects estimated from the rows themselves"
"""What residuals are given where they are nearer to the middle than those of new rows would be."""
_FEW_EFFECTS: Final = 0.1
"""Group effects per row up to which residuals are hardly nearer to the middle for being estimated from the rows."""
_SMALLEST = np.finfo(float).tiny
"""Smallest tail probability: a response further out has a residual of 37.5 sds."""


@explains_keywords
@of_first_table
def quantile_residuals(fit: Fit, *, levels: Literal["same", "new"] = "same", seed: int | None = None) -> xr.Dataset:
    """Compute each row's quantile in its own predictive distribution, uniform if the model is right.

    For each row i, with the posterior predictive distribution of a new response of that row,

        u_i = P(new < y_i) + U_i P(new = y_i),   z_i = Phi^-1(u_i),

    U_i uniform on (0, 1), so that u is uniform and z standard normal for counts and categories too (Dunn & Smyth 1996,
    Journal of Computational and Graphical Statistics 5:236; the scaled residuals of the R package DHARMa). The
    probabilities are the family's own, averaged over the draws: nothing is simulated but U. For a censored row, `new =
    y_i` is what is known of it, for instance that the response is above a bound.

    Parameters
    ----------
    fit
        A fit by any engine.
    levels
        `same`: each row is predicted given the effects of its own levels. These were estimated from the row itself: if
        a level has few rows, u is nearer to 1/2 than it should be, and with an effect for each row, `(1 | row)`,
        residuals show nothing. `new`: effects of every factor are drawn anew from their population, one set per draw;
        residuals of one level are then correlated, while each by itself is uniform.
    seed
        Makes U and the new effects reproducible. U depends on the content of the row, not on the order of rows.

    Returns
    -------
    xarray.Dataset
        By obs:

        - `u`, from 0 to 1, and `z`, the same on the standard normal scale;
        - `expected`, the posterior mean of the response, in its units; binomial: the share of successes; ordinal: the
          mean number of the category, from 1.

        Predictors and levels are coordinates along obs; one that has the name of a variable here has `_column` added
        to its name. Another column of the table can be added for a plot:
        `residuals.assign_coords(age=("obs", data["age"].loc[residuals["obs"]]))`.
        attrs: `family`, `response`, `levels`; `given`, empty unless effects were estimated from the rows; `expected`,
        which states what `expected` is the mean of.

    Raises
    ------
    DataError
        Another value of `levels`; `new` if levels have a known covariance.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> residuals = pp.quantile_residuals(fit, seed=1)
    >>> residuals["obs"].values[abs(residuals["z"]) > 3]
    array([ 7, 56, 59])
    """
    design = fit.design
    if levels not in ("same", "new"):
        raise DataError("unknown kind of levels", got=repr(levels), allowed="'same' or 'new'", do="name one of these")
    rows = own_rows(design) if levels == "same" else as_new_levels(design)
    uniforms, effects = (np.random.default_rng(child) for child in seed_sequence(seed).spawn(2))
    draws, n = fit.stacked(), design.n_rows
    totals = np.zeros((4, n))
    for some, _ in pieces_of(draws, n * (1 + len(design.response.categories)), None):
        whole = with_new_levels(design, rows, some, seed=effects)
        eta = linear_predictor(design, rows, whole)
        mean = _number_of_category(expectation(design, rows, eta, None, whole, bounds=rows.truncation))
        totals += [values.sum(axis=0) for values in (*tail_probabilities(design, rows, eta, whole), mean)]
    below, at, above, expected = totals / len(next(iter(draws.values())))
    part = _uniform_of_rows(design, uniforms)
    u, rest = below + part * at, above + (1 - part) * at
    z = np.where(u < rest, special.ndtri(np.maximum(u, _SMALLEST)), -special.ndtri(np.maximum(rest, _SMALLEST)))
    attrs = {
        "family": design.spec.family,
        "response": design.response.name,
        UNITS: design.axis_units.as_text(),
        "levels": levels,
        "given": ESTIMATED_EFFECTS if levels == "same" and _effects_of_a_row(design) > _FEW_EFFECTS else "",
        "expected": mean_by_name(design),
    }
    variables = {"u": (OBS, np.clip(u, 0, 1)), "z": (OBS, z), "expected": (OBS, expected)}
    return Answer(variables, coords=_coordinates(design, variables), attrs=attrs)


def _effects_of_a_row(design: Design) -> float:
    """Return the number of group effects divided by that of rows."""
    return sum(factor.n_levels * len(factor.names) for factor in design.factors) / design.n_rows


def _number_of_category(mean: np.ndarray) -> np.ndarray:
    """Return means (draws, rows) unchanged; for category probabilities (draws, rows, categories) the mean number."""
    return mean if mean.ndim == 2 else mean @ np.arange(1, mean.shape[2] + 1)


def _uniform_of_rows(design: Design, rng: np.random.Generator) -> np.ndarray:
    """Return a uniform number for each row, (rows,), which does not depend on the row's position in the table."""
    columns = design.frame[sorted(design.frame.columns, key=str)]
    order = np.argsort(pd.util.hash_pandas_object(columns, index=False).to_numpy(), kind="stable")
    out = np.empty(design.n_rows)
    out[order] = rng.random(design.n_rows)
    return out


def _coordinates(design: Design, taken: dict[str, Any]) -> dict[str, Any]:
    """Return predictors and levels by row; levels, and numbers that the formula treats as such, are categorical."""
    spec = design.spec
    coords: dict[str, Any] = {OBS: (OBS, design.rows)}
    of_levels = {column for name in spec.factors for column in factor_columns(name)}
    orders = {column: found.values for column, found in design.categories.items()}
    orders |= {factor.name: factor.levels.labels for factor in design.grouping}
    for column in spec.predictor_columns:
        values = design.frame[column]
        number = pd.api.types.is_numeric_dtype(values)
        curve = column not in of_levels and is_number(design, column)
        about = {"long_name": column} | ({} if curve else _of_categories(orders.get(column, ())))
        free = answer_name(column, {*coords, *taken})
        coords[free] = (OBS, values.to_numpy() if number else values.astype(object).to_numpy(), about)
    for factor in design.grouping:
        if factor.name not in of_levels:  # of several columns: batch:cask
            labels = factor.labels_of_rows
            about = {"long_name": factor.name} | _of_categories(orders[factor.name])
            coords[answer_name(factor.name, {*coords, *taken})] = (OBS, labels, about)
    return coords


def _of_categories(order: Iterable[object]) -> dict[str, Any]:
    """Return the attributes of a categorical coordinate: its values in the model's order, if it has one."""
    known = [str(value) for value in order]
    return {"kind": "category"} | ({"categories": known} if known else {})
