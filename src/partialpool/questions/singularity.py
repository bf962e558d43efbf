"""Singular fits: which effects or correlations the data do not support, judged by the posterior."""

import warnings
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy
import xarray as xr

from partialpool.design.build import build_design
from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.identifiability import not_identified
from partialpool.design.simplify import without_effects, without_smooth
from partialpool.design.units import UNITS
from partialpool.distributions.frozen import frozen
from partialpool.errors import DataError, DataWarning, EngineError, PartialPoolError
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import of_first_table
from partialpool.likelihood.maximum_likelihood import LikelihoodFit, likelihood_fit, why_no_likelihood
from partialpool.model.covariance import effects_at_means
from partialpool.names import INTERCEPT, across_name, corr_name
from partialpool.questions.near_zero import mass_near_zero
from partialpool.questions.singularity_in_words import finding_in_words, singularity_in_words
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec

__all__ = ["singularity"]

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

    A smooth is judged by the sd of its departures from a straight line: the line would do if a hundredth of the mass
    or more is near zero and the AIC of the line is no larger; without a likelihood, if half of the mass is near zero.

    If a hundredth or more of the mass is near zero, and the model without the effect is no worse, the data support
    neither conclusion: `undecided`. Without a likelihood this holds from a tenth on (of a smooth from a
    hundredth on), if it exceeds the prior's mass.

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
        A fit with grouping factors or smooths, by any engine.

    Returns
    -------
    xarray.Dataset
        - (chain, draw, term), of group effects and of smooths: `contribution`, in units of the linear predictor;
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
        No grouping factor and no smooth.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff2"), seed=1, progressbar=False)
    >>> bool(pp.singularity(fit)["supported"].sel(term="Batch: Intercept"))
    False
    """
    design, posterior = fit.design, fit.posterior
    if not design.factors:
        raise DataError(
            "only effects that vary can be singular",
            got=f"{fit.spec}",
            allowed="a model with a grouping term, or with a smooth",
            do="add one",
        )
    terms = [(factor, e) for factor in design.factors for e in factor.structure.own_sds]
    pairs = _pairs_of(design)
    mass = mass_near_zero(fit, terms)
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
        "term": [f"{f.name}: {f.sd_parameters[e] if f.is_smooth else f.names[e]}" for f, e in terms],
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
    found.attrs["finding"] = finding_in_words(fit, found, confounded)
    doubtful_intercept = bool((~supported | undecided)[~is_slope].any())
    found.attrs["sentence"] = singularity_in_words(fit, found, confounded, doubtful_intercept=doubtful_intercept)
    return found


def _pairs_of(design: Design) -> list["_Pair"]:
    """Return every pair of effects whose correlation is a parameter."""
    sizes = {(f.name, e): len(block) for f in design.grouping for block in f.blocks for e in block}
    return [_Pair(f, i, j, sizes[f.name, i]) for f in design.grouping for i, j in f.parameter_pairs]


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
        if factor.is_smooth:
            return _is_no_worse(self.fit.design, without_smooth(self.fit.spec, factor.name), self.ml.fit)
        simpler = without_effects(self.fit.design, {(factor.name, effect)}, set())
        changed = Counter(simpler.groups) != Counter(self.fit.spec.groups)
        return changed and _is_no_worse(self.fit.design, simpler, self.ml.fit)

    def is_supported(self, near: float) -> bool:
        """Whether the data support it, with so much of its posterior near zero; a curve, if a line has another AIC."""
        if self.term[0].is_smooth and self.ml.fit is not None:
            return near < UNDECIDED or not self.needless
        return near < DOUBTFUL or (near < LIKELY and not self.needless)

    def is_undecided(self, near: float, near_prior: float) -> bool:
        """Whether the data neither support nor contradict it, as is usual with two or three levels."""
        if self.ml.fit is None:
            return near >= max(UNDECIDED if self.term[0].is_smooth else UNDECIDED_ALONE, near_prior)
        return near >= UNDECIDED and self.needless


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
        names = corr_name(pair.factor.name), across_name(pair.factor.name)
        stated = next(fit.priors[name] for name in names if name in fit.priors)
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
    shape = fit.posterior.sizes["chain"], fit.posterior.sizes["draw"], len(ranks)
    return np.stack(ranks, axis=-1) if ranks else np.zeros(shape)


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
        nothing = np.full(sum(len(f.structure.own_sds) for f in fit.design.factors), np.nan)
        reason = why_no_likelihood(fit.spec)
        if not reason and fit.spec.parameters:
            reason = f"{' and '.join(fit.spec.parameters)} with predictors: see pp.maximum_likelihood(formula, data)"
        if reason:
            return cls(None, f"no likelihood: {reason}", f"no REML: {reason}", nothing)
        try:
            found = likelihood_fit(fit.design)
        except EngineError as error:
            return cls(None, error.wrong, error.wrong, nothing)
        own = zip(fit.design.factors, found.maximum.relative, strict=True)
        relative = np.concatenate([at[list(f.structure.own_sds)] for f, at in own])
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
    smooths = [f for f in fit.design.factors if f.is_smooth]
    straight = [f.name for f in smooths if all((f.name, e) in weak for e in f.structure.own_sds)]
    for pairs in [tied, []] if tied and weak else [tied]:
        simpler = without_effects(fit.design, weak, {(p.factor.name, p.first, p.second) for p in pairs})
        for name in straight:
            simpler = without_smooth(simpler, name)
        if not straight and Counter(simpler.groups) == Counter(fit.spec.groups):
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
