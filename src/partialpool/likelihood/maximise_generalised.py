"""Maximum likelihood of generalised models: group effects integrated out by quadrature, or by Laplace's approximation.

The search runs over elements of the relative Cholesky factors, coefficients and the family's own parameters together
(`free_parameters`), as `glmer` of lme4 does. Standard errors are from the Hessian of the log likelihood in all of them.
Where parameters of the family have predictors, those of all predictors are searched together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Self

import numpy as np

from partialpool.design.design import Design
from partialpool.design.effect_basis import covariance_parts
from partialpool.errors import DataError, EngineError
from partialpool.likelihood.boundary_optimizer import Deviance, Minimum, descend
from partialpool.likelihood.check_peak import Peak, check_peak
from partialpool.likelihood.covariance_factor import relative_diagonal
from partialpool.likelihood.free_parameters import FreeParameters
from partialpool.likelihood.laplace import Laplace
from partialpool.likelihood.laplace_observed import ObservedLaplace
from partialpool.likelihood.level_quadrature import LevelQuadrature
from partialpool.likelihood.maximum import EXACT, LAPLACE, OBSERVED, QUADRATURE, Maximum, OfPredictor
from partialpool.likelihood.nested_quadrature import NestedQuadrature
from partialpool.likelihood.of_each_predictor import across_predictors, of_each_predictor
from partialpool.likelihood.quadrature import Quadrature
from partialpool.marginal.gaussian.marginal import Marginal, build_flat
from partialpool.marginal.gaussian.recover import original_beta, original_covariance
from partialpool.marginal.glmm.own_parameters import own_priors
from partialpool.marginal.glmm.posterior import Response, read_response
from partialpool.marginal.glmm.predictors import Predictors, lay_out
from partialpool.marginal.glmm.weighted_rows import working_moments
from partialpool.model.default_priors import default_priors
from partialpool.model.prior import cutpoint_shift
from partialpool.names import BETA, names_of_predictor

__all__ = ["GeneralisedLikelihood", "integration_of", "laplace_of", "maximise_generalised"]

_TRACE: Final = 1e-7
"""Relative sd below which an estimate is 0: its square is below the rounding errors of the likelihood."""
_START: Final = 0.5
"""Group sds at the start, relative to the spread of the linear predictor."""
_MOST_ERROR: Final = 1e-4
"""Largest error of the quadrature, in log likelihood."""


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
        Where the search starts, (size,): coefficients of the working response, sds of half its spread.
    response
        The response and its row kernels.
    method
        How group effects are integrated out.
    predictors
        The predictors of the design.
    """

    marginal: Marginal
    parameters: FreeParameters
    start: np.ndarray
    response: Response
    method: str
    predictors: Predictors

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
        response, priors = read_response(design), default_priors(design)
        predictors = lay_out(design, priors)
        whole, units = predictors.design, predictors.units
        own = own_priors(design, {**priors, **design.spec.fixed_parameters})
        slope, information = response.curvature(response.start, own.values(own.start))
        moments = working_moments(whole, units, response.start, slope, information)
        marginal = build_flat(whole, predictors.priors, moments, integrate=False, weighted=units)
        # Columns of several predictors are scaled by the unit of each.
        spread = 1.0 if predictors.parts else float(np.std(response.start)) / units.unit or 1.0
        plain = FreeParameters.of(marginal, own, spread)
        beta = marginal.least_squares()
        begin = plain.start(_START * spread, beta)
        rough = cls(marginal, plain, begin, response, method, predictors)
        parameters = plain.scaled(begin, rough.laplace.value)
        return replace(rough, parameters=parameters, start=parameters.start(_START * spread, beta))

    def of_response(self, design: Design, start: np.ndarray) -> "GeneralisedLikelihood":
        """Return the likelihood of the same design with another response, in the same coordinates."""
        return replace(self, response=read_response(design), start=start)

    @cached_property
    def laplace(self) -> Laplace | ObservedLaplace:
        """The deviance by Laplace's approximation."""
        parts = self.predictors.parts
        if not parts and self.method != OBSERVED:
            return Laplace(self.marginal, self.response, self.parameters)
        units = [part.units.unit for part in parts] or [self.marginal.units.unit]
        return ObservedLaplace(self.marginal, self.response, self.parameters, np.array(units))

    @cached_property
    def deviance(self) -> Deviance:
        """The deviance, by the method."""
        if self.method == QUADRATURE and self.marginal.design.factors:
            rule = _rule(self.marginal.design)
            assert rule is not None, "the method is from `integration_of`"
            return rule.of(self.marginal, self.response, self.parameters)
        return self.laplace

    def maximised(self) -> Minimum:
        """Search for the maximum."""
        return descend(self.deviance, self.parameters, [self.start])

    def check_integral(self, t: np.ndarray) -> None:
        """Refuse a quadrature that has not converged.

        Raises
        ------
        EngineError
            Its error may be large.
        """
        error = self.deviance.error(t) if isinstance(self.deviance, Quadrature) else 0.0
        if not error < _MOST_ERROR:
            raise EngineError(
                "the effects of a level cannot be integrated out",
                got=f"a quadrature that has not converged: its error may be {error:.1g} in log likelihood",
                allowed=f"an error below {_MOST_ERROR}",
                do="use laplace=True in pp.maximum_likelihood, or fit",
            )


