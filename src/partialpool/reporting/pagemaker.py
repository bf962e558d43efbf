"""Render pages from templates: labels and formulas are escaped, and an undefined variable is an error."""

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from partialpool.errors import FileError
from partialpool.files import check_place, whole_file

__all__ = ["page_environment", "write_page"]

_ENDINGS = (".html", ".htm")


def page_environment(folder: str) -> Environment:
    """Return the Jinja environment of a folder of templates, `reporting/templates` for instance."""
    return Environment(
        loader=PackageLoader("partialpool", folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        lstrip_blocks=True,
    )


def write_page(path: str | Path, render: Callable[[], str], *, doing: str) -> Path:
    """Write an HTML page that takes long to render; a path that is no place for it is refused before rendering starts.

    Parameters
    ----------
    path, doing
        As for `whole_file`.
    render
        Returns the page's text.

    Raises
    ------
    FileError
        As `whole_file`; or the name ends like that of another kind of file.
    """
    check_place(path, doing=doing)
    kind = Path(path).suffix.lower()
    if kind not in _ENDINGS:
        raise FileError(
            f"cannot {doing}: it is an HTML page",
            got=f"a name that ends in {kind}" if kind else "a name without an ending",
            allowed=" or ".join(_ENDINGS),
            do="name it so; a browser prints the page to PDF, and pp.table writes tables for Word and LaTeX",
        )
    text = render()
    with whole_file(path, doing=doing) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)
