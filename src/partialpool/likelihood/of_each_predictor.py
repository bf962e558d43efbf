"""Estimates of the predictors of a model, from those of all of them as one design."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from scipy.linalg import block_diag

from partialpool.design.effect_basis import covariance_parts
from partialpool.likelihood.covariance_factor import relative_diagonal
from partialpool.likelihood.maximum import OfPredictor
from partialpool.marginal.gaussian.standardise import Units
from partialpool.marginal.glmm.predictors import Predictors

__all__ = ["across_predictors", "of_each_predictor"]


def of_each_predictor(found: OfPredictor, predictors: Predictors) -> dict[str, OfPredictor]:
    """Split the estimates of a design of several predictors; empty where the mean alone has one.

    Parameters
    ----------
    found
        Estimates of the whole design.
    predictors
        From `lay_out`; the mean has the name ''.
    """
    places = {factor.name: f for f, factor in enumerate(predictors.design.factors)}
    each: dict[str, OfPredictor] = {}
    for part in predictors.parts:
        original = partial(_original, part.units, part.turn)
        own = [(places[part.whole(factor)], part.effects[factor.name]) for factor in part.design.factors]
        each[part.name] = OfPredictor(
            original(found.beta[None, part.columns])[0],
            _turned(original, found.covariance[part.columns, part.columns]),
            tuple(found.sd[f][place] for f, place in own),
            tuple(found.corr[f][place, place] for f, place in own),
            tuple(found.modes[f][:, place] for f, place in own),
            tuple(found.relative[f][place] for f, place in own),
        )
    return each if predictors.mix is None else each | _as_differences(found, predictors)


def across_predictors(found: OfPredictor, predictors: Predictors) -> dict[str, np.ndarray]:
    """Return the correlations of the effects over a factor of several predictors, where these have some, by factor."""
    places = {factor.name: f for f, factor in enumerate(predictors.design.factors)}
    if predictors.mix is not None:
        found = replace(found, corr=tuple(corr for _, corr in _covariances_of_differences(found, predictors)))
    return {one.factor: found.corr[places[one.factor]] for one in predictors.joined}


def _as_differences(found: OfPredictor, predictors: Predictors) -> dict[str, OfPredictor]:
    """Turn estimates of contrasts between categories into those of differences to the first category.

    With M the differences of contrasts, and kron(M, I) for all coefficients or effects of the contrasts.
    """
    parts, mix = [part for part in predictors.parts if part.name], np.asarray(predictors.mix)
    coefs, size = len(parts[0].design.common.coefs), len(parts)
    of_contrasts = block_diag(*(_linear(partial(_original, part.units, part.turn), coefs) for part in parts))
    turn = np.kron(mix, np.eye(coefs)) @ of_contrasts
    beta = (turn @ found.beta).reshape(size, coefs)
    covariance = (turn @ found.covariance @ turn.T).reshape(size, coefs, size, coefs)
    covariances = _covariances_of_differences(found, predictors)
    modes = [own @ np.kron(mix, np.eye(own.shape[1] // size)).T for own in found.modes]
    each = {}
    for k, part in enumerate(parts):
        places = [part.effects[factor.name] for factor in part.design.factors]
        each[part.name] = OfPredictor(
            beta[k],
            covariance[k, :, k],
            tuple(sd[place] for (sd, _), place in zip(covariances, places, strict=True)),
            tuple(corr[place, place] for (_, corr), place in zip(covariances, places, strict=True)),
            tuple(own[:, place] for own, place in zip(modes, places, strict=True)),
            tuple(
                _pivots((sd[:, None] * corr * sd)[place, place])
                for (sd, corr), place in zip(covariances, places, strict=True)
            ),
        )
    return each


def _pivots(covariance: np.ndarray) -> np.ndarray:
    """Return the diagonal of the Cholesky factor of a covariance (effects, effects), which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return relative_diagonal(vectors * np.sqrt(np.maximum(values, 0.0)))


def _covariances_of_differences(found: OfPredictor, predictors: Predictors) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return sds and correlations of the effects on the categories, by factor, from those on the contrasts."""
    mix, parts = np.asarray(predictors.mix), []
    for sd, corr in zip(found.sd, found.corr, strict=True):
        turn = np.kron(mix, np.eye(len(sd) // len(mix)))
        parts.append(covariance_parts(turn @ (sd[:, None] * corr * sd) @ turn.T))
    return parts


def _original(units: Units, turn: np.ndarray, standard: np.ndarray) -> np.ndarray:
    """Convert coefficients of a predictor's columns (draws, coefs) to the data's scale."""
    return units.original(standard @ turn.T)


def _turned(original: Callable[[np.ndarray], np.ndarray], covariance: np.ndarray) -> np.ndarray:
    """Convert the covariance of a predictor's columns to the data's scale, both (coefs, coefs)."""
    turn = _linear(original, len(covariance))
    return np.asarray(turn @ covariance @ turn.T)


def _linear(original: Callable[[np.ndarray], np.ndarray], coefs: int) -> np.ndarray:
    """Return the matrix of an affine map of coefficients, (coefs, coefs)."""
    return (original(np.eye(coefs)) - original(np.zeros((1, coefs)))).T  # rows before: images of unit vectors
