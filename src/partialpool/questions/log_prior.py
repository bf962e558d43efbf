"""Log densities of the top-level priors, per draw."""

from typing import Any, Final

import xarray as xr

from partialpool.design.design import Design
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.model.prior import log_prior_density
from partialpool.model.prior_set import PriorSet
from partialpool.names import BETA, effect_dim, names_of_predictor, sd_name
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
        (chain, draw), of the whole matrix; family parameters (chain, draw); the same of predictors of parameters, such
        as `beta_sigma`.
    """
    posterior = fit.posterior
    shape = (posterior.sizes["chain"], posterior.sizes["draw"])
    dims, labels = _of_predictor(fit.design, fit.priors)
    for name, other in fit.design.parameters.items():
        names = names_of_predictor(name, other.spec.parts_with_sds)
        own, coefs = _of_predictor(other, fit.priors.of_predictor(names))
        names[_BETA_PRIOR] = f"{names[BETA]}_prior"
        dims |= {names[inner]: tuple(names[dim] for dim in found) for inner, found in own.items()}
        labels |= {names[dim]: shown for dim, shown in coefs.items()}
    arrays = log_prior_density(fit.design, fit.priors, fit.stacked())
    variables = {
        name: (("chain", "draw", *dims.get(name, ())), values.reshape(*shape, *values.shape[1:]))
        for name, values in arrays.items()
    }
    used = {dim for name in arrays for dim in dims.get(name, ())}
    coords: dict[str, Any] = {dim: posterior[dim] for dim in ("chain", "draw", *sorted(used - set(labels)))}
    coords |= {dim: shown for dim, shown in labels.items() if dim in used}
    return Answer(variables, coords=coords)


def _of_predictor(design: Design, priors: PriorSet) -> tuple[dict[str, tuple[str, ...]], dict[str, list[str]]]:
    """Return the dimensions of each log density of a predictor, and the labels of those of its coefficients."""
    dims: dict[str, tuple[str, ...]] = {BETA: (_BETA_PRIOR,)}
    dims |= {sd_name(f.name): (effect_dim(f.name),) for f in design.factors}
    joint = priors.together
    alone = [coef for coef in design.common.coefs if coef not in joint]
    return dims, {_BETA_PRIOR: [*alone, *(["together"] if joint else [])]}
