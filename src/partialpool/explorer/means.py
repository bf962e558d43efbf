"""The mean of the response beside the linear predictor: ticks of a second axis, and the numbers of every level."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from partialpool.explorer.curves import PoolingCurves
from partialpool.families.link import Link, ProbabilityLink
from partialpool.tabulate import number

__all__ = ["MeanAxis", "infinite_ways", "mean_numbers"]

_PROBABILITIES: Final = (0.5, 0.2, 0.8, 0.1, 0.9, 0.05, 0.95, 0.01, 0.99, 0.02, 0.98, 0.3, 0.7, 0.4, 0.6, 0.001, 0.999)
"""Round probabilities, those that are ticks first where there is room for few."""
_LETTER: Final = 0.03
"""Width of a digit relative to the axis, on a phone."""
_MOST_DECIMALS: Final = 5
_DIGITS: Final = 5
"""Significant digits of the means on the page."""


@dataclass(frozen=True)
class MeanAxis:
    """A second axis of estimates: the mean of the response under a link.

    Attributes
    ----------
    link
        The link, whose inverse increases.
    label
        Name of the mean.
    predictor
        Name of the linear predictor.
    """

    link: Link
    label: str
    predictor: str = "linear predictor"

    def ticks(self, low: float, high: float) -> dict[float, str]:
        """Return round means between two linear predictors, by linear predictor, so far apart that all can be read.

        Examples
        --------
        >>> from partialpool.families.links import LINKS
        >>> sorted(MeanAxis(LINKS["logit"], "probability").ticks(-2.0, 1.0).values())
        ['0.2', '0.3', '0.4', '0.5', '0.6', '0.7']
        """
        ends = self.link.inverse(np.array([low, high]))
        if isinstance(self.link, ProbabilityLink):
            round_means = np.array(_PROBABILITIES)
        else:
            tens = 10.0 ** np.arange(np.floor(np.log10(ends[0])), np.ceil(np.log10(ends[1])) + 1)
            round_means = np.sort(np.concatenate([m * tens for m in (1, 2, 5)]))
        inside = round_means[(round_means >= ends[0]) & (round_means <= ends[1])]
        kept: dict[float, str] = {}
        for mean, at in zip(inside.tolist(), self.link.forward(inside).tolist(), strict=True):
            text = number(mean)
            if all(abs(at - other) >= self._room(text, beside) * (high - low) for other, beside in kept.items()):
                kept[at] = text
        return kept

    def _room(self, one: str, other: str) -> float:
        """Return the least distance of the middles of two labels relative to the axis."""
        return max(0.1, _LETTER * ((len(one) + len(other)) / 2 + 1))

    def said(self, say: Callable[[float], str], estimates: np.ndarray) -> Callable[[float], str]:
        """Return a function that writes an estimate as its mean, with so many decimals as estimates need."""
        decimals = self.decimals(self.link.inverse(estimates))
        return lambda value: f"{float(self.link.inverse(np.array(value))):.{decimals}f} ({self.predictor} {say(value)})"

    def decimals(self, means: np.ndarray) -> int:
        """Return the number of decimals that show means: at least two of a probability, two digits of the least count.

        Examples
        --------
        >>> from partialpool.families.links import LINKS
        >>> MeanAxis(LINKS["logit"], "probability").decimals(np.array([0.2, 0.97]))
        2
        >>> MeanAxis(LINKS["log"], "expected visits").decimals(np.array([0.4, 12.0]))
        2
        """
        probable = isinstance(self.link, ProbabilityLink)
        sizes = np.minimum(means, 1 - means) if probable else means
        sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
        first = -int(np.floor(np.log10(sizes.min()))) if len(sizes) else 0
        return int(np.clip(first, 2, _MOST_DECIMALS)) if probable else int(np.clip(first + 1, 0, _MOST_DECIMALS))


def infinite_ways(curves: PoolingCurves) -> np.ndarray:
    """Return which way the infinite estimates go, (levels,): 1 up, -1 down, 0 where it is finite or not known."""
    finite = np.flatnonzero(np.isfinite(curves.sds))[-1]
    outward = curves.values[finite] - curves.population[finite]
    moved = curves.values[finite] - curves.values[max(finite - 1, 0)]
    # Where a predictor separates the outcomes, an estimate may move about the population mean: then neither is said.
    return np.where(curves.infinite & (outward * moved >= 0), np.where(outward >= 0, 1, -1), 0)


def mean_numbers(curves: PoolingCurves, at: int, order: np.ndarray, means: MeanAxis | None) -> dict[str, Any]:
    """Return the means at every estimate, in the given order, and which way infinite estimates go: 1 up, -1 down.

    Parameters
    ----------
    curves, at
        The curves, and the position of the posterior median in them.
    order
        Positions of the levels shown.
    means
        The axis of means; None where there is none.
    """
    endless = infinite_ways(curves)[order]
    out: dict[str, Any] = {"endless": endless.tolist(), "means": None}
    if means is not None:
        values = curves.values[:, order].copy()
        gone = np.isinf(curves.sds)[:, None] & (endless != 0)
        values[gone] = np.where(endless > 0, np.inf, -np.inf)[np.nonzero(gone)[1]]
        with np.errstate(over="ignore"):
            shown = means.link.inverse(values)
        out["means"] = {
            "values": [_listed(row) for row in shown],
            "decimals": means.decimals(shown[at]),
            "label": means.label,
            "predictor": means.predictor,
        }
    return out


def _listed(values: np.ndarray) -> list[float | None]:
    return [float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()]
