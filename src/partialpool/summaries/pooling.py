"""How far each level is pulled towards the population, and why: no pooling, complete pooling, partial pooling."""

import numpy as np
import xarray as xr

from partialpool.collapse.units import working_response
from partialpool.design.build import FactorEffects
from partialpool.fitting import Fit
from partialpool.names import BETA, b_name
from partialpool.observe.ungrouped import least_squares
from partialpool.variance.covariance import effect_covariance
from partialpool.variance.levels import check_normal, unpooled

__all__ = ["shrinkage"]

_LEVELS_AT_ONCE = 64


def shrinkage(fit: Fit, factor: str | None = None) -> xr.Dataset:
    """Return each level's estimates without, with complete and with partial pooling, and the weights of the data.

    Given theta, the effects of level j are B_j times what its own rows say, B_j = Sigma Z_j' V_j^-1 Z_j =
    Sigma (G_j Sigma + sigma^2 I)^-1 G_j, G_j = Z_j'Z_j, V_j = Z_j Sigma Z_j' + sigma^2 I, with common effects and other
    factors known: the identity is no pooling, 0 complete pooling. For a balanced varying intercept it is
    n tau^2 / (n tau^2 + sigma^2).

    Parameters
    ----------
    fit
        A fit of a normal response (gaussian or lognormal, identity link).
    factor
        Its grouping factor; may be left out where there is only one.

    Returns
    -------
    xarray.Dataset
        On the scale of the response (lognormal: of its logarithm).

        - by level: `n`, its rows;
        - by level and effect: `no_pooling`, least squares of the level's own rows, everything else at its posterior
          mean, and `no_pooling_se`, its standard error, sigma^2 at its posterior mean; NaN where the rows do not tell;
        - by effect: `complete_pooling`, least squares of all rows, groups ignored (0 for an effect without common
          coefficient), and `complete_pooling_se`, which is too sure of itself; `pooling_factor` of Gelman & Pardoe
          (2006), 1 - Var_j(E b_j) / E(Var_j b_j), where 1 is complete pooling;
        - (chain, draw, level, effect): `partial_pooling`, common effect plus b;
        - (chain, draw, level, effect, effect_bis): `weight`, B_j;
        - (chain, draw, effect, effect_bis): `covariance`, Sigma.

    Raises
    ------
    DataError
        Another family; no such factor.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), seed=1, progressbar=False)
    >>> pp.shrinkage(fit)["n"].values
    array([5, 5, 5, 5, 5, 5])
    """
    design = fit.design
    check_normal(fit.spec)
    chosen = design.factor_named(factor)
    chosen.check_unrelated("a level's weight")
    y = working_response(design)
    own = unpooled(fit.posterior, design, chosen, y)
    pooled = least_squares(design, y)
    complete = dict(zip(design.common.coefs, pooled.estimate, strict=True))
    errors = dict(zip(design.common.coefs, np.sqrt(np.diagonal(pooled.covariance)), strict=True))
    common, sigma = _common_of(fit, chosen), effect_covariance(fit.posterior, chosen)
    b = fit.posterior[b_name(chosen.name)].transpose("chain", "draw", ...).to_numpy()
    names, labels = list(chosen.names), list(chosen.levels.labels)
    per_effect = ("level", "effect")
    variables = {
        "n": (("level",), np.bincount(chosen.codes, minlength=chosen.n_levels)),
        "no_pooling": (per_effect, own.estimate),
        "no_pooling_se": (per_effect, own.error),
        "complete_pooling": (("effect",), np.array([complete.get(name, 0.0) for name in names])),
        "complete_pooling_se": (("effect",), np.array([errors.get(name, 0.0) for name in names])),
        "partial_pooling": (("chain", "draw", *per_effect), b + common[:, :, None, :]),
        "weight": (("chain", "draw", *per_effect, "effect_bis"), _weights(sigma, own.gram, own.sigma2)),
        "covariance": (("chain", "draw", "effect", "effect_bis"), sigma),
        "pooling_factor": (("effect",), _pooling_factor(b)),
    }
    coords = {
        "chain": fit.posterior["chain"],
        "draw": fit.posterior["draw"],
        "level": labels,
        "effect": names,
        "effect_bis": names,
    }
    attrs = {
        "factor": chosen.name,
        "definition": "weight = Sigma Z' V^-1 Z per level, V = Z Sigma Z' + sigma^2 I; 0 is complete pooling",
        "pooling_factor": "Gelman & Pardoe (2006): 1 - Var_j(E b_j) / E(Var_j b_j)",
        "response": fit.spec.response,
    }
    return xr.Dataset(variables, coords=coords, attrs=attrs)


def _common_of(fit: Fit, chosen: FactorEffects) -> np.ndarray:
    """Common coefficient of each effect, 0 where there is none, (chains, draws, effects)."""
    posterior = fit.posterior
    zero = np.zeros((posterior.sizes["chain"], posterior.sizes["draw"]))
    beta = posterior[BETA].transpose("chain", "draw", ...) if BETA in posterior else None
    coefs = fit.design.common.coefs
    return np.stack(
        [beta.sel(coef=e).to_numpy() if beta is not None and e in coefs else zero for e in chosen.names], axis=-1
    )


def _weights(sigma: np.ndarray, gram: np.ndarray, sigma2: np.ndarray) -> np.ndarray:
    """Sigma (G_j Sigma + sigma^2 I)^-1 G_j, (chains, draws, levels, effects, effects)."""
    q = gram.shape[1]
    out = np.empty((*sigma.shape[:2], len(gram), q, q))
    noise = np.broadcast_to(sigma2, sigma.shape[:2])[:, :, None, None, None] * np.eye(q)
    for at in range(0, len(gram), _LEVELS_AT_ONCE):
        some = gram[at : at + _LEVELS_AT_ONCE]
        inner = some @ sigma[:, :, None] + noise
        out[:, :, at : at + _LEVELS_AT_ONCE] = sigma[:, :, None] @ np.linalg.solve(
            inner, np.broadcast_to(some, inner.shape)
        )
    return out


def _pooling_factor(b: np.ndarray) -> np.ndarray:
    """1 - Var_j(E b_j) / E(Var_j b_j) per effect, from draws (chains, draws, levels, effects)."""
    of_means = b.mean(axis=(0, 1)).var(axis=0, ddof=1)
    mean_of = b.var(axis=2, ddof=1).mean(axis=(0, 1))
    return 1 - np.divide(of_means, mean_of, out=np.zeros_like(of_means), where=mean_of > 0)
