"""Fits of some of many responses: what they share is built once, and a response that fails is a row with a reason."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.design.build import build_design
from partialpool.design.design import Design
from partialpool.design.response_values import read_response_values
from partialpool.errors import DataError, PartialPoolError, in_words
from partialpool.fitting.many_answers import ManyAnswers
from partialpool.model.default_priors import resolve_priors
from partialpool.sampling.collapsed import CollapsedEngine
from partialpool.sampling.settings import Settings
from partialpool.side_by_side import quiet
from partialpool.spec.model import ModelSpec
from partialpool.workers import single_lapack

__all__ = ["SharedRows", "fit_batch", "seed_of", "stand_in", "writable"]


@dataclass(frozen=True, eq=False)
class SharedRows:
    """What all responses share.

    Attributes
    ----------
    spec
        The model, whose response stands for each of them.
    table
        The columns of the predictors and groups; every row of the table as given.
    settings
        Settings of each fit, whose seeds differ.
    answers
        What is kept of each fit.
    coefs, effects
        Coefficients, and effects by factor, of the design of all rows: a response with missing values must have the
        same, since others would be parameters of another meaning.
    """

    spec: ModelSpec
    table: pd.DataFrame
    settings: Settings
    answers: ManyAnswers
    coefs: tuple[str, ...]
    effects: Mapping[str, tuple[str, ...]]


def seed_of(seed: int, name: str) -> int:
    """Return the seed of a response: it depends on its name, and not on its place or on who fits it.

    Examples
    --------
    >>> seed_of(1, "gene 7") == seed_of(1, "gene 7") != seed_of(2, "gene 7")
    True
    """
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:4], "big")


def stand_in(spec: ModelSpec, table: pd.DataFrame, missing: np.ndarray | None = None) -> pd.DataFrame:
    """Return the table with numbers for the response, which varies, so that a design without it can be built.

    Parameters
    ----------
    spec, table
        As in `SharedRows`.
    missing
        In which rows the response is missing, boolean (rows,); in none by default.
    """
    values = np.arange(1.0, len(table) + 1)
    return table.assign(**{spec.response: values if missing is None else np.where(missing, np.nan, values)})


def fit_batch(
    names: Sequence[str],
    seeds: Sequence[int] | np.ndarray,
    values: np.ndarray,
    shared: SharedRows,
) -> xr.Dataset:
    """Fit some responses, one after the other.

    Parameters
    ----------
    names, seeds
        Name and seed of each response.
    values
        Shape (rows, responses).
    shared
        What they share.

    Returns
    -------
    xarray.Dataset
        The answers of these responses.
    """
    settings = shared.settings
    found = writable(shared.answers.nothing(names, seeds, settings.chains, settings.draws))
    arrays = {str(name): variable.to_numpy() for name, variable in found.data_vars.items()}
    patterns = _Patterns(shared)
    with quiet(), single_lapack():
        for place, seed in enumerate(seeds):
            try:
                answers = _answers(patterns, values[:, place], shared, int(seed))
            except Exception as error:  # of any kind: the other responses are still useful
                answers = {"reason": in_words(error)}
            for name, value in {**answers, "done": True}.items():
                arrays[name][place] = value
    return found


def writable(nothing: xr.Dataset) -> xr.Dataset:
    """Return a copy whose arrays can be written to."""
    return nothing.assign({name: (values.dims, np.array(values)) for name, values in nothing.data_vars.items()})


def _answers(patterns: "_Patterns", y: np.ndarray, shared: SharedRows, seed: int) -> dict[str, Any]:
    design = patterns.design_of(y)
    raw = CollapsedEngine().run_on(
        design,
        resolve_priors(design),
        replace(shared.settings, seed=seed),
        None,
        draws_levels=shared.answers.draws_levels,
    )
    if raw.facts.get("interrupted"):
        raise KeyboardInterrupt  # draws before an interruption are not used
    found = shared.answers.of(design, raw)
    for name, dims in shared.answers.estimated.items():
        expected = tuple(len(shared.answers.coords[dim]) for dim in dims)
        if found[name].shape[:-1] != expected:
            raise DataError(
                f"the rows in which the response is known do not have all of {name}",
                got=f"{found[name].shape[:-1]}",
                allowed=f"{expected}: rows of every stratum and every visit",
                do="fit this response by itself",
            )
    return found


class _Patterns:
    """Designs by the rows in which a response is missing: most responses have none, and share one."""

    def __init__(self, shared: SharedRows) -> None:
        self._shared = shared
        self._made: dict[bytes, Design | PartialPoolError] = {}

    def design_of(self, y: np.ndarray) -> Design:
        """Return the design with one response, (rows,), NaN where it is missing.

        Raises
        ------
        DataError
            It has no values, infinite ones, or ones that the family cannot have made; without its missing rows the
            model has other coefficients or effects.
        """
        missing = np.isnan(y)
        if missing.all():
            raise DataError("all values are missing", got=f"{len(y)} rows", allowed="some values", do="leave it out")
        if np.isinf(y).any():
            row = int(np.flatnonzero(np.isinf(y))[0])
            raise DataError(
                "values are infinite", got=f"{y[row]} in row {row}", allowed="finite numbers", do="correct it"
            )
        design = self._shared_design(missing)
        spec = design.spec
        column = pd.Series(y[design.rows], index=design.frame.index, name=spec.response)
        return replace(design, response=read_response_values(spec.response_term, spec.family_record, column, None))

    def _shared_design(self, missing: np.ndarray) -> Design:
        key = np.packbits(missing).tobytes()
        if key not in self._made:
            try:
                self._made[key] = self._built(missing)
            except PartialPoolError as error:
                self._made[key] = error
        made = self._made[key]
        if isinstance(made, PartialPoolError):
            raise made
        return made

    def _built(self, missing: np.ndarray) -> Design:
        shared = self._shared
        design = build_design(shared.spec, stand_in(shared.spec, shared.table, missing))
        effects = {factor.name: factor.names for factor in design.factors}
        if design.common.coefs != shared.coefs or effects != shared.effects:
            without = [name for name in shared.coefs if name not in design.common.coefs]
            without += [
                f"{name} over {factor}"
                for factor, names in shared.effects.items()
                for name in names
                if name not in effects[factor]
            ]
            raise DataError(
                "the rows in which the response is known do not have all coefficients and effects of the model",
                got=f"without {', '.join(without) or 'the same reference categories'}",
                allowed="rows that identify every coefficient",
                do="fit it by itself, or leave out the term",
            )
        return design
