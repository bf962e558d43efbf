"""Monte Carlo error of power-scaling sensitivities, by a jackknife over blocks of draws.

The sensitivity is that of ArviZ: the larger cumulative Jensen-Shannon distance (Nguyen & Vreeken 2015) of both tails
between draws and weighted draws, per doubling of the power, averaged over one power below 1 and one above. Blocks are
consecutive draws of a chain, so that autocorrelation within them counts (Efron 1982, The Jackknife, the Bootstrap and
Other Resampling Plans; Kunsch 1989, Annals of Statistics 17:1217, for blocks).
"""

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["blocks_of", "jackknifed_error", "sensitivities"]

_BLOCKS = 20


def blocks_of(chains: int, draws: int) -> np.ndarray:
    """Return the block of each draw, consecutive draws of one chain, (chains * draws,), about 20 in all.

    Examples
    --------
    >>> blocks_of(2, 20)[:6], int(blocks_of(4, 1000).max()) + 1
    (array([0, 0, 1, 1, 2, 2]), 20)
    """
    each = min(draws, math.ceil(_BLOCKS / chains))
    within = np.arange(draws) * each // draws
    return (within + each * np.arange(chains)[:, None]).ravel()


def sensitivities(values: np.ndarray, weights: np.ndarray, alphas: Sequence[float]) -> np.ndarray:
    """Return the sensitivity of a quantity to each component, (components,).

    Parameters
    ----------
    values
        Draws of the quantity, (draws,).
    weights
        Weights under each component to each power, (components, alphas, draws); their sum does not matter.
    alphas
        The powers.
    """
    order = np.argsort(values)
    return _gradient(values[order], weights[..., order], alphas)


def jackknifed_error(
    values: np.ndarray, weights: np.ndarray, alphas: Sequence[float], blocks: np.ndarray
) -> np.ndarray:
    """Return the Monte Carlo standard error of `sensitivities`, (components,).

    With S_b the sensitivity without block b of B, the squared error is (B - 1) / B sum_b (S_b - mean S)^2.

    Parameters
    ----------
    values, weights, alphas
        As for `sensitivities`.
    blocks
        From `blocks_of`, (draws,).
    """
    order = np.argsort(values)
    values, weights, blocks = values[order], weights[..., order], blocks[order]
    count = int(blocks.max()) + 1
    without = np.stack(
        [_gradient(values[keep], weights[..., keep], alphas) for keep in (blocks != b for b in range(count))]
    )
    return np.sqrt((count - 1) * without.var(axis=0))


def _gradient(values: np.ndarray, weights: np.ndarray, alphas: Sequence[float]) -> np.ndarray:
    """Return the distances of sorted draws per doubling of the power, averaged over the powers, (components,)."""
    distance = np.maximum(_distance(values, weights), _distance(-values[::-1], weights[..., ::-1]))
    return np.mean(distance / np.abs(np.log2(alphas)), axis=-1)


def _distance(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the cumulative Jensen-Shannon distance of sorted draws from the weighted ones, (components, alphas)."""
    n, width = len(values), np.diff(values)
    p = np.linspace(1 / n, 1 - 1 / n, n - 1)
    q = np.cumsum(weights / weights.sum(axis=-1, keepdims=True), axis=-1)[..., :-1]
    middle = np.log2((p + q) / 2)
    of_p, of_q = p @ width, q @ width
    half = 0.5 / math.log(2) * (of_q - of_p)
    from_p = (p * (np.log2(p) - middle)) @ width + half
    from_q = (q * (np.log2(q) - middle)) @ width - half
    return np.sqrt((np.maximum(from_p, 0) + np.maximum(from_q, 0)) / (of_p + of_q))
