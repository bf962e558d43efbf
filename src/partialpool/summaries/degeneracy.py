"""Which effect or correlation the data do not support: singular fits, by a posterior that has no boundary problem."""

import warnings
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy import stats

from partialpool.collapse.applies import why_not
from partialpool.collapse.maximise import Maximum
from partialpool.design.build import Design, FactorEffects, build_design
from partialpool.design.decomposition import is_decomposed
from partialpool.errors import DataError, DataWarning, EngineError, PartialPoolError
from partialpool.fitting import Fit
from partialpool.likelihood import LikelihoodFit, likelihood_fit
from partialpool.names import INTERCEPT, corr_name, sd_name
from partialpool.observe.decomposed import implied_sd
from partialpool.observe.distributions import frozen
from partialpool.spec.model import ModelSpec
from partialpool.spec.terms import Group
from partialpool.variance.covariance import effects_at_means
from partialpool.variance.observations import column_sizes_by_trials, observations, spans_constant
from partialpool.variance.places import partition_over_rows

__all__ = ["singularity"]

NEGLIGIBLE = 0.1
"""An effect is near zero where it raises the variance of a level's mean by less than this: a design effect of 1.1."""
LIKELY = 0.5
"""An effect that is near zero with this probability is not supported."""
DOUBTFUL = 0.25
"""Nor is one that is near zero with this probability and does not improve the AIC."""
EXTREME = 0.95
"""A correlation beyond this, either way, is near +-1."""
ENOUGH = 0.1
"""Posterior mass near +-1 that counts, where it is three times the prior's."""
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


