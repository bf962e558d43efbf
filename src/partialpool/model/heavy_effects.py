"""Group effects with a Student t distribution: the prior of nu, draws, and their variance.

A level's effects are b = diag(sd) L u sqrt(nu / c), u ~ N(0, I), c ~ chi^2(nu), one c for all effects of a level: a
multivariate Student t with scale matrix Sigma = diag(sd) L L' diag(sd) (Kotz & Nadarajah 2004). Its covariance is
Sigma nu / (nu - 2), infinite for nu of 2 or less.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from partialpool.design.factor_effects import FactorEffects
from partialpool.distributions.prior import Prior
from partialpool.families.student_t import tail_inflation
from partialpool.names import nu_name

__all__ = ["NU_PRIOR", "NU_REASON", "heavy_noise", "in_variances"]

NU_PRIOR: Final = Prior("Gamma", alpha=2, beta=0.1, lower=1)
"""Default prior of the degrees of freedom of group effects, that of brms (Juarez & Steel 2010)."""
NU_REASON: Final = "weak, unit-free; from levels far out (nu of 1 to 5) to nearly normal effects (30 and more)"


def heavy_noise(
    factor: FactorEffects, draws: Mapping[str, np.ndarray], noise: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return the noise of levels, (draws, levels, effects), as that of a Student t where a factor's effects have one.

    Parameters
    ----------
    factor
        The factor.
    draws
        `nu_<f>`, (draws,), chains stacked.
    noise
        Standard normal.
    rng
        Of the chi-squares, one for each level and draw.
    """
    if not factor.is_heavy:
        return noise
    nu = np.broadcast_to(draws[nu_name(factor.name)][:, None], noise.shape[:2])
    return np.asarray(noise * np.sqrt(nu / rng.chisquare(nu))[:, :, None])


def in_variances(factor: FactorEffects, scale: np.ndarray, draws: Mapping[Any, Any]) -> np.ndarray:
    """Return the covariances of effects, given their squared scales: times nu / (nu - 2) where they are Student t.

    It is infinite where nu is 2 or less; an entry that is 0 stays 0.

    Parameters
    ----------
    scale
        (..., effects, effects), the first axes those of the draws.
    draws
        `nu_<f>`, of the draws' shape.
    """
    if not factor.is_heavy:
        return scale
    times = tail_inflation(np.asarray(draws[nu_name(factor.name)]))[..., None, None]
    return np.multiply(scale, times, out=np.zeros(scale.shape), where=scale != 0)
