r"""A table of models in LaTeX: a `table` with the three rules of booktabs, to be read by `\input`."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from partialpool.reporting.tables.content import Cell, Content, unbroken
from partialpool.reporting.tables.notes import MARK

__all__ = ["as_latex"]

_FITTED: Final = r"""
% The widths are measured: labels break into lines where the table would be wider than the text, and where few letters
% would fit on a line, the text is smaller.
\def\ppfit#1#2{#1\relax
\def\pplabel##1{\quad ##1}\sbox0{\pprows{@{}l}}
\ifdim\wd0>\linewidth
\def\pplabel##1{}\sbox0{\hfuzz\maxdimen\pprows{@{}p{0pt}}}\dimen0=\linewidth\advance\dimen0-\wd0
\ifdim\dimen0<10em\def\ppnext{#2}\else\let\ppnext\ppbreak\fi
\else\let\ppnext\relax\fi\ppnext}
\def\ppbreak{\def\pplabel##1{\raggedright\leftskip1em\relax ##1}\sbox0{\pprows{@{}p{\dimen0}}}}
\ppfit\small{\ppfit\footnotesize{\ppfit\scriptsize{\ifdim\dimen0<5em\dimen0=5em\fi\ppbreak}}}
"""
"""Fills box 0 with the rows that `\\pprows` writes, given the first column."""
_SPECIAL: Final = {
    **{character: f"\\{character}" for character in "{}$&#_%"},
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"$\sim$",
    # In the default encoding of fonts these print as other characters; babel makes quotes active.
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",
    "`": r"\textasciigrave{}",
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
    """Return the table as LaTeX: the notes below it are as wide as the table, which is measured in box 0."""
    count, stacked = len(content.heads), content.is_stacked
    columns = "c" * count if stacked else r"r@{\enspace}l" * count
    lines = [
        "% Written by partialpool. In the preamble: \\usepackage{booktabs}",
        r"\begin{table}[tbp]",
        r"\centering",
        *([rf"\caption{{{_escaped(content.title)}}}", r"\par\smallskip"] if content.title else []),
        r"\small",
        *([r"\setlength{\tabcolsep}{4pt}"] if stacked else []),
        *(rf"\par\noindent\textbf{{{_escaped(warning)}}}\par\smallskip" for warning in content.warnings),
        rf"\def\pprows#1{{\begin{{tabular}}{{#1{columns}}}",
        r"\toprule",
        *_heads(content),
        r"\midrule",
    ]
    for at, block in enumerate(content.blocks):
        lines += [r"\addlinespace"] if at else []
        span = 1 + count * (1 if stacked else 2)
        lines.append(rf"\multicolumn{{{span}}}{{@{{}}l}}{{\textit{{{_escaped(block.heading)}}}}} \\")
        for row in block.rows:
            lines.append(_row(content, row.label, row.cells))
    lines += [
        r"\bottomrule",
        r"\end{tabular}}",
        *_FITTED.strip().splitlines(),
        r"\usebox0\par\smallskip",
        r"\begin{minipage}{\wd0}",
        r"\footnotesize\raggedright",
    ]
    lines += [rf"{_escaped(note)}\par" for note in content.notes]
    return "\n".join([*lines, r"\end{minipage}", r"\end{table}", ""])


def _heads(content: Content) -> Iterator[str]:
    span = 1 if content.is_stacked else 2
    if content.is_named:
        names = [rf"\multicolumn{{{span}}}{{c}}{{{_escaped(head.name)}}}" for head in content.heads]
        yield " & ".join(["", *names]) + r" \\"
        ends = [2 + span * at for at in range(len(names))]
        yield "".join(rf"\cmidrule(lr){{{start}-{start + span - 1}}}" for start in ends)
    if content.is_stacked:
        measures = [_stack(_escaped(head.estimate), _escaped(f"({head.interval})")) for head in content.heads]
    else:
        measures = [rf"\multicolumn{{2}}{{c}}{{{_escaped(head.measure)}}}" for head in content.heads]
    yield " & ".join(["", *measures]) + r" \\"


def _stack(above: str, below: str) -> str:
    """Return two lines as one cell, so that a label of several lines stands beside both."""
    return rf"\begin{{tabular}}[t]{{@{{}}c@{{}}}}{above}\\{below}\end{{tabular}}" if below else above


def _row(content: Content, label: str, cells: tuple[Cell | None, ...]) -> str:
    texts = [rf"\pplabel{{{_escaped(label)}}}"]
    for at, cell in enumerate(cells):
        estimate, interval = _estimate(content, at, cell), _interval(cell)
        texts += [_stack(estimate, interval)] if content.is_stacked else [estimate, interval]
    return " & ".join(texts) + (r" \\[2pt]" if content.is_stacked else r" \\")


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
