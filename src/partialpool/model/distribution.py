"""The variance of the response's own distribution, on the scale of the linear predictor, where groups vary too.

Binary and ordinal responses: that of the latent variable, pi^2/3, 1, pi^2/6. Counts and positive responses with a log
link: the lognormal approximation ln(1 + Var(y) / mean^2). Others: the delta method, Var(y) (d link / d mean)^2.
Nakagawa, Johnson & Schielzeth (2017), J. R. Soc. Interface 14:20170213, where the mean is that of the population, the
group effects integrated out; here it comes from each draw, without a null model.
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from scipy import stats

from partialpool.design.build import Design
from partialpool.errors import DataError
from partialpool.families.dispersion import DISPERSIONS, dispersion, tail_inflation
from partialpool.families.links import INVERSE_LINKS
from partialpool.names import FAMILY_PARAMETERS
from partialpool.spec.families import LATENT_VARIANCE

__all__ = ["check_finite_variance", "distribution_variance", "needs_mean", "own_parameters", "population_mean"]


def needs_mean(design: Design) -> bool:
    """Whether the variance depends on the response's mean."""
    spec = design.spec
    if spec.family_record.is_latent or spec.family in ("lognormal", "student_t"):
        return False
    if spec.family == "gaussian":
        return spec.link != "identity"
    return (spec.family, spec.link) not in {("gamma", "log"), ("poisson", "sqrt")}


def distribution_variance(design: Design, posterior: xr.Dataset, mean: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the distribution's variance per draw and place, and its definition in words.

    Parameters
    ----------
    design, posterior
        Of a fit.
    mean
        Mean of the response, (chains, draws, places); of shape (chains, draws, 1) and any value where
        `needs_mean` says it plays no part.

    Returns
    -------
    numpy.ndarray, str
        (chains, draws, places). Infinite in draws of a Student t with 2 degrees of freedom or fewer, which the
        definition counts.
    """
    spec = design.spec
    own = {n: posterior[n].transpose("chain", "draw", ...).to_numpy()[..., None] for n in own_parameters(posterior)}
    if spec.family_record.is_latent:
        return np.full(mean.shape, LATENT_VARIANCE[spec.link]), f"latent variance of the {spec.link} link"
    if spec.family in ("gaussian", "lognormal", "student_t"):
        return _of_location(design, own, mean)
    formula, variance = DISPERSIONS[spec.family][0], dispersion(spec.family, mean, own)
    if spec.link == "log":
        return np.log1p(variance / mean**2), f"lognormal approximation ln(1 + Var / mean^2), Var = {formula}"
    return variance * _link_slope(spec.link, mean) ** 2, f"delta method, Var = {formula}"


def population_mean(link: str, fixed: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return the mean of the response with group effects integrated out, elementwise.

    Exact for the log, identity, sqrt and probit links; at the typical level (no group effect) for the others, as
    the delta method wants it.

    Parameters
    ----------
    link
        Of the model.
    fixed, spread
        Linear predictor without group effects, and the group effects' total variance.
    """
    if link == "log":
        return np.exp(fixed + spread / 2)
    if link == "sqrt":
        return fixed**2 + spread
    return INVERSE_LINKS[link](fixed / np.sqrt(1 + spread) if link == "probit" else fixed)


def own_parameters(posterior: xr.Dataset) -> list[str]:
    """Name the family's own parameters that are one number a draw."""
    return [name for name in FAMILY_PARAMETERS if name in posterior and posterior[name].ndim == 2]


def _of_location(design: Design, own: Mapping[str, np.ndarray], mean: np.ndarray) -> tuple[np.ndarray, str]:
    spec = design.spec
    if design.se is not None:
        variance, text = np.full(mean.shape, np.mean(design.se**2)), "mean square of the known standard errors"
    else:
        variance, text = np.broadcast_to(own["sigma"] ** 2, mean.shape), "sigma^2"
    if spec.family == "student_t":
        variance, text = variance * tail_inflation(own["nu"]), f"{text} x nu / (nu - 2){_without(own['nu'])}"
    if spec.family == "lognormal":
        text += ", on the log scale"
    if spec.link != "identity":
        return variance * _link_slope(spec.link, mean) ** 2, f"delta method, Var = {text}"
    return variance, text


def check_finite_variance(design: Design, posterior: xr.Dataset) -> None:
    """Refuse draws of which some have no variance, for answers that are drawn as a whole.

    Raises
    ------
    DataError
        A Student t response with 2 degrees of freedom or fewer in some draws.
    """
    if design.spec.family == "student_t" and float(posterior["nu"].min()) <= 2:
        raise DataError(
            "a Student t response with so few degrees of freedom has no variance",
            got=f"nu from {float(posterior['nu'].min()):.2f}",
            allowed="nu above 2 in every draw",
            do="give nu a prior above 2: Prior('Gamma', alpha=2, beta=0.1, lower=2)",
        )


def _without(nu: np.ndarray) -> str:
    """Say in how many draws a Student t response has no variance; nothing where it has one in every draw."""
    count = int((nu <= 2).sum())
    return f", infinite in {count} of {nu.size} draws (nu of 2 or less), in which groups have no share" if count else ""


def _link_slope(link: str, mean: np.ndarray) -> np.ndarray:
    """Return d link / d mean."""
    return {
        "log": lambda: 1 / mean,
        "sqrt": lambda: 0.5 / np.sqrt(mean),
        "inverse": lambda: -1 / mean**2,
        "logit": lambda: 1 / (mean * (1 - mean)),
        "probit": lambda: 1 / stats.norm.pdf(stats.norm.ppf(mean)),
        "cloglog": lambda: -1 / ((1 - mean) * np.log1p(-mean)),
    }[link]()
