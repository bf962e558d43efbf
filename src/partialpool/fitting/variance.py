"""Each factor's share of the variance (ICC), averaged over the rows, per draw.

With Sigma_f the covariance of a factor's effects and z_i its values in row i, the factor's variance averaged over
rows is tr(Sigma_f M_f), M_f = sum_i z_i z_i' / n (Johnson 2014, Methods in Ecology and Evolution 5:944), and
the adjusted ICC is its share of the sum over factors and residual. The fixed effects' variance is left out.
"""

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.model.covariance import group_variance
from partialpool.model.distribution import distribution_variance
from partialpool.model.heavy_effects import share_of

__all__ = ["intraclass_correlation", "residual_variance"]


def residual_variance(posterior: xr.Dataset, design: Design) -> tuple[np.ndarray | float, str] | None:
    """Return the residual variance and its scale; None where the variance is not a single number.

    Gaussian and lognormal: sigma^2. Student t: sigma^2 nu / (nu - 2), infinite in draws with nu of 2 or less. Binary
    and ordinal: the latent variance of the link.
    """
    family, link = design.spec.family_record, design.spec.link_record
    if not (family.is_latent or (design.se is None and link.is_identity and not family.variance_needs_mean(link))):
        return None
    variance, _ = distribution_variance(
        design, posterior, np.ones((posterior.sizes["chain"], posterior.sizes["draw"], 1))
    )
    return variance[..., 0], "latent scale" if family.is_latent else "log scale" if family.on_log_scale else ""


def intraclass_correlation(posterior: xr.Dataset, design: Design) -> tuple[dict[str, np.ndarray], str] | None:
    """Return each factor's adjusted ICC per draw, shape (chains, draws), and the scale; None where not defined."""
    residual = residual_variance(posterior, design)
    if residual is None or not design.grouping:
        return None
    parts = {factor.name: group_variance(posterior, factor) for factor in design.grouping}
    total = sum(parts.values(), np.asarray(residual[0]))
    return {name: share_of(part, total) for name, part in parts.items()}, residual[1]
