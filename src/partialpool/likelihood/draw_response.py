"""Responses drawn from a model at estimates of its parameters, with new group effects: the parametric bootstrap."""

from collections.abc import Sequence

import numpy as np

from partialpool.design.design import Design
from partialpool.design.joined_factors import joined_factors, joined_members
from partialpool.design.newdata import own_rows
from partialpool.design.psd_root import singular_root
from partialpool.likelihood.maximum import Maximum, OfPredictor
from partialpool.model.response import replicate
from partialpool.names import BETA, SIGMA, b_name, names_of_predictor

__all__ = ["draw_response"]


def draw_response(design: Design, maximum: Maximum, rng: np.random.Generator) -> np.ndarray:
    """Draw a response of the same rows with new group effects, at the estimates; shape (rows,)."""
    joined = _joined_effects(design, maximum, rng)
    eta = _predictor(design, maximum.beta, _effects(design, maximum, "", joined, rng))
    own = maximum.own if maximum.sigma is None else {SIGMA: np.array([maximum.sigma])}
    own = {**own, **{name: values[None] for name, values in maximum.residual.items()}}
    for name, other in design.parameters.items():
        found, names = maximum.parameters[name], names_of_predictor(name, other.spec.parts_with_sds)
        effects = _effects(other, found, name, joined, rng)
        own[names[BETA]] = found.beta[None]
        own |= {names[b_name(f.name)]: b[None] for f, b in zip(other.factors, effects, strict=True)}
    return replicate(design, own_rows(design), eta[None], own, seed=rng)[0]


def _predictor(design: Design, beta: np.ndarray, effects: Sequence[np.ndarray]) -> np.ndarray:
    """Evaluate the linear predictor of the mean, (rows,)."""
    intercept = [np.ones((design.n_rows, 1))] if design.common.intercept else []
    eta = np.concatenate([*intercept, design.common.values], axis=1) @ beta
    eta += 0.0 if design.offset is None else design.offset
    for factor, own in zip(design.factors, effects, strict=True):
        eta += factor.apply(own)
    return np.asarray(eta)


def _effects(
    design: Design,
    found: Maximum | OfPredictor,
    name: str,
    joined: dict[tuple[str, str], np.ndarray],
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Draw the group effects of one predictor by factor, (levels, effects); those across predictors are drawn."""
    drawn = []
    for factor, sd, corr in zip(design.factors, found.sd, found.corr, strict=True):
        if (name, factor.name) in joined:
            drawn.append(joined[name, factor.name])
            continue
        half = sd[:, None] * singular_root(corr)
        effects = rng.standard_normal((factor.n_levels, len(sd))) @ half.T
        drawn.append(effects if factor.root is None else factor.root @ effects)
    return drawn


def _joined_effects(design: Design, maximum: Maximum, rng: np.random.Generator) -> dict[tuple[str, str], np.ndarray]:
    """Draw the effects that are correlated across predictors, by predictor and factor, (levels, effects)."""
    drawn: dict[tuple[str, str], np.ndarray] = {}
    for joined in joined_factors(design):
        designs = {"": design, **design.parameters}
        estimates: dict[str, Maximum | OfPredictor] = {"": maximum, **maximum.parameters}
        members = joined_members(joined, design)
        names = [name for name, _ in joined.parts]
        places = [[f.name for f in designs[name].factors].index(joined.factor) for name in names]
        sd = np.concatenate([estimates[name].sd[place] for name, place in zip(names, places, strict=True)])
        half = sd[:, None] * singular_root(maximum.across[joined.factor])
        effects = rng.standard_normal((members[0].factor.n_levels, len(sd))) @ half.T
        drawn |= {(name, joined.factor): effects[:, one.place] for name, one in zip(names, members, strict=True)}
    return drawn
