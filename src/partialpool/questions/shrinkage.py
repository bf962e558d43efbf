"""Shrinkage of each level towards the population: no pooling, complete pooling and partial pooling."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import xarray as xr

from partialpool.design.factor_effects import FactorEffects
from partialpool.design.labels import mean_on_axis, predictor_on_axis
from partialpool.design.units import UNITS
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import over_tables
from partialpool.fitting.pooling_ends import check_pooling_of, complete_pooling, no_pooling
from partialpool.fitting.streamed_pooling import level_means_from_moments
from partialpool.model.level_coefficients import LevelCoefficients, level_coefficients
from partialpool.model.level_precisions import level_precisions
from partialpool.model.no_pooling import Unpooled
from partialpool.names import answer_name
from partialpool.spec.keywords import explains_keywords

__all__ = ["shrinkage"]

CATEGORY: Final = "category"
"""Dimension of the covariance, where each category of levels has its own."""
_LEVELS_AT_ONCE = 64
_DEFINITION: Final = "weight = Sigma Z' V^-1 Z per level, V = Z Sigma Z' + sigma^2 I; 0 is complete pooling"
_GENERALISED: Final = (
    "weight = Sigma Z' V^-1 Z per level, V = Z Sigma Z' + R, R the covariance of the residuals; 0 is complete pooling"
)
_HEAVY: Final = "; Sigma of level j divided by tau_j, drawn from Gamma((nu + q) / 2, (nu + b_j' Sigma^-1 b_j) / 2)"
_APPROXIMATION: Final = (
    "weight = Sigma (G Sigma + I)^-1 G per level, G = Z'W Z, W the information at the posterior mean of the linear "
    "predictor; 0 is complete pooling"
)


@explains_keywords
@over_tables
def shrinkage(fit: Fit, factor: str | None = None, *, at: Mapping[str, Any] = MappingProxyType({})) -> xr.Dataset:
    """Return each level's estimates with no, complete and partial pooling, and the weights of the level's own data.

    Given theta, and with fixed effects and other factors known, the effects of level j are B_j times the estimates
    from its own rows, B_j = Sigma Z_j' V_j^-1 Z_j = Sigma (G_j Sigma + sigma^2 I)^-1 G_j, G_j = Z_j'Z_j,
    V_j = Z_j Sigma Z_j' + sigma^2 I: the identity is no pooling, 0 complete pooling. For a balanced varying intercept
    it is n tau^2 / (n tau^2 + sigma^2).

    Where residuals have several sds or are correlated, with R_j the covariance of those of level j's rows, V_j is
    Z_j Sigma Z_j' + R_j and B_j = Sigma (G_j Sigma + I)^-1 G_j, G_j = Z_j'R_j^-1 Z_j, R_j that of each draw. The
    level's own estimate is generalised least squares, (Z_j'R_j^-1 Z_j)^-1 Z_j'R_j^-1 y_j, with R_j at the posterior
    medians of the residual sds and the posterior means of their correlations; so is complete pooling, of all rows. A
    series of correlated residuals must be within one level: otherwise rows of other levels would belong to its own.
    Where sigma has a predictor, `sigma ~ x`, the same holds with the sd of each row, given the effects on sigma.

    For responses that are not normal, everything is on the scale of the linear predictor, and B_j is that of Laplace's
    approximation of the effects' posterior given theta: B_j = Sigma (G_j Sigma + I)^-1 G_j, G_j = Z_j'W_j Z_j, W_j the
    information of the level's rows about their linear predictors (n p (1 - p) under a logit link, the mean of a count
    under a log link). W_j is at the posterior mean of each row's linear predictor, the family's own parameters at their
    posterior means (where they have predictors, at the posterior means of these predictors' coefficients and effects):
    a conditional mode for each draw would cost a fit per draw, and differs by less than the approximation itself. Here
    the weight is not exact, since the information depends on the estimate.

    Student t effects are normal given a precision tau_j of the level, b_j ~ N(0, Sigma / tau_j), tau_j ~ Gamma(nu / 2,
    nu / 2): B_j has Sigma / tau_j in place of Sigma. In every draw tau_j is drawn from its posterior given the level's
    q effects, Gamma((nu + q) / 2, (nu + b_j' Sigma^-1 b_j) / 2), so that the weights are draws of their posterior: a
    level far out has a small tau_j, and so a weight near 1. `covariance` is Sigma, the squared scale.

    Estimates are at the level's own values of the predictors that change its effects (the sex in `age * sex` with a
    varying slope of age), unless these vary within levels. All other predictors are at one value for all levels:
    numbers and the offset at their means, categories averaged over the rows. So a level's slope is that of its own
    predictions, and two intercepts differ by what the fixed effects do not explain. If zero is far from the values of a
    predictor whose slope varies (calendar years), effects are at its mean. `attrs` state these values.

    Parameters
    ----------
    fit
        A fit of any family but those of categories.
    factor
        Its grouping factor; optional if there is only one.
    at
        One value by column, `{"sex": "Male"}`, for all levels, in place of the levels' own values.

    Returns
    -------
    xarray.Dataset
        On the scale of the linear predictor: the response's, its logarithm, or its log odds (`attrs["predictor"]`).

        - by level: `n`, its rows; where rows have several trials, `trials`, their sum; `own_mean`, the
          mean of its responses (of trials: the share of successes; NaN without trials);
        - by level and effect: `no_pooling`, least squares of the level's own rows (generalised, see above), or maximum
          likelihood if the response is not normal, everything else at its posterior mean, and `no_pooling_se`, its
          standard error (sigma^2 at its posterior mean; inverse information); NaN where there is no finite estimate,
          and `no_estimate`, the reason: the rows do not identify it, or it is infinite (a level with only successes,
          with counts of 0 only under a log link, with outcomes that a predictor separates), or the level has no trials;
        - by effect, or by level and effect if levels have their own predictor values: `complete_pooling`, least squares
          or maximum likelihood of all rows, ignoring the grouping (0 for an effect that is not among the fixed effects,
          NaN where the estimate is infinite), and `complete_pooling_se`, which is too small since it ignores the
          grouping;
        - by effect: `pooling_factor` of Gelman & Pardoe (2006), 1 - Var_j(E b_j) / E(Var_j b_j), where 1 is complete
          pooling;
        - (chain, draw, level, effect): `partial_pooling`, the fixed effects at the level's predictor values plus b;
        - (chain, draw, level, effect, effect_bis): `weight`, B_j;
        - (chain, draw, effect, effect_bis): `covariance`, Sigma.

        Under `gr(g, by=arm)` a level has the effects of its own category, under their names without it; `arm` is a
        coordinate of the levels, complete pooling is by level, and `covariance` has the dimension `category` too.

    Raises
    ------
    DataError
        Categories, ordered or not; no such factor; effects on a parameter of the family that are correlated with those
        of the factor; a series of correlated residuals with rows of several levels; `at` names a column that the model
        does not use, or whose effect varies.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), seed=1, progressbar=False)
    >>> pp.shrinkage(fit)["n"].values
    array([5, 5, 5, 5, 5, 5])
    """
    design = fit.design
    chosen = design.factor_named(factor)
    check_pooling_of(fit, chosen)
    chosen.check_unrelated("a level's weight")
    coefficients = level_coefficients(design, chosen, at)
    places = coefficients.places
    own, pooled = no_pooling(fit, coefficients), complete_pooling(fit)
    complete, errors = (
        coefficients.without_infinite(values, pooled.infinite)
        for values in (coefficients.common(pooled.estimate), coefficients.standard_errors(pooled.covariance))
    )
    common, sigma = coefficients.common_draws(fit.posterior), coefficients.covariance_draws(fit.posterior)
    names, labels = list(coefficients.names), list(chosen.levels.labels)
    per_effect = ("level", "effect")
    by_level = places.differ or coefficients.own is not None
    of_all = per_effect if by_level else ("effect",)
    if by_level:
        complete, errors = (coefficients.own_of(coefficients.by_level(values, 0)) for values in (complete, errors))
    b = coefficients.own_of(coefficients.own_draws(fit.posterior))
    weight, covariance = _weights_and_covariance(coefficients, sigma, own, _precisions(fit, chosen))
    variables = {
        **_sizes(fit, chosen),
        "no_pooling": (per_effect, own.estimate),
        "no_pooling_se": (per_effect, own.error),
        "no_estimate": (per_effect, own.no_estimate),
        "complete_pooling": (of_all, complete if by_level else complete[0]),
        "complete_pooling_se": (of_all, errors if by_level else errors[0]),
        "partial_pooling": (("chain", "draw", *per_effect), b + coefficients.own_of(coefficients.by_level(common, 2))),
        "weight": (("chain", "draw", *per_effect, "effect_bis"), weight),
        **covariance,
        "pooling_factor": (("effect",), _pooling_factor(b)),
    }
    coords = {
        "chain": fit.posterior["chain"],
        "draw": fit.posterior["draw"],
        "level": labels,
        "effect": names,
        "effect_bis": names,
    }
    if coefficients.own is not None:
        taken = {*coords, *variables, CATEGORY}
        coords |= {CATEGORY: list(coefficients.own.of_category())}
        coords |= {answer_name(coefficients.own.by, taken): ("level", coefficients.own.category)}
    attrs = {
        "factor": chosen.name,
        "definition": _definition(fit) + (_HEAVY if chosen.is_heavy else ""),
        "pooling_factor": "Gelman & Pardoe (2006): 1 - Var_j(E b_j) / E(Var_j b_j)",
        "response": fit.design.response.name,
        UNITS: fit.design.axis_units.as_text(),
        "scale": fit.spec.link,
        "mean": mean_on_axis(design),
        "predictor": predictor_on_axis(design),
        **coefficients.in_words,
    }
    return Answer(variables, coords=coords, attrs=attrs)


def _definition(fit: Fit) -> str:
    if fit.spec.is_normal and (fit.design.residual is not None or fit.design.parameters):
        return _GENERALISED
    return _DEFINITION if fit.spec.is_normal else _APPROXIMATION


def _sizes(fit: Fit, factor: FactorEffects) -> dict[str, tuple[tuple[str], np.ndarray]]:
    """Return the rows of each level, its trials where rows have several, and the mean of its responses."""
    design = fit.design
    if not design.has_rows:
        own = level_means_from_moments(fit, factor.name)
        return {"n": (("level",), factor.counts), "own_mean": (("level",), own)}
    totals = factor.sum(np.asarray(design.response.values, float))
    trials = factor.sum(np.asarray(design.response.n_trials, float))
    own = np.divide(totals, trials, out=np.full(len(trials), np.nan), where=trials > 0)
    sizes = {"n": (("level",), factor.counts), "own_mean": (("level",), own)}
    if design.response.trials is not None:
        sizes["trials"] = (("level",), factor.sum(np.asarray(design.response.trials, float)).round().astype(int))
    return sizes


def _precisions(fit: Fit, factor: FactorEffects) -> np.ndarray | None:
    """Draw the precision of each level of Student t effects, (chains, draws, levels); None for normal effects."""
    return level_precisions(factor, fit.posterior, np.random.default_rng(0)) if factor.is_heavy else None


def _weights_and_covariance(
    coefficients: LevelCoefficients, sigma: np.ndarray, unpooled: Unpooled, precisions: np.ndarray | None
) -> tuple[np.ndarray, dict[str, tuple[tuple[str, ...], np.ndarray]]]:
    """Return B_j, and Sigma as a variable: one for each category where levels have effects of their own category."""
    own, dims = coefficients.own, ("effect", "effect_bis")
    if own is None:
        own_sigma = sigma[:, :, None] if precisions is None else sigma[:, :, None] / precisions[..., None, None]
        weight = _weights(own_sigma, unpooled.gram, unpooled.sigma2)
        return weight, {"covariance": (("chain", "draw", *dims), sigma)}
    of_category = own.of_category()
    parts = np.full((*sigma.shape[:2], len(of_category), len(own.names), len(own.names)), np.nan)
    weight = np.full((*sigma.shape[:2], len(own.category), len(own.names), len(own.names)), np.nan)
    for k, (category, places) in enumerate(of_category.items()):
        there = np.flatnonzero(places >= 0)
        block = sigma[:, :, places[there][:, None], places[there]]
        parts[:, :, k, there[:, None], there] = block
        levels = np.flatnonzero(own.category == category)
        gram = unpooled.gram[..., levels[:, None, None], there[:, None], there]
        weight[:, :, levels[:, None, None], there[:, None], there] = _weights(block[:, :, None], gram, unpooled.sigma2)
    return weight, {"covariance": (("chain", "draw", CATEGORY, *dims), parts)}


def _weights(sigma: np.ndarray, gram: np.ndarray, sigma2: np.ndarray) -> np.ndarray:
    """Return Sigma (G_j Sigma + sigma^2 I)^-1 G_j, (chains, draws, levels, effects, effects).

    `sigma` is (chains, draws, levels, effects, effects), or of one level where all have the same.
    """
    levels, q = gram.shape[-3:-1]
    out = np.empty((*sigma.shape[:2], levels, q, q))
    noise = np.broadcast_to(sigma2, sigma.shape[:2])[:, :, None, None, None] * np.eye(q)
    for at in range(0, levels, _LEVELS_AT_ONCE):
        some = gram[..., at : at + _LEVELS_AT_ONCE, :, :]
        here = sigma if sigma.shape[2] == 1 else sigma[:, :, at : at + _LEVELS_AT_ONCE]
        inner = some @ here + noise
        out[:, :, at : at + _LEVELS_AT_ONCE] = here @ np.linalg.solve(inner, np.broadcast_to(some, inner.shape))
    return out


def _pooling_factor(b: np.ndarray) -> np.ndarray:
    """Return 1 - Var_j(E b_j) / E(Var_j b_j) per effect, from draws (chains, draws, levels, effects)."""
    of_means = b.mean(axis=(0, 1)).var(axis=0, ddof=1)
    mean_of = b.var(axis=2, ddof=1).mean(axis=(0, 1))
    return 1 - np.divide(of_means, mean_of, out=np.zeros_like(of_means), where=mean_of > 0)
