"""Fit a model to a table that is read in batches: its posterior needs of the rows their moments only."""

from partialpool.design.design import Design
from partialpool.design.streamed.source import Source
from partialpool.design.table import Missing
from partialpool.errors import EngineError, SamplingWarning, warn
from partialpool.fitting.convergence import alarm
from partialpool.fitting.fit import Fit
from partialpool.fitting.streamed import read_streamed
from partialpool.model.default_priors import resolve_priors
from partialpool.sampling.choose import ENGINES, choose_engine, load_engine_of_moments, weigh_engines
from partialpool.sampling.engine import EngineOfMoments
from partialpool.sampling.pack import pack
from partialpool.sampling.settings import Settings
from partialpool.spec.model import ModelSpec
from partialpool.workers import single_lapack

__all__ = ["fit_streamed"]


def fit_streamed(spec: ModelSpec, source: Source, settings: Settings, *, engine: str, missing: Missing) -> Fit:
    """Read a table twice, and draw from the posterior.

    Parameters
    ----------
    spec, source, settings
        The model, the table, and settings of the draws.
    engine, missing
        As for `fit`.

    Raises
    ------
    EngineError
        An engine that reads the rows at every step.
    DataError, FileError
        As `read_streamed`.

    Warns
    -----
    SamplingWarning
        As `fit`.
    """
    able = [name for name, card in ENGINES.items() if card.takes_moments]
    if engine not in ("auto", *able):
        raise EngineError(
            "this engine reads the rows at every step, and the table is read in batches",
            got=f"engine={engine!r}",
            allowed=f"engine='auto' or {' or '.join(map(repr, able))}, which read the rows twice",
            do="leave engine= out, or read the rows into memory",
        )
    with single_lapack():
        design, known = read_streamed(spec, source, missing=missing, progressbar=settings.progressbar)
        resolved = resolve_priors(design)
        chosen, reason = _choose(design, settings, engine)
        raw = chosen.run_on(design, resolved, settings, known)
        tree = pack(raw, design, resolved, settings, engine=chosen.name, reason=reason)
        trouble = alarm(tree, one_sided="")
    if trouble:
        warn(f"do not rely on these draws: {trouble}", SamplingWarning)
    return Fit(design.spec, design, resolved, tree, raw.accumulated)


def _choose(design: Design, settings: Settings, wanted: str) -> tuple[EngineOfMoments, str]:
    """Choose between the engines that need moments only."""
    if wanted != "auto":
        named, reason = choose_engine(design.spec, wanted)
        return load_engine_of_moments(named.name), reason
    collapsed = load_engine_of_moments("collapsed")
    engine, reason = weigh_engines(collapsed, collapsed.merit(design.spec), design, settings)
    if not ENGINES[engine.name].takes_moments:
        return collapsed, f"{collapsed.merit(design.spec)}; rows are read in batches"
    return load_engine_of_moments(engine.name), f"{reason}; rows are read in batches"
