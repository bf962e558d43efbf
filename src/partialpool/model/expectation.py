"""The mean of the response, given group effects or with them integrated out.

Effects enter the mean through the linear predictor alone, a sum of normals: however many are integrated out, what is
left is one integral, E m(eta + u), u ~ N(0, s), s = sum_f z' Sigma_f z. It has a closed form for the identity, log,
square-root and probit links:

    eta,   exp(eta + s / 2),   eta^2 + s,   Phi(eta / sqrt(1 + s)),

and is worked out by the trapezoidal rule for logit and cloglog. On a normal weight that rule converges geometrically:
with nodes h sds apart the error is of the order exp(a^2 / 2 - 2 pi a / h) for any a <= 2 pi / h such that the integrand
is analytic within a sds of the real line (Trefethen & Weideman 2014, SIAM Review 56:385). The logistic function is so
within pi / sqrt(s), the complementary log-log within pi / (2 sqrt(s)), beside which its growth asks for a little less.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Final

import numpy as np
from scipy import special

from partialpool.design.build import Design
from partialpool.errors import DataError
from partialpool.families.links import INVERSE_LINKS
from partialpool.model.predictor import Draws

__all__ = ["covariance_of_means", "expectation", "mean_over_normal"]

_SPREADS: Final = (0.0, 0.6, 1.2, 2.5, 5.0, 10.0, 40.0, np.inf)
"""Classes of sds that share nodes; beyond 40 on a logit scale accuracy goes down, slowly."""
_REACH: Final = 6.5
"""Nodes end here, in sds: what lies beyond weighs 1e-10."""
_BLOCK: Final = 1 << 15
"""Elements at once: they stay in the cache while the nodes pass over them."""
_STRIP: Final[Mapping[str, float]] = MappingProxyType({"logit": np.pi, "cloglog": 1.3})


def expectation(design: Design, eta: np.ndarray, spread: np.ndarray | None, draws: Draws) -> np.ndarray:
    """Evaluate E(y | eta), or E(y | eta + u) with u ~ N(0, spread) integrated out.

    Parameters
    ----------
    design
        The model.
    eta
        Linear predictor, (draws, rows).
    spread
        Variance of what is integrated out, (draws, rows); None for nothing.
    draws
        The family's own parameters.

    Returns
    -------
    numpy.ndarray
        (draws, rows): the mean; binomial: of one trial. Ordinal: (draws, rows, categories), the probability of each.

    Raises
    ------
    DataError
        The inverse link with a spread: 1 / eta has no mean under a normal eta.
    """
    spec = design.spec
    if spec.family == "lognormal":
        return np.exp(eta + (0.0 if spread is None else spread) / 2 + draws["sigma"][:, None] ** 2 / 2)
    if spec.family != "cumulative":
        return _integrated(spec.link, eta, spread)
    cutpoints = draws["cutpoints"]
    below = [_integrated(spec.link, cutpoints[:, k, None] - eta, spread) for k in range(cutpoints.shape[1])]
    return np.diff(np.stack([np.zeros(eta.shape), *below, np.ones(eta.shape)], axis=2), axis=2)


def _integrated(link: str, eta: np.ndarray, spread: np.ndarray | None) -> np.ndarray:
    mean = INVERSE_LINKS[link]
    if spread is None:
        return mean(eta)
    if link == "inverse":
        raise DataError(
            "a mean over groups does not exist under the inverse link",
            got="link 'inverse', group effects integrated out",
            allowed="links under which the mean is finite for every linear predictor, such as 'log'",
            do="use link='log', or predict for given levels",
        )
    closed = {
        "identity": lambda: eta,
        "log": lambda: np.exp(eta + spread / 2),
        "sqrt": lambda: eta**2 + spread,
        "probit": lambda: mean(eta / np.sqrt(1 + spread)),
    }
    return closed[link]() if link in closed else mean_over_normal(mean, eta, spread, strip=_STRIP[link])


def covariance_of_means(link: str, eta: np.ndarray, shared: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Integrate Cov(m(eta + w + r), m(eta + w + r')), w ~ N(0, shared), r and r' ~ N(0, spread - shared), elementwise.

    With v = spread, s = shared and m1 = E m(eta + u), u ~ N(0, v):

        identity   s
        log        m1^2 (e^s - 1)
        sqrt       4 eta^2 s + 2 s^2
        probit     Phi2(h, h; rho) - m1^2,   h = eta / sqrt(1 + v), rho = s / (1 + v),
                   Phi2(h, h; rho) = Phi(h) - 2 T(h, sqrt((1 - rho) / (1 + rho)))   (Owen 1956)
        logit, cloglog   E (E[m | w] - m1)^2, both by the trapezoidal rule

    Parameters
    ----------
    link
        Of the model.
    eta, shared, spread
        Linear predictor, and variances with shared <= spread, of one shape.
    """
    rest, mean = np.maximum(spread - shared, 0.0), _integrated(link, eta, spread)
    if link == "probit":
        h, rho = eta / np.sqrt(1 + spread), shared / (1 + spread)
        both = special.ndtr(h) - 2 * special.owens_t(h, np.sqrt((1 - rho) / (1 + rho)))
        return np.maximum(both - mean**2, 0.0)
    closed = {
        "identity": lambda: shared * np.ones(eta.shape),
        "log": lambda: mean**2 * np.expm1(shared),
        "sqrt": lambda: 4 * eta**2 * shared + 2 * shared**2,
    }
    if link in closed:
        return closed[link]()
    alone = not rest.any()

    def square(x: np.ndarray, inner: np.ndarray, middle: np.ndarray) -> np.ndarray:
        return (_integrated(link, x, None if alone else inner) - middle) ** 2

    return mean_over_normal(square, eta, shared, rest, mean, strip=_STRIP[link])