def singularity(fit: Fit) -> xr.Dataset:
    """Ask which varying effects and correlations the data support, and what simpler model is left.

    An effect's contribution is its sd times the root mean square of its column: what it adds to the linear predictor.
    Of correlated effects both are at the predictors' means, wherever zero is. It is near zero where a level's rows
    cannot tell it from their own noise: below the residual sd times sqrt(0.1 / m), m the size of the level that a row
    taken at random belongs to, which is a design effect of 1.1. Trials are counted, not rows, where rows are sums of
    trials; of known standard errors m / sigma^2 is their precision, sum_j (sum_i se^-2)^2 / sum_i se^-2.

    An effect is not supported where the posterior has it near zero with a probability of a half; or of a quarter,
    if the model without it has an AIC that is no worse (normal responses). The prior's mass near zero is shown and
    plays no part: a wide prior has almost none (Lindley's paradox). Two effects are nearly one if a tenth of the mass
    of their correlation lies beyond +-0.95, three times the prior's. The effective rank of a factor's covariance is
    exp(entropy of its normalised eigenvalues) (Roy & Vetterli 2007, EUSIPCO), columns scaled to 1: 2 for two
    independent effects of one size, 1 for effects that are one.

    For normal responses the maximum-likelihood fit is judged as lme4 does (`isSingular`): a diagonal element of the
    relative Cholesky factor below 1e-4; and a simpler model is advised only if its AIC is no worse: a correlation
    that is truly near 1 had better stay. No advice leaves out the intercept of a factor: rows of one level would count
    as independent (pseudoreplication), however small its sd is estimated.

    Parameters
    ----------
    fit
        A fit with grouping factors, by any engine.

    Returns
    -------
    xarray.Dataset
        - (chain, draw, term): `contribution`, in units of the linear predictor;
        - by term: `small`, the threshold; `near_zero`, posterior mass below it, `near_zero_prior`, their `mass_ratio`,
          `supported`; `prior_density` (term, grid), of the contribution; `ml_relative`, diagonal of the relative
          Cholesky factor at maximum likelihood (NaN where there is none);
        - (chain, draw, pair): `correlation`; by pair: `extreme`, posterior mass beyond +-0.95,
          `extreme_prior`, `piled`;
        - (chain, draw, factor): `effective_rank`; `effects`, how many there are.

        `good`: whether everything is supported and no two effects are one. attrs: `finding`, in words; `sentence`, with
        the `advice`; `simpler`, a formula without what is not supported, to pass to `fit`, empty where there is
        none; `ml_singular`, "yes", "no" or why there is no maximum.

    Raises
    ------
    DataError
        No grouping factor.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff2"), seed=1, progressbar=False)
    >>> pp.singularity(fit).attrs["ml_singular"]
    'yes'
    """
    design, posterior = fit.design, fit.posterior
    if not design.factors:
        raise DataError(
            "only effects that vary can be singular",
            got=f"{fit.spec}",
            allowed="a model with a grouping term",
            do="add one",
        )
    terms = [(factor, e) for factor in design.factors for e in range(len(factor.names))]
    pairs = [
        _Pair(f, block[i], block[j], len(block))
        for f in design.factors
        for block in f.blocks
        for j in range(len(block))
        for i in range(j)
    ]
    sizes = {f.name: column_sizes_by_trials(design, f) for f in design.factors}
    scales = [sizes[f.name][e] for f, e in terms]
    contribution = np.concatenate([effects_at_means(posterior, f)[0] * sizes[f.name] for f in design.factors], axis=-1)
    noise = {f.name: _noise_of_a_mean(fit, f) for f in design.factors}
    small = np.array([noise[f.name] * np.sqrt(NEGLIGIBLE) for f, _ in terms])
    near = (contribution < small).mean(axis=(0, 1))
    priors = [_sd_prior(fit, f"{sd_name(f.name)}[{f.names[e]}]") for f, e in terms]
    near_prior = np.array([float(p.cdf(t / s)) for p, s, t in zip(priors, scales, small, strict=True)])
    grid = np.linspace(0, max(1.05 * np.quantile(contribution, 0.995, axis=(0, 1)).max(), 2 * small.max()), _GRID)
    correlation, extreme, extreme_prior = _correlations(fit, pairs)
    piled = (extreme > ENOUGH) & (extreme > 3 * extreme_prior)
    ml = _Likelihood.of(fit)
    supported = np.array([_is_supported(fit, ml, f, e, float(p)) for (f, e), p in zip(terms, near, strict=True)])
    per_term = ("term",)
    variables = {
        "contribution": (("chain", "draw", "term"), contribution),
        "near_zero": (per_term, near),
        "near_zero_prior": (per_term, near_prior),
        "mass_ratio": (per_term, near / np.maximum(near_prior, np.finfo(float).tiny)),
        "supported": (per_term, supported),
        "ml_relative": (per_term, ml.relative),
        "correlation": (("chain", "draw", "pair"), correlation),
        "extreme": (("pair",), extreme),
        "extreme_prior": (("pair",), extreme_prior),
        "piled": (("pair",), piled),
        "good": ((), bool(supported.all()) and not bool(piled.any())),
        "effective_rank": (("chain", "draw", "factor"), _ranks(fit)),
        "effects": (("factor",), [len(f.names) for f in design.factors]),
        "small": (per_term, small),
        "prior_density": (
            ("term", "grid"),
            np.stack([p.pdf(grid / s) / s for p, s in zip(priors, scales, strict=True)]),
        ),
    }
    coords = {
        "chain": posterior["chain"],
        "draw": posterior["draw"],
        "term": [f"{f.name}: {f.names[e]}" for f, e in terms],
        "pair": [pair.label for pair in pairs],
        "factor": [f.name for f in design.factors],
        "grid": grid,
    }
    found = xr.Dataset(variables, coords=coords)
    weak = {(f.name, e) for (f, e), fine in zip(terms, supported, strict=True) if not fine}
    tied = [pair for pair, one in zip(pairs, piled, strict=True) if one]
    simpler = _advised(fit, ml, weak, tied)
    found.attrs = {
        "definition": "contribution = sd of the effect x rms of its column; near zero: design effect below 1.1",
        "response": fit.spec.response,
        "scale": fit.spec.link,
        "ml_singular": ml.singular,
        "simpler": simpler.to_formula() if simpler else "",
    }
    found.attrs["finding"] = _finding(found)
    found.attrs["advice"] = "" if found["good"] else _advice(fit, found.attrs["simpler"], weak)
    found.attrs["sentence"] = " ".join([f"{found.attrs['finding']}.", *([found.attrs["advice"]] * (not found["good"]))])
    return found


def _advice(fit: Fit, simpler: str, weak: set[tuple[str, int]]) -> str:
    """Say what to do about what is not supported, in sentences."""
    said = [f"A simpler model: {simpler}{fit.spec.beside_formula}."] if simpler else []
    kept = [f.name for f in fit.design.factors if _carries_intercept(f, weak)]
    for name in kept:
        said.append(f"Keep {name} if the design has it: without it rows of one level count as independent.")
    return " ".join(said) or "No simpler model is advised."


def _carries_intercept(factor: FactorEffects, weak: set[tuple[str, int]]) -> bool:
    """Whether a factor's weak effects are its intercept, as such or as all categories of a column."""
    if INTERCEPT in factor.names:
        return (factor.name, factor.names.index(INTERCEPT)) in weak
    return all((factor.name, e) in weak for e in range(len(factor.names))) and spans_constant(factor.values)


