"""Group effects with a Student t distribution, in place of the stand-in's normal one.

A level's q offsets u have the density t_q(u; nu) in place of N(u; 0, I): with s = |u|^2,

    log t_q - log N = log Gamma((nu + q) / 2) - log Gamma(nu / 2) - q / 2 log(nu / 2) - (nu + q) / 2 log(1 + s / nu)
                      + s / 2,

which is added to the log density. It is one chi-square for all effects of a level (brms, `gr(dist = "student")`):
levels that are far out are so in all of them. The conditional draw that maps noise to offsets is the normal one; the
posterior is exact whatever it is.
"""

from typing import NamedTuple

import numpy as np

from partialpool.families.row_kernels.gamma_functions import log_gamma_half_step
from partialpool.kernels import part
from partialpool.marginal.gaussian.marginal import Marginal
from partialpool.marginal.gaussian.parameters import Parameters
from partialpool.marginal.glmm.own_priors import OwnPriors

__all__ = [
    "HeavyEffects",
    "HeavySlopes",
    "add_heavy_slopes",
    "collect_heavy",
    "exchange_densities",
    "take_heavy_products",
]


class HeavyEffects(NamedTuple):
    """The factors whose effects have a Student t distribution; arrays are empty where there are none.

    Attributes
    ----------
    factor
        Position of each in order of elimination, (heavy factors,).
    first, levels, widths
        Position of its first offset, its levels, and its effects; (heavy factors,) each.
    back
        B'^-1 of each, (heavy factors, most effects, most effects): effects are B diag(sd) L u.
    priors
        Of nu of each factor.
    """

    factor: np.ndarray
    first: np.ndarray
    levels: np.ndarray
    widths: np.ndarray
    back: np.ndarray
    priors: OwnPriors


def collect_heavy(marginal: Marginal, priors: OwnPriors) -> HeavyEffects:
    """Collect the factors of a normal marginal whose effects are heavy, in the order of the design."""
    at, first = 0, {}
    for position, f in enumerate(marginal.arrangement.order):
        factor = marginal.design.factors[f]
        first[f] = position, at
        at += factor.n_levels * len(factor.names)
    heavy = [(f, factor) for f, factor in enumerate(marginal.design.factors) if factor.is_heavy]
    shifts = marginal.layout.shifts
    back = np.zeros((len(heavy), *shifts.shape[1:]))
    for k, (f, factor) in enumerate(heavy):
        q = len(factor.names)
        back[k, :q, :q] = np.linalg.inv(shifts[first[f][0], :q, :q]).T
    return HeavyEffects(
        np.array([first[f][0] for f, _ in heavy], np.int64),
        np.array([first[f][1] for f, _ in heavy], np.int64),
        np.array([factor.n_levels for _, factor in heavy], np.int64),
        np.array([len(factor.names) for _, factor in heavy], np.int64),
        back,
        priors,
    )


@part
def _constant(nu: float, q: int) -> tuple[float, float]:
    """Return log Gamma((nu + q) / 2) - log Gamma(nu / 2) - q / 2 log(nu / 2), and its derivative in nu."""
    value, slope, half = 0.0, 0.0, 0.5 * nu
    for k in range(q):
        x = half + 0.5 * k
        step, step_slope = log_gamma_half_step(x)
        value += step + 0.5 * np.log1p(0.5 * k / half)
        slope += 0.5 * step_slope + 0.25 * (1.0 / x - 1.0 / half)
    return value, slope


@part
def exchange_densities(heavy: HeavyEffects, offsets: np.ndarray, nu: np.ndarray) -> float:
    """Return the sum of log t_q - log N over the levels of all heavy factors; nu is that of each factor."""
    firsts, levels, widths = heavy.first, heavy.levels, heavy.widths
    total = 0.0
    for k in range(len(firsts)):
        q, at = widths[k], firsts[k]
        total += levels[k] * _constant(nu[k], q)[0]
        for _ in range(levels[k]):
            s = 0.0
            for a in range(q):
                s += offsets[at + a] * offsets[at + a]
            total += 0.5 * s - 0.5 * (nu[k] + q) * np.log1p(s / nu[k])
            at += q
    return total


class HeavySlopes(NamedTuple):
    """Derivatives in nu, (heavy factors,), and d u' of each factor, (heavy factors, most effects, most effects)."""

    nu: np.ndarray
    products: np.ndarray


@part
def add_heavy_slopes(
    heavy: HeavyEffects, parameters: Parameters, root: float, offsets: np.ndarray, nu: np.ndarray, slopes: np.ndarray
) -> HeavySlopes:
    """Add the derivatives of what was exchanged, d, in the form in which the way back takes derivatives.

    It takes those in a = Lambda u, to which Lambda'^-1 d is added, with Lambda = root B diag(sd) L. To the products of
    the scales it adds those of a with u, which a function of u alone does not have: `take_heavy_products` takes these
    off again.

    Parameters
    ----------
    slopes
        Derivatives in Lambda u, (effects,).
    """
    firsts, levels, widths, factors, back = heavy.first, heavy.levels, heavy.widths, heavy.factor, heavy.back
    sd, corr = parameters.sd, parameters.corr
    most = back.shape[1]
    own, nu_slopes, products = np.empty(most), np.zeros(len(firsts)), np.zeros((len(firsts), most, most))
    for k in range(len(firsts)):
        f, q, at = factors[k], widths[k], firsts[k]
        along_nu = levels[k] * _constant(nu[k], q)[1]
        for _ in range(levels[k]):
            s = 0.0
            for a in range(q):
                s += offsets[at + a] * offsets[at + a]
            share = (nu[k] + q) / (nu[k] + s)
            along_nu += 0.5 * (share * s / nu[k] - np.log1p(s / nu[k]))
            for a in range(q):
                own[a] = (1.0 - share) * offsets[at + a]
                for b in range(q):
                    products[k, a, b] += own[a] * offsets[at + b]
            for a in range(q - 1, -1, -1):  # L'^-1, which is upper triangular
                for b in range(a + 1, q):
                    own[a] -= corr[f, b, a] * own[b]
                own[a] /= corr[f, a, a]
            for a in range(q):
                own[a] /= root * sd[f, a]
            for a in range(q):
                for b in range(q):
                    slopes[at + a] += back[k, a, b] * own[b]
            at += q
        nu_slopes[k] = along_nu
    return HeavySlopes(nu_slopes, products)


@part
def take_heavy_products(heavy: HeavyEffects, added: HeavySlopes, pulled: np.ndarray) -> None:
    """Take d u' off what is pulled back to the scales, (factors, most effects, most effects), transposed there."""
    factors, widths, products = heavy.factor, heavy.widths, added.products
    for k in range(len(factors)):
        for a in range(widths[k]):
            for b in range(widths[k]):
                pulled[factors[k], b, a] -= products[k, a, b]
