"""A table of models in HTML: a page, or a part of a notebook's page."""

from partialpool.reporting.pagemaker import page_environment
from partialpool.reporting.tables.content import Cell, Content, unbroken
from partialpool.reporting.tables.notes import MARK
from partialpool.tabulate import typeset

__all__ = ["as_html", "as_html_part", "padded"]

_DIGIT, _POINT = "\N{FIGURE SPACE}", "\N{PUNCTUATION SPACE}"


def as_html(content: Content) -> str:
    """Return a page that contains only the table."""
    return _rendered("table.html", content)


def as_html_part(content: Content) -> str:
    """Return the table as an element, with its style."""
    return _rendered("table_figure.html", content)


def padded(cell: Cell, padding: tuple[int, int]) -> str:
    r"""Return an estimate between spaces as wide as digits and points, which survive copying to a word processor.

    Examples
    --------
    >>> padded(Cell("-3.1"), (1, 1)).replace(_DIGIT, "0"), padded(Cell("18"), (2, 3)).replace(_POINT, ".")
    ('0−3.10', '\u2007\u200718.\u2007\u2007')
    """
    left, right = padding
    after = _DIGIT * right if right == 0 or "." in cell.estimate else _POINT + _DIGIT * (right - 1)
    return f"{_DIGIT * left}{typeset(cell.estimate)}{after}"


def _rendered(template: str, content: Content) -> str:
    environment = page_environment("reporting/templates")
    environment.filters |= {"padded": padded, "typeset": typeset, "unbroken": unbroken}
    return environment.get_template(template).render(content=content, mark=MARK)
