"""Coordinates of nested factors that the data identify: a parent's level with its children's mean, and contrasts.

If each level of a child factor c (cask) is within one level j of a parent p (batch), K_j of them, the data
inform the parent's effect only in a sum with the mean of its children,

    sd_p z_pj + m_j w_j,   w_j = sqrt(K_j) mean_k z_ck ~ N(0, 1),   m_j = sd_c / sqrt(K_j),

so that z_pj and w_j trade off. With V_j = sd_p^2 + m_j^2 rotate the pair,

    z_pj = (sd_p s_j - m_j r_j) / sqrt(V_j),   w_j = (m_j s_j + sd_p r_j) / sqrt(V_j),

s_j and r_j independent N(0, 1): the sum is sqrt(V_j) s_j, which the data inform, while r_j, which they do not inform,
keeps its prior. A rotation keeps z_pj and w_j independent N(0, 1), so the model is unchanged. s is sampled in the
parent's informed basis with V in place of sd^2, the children's contrasts within their parents in a separate basis.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy.linalg import null_space

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.names import INTERCEPT, z_name
from partialpool.pymc_model.adapted import adapted_offsets, information_matrix, informed_basis

__all__ = ["NestedPair", "nested_offsets", "nested_pairs"]


@dataclass(frozen=True, eq=False)
class NestedPair:
    """A factor of which each level is within one level of another factor.

    Attributes
    ----------
    parent, child
        The factors.
    parent_of
        The parent's level of each of the child's, shape (child levels,).
    """

    parent: FactorEffects
    child: FactorEffects
    parent_of: np.ndarray

    @property
    def children(self) -> np.ndarray:
        """Number of child levels in each parent level, shape (parent levels,)."""
        return np.bincount(self.parent_of, minlength=self.parent.n_levels)


def nested_pairs(factors: Sequence[FactorEffects]) -> Iterator[NestedPair]:
    """Find pairs of varying intercepts of which one factor is nested in the other; no factor is in two pairs."""
    single = [f for f in factors if f.names == (INTERCEPT,)]
    paired: set[str] = set()
    for child in sorted(single, key=lambda f: -f.n_levels):
        for parent in sorted(single, key=lambda f: -f.n_levels):
            if child.n_levels <= parent.n_levels or {child.name, parent.name} & paired:
                continue
            parent_of = _parent_of(parent, child)
            if parent_of is not None:
                paired |= {child.name, parent.name}
                yield NestedPair(parent, child, parent_of)


def nested_offsets(
    design: Design, weights: np.ndarray, pair: NestedPair, sds: Mapping[str, pt.TensorVariable]
) -> dict[str, pt.TensorVariable]:
    """Create the offsets z of both factors, each of shape (levels, 1)."""
    parent, child, children = pair.parent, pair.child, pair.children
    sd_parent, sd_child = sds[parent.name][0], sds[child.name][0]
    mean_sd = sd_child / np.sqrt(children)
    total_sd = pt.sqrt(sd_parent**2 + mean_sd**2)
    # Any scaling of s is valid: the same one for all levels keeps the informed basis orthonormal.
    seen = adapted_offsets(
        f"{z_name(parent.name)}_adapted",
        informed_basis(information_matrix(design, weights, parent, 0)),
        pt.sqrt(pt.mean(total_sd**2)),
    )
    unseen = pm.Normal(f"{z_name(child.name)}_shared", 0.0, 1.0, dims=parent.name)
    of_parent = (sd_parent * seen - mean_sd * unseen) / total_sd
    of_means = (mean_sd * seen + sd_parent * unseen) / total_sd
    contrasts = _contrasts(pair)
    within = informed_basis(contrasts.T @ information_matrix(design, weights, child, 0) @ contrasts)
    of_contrasts = adapted_offsets(f"{z_name(child.name)}_adapted", within, sd_child)
    of_child = (of_means / np.sqrt(children))[pair.parent_of] + pt.dot(contrasts, of_contrasts)
    return {parent.name: of_parent[:, None], child.name: of_child[:, None]}


def _parent_of(parent: FactorEffects, child: FactorEffects) -> np.ndarray | None:
    """Return the parent level of each child level, or None if some child level is in two parents."""
    return child.parent_levels(parent)


def _contrasts(pair: NestedPair) -> np.ndarray:
    """Return an orthonormal basis of offsets that sum to zero within each parent, (levels, levels - parents)."""
    sums = np.zeros((pair.parent.n_levels, pair.child.n_levels))
    sums[pair.parent_of, np.arange(pair.child.n_levels)] = 1.0
    return null_space(sums)
