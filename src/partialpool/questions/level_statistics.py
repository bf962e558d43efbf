"""Posterior-predictive checks by level: means, spreads and trends of each level, in the data and in new data."""

from collections.abc import Iterable, Iterator
from typing import Final, Literal

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.held import is_number
from partialpool.design.newdata import Rows, as_new_levels, own_rows
from partialpool.design.units import UNITS
from partialpool.errors import DataError
from partialpool.fitting.answer import AnswerTree
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import of_first_table
from partialpool.intervals import DEFAULT_PROB, central_ends, end_names
from partialpool.model.chunks import pieces_of
from partialpool.model.predictor import linear_predictor, with_new_levels
from partialpool.model.response import replicate
from partialpool.names import tree_name
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.terms import factor_columns
from partialpool.tabulate import TextTable, number

__all__ = ["level_statistics"]

Levels = Literal["new", "same"]


_MOST_ROWS: Final = 20
"""Rows that are printed."""


class LevelStatistics(AnswerTree):
    """The answer of `level_statistics`, which prints as a table of the levels' statistics."""

    def table(self) -> TextTable | None:
        """Return each level's statistics in the data, and intervals of those of new responses."""
        if not {"posterior_predictive", "observed_data"} <= set(self.children):
            return None
        new, data = (self[name].to_dataset() for name in ("posterior_predictive", "observed_data"))
        if "level" not in data.dims or not {"chain", "draw"} <= set(new.dims):
            return None
        ends = new.quantile(central_ends(DEFAULT_PROB), ("chain", "draw"))
        every = [(level, str(name)) for name in data.data_vars for level in data["level"].to_numpy()]
        rows = []
        for level, name in every[:_MOST_ROWS]:
            values = (data[name].sel(level=level), *ends[name].sel(level=level))
            rows.append((name, str(level), *(number(float(value)) for value in values)))
        more = len(every) - len(rows)
        title = f"{self.attrs.get('response', '')} by level of {self.attrs.get('factor', 'the factor')}: the data, and "
        title += f"intervals of new responses of {self.attrs.get('levels', 'new')} levels"
        notes = (f"{more} more: pp.plot_level_statistics draws all of them",) if more else ()
        return TextTable(
            ("statistic", "level", "data", *end_names(DEFAULT_PROB)), tuple(rows), title=title, notes=notes
        )


