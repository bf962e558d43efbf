"""Average effects of a predictor on the response, for the population and within a subject."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special

from partialpool.design.column_types import value_columns
from partialpool.design.counterfactuals import (
    Scenarios,
    check_known_means,
    slope_scenarios,
    value_scenarios,
    within_spline,
)
from partialpool.design.design import Design
from partialpool.design.held import categories_of, is_number, means_held, read_columns
from partialpool.design.newdata import expression_rows
from partialpool.design.table import read_table
from partialpool.design.truncation import before_truncation
from partialpool.design.units import UNITS
from partialpool.errors import DataError, SpecError, nearest
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import over_tables
from partialpool.fitting.point_estimate import ESTIMATE
from partialpool.fitting.two_views import views_compared
from partialpool.model.marginal_effects import population_mean
from partialpool.model.predictor import Draws, linear_predictor
from partialpool.spec.keywords import explains_keywords

__all__ = ["average_effect"]

Measure = Literal["difference", "ratio", "odds_ratio", "slope"]
Contrasts = Literal["reference", "sequential", "pairwise"]
_Elementwise = Callable[[np.ndarray], np.ndarray]

_EDGE: Final = 1.2e-16
"""Probabilities are kept this far from 0 and 1: one that rounds to 1 has no finite log odds."""
_SCALES: Final[Mapping[str, tuple[_Elementwise, _Elementwise]]] = MappingProxyType(
    {
        "difference": (lambda m: m, lambda d: d),
        "ratio": (np.log, np.exp),
        "odds_ratio": (lambda m: special.logit(np.clip(m, _EDGE, 1 - _EDGE)), np.exp),
        "slope": (lambda m: m, lambda d: d),
    }
)
"""Per measure: the scale on which means are compared, and the function that transforms the difference back."""
_AT_ONCE: Final = 4_000_000
_DIMENSIONS: Final = ("chain", "draw", "contrast", "category")


@explains_keywords
@over_tables
def average_effect(
    fit: Fit,
    predictor: str,
    *,
    measure: Measure = "difference",
    values: Sequence[Any] | None = None,
    contrasts: Contrasts = "reference",
    by: str | None = None,
    data: Any = None,
) -> xr.Dataset:
    """Compare the mean response at two values of a predictor, all else as observed, averaged over the rows.

    Each row keeps its own values of the other predictors and, in a model with an offset, its own exposure, as
    `attrs["others"]` states: only the predictor named changes. The comparison is returned in two forms. With m_i(x) the
    mean of row i with the predictor at x, and h the scale of the measure (difference: m, ratio: log m, odds ratio:
    logit m), they are:

    - population average: h(mean_i E_b m_i(b, m)) compared between the two values: how the average over the whole
      population changes when the predictor changes for every member. Group effects are integrated out.
    - subject specific: h(m_i) compared within a row at the typical level (b = 0), then averaged: what a subject in
      the middle of the population experiences.

    For a normal response with identity link they are the same number. For a logit link they are not: averaging over
    subjects flattens the curve, and a log odds ratio shrinks by about 1 / sqrt(1 + 0.346 Var(u)), u the subject's part
    of the linear predictor (Zeger, Liang & Albert 1988, Biometrics 44:1049; 0.346 = (16 sqrt(3) / (15 pi))^2). Neither
    is wrong: the first is the basis for judging a policy, the second for advising a patient. Coefficients of a mixed
    model are subject specific.

    In a model with `within(x, g)` or `between(x, g)`, the effect of x is its effect within the levels of g: their means
    of x stay fixed at the values from the fit's rows, as `attrs["held"]` states. Levels whose means differ by one
    differ by the coefficient of `between(x, g)`, and also by that of x where x itself is a term of the model.

    Parameters
    ----------
    fit
        A fit by any engine.
    predictor
        A column of the table that the model uses.
    measure
        `difference`, `ratio`, `odds_ratio` (of means that are probabilities), or `slope`, the derivative of the mean
        per unit of the predictor.
    values
        The values to compare. By default, for categories, booleans and columns with
        two values in the fit's rows, all of these; for other numbers, each row's own value and that value plus one
        unit. Not for slopes. For a predictor with a spline give values, or request a slope (at the ends of the range it
        is taken inwards): one unit more than the largest value is beyond the range of the spline.
    contrasts
        Which of the values are compared: each with the first (`reference`), each with the one before it
        (`sequential`), or all pairs (`pairwise`).
    by
        A categorical column of the model: the average is then taken over the rows of each of its categories
        separately. `contrast(effects, by)` compares these averages: a difference in differences.
    data
        The rows to average over, by default the fit's own. Only the columns that terms use are needed.

    Returns
    -------
    xarray.Dataset
        `population_average` and `subject_specific` (chain, draw, contrast); for an ordinal response
        (chain, draw, contrast, category), effects on the probability of each category; with `by` also a dimension of
        that name. Differences are in units of the response (binomial: of a probability), slopes in these units per unit
        of the predictor. Ratios have no unit, and their point estimate is the posterior median, so that the comparison
        the other way round gives the inverse. attrs: `others`, what each row keeps; `agree`, "yes" where the two forms
        are the same numbers, which are then printed once, else "no"; `held`, level means that stay fixed.

    Raises
    ------
    DataError
        The model does not use the predictor or the column `by`; an unknown category; a slope of categories; the inverse
        link.
    SpecError
        An unknown measure; unknown contrasts; an odds ratio of means that are not probabilities.

    Warns
    -----
    DataWarning
        One unit more of a predictor is beyond the range of its spline.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> effect = pp.average_effect(fit, "Days", values=[0, 9])["population_average"]
    >>> round(float(effect.mean()), -1)
    90.0
    """
    design = fit.design
    _check(fit, predictor, measure, values)
    if measure == "slope":
        scenarios = slope_scenarios(design, predictor)
    else:
        scenarios = value_scenarios(design, predictor, values, contrasts)
    frame = _base(design, data)
    draws = fit.stacked()
    with within_spline(design, scenarios, frame):
        if by is None:
            return views_compared(_labelled(fit, scenarios, measure, _views(design, draws, frame, scenarios, measure)))
        groups = _groups(design, frame, by)
        found = [
            _labelled(fit, scenarios, measure, _views(design, draws, rows, scenarios, measure)) for _, rows in groups
        ]
    labels = xr.DataArray([label for label, _ in groups], dims=by, name=by)
    return views_compared(xr.concat(found, dim=labels, combine_attrs="override").transpose("chain", "draw", ...))


def _before(design: Design) -> str:
    return "" if design.response.truncation is None else ", of the response before truncation"


def _kept(design: Design, predictor: str) -> str:
    """Describe what each row keeps: its own values of other predictors, and its own offset."""
    others = [name for name in read_columns(design) if name != predictor]
    kept = [f"its own values of {', '.join(others)}"] if others else []
    kept += [f"its own offset {' + '.join(design.spec.offsets)}"] if design.spec.offsets else []
    return f"each row keeps {' and '.join(kept)}" if kept else "none"


def _views(
    design: Design, draws: Draws, frame: pd.DataFrame, scenarios: Scenarios, measure: str
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the population-average and the subject-specific effect over the rows of a table, one per contrast."""
    scale, back = _SCALES[measure]
    means, insides = _averages(design, draws, frame, scenarios, scale)
    population = [back((scale(means[b]) - scale(means[a])) / scenarios.step) for _, a, b in scenarios.contrasts]
    return population, [back(inside / scenarios.step) for inside in insides]


