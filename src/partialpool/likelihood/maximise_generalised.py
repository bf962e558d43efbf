"""Maximum likelihood of generalised models: group effects integrated out by quadrature, or by Laplace's approximation.

The search runs over elements of the relative Cholesky factors, coefficients and the family's own parameters together
(`free_parameters`), as `glmer` of lme4 does. Standard errors are from the Hessian of the log likelihood in all of them.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from partialpool.design.design import Design
from partialpool.design.effect_basis import covariance_parts
from partialpool.errors import EngineError
from partialpool.likelihood.boundary_optimizer import Deviance, Minimum, curvature, descend
from partialpool.likelihood.free_parameters import FreeParameters
from partialpool.likelihood.laplace import Laplace
from partialpool.likelihood.level_quadrature import LevelQuadrature
from partialpool.likelihood.maximum import EXACT, LAPLACE, QUADRATURE, SINGULAR, Maximum
from partialpool.marginal.gaussian.marginal import Marginal, build_flat
from partialpool.marginal.gaussian.recover import original_beta
from partialpool.marginal.glmm.own_parameters import own_priors
from partialpool.marginal.glmm.posterior import Response, read_response
from partialpool.marginal.glmm.weighted_rows import link_units, working_moments
from partialpool.model.default_priors import default_priors
from partialpool.model.prior import mean_shift
from partialpool.names import BETA

__all__ = ["GeneralisedLikelihood", "integration_of", "maximise_generalised"]

_STEEPEST: Final = 0.03
"""Largest distance from the maximum, in standard errors, at which the search may end."""
_LEAST_INFORMATION: Final = 1e-3
"""Least information about a parameter, in units of columns of size 1: with less, a coefficient's estimate is infinite,
and a parameter of the family is at the end of its range."""
_START: Final = 0.5


@dataclass(frozen=True, eq=False)
class GeneralisedLikelihood:
    """The likelihood of a design in free coordinates.

    Attributes
    ----------
    marginal
        A normal model of the rows that keeps all coefficients.
    parameters
        The coordinates.
    start
        Where the search starts, (size,): coefficients of the working response, sds of one half.
    deviance
        The deviance, by the method.
    laplace
        The same by Laplace's approximation.
    method
        How group effects are integrated out.
    """

    marginal: Marginal
    parameters: FreeParameters
    start: np.ndarray
    deviance: Deviance
    laplace: Laplace
    method: str

    @classmethod
    def of(cls, design: Design, method: str) -> Self:
        """Choose the coordinates of a design.

        Parameters
        ----------
        design
            The model's arrays.
        method
            How to integrate group effects out, from `integration_of`.
        """
        response, priors, units = read_response(design), default_priors(design), link_units(design)
        own = own_priors(design, priors)
        slope, information = response.curvature(response.start, own.values(own.start))
        moments = working_moments(design, units, response.start, slope, information)
        marginal = build_flat(design, priors, moments, integrate=False, weighted=units)
        plain = FreeParameters.of(marginal, own)
        start = plain.start(_START, marginal.least_squares())
        parameters = plain.scaled(start, Laplace(marginal, response, plain).value)
        return cls._put_together(marginal, parameters, start / parameters.units, response, method)

    @classmethod
    def _put_together(
        cls, marginal: Marginal, parameters: FreeParameters, start: np.ndarray, response: Response, method: str
    ) -> Self:
        laplace = Laplace(marginal, response, parameters)
        deviance: Deviance = laplace
        if method == QUADRATURE and marginal.design.factors:
            deviance = LevelQuadrature.of(marginal, response, parameters)
        return cls(marginal, parameters, start, deviance, laplace, method)

    def of_response(self, design: Design, start: np.ndarray) -> "GeneralisedLikelihood":
        """Return the likelihood of the same design with another response, in the same coordinates."""
        response = read_response(design)
        return self._put_together(self.marginal, self.parameters, start, response, self.method)

    def maximised(self) -> Minimum:
        """Search for the maximum."""
        return descend(self.deviance, self.parameters, [self.start])


def integration_of(*designs: Design) -> str:
    """Return how group effects of these models are integrated out, so that their likelihoods can be compared."""
    if not any(design.factors for design in designs):
        return EXACT
    return QUADRATURE if all(not d.factors or LevelQuadrature.applies(d) for d in designs) else LAPLACE


def maximise_generalised(design: Design, method: str) -> Maximum:
    """Maximise the likelihood of a model whose response is not normal, or has another link.

    Parameters
    ----------
    design
        The model's arrays.
    method
        How to integrate group effects out, from `integration_of`.

    Raises
    ------
    EngineError
        No maximum at finite values.
    """
    with np.errstate(all="ignore"):  # the search may try parameters under which rows have no density
        likelihood = GeneralisedLikelihood.of(design, method)
        found = likelihood.maximised()
        covariance, steepest = _information(likelihood, found.t)
    if not steepest < _STEEPEST:
        raise EngineError(
            "the likelihood could not be maximised",
            got=f"a search that ended {steepest:.2g} standard errors from the maximum",
            allowed=f"a distance below {_STEEPEST}",
            do="use fit: a posterior needs no maximum",
        )
    return _describe(likelihood, found.t, covariance, steepest)


def _information(likelihood: GeneralisedLikelihood, t: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the covariance of the coefficients, (coefs, coefs), and the distance to the maximum in standard errors.

    Elements at their bound, and parameters of the family about which the data say nothing, are taken as known.
    """
    parameters = likelihood.parameters
    free = ~(parameters.diagonal & (t == 0))
    hessian = curvature(likelihood.deviance, t, free)
    if hessian is None or not len(hessian):
        return np.zeros((parameters.coefs, parameters.coefs)), np.inf if hessian is None else 0.0
    at = np.flatnonzero(free)
    information = hessian / 2 / np.outer(parameters.units[at], parameters.units[at])
    informed = (at < parameters.of_own.start) | (np.diagonal(information) > _LEAST_INFORMATION)
    at, information = at[informed], information[np.ix_(informed, informed)]
    is_beta = (at >= parameters.of_beta.start) & (at < parameters.of_beta.stop)
    least = float(np.linalg.eigvalsh(information[np.ix_(is_beta, is_beta)]).min(initial=np.inf))
    if least < _LEAST_INFORMATION:
        raise EngineError(
            "the likelihood has no maximum at finite coefficients",
            got=f"a combination of coefficients with information {least:.1g}, in units of columns of size 1",
            allowed="a response that no predictor, and no combination of predictors, separates: no category whose "
            "responses are all 0, or all at the same end",
            do="leave out the predictor that separates the response, or use fit, whose priors keep estimates finite",
        )
    slope = likelihood.deviance.slope(t)[1][at] / 2 / parameters.units[at]
    covariance = np.linalg.pinv(information, hermitian=True)
    return covariance[np.ix_(is_beta, is_beta)], float(np.sqrt(max(slope @ covariance @ slope, 0.0)))


