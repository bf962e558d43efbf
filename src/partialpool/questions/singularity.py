"""Singular fits: which effects or correlations the data do not support, judged by the posterior."""

import warnings
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy
import xarray as xr

from partialpool.design.build import build_design
from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.identifiability import not_identified
from partialpool.design.simplify import without_effects
from partialpool.design.units import UNITS
from partialpool.distributions.frozen import frozen
from partialpool.errors import DataError, DataWarning, EngineError, PartialPoolError
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import of_first_table
from partialpool.likelihood.maximum_likelihood import LikelihoodFit, likelihood_fit, why_no_likelihood
from partialpool.model.covariance import effects_at_means
from partialpool.model.level_information import information_alike, row_information_of
from partialpool.model.partition import partition_over_rows
from partialpool.model.variance_prior import is_decomposed
from partialpool.model.variance_prior_draws import implied_sd
from partialpool.names import INTERCEPT, corr_name, sd_name
from partialpool.questions.singularity_in_words import finding_in_words, singularity_in_words
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec

__all__ = ["singularity"]

NEGLIGIBLE = 0.1
"""An effect is near zero if it raises the variance of a level's mean by less than this: a design effect of 1.1."""
EXTREME = 0.95
"""A correlation beyond this, of either sign, is near +-1."""
ENOUGH = 0.1
"""Posterior mass near +-1 that counts, if it is three times the prior's."""
DOUBTFUL = 0.25
"""Posterior mass near zero that counts if the score does not prefer the model with the effect."""
UNDECIDED = 0.01
"""Posterior mass near zero at or above which the model without the effect is scored."""
UNDECIDED_ALONE = 0.1
"""The same if there is no likelihood: with more than this, and more than under the prior, the data are undecided."""
LIKELY = 0.5
"""Posterior mass near zero that counts if there is no likelihood to score the model without the effect."""
_GRID = 200


@dataclass(frozen=True)
class _Pair:
    """Two effects of one block."""

    factor: FactorEffects
    first: int
    second: int
    size: int
    """Effects in the block."""

    @property
    def label(self) -> str:
        names = self.factor.names
        return f"{self.factor.name}: {names[self.first]}, {names[self.second]}"