def integration_of(*designs: Design) -> str:
    """Return how group effects of these models are integrated out, so that their likelihoods can be compared."""
    if any(design.parameters and not _is_of_categories(design) for design in designs):
        return EXACT if all(_is_quadratic(design) for design in designs) else OBSERVED
    stacked = [_one_design(design) for design in designs]
    if not any(design.factors for design in stacked):
        return EXACT
    if all(not design.factors or _rule(design) for design in stacked):
        return QUADRATURE
    return laplace_of(*designs)


def laplace_of(*designs: Design) -> str:
    """Return which of Laplace's approximations these models have: that of several predictors is the observed one.

    The kernels' information of truncated rows serves Newton's steps: it is not the observed one, nor an expectation.
    """
    if any(design.parameters for design in designs):
        return OBSERVED
    truncated = any(design.response.truncation is not None for design in designs)
    related = any(factor.kinship is not None for design in designs for factor in design.factors)
    return OBSERVED if truncated and not related else LAPLACE


def _is_of_categories(design: Design) -> bool:
    """Whether its predictors are those of categories, or of thresholds between them: no level varies in a scale."""
    return bool(design.thresholds) or design.spec.family_record.has_predictors_of_categories


def _one_design(design: Design) -> Design:
    """Return the rows of all predictors as those of one."""
    return lay_out(design, default_priors(design)).design


def _is_quadratic(design: Design) -> bool:
    """Whether the log density of the rows is quadratic in all group effects, so that Laplace's approximation is exact.

    Nothing of it is where there are no effects.
    """
    if any(other.factors for other in design.parameters.values()):
        return False
    return not design.factors or design.spec.is_normal


def _rule(design: Design) -> type[LevelQuadrature | NestedQuadrature] | None:
    """Return the quadrature that applies to a design of all predictors' rows; None if there is none."""
    rules = (LevelQuadrature, NestedQuadrature)
    return next((rule for rule in rules if rule.applies(design)), None)


def _check_one_level(design: Design) -> None:
    """Refuse rows of several levels, of which the integrals are not available."""
    if any(factor.has_members for factor in design.factors):
        raise DataError(
            "maximum likelihood of rows that belong to several levels is only for a normal response",
            got=f"{design.spec}",
            allowed="mm(...) with family='gaussian' or 'lognormal'",
            do="use pp.fit, which samples this model",
        )


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
    DataError
        Rows that belong to several levels.
    EngineError
        No maximum at finite values.
    """
    _check_one_level(design)
    with np.errstate(all="ignore"):  # the search may try parameters under which rows have no density
        likelihood = GeneralisedLikelihood.of(design, method)
        found = likelihood.maximised()
        peak = check_peak(likelihood.deviance, likelihood.parameters, found)
        likelihood.check_integral(peak.t)
        return _describe(likelihood, peak)


def _without_traces(root: np.ndarray) -> np.ndarray:
    """Return a relative Cholesky factor with 0 for elements that no digit of the likelihood depends on."""
    return np.where(np.abs(root) < _TRACE, 0.0, root)


def _describe(likelihood: GeneralisedLikelihood, peak: Peak) -> Maximum:
    marginal, parameters, t = likelihood.marginal, likelihood.parameters, peak.t
    design, units = marginal.design, marginal.units
    point = parameters.point(t)
    sd, corr, relative = {}, {}, {}
    for place, f in enumerate(marginal.arrangement.order):
        q = len(design.factors[f].names)
        root, own = _without_traces(point.roots[place, :q, :q]), units.factors[f]
        stated = own.to_data @ np.linalg.solve(own.shift, root) * units.unit
        sd[f], corr[f] = covariance_parts(stated @ stated.T)
        relative[f] = relative_diagonal(root)
    found = OfPredictor(
        original_beta(marginal, point.beta[None])[0],
        original_covariance(marginal, peak.covariance),
        tuple(sd[f] for f in range(len(sd))),
        tuple(corr[f] for f in range(len(corr))),
        likelihood.laplace.modes(t),
        tuple(relative[f] for f in range(len(sd))),
    )
    each = of_each_predictor(found, likelihood.predictors)
    mean = each.pop("", found)
    own_values = parameters.own.named((t * parameters.units)[parameters.of_own][None])
    if design.spec.family_record.has_cutpoints:
        shift = _cutpoint_shift(likelihood, mean, each)
        own_values = {name: values + shift for name, values in own_values.items()}
    return Maximum(
        -0.5 * peak.deviance,
        mean.beta,
        mean.covariance,
        None,
        mean.sd,
        mean.corr,
        mean.modes,
        mean.relative,
        no_residual=False,
        steepest=peak.distance,
        own=own_values,
        estimated=parameters.own.names,
        at_end=peak.at_end,
        method=likelihood.method,
        parameters=each,
        across=across_predictors(found, likelihood.predictors),
    )


def _cutpoint_shift(
    likelihood: GeneralisedLikelihood, mean: OfPredictor, each: Mapping[str, OfPredictor]
) -> np.ndarray:
    """Return the cutpoints at the predictors' zero less those at their means, (1, 1) or (1, cutpoints)."""
    parts = likelihood.predictors.parts
    beta = {BETA: mean.beta} | {names_of_predictor(name, ())[BETA]: one.beta for name, one in each.items()}
    design = parts[0].design if parts else likelihood.predictors.design
    return cutpoint_shift(design, {name: values[None] for name, values in beta.items()})
