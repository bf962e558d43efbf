"""Render pages from templates: labels and formulas are escaped, and an undefined variable is an error."""

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from partialpool.files import check_place, whole_file

__all__ = ["page_environment", "write_page"]


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
    """Write a page that takes long to render; a path that cannot be written to is refused before rendering starts.

    Parameters
    ----------
    path, doing
        As for `whole_file`.
    render
        Returns the page's text.

    Raises
    ------
    FileError
        As `whole_file`.
    """
    check_place(path, doing=doing)
    text = render()
    with whole_file(path, doing=doing) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)
