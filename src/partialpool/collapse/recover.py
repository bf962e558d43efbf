"""Put the effects back: exact draws of group effects and common effects given theta.

Given theta, A = L L' and u = L'^-1 (c + sigma e) / sigma with e ~ N(0, I) is a draw of N(m, A^-1): one
back-substitution, tail first, then branches, then leaves. u are the non-centred offsets z; b = z (diag(sd) L_corr)'.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from partialpool.collapse.arrange import System, Tail
from partialpool.collapse.compiled import kernel
from partialpool.collapse.dense import solve_lower, solve_upper
from partialpool.collapse.density import Layout, Normals, common_of, log_likelihood, log_prior, scales_of, unpack
from partialpool.collapse.eliminate import eliminate, leaf_factor, make_workspace, unscale
from partialpool.collapse.marginal import Marginal
from partialpool.collapse.workers import map_pieces, piece_size

__all__ = ["Recovered", "conditional_modes", "original_beta", "recover"]

_WORK_PER_EFFECT = 40.0
"""Multiplications, roughly, to draw one effect: mostly its random number."""


@dataclass(frozen=True, eq=False)
class Recovered:
    """Draws of everything, in the units of the data, each of shape (draws, ...).

    Attributes
    ----------
    beta
        (draws, coefs), at the predictors' original zero.
    sd, corr
        Per factor of the design: (draws, effects), (draws, effects, effects).
    sigma
        (draws,); None where it is known.
    z, b
        Per factor of the design: (draws, levels, effects); z is empty where it was not asked for.
    log_density
        Of each theta, (draws,).
    """

    beta: np.ndarray
    sd: tuple[np.ndarray, ...]
    corr: tuple[np.ndarray, ...]
    sigma: np.ndarray | None
    z: tuple[np.ndarray, ...]
    b: tuple[np.ndarray, ...]
    log_density: np.ndarray

    def take(self, index: np.ndarray) -> "Recovered":
        """Return some of the draws, by index."""
        return Recovered(
            self.beta[index],
            tuple(values[index] for values in self.sd),
            tuple(values[index] for values in self.corr),
            None if self.sigma is None else self.sigma[index],
            tuple(values[index] for values in self.z),
            tuple(values[index] for values in self.b),
            self.log_density[index],
        )


def recover(
    marginal: Marginal,
    thetas: np.ndarray,
    seed: np.random.SeedSequence,
    *,
    workers: int = 1,
    keep_z: bool = False,
    done: Callable[[int], object] = lambda count: None,
) -> Recovered:
    """Draw the effects given each theta.

    Parameters
    ----------
    marginal
        The model.
    thetas
        Shape (draws, elements).
    seed
        Each piece of draws has a child of it: the draws do not depend on the number of threads.
    workers
        Threads.
    keep_z
        Whether to keep the offsets; they take as much memory as the effects.
    done
        Told how many draws are done.
    """
    draws, design, order = len(thetas), marginal.design, marginal.arrangement.order
    shapes = [(f.n_levels, len(f.names)) for f in design.factors]
    b = [np.empty((draws, *shape)) for shape in shapes]
    z = [np.empty((draws, *shape)) for shape in shapes] if keep_z else []
    integrated = np.empty((draws, marginal.arrangement.recovery.tail.common))
    log_density = np.empty(draws)
    total = sum(j * q for j, q in shapes) + integrated.shape[1]
    size = piece_size(marginal.arrangement.work + _WORK_PER_EFFECT * total)
    pieces = [slice(at, min(at + size, draws)) for at in range(0, draws, size)]
    seeds = dict(zip([p.start for p in pieces], seed.spawn(len(pieces)), strict=True))
    thetas = np.ascontiguousarray(thetas)

    def work(piece: slice) -> None:
        noise = np.random.default_rng(seeds[piece.start]).standard_normal((piece.stop - piece.start, total))
        effects = np.empty_like(noise)
        _draw(
            marginal.arrangement.density,
            marginal.arrangement.recovery,
            marginal.layout,
            marginal.normals,
            thetas[piece],
            noise,
            effects,
            log_density[piece],
        )
        at = 0
        for f in order:
            width = shapes[f][0] * shapes[f][1]
            b[f][piece] = effects[:, at : at + width].reshape(-1, *shapes[f])
            b[f][piece] *= marginal.units.unit / marginal.units.factors[f].scale
            if keep_z:
                z[f][piece] = noise[:, at : at + width].reshape(-1, *shapes[f])
            at += width
        integrated[piece] = noise[:, at:]

    map_pieces(work, pieces, workers, done=lambda count: done(min(count * size, draws)))
    sd, corr, sigma, kept = _parameters(marginal, thetas)
    log_density += marginal.log_constant
    return Recovered(_beta(marginal, integrated, kept), sd, corr, sigma, tuple(z), tuple(b), log_density)


def conditional_modes(marginal: Marginal, theta: np.ndarray) -> tuple[np.ndarray, ...]:
    """Mean of the group effects given theta (elements,), per factor of the design, (levels, effects)."""
    shapes = [(f.n_levels, len(f.names)) for f in marginal.design.factors]
    total = sum(j * q for j, q in shapes) + marginal.arrangement.recovery.tail.common
    effects, noise = np.zeros((1, total)), np.zeros((1, total))
    density, recovery = marginal.arrangement.density, marginal.arrangement.recovery
    _draw(density, recovery, marginal.layout, marginal.normals, theta[None], noise, effects, np.empty(1))
    at, modes = 0, {}
    for f in marginal.arrangement.order:
        width = shapes[f][0] * shapes[f][1]
        scale = marginal.units.unit / marginal.units.factors[f].scale
        modes[f] = effects[0, at : at + width].reshape(shapes[f]) * scale
        at += width
    return tuple(modes[f] for f in range(len(shapes)))


def _parameters(
    marginal: Marginal, thetas: np.ndarray
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...], np.ndarray | None, np.ndarray]:
    """Translate theta to sds, correlations and sigma in the units of the data, and kept coefficients in `Units`."""
    units, design = marginal.units, marginal.design
    scaled_sd, cholesky, scaled_sigma, kept = _unpack_many(marginal.layout, thetas)
    place = {f: at for at, f in enumerate(marginal.arrangement.order)}
    sd, corr = [], []
    for f, (factor, own) in enumerate(zip(design.factors, units.factors, strict=True)):
        q = len(factor.names)
        sd.append(scaled_sd[:, place[f], :q] * (units.unit / own.scale))
        half = cholesky[:, place[f], :q, :q]
        corr.append(half @ half.transpose(0, 2, 1))
    return tuple(sd), tuple(corr), scaled_sigma * units.unit if design.se is None else None, kept


def _beta(marginal: Marginal, integrated: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Coefficients at the predictors' original zero, (draws, coefs), from u and the kept ones."""
    standard = np.empty((len(integrated), len(marginal.integrated)))
    standard[:, marginal.integrated] = integrated * marginal.normals.sd
    standard[:, ~marginal.integrated] = kept - marginal.layout.kept_shift
    return original_beta(marginal, standard)