def _groups(design: Design, frame: pd.DataFrame, by: str) -> list[tuple[Any, pd.DataFrame]]:
    """Return the rows of each category of a column, in the order of its categories."""
    known = [name for name in design.spec.expression_columns if not is_number(design, name)]
    if by not in known:
        raise DataError(
            "by= names no categorical predictor of the model",
            got=repr(by),
            allowed=nearest(str(by), known) if known else "a categorical predictor; the model has none",
            do="name a categorical column that a term of the model uses",
        )
    if by in _DIMENSIONS:
        raise DataError(
            f"by= names a dimension of the answer, {by!r}",
            got=f"by={by!r}",
            allowed="a column with another name",
            do="rename the column and fit again",
        )
    unseen = sorted(set(frame[by].astype(str)) - {str(category) for category in categories_of(design, by)})
    if unseen:
        raise DataError(
            f"{by!r} has categories that the model has not seen",
            got=", ".join(map(repr, unseen[:5])),
            allowed=nearest(unseen[0], map(str, categories_of(design, by))),
            do="leave out these rows",
        )
    rows = ((category, frame[frame[by] == category]) for category in categories_of(design, by))
    return [(category, some) for category, some in rows if len(some)]


def _averages(
    design: Design, draws: Draws, frame: pd.DataFrame, scenarios: Scenarios, scale: _Elementwise
) -> tuple[np.ndarray, np.ndarray]:
    """Average over the rows: the population mean in each scenario, and the change at the typical level per contrast.

    Returns
    -------
    numpy.ndarray, numpy.ndarray
        Means (scenarios, draws[, categories]); changes on the measure's scale (contrasts, draws[, categories]).
    """
    means, insides = [], []
    for piece, weight in _pieces(frame, design, len(next(iter(draws.values())))):
        typical, population = [], []
        for table in scenarios.tables(piece):
            rows = expression_rows(design, table)
            eta = linear_predictor(design, rows, draws)
            typical.append(scale(population_mean(design, rows, eta, draws, ())))
            of_all = population_mean(design, rows, eta, draws, design.grouping_names)
            population.append(np.tensordot(weight, of_all, (0, 1)))
        means.append(population)
        insides.append([np.tensordot(weight, typical[b] - typical[a], (0, 1)) for _, a, b in scenarios.contrasts])
    return np.sum(means, axis=0) / len(frame), np.sum(insides, axis=0) / len(frame)


