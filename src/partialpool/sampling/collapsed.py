"""The collapsed engine: random effects integrated out exactly, theta drawn nearly independently, effects recovered."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from partialpool.design.design import Design
from partialpool.marginal.gaussian.accumulated import Accumulated
from partialpool.marginal.gaussian.eligibility import why_not
from partialpool.marginal.gaussian.level_summaries import LevelDraws, summarise_levels
from partialpool.marginal.gaussian.marginal import Marginal, build_marginal
from partialpool.marginal.gaussian.precision import check_digits
from partialpool.marginal.gaussian.recover import Recovered, posterior_variables, recover
from partialpool.marginal.gaussian.residual_marginal import build_residual_marginal
from partialpool.model.prior_set import PriorSet
from partialpool.names import b_name
from partialpool.progress import ProgressLine, progress_line
from partialpool.sampling.chains import Candidates, Chains, propose, run_chains
from partialpool.sampling.dense_levels import warn_if_dense
from partialpool.sampling.engine import RawDraws, check_room_for_effects
from partialpool.sampling.kept_levels import check_can_keep_some, kept_levels
from partialpool.sampling.mode import Peak, find_peaks
from partialpool.sampling.proposal import Proposal, adapt, readapt
from partialpool.sampling.settings import Settings
from partialpool.sampling.starts import starts
from partialpool.seeds import shifted
from partialpool.spec.model import ModelSpec

__all__ = ["CollapsedEngine"]

_MOST_READAPTATIONS: Final = 3
"""Fits of the proposal to a whole sample before NUTS is used, which costs tens of times as much as a sample."""
_MOST_CANDIDATES: Final = 8
"""Most candidates of a cheap density for each kept draw; with so many, NUTS is still dearer."""
_FEWEST_CANDIDATES: Final = 1000
"""Fewest candidates, however few draws are kept: the diagnostics of importance weights need a sample."""


class CollapsedEngine:
    """Exact integration over group effects, for normal responses."""

    name = "collapsed"

    def merit(self, spec: ModelSpec) -> str:
        """Name what is integrated out: effects, or only coefficients."""
        return f"{'group effects' if spec.parts_with_sds else 'coefficients'} integrate out exactly"

    def why_not(self, spec: ModelSpec) -> str:
        """Say why group effects cannot be integrated out exactly; empty where they can."""
        return why_not(spec)

    def run(self, design: Design, priors: PriorSet, settings: Settings) -> RawDraws:
        """Draw from the posterior."""
        return self.run_on(design, priors, settings, None)

    def run_on(
        self,
        design: Design,
        priors: PriorSet,
        settings: Settings,
        known: Accumulated | None,
        *,
        draws_levels: bool = True,
    ) -> RawDraws:
        """Draw from the posterior, given the moments of all rows where they are known: then no row is read.

        Without `draws_levels` the posterior has no group effects; all its other variables have the same draws.
        """
        check_can_keep_some(settings, design, self.name, integrates=True)
        check_room_for_effects(design, settings)
        some = None if settings.keep_levels is None else kept_levels(design, settings.keep_levels)
        draws_levels = draws_levels and some is None
        clock = _Clock()
        streams = np.random.SeedSequence(shifted(settings.seed)).spawn(5)
        with progress_line("preparing", shown=settings.progressbar) as line:
            line.say("collecting moments")
            if design.residual is None:
                known = Accumulated.of(design) if known is None else known
                marginal = replace(build_marginal(design, priors, known), draws_levels=draws_levels)
            else:  # its moments depend on the series, which new rows make longer
                known, marginal = None, build_residual_marginal(design, priors)
            clock.lap("moments")
            warn_if_dense(marginal)
            if marginal.awaits_compilation():
                line.say("compiling, once per machine")
                marginal.compile()
            line.say("finding the mode")
            found = (
                _draw_theta(marginal, settings, streams[:4], line, clock)
                if marginal.size
                else _nothing_but_effects(marginal, settings)
            )
            effects, origin = found.recovered, found.origin
            if effects is None or origin is None:
                flat = found.theta.reshape(math.prod(found.theta.shape[:2]), marginal.size)
                origin = _Origin(flat, np.arange(len(flat)), streams[4])
                effects = _recover(marginal, flat, settings, streams[4], line)
            levels = None if some is None else _summarised(marginal, origin, some, settings, line)
            clock.lap("draws")
        facts = {**found.facts, "seconds": clock.total, "stages": clock.laps}
        posterior = posterior_variables(marginal, effects, found.theta.shape[:2], keep_z=settings.keep_z)
        if levels is not None:
            posterior |= _of_whole_factors(design, levels, found.theta.shape[:2])
        return RawDraws(posterior, found.stats, facts, known, levels)


@dataclass(frozen=True, eq=False)
class _Origin:
    """The thetas whose effects are drawn, which of them each draw has, and the seed of the effects."""

    thetas: np.ndarray
    index: np.ndarray
    stream: np.random.SeedSequence


@dataclass(frozen=True, eq=False)
class _Theta:
    """Draws of theta (chains, draws, elements), their statistics and facts, and their effects if already drawn."""

    theta: np.ndarray
    stats: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]
    recovered: Recovered | None = None
    origin: _Origin | None = None


def _draw_theta(
    marginal: Marginal, settings: Settings, streams: list[np.random.SeedSequence], line: ProgressLine, clock: "_Clock"
) -> _Theta:
    """Draw theta by an adapted proposal; if its weights are unreliable, by NUTS."""
    peaks = find_peaks(marginal, starts(marginal), workers=settings.threads)
    clock.lap("mode")
    line.say("adapting the proposal")
    proposal = adapt(marginal, peaks, np.random.default_rng(streams[0]), workers=settings.threads)
    if proposal.is_given_up:
        clock.lap("proposal")
        found = _by_nuts(marginal, peaks, _too_many(marginal, proposal), settings, line)
        clock.lap("nuts")
        return found
    drawn = _draw(marginal, proposal, settings, streams[1], line)
    for fitting, drawing in zip(*(stream.spawn(_MOST_READAPTATIONS) for stream in streams[2:]), strict=True):
        if not drawn.chains.trouble:
            break
        proposal = readapt(proposal, drawn.candidates.sample, drawn.values, np.random.default_rng(fitting))
        drawn = _draw(marginal, proposal, settings, drawing, line)
    clock.lap("proposal")
    if drawn.chains.trouble:
        found = _by_nuts(marginal, peaks, drawn.chains.trouble, settings, line)
        clock.lap("nuts")
        known = {"importance_khat": drawn.chains.khat, "importance_efficiency": drawn.chains.efficiency}
        return replace(found, facts={**found.facts, **known})
    index = drawn.chains.index
    return _Theta(
        drawn.candidates.sample.theta[index],
        {"lp": drawn.values[index], "acceptance_rate": drawn.chains.acceptance},
        _facts(drawn.chains, proposal.rounds),
        drawn.recovered.take(index.ravel()) if drawn.recovered is not None else None,
        _Origin(drawn.candidates.sample.theta, index.ravel(), drawn.effect_stream),
    )


def _nothing_but_effects(marginal: Marginal, settings: Settings) -> _Theta:
    """Return the draws if theta has no elements: all are independent, and the evidence is the density itself."""
    shape = (settings.chains, settings.draws)
    value = marginal.log_density(np.zeros(0))
    facts = {
        "sampler": "exact draws",
        "log_evidence": value,
        "log_evidence_se": 0.0,
        "interrupted": False,
    }
    return _Theta(np.zeros((*shape, 0)), {"lp": np.full(shape, value)}, facts)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Candidates with their densities, with their effects if one pass gives both, and the chains over them."""

    candidates: Candidates
    values: np.ndarray
    recovered: Recovered | None
    effect_stream: np.random.SeedSequence
    chains: Chains


