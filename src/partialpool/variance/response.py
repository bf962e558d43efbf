"""Covariances of observed responses, group effects integrated out by Gauss-Hermite quadrature.

Two responses whose linear predictors share effects of variance s, of v in all, have
Cov(y, y') = Var_w(E[m(eta) | w]), eta = fixed + w + r, w ~ N(0, s), r ~ N(0, v - s), and
Var(y) = Var(m(eta)) + E[Var(y | eta)], m the inverse link (de Villemereuil, Schielzeth, Nakagawa & Morrissey 2016,
Genetics 204:1281). For the log link these are moments of a lognormal, which the tests hold the quadrature to.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import xarray as xr

from partialpool.design.build import Design
from partialpool.design.points import Points
from partialpool.errors import DataError
from partialpool.observe.dispersion import dispersion
from partialpool.observe.links import INVERSE_LINKS
from partialpool.variance.covariance import level_covariance, row_covariance
from partialpool.variance.distribution import own_parameters
from partialpool.variance.places import linear_predictor_at

__all__ = ["response_share"]

_NODES: Final = 25


def response_share(
    posterior: xr.Dataset, design: Design, points: Points, closure: Mapping[str, tuple[str, ...]]
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], str]:
    """Return correlations of observed responses by factor, by shared level and in all, and how they were made.

    Parameters
    ----------
    posterior, design, points
        Where, with the common effects' columns.
    closure
        The factors that two rows of one level share, per factor.

    Returns
    -------
    (numpy.ndarray, numpy.ndarray, numpy.ndarray), str
        (chains, draws, factors, places) twice, (chains, draws, places), and a description.
    """
    if design.spec.family == "cumulative":
        raise DataError(
            "ordered categories have no variance on the scale of the response",
            got="family 'cumulative', scale='response'",
            allowed="scale='latent'",
            do="use the latent scale",
        )
    fixed = linear_predictor_at(posterior, design, np.asarray(points.common))
    variances = {
        f.name: row_covariance(level_covariance(posterior, f), z, z)
        for f, z in zip(design.factors, points.effects, strict=True)
    }
    spread = sum(variances.values(), np.zeros(fixed.shape))
    conditional = _conditional_variance(posterior, design)
    mean = INVERSE_LINKS[design.spec.link] if design.spec.family != "lognormal" else _lognormal_mean(posterior)
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()
    eta = fixed[..., None] + np.sqrt(spread)[..., None] * nodes
    m = mean(eta)
    first = m @ weights
    total = (m**2 @ weights - first**2) + conditional(m) @ weights

    def share(shared: np.ndarray) -> np.ndarray:
        rest = np.sqrt(np.maximum(spread - shared, 0.0))
        inner = np.zeros((*fixed.shape, _NODES))
        for node, weight in zip(nodes, weights, strict=True):
            place = fixed[..., None] + np.sqrt(shared)[..., None] * nodes + (rest * node)[..., None]
            inner += weight * mean(place)
        covariance = inner**2 @ weights - (inner @ weights) ** 2
        return np.clip(covariance / total, 0.0, 1.0)

    own = np.stack([share(variances[name]) for name in closure], axis=2)
    same = np.stack(
        [share(sum((variances[n] for n in names), np.zeros(fixed.shape))) for names in closure.values()], axis=2
    )
    return (own, same, share(spread)), f"of the response itself, by {_NODES}-point Gauss-Hermite quadrature"


def _lognormal_mean(posterior: xr.Dataset) -> Callable[[np.ndarray], np.ndarray]:
    half = _own(posterior, "sigma") ** 2 / 2
    return lambda eta: np.exp(eta + half)


def _own(posterior: xr.Dataset, name: str) -> np.ndarray:
    return posterior[name].transpose("chain", "draw").to_numpy()[..., None, None]


def _conditional_variance(posterior: xr.Dataset, design: Design) -> Callable[[np.ndarray], np.ndarray]:
    """Var(y | eta) as a function of the mean; of one trial for a binomial response."""
    own = {name: _own(posterior, name) for name in own_parameters(posterior)}
    if design.se is not None:
        own["sigma"] = np.sqrt(np.mean(design.se**2))
    return lambda m: dispersion(design.spec.family, m, own)