def mean_over_normal(
    function: Callable[..., np.ndarray],
    centre: np.ndarray,
    variance: np.ndarray,
    *others: np.ndarray,
    strip: float,
) -> np.ndarray:
    """Integrate a function over N(centre, variance), elementwise, by the trapezoidal rule.

    Parameters
    ----------
    function
        Elementwise, bounded; takes x, and the others.
    centre, variance
        Arrays of one shape.
    *others
        What else the function reads of each element, of the same shape.
    strip
        How far from the real line the function is analytic and bounded; it sets the distance of the nodes.

    Returns
    -------
    numpy.ndarray
        Of the same shape, to about 1e-8 for sds up to 40 / pi times the strip.

    Examples
    --------
    >>> from scipy.special import expit
    >>> round(float(mean_over_normal(expit, np.array([1.0]), np.array([4.0]), strip=np.pi)[0]), 7)
    0.6477264
    """
    m, s = np.ravel(centre), np.sqrt(np.ravel(variance))
    beside = [np.ravel(other) for other in others]
    out = np.full(m.shape, np.nan)
    for low, high in pairwise(_SPREADS):
        index = np.flatnonzero((s >= low) & (s < high))
        nodes, weights = _nodes(strip / min(high, _SPREADS[-2]))
        for at in range(0, len(index), _BLOCK):
            block = index[at : at + _BLOCK]
            total, own = np.zeros(len(block)), [other[block] for other in beside]
            for node, weight in zip(nodes, weights, strict=True):
                total += weight * function(m[block] + s[block] * node, *own)
            out[block] = total
    return out.reshape(centre.shape)


def _nodes(distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on the standard normal, for an integrand analytic within so many sds."""
    # a^2 / 2 - 2 pi a / h = -20, exp(-20) = 2e-9; for a beyond sqrt(40) the weight alone sets the step.
    near = min(distance, np.sqrt(40))
    step = 2 * np.pi * near / (20 + near**2 / 2)
    reach = np.ceil(_REACH / step)
    nodes = step * np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * nodes**2)
    return nodes, weights / weights.sum()
