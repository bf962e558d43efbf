"""Mark pictures that are wide: on a phone they scroll, since their letters would be too small."""

from pathlib import Path

import PIL.Image
from docutils import nodes
from sphinx.application import Sphinx

WIDE = 800
"""Pixels from which a picture is wide. Pictures have 160 pixels to the inch."""


def _mark(app: Sphinx, document: nodes.document, _page: str) -> None:
    for image in document.findall(nodes.image):
        path = Path(app.srcdir) / image["uri"]
        if path.suffix == ".png" and path.is_file():
            with PIL.Image.open(path) as picture:
                if picture.width >= WIDE:
                    image["classes"].append("wide-picture")


def setup(app: Sphinx) -> dict[str, bool]:
    """Mark pictures when their places are known."""
    app.connect("doctree-resolved", _mark)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
