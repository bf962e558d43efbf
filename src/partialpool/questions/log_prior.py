"""Log densities of the top-level priors, per draw."""

from typing import Any, Final

import xarray as xr

from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.model.prior import log_prior_density
from partialpool.names import BETA, effect_dim, sd_name
from partialpool.spec.keywords import explains_keywords

__all__ = ["log_prior"]

_BETA_PRIOR: Final = "beta_prior"


@explains_keywords
def log_prior(fit: Fit) -> xr.Dataset:
    """Evaluate the log density of every top-level prior at every draw.

    Group effects and their offsets are not top-level parameters and are left out, so that the result is the
    same for every engine and parametrization and can be power-scaled directly.

    Returns
    -------
    xarray.Dataset
        `beta` (chain, draw, beta_prior): the density of each coefficient that has a separate prior, by name, and last,
        as `together`, that of the coefficients with a joint prior; `sd_<f>` (chain, draw, effect); `corr_<f>`
        (chain, draw), of the whole matrix; family parameters (chain, draw).
    """
    posterior = fit.posterior
    shape = (posterior.sizes["chain"], posterior.sizes["draw"])
    dims: dict[str, tuple[str, ...]] = {BETA: (_BETA_PRIOR,)}
    dims |= {sd_name(f.name): (effect_dim(f.name),) for f in fit.design.factors}
    arrays = log_prior_density(fit.design, fit.priors, fit.stacked())
    variables = {
        name: (("chain", "draw", *dims.get(name, ())), values.reshape(*shape, *values.shape[1:]))
        for name, values in arrays.items()
    }
    used = {d for name in arrays for d in dims.get(name, ())} - {_BETA_PRIOR}
    coords: dict[str, Any] = {d: posterior[d] for d in ("chain", "draw", *sorted(used))}
    if BETA in arrays:
        joint = fit.priors.together
        alone = [coef for coef in fit.design.common.coefs if coef not in joint]
        coords[_BETA_PRIOR] = [*alone, *(["together"] if joint else [])]
    return Answer(variables, coords=coords)
