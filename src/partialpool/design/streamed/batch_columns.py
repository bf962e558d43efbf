"""The columns of a model, evaluated on batches of rows; how is learned once, from some rows of the first pass."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from partialpool.design.column_parts import ColumnPart
from partialpool.design.evaluate import evaluate_predictor, learn_expression
from partialpool.design.recipe import Recipe, check_finite
from partialpool.design.streamed.learned_transforms import learn_from_survey
from partialpool.design.streamed.read_batch import ReadBatch
from partialpool.design.streamed.survey import Survey
from partialpool.errors import DataError
from partialpool.spec.expression import columns_of
from partialpool.spec.model import ModelSpec

__all__ = ["BatchColumns", "Columns", "learn_batch_columns"]


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of some rows.

    Attributes
    ----------
    y
        The response as the model is normal in it: its logarithm for a lognormal one, less the offset, (rows,).
    log_y
        Sum of the logarithms of a lognormal response; 0 for others.
    x
        All columns of the fixed effects, the intercept first where there is one, (rows, columns).
    z
        The effects' columns, by factor, (rows, effects).
    level_of_row
        Level of each row, by factor, (rows,).
    has_offset
        Whether the offset of some row is not 0.
    """

    y: np.ndarray
    log_y: float
    x: np.ndarray
    z: tuple[np.ndarray, ...]
    level_of_row: tuple[np.ndarray, ...]
    has_offset: bool


@dataclass(frozen=True, eq=False)
class BatchColumns:
    """How batches become columns.

    Attributes
    ----------
    spec, survey
        The model, and the first pass.
    common
        Recipe of the fixed effects, with all columns.
    groups
        Recipe of each grouping term.
    offsets
        Recipe of each offset.
    response
        Recipe of the response; None where it is a column.
    """

    spec: ModelSpec
    survey: Survey
    common: Recipe
    groups: tuple[Recipe, ...]
    offsets: tuple[Recipe, ...]
    response: Recipe | None

    def of(self, read: ReadBatch) -> Columns:
        """Evaluate the columns of the rows of a batch.

        Raises
        ------
        DataError
            A value that is not finite; a response that the family cannot have made.
        """
        frame = _Once(lambda: self.survey.frame(read))
        y, log_y = self._response(read, frame)
        offset = sum(self._evaluated(recipe, read, frame)[:, 0] for recipe in self.offsets)
        groups = [self._evaluated(recipe, read, frame) for recipe in self.groups]
        z = []
        for factor in self.spec.factors:
            own = [c for group, c in zip(self.spec.groups, groups, strict=True) if group.factor == factor]
            z.append(own[0] if len(own) == 1 else np.concatenate(own, axis=1))
        codes = tuple(self.survey.factors[f].place[read.factors[f]] for f in self.spec.factors)
        x = self._evaluated(self.common, read, frame)
        return Columns(y - offset, log_y, x, tuple(z), codes, bool(np.any(offset)))

    def _response(self, read: ReadBatch, frame: "_Once") -> tuple[np.ndarray, float]:
        term, family = self.spec.response_term, self.spec.family_record
        if self.response is None and term.name in read.numbers:
            y = read.numbers[term.name].astype(float)
        elif self.response is None:
            y = frame()[term.name].to_numpy(dtype=float)
        else:
            y = self._evaluated(self.response, read, frame)[:, 0]
        fits = family.support.contains(y)
        if not fits.all():
            raise DataError(
                f"family {family.name!r} cannot have made the response {term.text!r}: values outside its support",
                got=f"{y[~fits][0]:g}, and {int((~fits).sum()) - 1} more such rows in one batch",
                allowed=family.support.allowed,
                do="check the data or choose another family",
            )
        if not family.on_log_scale:
            return y, 0.0
        logs = np.log(y)
        return logs, float(logs.sum())

    def _evaluated(self, recipe: Recipe, read: ReadBatch, frame: "_Once") -> np.ndarray:
        """Evaluate all columns of a recipe: plain ones as products of columns, others by formulae."""
        parts = recipe.parts
        if all(_is_plain(part) for own in parts for part in own):
            out = np.ones((len(parts), read.rows)).T  # the rows of each column side by side
            for k, own in enumerate(parts):
                for part in own:
                    out[:, k] *= self._plain(part, read)
            return out if np.isfinite(out).all() else check_finite(out, recipe.names, frame())
        return recipe.apply(frame())

    def _plain(self, part: ColumnPart, read: ReadBatch) -> np.ndarray:
        if not part.coding:
            return read.numbers[part.expression]
        known, coding = self.survey.labels[part.column], dict(part.coding)
        by_label = np.array([coding[label] for label in known.read.tolist()])
        return by_label[read.codes[part.column]]


def learn_batch_columns(spec: ModelSpec, survey: Survey) -> BatchColumns:
    """Learn how columns are computed, from the examples and the statistics of the first pass.

    Raises
    ------
    DataError
        As `learn_columns`; a function that learns something else than means and sds.
    """
    frame, term = survey.frame(survey.examples), spec.response_term
    kinds = [survey.labels[c] for c in columns_of(term.expression) if c not in survey.numbers]
    if not all(pd.api.types.is_bool_dtype(known.read) for known in kinds):
        raise DataError(
            f"the response {term.text!r} is text where numbers are needed",
            got=f"categories such as {next(k for k in kinds).labels[0]!r}",
            allowed="numbers",
            do="convert the column where the table is made",
        )
    response = None if term.is_column else learn_expression(term.expression, frame)[0]
    columns = evaluate_predictor(spec, frame)
    found = BatchColumns(
        spec,
        survey,
        columns.common[0],
        tuple(recipe for recipe, _ in columns.groups),
        tuple(recipe for recipe, _ in columns.offsets),
        response,
    )
    for recipe in (found.common, *found.groups, *found.offsets, *([] if response is None else [response])):
        learn_from_survey(recipe, survey)
    return found


def _is_plain(part: ColumnPart) -> bool:
    """Whether a part of a column is a column of the table, or codes of its categories."""
    return bool(part.coding) or (not part.is_call and part.position is None)


class _Once:
    """A table that is made when it is asked for, once."""

    def __init__(self, make: Callable[[], pd.DataFrame]) -> None:
        self._make = make
        self._made: pd.DataFrame | None = None

    def __call__(self) -> pd.DataFrame:
        if self._made is None:
            self._made = self._make()
        return self._made
