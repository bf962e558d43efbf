"""Build MathML elements, which HTML pages show as mathematics without any script.

Only elements of MathML Core are used, which Chromium, Firefox and Safari render natively. The XML writer escapes text.
"""

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

__all__ = ["applied", "identifier", "operator", "row", "subscript", "superscript", "table", "word", "write_math"]


def identifier(name: str) -> ET.Element:
    """Return a symbol of one letter, which is set in italics."""
    return _leaf("mi", name)


def word(text: str) -> ET.Element:
    """Return a name from the data or of a distribution, which is set upright."""
    return _leaf("mtext", text)


def operator(symbol: str, *, form: str | None = None) -> ET.Element:
    """Return an operator, a relation, a bracket or a comma; `form="infix"` keeps its space at the start of a line."""
    element = _leaf("mo", symbol)
    if form:
        element.set("form", form)
    return element


def row(*parts: ET.Element) -> ET.Element:
    """Return parts side by side."""
    return _parent("mrow", parts)


def subscript(base: ET.Element, index: ET.Element) -> ET.Element:
    """Return a base with a subscript."""
    return _parent("msub", (base, index))


def superscript(base: ET.Element, index: ET.Element) -> ET.Element:
    """Return a base with a superscript."""
    return _parent("msup", (base, index))


def applied(function: ET.Element, *arguments: ET.Element) -> ET.Element:
    """Return a function or a distribution with its arguments in brackets.

    Examples
    --------
    >>> "".join(applied(word("Normal"), identifier("μ"), identifier("σ")).itertext())
    'Normal(μ,σ)'
    """
    listed = [part for argument in arguments for part in (operator(","), argument)][1:]
    return row(function, operator("("), *listed, operator(")"))


def table(lines: Iterable[Sequence[ET.Element]]) -> ET.Element:
    """Return a table with a row per line and three cells each: left side, relation, right side."""
    rows = []
    for line in lines:
        cells = [_parent("mtd", (cell,)) for cell in line]
        for cell, side in zip(cells, ("left", "relation", "right"), strict=True):
            cell.set("class", side)
        rows.append(_parent("mtr", cells))
    return _parent("mtable", rows)


def write_math(content: ET.Element, *, alternative: str) -> str:
    """Return a `math` element as text, with alternative text for readers that cannot show it.

    Examples
    --------
    >>> print(write_math(word("a<b"), alternative="a<b"))
    <math display="block" alttext="a&lt;b"><mtext>a&lt;b</mtext></math>
    """
    root = _parent("math", (content,))
    root.set("display", "block")
    root.set("alttext", alternative)
    return ET.tostring(root, encoding="unicode", short_empty_elements=False)


def _leaf(tag: str, text: str) -> ET.Element:
    element = ET.Element(tag)
    element.text = text
    return element


def _parent(tag: str, children: Iterable[ET.Element]) -> ET.Element:
    element = ET.Element(tag)
    element.extend(children)
    return element