def original_beta(marginal: Marginal, standard: np.ndarray) -> np.ndarray:
    """Take coefficients of standardised columns (draws, coefs), the location taken off, to the data's scale."""
    units, common = marginal.units, marginal.design.common
    out = standard * units.unit
    first = 1 if common.intercept else 0
    out[:, first:] /= units.scale
    if common.intercept:
        out[:, 0] += units.location - out[:, 1:] @ units.center
    return out


@kernel
def _unpack_many(layout: Layout, thetas: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    n, factors, most = len(thetas), layout.shifts.shape[0], layout.shifts.shape[1]
    sd, corr = np.empty((n, factors, most)), np.empty((n, factors, most, most))
    sigma, kept = np.empty(n), np.empty((n, thetas.shape[1] - layout.kept))
    for i in range(n):
        parameters = unpack(layout, thetas, i)
        sigma[i] = parameters.sigma
        for k in range(kept.shape[1]):
            kept[i, k] = parameters.kept[k]
        for f in range(factors):
            for a in range(most):
                sd[i, f, a] = parameters.sd[f, a]
                for c in range(most):
                    corr[i, f, a, c] = parameters.corr[f, a, c]
    return sd, corr, sigma, kept


@kernel
def _draw(
    density: System,
    recovery: System,
    layout: Layout,
    normals: Normals,
    thetas: np.ndarray,
    noise: np.ndarray,
    effects: np.ndarray,
    log_density: np.ndarray,
) -> None:
    """Overwrite noise (draws, effects) with u, effects with diag(sd) L u, in order of elimination, and the density."""
    leaf, branch, tail = recovery.leaf, recovery.branch, recovery.tail
    q, qb = leaf.up.shape[1], branch.gram.shape[1]
    leaves, branches = len(leaf.level) * q, len(branch.gram) * qb
    size = tail.columns + tail.common
    own, above_own, t = np.empty(q), np.empty(qb), np.empty(size)
    above, above_factor = np.zeros((len(branch.gram), qb)), np.empty((qb, qb))
    factor = np.zeros((q, q))
    room = make_workspace(density)
    for i in range(len(thetas)):
        parameters = unpack(layout, thetas, i)
        sigma = parameters.sigma
        scales, common = scales_of(layout, parameters), common_of(normals, sigma)
        forward = eliminate(density, scales, common, room)
        log_density[i] = -np.inf
        if not forward.ok:
            continue
        log_density[i] = log_prior(layout, thetas, i) + log_likelihood(density, normals, sigma, forward)
        # Tail.
        for c in range(size):
            t[c] = forward.center[c] + sigma * noise[i, leaves + branches + c]
        solve_upper(forward.factor, t)
        for c in range(size):
            noise[i, leaves + branches + c] = t[c] / sigma
        unscale(tail, scales, common, t)
        # Branches.
        for k in range(len(branch.gram)):
            at = leaves + k * qb
            for a in range(qb):
                s = sigma * noise[i, at + a] + _right_side(forward.branch_dense, k, a, tail, scales.combine, t)
                for c in range(branch.tail_start[k], branch.tail_start[k + 1]):
                    s -= forward.branch_tail[c, a] * t[branch.tail[c]]
                above_own[a] = s
                for c in range(qb):
                    above_factor[a, c] = forward.branch_factor[k, a, c]
            solve_upper(above_factor, above_own)
            for a in range(qb):
                noise[i, at + a] = above_own[a] / sigma
                above[k, a] = 0.0
                for c in range(qb):
                    above[k, a] += scales.relative[1, a, c] * above_own[c]
        # Leaves.
        for pattern in range(len(leaf.multiplicity)):
            leaf_factor(leaf.gram, pattern, scales.relative, 0, factor)
            for j in range(leaf.start[pattern], leaf.start[pattern + 1]):
                for a in range(q):
                    own[a] = 0.0
                for a in range(q):
                    s = _right_side(leaf.dense, j, a, tail, scales.combine, t)
                    for c in range(leaf.tail_start[j], leaf.tail_start[j + 1]):
                        s -= leaf.tail_values[c, a] * t[leaf.tail[c]]
                    for c in range(qb):
                        s -= leaf.up[j, a, c] * above[leaf.branch[j], c]
                    for c in range(q):
                        own[c] += scales.relative[0, a, c] * s
                solve_lower(factor, own)
                at = leaf.level[j] * q
                for a in range(q):
                    own[a] += sigma * noise[i, at + a]
                solve_upper(factor, own)
                for a in range(q):
                    noise[i, at + a] = own[a] / sigma
        # b = diag(sd) L u, level by level.
        at = 0
        skip = 2 if layout.has_branch else 1
        for f in range(len(layout.effects)):
            levels = len(leaf.level) if f == 0 else len(branch.gram) if f < skip else tail.levels[f - skip]
            for _ in range(levels):
                for a in range(layout.effects[f]):
                    s = 0.0
                    for c in range(a + 1):
                        s += parameters.corr[f, a, c] * noise[i, at + c]
                    effects[i, at + a] = parameters.sd[f, a] * s
                at += layout.effects[f]


@kernel
def _right_side(dense: np.ndarray, row: int, a: int, tail: Tail, combine: np.ndarray, t: np.ndarray) -> float:
    """The right-hand side less the common columns' part."""
    s = 0.0
    for k in range(len(combine)):
        s += dense[row, a, tail.common + k] * combine[k]
    for c in range(tail.common):
        s -= dense[row, a, c] * t[tail.columns + c]
    return s
