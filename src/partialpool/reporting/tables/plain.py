"""A table of models as plain text, for a terminal."""

from collections.abc import Iterator

from rich.cells import cell_len

from partialpool.reporting.tables.content import Cell, Content
from partialpool.reporting.tables.notes import MARK

__all__ = ["as_text"]

_GAP = "   "


def as_text(content: Content) -> str:
    """Return the table as lines of text, with decimal points aligned."""
    heads = [(head.name, head.measure) for head in content.heads]
    rows: list[tuple[str, list[str]]] = []
    for block in content.blocks:
        rows.append((block.heading, []))
        for row in block.rows:
            rows.append((f"  {row.label}", [_padded(content, at, cell) for at, cell in enumerate(row.cells)]))
    first = max(cell_len(label) for label, cells in rows)
    columns = [[cells[at] for _, cells in rows if cells] for at in range(len(heads))]
    widths = [max(map(cell_len, (*head, *column))) for head, column in zip(heads, columns, strict=True)]
    rule = "─" * (first + sum(widths) + len(_GAP) * len(widths))
    lines = [*([content.title] if content.title else []), *content.warnings, rule]
    if content.is_named:
        lines.append(_line("", [name for name, _ in heads], first, widths))
    lines += [_line("", [measure for _, measure in heads], first, widths), rule]
    lines += [_line(label, cells, first, widths) for label, cells in rows]
    return "\n".join([*lines, rule, *content.notes])


def _line(label: str, cells: list[str], first: int, widths: list[int]) -> str:
    texts = zip([label, *cells], [first, *widths], strict=False)
    return _GAP.join(text + " " * (width - cell_len(text)) for text, width in texts).rstrip()


def _padded(content: Content, at: int, cell: Cell | None) -> str:
    return "" if cell is None else "".join(_pieces(content, at, cell))


def _pieces(content: Content, at: int, cell: Cell) -> Iterator[str]:
    left, right = content.padding(at, cell)
    yield f"{' ' * left}{cell.estimate}{' ' * right}"
    if cell.interval:
        yield f" ({cell.interval}){MARK if cell.marked else ''}"
