"""The gibbs engine: one large factor at a time, its effects integrated out, at a cost that is linear in the levels.

Crossed factors of many levels make a dense matrix when all effects are integrated out together. Given the effects of
the other factors those of one are independent: its sds and correlations, sigma, the fixed effects and the effects of
small factors are drawn with its effects integrated out, then its effects. With the mean drawn in every block the chain
mixes at a rate that does not depend on the numbers of rows and levels where levels meet at random (Papaspiliopoulos,
Roberts & Zanella 2020, Biometrika 107:25, whose collapsed Gibbs sampler this is, with the variances in the same
blocks).
"""

import time

import numpy as np

from partialpool.design.design import Design
from partialpool.kernels import awaits_compilation
from partialpool.marginal.gaussian.accumulated import Accumulated
from partialpool.marginal.gaussian.block_factors import why_not_in_blocks
from partialpool.marginal.gaussian.block_kernel import draw_block
from partialpool.marginal.gaussian.blocks import build_blocks
from partialpool.marginal.gaussian.precision import check_digits
from partialpool.model.prior_set import PriorSet
from partialpool.progress import ProgressLine, progress_line
from partialpool.sampling.engine import RawDraws, check_room_for_effects
from partialpool.sampling.gibbs_chain import GibbsChain
from partialpool.sampling.gibbs_draws import GibbsDraws
from partialpool.sampling.interrupted import warn_interrupted
from partialpool.sampling.kept_levels import check_can_keep_some
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
        return "one factor at a time is integrated out, at a cost in proportion to levels and pairs of levels"

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
        check_can_keep_some(settings, design, self.name, integrates=True)
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
            drawn = GibbsDraws(blocks, settings)
            interrupted = _run([GibbsChain(blocks, seed) for seed in seeds], drawn, settings, line)
        if interrupted:
            warn_interrupted(settings.chains, drawn.complete, settings)
        theta, tail = drawn.theta, drawn.tail
        check_digits(design, known.units.unit, float(np.median(blocks.unpacked(theta).sigma)))
        levels = drawn.some_levels()
        posterior = blocks.named(theta, tail, drawn.effects, keep_z=settings.keep_z)
        ended, n = time.perf_counter(), len(blocks.blocks)
        facts = {
            "sampler": f"collapsed Gibbs sampling in {n} block{'s' if n > 1 else ''}",
            "seconds": ended - started,
            "stages": {"moments": collected - started, "draws": ended - collected},
            "interrupted": interrupted,
        }
        return RawDraws(posterior, {"n_steps": drawn.evaluations}, facts, known, levels)


def _run(chains: list[GibbsChain], drawn: GibbsDraws, settings: Settings, line: ProgressLine) -> bool:
    """Run all chains side by side, in rounds; return whether Ctrl-C cut the kept draws short."""
    warm_up = settings.warmed_up_briefly().tune
    each, sweeps = warm_up + settings.draws, drawn.at_once or 1
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
            drawn.end_round()
            line.count(sum(chain.swept for chain in chains), each * len(chains))
            per_sweep = max((time.perf_counter() - started) / sweeps, 1e-6)
            sweeps = drawn.at_once or max(1, min(2 * sweeps, int(_ROUND / per_sweep)))
    except KeyboardInterrupt:
        return True
    return False
