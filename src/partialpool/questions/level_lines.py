"""Each level's line along a predictor, or means by category, without pooling, with complete and partial pooling."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.design.categories import find_categories
from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.grid import check_places
from partialpool.design.held import is_number, range_of, read_columns
from partialpool.design.labels import mean_on_axis
from partialpool.design.level_places import LevelPlaces, Values, level_places
from partialpool.design.units import UNITS
from partialpool.errors import DataError, nearest
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import of_first_table
from partialpool.fitting.pooling_ends import check_pooling_ends, complete_pooling, no_pooling
from partialpool.model.level_coefficients import level_coefficients
from partialpool.model.no_pooling import mean_beta, mean_effects
from partialpool.model.partition import linear_predictor_at
from partialpool.names import OBS, b_name
from partialpool.spec.keywords import explains_keywords

__all__ = ["level_lines"]

_NOWHERE: Mapping[str, Any] = MappingProxyType({})


@explains_keywords
@of_first_table
def level_lines(
    fit: Fit,
    over: str,
    *,
    factor: str | None = None,
    points: int = 20,
    at: Mapping[str, Any] = _NOWHERE,
    levels: Sequence[Any] | None = None,
) -> xr.Dataset:
    """Return every level's line along a predictor with no, complete and partial pooling, and its rows.

    No pooling: least squares (generalised, where residuals have several sds or are correlated; maximum likelihood, if
    the response is not normal) of the level's own rows on the effects that vary over the factor; the rest of the model
    (including slopes that do not vary) is at its posterior mean. Where parameters of the family have predictors
    (`sigma ~ x`), each row has its own: sigma of a normal response at its posterior median, others at the posterior
    means of their predictors' coefficients and effects.
    Complete pooling: the same of all rows, ignoring the grouping. Partial pooling: fixed effects plus the level's group
    effects, draw by draw. Under a link other than the identity the lines are curves of the mean: probabilities,
    expected counts. Along a categorical predictor the line is the level's mean in each category.

    Predictors that change the slope along `over` (a treatment, in `week * treatment`) are at the level's own value,
    unless they vary within levels. All others are at one value for all lines: numbers and the offset at their means,
    categories averaged over the rows. Effects of other factors are at 0. If `at` names a category, only rows of that
    category are shown, and only levels that have such rows.

    Parameters
    ----------
    fit
        A fit of any family but those of categories.
    over
        A predictor: a column of numbers or categories that the model uses.
    factor
        The grouping factor; optional if there is only one.
    points
        Number of values of a numeric predictor, evenly spaced from its lowest to its highest in the rows.
    at
        One value for each other predictor that is to be fixed at another value: `at={"recipe": "A"}`.
    levels
        Labels of the levels wanted; by default, all that have rows of the categories in `at`. Draws are kept for each
        level and point, so select some levels if there are thousands.

    Returns
    -------
    xarray.Dataset
        On the scale of the response (lognormal: of its logarithm; several trials: of the share of successes). `grid`:
        values of the predictor, or its categories in their order (its attribute `kind` is then `category`).

        - `no_pooling` (level, grid), NaN where a level has no finite estimate, and `no_estimate` (level), the reason:
          its rows do not identify its effects, or they are infinite, or the level has no trials;
        - `complete_pooling` (grid), or (level, grid) if levels have their own predictor values;
        - `partial_pooling` (chain, draw, level, grid);
        - by row that is shown (`obs`): `x`, its predictor; `y`, its response; `row_level`, its level; `adjusted`, its
          response moved to the values at which the lines fix the other predictors, with the effects of other factors
          subtracted, all at posterior means: the points to compare with the lines. It equals y if the model has no
          other predictors and factors. Under a link other than the identity its linear predictor is moved: counts are
          multiplied, 0 stays 0 and a share of 1 stays 1; NaN where y has no linear predictor (below 0 under a log).
          `trials`: the row's trials, where rows have several.

        attrs: `held` states the values of the other predictors, `rows` which rows are shown.

    Raises
    ------
    DataError
        A response of categories; a smooth of the mean; a series of correlated residuals with rows of several levels; no
        such factor, column, category or level; fewer than two points.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> lines = pp.level_lines(fit, "Days", points=2)
    >>> lines["complete_pooling"].values.round(1)
    array([251.4, 345.6])
    >>> lines["no_pooling"].sel(level="308").values.round(1)
    array([244.2, 440.1])
    """
    design, posterior = fit.design, fit.posterior
    check_pooling_ends(fit)
    chosen = design.factor_named(factor)
    design.check_no_smooths(
        "level_lines",
        because="without pooling, a level's own rows determine no curve",
        do=f"draw the curve of each level by pp.plot_predictions(fit, {over!r}, by={chosen.name!r})",
    )
    _check_line(design, over, points, at)
    places = level_places(design, chosen, [over], at)
    shown, named = _rows_shown(design, at)
    kept = _positions(chosen, levels, shown)
    numeric = is_number(design, over)
    grid = np.array(
        range_of(design, over, points) if numeric else _categories(design, over), float if numeric else object
    )
    beta, link = mean_beta(posterior, design), design.spec.link_record
    # 1. The three lines, at the levels' predictor values.
    count, points = len(places.places), len(grid)
    there = places.values(pd.DataFrame({over: np.tile(grid, count)}), np.repeat(np.arange(count), points))
    x, offset = _columns(design, there), there.offset
    z = there.effects.reshape(count, points, -1)[places.place_of_level[kept]]

    def by_level(line: np.ndarray) -> np.ndarray:
        return line.reshape(*line.shape[:-1], count, points)[..., places.place_of_level[kept], :]

    coefficients = level_coefficients(design, chosen, {})
    alone, pooled = no_pooling(fit, coefficients), complete_pooling(fit)
    own = coefficients.own_deviations(alone.estimate, beta)[kept]
    complete = pooled.at(x) + offset
    b = posterior[b_name(chosen.name)].transpose("chain", "draw", ...).to_numpy()[:, :, kept]
    partial = by_level(linear_predictor_at(posterior, design, there.common) + offset)
    # 2. The rows, adjusted to the predictor values of the lines.
    rows = shown & chosen.in_levels(kept)
    labels = np.array(chosen.levels.labels, dtype=object)
    predictors: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
        "no_pooling": (("level", "grid"), by_level(x @ beta + offset) + np.einsum("je,jge->jg", own, z)),
        "complete_pooling": (("level", "grid"), by_level(complete)) if places.differ else (("grid",), complete),
        "partial_pooling": (("chain", "draw", "level", "grid"), partial + np.einsum("cdje,jge->cdjg", b, z)),
    }
    variables = {
        **{name: (dims, link.inverse(values)) for name, (dims, values) in predictors.items()},
        "no_estimate": (("level",), alone.reasons[kept]),
        **_points(fit, places, over, rows),
        "row_level": ((OBS,), chosen.of_rows(labels)[rows].tolist()),
    }
    coords = {
        "chain": posterior["chain"],
        "draw": posterior["draw"],
        "level": labels[kept].tolist(),
        "grid": ("grid", grid.tolist(), {} if numeric else {"kind": "category"}),
        OBS: design.rows[rows],
    }
    others = [f.name for f in design.factors if f is not chosen]
    how = "least squares" if fit.spec.is_normal else "maximum likelihood"
    has_scale = fit.spec.is_normal and (design.residual is not None or bool(design.parameters))
    how = f"generalised {how}" if has_scale else how
    attrs = {
        "over": over,
        "factor": chosen.name,
        "held": places.in_words or "nothing",
        "rows": f"of {named}" if named else "all",
        "other_factors": f"effects of {', '.join(others)} at 0" if others else "none",
        "definition": f"{how} per level; {how} of all rows; fixed effects plus the level's own",
        "response": f"{'log ' if fit.spec.family_record.on_log_scale else ''}{fit.design.response.name}",
        UNITS: fit.design.axis_units.as_text(),
        "scale": fit.spec.link,
        "mean": mean_on_axis(design),
    }
    return Answer(variables, coords=coords, attrs=attrs)


def _columns(design: Design, values: Values) -> np.ndarray:
    common = values.common
    return np.concatenate([np.ones((len(common), 1 if design.common.intercept else 0)), common], axis=1)


def _points(fit: Fit, places: LevelPlaces, over: str, rows: np.ndarray) -> dict[str, tuple[tuple[str], np.ndarray]]:
    """Return the rows as points: the predictor, the response, the response adjusted to the lines, and trials."""
    design, trials, link = fit.design, fit.design.response.trials, fit.design.spec.link_record
    hits, counts = design.response.values[rows].astype(float), design.response.n_trials[rows]
    y = np.divide(hits, counts, out=np.full(len(hits), np.nan), where=counts > 0)  # no point without trials
    if fit.spec.family_record.on_log_scale:
        y = np.log(np.where(y > 0, y, np.nan))  # a zero has no place on this scale
    moved = _distance(fit, places, over, rows)
    with np.errstate(all="ignore"):  # the link of 0 is infinite, and 0 again after the move
        adjusted = np.where(moved == 0, y, link.inverse(link.forward(y) + moved))
    points = {
        "x": ((OBS,), _labels_or_numbers(design, over)[rows]),
        "y": ((OBS,), y),
        "adjusted": ((OBS,), adjusted),
    }
    return points if trials is None else points | {"trials": ((OBS,), np.asarray(trials, float)[rows])}


def _labels_or_numbers(design: Design, over: str) -> np.ndarray:
    column = design.frame[over]
    if is_number(design, over):
        return column.to_numpy(dtype=float)
    return np.array(column.astype(object).tolist())


def _categories(design: Design, over: str) -> tuple[Any, ...]:
    """Return the categories of a predictor in their order, whichever is the reference."""
    return (design.categories.get(over) or find_categories(design.frame[over], over)).values


def _distance(fit: Fit, places: LevelPlaces, over: str, rows: np.ndarray) -> np.ndarray:
    """Return how far each row's linear predictor is moved: to the lines' values of others, without other factors."""
    design, posterior, chosen = fit.design, fit.posterior, places.factor
    beta = mean_beta(posterior, design)
    there = places.values(design.frame.loc[rows, [over]], chosen.of_rows(places.place_of_level)[rows])
    own = Values(design.common.values[rows], chosen.values[rows], np.zeros(int(rows.sum())))
    out = there.offset + (_columns(design, there) - _columns(design, own)) @ beta
    if design.offset is not None:
        out = out - design.offset[rows]
    out -= (chosen.of_rows(mean_effects(posterior, chosen))[rows] * (own.effects - there.effects)).sum(axis=1)
    for factor in design.factors:
        if factor is not chosen:
            out -= factor.apply(mean_effects(posterior, factor))[rows]
    return out


def _rows_shown(design: Design, at: Mapping[str, Any]) -> tuple[np.ndarray, str]:
    """Return which rows are of the named categories, boolean (rows,), and these categories in words."""
    named = {name: value for name, value in at.items() if name in design.frame and not is_number(design, name)}
    shown = np.ones(design.n_rows, bool)
    for name, value in named.items():
        shown &= (design.frame[name].astype(object) == value).to_numpy(dtype=bool)
    return shown, ", ".join(f"{name}={value}" for name, value in named.items())


def _positions(factor: FactorEffects, levels: Sequence[Any] | None, shown: np.ndarray) -> np.ndarray:
    """Return positions of the levels wanted, in the factor's order; by default those with rows that are shown."""
    if levels is None:
        return factor.levels_in(shown)
    wanted = [levels] if isinstance(levels, str) else list(levels)
    found = factor.levels.positions(wanted)
    unknown = [level for level, position in zip(wanted, found, strict=True) if position is None]
    if unknown or not wanted:
        raise DataError(
            f"no such level of {factor.name!r}" if unknown else f"no level of {factor.name!r} is named",
            got=", ".join(map(repr, unknown)) or "an empty list",
            allowed=nearest(str(unknown[0]) if unknown else "", map(str, factor.levels.labels)),
            do="name some of these, or leave levels= out for all",
        )
    return np.array(sorted({position for position in found if position is not None}))


def _check_line(design: Design, over: str, points: int, at: Mapping[str, Any]) -> None:
    check_places(at)
    of_groups = {column for column, found in design.categories.items() if found.coding == "label"}
    predictors = [column for column in read_columns(design) if column not in of_groups]
    if over not in predictors:
        raise DataError(
            "a line needs a predictor that the model reads",
            got=repr(over),
            allowed=nearest(str(over), predictors),
            do="name one of these" if predictors else "use pp.shrinkage for a model without a predictor",
        )
    if not isinstance(points, int | np.integer) or points < 2:
        raise DataError(
            "a line needs two points",
            got=f"points={points!r}",
            allowed="an integer of at least 2",
            do="give more points",
        )
    if over in at:
        raise DataError(
            f"{over!r} cannot be both fixed and the predictor of the line",
            got=f"over={over!r} and at={dict(at)!r}",
            allowed="other predictors in at=",
            do=f"leave {over!r} out of at=",
        )
