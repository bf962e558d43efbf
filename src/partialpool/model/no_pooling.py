"""No pooling: least squares on each level's own rows, with the rest of the model subtracted."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.errors import DataError
from partialpool.model.level_coefficients import LevelCoefficients
from partialpool.names import BETA, SIGMA, b_name
from partialpool.spec.model import ModelSpec

__all__ = ["Unpooled", "check_normal", "mean_beta", "mean_effects", "unpooled"]


@dataclass(frozen=True, eq=False)
class Unpooled:
    """Estimates of every level from its own rows only.

    Attributes
    ----------
    gram
        Z_j'Z_j, rows weighted by 1 / se^2 where standard errors are known, (levels, effects, effects).
    estimate, error
        Effects, including the fixed effects, and their standard errors with sigma^2 at its posterior mean, (levels,
        effects); NaN where a level's own rows do not identify them.
    sigma2
        Residual variance per draw, (chains, draws); with known standard errors 1, (1, 1).
    """

    gram: np.ndarray
    estimate: np.ndarray
    error: np.ndarray
    sigma2: np.ndarray


def check_normal(spec: ModelSpec) -> None:
    """Refuse responses for which a level's own rows have no least-squares estimate.

    Raises
    ------
    DataError
        The response is not normal, or the link is not the identity.
    """
    if not spec.is_normal:
        raise DataError(
            "a level's least-squares estimate and its weight are defined for normal responses",
            got=f"family {spec.family!r}, link {spec.link!r}",
            allowed="family 'gaussian' or 'lognormal' with the identity link",
            do="use pp.group_effects for the effects themselves",
        )


def unpooled(posterior: xr.Dataset, coefficients: LevelCoefficients, y: np.ndarray) -> Unpooled:
    """Regress each level's rows on its effects, after subtracting other effects at their posterior means.

    Parameters
    ----------
    posterior
        Posterior of a fit of a normal response.
    coefficients
        Coefficients of the factor's levels.
    y
        The response minus its offset, (rows,).
    """
    design, factor = coefficients.design, coefficients.factor
    z = coefficients.columns
    weight = np.ones(design.n_rows) if design.se is None else 1 / design.se**2
    gram = factor.sum(weight[:, None, None] * z[:, :, None] * z[:, None, :], axis=0)
    sigma2 = np.ones((1, 1))
    if design.se is None:
        sigma2 = posterior[SIGMA].transpose("chain", "draw").to_numpy() ** 2
    rest = coefficients.off_the_lines(mean_beta(posterior, design))
    for other in design.factors:
        if other is not factor:
            rest += other.apply(mean_effects(posterior, other))
    right = factor.sum(weight[:, None] * z * (y - rest)[:, None], axis=0)
    return Unpooled(gram, *_solved(gram, right, float(sigma2.mean())), sigma2)


def mean_beta(posterior: xr.Dataset, design: Design) -> np.ndarray:
    """Return the posterior means of the fixed effects, (coefs,)."""
    if BETA not in posterior:
        return np.zeros(len(design.common.coefs))
    means: np.ndarray = posterior[BETA].mean(("chain", "draw")).to_numpy()
    return means


def mean_effects(posterior: xr.Dataset, factor: FactorEffects) -> np.ndarray:
    """Return the posterior means of a factor's effects, (levels, effects)."""
    return posterior[b_name(factor.name)].transpose("chain", "draw", ...).to_numpy().mean(axis=(0, 1))


def _solved(gram: np.ndarray, right: np.ndarray, sigma2: float) -> tuple[np.ndarray, np.ndarray]:
    levels, q = right.shape
    scale = np.sqrt(np.maximum(np.diagonal(gram, axis1=1, axis2=2), 1e-300))
    unit = gram / (scale[:, :, None] * scale[:, None, :])
    told = np.linalg.eigvalsh(unit)[:, 0] > 1e-10
    estimate, error = np.full((levels, q), np.nan), np.full((levels, q), np.nan)
    inverse = np.linalg.inv(unit[told]) / (scale[told][:, :, None] * scale[told][:, None, :])
    estimate[told] = np.einsum("lij,lj->li", inverse, right[told])
    error[told] = np.sqrt(sigma2 * np.diagonal(inverse, axis1=1, axis2=2))
    return estimate, error