def _draw(
    marginal: Marginal, proposal: Proposal, settings: Settings, stream: np.random.SeedSequence, line: ProgressLine
) -> _Drawn:
    """Draw candidates and run chains over them.

    A cheap density is evaluated at several candidates per kept draw, so that chains rarely repeat a draw, and effects
    are drawn afterwards for the kept draws. For an expensive one the effects of each candidate are drawn from the same
    factorisation: a joint proposal of theta and b, whose weight is that of theta.
    """
    candidate_stream, accept_stream, effect_stream = stream.spawn(3)
    fewest = math.ceil(_FEWEST_CANDIDATES / (settings.chains * settings.draws))
    thin = max(_thin(proposal) if marginal.is_cheap else 1, fewest)
    rng = np.random.default_rng(candidate_stream)
    candidates = propose(proposal, settings.chains, settings.draws, thin, rng)
    line.say("drawing from the proposal")
    if marginal.is_cheap:
        recovered = None
        values = marginal.log_densities(candidates.sample.theta, workers=settings.threads)
    else:
        recovered = _recover(marginal, candidates.sample.theta, settings, effect_stream, line)
        values = recovered.log_density
    best = candidates.sample.theta[np.nanargmax(values)]
    check_digits(marginal.design, marginal.units.unit, marginal.sigma(best))
    chains = run_chains(candidates, values, np.random.default_rng(accept_stream))
    return _Drawn(candidates, values, recovered, effect_stream, chains)


