"""Functions of scripts that create correlations: LKJ, one correlation for all pairs, and one that falls with distance.

They are those of `pymc_model/covariance.py` and `pymc_model/residual.py`, as text.
"""

from collections.abc import Sequence
from typing import Final

from partialpool.design.factor_effects import FactorEffects
from partialpool.model.prior_set import PriorSet
from partialpool.names import corr_name
from partialpool.pymc_model.source.code import Code, listed, number
from partialpool.pymc_model.source.layout import commented
from partialpool.pymc_model.source.piece import let
from partialpool.pymc_model.source.priors import PT, scalar_variable, stated

__all__ = ["LKJ", "POWERS", "RHO_OF", "correlation_functions", "correlation_lines", "in_order_of_effects"]

LKJ: Final = '''\
def lkj_cholesky(name, n, eta):
    """Return the Cholesky factor of the correlations of n effects, with an LKJ(eta) prior.

    Its partial correlations are independent, each 2 p - 1 with p ~ Beta(a, a) and
    a = eta + (n - 2 - j) / 2 in column j (Lewandowski, Kurowicka & Joe 2009).
    """
    below = [(i, j) for i in range(n) for j in range(i)]
    a = np.array([eta + (n - 2 - j) / 2 for _, j in below])
    partial = 2 * pm.Beta(name, alpha=a, beta=a, shape=len(a)) - 1
    cells = [[0.0] * n for _ in range(n)]
    left = [pt.constant(1.0)] * n  # of each row's squared length, which is 1
    for k, (i, j) in enumerate(below):
        cells[i][j] = partial[k] * pt.sqrt(left[i])
        left[i] = left[i] * (1 - partial[k] ** 2)
    for i in range(n):
        cells[i][i] = pt.sqrt(left[i])
    return pt.stack([pt.stack(row) for row in cells])
'''
"""As `lkj_cholesky` of `pymc_model/covariance.py`."""
POWERS: Final = '''\
def powers(rho, apart):
    """Return correlations rho to the power of the distances, and 1 at distance 0."""
    return pt.where(apart == 0, 1.0, rho ** np.where(apart == 0, 1, apart))
'''
"""Powers whose gradient is finite at rho = 0 too."""
RHO_OF: Final = {
    "cs": '''\
def cs_cholesky(rho, n):
    """Return the Cholesky factor of the correlations of n effects: rho for every pair."""
    return pt.linalg.cholesky(np.eye(n) + rho * (1 - np.eye(n)))
''',
    "ar1": '''\
def ar1_cholesky(rho, n):
    """Return the Cholesky factor of rho to the power of the distance of n effects."""
    apart = np.abs(np.subtract.outer(range(n), range(n)))
    return pt.linalg.cholesky(powers(rho, apart))
''',
}
"""As `structured_cholesky` of `pymc_model/covariance.py`, by the kind of structure."""


def correlation_functions(factor: FactorEffects) -> tuple[str, ...]:
    """Return the functions that a factor's correlations need."""
    if not factor.correlated:
        return ()
    kind = factor.structure.kind
    return ((POWERS,) if kind == "ar1" else ()) + (RHO_OF.get(kind, LKJ),)


def correlation_lines(factor: FactorEffects, priors: PriorSet, local: str) -> list[str]:
    """Return the lines that assign the Cholesky factor of a factor's correlations: 0 between blocks of effects."""
    name, structure = corr_name(factor.name), factor.structure
    several = sum(len(block) > 1 for block in factor.blocks) > 1
    told = f"Their correlations ~ {priors[name]}"
    told += f": {structure.in_words.removesuffix(', equal sds')}." if structure.has_one_correlation else "."
    lines = commented(told, indent=2)
    parts, at = [], 0
    for block in factor.blocks:
        if len(block) == 1:
            parts.append(Code("np").eye(1))
            continue
        suffix = f"_{at}" if several else ""
        if structure.has_one_correlation:
            rho = scalar_variable(f"{name}_rho{suffix}", stated(priors, [name], [name])[0])
            parts.append(Code(f"{structure.kind}_cholesky")(rho, n=len(block)))
        else:
            eta = number(priors[name].arguments["eta"], exact=True)
            parts.append(Code("lkj_cholesky")(f"{name}_partial{suffix}", n=len(block), eta=eta))
        at += 1
    if len(parts) == 1:
        return lines + let(local, parts[0], 2)
    return lines + let(local, PT.linalg.block_diag(*parts), 2) + in_order_of_effects(local, factor.blocks)


def in_order_of_effects(local: str, blocks: Sequence[Sequence[int]]) -> list[str]:
    """Return the lines that sort a matrix from blocks, one after the other, to the order of all effects."""
    order = [place for block in blocks for place in block]
    if order == sorted(order):
        return []
    lines = commented("In the order of the effects.", indent=2)
    places = listed(number(order.index(place)) for place in range(len(order)))
    return lines + let("order", places, 2) + let(local, Code(local)[Code("order")][:, Code("order")], 2)
