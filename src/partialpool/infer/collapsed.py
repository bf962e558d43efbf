"""The collapsed engine: group effects integrated out exactly, theta drawn nearly independently, effects put back."""

import os
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from partialpool.collapse.importance import ThetaDraws, adapt, draw_theta
from partialpool.collapse.marginal import Marginal, build_marginal, why_not
from partialpool.collapse.mode import Peak, find_peak
from partialpool.collapse.moments import collect_moments
from partialpool.collapse.recover import Recovered, recover
from partialpool.collapse.units import choose_units
from partialpool.design.build import Design
from partialpool.design.scaling import PriorSet
from partialpool.errors import EngineError
from partialpool.infer.engine import RawDraws
from partialpool.infer.progress import ProgressLine, progress_line
from partialpool.infer.settings import Settings
from partialpool.names import BETA, SIGMA, b_name, corr_name, sd_name, z_name
from partialpool.spec.model import ModelSpec

__all__ = ["CollapsedEngine"]


class CollapsedEngine:
    """Exact integration over group effects, for normal responses."""

    name = "collapsed"
    merit = "group effects integrate out exactly"

    def why_not(self, spec: ModelSpec) -> str:
        """Say why group effects cannot be integrated out exactly; empty where they can."""
        return why_not(spec)

    def run(self, design: Design, priors: PriorSet, settings: Settings) -> RawDraws:
        """Draw from the posterior."""
        _check_memory(design, settings)
        clock = _Clock()
        streams = np.random.SeedSequence(settings.seed).spawn(3)
        workers = settings.threads
        with progress_line("preparing", shown=settings.progressbar) as line:
            line.say("collecting moments")
            moments = collect_moments(design, choose_units(design))
            marginal = build_marginal(design, priors, moments)
            clock.lap("moments")
            line.say("finding the mode (the first run ever compiles for some seconds)")
            peak = find_peak(marginal, workers=workers)
            clock.lap("mode")
            line.say("adapting the proposal")
            proposal = adapt(marginal, peak, np.random.default_rng(streams[0]), workers=workers)
            drawn = draw_theta(
                marginal, proposal, settings.chains, settings.draws, np.random.default_rng(streams[1]), workers=workers
            )
            facts = _facts(drawn, proposal.rounds)
            theta, stats = drawn.theta, {"lp": drawn.log_density, "acceptance_rate": drawn.acceptance}
            clock.lap("proposal")
            if drawn.trouble:
                theta, stats, facts = _by_nuts(marginal, peak, drawn, settings, line)
                clock.lap("nuts")
            line.say("drawing effects")
            chains, draws = theta.shape[:2]
            recovered = recover(
                marginal,
                theta.reshape(chains * draws, -1),
                streams[2],
                workers=workers,
                keep_z=settings.keep_z,
                done=lambda count: line.count(count, chains * draws),
            )
            clock.lap("draws")
        facts |= {"seconds": clock.total, "stages": clock.laps}
        return RawDraws(_posterior(marginal, recovered, (chains, draws), keep_z=settings.keep_z), stats, facts)


def _by_nuts(
    marginal: Marginal, peak: Peak, drawn: ThetaDraws, settings: Settings, line: ProgressLine
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, Any]]:
    """Sample theta by NUTS where importance weights cannot be trusted; no evidence then, since it rests on them."""
    from partialpool.infer.theta_nuts import sample_theta  # noqa: PLC0415 - nutpie takes seconds to load, and is rare

    theta, stats, interrupted = sample_theta(marginal, peak, settings, line)
    facts = {
        "sampler": f"NUTS on the collapsed density: {drawn.trouble}",
        "importance_khat": drawn.khat,
        "importance_efficiency": drawn.efficiency,
        "interrupted": interrupted,
    }
    return theta, stats, facts


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


def _facts(drawn: ThetaDraws, rounds: int) -> dict[str, Any]:
    return {
        "sampler": "importance-weighted chains",
        "importance_khat": drawn.khat,
        "importance_efficiency": drawn.efficiency,
        "rounds": rounds,
        "log_evidence": drawn.log_evidence,
        "log_evidence_se": drawn.log_evidence_se,
        "interrupted": False,
    }


def _posterior(
    marginal: Marginal, recovered: Recovered, shape: tuple[int, int], *, keep_z: bool
) -> Mapping[str, np.ndarray]:
    design = marginal.design
    flat: dict[str, np.ndarray] = {BETA: recovered.beta} if design.common.coefs else {}
    for f, factor in enumerate(design.factors):
        flat[sd_name(factor.name)] = recovered.sd[f]
        if factor.correlated:
            flat[corr_name(factor.name)] = recovered.corr[f]
        flat[b_name(factor.name)] = recovered.b[f]
        if keep_z:
            flat[z_name(factor.name)] = recovered.z[f]
    if recovered.sigma is not None:
        flat[SIGMA] = recovered.sigma
    return {name: values.reshape(*shape, *values.shape[1:]) for name, values in flat.items()}


def _check_memory(design: Design, settings: Settings) -> None:
    effects = sum(f.n_levels * len(f.names) for f in design.factors) * (2 if settings.keep_z else 1)
    needed = effects * settings.chains * settings.draws * 8
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > 0.6 * installed:
        fitting = int(0.6 * installed / (effects * settings.chains * 8))
        raise EngineError(
            "the draws of the group effects do not fit into memory",
            got=f"{effects} effects x {settings.chains} chains x {settings.draws} draws: {needed / 2**30:.0f} GiB",
            allowed=f"60 % of the {installed / 2**30:.0f} GiB installed",
            do=f"keep fewer draws, for instance draws={max(fitting, 1)}",
        )
