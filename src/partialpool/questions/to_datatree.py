"""A fit's draws with the groups that ArviZ's functions ask for."""

import xarray as xr

from partialpool.fitting.fit import Fit
from partialpool.fitting.imputed import TABLES
from partialpool.fitting.summary import Digest
from partialpool.questions.log_likelihood import log_likelihood as density_of_rows
from partialpool.questions.posterior_predictive import posterior_predictive as new_responses
from partialpool.questions.prior_predictive import prior_predictive_of
from partialpool.spec.keywords import explains_keywords

__all__ = ["to_datatree"]


@explains_keywords
def to_datatree(
    fit: Fit,
    *,
    log_likelihood: bool = True,
    posterior_predictive: bool = True,
    prior: bool = False,
    effects: bool = False,
    seed: int | None = None,
) -> xr.DataTree:
    """Return the draws as ArviZ's functions take them; `fit.tree` itself stays as it is.

    Parameters
    ----------
    fit
        A fit by any engine.
    log_likelihood
        Whether to add the log density of each row: for `arviz.loo` and `arviz.compare`. A fit of several completed
        tables has none: those of a completed table do not compare models; `fit.of_tables` has the fit of each.
    posterior_predictive
        Whether to add new responses: for `arviz.plot_ppc_dist` and its relatives.
    prior
        Whether to add draws from the priors, and responses drawn from them: for `arviz.plot_prior_posterior`.
    effects
        Whether the posterior has all variables of the fit. By default it has one variable for each parameter and ICC,
        without group effects and the diagonals of correlation matrices, so that plots of all variables can be read.
    seed
        Makes new responses and draws from the priors reproducible.

    Returns
    -------
    xarray.DataTree
        The groups of `fit.tree` and those asked for.

    Raises
    ------
    EngineError
        The draws do not fit into memory.

    Examples
    --------
    >>> import arviz
    >>> import partialpool as pp
    >>> fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), seed=1, progressbar=False)
    >>> tree = pp.to_datatree(fit, seed=1)
    >>> round(float(arviz.loo(tree).elpd))
    -164
    >>> list(tree["posterior"].data_vars)
    ['beta[Intercept]', 'sd_Batch[Intercept]', 'sigma', 'icc[Batch]']
    """
    groups = {name: group.to_dataset() for name, group in fit.tree.children.items() if name != TABLES}
    groups["posterior"] = fit.posterior
    if log_likelihood and fit.run.tables == 1:
        groups["log_likelihood"] = density_of_rows(fit)
    if posterior_predictive:
        groups["posterior_predictive"] = new_responses(fit, seed=seed)
    if prior:
        drawn = prior_predictive_of(fit.design, fit.priors, seed=seed)
        groups |= {name: drawn[name].to_dataset() for name in ("prior", "prior_predictive")}
    if not effects:
        groups["posterior"] = _parameters(fit.digest, groups["posterior"])
        if prior:
            drawn_only = Digest(fit.design, xr.DataTree.from_dict({"posterior": groups["prior"]}))
            groups["prior"] = _parameters(drawn_only, groups["prior"])
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = dict(fit.tree.attrs)
    return tree


def _parameters(digest: Digest, draws: xr.Dataset) -> xr.Dataset:
    """Return every parameter except group effects, and every ICC, as a variable of its own."""
    dims = ("chain", "draw")
    variables = {name: (dims, values) for name, values in digest.draws.items()}
    return xr.Dataset(variables, {dim: draws[dim] for dim in dims}, draws.attrs)
