"""The normal model that stands in for the rows of a generalised model: where it is taken, and with which weights.

It has the working response of the mode of Laplace's approximation, its weights held, so that the conditional mean of
the effects is right there. Its weights determine how the coordinates of the nuts engine follow theta; the posterior is
exact whatever they are.

If rows saturate (levels of all 0 or all 1, counts of 0), their information falls as the sds grow, and their effects
spread in proportion to the sds: weights of the mode would keep the effects from spreading, and the coordinates would
have a funnel at large sds, where weakly identified models have much of their mass. So each row's weight is its
information at the conditional mode under larger sds, where that is less. Rows whose information does not depend on the
sds, those of levels with many mixed outcomes or large counts, keep the weights of the mode; saturated ones approach a
weight of 0, which gives non-centred coordinates.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.errors import EngineError
from partialpool.marginal.gaussian.marginal import Marginal
from partialpool.marginal.glmm.information_scale import InformationScale, constant_information, measure_information
from partialpool.marginal.glmm.own_parameters import Own, own_priors
from partialpool.marginal.glmm.posterior import Posterior, Response, read_response
from partialpool.marginal.glmm.predictors import Predictors
from partialpool.marginal.glmm.weighted_rows import stand_in
from partialpool.model.prior_set import PriorSet
from partialpool.sampling.dense_levels import warn_if_dense
from partialpool.sampling.mode import Peak, find_peaks
from partialpool.sampling.starts import starts

__all__ = ["find_mode", "with_wide_weights"]

_HELD_ROUNDS: Final = 2
"""Newton steps before the sds change: the first ones, from the rows' own starting values, are long."""
_MOST_ROUNDS: Final = 30
_CLOSE: Final = 0.05
"""Largest change of a row's linear predictor, in units of its information to the power -1/2, at the mode."""
_MOST_HALVINGS: Final = 20
_MOST_SURPRISE, _ALLOWED_LOSS = 1.0, 1.0
"""Log density that a step may lose beyond what is expected, relative to that and absolutely."""
_WIDER: Final = 3.0
"""How many posterior sds larger the log sds are for the weights: nearly all of the posterior is below."""
_LEAST_WIDER, _MOST_WIDER = float(np.log(2.0)), 4.0
"""Bounds of the same on the log scale; without the lower one, levels saturate too little where an sd is well known."""
_FAR_OUT: Final = 2.0
"""Stretch from which a level with Student t effects is far out: the data exclude effects near 0."""
_LEAST_WEIGHT: Final = 1e-3
"""Smallest weight, relative to the one at the mode: the working response is finite."""


