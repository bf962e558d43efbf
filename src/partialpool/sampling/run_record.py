"""The record of the run that made a fit, read from the attributes of its tree."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
import xarray as xr

from partialpool.sampling.chains import has_no_tail
from partialpool.sampling.choose import ENGINES, EngineCard

__all__ = ["RunRecord"]

_UNKNOWN: Final = EngineCard("", "The posterior was sampled", "The posterior was sampled", forecast=None)
"""Card of an engine that this version does not have: no property is assumed."""


@dataclass(frozen=True, eq=False)
class RunRecord:
    """Engine, settings and facts of a run. Facts that the engine does not have are None.

    Attributes
    ----------
    engine, reason
        Which engine, and why it was chosen.
    settings
        Settings as given, by name.
    sampler
        The sampling method of the engine, in words; empty if there is no choice.
    seconds
        Duration of the run.
    interrupted
        Whether it was stopped before all draws were made.
    log_evidence, log_evidence_se
        log p(y), and its Monte Carlo standard error.
    importance_khat, importance_largest, importance_efficiency
        Pareto k of the importance weights, the largest weight as a multiple of the mean, and importance ESS per draw.
    rounds
        Rounds of adaptation of the proposal.
    batches
        Rows of the first fit and of every update, and how many rows each table had; empty for a fit of one table.
    tables, imputed
        Number of completed tables whose chains follow one another, and the columns in which they differ.
    """

    engine: str = ""
    reason: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    sampler: str = ""
    seconds: float | None = None
    interrupted: bool = False
    log_evidence: float | None = None
    log_evidence_se: float | None = None
    importance_khat: float | None = None
    importance_largest: float = np.inf
    importance_efficiency: float | None = None
    rounds: int | None = None
    batches: Sequence[Sequence[int]] = ()
    tables: int = 1
    imputed: tuple[str, ...] = ()

    @classmethod
    def of(cls, tree: xr.DataTree) -> "RunRecord":
        """Read the record of a fit's tree; facts that an older file lacks keep their defaults."""
        attrs = tree.attrs
        facts = json.loads(attrs.get("run", "{}"))
        known = {f.name: facts[f.name] for f in fields(cls) if f.name in facts}
        known["imputed"] = tuple(known.get("imputed", ()))
        return cls(
            engine=attrs.get("engine", ""),
            reason=attrs.get("engine_reason", ""),
            settings=json.loads(attrs.get("settings", "{}")),
            **known,
        )

    @property
    def card(self) -> EngineCard:
        """The card of the engine: properties of all its runs."""
        return ENGINES.get(self.engine, _UNKNOWN)

    @property
    def weights_can_be_trusted(self) -> bool:
        """Whether the importance weights, if there are any, are reliable."""
        return self.importance_khat is None or has_no_tail(self.importance_khat, self.importance_largest)

    @property
    def has_weights(self) -> bool:
        """Whether the evidence is from importance weights, or known without any error."""
        return self.importance_khat is not None or self.log_evidence_se == 0

    @property
    def is_weighted(self) -> bool:
        """Whether the draws are from importance weights; of several tables, those of one at least."""
        return self.importance_khat is not None and (self.evidence is not None or self.tables > 1)

    @property
    def prior_rows(self) -> str:
        """Which rows scaled the priors of an updated fit, in words; empty for a fit of one table."""
        if not self.batches:
            return ""
        return f"priors were scaled to the first {self.batches[0][0]} rows"

    @property
    def evidence(self) -> tuple[float, float] | None:
        """Log p(y) and its Monte Carlo standard error; None if the engine does not compute it."""
        if self.log_evidence is None or self.log_evidence_se is None:
            return None
        return self.log_evidence, self.log_evidence_se
