"""Tables of the parameters: variance components, fixed effects, and ratios under links such as logit and log."""

import numpy as np

from partialpool.fitting.point_estimate import MEDIAN
from partialpool.names import BETA, INTERCEPT
from partialpool.reporting.intercept_at import intercept_at
from partialpool.reporting.per_unit import units_of_slopes
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Section
from partialpool.reporting.wording import on_scale
from partialpool.tabulate import TextTable, estimate_cells

__all__ = ["estimates", "ratio_cells"]


def estimates(reported: Reported) -> Section:
    """Collect the tables of the fit's summary; under a logit or log link, also exponentiated coefficients."""
    prose = (
        f"Posterior mean, standard deviation and {reported.percent} interval of every parameter"
        f"{on_scale(reported.fit)}. An interval contains the parameter with probability {reported.percent}, given "
        "model, priors and data."
    )
    where = intercept_at(reported.fit.design, reported.names.written)
    at = (f"Intercept: at {where}.",) if where else ()
    return Section(prose=(prose, *at), tables=(*reported.digest.tables, *_ratios(reported)))


def _ratios(reported: Reported) -> tuple[TextTable, ...]:
    fit = reported.fit
    slopes = [name for name in fit.design.common.coefs if name != INTERCEPT]
    if not fit.spec.link_record.coefficient_ratio or not slopes:
        return ()
    rows = [(reported.names.coefficient(name), *ratio_cells(reported, name)) for name in slopes]
    title = f"{fit.spec.link_record.coefficient_ratio} per unit, or against the reference (exp of the coefficient)"
    units = units_of_slopes(fit.design)
    per = [f"{reported.names.column(column)} per {one}" for name, (column, one) in units.items() if name in slopes]
    notes = (f"Units: {'; '.join(per)}.",) if per else ()
    return (TextTable(("", "median", *reported.end_names), tuple(rows), title=title, notes=notes),)


def ratio_cells(reported: Reported, name: str) -> tuple[str, ...]:
    """Return median and interval of the exponential of a coefficient, with the same decimals."""
    draws = np.exp(reported.fit.posterior[BETA].sel(coef=name).to_numpy())
    low, high = np.quantile(draws, reported.ends)
    # The draws may be skewed: a few large ones would inflate the sd, which sets the digits.
    return tuple(estimate_cells((float(np.median(draws)), low, high), MEDIAN.spread(draws)))
