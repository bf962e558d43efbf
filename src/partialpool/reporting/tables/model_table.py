"""The table that `table` returns: it prints, and writes itself to a file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pandas as pd

from partialpool.errors import FileError, nearest
from partialpool.files import whole_file
from partialpool.reporting.tables.content import Content
from partialpool.reporting.tables.html import as_html, as_html_part
from partialpool.reporting.tables.latex import as_latex
from partialpool.reporting.tables.markdown import as_markdown
from partialpool.reporting.tables.plain import as_text
from partialpool.reporting.tables.word import as_word, check_word

__all__ = ["DOING", "ModelTable", "check_suffix"]

DOING: Final = "write the table"


@dataclass(frozen=True, eq=False, repr=False)
class ModelTable:
    """Estimates of one or several models side by side; prints as text, and as HTML in a notebook.

    Attributes
    ----------
    content
        The cells as text, with heads, headings and notes.
    frame
        The same numbers, unrounded: a row for each quantity and model, with columns `block`, `term` (the name in
        `fit.digest.frame`), `model`, `label`, `estimate`, `std_error` (the posterior sd; missing with a median),
        `conf_low`, `conf_high`, and `statistic`: `mean`, `median` or `count`. Reference categories have no row.
    """

    content: Content
    frame: pd.DataFrame

    def write(self, path: str | Path) -> Path:
        """Write the table to a file, which appears under its name only when it is complete.

        Parameters
        ----------
        path
            The file. Its suffix decides the format: `.docx`, `.tex`, `.html`, `.md`; or `.csv` for `frame`.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        FileError
            Another suffix; the folder does not exist or cannot be written to; python-docx is not installed.
        """
        check_suffix(path)
        data = _FORMATS[Path(path).suffix.lower()](self)
        with whole_file(path, doing=DOING) as temporary:
            temporary.write_bytes(data)
        return Path(path)

    def __str__(self) -> str:
        return as_text(self.content)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html_part(self.content)


def check_suffix(path: str | Path) -> None:
    """Refuse a file whose suffix names no format, or one that needs a package that is not installed.

    Raises
    ------
    FileError
        The message names the formats.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise FileError(
            "unknown format of a table",
            got=f"{path}",
            allowed=nearest(suffix, _FORMATS),
            do="end the file's name with one of these",
        )
    if suffix == ".docx":
        check_word()


_FORMATS: Final[Mapping[str, Callable[[ModelTable], bytes]]] = MappingProxyType(
    {
        ".docx": lambda table: as_word(table.content),
        ".tex": lambda table: as_latex(table.content).encode(),
        ".html": lambda table: as_html(table.content).encode(),
        ".md": lambda table: as_markdown(table.content).encode(),
        ".csv": lambda table: table.frame.to_csv(index=False).encode(),
    }
)
"""By suffix, the content of the file."""
