"""What a predictor does to the response: average effects, for the population and within a subject."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special

from partialpool.design.build import Design
from partialpool.design.rows import new_rows
from partialpool.design.table import read_table
from partialpool.errors import DataError, SpecError, nearest
from partialpool.fitting import Fit
from partialpool.observe.expectation import expectation
from partialpool.observe.predictor import Draws, linear_predictor
from partialpool.variance.spread import spread_of_rows

__all__ = ["average_effect"]

Measure = Literal["difference", "ratio", "odds_ratio", "slope"]
_Elementwise = Callable[[np.ndarray], np.ndarray]

_SCALES: Final[Mapping[str, tuple[_Elementwise, _Elementwise]]] = MappingProxyType(
    {
        "difference": (lambda m: m, lambda d: d),
        "ratio": (np.log, np.exp),
        "odds_ratio": (special.logit, np.exp),
        "slope": (lambda m: m, lambda d: d),
    }
)
"""Means are compared on a scale, and the difference there is taken back."""
_AT_ONCE: Final = 4_000_000
_STEP: Final = 1e-4
"""Of the predictor's sd: half the distance over which a slope is taken."""


@dataclass(frozen=True, eq=False)
class _Contrast:
    """One comparison: what the predictor becomes in each row, from its own values there."""

    predictor: str
    label: str
    before: Callable[[pd.Series], Any]
    after: Callable[[pd.Series], Any]


def average_effect(
    fit: Fit,
    predictor: str,
    *,
    measure: Measure = "difference",
    values: Sequence[Any] | None = None,
    data: Any = None,
) -> xr.Dataset:
    """Compare the mean response under two values of a predictor, everything else as it is, averaged over the rows.

    Two answers to "what does it do?", m_i(x) the mean of row i with the predictor at x, h the measure's scale
    (difference: m, ratio: log m, odds ratio: logit m):

    - population average: h(mean_i E_b m_i(b, m)) compared between the two values: how the average over everybody
      changes when everybody changes. Group effects are integrated out.
    - subject specific: h(m_i) compared within a row at the typical level (b = 0), then averaged: what a subject in
      the middle of the population experiences.

    For an identity link they are the same number. For a logit link they are not: averaging over subjects flattens the
    curve, and a log odds ratio shrinks by about 1 / sqrt(1 + 0.346 Var(u)), u the subject's share of the linear
    predictor (Zeger, Liang & Albert 1988, Biometrics 44:1049; 0.346 = (16 sqrt(3) / (15 pi))^2). Neither is wrong: a
    policy is judged by the first, a patient advised by the second. Coefficients of a mixed model are subject specific.

    Parameters
    ----------
    fit
        A fit by any engine.
    predictor
        A column of the table that the model reads.
    measure
        `difference`, `ratio`, `odds_ratio` (of means that are probabilities), or `slope`, the derivative of the mean
        per unit of the predictor.
    values
        The values to compare, the first with each of the others. Left out: categories, booleans and columns of two
        values, all of them; other numbers, each row's own value with one unit more. Not for slopes.
    data
        The rows to average over, the fit's own if left out. Factors need no column.

    Returns
    -------
    xarray.Dataset
        `population_average` and `subject_specific` (chain, draw, contrast); for an ordinal response
        (chain, draw, contrast, category), effects on the probability of each. Differences are in units of the response
        (binomial: of a probability), slopes per unit of the predictor, ratios have none.

    Raises
    ------
    DataError
        The model does not read the predictor; a category it has not seen; a slope of categories; the inverse link.
    SpecError
        Another measure; an odds ratio of means that are no probabilities.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> effect = pp.average_effect(fit, "Days", values=[0, 9])["population_average"]
    >>> round(float(effect.mean()), -1)
    90.0
    """
    design = fit.design
    _check(fit, predictor, measure)
    frame = _base(design, data)
    contrasts = _contrasts(predictor, frame[predictor], measure, values)
    draws = fit.stacked()
    scale, back = _SCALES[measure]
    population, subject = [], []
    for contrast in contrasts:
        before, after, inside = _means(design, draws, frame, contrast, scale)
        step = 2 * _STEP * _spread(frame[predictor]) if measure == "slope" else 1.0
        population.append(back((scale(after) - scale(before)) / step))
        subject.append(back(inside / step))
    return _labelled(fit, predictor, measure, [c.label for c in contrasts], (population, subject))


