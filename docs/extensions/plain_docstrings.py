"""Escape docstrings, which are written for `help()`: y_-i is a formula in them, not a link of reStructuredText."""

import re
from typing import Any

from sphinx.application import Sphinx

LOOKS_LIKE_A_LINK = re.compile(r"(?<=\w)_(?!\w)")


def _escape(_app: Sphinx, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            pieces = re.split(r"(`+[^`]*`+)", line)
            pieces[::2] = [LOOKS_LIKE_A_LINK.sub(r"\\_", text) for text in pieces[::2]]
            lines[number] = "".join(pieces)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the escaping, which runs before the docstring's sections are read."""
    app.connect("autodoc-process-docstring", _escape, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