@explains_keywords
@of_first_table
def singularity(fit: Fit) -> xr.Dataset:
    """Determine which varying effects and correlations the data support, and advise a simpler model if there is one.

    An effect's contribution is its sd times the root mean square of its column: what it adds to the linear predictor.
    Correlated effects are taken at the predictors' means, so that results do not depend on the predictors' zero. A
    contribution is near zero if a level's rows cannot distinguish it from their own noise: if it raises the variance of
    the level's mean by less than a tenth, a design effect of 1.1. That is below sqrt(0.1 sum_j W_j / sum_j W_j^2), W_j
    the information of a level's rows, 1 / (residual variance) each; a row of n trials counts n times, a row with a
    known standard error by its own variance. For a Student t response, whose variance may be infinite, the information
    of a row is (nu + 1) / ((nu + 3) sigma^2).

    An effect is not supported if a quarter of its posterior mass or more is near zero and the model without it
    predicts no worse (AIC, if there is a likelihood), or if half of the mass is. The prior's mass near zero is
    reported, but not used for this: a wide prior has almost none there, whatever the data (Lindley 1957). Two effects
    are nearly one if a tenth of the mass of their correlation is beyond +-0.95, and three times the prior's mass. The
    effective rank of a factor's covariance is exp(entropy of its normalised eigenvalues) (Roy & Vetterli 2007,
    EUSIPCO), columns scaled to sd 1: 2 for two independent effects of equal size, 1 for perfectly correlated effects.

    If a hundredth or more of the mass is near zero, and the model without the effect is no worse, the data support
    neither conclusion: `undecided`. Without a likelihood this holds from a tenth on, if it exceeds the prior's mass.

    The classical fit is judged as in lme4 (`isSingular`): a diagonal element of the relative Cholesky factor below
    1e-4, here of effects at the predictors' means. It is judged by maximum likelihood (ML) and, for normal responses,
    also by REML, lme4's default, whose variances are a little larger: with few levels the two may differ. Simpler
    models are compared by ML, not by REML, because AIC is defined by the maximum of the likelihood, which responses of
    every family have. A simpler model is advised only if its AIC is no worse, since a correlation that is truly near 1
    should be kept. Removing a varying intercept is
    never advised: if levels structure the data (subjects of a trial, sites of a survey), a model without them treats
    dependent rows as independent, however small the estimated sd.

    Parameters
    ----------
    fit
        A fit with grouping factors, by any engine.

    Returns
    -------
    xarray.Dataset
        - (chain, draw, term): `contribution`, in units of the linear predictor;
        - by term: `small`, the threshold; `near_zero`, posterior mass below it; `near_zero_prior`, `supported`,
          `undecided`; `prior_density` (term, grid), of the contribution; `ml_relative`, diagonal of the relative
          Cholesky factor at maximum likelihood (NaN where there is none);
        - (chain, draw, pair): `correlation`; by pair: `extreme`, posterior mass beyond +-0.95,
          `extreme_prior`, `piled`;
        - (chain, draw, factor): `effective_rank`; by factor: `effects`, the number of effects.

        `good`: whether every slope is supported, no two effects are nearly one, and data of this design identify all
        variances and correlations. attrs: `finding`, in words; `sentence`, with the advice; `simpler`, a formula
        without the slopes and correlations that are not supported, to pass to `fit`, empty if there is none;
        `ml_singular` and `reml_singular`, "yes", "no" or why there is no maximum of the likelihood, or no REML.

    Raises
    ------
    DataError
        No grouping factor.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff2"), seed=1, progressbar=False)
    >>> bool(pp.singularity(fit)["supported"].sel(term="Batch: Intercept"))
    False
    """
    design, posterior = fit.design, fit.posterior
    if not design.grouping:
        raise DataError(
            "only effects that vary can be singular",
            got=f"{fit.spec}",
            allowed="a model with a grouping term",
            do="add one",
        )
    terms = [(factor, e) for factor in design.grouping for e in factor.structure.own_sds]
    pairs = _pairs_of(design)
    mass = _mass_near_zero(fit, terms)
    near, near_prior, small = mass.near, mass.near_prior, mass.small
    top = max(1.05 * np.quantile(mass.contribution, 0.995, axis=(0, 1)).max(), 2 * small.max())
    grid = np.linspace(0, top, _GRID)
    correlation, extreme, extreme_prior = _correlations(fit, pairs)
    piled = (extreme > ENOUGH) & (extreme > 3 * extreme_prior)
    ml = _Likelihood.of(fit)
    worth = [_Worth(fit, ml, term) for term in terms]
    supported = np.array([one.is_supported(after) for one, after in zip(worth, near, strict=True)])
    undecided = supported & [
        one.is_undecided(after, before) for one, after, before in zip(worth, near, near_prior, strict=True)
    ]
    confounded = not_identified(design)
    is_slope = np.array([f.names[e] != INTERCEPT for f, e in terms])
    per_term = ("term",)
    variables = {
        "contribution": (("chain", "draw", "term"), mass.contribution),
        "near_zero": (per_term, near),
        "near_zero_prior": (per_term, near_prior),
        "supported": (per_term, supported),
        "undecided": (per_term, undecided),
        "ml_relative": (per_term, ml.relative),
        "correlation": (("chain", "draw", "pair"), correlation),
        "extreme": (("pair",), extreme),
        "extreme_prior": (("pair",), extreme_prior),
        "piled": (("pair",), piled),
        "good": ((), bool(supported[is_slope].all()) and not bool(piled.any()) and not confounded),
        "effective_rank": (("chain", "draw", "factor"), _ranks(fit)),
        "effects": (("factor",), [len(f.names) for f in design.grouping]),
        "small": (per_term, small),
        "prior_density": (("term", "grid"), mass.prior_density(grid)),
    }
    coords = {
        "chain": posterior["chain"],
        "draw": posterior["draw"],
        "term": [f"{f.name}: {f.names[e]}" for f, e in terms],
        "pair": [pair.label for pair in pairs],
        "factor": [f.name for f in design.grouping],
        "grid": grid,
    }
    found = Answer(variables, coords=coords)
    weak = {(f.name, e) for (f, e), fine in zip(terms, supported | ~is_slope, strict=True) if not fine}
    tied = [pair for pair, one in zip(pairs, piled, strict=True) if one]
    simpler = _advised(fit, ml, weak, tied)
    found.attrs = {
        "definition": "contribution = sd of the effect x rms of its column, at the predictors' means; "
        "near zero: design effect below 1.1",
        "response": fit.design.response.name,
        UNITS: fit.design.axis_units.as_text(),
        "scale": fit.spec.link,
        "ml_singular": ml.singular,
        "reml_singular": ml.reml_singular,
        "simpler": simpler.to_formula() if simpler else "",
    }
    found.attrs["finding"] = finding_in_words(found, confounded)
    doubtful_intercept = bool((~supported | undecided)[~is_slope].any())
    found.attrs["sentence"] = singularity_in_words(fit, found, confounded, doubtful_intercept=doubtful_intercept)
    return found


