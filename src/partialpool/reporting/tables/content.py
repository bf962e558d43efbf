"""The content of a table of models, before it is written in a format: heads, blocks of rows, notes."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

__all__ = ["Block", "Cell", "Content", "Head", "Row", "unbroken"]

_MOST_BESIDE = 2
"""Most models for which an interval stands beside its estimate; with more it stands below."""


@dataclass(frozen=True)
class Cell:
    """What one model says of one quantity, as text with ASCII minus signs.

    Attributes
    ----------
    estimate
        The estimate, or a number of levels or rows.
    interval
        `7.3 to 13.7`; `reference` where a category is the reference in some models only; empty where there is none.
    marked
        Whether the estimate is a median where others are means.
    """

    estimate: str
    interval: str = ""
    marked: bool = False

    @property
    def sides(self) -> tuple[str, str]:
        """The estimate's characters before the decimal point, and those from it on.

        Examples
        --------
        >>> Cell("-12.50").sides, Cell("180").sides
        (('-12', '.50'), ('180', ''))
        """
        whole, point, decimals = self.estimate.partition(".")
        return whole, point + decimals


@dataclass(frozen=True)
class Row:
    """A quantity over all models: its label, and a cell for each model, None where the model does not have it."""

    label: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Block:
    """Rows under a heading."""

    heading: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Head:
    """The head of a model's column.

    Attributes
    ----------
    name
        Name of the model; may be empty.
    estimate, interval
        What the cells are: `Estimate`, `95 % interval`.
    """

    name: str
    estimate: str
    interval: str

    @property
    def measure(self) -> str:
        """What the cells are, on one line; in print a line ends only before the interval.

        Examples
        --------
        >>> Head("", "Estimate", "95 % interval").measure
        'Estimate (95 % interval)'
        """
        return f"{self.estimate} ({self.interval})"

    @property
    def measure_typeset(self) -> str:
        """The same, without a place to end a line in the parentheses."""
        return self.measure.replace(f"({self.interval})", f"({self.interval})".replace(" ", "\N{NO-BREAK SPACE}"))


@dataclass(frozen=True)
class Content:
    """A table of models.

    Attributes
    ----------
    title
        Title; may be empty.
    warnings
        Lines that no reader should miss, above the table.
    heads
        One for each model, in the order of the columns.
    blocks
        The rows.
    notes
        Lines below the table.
    """

    title: str
    warnings: tuple[str, ...]
    heads: tuple[Head, ...]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]

    @property
    def is_named(self) -> bool:
        """Whether the models have names."""
        return any(head.name for head in self.heads)

    @property
    def is_stacked(self) -> bool:
        """Whether intervals stand below their estimates, since there are many models."""
        return len(self.heads) > _MOST_BESIDE

    @cached_property
    def widths(self) -> tuple[tuple[int, int], ...]:
        """Most characters of each model's estimates before the decimal point, and from it on."""
        sides = [[cell.sides for cell in self._column(at)] for at in range(len(self.heads))]
        return tuple(
            (max((len(s[0]) for s in column), default=0), max((len(s[1]) for s in column), default=0))
            for column in sides
        )

    def padding(self, at: int, cell: Cell) -> tuple[int, int]:
        """Return how many characters a model's cell lacks on each side, so that decimal points are aligned."""
        (left, right), (whole, decimals) = self.widths[at], cell.sides
        return left - len(whole), right - len(decimals)

    def _column(self, at: int) -> Iterator[Cell]:
        for block in self.blocks:
            for row in block.rows:
                cell = row.cells[at]
                if cell is not None:
                    yield cell


def unbroken(text: str) -> str:
    r"""Keep a number and its per cent sign on one line.

    Examples
    --------
    >>> unbroken("95 % interval")
    '95\xa0% interval'
    """
    return text.replace(" %", "\N{NO-BREAK SPACE}%")
