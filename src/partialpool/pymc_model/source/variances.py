"""A joint prior on ICC and total sd as text: every group sd and sigma follow from them (`model/variance_prior.py`)."""

from collections.abc import Mapping

from partialpool.design.design import Design
from partialpool.model.prior_set import PriorSet
from partialpool.model.variance_prior import decompose
from partialpool.names import ICC, SHARES, SIGMA, TOTAL_SD, effect_dim, sd_name
from partialpool.pymc_model.source.code import Code, number
from partialpool.pymc_model.source.groups import sds_of
from partialpool.pymc_model.source.layout import commented
from partialpool.pymc_model.source.names import FactorNames
from partialpool.pymc_model.source.piece import let, prior_reasons
from partialpool.pymc_model.source.priors import PM, PT, array_of, scalar_variable, stated

__all__ = ["variance_parts"]


def variance_parts(design: Design, priors: PriorSet, names: Mapping[str, FactorNames]) -> list[str]:
    """Return the lines that create `icc`, `total_sd`, `shares`, the sds of every factor, and sigma if it is free."""
    parts = decompose(design)
    lines = commented(
        "One prior of all variances: the ICC, the total sd, and how the variance between groups is split.", indent=2
    )
    lines += prior_reasons(priors, [ICC, TOTAL_SD, *parts.shares])
    icc, total, shares = Code(ICC), Code(TOTAL_SD), Code(SHARES)
    lines += let(ICC, scalar_variable(ICC, stated(priors, [ICC], [ICC])[0]), 2)
    if parts.residual is None:
        lines += let(TOTAL_SD, scalar_variable(TOTAL_SD, stated(priors, [TOTAL_SD], [TOTAL_SD])[0]), 2)
    else:
        lines += commented("The residual variance of the latent response is known.", indent=2)
        lines += let(TOTAL_SD, PT.sqrt(number(parts.residual) / (1 - icc)), 2)
    within = icc
    if parts.is_split:
        concentrations = array_of([number(priors[name].arguments["a"], exact=True) for name in parts.shares])
        a = concentrations if "[" in concentrations.text else Code("np").full(len(parts.shares), concentrations)
        lines += let(SHARES, PM.Dirichlet(SHARES, a=a), 2)
        within = icc * shares
    squares = [number(float(m)) for m in parts.mean_squares]
    if any(square.text != "1.0" for square in squares):
        lines += commented("An effect's variance in a row is its own times the mean square of its column.", indent=2)
        within = within / array_of(squares)
    lines += let("sds", total * PT.sqrt(within), 2)
    for factor in design.factors:
        local, name = sds_of(factor, names[factor.name])
        place = parts.factors[sd_name(factor.name)]
        own = Code("sds")[place] if parts.is_split else PT.atleast_1d(Code("sds"))
        lines += let(local, PM.Deterministic(name, own, dims=effect_dim(factor.name)), 2)
    if parts.residual is None:
        lines += let(SIGMA, PM.Deterministic(SIGMA, total * PT.sqrt(1 - icc)), 2)
    return lines
