"""Density, tail probabilities and replicates of a design's response, given the linear predictor."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from partialpool.design.design import Design
from partialpool.design.newdata import Rows
from partialpool.families.censored import log_density_of_censored, tails_of_censored
from partialpool.families.given import Given
from partialpool.families.truncated import draw_within, log_density_of_truncated, tails_of_truncated
from partialpool.model.parameter_values import family_parameters
from partialpool.model.predictor import Draws, Seed
from partialpool.model.residual_covariance import correlated_noise, given_observed, given_the_others, residual_sds
from partialpool.names import SIGMA

__all__ = [
    "draw_each",
    "given_of",
    "log_density",
    "log_density_of",
    "replicate",
    "tail_probabilities",
]


def given_of(
    design: Design,
    rows: Rows,
    eta: np.ndarray,
    draws: Draws,
    *,
    added: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> Given:
    """Return the quantities that the response of some rows is conditional on.

    Parameters
    ----------
    design, rows
        The model, and its own rows or new ones.
    eta
        Linear predictor, (draws, rows).
    draws
        Posterior variables, chains stacked.
    added
        What is added to the predictors of parameters, by parameter, (draws, rows).
    """
    own = family_parameters(design, rows, draws, added=added)
    if SIGMA not in design.parameters and (SIGMA in own or rows.se is not None):
        own[SIGMA] = residual_sds(rows, draws)
    return Given(design.spec.link_record, eta, own, rows.trials)


def log_density(design: Design, rows: Rows, eta: np.ndarray, draws: Draws) -> np.ndarray:
    """Evaluate log p(y | eta, parameters) of the design's own rows, shape (draws, rows)."""
    return log_density_of(design.response.values, design, rows, eta, draws)


def log_density_of(y: np.ndarray, design: Design, rows: Rows, eta: np.ndarray, draws: Draws) -> np.ndarray:
    """Evaluate log p(y | eta, parameters) of given responses y, (rows,), shape (draws, rows).

    Where residuals are correlated, each row's density is given the other rows of its series.
    """
    series = None if rows.residual is None else rows.residual.series
    if series is not None:
        sd = residual_sds(rows, draws)
        mean, own = given_the_others(series, draws, (y - eta) / sd)
        away = ((y - eta) / sd - mean) / own
        return np.asarray(-0.5 * (away**2 + np.log(2 * np.pi)) - np.log(own * sd))
    family, given = design.spec.family_record, given_of(design, rows, eta, draws)
    ends, bounds = y if rows.censoring is None else rows.censoring.other_end, rows.truncation
    if bounds is not None:
        return log_density_of_truncated(family, given, y, ends, (bounds.low, bounds.high))
    if rows.censoring is not None:
        return log_density_of_censored(family, given, y, ends)
    return family.log_density(given, y)


def tail_probabilities(
    design: Design, rows: Rows, eta: np.ndarray, draws: Draws
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Evaluate P(new < y), P(new = y) and P(new > y) given eta and parameters, of the design's own rows.

    Returns
    -------
    tuple of numpy.ndarray
        Each (draws, rows); on a continuous scale the middle one is 0, except for values that have a probability. Where
        a row is censored, the middle one is the probability of what is known of it.
    """
    given, y, family = given_of(design, rows, eta, draws), design.response.values, design.spec.family_record
    ends, bounds = design.response.other_ends, rows.truncation
    if bounds is not None:
        return tails_of_truncated(family, given, y, ends, (bounds.low, bounds.high))
    if rows.censoring is not None:
        return tails_of_censored(family, given, y, ends)
    below, above = family.tails(given, y)
    return below, family.probability(given, y), above


def draw_each(
    design: Design,
    rows: Rows,
    eta: np.ndarray,
    draws: Draws,
    *,
    seed: Seed,
    conditional: bool,
    added: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> np.ndarray:
    """Draw a new response of each row by itself, shape (draws, rows).

    Parameters
    ----------
    conditional
        Whether correlated residuals are given those observed in the row's series.
    added
        What is added to the predictors of parameters, by parameter, (draws, rows).
    """
    rng = np.random.default_rng(seed)
    series = None if rows.residual is None else rows.residual.series
    if series is None:
        return replicate(design, rows, eta, draws, seed=rng, added=added)
    noise = rng.standard_normal(eta.shape)
    if conditional:
        mean, sd = given_observed(design, rows, draws)
        noise = mean + sd * noise
    return eta + residual_sds(rows, draws) * noise


def replicate(
    design: Design,
    rows: Rows,
    eta: np.ndarray,
    draws: Draws,
    *,
    seed: Seed,
    added: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> np.ndarray:
    """Draw new responses, shape (draws, rows); residuals of a series are correlated as stated."""
    rng = np.random.default_rng(seed)
    series = None if rows.residual is None else rows.residual.series
    if series is not None:
        return eta + residual_sds(rows, draws) * correlated_noise(series, draws, rng.standard_normal(eta.shape))
    family, given = design.spec.family_record, given_of(design, rows, eta, draws, added=added)
    bounds = rows.truncation
    return family.draw(given, rng) if bounds is None else draw_within(family, given, bounds.low, bounds.high, rng)