def _check(fit: Fit, predictor: str, measure: str, values: Sequence[Any] | None) -> None:
    design = fit.design
    if predictor not in design.spec.expression_columns:
        raise DataError(
            "the model does not read this column",
            got=repr(predictor),
            allowed=nearest(str(predictor), design.spec.expression_columns),
            do="name a predictor of the model",
        )
    if measure not in _SCALES:
        raise SpecError(
            "unknown measure of an effect",
            got=repr(measure),
            allowed=nearest(str(measure), _SCALES),
            do="name one of these",
        )
    if measure == "slope" and values is not None:
        raise SpecError(
            "a slope is taken at each row's own value, so that values= does not apply",
            got=f"values={values!r}",
            allowed="measure 'difference' or a ratio with values=",
            do="leave values= out",
        )
    family = design.spec.family_record
    if measure == "odds_ratio" and not family.support.mean_is_probability:
        raise SpecError(
            "an odds ratio compares probabilities",
            got=f"family {family.name!r}",
            allowed="measure 'difference', 'ratio' or 'slope'",
            do="use one of these",
        )
    if measure == "ratio" and family.support.may_be_negative and design.spec.link_record.is_identity:
        raise SpecError(
            "a ratio compares means above 0",
            got=f"family {family.name!r}, whose means may have any sign",
            allowed="measure 'difference' or 'slope'",
            do="use one of these",
        )


def _base(design: Design, data: Any) -> pd.DataFrame:
    if data is None:
        return design.frame
    columns = design.spec.expression_columns
    frame = read_table(data, columns, predictors=value_columns(design.spec)).frame
    check_known_means(design, frame)
    return frame


def _pieces(frame: pd.DataFrame, design: Design, draws: int) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    """Yield distinct rows with their counts, in pieces."""
    columns = list(design.spec.expression_columns)
    counted = frame.groupby(columns, observed=True, sort=False, dropna=False).size()
    distinct = counted.index.to_frame(index=False) if len(columns) > 1 else pd.DataFrame({columns[0]: counted.index})
    size = max(1, _AT_ONCE // draws)
    for at in range(0, len(distinct), size):
        yield distinct.iloc[at : at + size], counted.to_numpy()[at : at + size].astype(float)


def _labelled(
    fit: Fit, scenarios: Scenarios, measure: str, views: tuple[list[np.ndarray], list[np.ndarray]]
) -> xr.Dataset:
    posterior = fit.posterior
    categories = fit.design.response.categories if views[0][0].ndim == 2 else ()
    dims = ("chain", "draw", "contrast", *(("category",) if categories else ()))
    lead = (posterior.sizes["chain"], posterior.sizes["draw"])
    variables = {}
    for name, view in zip(("population_average", "subject_specific"), views, strict=True):
        stacked = np.stack(view, axis=1)
        about = {ESTIMATE: "median"} if measure in ("ratio", "odds_ratio") else {}
        variables[name] = (dims, stacked.reshape(*lead, *stacked.shape[1:]), about)
    labels = [label for label, _, _ in scenarios.contrasts]
    coords = {"chain": posterior["chain"], "draw": posterior["draw"], "contrast": labels}
    coords |= {"category": list(categories)} if categories else {}
    attrs = {
        "predictor": scenarios.predictor,
        "measure": measure,
        "population_average": f"compares means over rows and group effects{_before(fit.design)}",
        "subject_specific": "compares within a row at the typical level (b = 0), then averages over rows"
        + _before(fit.design),
        "others": _kept(fit.design, scenarios.predictor),
        "response": fit.design.response.name,
        UNITS: fit.design.axis_units.as_text(),
        "link": fit.spec.link,
    }
    if held := means_held(fit.design, scenarios.predictor):
        attrs["held"] = held
    if fit.design.response.success:
        attrs["expectation"] = fit.design.response.success
    return Answer(variables, coords=coords, attrs=attrs | before_truncation(fit.design.response.truncation))
