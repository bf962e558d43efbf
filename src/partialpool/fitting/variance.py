"""How much of the variance each factor carries, averaged over the rows, per draw.

With Sigma_f the covariance of a factor's effects and z_i its values in row i, the factor's variance averaged over
rows is tr(Sigma_f M_f), M_f = sum_i z_i z_i' / n (Johnson 2014, Methods in Ecology and Evolution 5:944), and
the adjusted ICC is that share of the sum over factors and residual. The common effects' variance is left out.
"""

import numpy as np
import xarray as xr

from partialpool.design.build import Design
from partialpool.families.dispersion import tail_inflation
from partialpool.model.covariance import group_variance
from partialpool.spec.families import LATENT_VARIANCE

__all__ = ["intraclass_correlation", "residual_variance"]


def residual_variance(posterior: xr.Dataset, design: Design) -> tuple[np.ndarray | float, str] | None:
    """Return the variance below the groups and the scale it is on; None where no single number is one.

    Gaussian and lognormal: sigma^2. Student t: sigma^2 nu / (nu - 2), infinite in draws with nu of 2 or less. Binary
    and ordinal: the latent variance of the link.
    """
    spec = design.spec
    if spec.family_record.is_latent:
        return LATENT_VARIANCE[spec.link], "latent scale"
    if design.se is not None or spec.link != "identity":
        return None
    if spec.family in ("gaussian", "lognormal"):
        return posterior["sigma"].to_numpy() ** 2, "log scale" if spec.family == "lognormal" else ""
    if spec.family == "student_t":
        return posterior["sigma"].to_numpy() ** 2 * tail_inflation(posterior["nu"].to_numpy()), ""
    return None


def intraclass_correlation(posterior: xr.Dataset, design: Design) -> tuple[dict[str, np.ndarray], str] | None:
    """Return each factor's adjusted ICC per draw, shape (chains, draws), and the scale; None where not defined."""
    residual = residual_variance(posterior, design)
    if residual is None or not design.factors:
        return None
    parts = {factor.name: group_variance(posterior, factor) for factor in design.factors}
    total = sum(parts.values(), np.asarray(residual[0]))
    return {name: part / total for name, part in parts.items()}, residual[1]