def _thin(proposal: Proposal) -> int:
    """Return how many candidates of a cheap density there are for each kept draw: more where weights are uneven."""
    return int(np.clip(math.ceil(1.2 / max(proposal.efficiency, 0.1)), 2, _MOST_CANDIDATES))


def _recover(
    marginal: Marginal, theta: np.ndarray, settings: Settings, stream: np.random.SeedSequence, line: ProgressLine
) -> Recovered:
    line.say("drawing group effects")
    return recover(
        marginal,
        theta,
        stream,
        workers=settings.threads,
        keep_z=settings.keep_z,
        done=lambda count: line.count(count, len(theta)),
    )


def _summarised(
    marginal: Marginal,
    origin: _Origin,
    some: tuple[np.ndarray | None, ...],
    settings: Settings,
    line: ProgressLine,
) -> LevelDraws:
    line.say("drawing group effects")
    return summarise_levels(
        replace(marginal, draws_levels=True),
        origin.thetas,
        origin.index,
        origin.stream,
        some,
        workers=settings.threads,
        done=lambda count: line.count(count, len(origin.thetas)),
    )


def _of_whole_factors(design: Design, levels: LevelDraws, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Return the effects of factors that keep all levels, as a posterior has them."""
    return {
        b_name(factor.name): draws.reshape(*shape, *draws.shape[1:])
        for factor, draws, summary in zip(design.factors, levels.kept, levels.summaries, strict=True)
        if summary is None
    }


def _too_many(marginal: Marginal, proposal: Proposal) -> str:
    return (
        f"importance ESS is {proposal.efficiency:.0%} of the draws in round {proposal.rounds}, "
        f"and theta has {marginal.size} elements"
    )


def _by_nuts(marginal: Marginal, peaks: tuple[Peak, ...], why: str, settings: Settings, line: ProgressLine) -> _Theta:
    """Sample theta by NUTS if importance weights are unreliable; without evidence, which is computed from them."""
    from partialpool.sampling.theta_nuts import sample_theta  # noqa: PLC0415 - nutpie takes seconds to load, and is rarely needed

    theta, stats, interrupted = sample_theta(marginal, peaks, settings, line)
    return _Theta(theta, stats, {"sampler": f"NUTS on the collapsed density: {why}", "interrupted": interrupted})


class _Clock:
    """Seconds since the last lap, by name."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name], self._last = now - self._last, now

    @property
    def total(self) -> float:
        return self._last - self._start


def _facts(drawn: Chains, rounds: int) -> dict[str, Any]:
    return {
        "sampler": "importance-weighted chains",
        "importance_khat": drawn.khat,
        "importance_largest": drawn.largest,
        "importance_efficiency": drawn.efficiency,
        "rounds": rounds,
        "log_evidence": drawn.log_evidence,
        "log_evidence_se": drawn.log_evidence_se,
        "interrupted": False,
    }
