"""Checks of what the data cannot identify: collinear predictors, factors that do not group, slopes that do not vary."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from partialpool.design.column_ranges import ColumnRanges
from partialpool.design.design import CommonEffects
from partialpool.design.recipe import Recipe
from partialpool.errors import DataError, DataWarning, warn
from partialpool.names import INTERCEPT
from partialpool.spec.model import ModelSpec

__all__ = [
    "check_columns",
    "check_common",
    "check_digits",
    "check_effects_vary",
    "check_factor",
    "check_some_parameter",
    "warn_dropped",
    "warn_independent_far_from_zero",
    "warn_unlogged_offset",
    "warn_weak_slopes",
    "weak_slopes",
]

_FARTHEST = 2e6
"""Sds from zero to the data up to which a correlation at zero determines the variance at the data to three digits."""
_CLEARLY = 2.0
"""Difference of log likelihoods, in dispersions, beyond which an offset is taken for an exposure without its log."""
_SMALLEST_MEAN = 1e-300
_NAMED_LOG = re.compile(r"log|^ln", re.IGNORECASE)
_RANK_TOLERANCE = 1e-12
"""Smallest eigenvalue of the predictors' correlation matrix that counts as above zero."""


def check_common(
    names: tuple[str, ...], values: np.ndarray, center: np.ndarray, scale: np.ndarray, *, intercept: bool
) -> None:
    """Refuse constant and linearly dependent predictors.

    Raises
    ------
    DataError
        The message names the columns that depend on each other.
    """
    magnitude = np.abs(values).max(axis=0, initial=0.0)
    correlation = np.eye(len(names))
    if len(names) > 1:
        standard = (values - center) / np.where(scale > 0, scale, 1.0)
        correlation = standard.T @ standard / len(values)
    check_columns(names, magnitude, scale, correlation, intercept=intercept)


def check_columns(
    names: tuple[str, ...], magnitude: np.ndarray, scale: np.ndarray, correlation: np.ndarray, *, intercept: bool
) -> None:
    """Refuse constant and linearly dependent predictors.

    Parameters
    ----------
    names
        The columns.
    magnitude, scale
        Largest absolute value and scale of each column, (columns,).
    correlation
        Mean products of the columns, centred where there is an intercept and divided by their scales.

    Raises
    ------
    DataError
        The message names the columns that depend on each other.
    """
    for name, spread, size in zip(names, scale, magnitude, strict=True):
        if spread <= 1e-13 * size:
            raise DataError(
                f"the predictor {name!r} does not vary",
                got="the same value in every row",
                allowed="two values or more" + (" (the intercept is the constant)" if intercept else ""),
                do="leave it out of the model",
            )
    if len(names) < 2:
        return
    eigenvalues, vectors = np.linalg.eigh(correlation)
    null = vectors[:, eigenvalues <= _RANK_TOLERANCE * eigenvalues[-1]]
    if null.shape[1] == 0:
        return
    # The share of each column in the whole null space: its single eigenvectors are arbitrary (chosen by LAPACK).
    involved = [name for name, part in zip(names, np.linalg.norm(null, axis=1), strict=True) if part > 1e-6]
    raise DataError(
        "predictors depend on each other: one is a combination of the others",
        got=", ".join(repr(n) for n in involved) + (" (and the intercept)" if intercept else ""),
        allowed="predictors that each add something (a duplicated column, or all categories of a factor, do not)",
        do=f"leave one of them out, for instance {involved[-1]!r}",
    )


def check_some_parameter(spec: ModelSpec, common: CommonEffects) -> None:
    """Refuse a model without any parameter.

    Raises
    ------
    DataError
        There is neither a coefficient, nor a group, nor a parameter of the family.
    """
    own = [name for name, _ in spec.family_record.parameters if name != "sigma" or spec.se is None]
    if not (common.coefs or spec.groups or spec.smooths or own):
        raise DataError(
            "the model has no parameter",
            got=str(spec),
            allowed="an intercept, a predictor or a grouping term",
            do="leave out the 0, or add a term",
        )