def _describe(likelihood: GeneralisedLikelihood, t: np.ndarray, covariance: np.ndarray, steepest: float) -> Maximum:
    marginal, parameters = likelihood.marginal, likelihood.parameters
    design, units = marginal.design, marginal.units
    point = parameters.point(t)
    sd, corr, relative = {}, {}, {}
    for place, f in enumerate(marginal.arrangement.order):
        q = len(design.factors[f].names)
        root, own = point.roots[place, :q, :q], units.factors[f]
        stated = own.to_data @ np.linalg.solve(own.shift, root) * units.unit
        sd[f], corr[f] = covariance_parts(stated @ stated.T)
        relative[f] = np.abs(np.diagonal(np.linalg.qr(root.T, mode="r")))
    p = parameters.coefs
    turn = original_beta(marginal, np.eye(p)) - original_beta(marginal, np.zeros((1, p)))  # rows: of unit vectors
    beta = original_beta(marginal, point.beta[None])
    own_values = parameters.own.named((t * parameters.units)[parameters.of_own][None])
    if design.spec.family_record.has_cutpoints:
        shift = mean_shift(design, {BETA: beta})
        own_values = {name: values + shift[:, None] for name, values in own_values.items()}
    return Maximum(
        -0.5 * likelihood.deviance.value(t),
        beta[0],
        turn.T @ covariance @ turn,
        None,
        tuple(sd[f] for f in range(len(sd))),
        tuple(corr[f] for f in range(len(corr))),
        likelihood.laplace.modes(t),
        tuple(relative[f] for f in range(len(sd))),
        any(bool((of_factor < SINGULAR).any()) for of_factor in relative.values()),
        no_residual=False,
        steepest=steepest,
        own=own_values,
        method=likelihood.method,
    )
