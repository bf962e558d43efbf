"""The structure of the covariance of one level's effects: which sds are equal, and how correlations are related."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["EffectStructure", "correlation_bounds"]

_WORDS: Final = {
    "unstructured": "unstructured correlations",
    "diag": "independent effects",
    "cs": "one correlation for all pairs (compound symmetry)",
    "ar1": "correlations that fall with the distance (first-order autoregressive)",
}


@dataclass(frozen=True)
class EffectStructure:
    """How the covariance of a factor's effects depends on its parameters.

    Attributes
    ----------
    kind
        Correlations within each block: `unstructured`; `diag`, none; `cs`, rho for every pair; `ar1`, rho to the power
        of the distance of two effects in their order.
    sd_of
        For each effect, the position of the first effect with the same sd, (effects,).
    """

    kind: str
    sd_of: tuple[int, ...]

    @property
    def own_sds(self) -> tuple[int, ...]:
        """Positions of the effects whose sds are parameters."""
        return tuple(dict.fromkeys(self.sd_of))

    @property
    def is_stated(self) -> bool:
        """Whether it is another than sds of their own with unstructured correlations, or none."""
        return self.has_one_correlation or len(self.own_sds) < len(self.sd_of)

    @property
    def has_one_correlation(self) -> bool:
        """Whether all correlations of a block depend on a single one."""
        return self.kind in ("cs", "ar1")

    @property
    def in_words(self) -> str:
        """Describe it: `one correlation for all pairs (compound symmetry), equal sds`."""
        return _WORDS[self.kind] + (", equal sds" if len(self.own_sds) < len(self.sd_of) else "")

    def parameter_pairs(self, blocks: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
        """Return the pairs of effects whose correlations are parameters, block by block."""
        if self.has_one_correlation:
            return [(block[0], block[1]) for block in blocks if len(block) > 1]
        return [(i, j) for block in blocks for n, j in enumerate(block) for i in block[:n]]


def correlation_bounds(kind: str, effects: int) -> tuple[float, float]:
    """Return the bounds of rho for which correlations of so many effects are positive definite.

    Examples
    --------
    >>> correlation_bounds("cs", 5)
    (-0.25, 1.0)
    """
    return (-1.0 / (effects - 1), 1.0) if kind == "cs" else (-1.0, 1.0)
