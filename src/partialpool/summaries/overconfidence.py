"""What grouping costs: the design effect, and how many independent rows the table is worth."""

import numpy as np
import xarray as xr

from partialpool.errors import DataError
from partialpool.fitting import Fit
from partialpool.variance.places import partition_over_rows

__all__ = ["design_effect"]


def design_effect(fit: Fit) -> xr.Dataset:
    """Return the design effect of each factor on the mean of the response, and the effective sample size.

    1 + (m - 1) ICC with m = sum_j n_j^2 / n, the size of the level that a row taken at random belongs to: Kish's
    (1965) formula, exact for a varying intercept and unequal levels. A mean whose rows are taken for independent has a
    standard error too small by the factor sqrt(design effect).

    Parameters
    ----------
    fit
        A fit with grouping factors.

    Returns
    -------
    xarray.Dataset
        Without unit, dims (chain, draw, factor): `design_effect`, `effective_sample_size` (rows),
        `overconfidence`, its square root. By factor: `rows_per_level`, m. Attrs: `rows`, those of the table.

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
    if not design.factors:
        raise DataError(
            "a design effect needs groups", got=f"{fit.spec}", allowed="a model with a grouping term", do="add one"
        )
    partition = partition_over_rows(posterior, design)
    total = partition.total[..., 0]
    sizes = np.array([(np.bincount(f.codes) ** 2).sum() / design.n_rows for f in design.factors])
    icc = np.stack([values[..., 0] / total for values in partition.factors.values()], axis=-1)
    effect = 1 + (sizes - 1) * icc
    dims = ("chain", "draw", "factor")
    variables = {
        "design_effect": (dims, effect),
        "effective_sample_size": (dims, design.n_rows / effect),
        "overconfidence": (dims, np.sqrt(effect)),
        "rows_per_level": (("factor",), sizes),
    }
    coords = {"chain": posterior["chain"], "draw": posterior["draw"], "factor": [f.name for f in design.factors]}
    attrs = {
        "definition": "Kish (1965): 1 + (m - 1) ICC, m = sum of squared level sizes over rows",
        "residual": partition.residual_definition,
        "rows": design.n_rows,
        "response": fit.spec.response,
    }
    return xr.Dataset(variables, coords=coords, attrs=attrs)
