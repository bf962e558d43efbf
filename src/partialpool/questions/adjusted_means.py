"""Adjusted means: the mean response at each value of a predictor, averaged over the other predictors."""

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.grid import check_places, check_values
from partialpool.design.held import categories_of, evaluated_offset, hold, is_number, offset_in_words, place_in_words
from partialpool.design.labels import mean_in_words
from partialpool.design.newdata import expression_rows
from partialpool.design.truncation import before_truncation
from partialpool.design.units import UNITS
from partialpool.errors import DataError, nearest
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import over_tables
from partialpool.fitting.two_views import views_compared
from partialpool.model.marginal_effects import population_mean
from partialpool.model.predictor import linear_predictor
from partialpool.names import answer_name
from partialpool.spec.keywords import explains_keywords

__all__ = ["adjusted_means"]

_MOST: Final = 5000
"""Most combinations of values for which means are computed, all at once."""
_TAKEN: Final = ("chain", "draw", "category", "population_average", "subject_specific")


@explains_keywords
@over_tables
def adjusted_means(fit: Fit, *predictors: str, at: Mapping[str, Any] = MappingProxyType({})) -> xr.Dataset:
    """Return the mean response at the values of one or more predictors, averaged over those of the other predictors.

    The estimated marginal means of R's emmeans, the least-squares means of SAS (Searle, Speed & Milliken 1980, American
    Statistician 34:216): other categorical predictors are averaged with equal weights, whatever their numbers of rows,
    and other numbers are at their means. Unlike there, the average is that of means of the response, not of linear
    predictors, and group effects are integrated out; `subject_specific` is the mean at the typical level (all group
    effects 0). For a linear model the three are the same.

    Parameters
    ----------
    fit
        A fit by any engine.
    predictors
        Columns of the model: a mean is returned for each combination of their values.
    at
        Values by column, `{"week": [0, 8]}`. Those of a number among `predictors` must be given. Of other columns the
        mean is taken over the values that are given.

    Returns
    -------
    xarray.Dataset
        `population_average` and `subject_specific`, (chain, draw) and a dimension for each of the predictors, for an
        ordinal response also `category`: in units of the response, or probabilities. attrs: `averaged`, the predictors
        that are averaged over; `held`, those that are at one value; `offset`, the offset where the model has one;
        `agree`, "yes" where the two views are the same numbers, which are then printed once, else "no". `contrast`
        compares the means.

    Raises
    ------
    DataError
        No predictor, or one that the model does not use; a number without values; an unknown category; too many
        combinations to average.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("p(incidence, size) ~ period + (1 | herd)", pp.load_dataset("cbpp"), family="binomial", seed=1,
    ...              progressbar=False)
    >>> means = pp.adjusted_means(fit, "period")["population_average"]
    >>> means.mean(("chain", "draw")).values.round(1)
    array([0.2, 0.1, 0.1, 0.1])
    """
    check_places(at)
    design = fit.design
    values = _values(design, predictors, at)
    sizes = [len(values[name]) for name in predictors]
    others = {name: listed for name, listed in values.items() if name not in predictors}
    if prod(map(len, values.values())) > _MOST:
        raise DataError(
            "there are too many combinations of values",
            got=", ".join(f"{len(listed)} of {name}" for name, listed in values.items() if len(listed) > 1),
            allowed=f"{_MOST:,} combinations",
            do="fix some of the categories by at=, or average over the rows: pp.average_effect",
        )
    names = [*predictors, *others]
    table = pd.DataFrame(list(product(*(values[name] for name in names))), columns=names)
    draws, rows = fit.stacked(), expression_rows(design, table)
    eta = linear_predictor(design, rows, draws)
    views: dict[str, tuple[str, ...]] = {"population_average": design.grouping_names, "subject_specific": ()}
    posterior = fit.posterior
    dims = ("chain", "draw", *_dims(predictors))
    lead = (posterior.sizes["chain"], posterior.sizes["draw"])
    categories = () if design.spec.family_record.has_mean else design.response.categories
    variables = {}
    for view, factors in views.items():
        means = population_mean(design, rows, eta, draws, factors)
        shaped = means.reshape(*lead, *sizes, -1, *means.shape[2:])
        variables[view] = ((*dims, *(("category",) if categories else ())), shaped.mean(axis=2 + len(sizes)))
    coords: dict[str, Any] = {"chain": posterior["chain"], "draw": posterior["draw"]}
    coords |= {"category": list(categories)} if categories else {}
    for dim, name in zip(_dims(predictors), predictors, strict=True):
        coords[dim] = (dim, np.array(values[name]), {"long_name": name})
    return views_compared(Answer(variables, coords=coords, attrs=_attrs(design, others, table)))


def _dims(predictors: Sequence[str]) -> list[str]:
    return [answer_name(name, _TAKEN) for name in predictors]


def _values(design: Design, predictors: Sequence[str], at: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the values of each column that the means are made for, or averaged over."""
    known = design.spec.expression_columns
    if not predictors or len(set(predictors)) < len(predictors):
        raise DataError(
            "name each predictor whose means are wanted once",
            got=", ".join(map(repr, predictors)) or "none",
            allowed=", ".join(map(repr, known)),
            do="for instance pp.adjusted_means(fit, 'treatment')",
        )
    for name in (*predictors, *at):
        if name not in known:
            raise DataError(
                "the model reads no such column",
                got=repr(name),
                allowed=nearest(str(name), known),
                do="name predictors of the model",
            )
    found: dict[str, list[Any]] = {}
    for name in known:
        if name in at:
            found[name] = [at[name]] if isinstance(at[name], str) or np.ndim(at[name]) == 0 else list(at[name])
            check_values(design, name, np.array([*found[name], None], dtype=object)[:-1])
        elif not is_number(design, name):
            found[name] = list(categories_of(design, name))
        elif name in predictors:
            raise DataError(
                f"{name!r} is a number, whose values must be given",
                got=f"no value of {name!r}",
                allowed="one value or several",
                do=f"for instance at={{{name!r}: [{design.frame[name].min():g}, {design.frame[name].max():g}]}}",
            )
        else:
            found[name] = [hold(design, name).value]
        if not found[name]:
            raise DataError(
                f"no value of {name!r} is given", got="an empty list", allowed="one value or several", do="name values"
            )
    return found


def _attrs(design: Design, others: Mapping[str, Sequence[Any]], table: pd.DataFrame) -> dict[str, Any]:
    averaged = [f"{name} ({len(listed)} values)" for name, listed in others.items() if len(listed) > 1]
    one = [place_in_words(name, listed[0]) for name, listed in others.items() if len(listed) == 1]
    offset = offset_in_words(design, evaluated_offset(design, table))
    attrs = {
        "response": design.response.name,
        UNITS: design.axis_units.as_text(),
        "expectation": mean_in_words(design),
        "averaged": ", ".join(averaged) or "nothing",
        "held": ", ".join(one) or "nothing",
        "population_average": "means of the response, group effects integrated out",
        "subject_specific": "means of the response at the typical level (group effects 0)",
    }
    return attrs | ({"offset": offset} if offset else {}) | before_truncation(design.response.truncation)
