"""Singular fits: which effects or correlations the data do not support, judged by the posterior."""

import warnings
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from partialpool.design.build import build_design
from partialpool.design.design import Design
from partialpool.design.identifiability import not_identified
from partialpool.design.simplify import without_effects, without_smooth
from partialpool.design.units import UNITS
from partialpool.errors import DataError, DataWarning, EngineError, PartialPoolError
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import of_first_table
from partialpool.fitting.varying_terms import EXTREME, Term, effective_ranks, pairs_of, terms_of
from partialpool.likelihood.maximum_likelihood import LikelihoodFit, likelihood_fit, why_no_likelihood
from partialpool.questions.near_zero import mass_near_zero
from partialpool.questions.singularity_in_words import finding_in_words, singularity_in_words
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec

__all__ = ["singularity"]

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

    Effects on parameters of the family (`sigma ~ x + (x | g)`) are judged alike, on the scale of the parameter's link.
    There W_j sums the information of the rows about the parameter's linear predictor at the posterior means of all
    predictors: 2 of each row about the log of a normal sigma. The likelihood is Laplace's approximation. An intercept
    of effects on a parameter may be left out, since rows of a level stay dependent by the effects on the mean, unless
    the parameter is a probability of zeros or ones.

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

        Effects on a parameter are named `g: sigma: x`, and their factors `g: sigma`.

        `good`: whether every slope is supported, no two effects are nearly one, and data of this design identify all
        variances and correlations. attrs: `finding`, in words; `sentence`, with the advice; `simpler`, a formula
        without the slopes and correlations that are not supported, to pass to `fit`, empty if there is none;
        `ml_singular` and `reml_singular`, "yes", "no" or why there is no maximum of the likelihood, or no REML.

    Raises
    ------
    DataError
        No grouping factor and no smooth; effects on categories.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff2"), seed=1, progressbar=False)
    >>> bool(pp.singularity(fit)["supported"].sel(term="Batch: Intercept"))
    False
    """
    posterior = fit.posterior
    _check_some_effect(fit)
    terms, pairs = terms_of(fit), pairs_of(fit)
    mass = mass_near_zero(fit, terms)
    near, near_prior, small = mass.near, mass.near_prior, mass.small
    top = max(1.05 * np.quantile(mass.contribution, 0.995, axis=(0, 1)).max(), 2 * small.max())
    grid = np.linspace(0, top, _GRID)
    correlation = _side_by_side(fit, [pair.correlation for pair in pairs])
    extreme = (np.abs(correlation) > EXTREME).mean(axis=(0, 1))
    extreme_prior = np.array([pair.extreme_prior for pair in pairs])
    piled = (extreme > ENOUGH) & (extreme > 3 * extreme_prior)
    ranks = effective_ranks(fit)
    ml = _Likelihood.of(fit)
    worth = [_Worth(fit, ml, term) for term in terms]
    supported = np.array([one.is_supported(after) for one, after in zip(worth, near, strict=True)])
    undecided = supported & [
        one.is_undecided(after, before) for one, after, before in zip(worth, near, near_prior, strict=True)
    ]
    confounded = not_identified(fit.design)
    is_slope = np.array([not term.keeps for term in terms])
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
        "effective_rank": (("chain", "draw", "factor"), _side_by_side(fit, [rank for _, rank in ranks.values()])),
        "effects": (("factor",), [effects for effects, _ in ranks.values()]),
        "small": (per_term, small),
        "prior_density": (("term", "grid"), mass.prior_density(grid)),
    }
    coords = {
        "chain": posterior["chain"],
        "draw": posterior["draw"],
        "term": [term.label for term in terms],
        "pair": [pair.label for pair in pairs],
        "factor": list(ranks),
        "grid": grid,
    }
    found = Answer(variables, coords=coords)
    weak = [term for term, fine in zip(terms, supported | ~is_slope, strict=True) if not fine]
    tied = {pair.key for pair, one in zip(pairs, piled, strict=True) if one and pair.key is not None}
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


def _check_some_effect(fit: Fit) -> None:
    """Refuse models in which no effect could be left out, or how large it is depends on a reference."""
    if fit.spec.family_record.has_predictors_of_categories:
        fit.design.check_no_parameters(
            "singularity",
            because="the effects on categories are differences to a reference, and how large they are depends on it",
            do="compare the model with one of fewer effects by pp.compare",
        )
    if not any(one.factors for one in (fit.design, *fit.design.parameters.values())):
        raise DataError(
            "only effects that vary can be singular",
            got=f"{fit.spec}",
            allowed="a model with a grouping term, or with a smooth",
            do="add one",
        )


def _side_by_side(fit: Fit, each: list[np.ndarray]) -> np.ndarray:
    """Stack draws of several quantities, (chains, draws) each, as (chains, draws, quantities); there may be none."""
    shape = fit.posterior.sizes["chain"], fit.posterior.sizes["draw"], 0
    return np.stack(each, axis=-1) if each else np.zeros(shape)


class _Worth:
    """Assessment of one effect, by the posterior and by the model without it."""

    def __init__(self, fit: Fit, ml: "_Likelihood", term: Term) -> None:
        self.fit, self.ml, self.term = fit, ml, term

    @cached_property
    def needless(self) -> bool:
        """Whether the model without it has an AIC that is no worse; False if there is no such model or score."""
        if self.ml.fit is None:
            return False
        if self.term.factor.is_smooth:
            straight = without_smooth(self.fit.spec, self.term.factor.name, self.term.parameter)
            return _is_no_worse(self.fit.design, straight, self.ml.fit)
        simpler = without_effects(self.fit.design, {self.term.key}, set())
        return _is_changed(self.fit.spec, simpler) and _is_no_worse(self.fit.design, simpler, self.ml.fit)

    def is_supported(self, near: float) -> bool:
        """Whether the data support it, with so much of its posterior near zero; a curve, if a line has another AIC."""
        if self.term.factor.is_smooth and self.ml.fit is not None:
            return near < UNDECIDED or not self.needless
        return near < DOUBTFUL or (near < LIKELY and not self.needless)

    def is_undecided(self, near: float, near_prior: float) -> bool:
        """Whether the data neither support nor contradict it, as is usual with two or three levels."""
        if self.ml.fit is None:
            return near >= max(UNDECIDED if self.term.factor.is_smooth else UNDECIDED_ALONE, near_prior)
        return near >= UNDECIDED and self.needless


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
        nothing = np.full(len(terms_of(fit)), np.nan)
        reason = why_no_likelihood(fit.spec)
        if reason:
            return cls(None, f"no likelihood: {reason}", f"no REML: {reason}", nothing)
        try:
            found = likelihood_fit(fit.design)
        except PartialPoolError as error:
            return cls(None, error.wrong, error.wrong, nothing)
        diagonals = []
        for parameter, one in {"": fit.design, **fit.design.parameters}.items():
            each = found.maximum.parameters[parameter].relative if parameter else found.maximum.relative
            diagonals += [at[list(f.structure.own_sds)] for f, at in zip(one.factors, each, strict=True)]
        relative = np.concatenate(diagonals)
        return cls(found, "yes" if found.singular else "no", _singular_by_reml(fit.design), relative)


def _singular_by_reml(design: Design) -> str:
    """Say whether the fit by REML is singular: `yes`, `no`, or why there is none."""
    if not design.spec.is_normal:
        return "no REML: it is for normal responses"
    if design.parameters:
        return f"no REML: {' and '.join(design.parameters)} with predictors"
    try:
        return "yes" if likelihood_fit(design, reml=True).singular else "no"
    except EngineError as error:
        return error.wrong


def _advised(fit: Fit, ml: _Likelihood, weak: list[Term], tied: set[tuple[str, str, int, int]]) -> ModelSpec | None:
    """Return the simplest model to advise: without weak effects and tied correlations, or without weak effects only."""
    keys = {term.key for term in weak}
    smooths = {(term.parameter, term.factor.name): term.factor for term in weak if term.factor.is_smooth}
    straight = [at for at, f in smooths.items() if all((*at, e) in keys for e in f.structure.own_sds)]
    for pairs in [tied, set()] if tied and weak else [tied]:
        simpler = without_effects(fit.design, keys, pairs)
        for parameter, name in straight:
            simpler = without_smooth(simpler, name, parameter)
        if not straight and not _is_changed(fit.spec, simpler):
            continue
        # Without a likelihood there is only the posterior, which does not show the cost of omitting a correlation.
        if ml.fit is None and not pairs:
            return simpler
        if ml.fit is not None and _is_no_worse(fit.design, simpler, ml.fit):
            return simpler
    return None


def _is_changed(spec: ModelSpec, simpler: ModelSpec) -> bool:
    """Whether another model has other groups, in any predictor."""
    each = ((one, *one.parameters.values()) for one in (spec, simpler))
    return any(Counter(a.groups) != Counter(b.groups) for a, b in zip(*each, strict=True))


def _is_no_worse(design: Design, simpler: ModelSpec, full: LikelihoodFit) -> bool:
    """Whether a simpler model's AIC is no larger."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # given when the full model was fitted
            other = likelihood_fit(build_design(simpler, design.frame), method=full.maximum.method)
    except PartialPoolError:
        return False
    return other.deviance + 2 * other.n_parameters <= full.deviance + 2 * full.n_parameters + 1e-6
