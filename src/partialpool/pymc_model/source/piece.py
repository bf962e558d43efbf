"""A part of the script: lines before the model, lines in it, and the columns of the table that they read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np

from partialpool.model.prior_set import PriorSet
from partialpool.names import renamed
from partialpool.pymc_model.source.code import Code, written
from partialpool.pymc_model.source.columns import Column
from partialpool.pymc_model.source.layout import Bracket, assigned, commented, laid_out, prefixed

__all__ = ["Piece", "Reading", "frame_of", "let", "prior_reasons", "read_by", "statement"]

_MOST_REASONS = 6
"""Most priors of a variable whose reasons are told one by one."""


class Reading(Protocol):
    """What reads columns of the model's table, and adds columns to the script's."""

    @property
    def reads(self) -> frozenset[str]:
        """Columns of the model's table."""
        ...

    @property
    def stores(self) -> Mapping[str, np.ndarray]:
        """Columns that are added."""
        ...


@dataclass(frozen=True, eq=False)
class Piece:
    """A part of the script.

    Attributes
    ----------
    before
        Lines of the function before the model begins.
    inside
        Lines in the model.
    reads, stores
        As for `Column`.
    texts
        Matrices as text, by the name under which the script has them.
    functions
        Functions that the lines call, as text.
    """

    before: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    reads: frozenset[str] = frozenset()
    stores: Mapping[str, np.ndarray] = MappingProxyType({})
    texts: Mapping[str, str] = MappingProxyType({})
    functions: tuple[str, ...] = ()


def read_by(parts: Iterable[Reading]) -> tuple[frozenset[str], Mapping[str, np.ndarray]]:
    """Return all columns that several parts read, and all that they store."""
    listed = list(parts)
    reads = frozenset().union(*(part.reads for part in listed))
    return reads, MappingProxyType({name: values for part in listed for name, values in part.stores.items()})


def let(name: str, code: Code, indent: int) -> list[str]:
    """Return the lines of an assignment, after those of the local variables that the expression needs."""
    before = [line for own, node in code.lets for line in assigned(own, node, indent)]
    return before + assigned(name, code.node, indent)


def statement(code: Code, indent: int) -> list[str]:
    """Return the lines of an expression by itself, after those of the local variables that it needs."""
    before = [line for own, node in code.lets for line in assigned(own, node, indent)]
    return before + laid_out(code.node, indent)


def frame_of(name: str, columns: Sequence[tuple[str, Column]]) -> list[str]:
    """Return the lines that assign a table of named columns."""
    items = tuple(prefixed(f"{written(label).text}: ", column.code.node) for label, column in columns)
    call = Bracket("pd.DataFrame(", (Bracket("{", items, "}"), "dtype=float"), ")")
    return assigned(name, call, 1)


def prior_reasons(
    priors: PriorSet, parameters: Sequence[str], names: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """Return a comment in the model with a sentence for each prior: what it is, and why; under other names, if any."""
    entries = [entry for entry in priors.entries if entry.parameter in parameters]
    shown = [renamed(e.parameter, names) or e.parameter for e in entries]
    told = [f"{name} ~ {e.prior}: {e.reason}" for name, e in zip(shown, entries[:_MOST_REASONS], strict=False)]
    more = len(entries) - len(told)
    return commented(*told, *([f"... and {more} more"] if more > 0 else []), indent=2, hanging=True)
