"""Tables of text, written as plain text or as HTML in a notebook, and numbers and names as text."""

import html
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

__all__ = [
    "TextTable",
    "capitalised",
    "estimate_cells",
    "fixed",
    "listed",
    "number",
    "p_value",
    "printable",
    "typeset",
    "with_key",
]

_LONGEST_NAME = 48
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters forbidden in XML or HTML: control characters except tab and line ends, surrogates, noncharacters."""


@dataclass(frozen=True)
class TextTable:
    """Rows under headers, with a title above and notes below.

    Parameters
    ----------
    headers
        Column heads. Columns whose cells are all numbers are aligned to the right.
    rows
        Cells, already formatted as text.
    title, notes
        Lines above and below.

    Examples
    --------
    >>> print(TextTable(("name", "mean"), (("Days", "10.5"),), title="Fixed effects"))
    Fixed effects
     name   mean
     Days   10.5
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Whether each column has only numbers; gaps (`-`, `nan`, empty) count as numbers."""
        return tuple(bool(self.rows) and all(_is_number(row[k]) for row in self.rows) for k in range(len(self.headers)))

    def __str__(self) -> str:
        from rich.cells import cell_len  # noqa: PLC0415 - rich is imported only for printing
        from rich.console import Console  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415

        table = Table(box=None, show_header=any(self.headers), header_style="", padding=(0, 2, 0, 0), pad_edge=False)
        for head, right in zip(self.headers, self.numeric, strict=True):
            table.add_column(head, justify="right" if right else "left", overflow="fold", no_wrap=True)
        for row in self.rows:
            table.add_row(*row)
        stream = io.StringIO()
        # Wide enough for the longest row: a repr must not depend on the width of the terminal.
        width = 4 + sum(3 + max(cell_len(r[i]) for r in (self.headers, *self.rows)) for i in range(len(self.headers)))
        # In a notebook's kernel rich would display the table instead of writing it.
        console = Console(
            file=stream, width=width, highlight=False, markup=False, emoji=False, color_system=None, force_jupyter=False
        )
        console.print(table)
        body = "\n".join(" " + line.rstrip() for line in stream.getvalue().rstrip("\n").split("\n"))
        return "\n".join([*([self.title] if self.title else []), body, *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return an HTML table, for notebooks."""
        align = ["right" if right else "left" for right in self.numeric]
        head = "".join(
            f'<th style="text-align:{a}">{html.escape(h)}</th>' for h, a in zip(self.headers, align, strict=True)
        )
        body = "".join(
            "<tr>"
            + "".join(f'<td style="text-align:{a}">{html.escape(c)}</td>' for c, a in zip(row, align, strict=True))
            + "</tr>"
            for row in self.rows
        )
        caption = f"<p><b>{html.escape(self.title)}</b></p>" if self.title else ""
        notes = "".join(f"<p><small>{html.escape(n)}</small></p>" for n in self.notes)
        return f"{caption}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"


def number(value: float, digits: int = 3) -> str:
    """Format a number with so many significant digits, without a needless exponent.

    Examples
    --------
    >>> number(251.40512), number(0.081321), number(-1.5e-9), number(0.0), number(123456.7)
    ('251', '0.0813', '-1.5e-09', '0', '123457')
    """
    if math.isnan(value):
        return "-"
    value = value + 0.0  # -0.0 is 0
    if value != 0 and not 1e-4 <= abs(value) < 1e9:
        return f"{value:.{digits - 1}g}"
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e" in text else text


def fixed(value: float, decimals: int) -> str:
    """Format a number with so many decimals; a number that rounds to zero has no sign.

    Examples
    --------
    >>> fixed(-1.26, 1), fixed(-0.04, 1), fixed(-0.0, 0), fixed(float("nan"), 2)
    ('-1.3', '0.0', '0', '-')
    """
    return "-" if math.isnan(value) else f"{value:z.{decimals}f}"


def typeset(number: str) -> str:
    """Write a number, or an interval, with the minus sign of print.

    Examples
    --------
    >>> typeset("-0.65 to 0.45")
    '−0.65 to 0.45'
    """
    return number.replace("-", "\N{MINUS SIGN}")


def printable(text: str) -> str:
    r"""Replace every character that a page or a figure cannot contain, such as control characters.

    Examples
    --------
    >>> printable("a\x07b\tc")
    'a�b\tc'
    """
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def p_value(p: float) -> str:
    """Format a p-value for a sentence.

    Examples
    --------
    >>> p_value(0.0421), p_value(0.0)
    ('p = 0.042', 'p < 0.001')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def listed(names: Sequence[str]) -> str:
    """Write names as a list in a sentence.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join([part for part in (", ".join(names[:-1]), *names[-1:]) if part])


def capitalised(text: str) -> str:
    """Begin a text with a capital letter, as a sentence does.

    Examples
    --------
    >>> capitalised("the sd of Days"), capitalised("")
    ('The sd of Days', '')
    """
    return f"{text[:1].upper()}{text[1:]}"


def with_key(names: Sequence[str], word: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return names that fit into a table, and the lines of the key below it: long ones are numbered.

    Examples
    --------
    >>> with_key(["null", "full"], "model")
    (('null', 'full'), ())
    >>> with_key(["null", "y ~ " + "x" * 50], "model")[0]
    ('null', 'model 2')
    """
    long = [len(name) > _LONGEST_NAME for name in names]
    shown = tuple(
        f"{word} {k}" if numbered else name for k, (name, numbered) in enumerate(zip(names, long, strict=True), 1)
    )
    key = zip(shown, names, long, strict=True)
    return shown, tuple(f"{label}: {name}" for label, name, numbered in key if numbered)


def estimate_cells(values: Sequence[float], sd: float, digits: int = 2) -> tuple[str, ...]:
    """Format a mean, its sd and quantiles with the same decimals: so many significant digits of the sd.

    Examples
    --------
    >>> estimate_cells((251.40512, 7.4421, 239.5), sd=7.4421)
    ('251.4', '7.4', '239.5')
    >>> estimate_cells((-0.004, 0.52), sd=0.52)
    ('0.00', '0.52')
    >>> estimate_cells((1527.5, 17.6946), sd=17.6946, digits=4)
    ('1527.50', '17.69')
    """
    if not sd > 0 or not math.isfinite(sd):
        return tuple(number(v) for v in values)
    decimals = max(0, digits - 1 - math.floor(math.log10(sd)))
    if decimals > 7 or sd >= 1e7:
        return tuple("-" if math.isnan(v) else f"{v:z.2e}" for v in values)
    return tuple(fixed(v, decimals) for v in values)


def _is_number(cell: str) -> bool:
    """Whether a cell is a number as formatted in tables (1.5, -2e-05, 1,000, 12 %, inf) or a gap."""
    text = cell.strip().removesuffix("%").strip().replace(",", "")
    if text in ("", "-"):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
