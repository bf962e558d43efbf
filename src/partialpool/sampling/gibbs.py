"""The gibbs engine: one large factor at a time, its effects integrated out, at a cost that is linear in the rows.

Crossed factors of many levels make a dense matrix when all effects are integrated out together. Given the effects of
the other factors those of one are independent: its sd, sigma, the fixed effects and the effects of small factors are
drawn with its effects integrated out, then its effects. With the mean drawn in every block the chain mixes at a rate
that does not depend on the numbers of rows and levels where levels meet at random (Papaspiliopoulos, Roberts & Zanella
2020, Biometrika 107:25, whose collapsed Gibbs sampler this is, with the variances in the same blocks).
"""

import time
from dataclasses import dataclass, field

import numpy as np

from partialpool.design.design import Design
from partialpool.kernels import awaits_compilation
from partialpool.marginal.gaussian.accumulated import Accumulated
from partialpool.marginal.gaussian.block_factors import why_not_in_blocks
from partialpool.marginal.gaussian.block_kernel import draw_block
from partialpool.marginal.gaussian.blocks import Blocks, build_blocks
from partialpool.marginal.gaussian.precision import check_digits
from partialpool.model.prior_set import PriorSet
from partialpool.progress import ProgressLine, progress_line
from partialpool.sampling.engine import RawDraws, check_room_for_effects
from partialpool.sampling.gibbs_chain import GibbsChain
from partialpool.sampling.interrupted import warn_interrupted
from partialpool.sampling.settings import Settings
from partialpool.seeds import shifted
from partialpool.spec.model import ModelSpec
from partialpool.workers import map_pieces

__all__ = ["GibbsEngine"]

_ROUND = 0.5
"""Seconds of a round of sweeps, after which Ctrl-C is handled and progress is shown."""


class GibbsEngine:
    """Gibbs sampling in blocks, for normal responses with crossed factors."""

    name = "gibbs"

    def merit(self, spec: ModelSpec) -> str:
        """Say how it samples."""
        return "one factor at a time is integrated out, at a cost that is linear in the rows"

    def why_not(self, spec: ModelSpec) -> str:
        """Return the reason why it does not apply to a model; empty if it does."""
        return why_not_in_blocks(spec)

    def run(self, design: Design, priors: PriorSet, settings: Settings) -> RawDraws:
        """Draw from the posterior.

        Ctrl-C during the kept draws returns those made so far, the same number from every chain, with a
        `SamplingWarning`; earlier it raises KeyboardInterrupt.
        """
        return self.run_on(design, priors, settings, None)

    def run_on(self, design: Design, priors: PriorSet, settings: Settings, known: Accumulated | None) -> RawDraws:
        """Draw from the posterior, given the moments of all rows where they are known: then no row is read."""
        check_room_for_effects(design, settings)
        started = time.perf_counter()
        with progress_line("preparing", shown=settings.progressbar) as line:
            line.say("collecting moments")
            known = Accumulated.of(design) if known is None else known
            blocks = build_blocks(design, priors, known)
            collected = time.perf_counter()
            seeds = np.random.SeedSequence(shifted(settings.seed)).spawn(settings.chains)
            if awaits_compilation(draw_block):
                line.say("compiling, once per machine")
                GibbsChain(blocks, seeds[0]).sweep(adapts=False)
            drawn = _Draws.empty(blocks, settings)
            interrupted = _run([GibbsChain(blocks, seed) for seed in seeds], drawn, settings, line)
        if interrupted:
            drawn = drawn.first(int(drawn.kept.min()))
            warn_interrupted(settings.chains, drawn.theta.shape[1], settings)
        check_digits(design, known.units.unit, float(np.median(blocks.unpacked(drawn.theta).sigma)))
        posterior = blocks.named(drawn.theta, drawn.tail, drawn.effects, keep_z=settings.keep_z)
        ended, n = time.perf_counter(), len(blocks.blocks)
        facts = {
            "sampler": f"collapsed Gibbs sampling in {n} block{'s' if n > 1 else ''}",
            "seconds": ended - started,
            "stages": {"moments": collected - started, "draws": ended - collected},
            "interrupted": interrupted,
        }
        return RawDraws(posterior, {"n_steps": drawn.evaluations}, facts, known)


@dataclass(frozen=True, eq=False)
class _Draws:
    """Kept draws, (chains, draws, ...), in the units of the algebra; how many of each chain there are, (chains,)."""

    theta: np.ndarray
    tail: np.ndarray
    evaluations: np.ndarray
    effects: dict[int, np.ndarray]
    kept: np.ndarray = field(repr=False)

    @classmethod
    def empty(cls, blocks: Blocks, settings: Settings) -> "_Draws":
        shape = (settings.chains, settings.draws)
        effects = {f: np.empty((*shape, *blocks.levels[f].own.shape[:2])) for f in blocks.blocks}
        sizes = np.empty((*shape, blocks.size)), np.empty((*shape, blocks.tail))
        return cls(*sizes, np.zeros(shape, int), effects, np.zeros(settings.chains, int))

    def keep(self, chain: int, state: GibbsChain) -> None:
        """Keep the state of a chain as its next draw."""
        at = chain, self.kept[chain]
        self.theta[at], self.tail[at], self.evaluations[at] = state.theta, state.tail, state.evaluations
        for f, values in state.effects.items():
            self.effects[f][at] = values
        self.kept[chain] += 1

    def first(self, draws: int) -> "_Draws":
        """Return the first draws of every chain."""
        effects = {f: values[:, :draws] for f, values in self.effects.items()}
        return _Draws(self.theta[:, :draws], self.tail[:, :draws], self.evaluations[:, :draws], effects, self.kept)


def _run(chains: list[GibbsChain], drawn: _Draws, settings: Settings, line: ProgressLine) -> bool:
    """Run all chains side by side, in rounds; return whether Ctrl-C cut the kept draws short."""
    warm_up = settings.warmed_up_briefly().tune
    each, sweeps = warm_up + settings.draws, 1
    line.say("sampling")

    def advance(chain: int) -> None:
        state = chains[chain]
        for _ in range(min(sweeps, each - state.swept)):
            state.sweep(adapts=state.swept < warm_up)
            if state.swept > warm_up:
                drawn.keep(chain, state)

    try:
        while chains[-1].swept < each:
            started = time.perf_counter()
            map_pieces(advance, range(len(chains)), settings.workers)
            line.count(sum(chain.swept for chain in chains), each * len(chains))
            per_sweep = max((time.perf_counter() - started) / sweeps, 1e-6)
            sweeps = max(1, min(2 * sweeps, int(_ROUND / per_sweep)))
    except KeyboardInterrupt:
        return True
    return False
