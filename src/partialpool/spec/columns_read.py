"""The columns of a table that a model reads."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from partialpool.spec.additions import trunc_columns
from partialpool.spec.expression import columns_of
from partialpool.spec.smooth import Smooth
from partialpool.spec.terms import factor_columns, members_of

if TYPE_CHECKING:
    from partialpool.spec.model import ModelSpec

__all__ = ["evaluated_texts", "expression_columns", "predictor_columns", "smooths_of"]


def evaluated_texts(spec: "ModelSpec") -> tuple[str, ...]:
    """Return the terms, offsets and slopes that are evaluated on a table, as text."""
    others = spec.parameters.values()
    groups = (*spec.groups, *(group for other in others for group in other.groups))
    of_parameters = (term for other in others for term in (*other.common, *other.offsets))
    in_groups = (term for group in groups for term in group.evaluated_terms)
    return (*spec.common, *spec.cs, *spec.offsets, *of_parameters, *in_groups)


def smooths_of(spec: "ModelSpec") -> tuple[Smooth, ...]:
    """Return the smooths of the mean and of all parameters."""
    return (*spec.smooths, *(smooth for other in spec.parameters.values() for smooth in other.smooths))


def expression_columns(spec: "ModelSpec") -> tuple[str, ...]:
    """Return the columns that terms, offsets, slopes and smooths read, each once; not those that are only factors."""
    in_terms = (name for text in evaluated_texts(spec) for name in columns_of(text))
    in_smooths = (column for smooth in smooths_of(spec) for column in smooth.columns)
    return tuple(dict.fromkeys([*in_terms, *in_smooths]))


def predictor_columns(spec: "ModelSpec", factors: Iterable[str]) -> tuple[str, ...]:
    """Return the columns that new data must have where only the levels of these factors are used."""
    trials = spec.response_term.trials
    names = [*spec.expression_columns, *(columns_of(trials) if trials and not trials.isdigit() else ())]
    names += [column for name, column in spec.columns_of_rows.items() if name != "frequency"]
    names += [*trunc_columns(spec.trunc), *spec.sigma, *(spec.residual.columns if spec.residual else ())]
    used = tuple(factors)
    names += [column for f in used if (found := members_of(spec.groups, f)) for column in found.weights]
    return tuple(dict.fromkeys([*names, *(c for f in used for c in factor_columns(f))]))
