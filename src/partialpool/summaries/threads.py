"""Each level's line along a predictor: by itself, with everybody, and in between."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr

from partialpool.collapse.units import working_response
from partialpool.design.build import Design, FactorEffects
from partialpool.design.kinds import is_quantity
from partialpool.design.points import Points, covariate_points
from partialpool.errors import DataError, nearest
from partialpool.fitting import Fit
from partialpool.names import BETA, OBS, b_name
from partialpool.observe.ungrouped import least_squares
from partialpool.variance.levels import check_normal, coefficients_outside, mean_effects, unpooled
from partialpool.variance.places import linear_predictor_at

__all__ = ["level_lines"]

_NOWHERE: Mapping[str, Any] = MappingProxyType({})


def level_lines(
    fit: Fit,
    over: str,
    *,
    factor: str | None = None,
    points: int = 20,
    at: Mapping[str, Any] = _NOWHERE,
    levels: Sequence[Any] | None = None,
) -> xr.Dataset:
    """Return every level's line along a predictor without, with complete and with partial pooling, and its rows.

    No pooling: least squares of the level's own rows on the effects that vary over the factor; the rest of the model
    (a slope that does not vary among it) is at its posterior mean. Complete pooling: least squares of all
    rows, groups ignored. Partial pooling: common effects plus the level's own, draw by draw. Other predictors are held
    at one value for all lines, effects of other factors and the offset at 0.

    Parameters
    ----------
    fit
        A fit of a normal response (gaussian or lognormal, identity link).
    over
        A numeric column that the model reads.
    factor
        The grouping factor; may be left out where there is only one.
    points
        Values of the predictor, evenly from its lowest to its highest in the rows.
    at
        One value for each of the other predictors; those left out are held at their means. Categories must be named:
        `at={"recipe": "A"}`.
    levels
        Labels of the levels wanted, all if left out; draws are kept for each level and point, so name some where
        there are thousands.

    Returns
    -------
    xarray.Dataset
        On the scale of the response less its offset (lognormal: of its logarithm). `grid`: values of the predictor.

        - `no_pooling` (level, grid), NaN where a level's rows do not tell its effects;
        - `complete_pooling` (grid);
        - `partial_pooling` (chain, draw, level, grid);
        - by row of these levels (`obs`): `x`, its predictor; `y`, its response; `row_level`, its level; `adjusted`, its
          response with the other predictors where the lines hold them and the other factors' effects taken off, all
          at posterior means: what the lines run through. It is y where there is nothing else.

    Raises
    ------
    DataError
        Another family; no such factor, column or level; a category that must be named; fewer than two points.

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
    check_normal(fit.spec)
    chosen = design.factor_named(factor)
    position = design.factors.index(chosen)
    kept = _positions(chosen, levels)
    _check_places(design, over, points, at)
    seen = design.frame[over].to_numpy(dtype=float)
    held: dict[str, Any] = {name: [value] for name, value in at.items()}
    grid = covariate_points(design, {over: np.linspace(seen.min(), seen.max(), points).tolist(), **held}, common=True)
    y = working_response(design)
    # 1. The three lines.
    own = unpooled(posterior, design, chosen, y).estimate[kept]
    rest = _columns(design, grid) @ coefficients_outside(posterior, design, chosen)
    complete = _columns(design, grid) @ least_squares(design, y).estimate
    z = grid.effects[position]
    b = posterior[b_name(chosen.name)].transpose("chain", "draw", ...).to_numpy()[:, :, kept]
    population = linear_predictor_at(posterior, design, np.asarray(grid.common))
    # 2. The rows, brought to where the lines are.
    rows = np.isin(chosen.codes, kept)
    where, back = np.unique(seen, return_inverse=True)
    adjusted = y - _off_the_lines(
        fit, chosen, covariate_points(design, {over: where.tolist(), **held}, common=True), back
    )
    labels = np.array(chosen.levels.labels, dtype=object)
    variables = {
        "no_pooling": (("level", "grid"), rest + own @ z.T),
        "complete_pooling": (("grid",), complete),
        "partial_pooling": (("chain", "draw", "level", "grid"), population[:, :, None, :] + b @ z.T),
        "x": ((OBS,), seen[rows]),
        "y": ((OBS,), y[rows]),
        "adjusted": ((OBS,), adjusted[rows]),
        "row_level": ((OBS,), labels[chosen.codes[rows]].tolist()),
    }
    coords = {
        "chain": posterior["chain"],
        "draw": posterior["draw"],
        "level": labels[kept].tolist(),
        "grid": grid.coords[grid.dims[0]],
        OBS: design.rows[rows],
    }
    given = [f"{name}={value} (given)" for name, value in at.items()]
    others = [f.name for f in design.factors if f is not chosen]
    attrs = {
        "over": over,
        "factor": chosen.name,
        "held": ", ".join([*given, *([grid.held_in_words] if grid.held else [])]) or "nothing",
        "other_factors": f"effects of {', '.join(others)} at 0" if others else "none",
        "definition": "least squares per level; least squares of all rows; common effects plus the level's own",
        "response": f"log {fit.spec.response}" if fit.spec.family == "lognormal" else fit.spec.response,
    }
    return xr.Dataset(variables, coords=coords, attrs=attrs)


