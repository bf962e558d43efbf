"""Residuals with several sds, or correlated within series, as text: the steps of `pymc_model/residual.py`."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.design.residual_rows import DIGITS, ResidualRows, Series
from partialpool.model.prior_set import PriorSet
from partialpool.names import RESIDUAL_CORRELATION, SIGMA, STRATUM, VISIT, VISIT_BIS
from partialpool.pymc_model.source.code import Code, number
from partialpool.pymc_model.source.columns import table_column
from partialpool.pymc_model.source.correlations import LKJ, POWERS
from partialpool.pymc_model.source.layout import commented
from partialpool.pymc_model.source.levels import RowLabels, label_code
from partialpool.pymc_model.source.piece import Piece, Reading, let, prior_reasons, read_by
from partialpool.pymc_model.source.priors import PM, PT, scalar_variable, stated, vector_variable

__all__ = ["ResidualCode", "given_earlier", "residual_code"]

SERIES: Final = '''\
def rows_of_series(series, time):
    """Return the rows of each series in the order of time, and their times.

    Series with the same times are together: rows (series, times), times (times,).
    """
    patterns = {}
    for rows in pd.Series(range(len(time))).groupby(np.asarray(series)):
        rows = rows[1].to_numpy()
        rows = rows[np.argsort(time[rows])]
        patterns.setdefault(tuple(time[rows].tolist()), []).append(rows)
    return [(np.array(rows), np.array(times)) for times, rows in patterns.items()]
'''
"""As `Series.patterns` of `design/residual_rows.py`."""
_FUNCTIONS: Final = {"ar": (POWERS,), "cosy": (), "unstr": (LKJ,)}
"""What each kind of correlation needs."""


@dataclass(frozen=True, eq=False)
class ResidualCode:
    """The text of the residuals.

    Attributes
    ----------
    piece
        The columns, sds and correlations.
    labels
        Their dimensions with their labels.
    sd
        The sd of each row, or of all.
    """

    piece: Piece
    labels: dict[str, Code]
    sd: Code


def residual_code(design: Design, priors: PriorSet) -> ResidualCode:
    """Write the residual sds and correlations of a model that has several, or correlations."""
    residual = design.residual
    assert residual is not None
    before: list[str] = []
    reads: list[Reading] = []
    labels: dict[str, Code] = {}
    inside = ["", *prior_reasons(priors, residual.sigma_names)]
    sd = Code(SIGMA)
    if residual.is_stratified:
        strata = RowLabels(list(residual.strata), residual.stratum, residual.by, "stratum", "strata", "stratum")
        code = label_code(strata, design.frame)
        before += [*commented("The stratum of each row, which has a residual sd of its own.", indent=1), *code.lines]
        reads.append(code)
        elements = stated(priors, residual.sigma_names, residual.strata)
        inside += let(SIGMA, vector_variable(SIGMA, elements, dims=STRATUM), 2)
        labels[STRATUM] = Code("strata")
        sd = Code(SIGMA)[Code("stratum")]
    else:
        inside += let(SIGMA, scalar_variable(SIGMA, stated(priors, [SIGMA], [SIGMA])[0]), 2)
    series = residual.series
    functions: tuple[str, ...] = ()
    if series is not None:
        lines, more = _rows(series, residual, design)
        before += lines
        reads += more
        inside += _correlation(series, priors)
        functions = (SERIES, *_FUNCTIONS[series.kind])
        if series.visits:
            labels[VISIT] = labels[VISIT_BIS] = Code("visits")
    return ResidualCode(Piece(tuple(before), tuple(inside), *read_by(reads), functions=functions), labels, sd)


def _rows(series: Series, residual: ResidualRows, design: Design) -> tuple[list[str], list[Reading]]:
    """Return the lines that assign the rows of each series with their times, and what they read."""
    named, frame = series.stated, design.frame
    group = table_column(named.gr, frame)
    reads: list[Reading] = [group]
    lines = [""] if residual.is_stratified else []
    lines += commented(f"The rows of each {named.gr}, whose residuals are correlated.", indent=1)
    if series.kind == "unstr":
        visits = series.time.astype(np.int64)
        names = [str(visit) for visit in series.visits]
        if residual.by == (named.order,) and list(residual.strata) == names:
            lines += ["    visit, visits = stratum, strata"]
        else:
            code = label_code(RowLabels(names, visits, (named.order or "",), "visit", "visits", "visit"), frame)
            lines += code.lines
            reads.append(code)
        time = Code("visit")
    elif series.kind == "ar":
        when = table_column(named.order or "", frame)
        reads.append(when)
        first = when.code.groupby(group.code).transform("min")
        lines += commented("Times since the first of each, in units of the smallest gap.", indent=1)
        lines += let("since", when.code - first, 1)
        time = Code("since").to_numpy()
        time = time if series.step == 1 else time / number(series.step, exact=True)
        time = Code("np").round(time, 0 if series.is_discrete else DIGITS)
    else:
        time = Code("np").zeros(Code("len(table)"))
    return lines + let("series", Code("rows_of_series")(group.code, time), 1), reads


def _correlation(series: Series, priors: PriorSet) -> list[str]:
    """Return the lines that create the correlation, or the correlations of visits."""
    name = RESIDUAL_CORRELATION
    lines = ["", *prior_reasons(priors, [name])]
    if not series.visits:
        return lines + let(name, scalar_variable(name, stated(priors, [name], [name])[0]), 2)
    eta = number(priors[name].arguments["eta"], exact=True)
    half = Code("lkj_cholesky")(f"{name}_partial", n=len(series.visits), eta=eta)
    lines += let("half", half, 2)
    whole = PM.Deterministic(name, Code("half") @ Code("half").T, dims=(VISIT, VISIT_BIS))
    return lines + let(name, whole, 2)


def given_earlier(series: Series, sd: Code) -> list[str]:
    """Return the lines that assign `eta` and `sd` of each row given the earlier rows of its series."""
    rho = Code(RESIDUAL_CORRELATION)
    times = Code("times")
    if series.kind == "unstr":
        corr = rho[times[:, None], times]
    elif series.kind == "ar":
        corr = Code("powers")(rho, Code("np").abs(times[:, None] - times))
    else:
        same = Code("np").eye(Code("len(times)"))
        corr = same + rho * (1 - same)
    lines = [
        "",
        *commented("Each row given the earlier rows of its series: N(mean, scale^2) per unit of sd.", indent=2),
    ]
    lines += let("sd", sd, 2)
    lines += let("s", (Code("y") - Code("eta")) / Code("sd"), 2)
    lines += ["        mean, scale = pt.zeros(len(table)), pt.ones(len(table))"]
    lines += ["        for rows, times in series:"]
    lines += let("half", PT.linalg.cholesky(corr), 3)
    z = PT.linalg.solve_triangular(Code("half"), Code("s")[Code("rows")].T, lower=True).T
    return [
        *lines,
        *let("z", z, 3),
        "            own = pt.diagonal(half) + pt.zeros(rows.shape)",
        "            mean = pt.set_subtensor(mean[rows], s[rows] - z * own)",
        "            scale = pt.set_subtensor(scale[rows], own)",
        "        eta, sd = eta + sd * mean, sd * scale",
    ]
