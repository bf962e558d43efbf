"""A table of models as a Word document: a real table with three rules, whose heads are repeated on every page."""

import io
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from partialpool.errors import FileError
from partialpool.reporting.tables.content import Cell, Content, unbroken
from partialpool.reporting.tables.html import padded
from partialpool.reporting.tables.notes import MARK
from partialpool.tabulate import typeset

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import Table, _Cell
    from docx.text.paragraph import Paragraph

__all__ = ["as_word", "check_word"]

_FONT: Final = "Times New Roman"
_SIZES: Final = ((10, False), (10, True), (8, True))
"""Points of the text, and whether the page is on its side: the first that leaves room for the labels is taken."""
_LABELS: Final = 2.2
"""Inches that labels need."""
_CHARACTER: Final = 0.48
"""Width of a character, as a multiple of its size in points."""
_MARGIN: Final = 0.08
"""Inches between columns, on each side."""
_THICK, _THIN = 8, 4
"""Rules, in eighths of a point."""
_INDENT: Final = 0.12


def check_word() -> None:
    """Refuse to write a document without the package that writes it.

    Raises
    ------
    FileError
        python-docx is not installed.
    """
    try:
        import docx  # noqa: F401, PLC0415 - an optional package
    except ImportError as error:
        raise FileError(
            "a Word document needs another package",
            got=str(error),
            allowed="python-docx 1.1 or newer; .tex, .html, .md and .csv need no other package",
            do="pip install 'partialpool[table]'",
        ) from error


def as_word(content: Content) -> bytes:
    """Return the document as the bytes of a file."""
    check_word()
    import docx  # noqa: PLC0415

    document = docx.Document()
    widths, size = _set_page(document, content)
    if content.title:
        _paragraph(document.add_paragraph(), content.title, bold=True, keep=True)
    for warning in content.warnings:
        _paragraph(document.add_paragraph(), warning, bold=True, color="B33C00", keep=True)
    _add_table(document, content, widths)
    for note in content.notes:
        _paragraph(document.add_paragraph(), note, size=size - 1, before=3)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def _set_page(document: "Document", content: Content) -> tuple[list[float], int]:
    """Set font and page, such that the table fits; return the widths of its columns in inches, and the font's size."""
    from docx.enum.section import WD_ORIENT  # noqa: PLC0415
    from docx.oxml.ns import qn  # noqa: PLC0415
    from docx.shared import Inches, Pt  # noqa: PLC0415

    page, style = document.sections[0], document.styles["Normal"]
    page.left_margin = page.right_margin = Inches(1)
    short, long = sorted((float(page.page_width or 0) / Inches(1), float(page.page_height or 0) / Inches(1)))
    for size, sideways in _SIZES:
        models = _model_widths(content, size)
        room = (long if sideways else short) - 2 - sum(models)
        if room >= _LABELS:
            break
    if sideways:
        page.orientation = WD_ORIENT.LANDSCAPE
        page.page_width, page.page_height = Inches(long), Inches(short)
    style.font.name, style.font.size = _FONT, Pt(size)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), _FONT)
    style.paragraph_format.space_before = style.paragraph_format.space_after = Pt(0)
    about = document.core_properties  # of the template: another author, and a date years ago
    about.author = about.comments = about.last_modified_by = ""
    about.title = content.title
    about.created = about.modified = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    longest = max(len(row.label) for block in content.blocks for row in block.rows)
    needed = _CHARACTER * size / 72 * longest + _INDENT + 2 * _MARGIN
    return [min(needed, max(room, 1.4)), *models], size


def _model_widths(content: Content, size: int) -> list[float]:
    """Return the inches that each model's column needs; the words of its name may be on separate lines."""
    widths = []
    for at, head in enumerate(content.heads):
        rows = (row for block in content.blocks for row in block.rows)
        entries = [_entry(content, at, cell) for row in rows if (cell := row.cells[at]) is not None]
        parts = [part for text in entries for part in text.split("\n")]
        measure = [head.estimate, f"({head.interval})"] if content.is_stacked else [head.measure]
        longest = max(map(len, [*parts, *head.name.split(), *measure]))
        widths.append(_CHARACTER * size / 72 * longest + 2 * _MARGIN)
    return widths