def _columns(design: Design, points: Points) -> np.ndarray:
    common = np.asarray(points.common)
    return np.concatenate([np.ones((len(common), 1 if design.common.intercept else 0)), common], axis=1)


def _off_the_lines(fit: Fit, chosen: FactorEffects, places: Points, back: np.ndarray) -> np.ndarray:
    """Posterior mean of what lifts each row off its level's line: other predictors, other factors, (rows,)."""
    design, posterior = fit.design, fit.posterior
    out = np.zeros(design.n_rows)
    if BETA in posterior:
        beta = posterior[BETA].mean(("chain", "draw")).to_numpy()[1 if design.common.intercept else 0 :]
        out += (design.common.values - np.asarray(places.common)[back]) @ beta
    for factor, values in zip(design.factors, places.effects, strict=True):
        away = factor.values - values[back] if factor is chosen else factor.values
        out += (mean_effects(posterior, factor)[factor.codes] * away).sum(axis=1)
    return out


def _positions(factor: FactorEffects, levels: Sequence[Any] | None) -> np.ndarray:
    """Positions of the levels wanted, in the factor's order."""
    labels = list(factor.levels.labels)
    if levels is None:
        return np.arange(len(labels))
    wanted = [levels] if isinstance(levels, str) else list(levels)
    unknown = [level for level in wanted if level not in labels]
    if unknown or not wanted:
        raise DataError(
            f"no such level of {factor.name!r}" if unknown else f"no level of {factor.name!r} is named",
            got=", ".join(map(repr, unknown)) or "an empty list",
            allowed=nearest(str(unknown[0]) if unknown else "", map(str, labels)),
            do="name some of these, or leave levels= out for all",
        )
    return np.array(sorted({labels.index(level) for level in wanted}))


def _check_places(design: Design, over: str, points: int, at: Mapping[str, Any]) -> None:
    # Recipes, not all that is read: the lines leave the offset out.
    recipes = [design.common.recipe, *(recipe for factor in design.factors for recipe in factor.recipes)]
    read = dict.fromkeys(column for recipe in recipes for column in recipe.numeric)
    numeric = [c for c in read if is_quantity(design.frame[c])]
    if over not in numeric:
        raise DataError(
            "a line is drawn over a numeric column that the model reads",
            got=repr(over),
            allowed=nearest(str(over), numeric),
            do="name one of these" if numeric else "use pp.shrinkage for a model without a predictor",
        )
    if not isinstance(points, int | np.integer) or points < 2:
        raise DataError(
            "a line needs two points", got=f"points={points!r}", allowed="a whole number from 2", do="give more points"
        )
    if over in at:
        raise DataError(
            f"{over!r} cannot be held and run along its line at once",
            got=f"over={over!r} and at={dict(at)!r}",
            allowed="other predictors in at=",
            do=f"leave {over!r} out of at=",
        )
    many = [name for name, value in at.items() if np.ndim(value) > 0]
    if many:
        raise DataError(
            "a predictor is held at one value",
            got=f"{many[0]!r}: {at[many[0]]!r}",
            allowed="a number or a category",
            do="ask once for each value",
        )
