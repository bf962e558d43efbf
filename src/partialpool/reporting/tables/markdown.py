"""A table of models in Markdown: a pipe table, as GitHub, Pandoc and Quarto read it."""

import re
from typing import Final

from partialpool.reporting.tables.content import Cell, Content, Head
from partialpool.reporting.tables.notes import MARK
from partialpool.tabulate import typeset

__all__ = ["as_markdown"]

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>&|~$#^@])")
"""Characters that mean something in Markdown, or in GitHub's or Pandoc's extension of it."""
_LIST: Final = re.compile(r"^(?:(\d+)(?=[.)](?:\s|$))|(?=[-+=]))")
"""What would begin a list, or underline a heading, at the start of a line."""


def as_markdown(content: Content) -> str:
    """Return the table as Markdown."""
    lines = [f"{_escaped(text)}\n" for text in (content.title, *content.warnings) if text]
    if content.title:
        lines[0] = f"**{lines[0].strip()}**\n"
    heads = ["", *(_head(head) for head in content.heads)]
    lines += [_row(heads), _row(["---"] * len(heads))]
    for block in content.blocks:
        lines.append(_row([f"**{_escaped(block.heading)}**", *[""] * len(content.heads)]))
        lines += [_row([_escaped(row.label), *map(_cell, row.cells)]) for row in block.rows]
    lines += [f"\n{_escaped(note)}" for note in content.notes]
    return "\n".join(lines) + "\n"


def _head(head: Head) -> str:
    return _escaped(f"{head.name}: {head.measure[:1].lower()}{head.measure[1:]}" if head.name else head.measure)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return ""
    interval = f" ({cell.interval}){MARK if cell.marked else ''}" if cell.interval else ""
    return _escaped(typeset(f"{cell.estimate}{interval}"))


def _escaped(text: str) -> str:
    r"""Escape what Markdown would read as markup.

    Examples
    --------
    >>> print(_escaped("a_b | <c> & 100%"), _escaped("1. x"), _escaped("+ y"))
    a\_b \| \<c\> \& 100% 1\. x \+ y
    """
    return _LIST.sub(lambda found: f"{found[1] or ''}\\", _SPECIAL.sub(r"\\\1", text))