def _is_supported(fit: Fit, ml: "_Likelihood", factor: FactorEffects, effect: int, near: float) -> bool:
    """Judge one effect by its posterior mass near zero and, where that is in doubt, by the AIC without it."""
    if near < DOUBTFUL or near >= LIKELY or ml.fit is None:
        return near < LIKELY
    without = _without(fit.spec, fit.design, {(factor.name, effect)}, [], keep_intercepts=False)
    return Counter(without.groups) == Counter(fit.spec.groups) or not _is_no_worse(fit.design, without, ml.fit)


def _noise_of_a_mean(fit: Fit, factor: FactorEffects) -> float:
    """Return the sd of a level's mean about its own, of the level that a row (or trial) taken at random belongs to."""
    design, posterior = fit.design, fit.posterior
    if design.se is not None:
        return float(1 / np.sqrt(_rows_alike(factor, 1 / design.se**2)))
    if design.spec.family == "student_t":  # sigma^2 over the information of one row: there is one whatever nu is
        nu = posterior["nu"].to_numpy()
        residual = posterior["sigma"].to_numpy() ** 2 * (nu + 3) / (nu + 1)
    else:
        residual = partition_over_rows(posterior, design).residual
    return float(np.sqrt(residual).mean() / np.sqrt(_rows_alike(factor, observations(design))))


def _rows_alike(factor: FactorEffects, weights: np.ndarray) -> float:
    """How many rows tell of one effect: sum_ii' w_i K_ii'^2 w_i' / sum w over pairs of rows; rows a level if K = I.

    The information on a variance is in proportion to tr((Z K Z')^2), its square included so that negative
    relationships count as well. Weights (rows,): trials, or precisions.
    """
    n = np.bincount(factor.codes, weights, minlength=factor.n_levels)
    shared = n if factor.root is None else factor.root.T @ (n[:, None] * factor.root)
    return float((shared**2).sum() / n.sum())


def _sd_prior(fit: Fit, parameter: str) -> Any:
    """The prior of one sd, with `cdf` and `pdf`: its own, or what a joint prior says of it."""
    if is_decomposed(fit.priors):
        return implied_sd(fit.design, fit.priors, parameter)
    return frozen(fit.priors[parameter])


