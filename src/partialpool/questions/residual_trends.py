"""Trends of single levels along a predictor that remain in a model's residuals."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.design.build import build_design
from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.newdata import own_rows
from partialpool.design.table import read_table
from partialpool.design.units import UNITS
from partialpool.design.with_columns import with_columns
from partialpool.errors import DataError, DataWarning, PartialPoolError, nearest
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import of_first_table
from partialpool.model.chunks import pieces_of
from partialpool.model.predictor import linear_predictor
from partialpool.model.response import given_of, replicate
from partialpool.names import OBS
from partialpool.spec.expression import columns_of
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec
from partialpool.spec.terms import Group
from partialpool.spec.whitelist import quote_name
from partialpool.tabulate import p_value

__all__ = ["residual_trends"]

_SMALLEST_SD = 1.5e-8
DOUBTFUL = 0.05
"""Below this posterior-predictive p-value a term is suggested."""


@explains_keywords
@of_first_table
def residual_trends(
    fit: Fit, over: str, *, factor: str | None = None, data: Any = None, seed: int | None = None
) -> xr.Dataset:
    """Test whether residuals trend along a predictor within levels more than the model implies.

    Per draw, e_i = (y_i - E(y_i | b)) / sd(y_i | b) is regressed on the predictor x within each level j. If the model
    is right, T = sum_j (sum_i (x_i - xbar_j) e_i)^2 / sum_i (x_i - xbar_j)^2 is a sum of J squares of unit variance.
    It is compared with T of a new response drawn from the same parameters (a posterior-predictive check of a realised
    discrepancy: Gelman, Meng & Stern 1996, Statistica Sinica 6:733); p = P(T(new) >= T(y)). Such p-values are drawn
    towards 1/2, so that a small one can be taken at face value.

    Parameters
    ----------
    fit
        A fit by any engine.
    over
        A numeric predictor: a column that the model uses as a number; or any column of `data`.
    factor
        Its grouping factor; optional if there is only one.
    data
        The table that was fitted, needed if the model does not use the column.
    seed
        Makes the new responses reproducible.

    Returns
    -------
    xarray.Dataset
        - `trend` (chain, draw, level): slope of the level's raw residuals, units of the response (lognormal: of its
          logarithm) per unit of x; NaN where the predictor does not vary within the level;
        - `discrepancy`, `replicated` (chain, draw): T of the data and of new responses, without unit;
        - `p_value`;
        - by obs: `residual`, posterior mean of y - E(y | b), `x` and `row_level`, for the plot.

        attrs: `suggestion`, a formula with this trend, for the same family, empty if p is above 0.05 or the model
        already has it; `sentence`, the result in words.

    Raises
    ------
    DataError
        No such factor or column; a column that is not numeric or varies within no level; an ordinal response.

    Examples
    --------
    >>> import partialpool as pp
    >>> data = pp.load_dataset("sleepstudy")
    >>> fit = pp.fit("Reaction ~ Days + (1 | Subject)", data, seed=1, progressbar=False)
    >>> print(pp.residual_trends(fit, "Days", seed=1).attrs["suggestion"])
    Reaction ~ Days + (Days | Subject)
    """
    design = fit.design
    design.check_all_seen(
        "residual_trends",
        because="a bound is no response, whose residual it could be",
        do="use pp.quantile_residuals, which counts censored rows as what is known of them",
    )
    design.check_untruncated(
        "residual_trends",
        because="residuals from the mean before truncation have a trend of their own",
        do="use pp.quantile_residuals, which are those of the response within its bounds",
    )
    chosen = design.factor_named(factor)
    if not design.spec.family_record.has_mean:
        raise DataError(
            "an ordinal response has no residuals",
            got=f"family {design.spec.family!r}",
            allowed="a response with a mean",
            do="compare fits with and without the term by pp.compare",
        )
    x = _values(design, over, data)
    inside, spread = chosen.center_within(x)
    told = spread > 0
    if not told.any():
        raise DataError(
            f"{over!r} does not vary within any level of {chosen.name}",
            got="one value per level",
            allowed="a predictor that varies within levels",
            do="name another predictor, or another factor",
        )
    trends, real, new, residual = [], [], [], np.zeros(len(x))
    for raw, raw_new, sd in _residuals(fit, seed):
        by_level = [chosen.sum(inside * r)[:, told] for r in (raw, raw / sd, raw_new / sd)]
        slope = np.full((len(raw), chosen.n_levels), np.nan)
        slope[:, told] = by_level[0] / spread[told]
        trends.append(slope)
        real.append((by_level[1] ** 2 / spread[told]).sum(axis=1))
        new.append((by_level[2] ** 2 / spread[told]).sum(axis=1))
        residual += raw.sum(axis=0)
    found = np.concatenate(trends), np.concatenate(real), np.concatenate(new)
    return _labelled(fit, over, chosen, found, (residual / len(found[0]), x))


def _values(design: Design, over: str, data: Any) -> np.ndarray:
    """Return values of the predictor in the design's rows, (rows,)."""
    known = design.spec.expression_columns
    if over == design.response.name or (data is None and over not in known):
        raise DataError(
            "the model does not read this column as a predictor",
            got=repr(over),
            allowed=nearest(over, known) + "; any other column but the response, of the table given by data=",
            do="pass the table that was fitted as data=",
        )
    column = design.frame[over] if data is None else _from_table(design, over, data)
    if over in design.categories or not pd.api.types.is_numeric_dtype(column):
        number = ", which the formula reads as a category" if pd.api.types.is_numeric_dtype(column) else ""
        raise DataError(
            f"{over!r} has categories: a trend needs a numeric predictor",
            got=f"values such as {column.iloc[0]}{number}" if number else f"values such as {column.iloc[0]!r}",
            allowed="a numeric column",
            do="name a numeric predictor; pp.plot_quantile_residuals draws residuals by the categories of a predictor",
        )
    return column.to_numpy(dtype=float)


