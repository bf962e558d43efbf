"""The response given its linear predictor, one function per family."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from partialpool.design.build import Design
from partialpool.design.labels import observed_name
from partialpool.names import OBS

__all__ = ["INVERSE_LINKS", "LIKELIHOODS", "LINKS", "likelihood"]

Parameters = Mapping[str, pt.TensorVariable]
_SQRT2: Final = np.sqrt(2.0)

INVERSE_LINKS: Final[Mapping[str, Callable[[pt.TensorVariable], pt.TensorVariable]]] = MappingProxyType(
    {
        "identity": lambda eta: eta,
        "log": pt.exp,
        "logit": pt.sigmoid,
        "probit": lambda eta: 0.5 * pt.erfc(-eta / _SQRT2),
        "cloglog": lambda eta: -pt.expm1(-pt.exp(eta)),
        "sqrt": lambda eta: eta**2,
        "inverse": lambda eta: 1 / eta,
    }
)
"""From linear predictor to mean."""

LINKS: Final[Mapping[str, Callable[[pt.TensorVariable], pt.TensorVariable]]] = MappingProxyType(
    {
        "logit": lambda p: pt.log(p) - pt.log1p(-p),
        "probit": lambda p: -_SQRT2 * pt.erfcinv(2 * p),
        "cloglog": lambda p: pt.log(-pt.log1p(-p)),
    }
)
"""From a probability to the linear scale: cutpoints need it."""


def likelihood(design: Design, eta: pt.TensorVariable, parameters: Parameters) -> pt.TensorVariable:
    """Register the observed variable, under the response's name, with dims `obs`."""
    return LIKELIHOODS[design.spec.family](design, eta, parameters)


def _mean(design: Design, eta: pt.TensorVariable) -> pt.TensorVariable:
    return INVERSE_LINKS[design.spec.link](eta)


def _sigma(design: Design, parameters: Parameters) -> pt.TensorVariable:
    return parameters["sigma"] if design.se is None else pm.Data("se_values", design.se, dims=OBS)


def _observed(design: Design, dtype: str = "float64") -> dict[str, object]:
    return {"observed": design.response.values.astype(dtype), "dims": OBS}


def _gaussian(design: Design, eta: pt.TensorVariable, parameters: Parameters) -> pt.TensorVariable:
    return pm.Normal(observed_name(design), _mean(design, eta), _sigma(design, parameters), **_observed(design))


def _student_t(design: Design, eta: pt.TensorVariable, parameters: Parameters) -> pt.TensorVariable:
    mu, sigma = _mean(design, eta), _sigma(design, parameters)
    return pm.StudentT(observed_name(design), nu=parameters["nu"], mu=mu, sigma=sigma, **_observed(design))


def _lognormal(design: Design, eta: pt.TensorVariable, parameters: Parameters) -> pt.TensorVariable:
    return pm.LogNormal(observed_name(design), eta, parameters["sigma"], **_observed(design))


def _probability(design: Design, eta: pt.TensorVariable) -> dict[str, pt.TensorVariable]:
    return {"logit_p": eta} if design.spec.link == "logit" else {"p": _mean(design, eta)}


def _bernoulli(design: Design, eta: pt.TensorVariable, parameters: Parameters) -> pt.TensorVariable:
    return pm.Bernoulli(observed_name(design), **_probability(design, eta), **_observed(design, "int64"))


def _binomial(design: Design, eta: pt.TensorVariable, parameters: Parameters) -> pt.TensorVariable:
    trials = pm.Data("trials_values", np.asarray(design.response.trials, dtype="int64"), dims=OBS)
    return pm.Binomial(observed_name(design), n=trials, **_probability(design, eta), **_observed(design, "int64"))


def _poisson(design: Design, eta: pt.TensorVariable, parameters: Parameters) -> pt.TensorVariable:
    return pm.Poisson(observed_name(design), _mean(design, eta), **_observed(design, "int64"))


def _negative_binomial(design: Design, eta: pt.TensorVariable, parameters: Parameters) -> pt.TensorVariable:
    mu = _mean(design, eta)
    return pm.NegativeBinomial(observed_name(design), mu=mu, alpha=parameters["alpha"], **_observed(design, "int64"))


def _gamma(design: Design, eta: pt.TensorVariable, parameters: Parameters) -> pt.TensorVariable:
    alpha = parameters["alpha"]
    return pm.Gamma(observed_name(design), alpha=alpha, beta=alpha / _mean(design, eta), **_observed(design))


def _beta(design: Design, eta: pt.TensorVariable, parameters: Parameters) -> pt.TensorVariable:
    mu, phi = _mean(design, eta), parameters["phi"]
    return pm.Beta(observed_name(design), alpha=mu * phi, beta=(1 - mu) * phi, **_observed(design))


def _cumulative(design: Design, eta: pt.TensorVariable, parameters: Parameters) -> pt.TensorVariable:
    """P(y <= k) = F(cutpoint_k - eta), cutpoints at the predictors' means."""
    cutpoints = parameters["cutpoints"]
    if design.spec.link == "logit":
        return pm.OrderedLogistic(
            observed_name(design), eta=eta, cutpoints=cutpoints, compute_p=False, **_observed(design, "int64")
        )
    below = INVERSE_LINKS[design.spec.link](cutpoints[None, :] - eta[:, None])
    edges = pt.concatenate([pt.zeros((below.shape[0], 1)), below, pt.ones((below.shape[0], 1))], axis=1)
    p = pt.clip(pt.diff(edges, axis=1), 1e-15, 1.0)
    return pm.Categorical(observed_name(design), p=p / p.sum(axis=1, keepdims=True), **_observed(design, "int64"))


LIKELIHOODS: Final[Mapping[str, Callable[[Design, pt.TensorVariable, Parameters], pt.TensorVariable]]] = (
    MappingProxyType(
        {
            "gaussian": _gaussian,
            "student_t": _student_t,
            "lognormal": _lognormal,
            "bernoulli": _bernoulli,
            "binomial": _binomial,
            "poisson": _poisson,
            "negative_binomial": _negative_binomial,
            "gamma": _gamma,
            "beta": _beta,
            "cumulative": _cumulative,
        }
    )
)
