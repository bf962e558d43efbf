"""Predictions along one predictor from draws of the parameters: variance of responses, and lines of levels."""

from typing import Final

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.held import offset_in_words
from partialpool.design.labels import mean_in_words
from partialpool.design.path import Course
from partialpool.design.units import UNITS
from partialpool.errors import DataError
from partialpool.model.distribution import check_finite_variance
from partialpool.model.expectation import expectation
from partialpool.model.parameter_values import HasParameters
from partialpool.model.partition import linear_predictor_at, partition_at
from partialpool.model.predictor import Draws, Seed, sample_effects
from partialpool.names import tree_name

__all__ = ["outlook_along"]

_DEFINITION: Final = "Var(y | x) = sum over factors of z(x)' Sigma z(x), plus the distribution's variance"


def outlook_along(design: Design, draws: xr.Dataset, course: Course, *, seed: Seed) -> xr.Dataset:
    """Return Var(y | x) and the lines of new levels along a predictor, draw by draw.

    Parameters
    ----------
    design, draws
        The model, and its parameters by name, labelled, with one chain.
    course
        The predictor that varies, and the values of the others.
    seed
        Seed for the effects of new levels.

    Returns
    -------
    xarray.Dataset
        `variance` (chain, draw, predictor), in squared units of the linear predictor, as in `variance_function`; left
        out where the response has no variance, with the reason in `attrs["no_variance"]`. `level_line` and
        `typical_line` (chain, draw, predictor): the mean of the response at a level of every factor that is newly drawn
        in each draw, and at the typical level, whose effects are 0. The offset is `attrs["offset"]`. For an ordinal
        response, which has no mean, they are the linear predictor. attrs describe the data on either scale:
        `observed_sd`, with the offset subtracted, for comparison with the variance (for a latent variable, which is not
        observed, `latent_sd` instead); `observed_low`, `observed_high` and, for proportions, `observed_mean`, as
        observed, for comparison with the lines. `scale` is that of the variance: the link, or `log` where the model is
        for log y.
    """
    stacked = {str(name): values.to_numpy()[0] for name, values in draws.items()}
    place = tree_name(course.points.dims[0])
    dims = ("chain", "draw", place)
    family = design.spec.family_record
    attrs: dict[str, object] = {
        "along": course.column,
        "response": design.response.name,
        UNITS: design.axis_units.as_text(),
        "family": design.spec.family,
        "scale": "log" if family.on_log_scale else design.spec.link,
        "held": course.held or "nothing",
        "offset": offset_in_words(design, course.points.offset) or "none",
        "definition": _DEFINITION,
        "lines": _meaning_of_lines(design),
        "levels": ", ".join(factor.name for factor in design.grouping) or "none",
    }
    variables = {}
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # a wide prior on a log scale may overflow
        try:
            check_finite_variance(design, draws)
            partition = partition_at(draws, design, course.points)
            variables["variance"] = (dims, partition.total)
            attrs["residual"] = partition.residual_definition
            if family.is_latent:
                attrs["latent_sd"] = float(np.sqrt(partition.residual.flat[0]))
        except DataError as error:
            attrs["no_variance"] = error.wrong
        eta = linear_predictor_at(draws, design, np.asarray(course.points.common), course.points.curves)[0]
        if course.points.offset is not None:
            eta = eta + course.points.offset
        variables["typical_line"] = (dims, _mean_of_response(design, course.points, eta, stacked)[None])
        rng = np.random.default_rng(seed)
        for factor, z in zip(design.grouping, course.points.effects, strict=True):
            eta = eta + np.sqrt(factor.mean_own) * sample_effects(factor, stacked, 1, rng)[:, 0] @ z.T
        variables["level_line"] = (dims, _mean_of_response(design, course.points, eta, stacked)[None])
    along = (place, course.values, {"long_name": course.column})
    coords = {"chain": draws["chain"], "draw": draws["draw"], place: along}
    return xr.Dataset(variables, coords=coords, attrs=attrs | _of_the_data(design))


def _mean_of_response(design: Design, points: HasParameters, eta: np.ndarray, draws: Draws) -> np.ndarray:
    return eta if not design.spec.family_record.has_mean else expectation(design, points, eta, None, draws)


def _meaning_of_lines(design: Design) -> str:
    return mean_in_words(design) if design.spec.family_record.has_mean else "linear predictor"


def _of_the_data(design: Design) -> dict[str, float]:
    """Summarise the observed response: on its own scale, and its sd with the offset subtracted."""
    response, family = design.response, design.spec.family_record
    if not family.has_mean:
        return {}
    y, trials = response.values, response.trials
    shares = y if trials is None else y[trials > 0] / trials[trials > 0]
    out: dict[str, float] = {}
    if family.support.has_range:
        out |= {"observed_low": float(shares.min()), "observed_high": float(shares.max())}
    if family.support.mean_is_probability:
        out["observed_mean"] = float(y.mean() if trials is None else y.sum() / trials.sum())
    shift = np.zeros(len(y)) if design.offset is None else design.offset
    sd = family.observed_sd(design.spec.link_record, y, shift)
    return out if sd is None else out | {"observed_sd": sd}
