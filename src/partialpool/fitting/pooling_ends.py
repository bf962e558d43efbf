"""The two ends of partial pooling: estimates from each level's own rows, and from all rows without their groups."""

from typing import Final

import numpy as np

from partialpool.design.factor_effects import FactorEffects
from partialpool.design.joined_factors import joined_factors
from partialpool.errors import DataError
from partialpool.fitting.fit import Fit
from partialpool.fitting.level_grams import level_grams, level_grams_of_rows
from partialpool.fitting.streamed_pooling import least_squares_from_moments, unpooled_from_moments
from partialpool.marginal.gaussian.standardise import working_response
from partialpool.marginal.glmm.posterior import read_response
from partialpool.model.level_coefficients import LevelCoefficients
from partialpool.model.no_pooling import (
    Unpooled,
    generalised_by_level,
    least_squares_by_level,
    likelihood_by_level,
    mean_beta,
    mean_effects,
)
from partialpool.model.pooled_regression import Ungrouped, fisher_scoring, generalised_least_squares, least_squares
from partialpool.model.predicted_sigma import median_sigma
from partialpool.model.response_density import ResponseDensity, mean_parameters, mean_predictors
from partialpool.model.whitened_rows import ResidualScale, residual_scale

__all__ = ["check_pooling_ends", "check_pooling_of", "complete_pooling", "density_of", "no_pooling"]

_COMPARISON: Final = "a comparison of levels with and without pooling"


def check_pooling_ends(fit: Fit) -> None:
    """Refuse models whose levels have no estimates without, or with complete, pooling.

    Raises
    ------
    DataError
        The response is a category, ordered or not, censored or truncated.
    """
    _check_seen_means(fit)
    if fit.spec.family_record.has_predictors_of_categories:
        fit.design.check_no_parameters(
            _COMPARISON,
            because="a level's own rows would have to determine its effects on every category",
            do="use pp.level_effects or pp.group_effects for the effects themselves, and pp.predict for each level",
        )


def check_pooling_of(fit: Fit, factor: FactorEffects) -> None:
    """Refuse models in which the distance of a level's estimate from both ends is not a matter of its own rows.

    Raises
    ------
    DataError
        As `check_pooling_ends`; or effects on a parameter are correlated with those of the factor.
    """
    check_pooling_ends(fit)
    joined = next((one for one in joined_factors(fit.design) if one.factor == factor.name), None)
    if joined is not None:
        on = " and ".join(name for name, _ in joined.parts if name)
        fit.design.check_no_parameters(
            _COMPARISON,
            because=f"effects on {on} are correlated with the other effects over {factor.name}, and tell of them too",
            do="use pp.level_effects or pp.group_effects for the effects themselves, and pp.level_lines or pp.predict "
            "for each level",
        )


def _check_seen_means(fit: Fit) -> None:
    """Refuse responses that are bounds, or categories in an order."""
    fit.design.check_all_seen(
        _COMPARISON,
        because="means and least squares of a level's rows would count a bound as a response",
        do="use pp.level_effects or pp.group_effects for the effects themselves, and pp.predict for each level",
    )
    fit.design.check_untruncated(
        _COMPARISON,
        because="means and least squares of a level's rows are those of the response within its bounds",
        do="use pp.level_effects or pp.group_effects for the effects themselves, and pp.predict for each level",
    )
    if fit.spec.family_record.has_cutpoints:
        raise DataError(
            "an ordinal model has cutpoints in place of an intercept: without its groups they would be others, so "
            "that a level has no estimates without and with complete pooling on the same scale",
            got=f"family {fit.spec.family!r}",
            allowed="a family whose mean is a function of the linear predictor",
            do="use pp.level_effects or pp.group_effects for the effects themselves, or fit whether a response is at "
            "least a category, which is yes or no, by family 'bernoulli'",
        )


def density_of(fit: Fit) -> ResponseDensity:
    """Return log p of the rows given their linear predictor, the family's own parameters at their posterior means.

    Where they have predictors, the coefficients and effects of these are at their posterior means.
    """
    own, others = mean_parameters(fit.posterior, fit.design), mean_predictors(fit.posterior, fit.design)
    return ResponseDensity(fit.design, read_response(fit.design), own, others)


def no_pooling(fit: Fit, coefficients: LevelCoefficients) -> Unpooled:
    """Estimate each level's effects from its own rows, the rest of the model at its posterior means.

    Least squares for normal responses, generalised where residuals have several sds or are correlated; maximum
    likelihood for others.

    Raises
    ------
    DataError
        Series of correlated residuals with rows of several levels of the factor.
    """
    fit.design.check_series_within(coefficients.factor, "an estimate from a level's own rows")
    if _has_residual_scale(fit):
        predicted = bool(fit.design.parameters)
        gram = level_grams_of_rows(fit, coefficients) if predicted else level_grams(fit.posterior, coefficients)
        return generalised_by_level(fit.posterior, coefficients, working_response(fit.design), gram, _scale(fit))
    if not fit.design.has_rows:
        return unpooled_from_moments(fit, coefficients)
    if fit.spec.is_normal:
        return least_squares_by_level(fit.posterior, coefficients, working_response(fit.design))
    return likelihood_by_level(fit.posterior, coefficients, density_of(fit))


def complete_pooling(fit: Fit) -> Ungrouped:
    """Estimate the fixed effects from all rows, ignoring the grouping; the curves of smooths at their posterior means.

    Least squares for normal responses, generalised where residuals have several sds or are correlated. For others
    maximum likelihood, with the family's own parameters (such as a shape) at their posterior means.
    """
    if not fit.design.has_rows:
        return least_squares_from_moments(fit)
    curves = [f.apply(mean_effects(fit.posterior, f)) for f in fit.design.factors if f.is_smooth]
    known = np.sum(curves, axis=0) if curves else np.zeros(fit.design.n_rows)
    if _has_residual_scale(fit):
        return generalised_least_squares(fit.design, working_response(fit.design) - known, _scale(fit))
    if fit.spec.is_normal:
        return least_squares(fit.design, working_response(fit.design) - known)
    return fisher_scoring(density_of(fit), mean_beta(fit.posterior, fit.design), known)


def _has_residual_scale(fit: Fit) -> bool:
    """Whether the response is normal, and its residuals have several sds or correlations."""
    return fit.spec.is_normal and (fit.design.residual is not None or bool(fit.design.parameters))


def _scale(fit: Fit) -> ResidualScale:
    """Return the residuals' parameters in the middle of their posterior."""
    return median_sigma(fit.design, fit.stacked()) if fit.design.parameters else residual_scale(fit.posterior)
