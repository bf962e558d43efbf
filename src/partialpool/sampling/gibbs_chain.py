"""A chain of the gibbs engine: its state, and one sweep over the blocks."""

from itertools import combinations

import numpy as np

from partialpool.marginal.gaussian.block_cells import Cells, sum_over_first, sum_over_second
from partialpool.marginal.gaussian.block_kernel import RANDOM_NUMBERS, draw_block
from partialpool.marginal.gaussian.blocks import Blocks

__all__ = ["GibbsChain"]

_WIDTH = 0.5
"""Width of the first interval of every element, on the log scale, or that of atanh."""
_FAR = 3.0
_FORGET = 0.05
"""Of adaptation: the width in mean absolute moves, and the weight of the latest move in that mean."""


class GibbsChain:
    """The state of one chain, which a sweep changes in place.

    Chains start from theta spread widely, and from effects of zero, which the first sweep replaces.
    """

    def __init__(self, blocks: Blocks, seed: np.random.SeedSequence) -> None:
        self.blocks = blocks
        self.rng = np.random.default_rng(seed)
        self.theta = self.rng.uniform(-2.5, 0.5, blocks.size)
        self.theta[np.unique(blocks.layout.partial_at)] += 1.0  # correlations, around 0
        self.tail = np.zeros(blocks.tail)
        self.effects = {f: np.zeros(blocks.levels[f].own.shape[:2]) for f in blocks.blocks}
        self.width = np.full(blocks.size, _WIDTH)
        self.moved = np.full(blocks.size, _WIDTH / _FAR)
        self.evaluations = 0
        self.swept = 0
        self._sums = {(f, g): np.zeros_like(self.effects[f]) for f in blocks.blocks for g in blocks.blocks if f != g}
        self._moved = {f: blocks.moved_with(f) for f in blocks.blocks}
        self._columns = {f: columns.copy() for f, columns in blocks.columns.items()}
        self._products = {f: products.copy() for f, products in blocks.products.items()}

    def sweep(self, *, adapts: bool) -> None:
        """Update every block once; with `adapts` also the widths, which the warm-up alone may do."""
        before, self.evaluations = self.theta.copy(), 0
        for f in self.blocks.blocks:
            self._update(f)
            self._add_up(f)
        self.swept += 1
        if adapts:
            self.moved += _FORGET * (np.abs(self.theta - before) - self.moved)
            self.width = _FAR * self.moved + 1e-6

    def _update(self, f: int) -> None:
        blocks, moved = self.blocks, self._moved[f]
        gram, rest = self._less_others(f)
        self.evaluations += draw_block(
            f,
            moved,
            blocks.lent_layout,
            blocks.prior,
            blocks.levels[f],
            self._products[f],
            self._columns[f],
            gram,
            rest,
            blocks.rows,
            self.width,
            self.rng.random(RANDOM_NUMBERS * len(moved)),
            self.rng.standard_normal(len(self.tail) + rest.size),
            self.theta[None],
            self.tail,
            self.effects[f],
        )

    def _less_others(self, f: int) -> tuple[np.ndarray, np.ndarray]:
        """Return [T r]'[T r] and Z'r of a block, r = y less the contribution of the other blocks."""
        levels, effects = self.blocks.levels, self.effects
        gram, rest = self.blocks.gram.copy(), levels[f].dense[:, :, -1].copy()
        others = [g for g in self.blocks.blocks if g != f]
        for g in others:
            rest -= self._sums[f, g]
            own, dense = effects[g], levels[g].dense
            off = own.ravel() @ dense.reshape(own.size, -1)
            gram[-1, :-1] -= off[:-1]
            if own.shape[1] == 1:
                size = levels[g].own[:, 0, 0] @ own[:, 0] ** 2
            else:
                size = np.vdot(own, np.einsum("jkn,jn->jk", levels[g].own, own))
            gram[-1, -1] += size - 2 * off[-1]
        for g, h in combinations(others, 2):
            gram[-1, -1] += 2 * np.vdot(effects[g], self._sums[g, h])
        return gram, rest

    def _add_up(self, f: int) -> None:
        """Add up the new effects of a block over the rows of the levels of the others."""
        for g in self.blocks.blocks:
            if g < f:
                sum_over_second(self._cells(g, f), self.effects[f], self._sums[g, f])
            elif g > f:
                sum_over_first(self._cells(f, g), self.effects[f], self._sums[g, f])

    def _cells(self, f: int, g: int) -> Cells:
        return self.blocks.cells[f, g]
