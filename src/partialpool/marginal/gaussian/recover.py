"""Exact draws of group effects and fixed effects given theta, in the units of the data."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from partialpool.marginal.gaussian.marginal import Marginal
from partialpool.marginal.gaussian.unpacked import unpack_many
from partialpool.names import BETA, b_name, corr_name, sd_name, z_name
from partialpool.workers import map_pieces, piece_size

__all__ = [
    "Recovered",
    "conditional_modes",
    "effect_count",
    "in_units_of_data",
    "levels_of",
    "original_beta",
    "original_covariance",
    "piece_of",
    "posterior_variables",
    "recover",
    "rows_at_once",
]

_WORK_PER_EFFECT = 40.0
"""Approximate number of multiplications to draw one effect, mostly for its random number."""
_NUMBERS_AT_ONCE = 2**23
"""Most random numbers of a batch of draws that are not kept."""


@dataclass(frozen=True, eq=False)
class Recovered:
    """Draws of everything, in the units of the data, each of shape (draws, ...).

    Attributes
    ----------
    beta
        (draws, coefs), at the predictors' original zero.
    sd, corr
        Per factor of the design: (draws, effects), (draws, effects, effects).
    residual
        By name, `sigma` (draws,) or (draws, strata), unless it is known, and the correlation of residuals, if there is
        one.
    z, b
        Per factor of the design: (draws, levels, effects); z is empty if it was not requested, and b if the marginal
        does not draw levels.
    log_density
        Log density of each theta, (draws,).
    """

    beta: np.ndarray
    sd: tuple[np.ndarray, ...]
    corr: tuple[np.ndarray, ...]
    residual: Mapping[str, np.ndarray]
    z: tuple[np.ndarray, ...]
    b: tuple[np.ndarray, ...]
    log_density: np.ndarray

    def take(self, index: np.ndarray) -> "Recovered":
        """Return some of the draws, by index."""
        return Recovered(
            self.beta[index],
            tuple(values[index] for values in self.sd),
            tuple(values[index] for values in self.corr),
            {name: values[index] for name, values in self.residual.items()},
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
        Seed; each piece of draws uses a child of it, so that draws do not depend on the number of threads.
    workers
        Number of threads.
    keep_z
        Whether to keep the offsets; they take as much memory as the effects.
    done
        Function called with the number of draws done.
    """
    size = piece_of(marginal)
    starts = range(0, len(thetas), size)
    seeds = dict(zip(starts, seed.spawn(len(starts)), strict=True))

    thetas = np.ascontiguousarray(thetas)
    log_density = np.empty(len(thetas))

    def draw(piece: slice) -> tuple[np.ndarray, np.ndarray]:
        count = piece.stop - piece.start
        rng = np.random.default_rng(seeds[piece.start])
        if not marginal.draws_levels:
            offsets = _noise_of_coefficients(marginal, rng, count)
            marginal.draw_coefficients(thetas[piece], offsets, log_density[piece])
            return offsets, offsets
        offsets = rng.standard_normal((count, effect_count(marginal)))
        effects = np.empty_like(offsets)
        marginal.draw_effects(thetas[piece], offsets, effects, log_density[piece])
        return offsets, effects

    found = in_units_of_data(marginal, thetas, draw, workers=workers, keep_z=keep_z, done=done)
    return replace(found, log_density=log_density)


def in_units_of_data(
    marginal: Marginal,
    thetas: np.ndarray,
    draw: Callable[[slice], tuple[np.ndarray, np.ndarray]],
    *,
    workers: int = 1,
    keep_z: bool = False,
    done: Callable[[int], object] = lambda count: None,
) -> Recovered:
    """Convert draws of everything to the units of the data; their log densities are NaN.

    Parameters
    ----------
    draw
        Gives u and diag(sd) L u of some draws, (draws, effects) each, in elimination order, the integrated columns
        last.
    marginal, thetas, workers, keep_z, done
        As for `recover`.
    """
    draws, design, order = len(thetas), marginal.design, marginal.arrangement.order
    shapes = [(f.n_levels, len(f.names)) for f in design.factors]
    b = [np.empty((draws, *shape)) for shape in shapes] if marginal.draws_levels else []
    z = [np.empty((draws, *shape)) for shape in shapes] if keep_z else []
    integrated = np.empty((draws, marginal.arrangement.density.tail.common))
    size = piece_of(marginal)
    pieces = [slice(at, min(at + size, draws)) for at in range(0, draws, size)]

    def work(piece: slice) -> None:
        drawn, effects = draw(piece)
        integrated[piece] = drawn[:, drawn.shape[1] - integrated.shape[1] :]
        for f, levels in levels_of(marginal, effects) if marginal.draws_levels else ():
            b[f][piece] = levels
        at = 0
        for f in order if keep_z and marginal.draws_levels else ():
            width = shapes[f][0] * shapes[f][1]
            rotation, offsets = marginal.rotations[f], drawn[:, at : at + width]
            z[f][piece] = (offsets if rotation is None else offsets @ rotation.basis.T).reshape(-1, *shapes[f])
            at += width

    map_pieces(work, pieces, workers, done=lambda count: done(min(count * size, draws)))
    sd, corr, kept = _parameters(marginal, thetas)
    residual = marginal.residual_draws(thetas)
    return Recovered(_beta(marginal, integrated, kept), sd, corr, residual, tuple(z), tuple(b), np.full(draws, np.nan))