def _from_table(design: Design, over: str, data: Any) -> pd.Series:
    table = read_table(data, (over,), predictors=(over,))
    missing = np.setdiff1d(design.rows, table.rows)
    if table.n_given != design.n_given or len(missing):
        raise DataError(
            "this is not the table that was fitted, or the column has missing values in the fit's rows",
            got=f"{table.n_given} rows, {len(missing)} of the fit's rows without a value",
            allowed=f"the {design.n_given} rows of the fit's table, {over!r} complete in those used",
            do="pass the same table, in the same order",
        )
    return table.frame[over].loc[design.rows]


def _residuals(fit: Fit, seed: int | None) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield residuals, those of new responses, and their sd, (draws, rows), some draws at a time."""
    design, rows, family = fit.design, own_rows(fit.design), fit.design.spec.family_record
    scale = np.log if family.has_residuals_of_logs else np.asarray
    observed = scale(design.response.values)
    for some, child in pieces_of(fit.stacked(), design.n_rows, seed):
        eta = linear_predictor(design, rows, some)
        new = scale(replicate(design, rows, eta, some, seed=child))
        mean, variance = family.residual_moments(given_of(design, rows, eta, some))
        # A probability may round to 0 or 1, at which the response does not vary and the residual is 0.
        yield observed - mean, new - mean, np.maximum(np.sqrt(variance), _SMALLEST_SD)


def _suggestion(design: Design, over: str, factor: str, x: np.ndarray) -> str:
    """Return the formula with intercept and slope varying over the factor; empty if the model has it or cannot."""
    spec = design.spec
    groups = [g for g in spec.groups if g.factor == factor]
    varies = any(over in columns_of(slope) for g in groups for slope in g.slopes)
    starts = any(g.intercept for g in groups)
    if varies and starts:
        return ""
    term = _term_of(spec, over)
    first = groups[0]
    slopes = first.slopes if varies else (*first.slopes, term)
    wider = Group(
        factor, slopes=slopes, intercept=first.intercept or not starts, correlated=first.correlated, cov=first.cov
    )
    read = any(over in columns_of(known) for known in spec.common)
    suggested = spec.with_terms(
        common=spec.common if read else (*spec.common, term),
        groups=[wider if group is first else group for group in spec.groups],
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            build_design(suggested, with_columns(design.frame, {over: x}))
    except PartialPoolError:
        return ""
    return suggested.to_formula()


def _term_of(spec: ModelSpec, over: str) -> str:
    """Return the fixed term that uses the predictor, preferably varying within levels; else the predictor itself."""
    readers = [term for term in spec.common if columns_of(term)[:1] == (over,) and ":" not in term]
    return min(readers, key=lambda term: term.startswith("between("), default=quote_name(over))


def _labelled(
    fit: Fit,
    over: str,
    factor: FactorEffects,
    found: tuple[np.ndarray, np.ndarray, np.ndarray],
    rows: tuple[np.ndarray, np.ndarray],
) -> xr.Dataset:
    posterior, (trends, real, new) = fit.posterior, found
    lead = (posterior.sizes["chain"], posterior.sizes["draw"])
    p = float((new >= real).mean())
    labels = list(factor.levels.labels)
    variables = {
        "trend": (("chain", "draw", "level"), trends.reshape(*lead, -1)),
        "discrepancy": (("chain", "draw"), real.reshape(lead)),
        "replicated": (("chain", "draw"), new.reshape(lead)),
        "p_value": ((), p),
        "residual": ((OBS,), rows[0]),
        "x": ((OBS,), rows[1]),
        "row_level": ((OBS,), factor.labels_of_rows),
    }
    coords = {"chain": posterior["chain"], "draw": posterior["draw"], "level": labels, OBS: fit.design.rows}
    suggestion = _suggestion(fit.design, over, factor.name, rows[1]) if p < DOUBTFUL else ""
    attrs = {
        "over": over,
        "factor": factor.name,
        "response": fit.design.response.name,
        UNITS: fit.design.axis_units.as_text(),
        "definition": "T = sum over levels of (x'e)^2 / x'x, x centred within the level, e standardised residuals",
        "suggestion": suggestion,
        "sentence": _sentence(fit, over, factor.name, p, suggestion),
    }
    return Answer(variables, coords=coords, attrs=attrs)


def _sentence(fit: Fit, over: str, factor: str, p: float, suggestion: str) -> str:
    shown = p_value(p)
    if p >= DOUBTFUL:
        return f"Residuals trend along {over} within levels of {factor} no more than the model expects ({shown})."
    found = f"Residuals of {fit.spec.to_formula()} still trend along {over} within levels of {factor} ({shown})"
    if suggestion:
        return f"{found}: fit {suggestion}{fit.spec.beside_formula}."
    bend = f"I({quote_name(over)}**2)"
    return f"{found}; no varying slope remains to be added: try a curve, such as {bend}, or check for outlying rows."
