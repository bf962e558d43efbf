"""Estimates of the predictors of a model, from those of all of them as one design."""

from collections.abc import Callable
from functools import partial

import numpy as np

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
    each = {}
    for part in predictors.parts:
        original = partial(_original, part.units, part.turn)
        own = [(places[factor.name], part.effects[factor.name]) for factor in part.design.factors]
        each[part.name] = OfPredictor(
            original(found.beta[None, part.columns])[0],
            _turned(original, found.covariance[part.columns, part.columns]),
            tuple(found.sd[f][place] for f, place in own),
            tuple(found.corr[f][place, place] for f, place in own),
            tuple(found.modes[f][:, place] for f, place in own),
            tuple(found.relative[f][place] for f, place in own),
        )
    return each


def across_predictors(found: OfPredictor, predictors: Predictors) -> dict[str, np.ndarray]:
    """Return the correlations of the effects over a factor of several predictors, where these have some, by factor."""
    places = {factor.name: f for f, factor in enumerate(predictors.design.factors)}
    return {one.factor: found.corr[places[one.factor]] for one in predictors.joined}


def _original(units: Units, turn: np.ndarray, standard: np.ndarray) -> np.ndarray:
    """Convert coefficients of a predictor's columns (draws, coefs) to the data's scale."""
    return units.original(standard @ turn.T)


def _turned(original: Callable[[np.ndarray], np.ndarray], covariance: np.ndarray) -> np.ndarray:
    """Convert the covariance of a predictor's columns to the data's scale, both (coefs, coefs)."""
    coefs = len(covariance)
    turn = original(np.eye(coefs)) - original(np.zeros((1, coefs)))  # rows: images of unit vectors
    return np.asarray(turn.T @ covariance @ turn)
