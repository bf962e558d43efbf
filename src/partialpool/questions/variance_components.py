"""Variance components, their shares of the total, and R2."""

import numpy as np
import xarray as xr

from partialpool.design.truncation import before_truncation
from partialpool.design.units import UNITS
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import over_tables
from partialpool.model.covariance import effect_covariance
from partialpool.model.heavy_effects import inflation
from partialpool.model.partition import partition_over_rows, shares_over_rows
from partialpool.names import FIXED, RESIDUAL, part_names
from partialpool.spec.keywords import explains_keywords

__all__ = ["variance_components"]


@explains_keywords
@over_tables
def variance_components(fit: Fit) -> xr.Dataset:
    """Return standard deviations, variances, shares, covariances, correlations and R2, per draw.

    Parameters
    ----------
    fit
        A fit of any family.

    Returns
    -------
    xarray.Dataset
        Dims (chain, draw, component), components `Subject: Intercept`, `Subject: Days`, ...: `sd` and `variance` of
        each effect, in units of the linear predictor over the predictor's. Dims (chain, draw, pair): `covariance`
        and `correlation` of two effects of a block. Dims (chain, draw, part), parts `fixed`, each factor (one called
        `fixed` or `residual` has `_column` added), `residual`: `part_variance` averaged over the rows and `share` of
        their sum. Dims (chain, draw): `r2_marginal`, the share of the fixed effects, and `r2_conditional`, that of
        fixed and group effects (Nakagawa & Schielzeth 2013; random slopes after Johnson 2014; the fixed effects'
        variance is that of X beta over the rows, ddof 1, as in the R package insight). In draws in which a Student t
        response has no finite variance (nu of 2 or less) the residual variance is infinite and its share 1;
        `attrs["residual"]` states in how many; group effects with a Student t distribution (`sd` is then their scale
        times sqrt(nu / (nu - 2))) likewise.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> [str(part) for part in pp.variance_components(fit)["part"].values]
    ['fixed', 'Subject', 'residual']
    """
    design, posterior = fit.design, fit.posterior
    components: dict[str, np.ndarray] = {}
    pairs: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for factor in design.grouping:
        sigma, times = effect_covariance(posterior, factor), inflation(factor, posterior)
        for i, effect in enumerate(factor.names):
            components[f"{factor.name}: {effect}"] = sigma[..., i, i] * times
        for block in factor.blocks:
            for n, j in enumerate(block):
                for i in block[:n]:
                    root = np.sqrt(sigma[..., i, i] * sigma[..., j, j])
                    corr = np.divide(sigma[..., i, j], root, out=np.zeros_like(root), where=root > 0)
                    pairs[f"{factor.name}: {factor.names[i]}, {factor.names[j]}"] = (sigma[..., i, j] * times, corr)
    partition = partition_over_rows(posterior, design)
    part_variance, share = shares_over_rows(posterior, design, partition)
    variance = _stacked(list(components.values()), posterior)
    variables = {
        "sd": (("chain", "draw", "component"), np.sqrt(variance)),
        "variance": (("chain", "draw", "component"), variance),
        "covariance": (("chain", "draw", "pair"), _stacked([c for c, _ in pairs.values()], posterior)),
        "correlation": (("chain", "draw", "pair"), _stacked([r for _, r in pairs.values()], posterior)),
        "part_variance": (("chain", "draw", "part"), part_variance),
        "share": (("chain", "draw", "part"), share),
        "r2_marginal": (("chain", "draw"), share[..., 0]),
        "r2_conditional": (("chain", "draw"), share[..., :-1].sum(axis=-1)),
    }
    coords = {
        "chain": posterior["chain"],
        "draw": posterior["draw"],
        "component": list(components),
        "pair": list(pairs),
        "part": [FIXED, *part_names(list(partition.factors)), RESIDUAL],
    }
    attrs = {
        "definition": "variances of the linear predictor's parts, averaged over the rows",
        "residual": partition.residual_definition,
        "response": fit.design.response.name,
        UNITS: fit.design.axis_units.as_text(),
    }
    return Answer(variables, coords=coords, attrs=attrs | before_truncation(fit.design.response.truncation))


def _stacked(arrays: list[np.ndarray], posterior: xr.Dataset) -> np.ndarray:
    empty = np.zeros((posterior.sizes["chain"], posterior.sizes["draw"], 0))
    return np.stack(arrays, axis=-1) if arrays else empty