def check_factor(factor: str, counts: np.ndarray, rows: int, effects: tuple[str, ...], *, residual_free: bool) -> None:
    """Refuse a factor that does not group; `counts` is the number of rows of each level.

    Raises
    ------
    DataError
        One level only; every level in one row only while the residual sd is free.
    """
    if len(counts) < 2:
        raise DataError(
            f"the factor {factor!r} has one level",
            got="1 level",
            allowed="2 levels or more (5 or more to learn much about their sd)",
            do="leave the grouping term out, or check the column",
        )
    if residual_free and INTERCEPT in effects and counts.max() == 1:
        raise DataError(
            f"every level of {factor!r} has one row: its sd and sigma are not identified",
            got=f"{len(counts)} levels in {rows} rows",
            allowed="some level with 2 rows or more, or known standard errors (se=)",
            do="leave the term out (sigma already describes that variation), or check the column",
        )


def check_effects_vary(factor: str, effects: tuple[str, ...], ranges: ColumnRanges) -> None:
    """Refuse an effect whose predictor is the same in every row.

    Raises
    ------
    DataError
        The slope would be a second varying intercept.
    """
    for name, constant, value in zip(effects, ranges.constant, ranges.lowest, strict=True):
        if name != INTERCEPT and constant:
            raise DataError(
                f"the slope of {name!r} over {factor!r} has a predictor that does not vary",
                got=f"{value:g} in every row",
                allowed="two values or more",
                do=f"leave {name!r} out; (1 | {factor}) is the varying intercept",
            )


def check_digits(factor: str, effects: tuple[str, ...], ranges: ColumnRanges, blocks: Sequence[Sequence[int]]) -> None:
    """Refuse a slope correlated with an intercept so far from the data that rounding would spoil the variances.

    With c = mean(x) / sd(x) the correlation at zero is -1 + O(1 / c^2): with sixteen digits the
    variance at the mean has a relative error of 1e-16 c^2.

    Raises
    ------
    DataError
        More than 2,000,000 sds between zero and the data, such as seconds since 1970 within a minute.
    """
    for i in (i for block in blocks if any(effects[k] == INTERCEPT for k in block) for i in block):
        middle, spread = float(ranges.mean[i]), float(ranges.sd[i])
        if 0 < spread * _FARTHEST < abs(middle):
            raise DataError(
                f"{effects[i]!r} is so far from zero that rounding would spoil its variances over {factor!r}",
                got=f"values near {middle:.12g} that vary by {spread:.2g}",
                allowed="values up to 2,000,000 sds from zero, where a slope is correlated with an intercept",
                do=f"subtract a constant, I({effects[i]} - {middle:.0f}): the model stays the same",
            )


def warn_weak_slopes(factor: str, weak: Iterable[str]) -> None:
    """Warn of slopes, found by `weak_slopes`, whose predictor is constant within every level."""
    for name in weak:
        warn(
            f"the slope of {name!r} does not vary within any level of {factor!r}: got one value per level, "
            f"so no level has information on its slope, and the sd depends on the prior; allowed, but consider "
            f"leaving {name!r} out of ({name} | {factor})",
            DataWarning,
        )


def weak_slopes(codes: np.ndarray, n_levels: int, effects: tuple[str, ...], values: np.ndarray) -> tuple[str, ...]:
    """Name the slopes next to an intercept whose predictor is constant within every level: no level informs its slope.

    Without an intercept such an effect acts as one: its sd is that of the levels' means, divided by the predictor.
    """
    if INTERCEPT not in effects:
        return ()
    counts = np.bincount(codes, minlength=n_levels)
    found = []
    for name, column in zip(effects, values.T, strict=True):
        if name == INTERCEPT or np.ptp(column) == 0:
            continue
        means = np.bincount(codes, weights=column, minlength=n_levels) / counts
        if np.abs(column - means[codes]).max() <= 1e-12 * np.abs(column).max():
            found.append(name)
    return tuple(found)