def _pairs_of(design: Design) -> list["_Pair"]:
    """Return every pair of effects whose correlation is a parameter."""
    sizes = {(f.name, e): len(block) for f in design.grouping for block in f.blocks for e in block}
    return [_Pair(f, i, j, sizes[f.name, i]) for f in design.grouping for i, j in f.parameter_pairs]


@dataclass(frozen=True, eq=False)
class _NearZero:
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


def _mass_near_zero(fit: Fit, terms: list[tuple[FactorEffects, int]]) -> _NearZero:
    design = fit.design
    sizes = {f.name: _column_sizes(design, f) for f in design.grouping}
    scales = [float(np.sqrt(np.square(sizes[f.name][f.sharing(e)]).sum())) for f, e in terms]
    at_means = {f.name: effects_at_means(fit.posterior, f) for f in design.grouping}
    contribution = np.stack(
        [at_means[f.name][0][..., e] * scale for (f, e), scale in zip(terms, scales, strict=True)], axis=-1
    )
    information = row_information_of(design, _residual_variance(fit))
    small = np.array([np.sqrt(NEGLIGIBLE / information_alike(f, information)) for f, _ in terms])
    near = (contribution < small).mean(axis=(0, 1))
    priors = [_sd_prior(fit, f"{sd_name(f.name)}[{f.sd_parameters[e]}]") for f, e in terms]
    near_prior = np.array([float(p.cdf(t / s)) for p, s, t in zip(priors, scales, small, strict=True)])
    return _NearZero(contribution, small, near, near_prior, priors, scales)


def _column_sizes(design: Design, factor: FactorEffects) -> np.ndarray:
    """Return root mean squares of the columns at the means, over rows or trials, (effects,).

    With a known covariance of levels, each row is weighted by the diagonal element of its level.
    """
    square = factor.freed_values**2 * factor.own[:, None]
    return np.sqrt(np.average(square, axis=0, weights=design.response.trials))


def _residual_variance(fit: Fit) -> float:
    """Return the residual variance of one observation; for Student t 1 / its information, which exists for any nu."""
    if "nu" not in fit.spec.family_record.shapes or fit.design.se is not None:
        return float(partition_over_rows(fit.posterior, fit.design).residual.mean())
    nu, sigma = fit.posterior["nu"].to_numpy(), fit.posterior["sigma"].to_numpy()
    return float((sigma**2 * (nu + 3) / (nu + 1)).mean())


class _Worth:
    """Assessment of one effect, by the posterior and by the model without it."""

    def __init__(self, fit: Fit, ml: "_Likelihood", term: tuple[FactorEffects, int]) -> None:
        self.fit, self.ml, self.term = fit, ml, term

    @cached_property
    def needless(self) -> bool:
        """Whether the model without it has an AIC that is no worse; False if there is no such model or score."""
        if self.ml.fit is None:
            return False
        factor, effect = self.term
        simpler = without_effects(self.fit.design, {(factor.name, effect)}, set())
        changed = Counter(simpler.groups) != Counter(self.fit.spec.groups)
        return changed and _is_no_worse(self.fit.design, simpler, self.ml.fit)

    def is_supported(self, near: float) -> bool:
        """Whether the data support it, with so much of its posterior near zero."""
        return near < DOUBTFUL or (near < LIKELY and not self.needless)

    def is_undecided(self, near: float, near_prior: float) -> bool:
        """Whether the data neither support nor contradict it, as is usual with two or three levels."""
        if self.ml.fit is None:
            return near >= max(UNDECIDED_ALONE, near_prior)
        return near >= UNDECIDED and self.needless


def _sd_prior(fit: Fit, parameter: str) -> Any:
    """Return the prior of one sd, with `cdf` and `pdf`: a separate prior, or the one that a joint prior implies."""
    if is_decomposed(fit.priors):
        return implied_sd(fit.design, fit.priors, parameter)
    return frozen(fit.priors[parameter])


