"""How the columns of a batch become numbers and codes."""

from typing import Any, Final

import numpy as np
import pyarrow as pa

from partialpool.design.streamed.label_codes import GrowingLabels
from partialpool.design.streamed.read_batch import ReadBatch
from partialpool.errors import DataError
from partialpool.spec.columns_read import evaluated_texts
from partialpool.spec.expression import columns_of
from partialpool.spec.model import ModelSpec
from partialpool.spec.terms import factor_columns
from partialpool.spec.uses import column_uses

__all__ = ["JOIN", "BatchReader", "changed", "is_number"]

_LARGEST: Final = 2**63 - 1
JOIN: Final = 2**31
"""Above every code: codes of two columns are one integer."""


class BatchReader:
    """How the columns of a batch become numbers and codes; it knows the labels that it has seen."""

    def __init__(self, spec: ModelSpec, columns: tuple[str, ...]) -> None:
        self.columns = columns
        uses = column_uses(evaluated_texts(spec))
        response = columns_of(spec.response_term.expression)
        self.evaluated = tuple(dict.fromkeys([*response, *spec.expression_columns]))
        self._coded = {name for name in uses if uses[name] & {"category", "label"}}
        self._factors = tuple(spec.factors)
        self._of_factors = {column for factor in spec.factors for column in factor_columns(factor)}
        self.labels: dict[str, GrowingLabels] = {}
        self.joint: dict[str, list[GrowingLabels]] = {
            factor: [GrowingLabels() for _ in factor_columns(factor)[1:]] for factor in self._factors
        }

    def read(self, batch: pa.RecordBatch, *, first: bool) -> ReadBatch:
        """Read the complete rows of a batch; only in the first pass, `first`, new labels are learned.

        Raises
        ------
        DataError
            In a later pass, a label that is new.
        """
        numbers, codes = {}, {}
        for name in self.columns:
            column = batch.column(name)
            number = is_number(column.type)
            if number and name in self.evaluated:
                numbers[name] = _as_numbers(name, column)
            if not number or name in self._coded or name in self._of_factors:
                codes[name] = self._code(self.labels.setdefault(name, GrowingLabels()), column, name, first=first)
        factors = {}
        for factor in self._factors:
            head, *others = factor_columns(factor)
            found = codes[head]
            for column, joint in zip(others, self.joint[factor], strict=True):
                found = self._code(joint, found * JOIN + codes[column], factor, first=first)
            factors[factor] = found
        return ReadBatch(numbers, codes, factors, batch.num_rows)

    @staticmethod
    def _code(labels: GrowingLabels, column: Any, name: str, *, first: bool) -> np.ndarray:
        found = labels.code(column) if first else labels.code_known(column)
        if found is None:
            raise changed(f"a new value of {name!r} in the second pass")
        return found

    def absorb(self, other: "BatchReader") -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Learn the labels of another part of the table, as if its rows followed those seen here.

        Returns the code here of each code there, by column and by factor.
        """
        columns = {
            name: self.labels.setdefault(name, GrowingLabels()).absorb(labels) for name, labels in other.labels.items()
        }
        factors = {}
        for factor in self._factors:
            head, *others = factor_columns(factor)
            known = columns.get(head, np.zeros(0, np.int64))
            for column, mine, theirs in zip(others, self.joint[factor], other.joint[factor], strict=True):
                before, last = np.divmod(np.array(theirs.values, np.int64), JOIN)
                pairs = known[before] * JOIN + columns.get(column, np.zeros(0, np.int64))[last]
                known = mine.absorb_counted(pairs, theirs.counts)
            factors[factor] = known
        return columns, factors


def changed(got: str) -> DataError:
    """Return the error of a table whose rows are others in the second pass."""
    return DataError(
        "the table changed between two passes",
        got=got,
        allowed="the same rows each time that the table is read, in any order",
        do="fit again when nothing writes to the table; write what a query with random numbers gives to a file first",
    )


def is_number(kind: Any) -> bool:
    """Whether a type of pyarrow is one of numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _as_numbers(name: str, column: Any) -> np.ndarray:
    """Return whole numbers as int64 and others as float64, (rows,)."""
    if not pa.types.is_integer(column.type):
        plain = column.cast(pa.float64()) if column.type != pa.float64() else column
        return np.asarray(plain.to_numpy(zero_copy_only=False))
    values = column.to_numpy(zero_copy_only=False)
    if values.dtype == np.uint64 and len(values) and int(values.max()) > _LARGEST:
        raise DataError(
            f"column {name!r} has integers that are too large",
            got=f"{values.max()}",
            allowed="up to 2**63 - 1",
            do="make the column text if it is a label, or floats if it is a quantity",
        )
    return values.astype(np.int64, copy=False)