def warn_independent_far_from_zero(
    factor: str, effects: tuple[str, ...], ranges: ColumnRanges, blocks: Sequence[Sequence[int]]
) -> None:
    """Warn of a slope that is independent of the intercept at a zero far from the data.

    Independence depends on the origin: effects that are independent at zero are correlated at the data. For effects of
    one block the correlation is estimated instead.
    """
    if INTERCEPT not in effects:
        return
    own = next(block for block in blocks if effects.index(INTERCEPT) in block)
    for place, name in enumerate(effects):
        if place in own or not ranges.far_from_zero[place]:
            continue
        away = ranges.distance[place] / ranges.sd[place]
        warn(
            f"the slope of {name!r} over {factor!r} is independent of the intercept where {name} is 0, and the data "
            f"are {away:.3g} sds from there: got values from {ranges.lowest[place]:.6g} to "
            f"{ranges.highest[place]:.6g}; allowed, but rarely realistic: centre {name} (subtract its mean), or let "
            f"the effects correlate, ({name} | {factor})",
            DataWarning,
        )


def warn_dropped(where: str, recipes: Iterable[Recipe]) -> None:
    """Warn of the columns that were left out because the rows do not identify their coefficients."""
    recipes = tuple(recipes)
    dropped = [name for recipe in recipes for name in recipe.dropped]
    n_kept = sum(len(recipe.names) for recipe in recipes)
    if not dropped:
        return
    more = f" and {len(dropped) - 6} more" if len(dropped) > 6 else ""
    warn(
        f"the rows do not identify {len(dropped)} of {len(dropped) + n_kept} {where}, as where a cell of crossed "
        f"categories has no rows: left out {', '.join(dropped[:6])}{more}, as lme4 does; allowed, but predictions for "
        f"such cells are not estimates of them",
        DataWarning,
    )


def warn_unlogged_offset(expression: str, values: np.ndarray, y: np.ndarray, others: np.ndarray) -> None:
    """Warn about an exposure that is an offset of a log of the mean without being a log itself.

    A column x is taken for one where the response is nearer to proportional to x than to exp(x): by the Poisson log
    likelihoods of the means c x and c exp(x), at their maximum over c, whose difference must be twice the dispersion
    around c x (Pearson's, as in a quasi-likelihood). Counts that vary too much to tell give no warning.

    Parameters
    ----------
    expression, values
        One offset under a log link, (rows,). A column that is named after a log, or has values of 0 or less, is none.
    y, others
        The response, and the logarithm of what multiplies its mean besides this offset, (rows,).
    """
    if not expression.isidentifier() or _NAMED_LOG.search(expression) or values.min() <= 0 or np.ptp(values) == 0:
        return
    if y.min() < 0 or y.sum() <= 0:
        return
    proportional, dispersion = _proportional(y, np.log(values) + others)
    if proportional - _proportional(y, values + others)[0] <= _CLEARLY * dispersion:
        return
    with np.errstate(over="ignore"):
        ratio = float(np.exp(np.ptp(values)))
    warn(
        f"the offset {expression!r} seems to be an exposure without its logarithm: got values from {values.min():g} to "
        f"{values.max():g}, which make some means {ratio:.3g} times as large as others; allowed, but for an exposure "
        f"(hours, traps, area), which multiplies the mean, write offset(log({expression}))",
        DataWarning,
    )


def _proportional(y: np.ndarray, log_weight: np.ndarray) -> tuple[float, float]:
    """Return the Poisson log likelihood of means c exp(log_weight) and the dispersion, both at its maximum.

    The likelihood is that of the data up to a constant, sum(y log(mean)), since the means add up to the data's sum.
    """
    share = np.exp(log_weight - log_weight.max())
    mean = np.maximum(y.sum() * share / share.sum(), _SMALLEST_MEAN)
    return float(y @ np.log(mean)), float(((y - mean) ** 2 / mean).mean())
