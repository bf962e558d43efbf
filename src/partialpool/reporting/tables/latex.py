"""A table of models in LaTeX: a `table` with the three rules of booktabs, to be read by `\\input`."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from partialpool.reporting.tables.content import Cell, Content, unbroken
from partialpool.reporting.tables.notes import MARK

__all__ = ["as_latex"]

_WIDE_LABEL: Final = 46
"""Characters of a label from which the first column breaks lines."""
_SPECIAL: Final = {
    **{character: f"\\{character}" for character in "{}$&#_%"},
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    # In the default encoding of fonts these print as other characters; babel makes quotes active.
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",
    "`": r"\char96{}",
    "\N{NO-BREAK SPACE}": "~",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{MINUS SIGN}": "$-$",
    "\N{DAGGER}": r"\textdagger{}",
    "\N{REPLACEMENT CHARACTER}": "?",
    "\N{HORIZONTAL ELLIPSIS}": r"\dots{}",
    "\N{LESS-THAN OR EQUAL TO}": r"$\le$",
    "\N{GREATER-THAN OR EQUAL TO}": r"$\ge$",
    "\N{NOT EQUAL TO}": r"$\ne$",
    "\N{ALMOST EQUAL TO}": r"$\approx$",
    "\N{INFINITY}": r"$\infty$",
    "\N{RIGHTWARDS ARROW}": r"$\rightarrow$",
}
_ROMAN: Final = {"\\omicron": "o"}
"""Greek letters that LaTeX writes as Roman ones."""
_LIGATURE: Final = re.compile(r"([-,'])(?=\1)")
"""Two of them would be printed as one character."""
_GREEK: Final = re.compile(r"GREEK (SMALL|CAPITAL) LETTER (\w+)")
_LIKE_ROMAN: Final = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧ", "ABEZHIKMNOPTX", strict=True))


def as_latex(content: Content) -> str:
    """Return the table as LaTeX."""
    count = len(content.heads)
    lines = [
        "% Written by partialpool. In the preamble: \\usepackage{booktabs}",
        r"\begin{table}[tbp]",
        r"\centering",
        *([rf"\caption{{{_escaped(content.title)}}}"] if content.title else []),
        *(rf"\par\noindent\textbf{{{_escaped(warning)}}}\par\smallskip" for warning in content.warnings),
        r"\small",
        *([r"\setlength{\tabcolsep}{4pt}"] if count > 2 else []),
        rf"\begin{{tabular}}{{{_first_column(content)}{('c' if content.is_stacked else 'r@{\\enspace}l') * count}}}",
        r"\toprule",
        *_heads(content),
        r"\midrule",
    ]
    for at, block in enumerate(content.blocks):
        lines += [r"\addlinespace"] if at else []
        columns = 1 + count * (1 if content.is_stacked else 2)
        lines.append(rf"\multicolumn{{{columns}}}{{@{{}}l}}{{\textit{{{_escaped(block.heading)}}}}} \\")
        for row in block.rows:
            lines += _row(content, row.label, row.cells)
    lines += [r"\bottomrule", r"\end{tabular}", r"\par\smallskip", r"\begin{minipage}{\linewidth}", r"\footnotesize"]
    lines += [rf"{_escaped(note)}\par" for note in content.notes]
    return "\n".join([*lines, r"\end{minipage}", r"\end{table}", ""])


def _first_column(content: Content) -> str:
    longest = max(len(row.label) for block in content.blocks for row in block.rows)
    return "@{}l" if longest < _WIDE_LABEL else r"@{}p{0.36\linewidth}"


def _heads(content: Content) -> Iterator[str]:
    span = 1 if content.is_stacked else 2
    if content.is_named:
        names = [rf"\multicolumn{{{span}}}{{c}}{{{_escaped(head.name)}}}" for head in content.heads]
        yield " & ".join(["", *names]) + r" \\"
        ends = [2 + span * at for at in range(len(names))]
        yield "".join(rf"\cmidrule(lr){{{start}-{start + span - 1}}}" for start in ends)
    measures = [head.measure for head in content.heads]
    if not content.is_stacked:
        yield " & ".join(["", *(rf"\multicolumn{{2}}{{c}}{{{_escaped(text)}}}" for text in measures)]) + r" \\"
        return
    first, rest = zip(*(text.split(" (", 1) for text in measures), strict=True)
    yield " & ".join(["", *map(_escaped, first)]) + r" \\"
    yield " & ".join(["", *(_escaped(f"({text}") for text in rest)]) + r" \\"


def _row(content: Content, label: str, cells: tuple[Cell | None, ...]) -> Iterator[str]:
    ragged = r"\raggedright " if "p{" in _first_column(content) else ""
    estimates = [_estimate(content, at, cell) for at, cell in enumerate(cells)]
    intervals = [_interval(cell) for cell in cells]
    head = rf"{ragged}\hspace*{{1em}}{_escaped(label)}"
    if not content.is_stacked:
        pairs = (text for pair in zip(estimates, intervals, strict=True) for text in pair)
        yield " & ".join([head, *pairs]) + r" \\"
        return
    yield " & ".join([head, *estimates]) + r" \\"
    if any(intervals):
        yield " & ".join(["", *intervals]) + r" \\"


def _estimate(content: Content, at: int, cell: Cell | None) -> str:
    """Return an estimate, with invisible digits that align decimal points."""
    if cell is None:
        return ""
    left, right = content.padding(at, cell)
    before = rf"\phantom{{{'0' * left}}}" if left and content.is_stacked else ""
    after = rf"\phantom{{{('' if '.' in cell.estimate else '.') + '0' * (right - ('.' not in cell.estimate))}}}"
    return f"{before}{_number(cell.estimate)}{after if right else ''}"


def _interval(cell: Cell | None) -> str:
    if cell is None or not cell.interval:
        return ""
    return f"({_number(cell.interval)}){_escaped(MARK) if cell.marked else ''}"


def _number(text: str) -> str:
    return text.replace("-", "$-$")


def _escaped(text: str) -> str:
    r"""Write text so that every character prints as itself.

    Examples
    --------
    >>> print(_escaped("a_b & 100 %, R², x⁻¹"), _escaped("β × Δ"))
    a\_b \& 100~\%, R$^{2}$, x$^{-1}$ $\beta$ $\times$ $\Delta$
    """
    written = "".join(map(_character, unbroken(text)))
    joined = re.sub(r"\}\$\$\^\{", "", written)
    return _LIGATURE.sub(r"\1{}", joined)


def _character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isascii():
        return character
    if unicodedata.decomposition(character).startswith("<super>") and not character.isalpha():
        plain = unicodedata.normalize("NFKC", character).replace("\N{MINUS SIGN}", "-")
        return f"$^{{{plain}}}$"
    greek = _GREEK.fullmatch(unicodedata.name(character, ""))
    if greek is None:
        return character
    if character in _LIKE_ROMAN:
        return _LIKE_ROMAN[character]
    name = greek[2].lower().replace("lamda", "lambda").replace("final", "")
    command = f"\\{name if greek[1] == 'SMALL' else name.capitalize()}"
    return _ROMAN.get(command, f"${command}$")