def _correlations(fit: Fit, pairs: list[_Pair]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws at the predictors' means, posterior and prior mass near +-1.

    Under LKJ(eta) of n effects (r + 1) / 2 ~ Beta(a, a), a = eta + n / 2 - 1.
    """
    posterior = fit.posterior
    draws = np.zeros((posterior.sizes["chain"], posterior.sizes["draw"], len(pairs)))
    prior = np.zeros(len(pairs))
    for k, pair in enumerate(pairs):
        draws[..., k] = effects_at_means(posterior, pair.factor)[1][..., pair.first, pair.second]
        a = fit.priors[corr_name(pair.factor.name)].arguments["eta"] + pair.size / 2 - 1
        prior[k] = 2 * stats.beta(a, a).cdf((1 - EXTREME) / 2)
    return draws, (np.abs(draws) > EXTREME).mean(axis=(0, 1)), prior


def _ranks(fit: Fit) -> np.ndarray:
    """Effective rank of each factor's covariance, columns scaled to 1, (chains, draws, factors)."""
    ranks = []
    for factor in fit.design.factors:
        sd, corr = effects_at_means(fit.posterior, factor)
        scaled = sd * column_sizes_by_trials(fit.design, factor)
        sigma = scaled[..., :, None] * corr * scaled[..., None, :]
        values = np.maximum(np.linalg.eigvalsh(sigma), 0)
        total = values.sum(axis=-1, keepdims=True)
        share = np.divide(values, total, out=np.full(values.shape, 1 / values.shape[-1]), where=total > 0)
        entropy = -np.where(share > 0, share * np.log(np.maximum(share, np.finfo(float).tiny)), 0.0).sum(axis=-1)
        ranks.append(np.exp(entropy))
    return np.stack(ranks, axis=-1)


@dataclass(frozen=True, eq=False)
class _Likelihood:
    """The maximum-likelihood fit, where there is one."""

    fit: LikelihoodFit | None
    singular: str
    """`yes`, `no`, or why there is no maximum."""
    relative: np.ndarray
    """Diagonal of the relative Cholesky factor by term; NaN where there is none."""

    @classmethod
    def of(cls, fit: Fit) -> "_Likelihood":
        nothing = np.full(sum(len(f.names) for f in fit.design.factors), np.nan)
        reason = why_not(fit.spec)
        if reason:
            return cls(None, f"no exact likelihood: {reason}", nothing)
        try:
            found = likelihood_fit(fit.design, reml=False)
        except EngineError as error:
            return cls(None, error.wrong, nothing)
        return cls(found, "yes" if found.singular else "no", _relative_diagonal(found.maximum))


def _relative_diagonal(maximum: Maximum) -> np.ndarray:
    """Sd of each effect given those before it, relative to sigma, (terms,)."""
    diagonal = []
    for sd, corr in zip(maximum.sd, maximum.corr, strict=True):
        sigma = sd[:, None] * corr * sd
        for i in range(len(sd)):
            above = sigma[i, :i]
            left = sigma[i, i] - above @ np.linalg.pinv(sigma[:i, :i], hermitian=True) @ above
            diagonal.append(np.sqrt(max(left, 0.0)) / (maximum.sigma or 1.0))
    return np.array(diagonal)


def _advised(fit: Fit, ml: _Likelihood, weak: set[tuple[str, int]], tied: list[_Pair]) -> ModelSpec | None:
    """The simplest model worth advising: without weak effects and tied correlations, or without weak effects alone."""
    for pairs in [tied, []] if tied and weak else [tied]:
        simpler = _without(fit.spec, fit.design, weak, pairs)
        if Counter(simpler.groups) == Counter(fit.spec.groups):
            continue
        # Without a likelihood the posterior alone speaks, and it says nothing of what no correlation would cost.
        if ml.fit is None and not pairs:
            return simpler
        if ml.fit is not None and _is_no_worse(fit.design, simpler, ml.fit):
            return simpler
    return None


def _is_no_worse(design: Design, simpler: ModelSpec, full: LikelihoodFit) -> bool:
    """Whether a simpler model's AIC is no larger."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # told when the full model was fitted
            other = likelihood_fit(build_design(simpler, design.frame), reml=False)
    except PartialPoolError:
        return False
    return other.deviance + 2 * other.n_parameters <= full.deviance + 2 * full.n_parameters + 1e-6


def _without(
    spec: ModelSpec, design: Design, weak: set[tuple[str, int]], tied: list[_Pair], *, keep_intercepts: bool = True
) -> ModelSpec:
    """Leave out slopes that are weak and correlations of effects that are tied.

    A varying intercept stays, be it weak: without it rows of one level would count as independent. All categories of a
    column, which add up to one, leave it behind. To judge an intercept alone, it may go where no slope is left.
    """
    groups: list[Group] = []
    for factor in design.factors:
        own = [group for group in spec.groups if group.factor == factor.name]
        alive = [e for e in range(len(factor.names)) if (factor.name, e) not in weak]
        at = 0
        for group, recipe in zip(own, factor.recipes, strict=True):
            places = range(at, at + len(recipe.names))
            at += len(recipe.names)
            terms = {t for t, e in zip(recipe.term_of_column, places, strict=True) if e in alive}
            slopes = [slope for t, slope in enumerate(group.slopes) if t in terms]
            intercept = group.intercept
            if keep_intercepts and not (slopes or any(one.intercept for one in own)):
                intercept = spans_constant(factor.values[:, list(places)])
            if not (slopes or intercept) or not (alive or keep_intercepts):
                continue
            kept = {e for t, e in zip(recipe.term_of_column, places, strict=True) if t == -1 or t in terms}
            one = any(pair.factor is factor and {pair.first, pair.second} <= kept for pair in tied)
            correlated = group.correlated and not one
            groups.append(Group(group.factor, slopes=slopes, intercept=intercept, correlated=correlated, cov=group.cov))
    return spec.with_terms(groups=groups)


def _finding(found: xr.Dataset) -> str:
    parts = []
    for k in np.flatnonzero(~found["supported"].to_numpy()):
        factor, _, effect = str(found["term"].to_numpy()[k]).partition(": ")
        near, prior = float(found["near_zero"][k]), float(found["near_zero_prior"][k])
        parts.append(
            (
                f"the sd of {effect} over {factor} is estimated small "
                if effect == INTERCEPT
                else f"the data do not support that {effect} varies over {factor} "
            )
            + f"(near zero with probability {near:.2f}, {prior:.2f} before the data)"
        )
    for k in np.flatnonzero(found["piled"].to_numpy()):
        factor, _, effects = str(found["pair"].to_numpy()[k]).partition(": ")
        mass = float(found["extreme"][k])
        parts.append(
            f"{effects} over {factor} are nearly one effect (correlation near +-1 with probability {mass:.2f})"
        )
    ml = found.attrs["ml_singular"]
    if not parts:
        beside = {"yes": ", although the maximum-likelihood fit is singular", "no": ""}.get(ml, "")
        return f"The data support every effect that varies{beside}"
    said = {"yes": "the maximum-likelihood fit is singular", "no": "the maximum-likelihood fit is not singular"}.get(ml)
    text = "; ".join([*parts, *([said] if said else [])])
    return f"{text[0].upper()}{text[1:]}"
