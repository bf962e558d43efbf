"""The kept draws of the gibbs engine: of all levels, or of chosen ones with summaries of all."""

import numpy as np

from partialpool.marginal.gaussian.blocks import Blocks
from partialpool.marginal.gaussian.level_summaries import LevelDraws, LevelTotal
from partialpool.sampling.gibbs_chain import GibbsChain
from partialpool.sampling.kept_levels import kept_levels
from partialpool.sampling.settings import Settings
from partialpool.workers import shielded

__all__ = ["GibbsDraws"]

_NUMBERS_AT_ONCE = 2**23
"""Most numbers that wait to be added to the summaries."""
_MOST_AT_ONCE = 100
"""Most draws of a chain that wait: Ctrl-C is handled in between."""


class GibbsDraws:
    """Draws of all chains, which are filled in as they are made, in the units of the algebra.

    Effects of levels that are summarised wait until all chains have ended a round, of as many sweeps for any number of
    threads and any speed of the machine: they are added up in the same order, so that the seed alone decides the sums.
    """

    def __init__(self, blocks: Blocks, settings: Settings) -> None:
        self._blocks, self._workers = blocks, settings.workers
        shape = (settings.chains, settings.draws)
        wanted = None if settings.keep_levels is None else kept_levels(blocks.design, settings.keep_levels)
        self._places = {f: own for f, own in enumerate(wanted or ()) if own is not None}
        sizes = {f: levels.own.shape[:2] for f, levels in blocks.levels.items()}
        some = [f for f in sizes if f in self._places]
        numbers = settings.chains * sum(sizes[f][0] * sizes[f][1] for f in some)
        self.at_once = min(max(1, _NUMBERS_AT_ONCE // numbers), _MOST_AT_ONCE) if some else 0
        """Sweeps of a round; 0 where nothing waits for its end."""
        self._theta, self._tail = np.empty((*shape, blocks.size)), np.empty((*shape, blocks.tail))
        self._evaluations = np.zeros(shape, int)
        self._whole = {f: np.empty((*shape, *size)) for f, size in sizes.items() if f not in self._places}
        self._waiting = {f: np.empty((settings.chains, self.at_once, *sizes[f])) for f in some}
        self._chosen = {f: np.empty((*shape, len(self._places[f]), sizes[f][1])) for f in some}
        self._totals = {f: LevelTotal(sizes[f][0] * sizes[f][1], shape[0] * shape[1], self._workers) for f in some}
        self._kept, self._ended = np.zeros(settings.chains, int), 0

    def keep(self, chain: int, state: GibbsChain) -> None:
        """Keep the state of a chain as its next draw."""
        count = self._kept[chain]
        at = chain, count
        self._theta[at], self._tail[at], self._evaluations[at] = state.theta, state.tail, state.evaluations
        for f, values in self._whole.items():
            values[at] = state.effects[f]
        for f, values in self._waiting.items():
            values[chain, count - self._ended] = state.effects[f]
            self._chosen[f][at] = state.effects[f][self._places[f]]
        self._kept[chain] += 1

    def end_round(self) -> None:
        """Add up the effects that wait; every chain has made as many sweeps."""
        count = int(self._kept.min()) - self._ended
        try:
            if count and self._waiting:
                shielded(lambda: self._add_up(count))
        finally:
            self._ended += count

    def _add_up(self, count: int) -> None:
        """Add draws of all chains in turn, so that those by which the bins are placed are of all chains."""
        for f, values in self._waiting.items():
            drawn = values[:, :count].swapaxes(0, 1) @ self._blocks.turn_of(f)
            self._totals[f].add(drawn.reshape(count * len(values), -1), np.ones(count * len(values), int))

    @property
    def complete(self) -> int:
        """Number of draws that every chain has, and that have been added up."""
        return self._ended if self._waiting else int(self._kept.min())

    @property
    def theta(self) -> np.ndarray:
        """Elements of theta, (chains, draws, elements)."""
        return self._theta[:, : self.complete]

    @property
    def tail(self) -> np.ndarray:
        """Draws of the tail, (chains, draws, tail)."""
        return self._tail[:, : self.complete]

    @property
    def evaluations(self) -> np.ndarray:
        """Evaluations of the density, (chains, draws)."""
        return self._evaluations[:, : self.complete]

    @property
    def effects(self) -> dict[int, np.ndarray]:
        """Effects of the factors of which all levels are kept, (chains, draws, levels, effects)."""
        found = {f: values[:, : self.complete] for f, values in self._whole.items()}
        small = self._blocks.effects_in_tail(self.tail)
        return found | {f: values for f, values in small.items() if f not in self._places}

    def some_levels(self) -> LevelDraws | None:
        """Return draws of the chosen levels and summaries, in the units of the data; None if all levels are kept."""
        if not self._places:
            return None
        factors, draws = self._blocks.design.factors, len(self._kept) * self.complete
        kept = [np.empty((draws, 0, len(factor.names))) for factor in factors]
        summaries: list[np.ndarray | None] = [None] * len(factors)
        for f, values in self._chosen.items():
            kept[f] = values[:, : self.complete].reshape(draws, *values.shape[2:]) @ self._blocks.turn_of(f)
            summaries[f] = self._totals[f].finished()
        for f, values in self._blocks.effects_in_tail(self.tail).items():
            if f in self._places:
                every = values.reshape(draws, -1, 1) @ self._blocks.turn_of(f)
                total = LevelTotal(every.shape[1], draws, self._workers)
                total.add(every[:, :, 0], np.ones(draws, int))
                kept[f], summaries[f] = every[:, self._places[f]], total.finished()
        shaped = [
            None if s is None else s.reshape(f.n_levels, len(f.names), -1)
            for f, s in zip(factors, summaries, strict=True)
        ]
        return LevelDraws(tuple(kept), tuple(shaped))
