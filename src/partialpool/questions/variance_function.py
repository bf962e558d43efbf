"""The variance function: how the variance of a response changes along a predictor."""

import numpy as np
import xarray as xr

from partialpool.design.grid import At, covariate_points
from partialpool.design.held import offset_in_words
from partialpool.design.truncation import before_truncation
from partialpool.design.units import UNITS
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import over_tables
from partialpool.model.covariance import level_covariance
from partialpool.model.heavy_effects import inflation
from partialpool.model.partition import partition_at, typical_predictor
from partialpool.names import RESIDUAL, part_names
from partialpool.spec.keywords import explains_keywords

__all__ = ["variance_function"]


@explains_keywords
@over_tables
def variance_function(fit: Fit, at: At) -> xr.Dataset:
    """Return Var(y | x) over a grid, its parts, and the covariance of two responses of one group at two places.

    Under a random slope Var(y | x) = tau_0^2 + 2 tau_01 x + tau_1^2 x^2 + sigma^2: a parabola in x; in general
    z(x)' Sigma z(x) summed over factors, plus the distribution's own variance.

    Parameters
    ----------
    fit
        A fit with grouping factors.
    at
        A grid of predictor values, `{"Days": numpy.linspace(0, 9, 19)}`; others are fixed at their means, including
        those used by the offset.

    Returns
    -------
    xarray.Dataset
        In squared units of the linear predictor. `variance` (chain, draw, grid); `parts` (chain, draw, part, grid):
        each factor, then `residual`; `covariance` (chain, draw, factor, grid, grid with `_bis`): Cov(y(x), y(x')) of
        two rows of one level; `mean` (chain, draw, grid): the linear predictor of the population, including the offset,
        which is stated in `attrs["offset"]`. The grid's dimensions are the columns; one that has the name of a
        dimension or a variable here has `_column` added to its name, and so has a factor called `fixed` or `residual`
        among the parts.

    Raises
    ------
    DataError
        A predictor that the model does not use, a category that must be named.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> v = pp.variance_function(fit, {"Days": [0, 9]})["variance"].mean(("chain", "draw"))
    >>> bool(v.sel(Days=9) > 2 * v.sel(Days=0))
    True
    """
    design, posterior = fit.design, fit.posterior
    points = covariate_points(design, at, common=True)
    partition = partition_at(posterior, design, points)
    lead = (posterior.sizes["chain"], posterior.sizes["draw"])
    parts = np.stack([*partition.factors.values(), np.broadcast_to(partition.residual, partition.total.shape)], axis=2)
    bis = tuple(f"{name}_bis" for name in points.dims)
    covariance = np.stack(
        [
            np.einsum("cdij,pi,qj->cdpq", level_covariance(posterior, factor), z, z, optimize=True)
            * inflation(factor, posterior)[..., None, None]
            for factor, z in zip(design.grouping, points.effects, strict=True)
        ]
        or [np.zeros((*lead, parts.shape[-1], parts.shape[-1]))],
        axis=2,
    )
    names = list(partition.factors)
    variables = {
        "variance": (("chain", "draw", *points.dims), partition.total.reshape(*lead, *points.shape)),
        "parts": (("chain", "draw", "part", *points.dims), parts.reshape(*lead, len(names) + 1, *points.shape)),
        "mean": (
            ("chain", "draw", *points.dims),
            typical_predictor(posterior, design, points).reshape(*lead, *points.shape),
        ),
    }
    if names:
        variables["covariance"] = (
            ("chain", "draw", "factor", *points.dims, *bis),
            covariance.reshape(*lead, len(names), *points.shape, *points.shape),
        )
    coords = {"chain": posterior["chain"], "draw": posterior["draw"], "part": [*part_names(names), RESIDUAL]}
    coords |= points.labels | {f"{name}_bis": values for name, values in points.coords.items()}
    coords |= {"factor": names} if names else {}
    attrs = {
        "definition": "Var(y | x) = sum over factors of z(x)' Sigma z(x), plus the distribution's variance",
        "residual": partition.residual_definition,
        "response": fit.design.response.name,
        UNITS: fit.design.axis_units.as_text(),
        "scale": fit.spec.link,
    }
    if points.held:
        attrs["held"] = points.held_in_words
    if points.offset is not None:
        attrs["offset"] = offset_in_words(design, points.offset)
    return Answer(variables, coords=coords, attrs=attrs | before_truncation(design.response.truncation))
