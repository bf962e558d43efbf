"""Which engine, and why."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from partialpool.errors import EngineError, nearest
from partialpool.infer.engine import Engine
from partialpool.infer.nuts import NutsEngine
from partialpool.spec.model import ModelSpec

__all__ = ["ENGINES", "choose_engine"]

ENGINES: Final[Mapping[str, Engine]] = MappingProxyType({engine.name: engine for engine in (NutsEngine(),)})
"""Every engine by name, the preferred first."""


def choose_engine(spec: ModelSpec, wanted: str = "auto") -> tuple[Engine, str]:
    """Choose an engine.

    `auto` takes the first engine of `ENGINES` whose `why_not(spec)` is empty.

    Returns
    -------
    Engine, str
        The engine, and the reason in words.

    Raises
    ------
    EngineError
        Unknown name; an engine that does not apply to this model.
    """
    if wanted != "auto":
        if wanted not in ENGINES:
            raise EngineError(
                "unknown engine",
                got=repr(wanted),
                allowed="'auto', " + nearest(wanted, ENGINES),
                do="name one, or leave it to 'auto'",
            )
        reason = ENGINES[wanted].why_not(spec)
        if reason:
            raise EngineError(
                f"engine {wanted!r} does not apply to this model",
                got=reason,
                allowed="engine='auto'",
                do="leave the choice to 'auto'",
            )
        return ENGINES[wanted], "as asked"
    refused: list[str] = []
    for engine in ENGINES.values():
        reason = engine.why_not(spec)
        if not reason:
            return engine, "; ".join(refused) or "it takes every model"
        refused.append(f"{engine.name}: {reason}")
    raise EngineError(
        "no engine applies to this model",
        got="; ".join(refused),
        allowed="a model of design.md",
        do="simplify the model",
    )
