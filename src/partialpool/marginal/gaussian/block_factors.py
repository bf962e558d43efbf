"""Which models can be drawn factor by factor, and which factors are blocks of their own there.

The other factors, of few levels, are columns of the tail, which is drawn with every block.
"""

from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.marginal.gaussian.eligibility import why_not
from partialpool.names import BETA
from partialpool.spec.model import ModelSpec

__all__ = ["block_factors", "distinct_weights", "has_nested_blocks", "why_not_in_blocks"]

_MOST_TAIL: Final = 64
"""Most columns of the tail that are levels of small factors."""
_MOST_PRODUCTS: Final = 4e6
"""Most numbers of merged cross-products that small factors may cause: 32 MB."""


def why_not_in_blocks(spec: ModelSpec) -> str:
    """Return why effects cannot be drawn factor by factor; empty if they can.

    Examples
    --------
    >>> why_not_in_blocks(ModelSpec.from_formula("y ~ x + (1 | g) + (1 | h)"))
    ''
    >>> why_not_in_blocks(ModelSpec.from_formula("y ~ x + (x | g) + (1 | h)"))
    'other effects than an intercept vary over g'
    """
    groups = spec.groups
    several = next((g.factor for g in groups if g.slopes or not g.intercept), "")
    structured = any(g.cov or g.members or g.by or g.covariance or g.tag for g in groups)
    heavy_tailed = [
        name for name, prior in spec.priors.items() if name.partition("[")[0] == BETA and prior.distribution != "Normal"
    ]
    reasons = (
        (reason := why_not(spec), reason),
        (not groups, "there are no groups"),
        # The mean of all rows would be that of the effects of one factor or of another: two modes, between which the
        # factors, updated one by one, cannot move.
        (not spec.intercept, "no fixed intercept has the mean of all rows"),
        (several, f"other effects than an intercept vary over {several}"),
        (structured, "levels that are related, or of which rows have several, or with sds of their own"),
        (spec.smooths, "smooths"),
        (spec.residual or spec.sigma, "residuals with several sds or correlations"),
        (spec.states_shares, "a joint prior of the variances"),
        (heavy_tailed, f"the prior of {' and '.join(heavy_tailed)} is not normal"),
    )
    return next((reason for applies, reason in reasons if applies), "")


def block_factors(design: Design) -> tuple[int, ...]:
    """Return the positions of the factors that are blocks, the one with most levels first."""
    factors = design.factors
    order = sorted(range(len(factors)), key=lambda f: factors[f].n_levels)
    tail, products = 0, max((distinct_weights(design, f) for f in order), default=0)
    small: set[int] = set()
    for f in order[:-1]:
        tail += factors[f].n_levels
        width = tail + len(design.common.coefs) + 1
        if tail > _MOST_TAIL or products * width**2 > _MOST_PRODUCTS:
            break
        small.add(f)
    return tuple(f for f in reversed(order) if f not in small)


def distinct_weights(design: Design, f: int) -> int:
    """Count the levels that differ in their rows' total weight, roughly: those of precisions as if all differ."""
    factor = design.factors[f]
    if design.se is not None or design.precision is not None:
        return factor.n_levels
    return len(np.unique(factor.counts))


def has_nested_blocks(design: Design) -> bool:
    """Whether the levels of one block are within single levels of another: then the two hardly move one by one."""
    blocks = [design.factors[f] for f in block_factors(design)]
    return any(one.parent_levels(other) is not None for one in blocks for other in blocks if one is not other)
