"""The interface of an engine: it states why it does not apply to a model, or draws from its posterior."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from partialpool.design.design import Design
from partialpool.marginal.gaussian.accumulated import Accumulated
from partialpool.memory import check_fits
from partialpool.model.prior_set import PriorSet
from partialpool.sampling.settings import Settings
from partialpool.spec.model import ModelSpec

__all__ = ["Engine", "RawDraws", "check_room_for_effects"]


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
    """

    posterior: Mapping[str, np.ndarray]
    sample_stats: Mapping[str, np.ndarray]
    facts: Mapping[str, Any] = field(default_factory=dict)
    accumulated: Accumulated | None = None


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


def check_room_for_effects(design: Design, settings: Settings, *, tables: int = 1) -> None:
    """Refuse a run whose draws of the group effects, of all completed tables, do not fit into memory."""
    effects = sum(f.n_levels * len(f.names) for f in design.factors) * (2 if settings.keep_z else 1)
    check_fits(
        8.0 * effects * settings.chains * settings.draws * tables,
        wrong="the draws of the group effects do not fit into memory",
        got=f"{effects} effects x {settings.chains} chains x {settings.draws} draws"
        + (f" x {tables} tables" if tables > 1 else ""),
        do="keep fewer draws: they take effects x chains x draws x 8 bytes",
    )
