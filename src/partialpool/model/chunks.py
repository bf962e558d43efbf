"""Split draws into pieces, so that (draws, rows) arrays fit in memory."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from partialpool.model.predictor import Draws
from partialpool.seeds import seed_sequence

__all__ = ["pieces_of"]

_AT_ONCE: Final = 2_000_000
"""Elements of a (draws, rows) array, roughly."""


def pieces_of(draws: Draws, rows: int, seed: int | None) -> Iterator[tuple[Draws, np.random.SeedSequence]]:
    """Yield the draws in pieces, each with a separate seed.

    Parameters
    ----------
    draws
        Variables by name, chains stacked.
    rows
        Number of rows that each piece will be evaluated for.
    seed
        Makes the pieces' seeds reproducible.
    """
    total = len(next(iter(draws.values())))
    size = max(1, _AT_ONCE // rows)
    starts = range(0, total, size)
    for at, child in zip(starts, seed_sequence(seed).spawn(len(starts)), strict=True):
        yield {name: values[at : at + size] for name, values in draws.items()}, child