def _correlations(fit: Fit, pairs: list[_Pair]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return draws, posterior mass and prior mass near +-1.

    Under LKJ(eta) of n effects (r + 1) / 2 ~ Beta(a, a), a = eta + n / 2 - 1.
    """
    posterior = fit.posterior
    draws = np.zeros((posterior.sizes["chain"], posterior.sizes["draw"], len(pairs)))
    prior = np.zeros(len(pairs))
    for k, pair in enumerate(pairs):
        corr = effects_at_means(posterior, pair.factor)[1]
        draws[..., k] = corr[..., pair.first, pair.second]
        stated = fit.priors[corr_name(pair.factor.name)]
        if pair.factor.structure.has_one_correlation:
            prior[k] = frozen(stated).cdf(-EXTREME) + frozen(stated).sf(EXTREME)
            continue
        a = stated.arguments["eta"] + pair.size / 2 - 1
        prior[k] = 2 * scipy.stats.beta(a, a).cdf((1 - EXTREME) / 2)
    return draws, (np.abs(draws) > EXTREME).mean(axis=(0, 1)), prior


def _ranks(fit: Fit) -> np.ndarray:
    """Return the effective rank of each factor's covariance at the means, columns scaled to sd 1.

    Its shape is (chains, draws, factors).
    """
    ranks = []
    for factor in fit.design.grouping:
        sd, corr = effects_at_means(fit.posterior, factor)
        sd = sd * factor.basis.scale
        sigma = sd[..., :, None] * corr * sd[..., None, :]
        values = np.maximum(np.linalg.eigvalsh(sigma), 0)
        total = values.sum(axis=-1, keepdims=True)
        share = np.divide(values, total, out=np.full(values.shape, 1 / values.shape[-1]), where=total > 0)
        ranks.append(np.exp(-scipy.special.xlogy(share, share).sum(axis=-1)))
    return np.stack(ranks, axis=-1)


@dataclass(frozen=True, eq=False)
class _Likelihood:
    """The maximum-likelihood fit, if there is one."""

    fit: LikelihoodFit | None
    singular: str
    """`yes`, `no`, or why there is no maximum."""
    reml_singular: str
    """The same of the fit by REML."""
    relative: np.ndarray
    """Diagonal of the relative Cholesky factor by term; NaN if there is none."""

    @classmethod
    def of(cls, fit: Fit) -> "_Likelihood":
        nothing = np.full(sum(len(f.structure.own_sds) for f in fit.design.grouping), np.nan)
        reason = why_no_likelihood(fit.spec)
        if reason:
            return cls(None, f"no likelihood: {reason}", f"no REML: {reason}", nothing)
        try:
            found = likelihood_fit(fit.design)
        except EngineError as error:
            return cls(None, error.wrong, error.wrong, nothing)
        own = zip(fit.design.factors, found.maximum.relative, strict=True)
        relative = np.concatenate([at[list(f.structure.own_sds)] for f, at in own if not f.is_smooth])
        return cls(found, "yes" if found.singular else "no", _singular_by_reml(fit.design), relative)


def _singular_by_reml(design: Design) -> str:
    """Say whether the fit by REML is singular: `yes`, `no`, or why there is none."""
    if not design.spec.is_normal:
        return "no REML: it is for normal responses"
    try:
        return "yes" if likelihood_fit(design, reml=True).singular else "no"
    except EngineError as error:
        return error.wrong


def _advised(fit: Fit, ml: _Likelihood, weak: set[tuple[str, int]], tied: list[_Pair]) -> ModelSpec | None:
    """Return the simplest model to advise: without weak effects and tied correlations, or without weak effects only."""
    for pairs in [tied, []] if tied and weak else [tied]:
        simpler = without_effects(fit.design, weak, {(p.factor.name, p.first, p.second) for p in pairs})
        if Counter(simpler.groups) == Counter(fit.spec.groups):
            continue
        # Without a likelihood there is only the posterior, which does not show the cost of omitting a correlation.
        if ml.fit is None and not pairs:
            return simpler
        if ml.fit is not None and _is_no_worse(fit.design, simpler, ml.fit):
            return simpler
    return None


def _is_no_worse(design: Design, simpler: ModelSpec, full: LikelihoodFit) -> bool:
    """Whether a simpler model's AIC is no larger."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # given when the full model was fitted
            other = likelihood_fit(build_design(simpler, design.frame), method=full.maximum.method)
    except PartialPoolError:
        return False
    return other.deviance + 2 * other.n_parameters <= full.deviance + 2 * full.n_parameters + 1e-6
