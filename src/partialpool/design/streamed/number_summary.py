"""What is kept of a column of numbers: count, mean, spread, range, and a sum of its bits."""

from dataclasses import dataclass

import numpy as np

__all__ = ["NumberSummary"]

_WORD = 2**64


@dataclass(frozen=True)
class NumberSummary:
    """A column of numbers; summaries of parts add up to that of the whole.

    Attributes
    ----------
    rows
        Number of rows.
    mean, squares
        Mean, and the sum of squared deviations from it.
    lowest, highest
        The range.
    bits
        Sum of the numbers' bits as integers, modulo 2^64: the same for the same rows in any order, and almost certainly
        another for other rows.
    """

    rows: int = 0
    mean: float = 0.0
    squares: float = 0.0
    lowest: float = np.inf
    highest: float = -np.inf
    bits: int = 0

    @classmethod
    def of(cls, values: np.ndarray) -> "NumberSummary":
        """Summarise numbers (rows,).

        Examples
        --------
        >>> NumberSummary.of(np.array([1.0, 2.0, 6.0])).sd
        2.160246899469287
        """
        if not len(values):
            return cls()
        numbers = values.astype(np.float64, copy=False)
        mean = float(numbers.mean())
        away = numbers - mean
        bits = int(np.ascontiguousarray(values).view(np.uint64).sum(dtype=np.uint64))
        return cls(len(values), mean, float(away @ away), float(numbers.min()), float(numbers.max()), bits)

    def __add__(self, other: "NumberSummary") -> "NumberSummary":
        """Summarise both (Chan, Golub & LeVeque 1983, Amer. Statist. 37:242)."""
        rows = self.rows + other.rows
        if not self.rows or not other.rows:
            return self if self.rows else other
        apart = other.mean - self.mean
        return NumberSummary(
            rows,
            self.mean + apart * other.rows / rows,
            self.squares + other.squares + apart**2 * self.rows * other.rows / rows,
            min(self.lowest, other.lowest),
            max(self.highest, other.highest),
            (self.bits + other.bits) % _WORD,
        )

    @property
    def sd(self) -> float:
        """Standard deviation, ddof 0."""
        return float(np.sqrt(self.squares / self.rows))