def levels_of(marginal: Marginal, effects: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Convert effects in elimination order (draws, effects) to the units of the data.

    Yields each factor of the design, by position, with its effects, (draws, levels, effects).
    """
    at = 0
    for f in marginal.arrangement.order:
        factor = marginal.design.factors[f]
        shape = (factor.n_levels, len(factor.names))
        width, rotation = shape[0] * shape[1], marginal.rotations[f]
        own = effects[:, at : at + width]
        levels = (own if rotation is None else own @ rotation.effects.T).reshape(-1, *shape)
        turn = marginal.units.factors[f].to_data.T * marginal.units.unit
        yield f, levels * turn[0, 0] if shape[1] == 1 else levels @ turn
        at += width


def _noise_of_coefficients(marginal: Marginal, rng: np.random.Generator, draws: int) -> np.ndarray:
    """Return the random numbers of the tail, (draws, tail), as they are among those of all effects."""
    tail, total, rows = marginal.for_draws[0].tail, effect_count(marginal), rows_at_once(marginal)
    width = tail.columns + tail.common
    found = np.empty((draws, width))
    for at in range(0, draws, rows):
        part = found[at : at + rows]
        part[:] = rng.standard_normal((len(part), total))[:, total - width :]
    return found


def posterior_variables(
    marginal: Marginal, recovered: Recovered, shape: tuple[int, int], *, keep_z: bool
) -> dict[str, np.ndarray]:
    """Name what was recovered as posteriors do, each array of shape (chains, draws, ...) for shape (chains, draws)."""
    design = marginal.design
    flat: dict[str, np.ndarray] = {BETA: recovered.beta} if design.common.coefs else {}
    for f, factor in enumerate(design.factors):
        flat[sd_name(factor.name)] = recovered.sd[f]
        if factor.correlated:
            flat[corr_name(factor.name)] = recovered.corr[f]
        if recovered.b:
            flat[b_name(factor.name)] = recovered.b[f]
        if keep_z:
            flat[z_name(factor.name)] = recovered.z[f]
    flat |= recovered.residual
    return {name: values.reshape(*shape, *values.shape[1:]) for name, values in flat.items()}


def effect_count(marginal: Marginal) -> int:
    """Count everything that is integrated out: group effects and columns."""
    of_factors = sum(f.n_levels * len(f.names) for f in marginal.design.factors)
    return int(of_factors + marginal.arrangement.density.tail.common)


def piece_of(marginal: Marginal) -> int:
    """Return how many thetas share a child of the seed."""
    return piece_size(marginal.arrangement.work + _WORK_PER_EFFECT * effect_count(marginal))


def rows_at_once(marginal: Marginal) -> int:
    """Return how many draws of all effects are held at once where they are not kept."""
    return max(1, _NUMBERS_AT_ONCE // max(effect_count(marginal), 1))


def conditional_modes(marginal: Marginal, theta: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the mean of the group effects given theta (elements,), per factor of the design, (levels, effects)."""
    shapes = [(f.n_levels, len(f.names)) for f in marginal.design.factors]
    total = sum(j * q for j, q in shapes) + marginal.arrangement.density.tail.common
    effects, noise = np.zeros((1, total)), np.zeros((1, total))
    marginal.draw_effects(theta[None], noise, effects, np.empty(1))
    at, modes = 0, {}
    for f in marginal.arrangement.order:
        width = shapes[f][0] * shapes[f][1]
        to_data = marginal.units.factors[f].to_data.T * marginal.units.unit
        rotation, own = marginal.rotations[f], effects[0, at : at + width]
        modes[f] = (own if rotation is None else rotation.effects @ own).reshape(shapes[f]) @ to_data
        at += width
    return tuple(modes[f] for f in range(len(shapes)))


def _parameters(
    marginal: Marginal, thetas: np.ndarray
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...], np.ndarray]:
    """Translate theta to sds and correlations in the units of the data, and kept coefficients in `Units`."""
    units, design = marginal.units, marginal.design
    unpacked = unpack_many(marginal.lent_layout, thetas)
    place = {f: at for at, f in enumerate(marginal.arrangement.order)}
    sd, corr = [], []
    for f, (factor, own) in enumerate(zip(design.factors, units.factors, strict=True)):
        q = len(factor.names)
        own_sd, own_corr = own.covariance(unpacked.sd[:, place[f], :q], unpacked.corr[:, place[f], :q, :q])
        sd.append(own_sd * units.unit)
        corr.append(own_corr)
    return tuple(sd), tuple(corr), unpacked.kept


def _beta(marginal: Marginal, integrated: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return coefficients at the predictors' original zero, (draws, coefs), from u and the kept ones."""
    standard = np.empty((len(integrated), len(marginal.integrated)))
    standard[:, marginal.integrated] = integrated * marginal.normals.sd + marginal.known
    standard[:, ~marginal.integrated] = kept - marginal.layout.kept_shift
    return original_beta(marginal, standard)


def original_beta(marginal: Marginal, standard: np.ndarray) -> np.ndarray:
    """Convert coefficients of the algebra's columns (draws, coefs), without the location, to the data's scale."""
    return marginal.units.original(standard @ marginal.turn.T)


def original_covariance(marginal: Marginal, covariance: np.ndarray) -> np.ndarray:
    """Convert a covariance of coefficients of the algebra's columns to the data's scale, both (coefs, coefs)."""
    coefs = len(covariance)
    # Rows: images of unit vectors.
    turn = original_beta(marginal, np.eye(coefs)) - original_beta(marginal, np.zeros((1, coefs)))
    return np.asarray(turn.T @ covariance @ turn)