def _means(
    design: Design, draws: Draws, frame: pd.DataFrame, contrast: _Contrast, scale: _Elementwise
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Average over the rows: means of the population before and after, and the typical level's change on the scale."""
    names = [factor.name for factor in design.factors]
    sums = []
    for piece, weight in _pieces(frame, design, len(next(iter(draws.values())))):
        before, after = (
            piece.assign(**{contrast.predictor: to(piece[contrast.predictor])})
            for to in (contrast.before, contrast.after)
        )
        inside = scale(_mean(design, draws, after, ())) - scale(_mean(design, draws, before, ()))
        of_all = (_mean(design, draws, before, names), _mean(design, draws, after, names), inside)
        sums.append([np.tensordot(weight, values, (0, 1)) for values in of_all])
    first, second, change = (np.sum(values, axis=0) / len(frame) for values in zip(*sums, strict=True))
    return first, second, change


def _check(fit: Fit, predictor: str, measure: str) -> None:
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
    family = design.spec.family_record
    probabilities = family.kind in ("binary", "successes", "proportion", "ordinal")
    if measure == "odds_ratio" and not probabilities:
        raise SpecError(
            "an odds ratio compares probabilities",
            got=f"family {family.name!r}",
            allowed="measure 'difference', 'ratio' or 'slope'",
            do="use one of these",
        )
    if measure == "ratio" and family.kind == "real" and design.spec.link == "identity":
        raise SpecError(
            "a ratio compares means above 0",
            got=f"family {family.name!r}, whose means may have any sign",
            allowed="measure 'difference' or 'slope'",
            do="use one of these",
        )


def _base(design: Design, data: Any) -> pd.DataFrame:
    if data is None:
        return design.frame
    spec = design.spec
    return read_table(data, spec.predictor_columns_with(()), predictors=spec.expression_columns).frame


def _contrasts(predictor: str, column: pd.Series, measure: str, values: Sequence[Any] | None) -> list[_Contrast]:
    number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if measure == "slope":
        if not number or values is not None:
            raise DataError(
                "a slope is of a number, at each row's own value",
                got=f"values={values!r}" if number else f"{predictor!r}, which has categories",
                allowed="a numeric predictor without values=",
                do="use measure='difference' for two values",
            )
        step = _STEP * _spread(column)
        return [_Contrast(predictor, "slope", lambda own: own - step, lambda own: own + step)]
    if values is None:
        found = (
            list(column.cat.categories) if isinstance(column.dtype, pd.CategoricalDtype) else sorted(column.unique())
        )
        if number and len(found) > 2:
            return [_Contrast(predictor, "+1", lambda own: own, lambda own: own + 1)]
        values = found
    if isinstance(values, str) or len(values) < 2:
        raise DataError(
            "an effect compares two values or more",
            got=repr(values),
            allowed="a list of two values or more",
            do="write for instance values=[0, 1]",
        )
    return [
        _Contrast(predictor, f"{value} against {values[0]}", _constant(values[0]), _constant(value))
        for value in values[1:]
    ]


def _constant(value: Any) -> Callable[[pd.Series], Any]:
    return lambda own: value


def _spread(column: pd.Series) -> float:
    return float(column.std()) or 1.0


def _pieces(frame: pd.DataFrame, design: Design, draws: int) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    """Distinct rows with their counts, some at a time."""
    columns = list(design.spec.predictor_columns_with(()))
    counted = frame.groupby(columns, observed=True, sort=False, dropna=False).size()
    distinct = counted.index.to_frame(index=False) if len(columns) > 1 else pd.DataFrame({columns[0]: counted.index})
    size = max(1, _AT_ONCE // draws)
    for at in range(0, len(distinct), size):
        yield distinct.iloc[at : at + size], counted.to_numpy()[at : at + size].astype(float)


def _mean(design: Design, draws: Draws, frame: pd.DataFrame, integrated: Sequence[str]) -> np.ndarray:
    """Mean of each row, group effects integrated out or zero, (draws, rows[, categories])."""
    rows = new_rows(design, frame, factors=())
    eta = linear_predictor(design, rows, draws)
    return expectation(design, rows, eta, spread_of_rows(design, rows, draws, integrated), draws)


def _labelled(
    fit: Fit, predictor: str, measure: str, labels: list[str], views: tuple[list[np.ndarray], list[np.ndarray]]
) -> xr.Dataset:
    posterior = fit.posterior
    categories = fit.design.response.categories if views[0][0].ndim == 2 else ()
    dims = ("chain", "draw", "contrast", *(("category",) if categories else ()))
    lead = (posterior.sizes["chain"], posterior.sizes["draw"])
    variables = {}
    for name, view in zip(("population_average", "subject_specific"), views, strict=True):
        stacked = np.stack(view, axis=1)
        variables[name] = (dims, stacked.reshape(*lead, *stacked.shape[1:]))
    coords = {"chain": posterior["chain"], "draw": posterior["draw"], "contrast": labels}
    coords |= {"category": list(categories)} if categories else {}
    attrs = {
        "predictor": predictor,
        "measure": measure,
        "population_average": "compares means over rows and group effects",
        "subject_specific": "compares within a row at the typical level (b = 0), then averages over rows",
        "response": fit.spec.response,
        "link": fit.spec.link,
    }
    return xr.Dataset(variables, coords=coords, attrs=attrs)
