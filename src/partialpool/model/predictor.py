"""The linear predictors of some rows, draw by draw."""

from collections.abc import Mapping

import numpy as np

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.joined_factors import JoinedFactor, joined_factors, joined_members
from partialpool.design.newdata import GroupRows, Rows
from partialpool.model.covariance import correlation_root
from partialpool.model.draws_of_levels import draws_of_levels
from partialpool.model.heavy_effects import heavy_noise
from partialpool.names import BETA, across_name, b_name, corr_name, names_of_predictor, sd_name

__all__ = [
    "Draws",
    "Seed",
    "joined_root",
    "linear_predictor",
    "of_predictor",
    "sample_all_levels",
    "sample_effects",
    "sample_joined",
    "sample_joined_levels",
    "with_new_levels",
]

Seed = int | np.random.SeedSequence | np.random.Generator | None
"""Any seed that `numpy.random.default_rng` accepts."""
Draws = Mapping[str, np.ndarray]
"""Posterior or prior variables by name, each of shape (draws, ...): chains stacked."""


def linear_predictor(design: Design, rows: Rows, draws: Draws) -> np.ndarray:
    """Evaluate eta = offset + X beta + sum_f Z_f b_f, shape (draws, rows).

    Parameters
    ----------
    design, rows
        The model, and the rows to evaluate; factors whose levels are not used contribute nothing.
    draws
        `beta` and `b_<f>`; where rows have new levels, those of `with_new_levels`.
    """
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
        if group.play_a_part:
            eta += group.apply(draws_of_levels(draws, factor.name))
    return eta


def of_predictor(design: Design, name: str, draws: Draws) -> Draws:
    """Return the draws of a parameter's predictor, under the names that they would have as the mean's."""
    names = names_of_predictor(name, design.parameters[name].spec.parts_with_sds)
    return {inner: draws[outer] for inner, outer in names.items() if outer in draws}


def with_new_levels(design: Design, rows: Rows, draws: Draws, *, seed: Seed = None) -> Draws:
    """Return the draws with effects of the rows' new levels after those of the known ones.

    Parameters
    ----------
    design, rows
        The model, and rows which may have new levels.
    draws
        Posterior or prior variables.
    seed
        For new levels that are sampled: independent draws from N(0, Sigma), one set per level and draw; for levels with
        a known covariance, draws conditional on their relatives. Others are 0, or their mean given their relatives.
    """
    rng, sample = np.random.default_rng(seed), rows.new_levels == "sample"
    found = dict(draws)
    for factor, group in zip(design.factors, rows.groups, strict=True):
        if group.play_a_part and group.new_labels:
            found[b_name(factor.name)] = _all_levels(factor, group, draws, sample, rng)
    for name, other in design.parameters.items():
        own = with_new_levels(other, rows.parameters[name], of_predictor(design, name, draws), seed=rng)
        names = names_of_predictor(name, other.spec.parts_with_sds)
        found |= {names[inner]: values for inner, values in own.items()}
    joined = [one for one in joined_factors(design) if sample and _has_new(design, rows, one.factor)]
    for one in joined:
        found |= _joined_levels(one, design, rows, draws, rng)
    return found


def _has_new(design: Design, rows: Rows, factor: str) -> bool:
    """Whether rows have new levels of a factor, in any predictor."""
    every = (rows, *rows.parameters.values())
    return any(g.factor == factor and g.play_a_part and g.new_labels for one in every for g in one.groups)


def _joined_levels(
    joined: JoinedFactor, design: Design, rows: Rows, draws: Draws, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Draw effects of new levels that are correlated across predictors; return those of all levels, by variable."""
    every = (rows, *rows.parameters.values())
    groups = [g for one in every for g in one.groups if g.factor == joined.factor and g.play_a_part]
    effects = sample_joined(joined, design, draws, len(groups[0].new_labels), rng)
    members = joined_members(joined, design)
    return {one.b: np.concatenate([draws[one.b], effects[..., one.place]], axis=1) for one in members}


def sample_joined_levels(design: Design, draws: Draws, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw new effects of every level of the factors whose effects are correlated across predictors, by variable."""
    found: dict[str, np.ndarray] = {}
    for joined in joined_factors(design):
        members = joined_members(joined, design)
        effects = sample_joined(joined, design, draws, members[0].factor.n_levels, rng)
        found |= {one.b: effects[..., one.place] for one in members}
    return found


def sample_joined(
    joined: JoinedFactor, design: Design, draws: Draws, levels: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw effects of unrelated levels of several predictors, (draws, levels, effects)."""
    half = joined_root(joined, design, draws)
    noise = rng.standard_normal((len(half), levels, half.shape[1]))
    return np.asarray(np.einsum("dij,dlj->dli", half, noise))


def joined_root(joined: JoinedFactor, design: Design, draws: Draws) -> np.ndarray:
    """Return a root of the covariance of one level's effects of several predictors, (draws, effects, effects)."""
    sd = np.concatenate([draws[one.sd] for one in joined_members(joined, design)], axis=1)
    half = correlation_root(draws[across_name(joined.factor)])
    return np.asarray(sd[:, :, None] * half)


def _all_levels(
    factor: FactorEffects, group: GroupRows, draws: Draws, sample: bool, rng: np.random.Generator
) -> np.ndarray:
    """Return the effects of the known levels, then those of the new ones, shape (draws, levels, effects)."""
    known = draws_of_levels(draws, factor.name)
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
    expected = np.einsum("nj,dje->dne", mean, draws_of_levels(draws, factor.name))
    if not sample:
        return expected
    return expected + np.einsum("nm,dme->dne", root, sample_effects(factor, draws, len(root), rng))


def sample_all_levels(factor: FactorEffects, draws: Draws, rng: np.random.Generator) -> np.ndarray:
    """Draw new effects of every level of a factor, with their known covariance, (draws, levels, effects)."""
    effects = sample_effects(factor, draws, factor.n_levels, rng)
    return effects if factor.root is None else np.einsum("jk,dke->dje", factor.root, effects)


def sample_effects(factor: FactorEffects, draws: Draws, levels: int, rng: np.random.Generator) -> np.ndarray:
    """Draw effects of unrelated levels from N(0, Sigma), Sigma of each draw, shape (draws, levels, effects).

    Effects with a Student t distribution have that scale.
    """
    sd = draws[sd_name(factor.name)]
    noise = heavy_noise(factor, draws, rng.standard_normal((len(sd), levels, sd.shape[1])), rng)
    if not factor.correlated:
        return noise * sd[:, None, :]
    # At the predictors' means correlations are moderate; far from them they round to +-1.
    sd, corr = factor.basis.at_means(sd, draws[corr_name(factor.name)])
    cholesky = correlation_root(corr)
    effects = np.einsum("dij,dlj->dli", cholesky, noise) * sd[:, None, :]
    return effects if factor.basis.is_plain else effects @ factor.basis.to_zero.T
