"""Which models can be drawn factor by factor, and which factors are blocks of their own there.

The other factors, of few levels, are columns of the tail, which is drawn with every block.
"""

from itertools import combinations
from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.marginal.gaussian.eligibility import why_not
from partialpool.names import BETA, INTERCEPT
from partialpool.spec.model import ModelSpec

__all__ = ["block_factors", "distinct_levels", "distinct_products", "has_nested_blocks", "why_not_in_blocks"]

_MOST_TAIL: Final = 64
"""Most columns of the tail that are levels of small factors."""
_MOST_PRODUCTS: Final = 4e6
"""Most numbers of merged cross-products that small factors may cause: 32 MB."""


def why_not_in_blocks(spec: ModelSpec) -> str:
    """Return why effects cannot be drawn factor by factor; empty if they can.

    Examples
    --------
    >>> why_not_in_blocks(ModelSpec.from_formula("y ~ x + (x | g) + (1 | h)"))
    ''
    >>> why_not_in_blocks(ModelSpec.from_formula("y ~ x + (1 | mm(g, h))"))
    'levels that are related, or of which rows have several, or with sds of their own'
    """
    groups = spec.groups
    structured = any(g.cov or g.members or g.by or g.tag for g in groups)
    heavy_tailed = [
        name for name, prior in spec.priors.items() if name.partition("[")[0] == BETA and prior.distribution != "Normal"
    ]
    reasons = (
        (reason := why_not(spec), reason),
        (not groups, "there are no groups"),
        (not spec.intercept, "no fixed intercept has the mean of all rows"),
        (without := _without_coefficient(spec), f"no fixed coefficient has the mean of the effects of {without}"),
        (structured, "levels that are related, or of which rows have several, or with sds of their own"),
        (spec.smooths, "smooths"),
        (spec.residual or spec.sigma, "residuals with several sds or correlations"),
        (heavy_tailed, f"the prior of {' and '.join(heavy_tailed)} is not normal"),
    )
    return next((reason for applies, reason in reasons if applies), "")


def _without_coefficient(spec: ModelSpec) -> str:
    """Return a term that the effects of two factors may both express, and the fixed effects do not; empty if none.

    What is a linear combination of the effects of one factor and of those of another would be the mean of the effects
    of the one or of the other: two modes, between which the factors, updated one by one, cannot move. So is the column
    of a slope, where it is constant within the levels of the other factor, which has an intercept, or varies over both.
    So is the product of two slopes, where each is constant within the levels of the other's factor; one that varies
    over both factors is not.
    """
    groups = spec.groups
    if len({group.factor for group in groups}) < 2:
        return ""
    fixed = {_sorted(term) for term in spec.common}
    slopes = {(group.factor, _sorted(slope)): slope for group in groups for slope in group.slopes}
    alone = [slope for (_, name), slope in slopes.items() if name not in fixed]
    products = [
        f"{one}:{other}"
        for ((f, a), one), ((g, b), other) in combinations(slopes.items(), 2)
        if f != g and a != b and not {(f, b), (g, a)} & slopes.keys() and _sorted(f"{a}:{b}") not in fixed
    ]
    return next(iter([*alone, *products]), "")


def _sorted(term: str) -> str:
    """Write an interaction with its parts in order: `b:a` as `a:b`."""
    return ":".join(sorted(term.split(":")))


def block_factors(design: Design) -> tuple[int, ...]:
    """Return the positions of the factors that are blocks, the one with most levels first.

    The others have one effect and few levels.
    """
    factors = design.factors
    order = sorted(range(len(factors)), key=lambda f: factors[f].n_levels)
    tail, products = 0, max((distinct_products(design, f) for f in order), default=0)
    small: set[int] = set()
    for f in (f for f in order[:-1] if len(factors[f].names) == 1):
        tail += factors[f].n_levels
        width = tail + len(design.common.coefs) + 1
        if tail > _MOST_TAIL or products * width**2 > _MOST_PRODUCTS:
            break
        small.add(f)
    return tuple(f for f in reversed(order) if f not in small)


def distinct_levels(design: Design, f: int) -> int:
    """Count the levels of a factor that differ in Z'Z: with precisions or predictors, as if all do."""
    factor = design.factors[f]
    if design.se is not None or design.precision is not None or factor.names != (INTERCEPT,):
        return factor.n_levels
    return len(np.unique(factor.counts))


def distinct_products(design: Design, f: int) -> int:
    """Count the products that a pair of columns has in a block: for each pair of effects, of levels that differ."""
    q = len(design.factors[f].names)
    return distinct_levels(design, f) * q * (q + 1) // 2


def has_nested_blocks(design: Design) -> bool:
    """Whether the levels of one block are within single levels of another: then the two hardly move one by one."""
    blocks = [design.factors[f] for f in block_factors(design)]
    return any(one.parent_levels(other) is not None for one in blocks for other in blocks if one is not other)
