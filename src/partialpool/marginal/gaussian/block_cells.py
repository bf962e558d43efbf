"""Cross-products of two blocks, and the effects of one added up over the rows of the levels of the other."""

from typing import NamedTuple

import numpy as np

from partialpool.kernels import kernel

__all__ = ["Cells", "sum_over_first", "sum_over_second"]


class Cells(NamedTuple):
    """Z_f'Z_g of two blocks: where the list of each level of f starts, levels of g, (pairs, effects, effects)."""

    start: np.ndarray
    second: np.ndarray
    values: np.ndarray


@kernel
def sum_over_second(cells: Cells, effects: np.ndarray, out: np.ndarray) -> None:
    """Write C_fg b_g, (levels of f, effects)."""
    start, second, values = cells
    q, p = values.shape[1], values.shape[2]
    if q * p == 1:  # the loops over effects take as long as the products
        numbers, given = values.reshape(-1), effects.reshape(-1)
        for i in range(len(out)):
            total = 0.0
            for k in range(start[i], start[i + 1]):
                total += numbers[k] * given[second[k]]
            out[i, 0] = total
        return
    for i in range(len(out)):
        for a in range(q):
            total = 0.0
            for k in range(start[i], start[i + 1]):
                for b in range(p):
                    total += values[k, a, b] * effects[second[k], b]
            out[i, a] = total


@kernel
def sum_over_first(cells: Cells, effects: np.ndarray, out: np.ndarray) -> None:
    """Write C_fg' b_f, (levels of g, effects)."""
    start, second, values = cells
    q, p = values.shape[1], values.shape[2]
    sums, numbers = out.reshape(-1), values.reshape(-1)
    for i in range(len(sums)):
        sums[i] = 0.0
    for i in range(len(effects)):
        if q * p == 1:
            own = effects[i, 0]
            for k in range(start[i], start[i + 1]):
                sums[second[k]] += numbers[k] * own
            continue
        for a in range(q):
            own = effects[i, a]
            for k in range(start[i], start[i + 1]):
                for b in range(p):
                    sums[p * second[k] + b] += values[k, a, b] * own
