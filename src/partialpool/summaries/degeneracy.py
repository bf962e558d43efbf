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
from partialpool.names import corr_name, sd_name
from partialpool.observe.decomposed import implied_sd
from partialpool.observe.distributions import frozen
from partialpool.spec.model import ModelSpec
from partialpool.spec.terms import Group
from partialpool.variance.covariance import effect_covariance
from partialpool.variance.places import partition_over_rows

__all__ = ["singularity"]

NEGLIGIBLE = 0.1
"""An effect is near zero where it raises the variance of a level's mean by less than this: a design effect of 1.1."""
EXTREME = 0.95
"""A correlation beyond this, either way, is near +-1."""
ENOUGH = 0.1
"""Posterior mass that counts: near zero, where it is more than the prior's; near +-1, where it is three times that."""
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

    An effect's contribution is its sd times the sd of its column: what it adds to the linear predictor. It is near zero
    where a level's rows cannot tell it from their own noise: below the residual sd times sqrt(0.1 / m), m the size of
    the level that a row taken at random belongs to, which is a design effect of 1.1. Data that do not support an
    effect leave more mass there than the prior had (posterior over prior mass above 1, a Bayes factor towards
    "near zero"), and a tenth or more. Two effects are nearly one if a tenth of the mass of their correlation lies
    beyond +-0.95, three times the prior's. The effective rank of a factor's covariance is exp(entropy of its
    normalised eigenvalues) (Roy & Vetterli 2007, EUSIPCO), columns scaled to sd 1: 2 for two independent effects of one
    size, 1 for effects that are one.

    For normal responses the maximum-likelihood fit is judged as lme4 does (`isSingular`): a diagonal element of the
    relative Cholesky factor below 1e-4; and a simpler model is advised only if its AIC is no worse: a correlation
    that is truly near 1 had better stay.

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
        the advice; `simpler`, a formula without what is not supported, to pass to `fit`, empty where all is
        well; `ml_singular`, "yes", "no" or why there is no maximum.

    Raises
    ------
    DataError
        No grouping factor; a Student t response without a variance.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff2"), seed=1, progressbar=False)
    >>> print(pp.singularity(fit).attrs["simpler"])
    Yield ~ 1
    """
    design, posterior = fit.design, fit.posterior
    if not design.factors:
        raise DataError(
            "only effects that vary can be singular",
            got=f"{fit.spec}",
            allowed="a model with a grouping term",
            do="add one",
        )
    residual = float(np.sqrt(partition_over_rows(posterior, design).residual).mean())
    terms = [(factor, e) for factor in design.factors for e in range(len(factor.names))]
    pairs = [
        _Pair(f, block[i], block[j], len(block))
        for f in design.factors
        for block in f.blocks
        for j in range(len(block))
        for i in range(j)
    ]
    contribution = np.stack(
        [posterior[sd_name(f.name)].transpose("chain", "draw", ...).to_numpy()[..., e] * f.scale[e] for f, e in terms],
        axis=-1,
    )
    sizes = {f.name: _rows_alike(f) for f in design.factors}
    small = np.array([residual * np.sqrt(NEGLIGIBLE / sizes[f.name]) for f, _ in terms])
    near = (contribution < small).mean(axis=(0, 1))
    priors = [_sd_prior(fit, f"{sd_name(f.name)}[{f.names[e]}]") for f, e in terms]
    scales = [f.scale[e] for f, e in terms]
    near_prior = np.array([float(p.cdf(t / s)) for p, s, t in zip(priors, scales, small, strict=True)])
    grid = np.linspace(0, max(1.05 * np.quantile(contribution, 0.995, axis=(0, 1)).max(), 2 * small.max()), _GRID)
    correlation, extreme, extreme_prior = _correlations(fit, pairs)
    supported = (near <= near_prior) | (near < ENOUGH)
    piled = (extreme > ENOUGH) & (extreme > 3 * extreme_prior)
    ml = _Likelihood.of(fit)
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
        "definition": "contribution = sd of the effect x sd of its column; near zero: design effect below 1.1",
        "response": fit.spec.response,
        "scale": fit.spec.link,
        "ml_singular": ml.singular,
        "simpler": simpler.to_formula() if simpler else "",
    }
    found.attrs["finding"] = _finding(found)
    beside = fit.spec.beside_formula
    advice = f" A simpler model: {found.attrs['simpler']}{beside}." if simpler else " No simpler model is advised."
    found.attrs["sentence"] = f"{found.attrs['finding']}.{'' if found['good'] else advice}"
    return found


def _rows_alike(factor: FactorEffects) -> float:
    """How many rows tell of one effect: sum_ii' K_ii'^2 / n over pairs of rows, rows per level where K = I.

    The information on a variance is in proportion to tr((Z K Z')^2), its square included so that negative
    relationships count as well.
    """
    n = np.bincount(factor.codes, minlength=factor.n_levels)
    shared = n if factor.root is None else factor.root.T @ (n[:, None] * factor.root)
    return float((shared**2).sum() / n.sum())


def _sd_prior(fit: Fit, parameter: str) -> Any:
    """The prior of one sd, with `cdf` and `pdf`: its own, or what a joint prior says of it."""
    if is_decomposed(fit.priors):
        return implied_sd(fit.design, fit.priors, parameter)
    return frozen(fit.priors[parameter])


def _correlations(fit: Fit, pairs: list[_Pair]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws, posterior and prior mass near +-1.

    Under LKJ(eta) of n effects (r + 1) / 2 ~ Beta(a, a), a = eta + n / 2 - 1.
    """
    posterior = fit.posterior
    draws = np.zeros((posterior.sizes["chain"], posterior.sizes["draw"], len(pairs)))
    prior = np.zeros(len(pairs))
    for k, pair in enumerate(pairs):
        corr = posterior[corr_name(pair.factor.name)].transpose("chain", "draw", ...).to_numpy()
        draws[..., k] = corr[..., pair.first, pair.second]
        a = fit.priors[corr_name(pair.factor.name)].arguments["eta"] + pair.size / 2 - 1
        prior[k] = 2 * stats.beta(a, a).cdf((1 - EXTREME) / 2)
    return draws, (np.abs(draws) > EXTREME).mean(axis=(0, 1)), prior


def _ranks(fit: Fit) -> np.ndarray:
    """Effective rank of each factor's covariance, columns scaled to sd 1, (chains, draws, factors)."""
    ranks = []
    for factor in fit.design.factors:
        sigma = effect_covariance(fit.posterior, factor) * factor.scale[:, None] * factor.scale
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


def _without(spec: ModelSpec, design: Design, weak: set[tuple[str, int]], tied: list[_Pair]) -> ModelSpec:
    """Leave out slopes that are weak, factors of which all is, and correlations of effects that are tied.

    A varying intercept stays while a slope does: what it means depends on where zero is.
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
            if not alive or not (slopes or group.intercept):
                continue
            kept = {e for t, e in zip(recipe.term_of_column, places, strict=True) if t == -1 or t in terms}
            one = any(pair.factor is factor and {pair.first, pair.second} <= kept for pair in tied)
            correlated = group.correlated and not one
            groups.append(
                Group(group.factor, slopes=slopes, intercept=group.intercept, correlated=correlated, cov=group.cov)
            )
    return spec.with_terms(groups=groups)


def _finding(found: xr.Dataset) -> str:
    parts = []
    for k in np.flatnonzero(~found["supported"].to_numpy()):
        factor, _, effect = str(found["term"].to_numpy()[k]).partition(": ")
        near, prior = float(found["near_zero"][k]), float(found["near_zero_prior"][k])
        parts.append(
            f"the data do not support that {effect} varies over {factor} "
            f"(near zero with probability {near:.2f}, {prior:.2f} before the data)"
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
