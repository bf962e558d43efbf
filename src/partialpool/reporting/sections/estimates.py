"""Tables of the parameters: variance components, fixed effects, and ratios under links such as logit and log."""

import numpy as np

from partialpool.fitting.fit import Fit
from partialpool.names import BETA, INTERCEPT
from partialpool.reporting.section import Section
from partialpool.reporting.wording import on_scale
from partialpool.tabulate import TextTable, estimate_cells

__all__ = ["estimates"]


def estimates(fit: Fit) -> Section:
    """Collect the tables of the fit's summary; under a logit or log link, also exponentiated coefficients."""
    prose = (
        f"Posterior mean, standard deviation and 90 % interval of every parameter{on_scale(fit)}. "
        "An interval holds the parameter with probability 90 %, given model, priors and data."
    )
    return Section(prose=(prose,), tables=(*fit.digest.tables, *_ratios(fit)))


def _ratios(fit: Fit) -> tuple[TextTable, ...]:
    slopes = [name for name in fit.design.common.coefs if name != INTERCEPT]
    if not fit.spec.link_record.coefficient_ratio or not slopes:
        return ()
    rows = []
    for name in slopes:
        draws = np.exp(fit.posterior[BETA].sel(coef=name).to_numpy())
        low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95])
        # The draws may be skewed: a few large ones would inflate the sd, which sets the digits.
        rows.append((name, *estimate_cells((middle, low, high), (high - low) / 3.29)))
    title = f"{fit.spec.link_record.coefficient_ratio} per unit (exp of the coefficient)"
    return (TextTable(("", "median", "5%", "95%"), tuple(rows), title=title),)
