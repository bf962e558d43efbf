"""Group effects with a Student t distribution, in place of the stand-in's normal one.

A level's q offsets u have the density t_q(u; nu) in place of N(u; 0, I): with s = |u|^2,

    log t_q - log N = log Gamma((nu + q) / 2) - log Gamma(nu / 2) - q / 2 log(nu / 2) - (nu + q) / 2 log(1 + s / nu)
                      + s / 2,

which is added to the log density. It is one chi-square for all effects of a level (brms, `gr(dist = "student")`):
levels that are far out are so in all of them.

The conditional draw that maps noise to offsets is a normal one, in which the offsets of level j are m_j times standard
normal ones a priori, u_j = m_j v_j, with the constants

    m_j^2 = max(1, (nu + s_j) / (nu + q))

of the mode: about it, t_q is nearly N(0, m_j^2 I), and so a level that is far out is pulled in as little as its effects
are. v are the offsets of the conditional draw, and the columns of Z are m_j times as large there. The posterior is
exact whatever m is.
"""

from typing import NamedTuple

import numpy as np

from partialpool.design.factor_effects import FactorEffects
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
    "stretch_levels",
    "stretch_of",
    "take_heavy_products",
]


def stretch_of(factor: FactorEffects, offsets: np.ndarray, nu: float) -> np.ndarray:
    """Return m of every level, (levels,), given its offsets u, (levels, effects)."""
    square = (nu + (offsets**2).sum(axis=1)) / (nu + len(factor.names))
    return np.asarray(np.sqrt(np.maximum(square, 1.0)))


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
    stretch, stretch_at
        m of the levels of all heavy factors, (levels of all,), and where each factor begins there, (heavy factors,).
    log_stretch
        The sum of q log m, the Jacobian of the map from v to u.
    priors
        Of nu of each factor.
    """

    factor: np.ndarray
    first: np.ndarray
    levels: np.ndarray
    widths: np.ndarray
    back: np.ndarray
    stretch: np.ndarray
    stretch_at: np.ndarray
    log_stretch: float
    priors: OwnPriors


def collect_heavy(marginal: Marginal, priors: OwnPriors) -> HeavyEffects:
    """Collect the factors of a normal marginal whose effects are heavy, in the order of the design."""
    at, first = 0, {}
    for position, f in enumerate(marginal.arrangement.order):
        factor = marginal.design.factors[f]
        first[f] = position, at
        at += factor.n_levels * len(factor.names)
    heavy = [(f, factor) for f, factor in enumerate(marginal.design.factors) if factor.is_heavy]
    stretch = [np.ones(f.n_levels) if f.stretch is None else f.stretch for _, f in heavy]
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
        np.concatenate([np.zeros(0), *stretch]),
        np.array([sum(map(len, stretch[:k])) for k in range(len(heavy))], np.int64),
        float(sum(len(factor.names) * np.log(m).sum() for (_, factor), m in zip(heavy, stretch, strict=True))),
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
    stretch, stretch_at = heavy.stretch, heavy.stretch_at
    total = heavy.log_stretch
    for k in range(len(firsts)):
        q, at = widths[k], firsts[k]
        total += levels[k] * _constant(nu[k], q)[0]
        for j in range(levels[k]):
            s, m = 0.0, stretch[stretch_at[k] + j]
            for a in range(q):
                s += offsets[at + a] * offsets[at + a]
            total += 0.5 * s - 0.5 * (nu[k] + q) * np.log1p(m * m * s / nu[k])
            at += q
    return total


@part
def stretch_levels(heavy: HeavyEffects, values: np.ndarray) -> None:
    """Multiply values of the levels of heavy factors by m, in place; (effects,), in order of elimination."""
    firsts, levels, widths = heavy.first, heavy.levels, heavy.widths
    stretch, stretch_at = heavy.stretch, heavy.stretch_at
    for k in range(len(firsts)):
        at = firsts[k]
        for j in range(levels[k]):
            for _ in range(widths[k]):
                values[at] *= stretch[stretch_at[k] + j]
                at += 1


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
    sd, corr, stretch, stretch_at = parameters.sd, parameters.corr, heavy.stretch, heavy.stretch_at
    most = back.shape[1]
    own, nu_slopes, products = np.empty(most), np.zeros(len(firsts)), np.zeros((len(firsts), most, most))
    for k in range(len(firsts)):
        f, q, at = factors[k], widths[k], firsts[k]
        along_nu = levels[k] * _constant(nu[k], q)[1]
        for j in range(levels[k]):
            s, square = 0.0, stretch[stretch_at[k] + j] ** 2
            for a in range(q):
                s += square * offsets[at + a] * offsets[at + a]
            share = (nu[k] + q) / (nu[k] + s)
            along_nu += 0.5 * (share * s / nu[k] - np.log1p(s / nu[k]))
            for a in range(q):
                own[a] = (1.0 - share * square) * offsets[at + a]
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
