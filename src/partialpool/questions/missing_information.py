"""How much information on each quantity is missing, by the differences between completed tables."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.errors import DataError
from partialpool.fitting.drawn_variables import drawn_variables
from partialpool.fitting.fit import Fit
from partialpool.fitting.imputed import ImputedFit
from partialpool.fitting.rubin import pool
from partialpool.fitting.tidy_rows import SAMPLE, flat_draws, quantity_names
from partialpool.spec.keywords import explains_keywords

__all__ = ["missing_information"]


@explains_keywords
def missing_information(fit: Fit, answer: xr.Dataset | xr.DataArray | None = None) -> pd.DataFrame:
    """Apply Rubin's rules to the parameters of a fit of completed tables, or to an answer.

    With W the variance of a quantity's draws within a table, B the variance of its means between m tables, and
    r = (1 + 1/m) B / W, the fraction of missing information is (r + 2 / (df + 3)) / (1 + r), df = (m - 1) (1 + 1/r)^2
    (Rubin 1987, Multiple Imputation for Nonresponse in Surveys, section 3.3).

    Parameters
    ----------
    fit
        What `fit_imputed` returned.
    answer
        What a function of this fit returned; the parameters of the summary by default.

    Returns
    -------
    pandas.DataFrame
        By quantity:

        - `estimate`, the mean;
        - `std_error`, by Rubin's rules, sqrt(W + (1 + 1/m) B); `within` and `between`, sqrt(W) and sqrt(B);
        - `missing_information`, a fraction of 1: 0.3 says that 30 % of the information which complete data would have
          on this quantity is missing;
        - `df`, Rubin's degrees of freedom;
        - `too_narrow`, the fraction by which the interval of the mixed draws is narrower than Rubin's, since there are
          not more tables. Intervals of the summary are those of the mixed draws.

    Raises
    ------
    DataError
        A fit of one table; an answer that has not the chains of all tables, or has no draws.

    Examples
    --------
    >>> import numpy as np
    >>> import partialpool as pp
    >>> table = pp.load_dataset("sleepstudy")
    >>> rng = np.random.default_rng(1)
    >>> unknown = np.arange(len(table)) % 9 == 4
    >>> completed = []
    >>> for _ in range(5):
    ...     reaction = table["Reaction"].where(~unknown, 300 + 50 * rng.standard_normal(len(table)))
    ...     completed.append(table.assign(Reaction=reaction))
    >>> fit = pp.fit_imputed("Reaction ~ Days + (1 | Subject)", completed, seed=1, progressbar=False)
    >>> found = pp.missing_information(fit)
    >>> bool((found["std_error"] >= found["within"]).all())
    True
    """
    if not isinstance(fit, ImputedFit):
        raise DataError(
            "only the fit of several completed tables shows how much information is missing",
            got="a fit of one table",
            allowed="what pp.fit_imputed returns",
            do="impute the missing values several times, and fit all tables by pp.fit_imputed",
        )
    names, columns = zip(*_columns(fit, answer), strict=True)
    draws = np.stack(columns, axis=-1)
    if len(draws) != fit.posterior.sizes["chain"]:
        raise DataError(
            "this answer is not one of this fit",
            got=f"{len(draws)} chains",
            allowed=f"the {fit.posterior.sizes['chain']} chains of all {fit.n_tables} tables",
            do="ask the question of this fit",
        )
    pooled = pool(draws, fit.n_tables)
    found = {
        "estimate": pooled.estimate,
        "std_error": pooled.std_error,
        "within": np.sqrt(pooled.within),
        "between": np.sqrt(pooled.between),
        "missing_information": pooled.missing_information,
        "df": pooled.degrees_of_freedom,
        "too_narrow": pooled.too_narrow,
    }
    return pd.DataFrame(found, index=pd.Index(names, name="quantity"))


def _columns(fit: ImputedFit, answer: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the draws, (chains, draws), of every quantity."""
    if answer is None:
        yield from fit.digest.draws.items()
        return
    found = drawn_variables(answer, doing="compared between tables", example="pp.missing_information(fit, pp.icc(fit))")
    for name, values in found.data_vars.items():
        ordered = values.transpose(*SAMPLE, ...)
        for label, column in zip(quantity_names(str(name), ordered), flat_draws(ordered).T, strict=True):
            yield label, column.reshape(ordered.shape[:2])
