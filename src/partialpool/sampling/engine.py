"""The interface of an engine: it states why it does not apply to a model, or draws from its posterior."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from partialpool.design.design import Design
from partialpool.marginal.gaussian.accumulated import Accumulated
from partialpool.marginal.gaussian.level_summaries import BYTES_PER_EFFECT, LevelDraws
from partialpool.memory import check_fits
from partialpool.model.prior_set import PriorSet
from partialpool.sampling.kept_levels import kept_levels
from partialpool.sampling.settings import Settings
from partialpool.spec.model import ModelSpec

__all__ = ["Engine", "EngineOfMoments", "RawDraws", "check_room_for_effects"]


@dataclass(frozen=True, eq=False)
class RawDraws:
    """Draws as an engine returns them: arrays only, named as in `names.py`.

    Attributes
    ----------
    posterior
        `beta`, `sd_<f>`, `corr_<f>`, `b_<f>`, family parameters, on the original scale; each of shape
        (chains, draws, ...).
    sample_stats
        `diverging`, `energy`, ... each of shape (chains, draws).
    facts
        Facts of the run to store with the draws: sampler, seconds, whether it was interrupted.
    accumulated
        Moments of the rows, to which those of new rows can be added; None where the engine has none.
    levels
        Draws of chosen levels and summaries of all, where `keep_levels` is stated: `b_<f>` of factors of which some
        levels are kept are not in the posterior.
    """

    posterior: Mapping[str, np.ndarray]
    sample_stats: Mapping[str, np.ndarray]
    facts: Mapping[str, Any] = field(default_factory=dict)
    accumulated: Accumulated | None = None
    levels: LevelDraws | None = None


class Engine(Protocol):
    """A way to draw from the posterior."""

    @property
    def name(self) -> str:
        """Name of the engine, as in `fit(engine=...)`."""

    def merit(self, spec: ModelSpec) -> str:
        """Return a short reason for choosing it for a model to which it applies."""

    def why_not(self, spec: ModelSpec) -> str:
        """Return why it does not apply to a model; empty if it does."""

    def run(self, design: Design, priors: PriorSet, settings: Settings) -> RawDraws:
        """Draw from the posterior."""


class EngineOfMoments(Engine, Protocol):
    """An engine that needs the moments of the rows only."""

    def run_on(self, design: Design, priors: PriorSet, settings: Settings, known: Accumulated | None) -> RawDraws:
        """Draw from the posterior, given the moments of all rows where they are known: then no row is read."""


def check_room_for_effects(design: Design, settings: Settings, *, tables: int = 1) -> None:
    """Refuse a run whose draws of the group effects, of all completed tables, do not fit into memory."""
    if settings.keep_levels is not None:
        _check_room_for_some(design, settings)
        return
    effects = sum(f.n_levels * len(f.names) for f in design.factors) * (2 if settings.keep_z else 1)
    check_fits(
        8.0 * effects * settings.chains * settings.draws * tables,
        wrong="the draws of the group effects do not fit into memory",
        got=f"{effects} effects x {settings.chains} chains x {settings.draws} draws"
        + (f" x {tables} tables" if tables > 1 else ""),
        do="keep fewer draws: they take effects x chains x draws x 8 bytes; or, for a normal or lognormal response, "
        "keep the draws of some levels and summaries of all, keep_levels=['a', 'b'] or []",
    )


def _check_room_for_some(design: Design, settings: Settings) -> None:
    """Refuse summaries, and draws of the levels to keep, that do not fit into memory."""
    kept = summarised = 0
    for factor, own in zip(design.factors, kept_levels(design, settings.keep_levels), strict=True):
        kept += (factor.n_levels if own is None else len(own)) * len(factor.names)
        summarised += 0 if own is None else factor.n_levels * len(factor.names)
    check_fits(
        16.0 * kept * settings.chains * settings.draws + float(BYTES_PER_EFFECT) * summarised,
        wrong="the draws of the levels to keep and the summaries of all do not fit into memory",
        got=f"{kept} effects x {settings.chains} chains x {settings.draws} draws, {summarised} effects summarised",
        do="keep fewer levels or fewer draws",
    )
