"""The mass of posterior and prior near zero, of the contribution of each varying effect and of each smooth."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.distributions.frozen import frozen
from partialpool.families.given import Given
from partialpool.fitting.fit import Fit
from partialpool.model.covariance import effects_at_means
from partialpool.model.level_information import information_alike, row_information_of
from partialpool.model.partition import partition_over_rows
from partialpool.model.prior import cutpoint_shift
from partialpool.model.variance_prior import is_decomposed
from partialpool.model.variance_prior_draws import implied_sd
from partialpool.names import sd_name

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


def mass_near_zero(fit: Fit, terms: list[tuple[FactorEffects, int]]) -> NearZero:
    """Compute the contributions of effects, given by factor and position, and their mass near zero."""
    design = fit.design
    sizes = {f.name: _column_sizes(design, f) for f in design.factors}
    scales = [float(np.sqrt(np.square(sizes[f.name][f.sharing(e)]).sum())) for f, e in terms]
    at_means = {f.name: effects_at_means(fit.posterior, f) for f in design.factors}
    contribution = np.stack(
        [at_means[f.name][0][..., e] * scale for (f, e), scale in zip(terms, scales, strict=True)], axis=-1
    )
    information = row_information_of(design, _residual_variance(fit))
    small = np.array([np.sqrt(NEGLIGIBLE / information_alike(f, information)) for f, _ in terms])
    near = (contribution < small).mean(axis=(0, 1))
    priors = [_sd_prior(fit, f"{sd_name(f.name)}[{f.sd_parameters[e]}]") for f, e in terms]
    near_prior = np.array([float(p.cdf(t / s)) for p, s, t in zip(priors, scales, small, strict=True)])
    return NearZero(contribution, small, near, near_prior, priors, scales)


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

    For Student t, whose information exists for any nu; for ordered categories without a latent variable, at the
    predictors' means.
    """
    family = fit.spec.family_record
    if family.has_cutpoints and not family.has_variance:
        cutpoints = fit.posterior["cutpoints"].to_numpy()
        shift = cutpoint_shift(fit.design, {str(name): values.to_numpy() for name, values in fit.posterior.items()})
        centred = (cutpoints - shift).reshape(-1, cutpoints.shape[-1])
        given = Given(fit.spec.link_record, np.zeros((len(centred), 1)), {"cutpoints": centred})
        return float(1 / family.row_information(given).mean())
    if "nu" not in fit.spec.family_record.shapes or fit.design.se is not None:
        return float(partition_over_rows(fit.posterior, fit.design).residual.mean())
    nu, sigma = fit.posterior["nu"].to_numpy(), fit.posterior["sigma"].to_numpy()
    return float((sigma**2 * (nu + 3) / (nu + 1)).mean())


def _sd_prior(fit: Fit, parameter: str) -> Any:
    """Return the prior of one sd, with `cdf` and `pdf`: a separate prior, or the one that a joint prior implies."""
    if is_decomposed(fit.priors):
        return implied_sd(fit.design, fit.priors, parameter)
    return frozen(fit.priors[parameter])
