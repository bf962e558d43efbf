"""The complete rows of one batch of a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["ReadBatch", "joined"]


@dataclass(frozen=True, eq=False)
class ReadBatch:
    """The complete rows of a batch.

    Attributes
    ----------
    numbers
        Columns of numbers, as float64 or int64, (rows,).
    codes
        Codes, by appearance, of columns of labels, (rows,).
    factors
        Level of each row, by appearance, for each factor.
    rows
        Number of rows.
    """

    numbers: Mapping[str, np.ndarray]
    codes: Mapping[str, np.ndarray]
    factors: Mapping[str, np.ndarray]
    rows: int


def joined(several: Sequence[ReadBatch]) -> ReadBatch:
    """Put the rows of several batches one below the other, without their factors."""

    def join(parts: list[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return ReadBatch(
        join([one.numbers for one in several]), join([one.codes for one in several]), {}, sum(o.rows for o in several)
    )
