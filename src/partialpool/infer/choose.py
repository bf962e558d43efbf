"""Which engine, and why."""

from collections.abc import Mapping
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Final

from partialpool.errors import EngineError, nearest
from partialpool.infer.engine import Engine
from partialpool.spec.model import ModelSpec

__all__ = ["ENGINES", "choose_engine", "load_engine"]

ENGINES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "collapsed": "partialpool.infer.collapsed:CollapsedEngine",
        "nuts": "partialpool.infer.nuts:NutsEngine",
    }
)
"""Every engine by name, the preferred first, and where it lives: PyMC and nutpie load only when they are to be used."""


def load_engine(name: str) -> Engine:
    """Load an engine of `ENGINES`."""
    engine: Engine = resolve_name(ENGINES[name])()
    return engine


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
        engine = load_engine(wanted)
        reason = engine.why_not(spec)
        if reason:
            raise EngineError(
                f"engine {wanted!r} does not apply to this model",
                got=reason,
                allowed="engine='auto'",
                do="leave the choice to 'auto'",
            )
        return engine, "as asked"
    refused: list[str] = []
    for name in ENGINES:
        engine = load_engine(name)
        reason = engine.why_not(spec)
        if not reason:
            return engine, "; ".join([engine.merit, *refused])
        refused.append(f"{name}: {reason}")
    raise EngineError(
        "no engine applies to this model",
        got="; ".join(refused),
        allowed="a model that one of the engines can draw from: " + ", ".join(ENGINES),
        do="change what the reasons above name",
    )
