"""Which effect or correlation the data do not support: singular fits, by a posterior that has no boundary problem."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy import stats

from partialpool.collapse.applies import why_not
from partialpool.collapse.maximise import maximise
from partialpool.design.build import Design, FactorEffects
from partialpool.errors import DataError, EngineError
from partialpool.fitting import Fit
from partialpool.names import corr_name, sd_name
from partialpool.observe.prior import frozen
from partialpool.spec.model import ModelSpec
from partialpool.spec.terms import Group
from partialpool.variance.covariance import effect_covariance
from partialpool.variance.places import partition_over_rows

__all__ = ["singularity"]

SMALL = 0.1
"""A contribution below this share of the residual sd is near zero."""
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
    below a tenth of the residual's sd. Data that do not support an effect leave more mass there than the prior had
    (posterior over prior mass above 1, a Bayes factor towards "near zero"), and a tenth or more. Correlations pile up
    at +-1, where two effects are one, if a tenth of the mass lies beyond +-0.95, three times the prior's. The effective
    rank of a factor's covariance is exp(entropy of its normalised eigenvalues) (Roy & Vetterli 2007, EUSIPCO), columns
    scaled to sd 1: 2 for two independent effects of one size, 1 for effects that are one. For normal responses the
    maximum-likelihood fit is judged as lme4 does (`isSingular`): a diagonal element of the relative Cholesky factor
    below 1e-4.

    Parameters
    ----------
    fit
        A fit with grouping factors, by any engine.

    Returns
    -------
    xarray.Dataset
        - (chain, draw, term): `contribution`, in units of the linear predictor;
        - by term: `near_zero`, its posterior mass below `small`, `near_zero_prior`, their `mass_ratio`, `supported`;
          `ml_relative`, diagonal of the relative Cholesky factor at maximum likelihood (NaN where there is none);
        - (chain, draw, pair): `correlation`; by pair: `extreme`, posterior mass beyond +-0.95,
          `extreme_prior`, `piled`;
        - (chain, draw, factor): `effective_rank`; `effects`, how many there are;
        - `small`, the threshold; `prior_density` (term, grid), of the contribution.

        attrs: `sentence`; `simpler`, a formula without what is not supported, to pass to `fit`, empty where all is
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
    small = SMALL * residual
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
    near = (contribution < small).mean(axis=(0, 1))
    priors = [frozen(fit.priors[f"{sd_name(f.name)}[{f.names[e]}]"]) for f, e in terms]
    scales = [f.scale[e] for f, e in terms]
    near_prior = np.array([float(p.cdf(small / s)) for p, s in zip(priors, scales, strict=True)])
    grid = np.linspace(0, max(1.05 * np.quantile(contribution, 0.995, axis=(0, 1)).max(), 2 * small), _GRID)
    correlation, extreme, extreme_prior = _correlations(fit, pairs)
    ml, ml_singular = _maximum(fit)
    per_term = ("term",)
    variables = {
        "contribution": (("chain", "draw", "term"), contribution),
        "near_zero": (per_term, near),
        "near_zero_prior": (per_term, near_prior),
        "mass_ratio": (per_term, near / np.maximum(near_prior, np.finfo(float).tiny)),
        "supported": (per_term, (near <= near_prior) | (near < ENOUGH)),
        "ml_relative": (per_term, ml),
        "correlation": (("chain", "draw", "pair"), correlation),
        "extreme": (("pair",), extreme),
        "extreme_prior": (("pair",), extreme_prior),
        "piled": (("pair",), (extreme > ENOUGH) & (extreme > 3 * extreme_prior)),
        "effective_rank": (("chain", "draw", "factor"), _ranks(fit)),
        "effects": (("factor",), [len(f.names) for f in design.factors]),
        "small": ((), small),
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
    simpler = _simpler(fit.spec, design, found)
    found.attrs = {
        "definition": f"contribution = sd of the effect x sd of its column; near zero: below {SMALL:g} residual sd",
        "response": fit.spec.response,
        "scale": fit.spec.link,
        "ml_singular": ml_singular,
        "simpler": simpler.to_formula() if simpler.groups != fit.spec.groups else "",
    }
    found.attrs["sentence"] = _sentence(found)
    return found


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


def _maximum(fit: Fit) -> tuple[np.ndarray, str]:
    """Diagonal of the relative Cholesky factor at maximum likelihood by term, and whether the fit is singular."""
    size = sum(len(f.names) for f in fit.design.factors)
    reason = why_not(fit.spec)
    if reason:
        return np.full(size, np.nan), f"no exact likelihood: {reason}"
    try:
        maximum = maximise(fit.design)
    except EngineError as error:
        return np.full(size, np.nan), error.wrong
    diagonal = []
    for sd, corr in zip(maximum.sd, maximum.corr, strict=True):
        sigma = sd[:, None] * corr * sd
        for i in range(len(sd)):
            above = sigma[i, :i]
            left = sigma[i, i] - above @ np.linalg.pinv(sigma[:i, :i], hermitian=True) @ above
            diagonal.append(np.sqrt(max(left, 0.0)) / (maximum.sigma or 1.0))
    return np.array(diagonal), "yes" if maximum.singular else "no"


def _simpler(spec: ModelSpec, design: Design, found: xr.Dataset) -> ModelSpec:
    """Leave out slopes that are not supported; factors of which nothing is; correlations that pile up at +-1.

    A varying intercept stays while a slope does: what it means depends on where zero is.
    """
    supported = dict(zip(found["term"].to_numpy().tolist(), found["supported"].to_numpy(), strict=True))
    piled = [str(pair) for pair in found["pair"].to_numpy()[found["piled"].to_numpy()]]
    groups: list[Group] = []
    for factor in design.factors:
        own = [group for group in spec.groups if group.factor == factor.name]
        if not any(supported[f"{factor.name}: {e}"] for e in factor.names):
            continue
        for group, recipe in zip(own, factor.recipes, strict=True):
            alive = {
                term
                for term, e in zip(recipe.term_of_column, recipe.names, strict=True)
                if supported[f"{factor.name}: {e}"]
            }
            slopes = [slope for at, slope in enumerate(group.slopes) if at in alive]
            if not slopes and not group.intercept:
                continue
            names = {e for e in recipe.names if supported[f"{factor.name}: {e}"]}
            tied = any(
                set(pair.removeprefix(f"{factor.name}: ").split(", ")) <= names
                for pair in piled
                if pair.startswith(f"{factor.name}: ")
            )
            groups.append(
                Group(
                    group.factor,
                    slopes=slopes,
                    intercept=group.intercept,
                    correlated=group.correlated and not (tied and len(names) > 1),
                )
            )
    return spec.with_terms(groups=groups)


def _sentence(found: xr.Dataset) -> str:
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
        parts.append(f"the correlation of {effects} over {factor} is near +-1 with probability {mass:.2f}")
    ml = found.attrs["ml_singular"]
    if not parts:
        beside = {"yes": ", although the maximum-likelihood fit is singular", "no": ""}.get(ml, "")
        return f"The data support every effect that varies{beside}."
    said = {"yes": "the maximum-likelihood fit is singular", "no": "the maximum-likelihood fit is not singular"}.get(ml)
    text = "; ".join([*parts, *([said] if said else [])])
    advice = f" A simpler model: {found.attrs['simpler']}." if found.attrs["simpler"] else ""
    return f"{text[0].upper()}{text[1:]}.{advice}"
