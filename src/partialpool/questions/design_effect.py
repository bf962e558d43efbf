"""Design effects: how many independent rows the grouped rows of a table are worth."""

import numpy as np
import xarray as xr

from partialpool.design.factor_effects import FactorEffects
from partialpool.design.truncation import before_truncation
from partialpool.design.units import UNITS
from partialpool.errors import DataError
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import over_tables
from partialpool.model.covariance import effect_covariance
from partialpool.model.heavy_effects import relative_inflations
from partialpool.model.partition import partition_over_rows
from partialpool.names import ALL_FACTORS
from partialpool.spec.keywords import explains_keywords

__all__ = ["design_effect"]


@explains_keywords
@over_tables
def design_effect(fit: Fit) -> xr.Dataset:
    """Return the design effect of each factor on the mean of the response, and the effective sample size.

    The design effect is the variance of the mean of the response, given the fixed effects, divided by what it would be
    if rows were independent with the same variances:

        1 + sum_j (s_j' Sigma s_j - sum_(i in j) z_i' Sigma z_i) / sum_i Var(y_i),   s_j = sum_(i in j) z_i

    For a varying intercept that is Kish's (1965) 1 + (m - 1) ICC, m = sum_j n_j^2 / n, the expected size of the level
    to which a randomly chosen row belongs. For several factors the parts above 1 add up. If rows are treated as
    independent, the standard error of the mean is too small by the factor sqrt(design effect). For the standard errors
    of coefficients see `naive_errors`. Where a row holds several trials, each trial is an observation: the result does
    not depend on how trials were aggregated into rows.

    The covariance of Student t effects is Sigma nu / (nu - 2). In draws in which it is infinite, with nu of 2 or less,
    the design effect is its limit as the variance grows: that of effects alone, without a residual; with several such
    factors, of those with the smallest nu.

    Under a link function the variances are those of the linear predictor and of the distribution on the latent scale:
    the result is the design effect of the latent response, close to that of the observed one if effects are small.

    Parameters
    ----------
    fit
        A fit with grouping factors.

    Returns
    -------
    xarray.Dataset
        Without unit, dims (chain, draw, factor): `design_effect`, `effective_sample_size` (rows, or trials),
        `overconfidence`, the square root of the design effect; with several factors there is one more entry,
        `all factors`. By factor: `rows_per_level`, m. Attrs: `rows`, the number of rows of the table, or of its trials;
        `counted`, which of the two; `scale`: `response`, `log scale` or, under a link, `latent scale`.

    Raises
    ------
    DataError
        No grouping factor.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), seed=1, progressbar=False)
    >>> float(pp.design_effect(fit)["rows_per_level"].squeeze())
    5.0
    """
    design, posterior = fit.design, fit.posterior
    if not design.grouping:
        raise DataError(
            "a design effect needs groups", got=f"{fit.spec}", allowed="a model with a grouping term", do="add one"
        )
    inflations, of_residual = relative_inflations(design, posterior)
    partition = partition_over_rows(posterior, design)
    counts = design.response.n_trials
    observed = float(counts.sum())
    sigmas = {
        factor.name: inflations[factor.name][..., None, None] * effect_covariance(posterior, factor)
        for factor in design.grouping
    }
    own = {factor.name: _own(factor, counts) for factor in design.grouping}
    within = [np.einsum("cdij,ij->cd", sigmas[name], own[name]) for name in sigmas]
    total = of_residual * partition.residual[..., 0] * observed + np.sum(within, axis=0)
    names = [factor.name for factor in design.grouping]
    sizes = [(f.sum(counts) ** 2).sum() / observed for f in design.grouping]
    shared = [np.einsum("cdij,ij->cd", sigmas[f.name], _sums(f, counts)) for f in design.grouping]
    extra = np.stack([(all_ - alone) / total for all_, alone in zip(shared, within, strict=True)], axis=-1)
    if len(names) > 1:
        names, sizes = [*names, ALL_FACTORS], [*sizes, np.float64(np.nan)]
        extra = np.concatenate([extra, extra.sum(axis=-1, keepdims=True)], axis=-1)
    # If effects cancel over the rows, only the residual contributes to the variance of the mean.
    effect = np.maximum(1 + extra, np.finfo(float).tiny)
    dims = ("chain", "draw", "factor")
    variables = {
        "design_effect": (dims, effect),
        "effective_sample_size": (dims, observed / effect),
        "overconfidence": (dims, np.sqrt(effect)),
        "rows_per_level": (("factor",), sizes),
    }
    coords = {"chain": posterior["chain"], "draw": posterior["draw"], "factor": names}
    attrs = {
        "definition": "Var(mean) over that of independent rows; for varying intercepts Kish's 1 + (m - 1) ICC",
        "scale": _scale(fit),
        "residual": partition.residual_definition,
        "rows": observed,
        "counted": "rows" if design.response.trials is None else "trials",
        "response": fit.design.response.name,
        UNITS: fit.design.axis_units.as_text(),
    }
    return Answer(variables, coords=coords, attrs=attrs | before_truncation(fit.design.response.truncation))


def _scale(fit: Fit) -> str:
    if fit.spec.family_record.on_log_scale:
        return "log scale"
    return "response" if fit.spec.link_record.is_identity else f"latent scale ({fit.spec.link} link)"


def _sums(factor: FactorEffects, counts: np.ndarray) -> np.ndarray:
    """Sum z_i K z_i' over pairs of observations of the same level, or of related levels, (effects, effects)."""
    sums = np.stack([factor.sum(counts * z) for z in factor.values.T], axis=1)
    if factor.root is not None:
        sums = factor.root.T @ sums
    return sums.T @ sums


def _own(factor: FactorEffects, counts: np.ndarray) -> np.ndarray:
    """Sum z_i K_jj z_i' over observations, (effects, effects): each observation paired with itself."""
    return (factor.values * (counts * factor.own)[:, None]).T @ factor.values