def _add_table(document: "Document", content: Content, widths: list[float]) -> None:
    heads = 2 if content.is_named else 1
    table = document.add_table(heads + sum(1 + len(block.rows) for block in content.blocks), 1 + len(content.heads))
    _set_widths(table, widths)
    for at, head in enumerate(content.heads, start=1):
        if content.is_named:
            _write(table.cell(0, at), head.name, bold=True)
        _write(table.cell(heads - 1, at), head.measure_typeset)
    lines = count(heads)
    for block in content.blocks:
        line = next(lines)
        cell = table.cell(line, 0).merge(table.cell(line, len(content.heads)))
        _write(cell, block.heading, italic=True, before=4, keep=True)
        for row, line in zip(block.rows, lines, strict=False):
            last = row is block.rows[-1]
            _write(table.cell(line, 0), row.label, indent=_INDENT, keep=not last)
            for at, entry in enumerate(row.cells):
                if entry is not None:
                    _write(table.cell(line, 1 + at), _entry(content, at, entry), keep=not last)
    _draw_rules(table, heads)


def _entry(content: Content, at: int, cell: Cell) -> str:
    """Return the text of a cell; no line ends within an interval unless it stands below its estimate."""
    shown = padded(cell, content.padding(at, cell))
    if not cell.interval:
        return shown
    between = "\n" if content.is_stacked else "\N{NO-BREAK SPACE}"
    interval = typeset(cell.interval).replace(" ", "\N{NO-BREAK SPACE}")
    return f"{shown}{between}({interval}){MARK if cell.marked else ''}"


def _set_widths(table: "Table", widths: list[float]) -> None:
    from docx.shared import Inches  # noqa: PLC0415

    table.autofit = False
    for column, inches in zip(table.columns, widths, strict=True):
        column.width = Inches(inches)
        for cell in column.cells:
            cell.width = Inches(inches)


def _write(cell: "_Cell", text: str, **options: Any) -> None:
    _paragraph(cell.paragraphs[0], text, **options)


def _paragraph(
    paragraph: "Paragraph",
    text: str,
    *,
    bold: bool = False,
    italic: bool = False,
    size: int | None = None,
    color: str = "",
    indent: float = 0.0,
    before: float = 1,
    keep: bool = False,
) -> None:
    """Write text into an empty paragraph."""
    from docx.shared import Inches, Pt, RGBColor  # noqa: PLC0415

    layout = paragraph.paragraph_format
    layout.space_before, layout.space_after = Pt(before), Pt(1)
    layout.keep_with_next = keep
    if indent:
        layout.left_indent = Inches(indent)
    run = paragraph.add_run(unbroken(text))
    run.bold, run.italic, run.font.size = bold, italic, None if size is None else Pt(size)
    if color:
        run.font.color.rgb = RGBColor.from_string(color)


def _draw_rules(table: "Table", heads: int) -> None:
    """Draw the rules above the heads, below them, and below the last row; repeat the heads on every page."""
    from docx.oxml import OxmlElement  # noqa: PLC0415

    last = len(table.rows) - 1
    for at, row in enumerate(table.rows):
        properties = row._tr.get_or_add_trPr()
        properties.append(OxmlElement("w:cantSplit"))
        if at < heads:
            properties.append(OxmlElement("w:tblHeader"))
        edges = {"top": _THICK} if at == 0 else {}
        edges |= {"bottom": _THIN} if at == heads - 1 else {"bottom": _THICK} if at == last else {}
        for cell in row.cells if edges else ():
            _set_edges(cell, edges)


def _set_edges(cell: "_Cell", edges: dict[str, int]) -> None:
    from docx.oxml import OxmlElement  # noqa: PLC0415
    from docx.oxml.ns import qn  # noqa: PLC0415

    properties = cell._tc.get_or_add_tcPr()
    borders = OxmlElement("w:tcBorders")
    for edge, size in edges.items():
        line = OxmlElement(f"w:{edge}")
        for name, value in (("val", "single"), ("sz", str(size)), ("space", "0"), ("color", "auto")):
            line.set(qn(f"w:{name}"), value)
        borders.append(line)
    properties.append(borders)
