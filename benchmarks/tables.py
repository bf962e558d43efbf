"""Markdown tables and number formats for the report."""

import textwrap
from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table; the first column is text, the others are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in (head, rule, *rows)]


def paragraph(*sentences: str) -> list[str]:
    """Return wrapped running text; empty sentences are left out."""
    return [*textwrap.wrap(" ".join(filter(None, sentences)), width=130, break_on_hyphens=False), ""]


def seconds(value: float) -> str:
    """Format a time in a suitable unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size or unit == "µs":
            return f"{number(value / size)} {unit}"
    raise AssertionError


def number(value: float) -> str:
    """Format a number with three digits."""
    if abs(value) >= 1000:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.0f}" if abs(value) >= 99.95 else f"{value:.1f}" if abs(value) >= 9.995 else f"{value:.2f}"


def times(value: float) -> str:
    """Format a ratio."""
    return f"{number(value)}×"
