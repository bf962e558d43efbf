"""The linear predictor of some rows, draw by draw."""

from collections.abc import Mapping

import numpy as np

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.newdata import GroupRows, Rows
from partialpool.names import BETA, b_name, corr_name, sd_name

__all__ = ["Draws", "Seed", "linear_predictor", "sample_all_levels", "sample_effects"]

Seed = int | np.random.SeedSequence | np.random.Generator | None
"""Any seed that `numpy.random.default_rng` accepts."""

Draws = Mapping[str, np.ndarray]
"""Posterior or prior variables by name, each of shape (draws, ...): chains stacked."""


def linear_predictor(design: Design, rows: Rows, draws: Draws, *, seed: Seed = None) -> np.ndarray:
    """Evaluate eta = offset + X beta + sum_f Z_f b_f, shape (draws, rows).

    Parameters
    ----------
    design, rows
        The model, and the rows to evaluate; factors whose levels are not used contribute nothing.
    draws
        `beta` and `b_<f>`; `sd_<f>` and `corr_<f>` where new levels are sampled.
    seed
        For the effects of new levels: independent draws from N(0, Sigma), one set per level and draw; for levels with a
        known covariance, draws conditional on their relatives.
    """
    rng = np.random.default_rng(seed)
    n_draws = next(iter(draws.values())).shape[0]
    eta = np.zeros((n_draws, len(rows.index)))
    if rows.offset is not None:
        eta += rows.offset
    if design.common.coefs:
        beta = draws[BETA]
        if design.common.intercept:
            eta += beta[:, :1]
        eta += beta[:, 1 if design.common.intercept else 0 :] @ rows.common.T
    for factor, group in zip(design.factors, rows.groups, strict=True):
        if not group.play_a_part:
            continue
        b = _all_levels(factor, group, draws, rows.new_levels == "sample", rng)
        eta += group.apply(b)
    return eta


def _all_levels(
    factor: FactorEffects, group: GroupRows, draws: Draws, sample: bool, rng: np.random.Generator
) -> np.ndarray:
    """Return the effects of the known levels, then those of the new ones, shape (draws, levels, effects)."""
    known = draws[b_name(factor.name)]
    if not group.new_labels:
        return known
    if factor.root is not None:
        return np.concatenate([known, _relatives(factor, group, draws, sample, rng)], axis=1)
    n_draws, _, n_effects = known.shape
    if not sample:
        return np.concatenate([known, np.zeros((n_draws, len(group.new_labels), n_effects))], axis=1)
    return np.concatenate([known, sample_effects(factor, draws, len(group.new_labels), rng)], axis=1)


def _relatives(
    factor: FactorEffects, group: GroupRows, draws: Draws, sample: bool, rng: np.random.Generator
) -> np.ndarray:
    """Return effects of new levels, conditional on their known relatives, (draws, levels, effects).

    b_new | b ~ N(K_no K_oo^-1 b, (K_nn - K_no K_oo^-1 K_on) Sigma); without sampling, its mean.
    """
    assert factor.kinship is not None
    mean, root = factor.kinship.given_levels(group.new_labels)
    expected = np.einsum("nj,dje->dne", mean, draws[b_name(factor.name)])
    if not sample:
        return expected
    return expected + np.einsum("nm,dme->dne", root, sample_effects(factor, draws, len(root), rng))


def sample_all_levels(factor: FactorEffects, draws: Draws, rng: np.random.Generator) -> np.ndarray:
    """Draw new effects of every level of a factor, with their known covariance, (draws, levels, effects)."""
    effects = sample_effects(factor, draws, factor.n_levels, rng)
    return effects if factor.root is None else np.einsum("jk,dke->dje", factor.root, effects)


def sample_effects(factor: FactorEffects, draws: Draws, levels: int, rng: np.random.Generator) -> np.ndarray:
    """Draw effects of unrelated levels from N(0, Sigma), Sigma of each draw, shape (draws, levels, effects)."""
    sd = draws[sd_name(factor.name)]
    noise = rng.standard_normal((len(sd), levels, sd.shape[1]))
    if not factor.correlated:
        return noise * sd[:, None, :]
    # At the predictors' means correlations are moderate; far from them they round to +-1.
    sd, corr = factor.basis.at_means(sd, draws[corr_name(factor.name)])
    # A correlation of +-1 within rounding has no Cholesky factor without a small addition to the diagonal.
    cholesky = np.linalg.cholesky(corr + 1e-12 * np.eye(sd.shape[1]))
    effects = np.einsum("dij,dlj->dli", cholesky, noise) * sd[:, None, :]
    return effects if factor.basis.is_plain else effects @ factor.basis.to_zero.T
