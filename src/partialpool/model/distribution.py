"""The variance of the response's distribution on the scale of the linear predictor, comparable with group variances.

Binary and ordinal responses: variance of the latent variable, pi^2/3, 1, pi^2/6. Counts and positive responses with a
log link: the lognormal approximation ln(1 + Var(y) / mean^2). Others: the delta method, Var(y) (d link / d mean)^2.
Nakagawa, Johnson & Schielzeth (2017), J. R. Soc. Interface 14:20170213, where the mean is that of the population, with
group effects integrated out; here it is computed for each draw, without a null model.
"""

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.errors import DataError
from partialpool.names import FAMILY_PARAMETERS, SIGMA

__all__ = ["check_finite_variance", "distribution_variance", "needs_mean", "own_parameters"]


def needs_mean(design: Design) -> bool:
    """Whether the variance depends on the response's mean."""
    return design.spec.family_record.variance_needs_mean(design.spec.link_record)


def distribution_variance(design: Design, posterior: xr.Dataset, mean: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the distribution's variance per draw and point, and its definition in words.

    Parameters
    ----------
    design, posterior
        Design and posterior of a fit.
    mean
        Mean of the response, (chains, draws, places); where `needs_mean` is false its value is not used, and its shape
        may be (chains, draws, 1).

    Returns
    -------
    numpy.ndarray, str
        (chains, draws, places). Infinite in draws of a Student t with 2 degrees of freedom or fewer; the
        definition gives their number.
    """
    known = None if design.se is None else float(np.mean(design.se**2))
    family, link = design.spec.family_record, design.spec.link_record
    variance, text = family.predictor_variance(link, mean, own_parameters(posterior, design), known)
    if design.precision is None and (design.residual is None or not design.residual.is_stratified):
        return variance, text
    by = "" if design.precision is None else f" / {design.spec.precision}"
    return variance, f"{text}{by}, averaged over the rows"


def own_parameters(posterior: xr.Dataset, design: Design) -> dict[str, np.ndarray]:
    """Return the family's own parameters that are scalars in each draw, (chains, draws, 1) each.

    sigma^2 is the mean of the rows' residual variances, where these differ.
    """
    names = [name for name in FAMILY_PARAMETERS if name in posterior and posterior[name].ndim == 2]
    found = {name: posterior[name].transpose("chain", "draw").to_numpy()[..., None] for name in names}
    if SIGMA in posterior and design.spec.family_record.is_normal:
        sigma = posterior[SIGMA].transpose("chain", "draw", ...).to_numpy()
        squares = sigma.reshape(*sigma.shape[:2], -1) ** 2
        found[SIGMA] = np.sqrt(squares @ design.stratum_shares)[..., None]
    return found


def check_finite_variance(design: Design, posterior: xr.Dataset) -> None:
    """Refuse a posterior in which some draws have no variance, for results that use all draws together.

    Raises
    ------
    DataError
        A Student t response with 2 degrees of freedom or fewer in some draws.
    """
    least = float(posterior["nu"].min()) if "nu" in design.spec.family_record.shapes else np.inf
    if least <= 2:
        raise DataError(
            "a Student t response with so few degrees of freedom has no variance",
            got=f"nu from {least:.2f}",
            allowed="nu above 2 in every draw",
            do="give nu a prior above 2: Prior('Gamma', alpha=2, beta=0.1, lower=2)",
        )