@explains_keywords
@of_first_table
def level_statistics(
    fit: Fit, factor: str | None = None, *, levels: Levels = "new", seed: int | None = None
) -> xr.DataTree:
    """Compute each level's mean, spread and trends, for the data and for new responses of the model.

    Parameters
    ----------
    fit
        A fit by any engine.
    factor
        Its grouping factor; optional if there is only one.
    levels
        `new`: effects of every factor are drawn anew from their population, so that means and trends test whether the
        levels vary as the model implies (mixed predictive check: Marshall & Spiegelhalter 2007, Bayesian Analysis
        2:409). `same`: effects are those of the levels; spreads within them are tested.
    seed
        Makes the new responses reproducible.

    Returns
    -------
    xarray.DataTree
        In the form that ArviZ's posterior-predictive plots take. `observed_data` (level) and `posterior_predictive`
        (chain, draw, level): `mean` of the level's responses; `spread`, their sd (ddof 1), NaN for a single row; for
        each predictor x that is a number in the model (`C(x)` is a category) and varies within levels `trend_x`, the
        least-squares slope within the level, NaN where x does not vary (a `/` in the column's name becomes `_`; attrs
        `along` has the name unchanged). In units of the response (binomial: share of successes; ordinal: code of the
        category); trends per unit of x.

    Raises
    ------
    DataError
        No such factor; another value of `levels`.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> list(pp.level_statistics(fit, seed=1)["observed_data"].data_vars)
    ['mean', 'spread', 'trend_Days']
    """
    design = fit.design
    design.check_all_seen(
        "level_statistics",
        because="levels' means would count a bound as a response",
        do="use pp.quantile_residuals, which counts censored rows as what is known of them",
    )
    chosen = design.factor_named(factor)
    if levels not in ("new", "same"):
        raise DataError("unknown kind of levels", got=repr(levels), allowed="'new' or 'same'", do="name one of these")
    rows = own_rows(design) if levels == "same" else as_new_levels(design)
    predictors = {name: x for name, x in _numbers(design) if (chosen.center_within(x)[1] > 0).any()}
    columns = _trend_names(predictors)
    observed = {name: v[0] for name, v in _statistics(chosen, _on_scale(design)[None], predictors).items()}
    pieces = [_statistics(chosen, y, predictors) for y in _replicates(fit, rows, seed)]
    lead = (fit.posterior.sizes["chain"], fit.posterior.sizes["draw"], -1)
    coords = {"level": list(chosen.levels.labels)}
    about = {name: {"along": column} for name, column in columns.items()}
    data = xr.Dataset({n: (("level",), v, about.get(n)) for n, v in observed.items()}, coords=coords)
    drawn = {n: np.concatenate([p[n] for p in pieces]).reshape(lead) for n in observed}
    new = xr.Dataset(
        {n: (("chain", "draw", "level"), values, about.get(n)) for n, values in drawn.items()},
        coords=coords | {"chain": fit.posterior["chain"], "draw": fit.posterior["draw"]},
    )
    tree = LevelStatistics.from_dict({"posterior_predictive": new, "observed_data": data})
    response = design.response
    # Codes of two categories are 0 and 1, and their mean is a share.
    codes = {} if response.is_binary else response.attrs
    tree.attrs = {
        "factor": chosen.name,
        "counted": "rows" if response.trials is None else "trials",
        **codes,
        "response": fit.design.response.name,
        UNITS: fit.design.axis_units.as_text(),
        "levels": levels,
    }
    return tree


def _numbers(design: Design) -> Iterator[tuple[str, np.ndarray]]:
    """Yield predictors that the model uses as numbers, by column; labels of levels do not count as numbers."""
    labels = {column for factor in design.spec.factors for column in factor_columns(factor)}
    for name in design.spec.expression_columns:
        if name not in labels and is_number(design, name):
            yield name, design.frame[name].to_numpy(dtype=float)


def _trend_names(predictors: Iterable[str]) -> dict[str, str]:
    """Return a unique variable name for each predictor's trend, with its column."""
    names: dict[str, str] = {}
    for column in predictors:
        names[tree_name(f"trend_{column}", names)] = column
    return names


def _on_scale(design: Design) -> np.ndarray:
    y = design.response.values
    return y if design.response.trials is None else y / np.maximum(design.response.trials, 1)


def _replicates(fit: Fit, rows: Rows, seed: int | None) -> Iterator[np.ndarray]:
    """Yield new responses, (draws, rows), some draws at a time."""
    for some, child in pieces_of(fit.stacked(), fit.design.n_rows, seed):
        effects, response = child.spawn(2)
        whole = with_new_levels(fit.design, rows, some, seed=effects)
        y = replicate(fit.design, rows, linear_predictor(fit.design, rows, whole), whole, seed=response)
        yield y if rows.trials is None else y / np.maximum(rows.trials, 1)


def _statistics(factor: FactorEffects, y: np.ndarray, predictors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return mean, sd and slopes of each level, (draws, levels)."""
    n = factor.counts
    mean = factor.sum(y) / n
    inside = y - factor.of_rows(mean, axis=1)
    squares = factor.sum(inside**2)
    out = {"mean": mean}
    if (n > 1).any():
        out["spread"] = np.sqrt(np.where(n > 1, squares / np.maximum(n - 1, 1), np.nan))
    for name, x in zip(_trend_names(predictors), predictors.values(), strict=True):
        deviation, spread = factor.center_within(x)
        products = factor.sum(inside * deviation)
        out[name] = np.where(spread > 0, products / np.where(spread > 0, spread, 1.0), np.nan)
    return out