@dataclass(eq=False)
class _Rows:
    """Rows of a design's predictors, from which normal models are built."""

    predictors: Predictors
    response: Response
    own: Own

    def curvature(self, eta: np.ndarray, own_at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate slope and information of each row, given the own parameters' places, (rows,) each."""
        return self.response.curvature(eta, self.own.values(own_at))

    def stretch(self, posterior: Posterior, theta: np.ndarray, own_at: np.ndarray) -> float:
        """Let the coordinates of Student t effects follow the conditional mode; return the largest relative change."""
        if not self.own.nu:
            return 0.0
        found, before = posterior.stretched_levels(np.concatenate([theta, own_at])), posterior.stretches
        changes = [np.abs(np.log(m / before.get(name, 1.0))).max() for name, m in found.items()]
        self.predictors = self.predictors.stretched(found)
        return float(max(changes, default=0.0))

    def stand_in(self, eta: np.ndarray, slope: np.ndarray, weights: np.ndarray) -> Marginal:
        """Build the normal model whose log density has this slope at a linear predictor, with these weights."""
        own = self.predictors
        return stand_in(own.design, own.priors, own.units, eta, slope, weights)

    def information(self, eta: np.ndarray, own_at: np.ndarray) -> InformationScale:
        """Measure how the information at a linear predictor grows with the own parameters; cutpoints move its mean."""
        if self.own.priors.cutpoints.number:
            return constant_information(len(own_at))
        return measure_information(lambda at: self.curvature(eta, at)[1], own_at)

    def about(self, eta: np.ndarray, own_at: np.ndarray) -> Marginal:
        """Build the normal model with the rows' own information at a linear predictor."""
        return self.stand_in(eta, *self.curvature(eta, own_at))

    def step(
        self, posterior: Posterior, theta: np.ndarray, own_at: np.ndarray, eta: np.ndarray
    ) -> tuple[np.ndarray, float] | None:
        """Take a Newton step to the conditional mode given theta and the own parameters' places.

        It is halved while the rows lose far more log density than their quadratic approximation does. A loss by itself
        is no reason: the first steps go from the responses towards the prior.

        Returns
        -------
        np.ndarray, float
            The linear predictor, (rows,); the largest change of a row by the whole step, in units of its information
            to the power -1/2. None if the posterior has no density at (theta, own).
        """
        change = posterior.linear_predictor(np.concatenate([theta, own_at])) - eta
        if not np.isfinite(change).all():
            return None
        own = self.own.values(own_at)
        slope, information = self.response.curvature(eta, own)
        before, share = self.response.log_density(eta, own), 1.0
        for _ in range(_MOST_HALVINGS):
            after = self.response.log_density(eta + share * change, own)
            expected = float(share * slope @ change - 0.5 * share**2 * information @ change**2)
            if np.isfinite(after) and after - before > expected - _MOST_SURPRISE * abs(expected) - _ALLOWED_LOSS:
                break
            share /= 2
        return eta + share * change, float(np.max(np.abs(change) * np.sqrt(information), initial=0.0))

    def conditional_mode(
        self, posterior: Posterior, theta: np.ndarray, own_at: np.ndarray, eta: np.ndarray
    ) -> np.ndarray:
        """Climb from a linear predictor to the conditional mode given theta and the own parameters' places, (rows,)."""
        for _ in range(_MOST_ROUNDS):
            here = posterior.about(self.about(eta, own_at), constant_information(len(own_at)))
            step = self.step(here, theta, own_at, eta)
            if step is None:
                break  # sds so large that numbers overflow: where the climb has come to will do
            eta, change = step
            if change < _CLOSE:
                break
        return eta


def find_mode(design: Design, priors: PriorSet, predictors: Predictors) -> tuple[Posterior, Peak]:
    """Find the mode of theta's posterior by Laplace's approximation, and the normal model of the rows there.

    The weights are held while theta is searched, and are those of the mode at the end.

    Newton steps of the linear predictor alternate with searches in theta; at the end the working response is that of
    the mode. Wherever this ends, the posterior is exact: the normal model only determines the coordinates.

    Parameters
    ----------
    design, priors, predictors
        The model, and its predictors from `lay_out`.

    Raises
    ------
    EngineError
        No linear predictor at which every row has a density was found.
    """
    response, own = read_response(design), own_priors(design, priors)
    rows, eta, own_at = _Rows(predictors, response, own), response.start, own.start
    normal, constant = rows.about(eta, own_at), constant_information(len(own_at))
    posterior = Posterior.of(normal, constant, response, own)
    warn_if_dense(normal)
    theta = starts(normal)[0]
    peak: Peak | None = None
    for round_ in range(_MOST_ROUNDS):
        searched = round_ >= _HELD_ROUNDS and posterior.size > 0
        if round_ > 0:  # the information matters only where the own parameters move
            growth = rows.information(eta, own_at) if searched else constant
            posterior = posterior.about(rows.about(eta, own_at), growth)
        if searched:
            peaks = find_peaks(posterior, np.concatenate([theta, own_at])[None])
            if not peaks:
                raise _no_mode(design)
            peak = peaks[0]
            theta, own_at = peak.theta[: normal.size], peak.theta[normal.size :]
        step = rows.step(posterior, theta, own_at, eta)
        if step is None:
            raise _no_mode(design)
        eta, change = step
        change = max(change, rows.stretch(posterior, theta, own_at))
        if round_ > _HELD_ROUNDS and change < _CLOSE:
            break
    if peak is None:
        peak = Peak(np.concatenate([theta, own_at]), 0.0, np.zeros((0, 0)))
    return posterior, peak


def with_wide_weights(
    posterior: Posterior, predictors: Predictors, center: np.ndarray, spread: np.ndarray
) -> Posterior:
    """Return the posterior in coordinates about the conditional mode at a center, with weights of larger sds.

    Parameters
    ----------
    posterior, predictors
        The posterior about its mode, z being (theta, own) itself, and the model's predictors.
    center, spread
        (theta, own) about which the posterior is, and its posterior sds, as far as they are known; (elements,) each.
    """
    log_sds = posterior.log_sds
    if not len(log_sds):
        return posterior
    size = posterior.stand_in.size
    stretches = _wider(posterior, spread) if posterior.own.nu else {}
    rows = _Rows(predictors.stretched(stretches), posterior.response, posterior.own)
    theta, own_at = center[:size], center[size:]
    wider = theta.copy()
    wider[log_sds] += np.clip(_WIDER * spread[log_sds], _LEAST_WIDER, _MOST_WIDER)
    at_center = rows.conditional_mode(posterior, theta, own_at, posterior.linear_predictor(center))
    slope, information = rows.curvature(at_center, own_at)
    wide = rows.curvature(rows.conditional_mode(posterior, wider, own_at, at_center), own_at)[1]
    weights = np.clip(wide, _LEAST_WEIGHT * information, information)
    return posterior.about(rows.stand_in(at_center, slope, weights), rows.information(at_center, own_at))


def _wider(posterior: Posterior, spread: np.ndarray) -> dict[str, np.ndarray]:
    """Return the stretch of Student t effects, for smaller scales where a level is far out.

    There the data determine the effect, which is the larger a multiple of the scale the smaller that is.
    """
    log_sds = posterior.log_sds
    wider = np.exp(np.clip(_WIDER * spread[log_sds].max(), _LEAST_WIDER, _MOST_WIDER))
    return {name: np.where(m > _FAR_OUT, wider * m, m) for name, m in posterior.stretches.items()}


def _no_mode(design: Design) -> EngineError:
    return EngineError(
        "no starting point was found for this model",
        got=f"a {design.spec.family!r} response whose rows have no density where the search began",
        allowed="a response and priors under which the rows have a density",
        do="check the response and the offset, or sample the PyMC model: engine='pymc'",
    )
