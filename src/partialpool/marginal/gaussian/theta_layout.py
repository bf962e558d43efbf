"""The elements of theta of a design: names, positions and priors."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.distributions.density_kernel import PART_OF_JOINT, encode, encode_partial
from partialpool.distributions.prior import Prior
from partialpool.marginal.gaussian.parameters import Layout
from partialpool.marginal.gaussian.partial_correlation import AUTOREGRESSIVE, COMPOUND, FREE
from partialpool.marginal.gaussian.residual_elements import residual_elements
from partialpool.marginal.gaussian.standardise import Units
from partialpool.marginal.gaussian.variance_prior import joint_of, no_joint
from partialpool.model.prior_set import PriorSet
from partialpool.model.variance_prior import is_decomposed
from partialpool.names import BETA, SIGMA, corr_name, sd_name

__all__ = ["lay_out_theta"]

_PARTIALS: Final = {"unstructured": FREE, "diag": FREE, "cs": COMPOUND, "ar1": AUTOREGRESSIVE}
"""How partial correlations depend on theta, by the structure of the correlations."""


def lay_out_theta(
    design: Design,
    priors: PriorSet,
    units: Units,
    order: Sequence[int],
    *,
    has_branch: bool,
    coefficients: Sequence[Prior],
    taken_off: np.ndarray,
    integrated: np.ndarray,
    residual: bool,
) -> tuple[Layout, tuple[str, ...]]:
    """Lay out theta: log sds of every factor, its correlations, the residual, and the coefficients that are kept.

    Parameters
    ----------
    design, priors, units
        The model.
    order
        The factors of the design in the order that the layout has them.
    has_branch
        Whether the second of these is the branch.
    coefficients, taken_off
        Prior of each column of the algebra, in `Units`, and what the location takes off its coefficient, (coefs,).
    integrated
        Which columns are integrated out, boolean (coefs,).
    residual
        Whether theta has the residual's parameters.

    Returns
    -------
    Layout, tuple of str
        Positions and priors; the name of each element.
    """
    most = max((len(f.names) for f in design.factors), default=1)
    shifts = np.zeros((len(order), most, most))
    elements: list[str] = []
    codes: list[tuple[int, int, np.ndarray]] = []
    sd_at = np.zeros((len(order), most), np.int64)
    partials: list[tuple[int, int, int, int, int, int]] = []
    whole = is_decomposed(priors)
    for place, f in enumerate(order):
        factor, unit = design.factors[f], units.factors[f]
        q = len(factor.names)
        shifts[place, :q, :q] = unit.shift
        for a, shares in enumerate(factor.structure.sd_of):
            if shares == a:
                name = f"{sd_name(factor.name)}[{factor.sd_parameters[a]}]"
                sd_at[place, a] = len(elements)
                elements.append(name)
                scaled = priors[name].in_units_of(units.unit / float(unit.scale[a])) if not whole else None
                codes.append(PART_OF_JOINT if scaled is None else encode(scaled))
            sd_at[place, a] = sd_at[place, shares]
    sds = len(elements)
    for place, f in enumerate(order):
        for pair, name, code in _correlations(design.factors[f], priors):
            if code is not None:
                elements.append(name)
                codes.append(code)
            partials.append((place, *pair[:2], len(elements) - 1, *pair[2:]))
    sigma = -1
    if residual and design.residual is None:
        sigma = len(elements)
        elements.append(SIGMA)
        codes.append(PART_OF_JOINT if whole else encode(priors[SIGMA].in_units_of(units.residual)))
    elif residual and design.residual is not None:
        for name, code in residual_elements(design.residual, priors, units):
            elements.append(name)
            codes.append(code)
    kept = len(elements)
    for coef, prior, inside in zip(design.common.coefs, coefficients, integrated, strict=True):
        if not inside:
            elements.append(f"{BETA}[{coef}]")
            codes.append(encode(prior))
    where = np.ascontiguousarray(np.array(partials, np.int64).reshape(-1, 6).T)
    layout = Layout(
        effects=np.array([len(design.factors[f].names) for f in order], np.int64),
        sd_at=sd_at,
        partial_factor=where[0],
        partial_row=where[1],
        partial_column=where[2],
        partial_at=where[3],
        partial_kind=where[4],
        partial_order=where[5],
        sds=sds,
        sigma=sigma,
        kept=kept,
        kept_shift=np.ascontiguousarray(taken_off[~integrated]),
        shifts=shifts,
        has_branch=has_branch,
        kinds=np.array([c[0] for c in codes], np.int64),
        coordinates=np.array([c[1] for c in codes], np.int64),
        arguments=np.array([c[2] for c in codes], float).reshape(-1, 4),
        joint=joint_of(design, priors, units, elements) if whole else no_joint(),
    )
    return layout, tuple(elements)


def _correlations(
    factor: FactorEffects, priors: PriorSet
) -> Iterator[tuple[tuple[int, int, int, int], str, tuple[int, int, np.ndarray] | None]]:
    """Yield each partial correlation of a factor: row, column, kind and order; its element of theta, and its prior.

    The prior is None where the partial correlation depends on the last element.
    """
    kind = _PARTIALS[factor.structure.kind]
    for block in (b for b in factor.blocks if len(b) > 1):
        prior = priors[corr_name(factor.name)]
        for i in range(1, len(block)):
            for j in range(i):
                name = f"{corr_name(factor.name)}[{factor.names[block[j]]}, {factor.names[block[i]]}]"
                code = None
                if kind == FREE:
                    code = encode_partial(prior.arguments["eta"] + (len(block) - 2 - j) / 2)
                elif i == 1:
                    code = encode(prior)
                # The kernel finds the column's place in its block from this and the distance of row and column: effects
                # of one block may be apart. That of ar1 are neighbours, so that it is the row's place.
                yield (block[i], block[j], kind, j + block[i] - block[j]), name, code
