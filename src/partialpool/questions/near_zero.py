"""The mass of posterior and prior near zero, of the contribution of each varying effect and of each smooth."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.newdata import own_rows
from partialpool.distributions.frozen import frozen
from partialpool.families.given import Given
from partialpool.fitting.fit import Fit
from partialpool.fitting.pooling_ends import density_of
from partialpool.fitting.varying_terms import Term
from partialpool.model.covariance import effects_at_means
from partialpool.model.level_information import information_alike, row_information_of
from partialpool.model.partition import partition_over_rows
from partialpool.model.predictor import linear_predictor
from partialpool.model.prior import cutpoint_shift
from partialpool.model.response_density import mean_draw
from partialpool.model.variance_prior import is_decomposed
from partialpool.model.variance_prior_draws import implied_sd
from partialpool.names import BETA, b_name

__all__ = ["NearZero", "mass_near_zero"]

NEGLIGIBLE: Final = 0.1
"""An effect is near zero if it raises the variance of a level's mean by less than this: a design effect of 1.1."""


@dataclass(frozen=True, eq=False)
class NearZero:
    """The contribution of each effect, and how much of its posterior and prior is near zero.

    Attributes
    ----------
    contribution
        (chains, draws, terms).
    small
        Contribution below which an effect is near zero, (terms,).
    near, near_prior
        Mass below it, (terms,).
    priors, scales
        SciPy's distribution of each sd under the prior, and the root mean square of its column.
    """

    contribution: np.ndarray
    small: np.ndarray
    near: np.ndarray
    near_prior: np.ndarray
    priors: list[Any]
    scales: list[float]

    def prior_density(self, grid: np.ndarray) -> np.ndarray:
        """Density of each contribution under the prior, (terms, grid)."""
        return np.stack([p.pdf(grid / s) / s for p, s in zip(self.priors, self.scales, strict=True)])


def mass_near_zero(fit: Fit, terms: list[Term]) -> NearZero:
    """Compute the contributions of effects and their mass near zero."""
    factors = {(term.parameter, term.factor.name): term for term in terms}
    sizes = {key: _column_sizes(fit.design, one.factor) for key, one in factors.items()}
    at_means = {key: effects_at_means(one.of.posterior, one.factor)[0] for key, one in factors.items()}
    scales, sds = [], []
    for term in terms:
        key = term.parameter, term.factor.name
        scales.append(float(np.sqrt(np.square(sizes[key][term.factor.sharing(term.effect)]).sum())))
        sds.append(at_means[key][..., term.effect])
    contribution = np.stack([sd * scale for sd, scale in zip(sds, scales, strict=True)], axis=-1)
    information = {name: _information(fit, name) for name in dict.fromkeys(term.parameter for term in terms)}
    small = np.array([np.sqrt(NEGLIGIBLE / information_alike(t.factor, information[t.parameter])) for t in terms])
    near = (contribution < small).mean(axis=(0, 1))
    priors = [_sd_prior(fit, term.sd) for term in terms]
    near_prior = np.array([float(p.cdf(t / s)) for p, s, t in zip(priors, scales, small, strict=True)])
    return NearZero(contribution, small, near, near_prior, priors, scales)


def _information(fit: Fit, parameter: str) -> np.ndarray:
    """Return each row's information about a linear predictor, (rows,).

    Of the mean: 1 / its residual variance on that scale. Of a parameter of the family: the information of the row
    itself at the posterior means of all predictors, 2 about the log of a normal sigma.
    """
    if not parameter:
        return row_information_of(fit.design, _residual_variance(fit))
    return density_of(fit).information_of(parameter, _mean_predictor(fit))


def _mean_predictor(fit: Fit) -> np.ndarray:
    """Return the linear predictor of the mean, (rows,), at the posterior means of coefficients and effects."""
    names = (BETA, *(b_name(factor.name) for factor in fit.design.factors))
    draws = mean_draw(fit.posterior, names)
    return np.asarray(linear_predictor(fit.design, own_rows(fit.design), draws or {"": np.zeros(1)})[0])


def _column_sizes(design: Design, factor: FactorEffects) -> np.ndarray:
    """Return root mean squares of the columns at the means, over rows or trials, (effects,).

    With a known covariance of levels, each row is weighted by the diagonal element of its level.
    """
    if design.response.trials is None:
        return np.sqrt(factor.freed_mean_square)
    square = factor.freed_values**2 * factor.own[:, None]
    return np.sqrt(np.average(square, axis=0, weights=design.response.trials))


def _residual_variance(fit: Fit) -> float:
    """Return the residual variance of one observation, or 1 / its information where it need not have a variance.

    For Student t, whose information exists for any nu (where nu or sigma have predictors, that of the rows at the
    posterior means of these); for ordered categories without a latent variable, at the
    predictors' means.
    """
    family = fit.spec.family_record
    if family.has_cutpoints and not family.has_variance:
        cutpoints = fit.posterior["cutpoints"].to_numpy()
        shift = cutpoint_shift(fit.design, {str(name): values.to_numpy() for name, values in fit.posterior.items()})
        centred = (cutpoints - shift).reshape(-1, cutpoints.shape[-1])
        given = Given(fit.spec.link_record, np.zeros((len(centred), 1)), {"cutpoints": centred})
        return float(1 / family.row_information(given).mean())
    shaped = "nu" in family.shapes and fit.design.se is None
    if shaped and fit.design.parameters:
        return float(1 / density_of(fit).curvature(_mean_predictor(fit))[1].mean())
    if not shaped:
        return float(partition_over_rows(fit.posterior, fit.design).residual.mean())
    nu, sigma = fit.posterior["nu"].to_numpy(), fit.posterior["sigma"].to_numpy()
    return float((sigma**2 * (nu + 3) / (nu + 1)).mean())


def _sd_prior(fit: Fit, parameter: str) -> Any:
    """Return the prior of one sd, with `cdf` and `pdf`: a separate prior, or the one that a joint prior implies."""
    if is_decomposed(fit.priors):
        return implied_sd(fit.design, fit.priors, parameter)
    return frozen(fit.priors[parameter])
