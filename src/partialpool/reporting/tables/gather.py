"""From fits to the content of a table, and to a data frame of the same numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from partialpool.errors import SpecError, nearest
from partialpool.fitting.fit import Fit
from partialpool.intervals import central_ends, percent
from partialpool.labels.labels import Labels, one_line
from partialpool.reporting.tables.content import Block, Cell, Content, Head, Row
from partialpool.reporting.tables.notes import Model, notes_of, warnings_of
from partialpool.reporting.tables.numbers import Estimate, cells_of, estimate_of
from partialpool.reporting.tables.quantities import (
    BLOCKS,
    BlockName,
    Quantity,
    in_common_order,
    quantities_of,
    shares_of,
)
from partialpool.reporting.tables.scales import scale_of

__all__ = ["Gathered"]

_HEADINGS: Final[Mapping[BlockName, str]] = {
    "fixed": "Fixed effects",
    "cutpoints": "Cutpoints between categories",
    "random": "Random effects",
    "shares": "Shares of the variance",
    "sizes": "Numbers of levels and rows",
}
_Found = tuple[Quantity, Estimate | None]


class Gathered:
    """The rows of several fits, aligned.

    Parameters
    ----------
    fits
        Fits by name, in the order of the columns.
    labels
        Their labels.
    prob, digits, exponentiate, rows
        As for `table`.
    """

    def __init__(
        self,
        fits: Mapping[str, Fit],
        labels: Labels,
        *,
        prob: float,
        digits: int,
        exponentiate: bool,
        rows: Sequence[str] | None = None,
    ) -> None:
        self.labels, self.prob, self.digits, self.exponentiate = labels, prob, digits, exponentiate
        self.models = tuple(
            Model(one_line(name), fit, scale_of(fit, _response(fit, labels)), shares_of(fit, labels))
            for name, fit in fits.items()
        )
        ends = central_ends(prob)
        chosen = [_chosen(list(self._quantities(model)), rows) for model in self.models]
        _check_rows(rows, [quantity for model in self.models for quantity in self._quantities(model)])
        self._found: list[dict[tuple[BlockName, str], _Found]] = [
            {(q.block, q.term): (q, estimate_of(q, ends)) for q in own} for own in chosen
        ]

    def content(self, title: str) -> Content:
        """Return the table."""
        blocks = tuple(block for name in BLOCKS if (block := self._block(name)).rows)
        every = [cell for block in blocks for row in block.rows for cell in row.cells]
        interval = f"{percent(self.prob)} interval"
        heads = tuple(Head(model.name, "Estimate", interval) for model in self.models)
        notes = notes_of(
            self.models,
            self.labels,
            self.prob,
            shown={term for _, term in self._rows()},
            exponentiate=self.exponentiate,
            marked=any(cell is not None and cell.marked for cell in every),
            gaps=None in every,
        )
        return Content(one_line(title), warnings_of(self.models), heads, blocks, notes)

    def frame(self) -> pd.DataFrame:
        """Return the numbers: a row for each quantity and model, none for reference categories."""
        rows = []
        for block, term in self._rows():
            for model, found in zip(self.models, self._found, strict=True):
                if (block, term) in found and not found[block, term][0].is_reference:
                    rows.append((block, term, model.name, *_numbers(*found[block, term])))
        names = ("block", "term", "model", "label", "estimate", "std_error", "conf_low", "conf_high", "statistic")
        return pd.DataFrame(rows, columns=list(names))

    def _quantities(self, model: Model) -> Iterator[Quantity]:
        ratios = self.exponentiate and bool(model.scale.ratio)
        for quantity in (*quantities_of(model.fit, self.labels), *model.shares.quantities):
            yield quantity.exponential if ratios and quantity.block == "fixed" else quantity

    def _rows(self, only: Sequence[BlockName] = BLOCKS) -> list[tuple[BlockName, str]]:
        return [
            (block, term)
            for block in only
            for term in in_common_order([[t for b, t in found if b == block] for found in self._found])
        ]

    def _block(self, name: BlockName) -> Block:
        heading = _HEADINGS[name]
        if name == "random" and not any(model.fit.design.factors for model in self.models):
            heading = "Distribution of the response"
        if name == "fixed":
            heading += self._measures()
        return Block(heading, tuple(self._row(name, term) for _, term in self._rows([name])))

    def _measures(self) -> str:
        """Say in the heading what fixed effects are: `: odds ratios`, with the models' names if they differ."""
        found: dict[str, list[str]] = {}
        for model in self.models:
            found.setdefault(model.scale.measures(exponentiate=self.exponentiate), []).append(model.name)
        if len(found) == 1:
            return "".join(f": {measure}" for measure in found if measure)
        return ": " + "; ".join(f"{', '.join(names)}, {measure or 'estimates'}" for measure, names in found.items())

    def _row(self, block: BlockName, term: str) -> Row:
        found = [one.get((block, term)) for one in self._found]
        there = [quantity for quantity, _ in filter(None, found)]
        references = [quantity.is_reference for quantity in there]
        label = there[references.index(False) if False in references else 0].label
        if all(references):
            label += " (reference)"
        counts = [None if one is None else one[0].count for one in found]
        if any(count is not None for count in counts):
            return Row(label, tuple(None if count is None else Cell(str(count)) for count in counts))
        scales = [
            "" if block == "shares" else f"{m.scale.response}, {m.scale.measure(exponentiate=self.exponentiate)}"
            for m in self.models
        ]
        estimates = [None if one is None else one[1] for one in found]
        cells = cells_of(estimates, scales, self.digits)
        beside = "" if all(references) else "reference"
        return Row(
            label,
            tuple(
                Cell("1" if one[0].is_ratio else "0", beside) if one is not None and one[0].is_reference else cell
                for one, cell in zip(found, cells, strict=True)
            ),
        )


def _chosen(quantities: list[Quantity], rows: Sequence[str] | None) -> list[Quantity]:
    """Return the rows that are named, in the order of the table; all without names."""
    return quantities if rows is None else [q for q in quantities if q.names & set(rows)]


def _check_rows(rows: Sequence[str] | None, quantities: Sequence[Quantity]) -> None:
    """Refuse a name that chooses no row."""
    known = dict.fromkeys([*BLOCKS, *(name for q in quantities for name in (q.label, q.term, *q.called))])
    for name in rows or ():
        if not any(name in quantity.names for quantity in quantities):
            raise SpecError(
                "the table has no such row",
                got=repr(name),
                allowed=nearest(str(name), known),
                do="name rows as the table or print(fit) does, a predictor, a factor, or a block of rows",
            )


def _numbers(quantity: Quantity, estimate: Estimate | None) -> tuple[str, float, float, float, float, str]:
    if estimate is None:
        return quantity.label, float(quantity.count or 0), np.nan, np.nan, np.nan, "count"
    ends = (estimate.low, estimate.high)
    return quantity.label, estimate.value, estimate.std_error, *ends, estimate.statistic


def _response(fit: Fit, labels: Labels) -> str:
    written = fit.spec.response
    return labels.plain(written if written in labels.given else fit.design.response.name)
