"""Link code that begins with a public name, `pp.icc(fit)` or `icc(fit)`, to its entry in the reference."""

import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

import partialpool

PREFIXED = re.compile(r"pp\.(\w+)")
CALLED = re.compile(r"(\w+)\(")
QUIET = (nodes.reference, addnodes.pending_xref, nodes.title, addnodes.desc_signature)


OTHERS = "docs/coming/"
"""Pages on which a name without `pp.`, such as `predict(m)`, belongs to another package."""


def public_name(text: str, page: str) -> str | None:
    """Return the public name with which a piece of code starts, or None."""
    if page.startswith(OTHERS) and not PREFIXED.match(text):
        return None
    match = PREFIXED.match(text) or CALLED.match(text)
    name = match[1] if match else text
    return name if name in partialpool.__all__ and (match or "_" in name or name[:1].isupper()) else None


class NameLinks(SphinxTransform):
    """Wrap code that begins with a public name in a link; the build fails if the reference has no such entry."""

    default_priority = 400

    def apply(self, **_: Any) -> None:
        """Wrap every such piece of code on the page, except inside links and headings."""
        for node in list(self.document.findall(nodes.literal)):
            name = public_name(node.astext(), self.env.current_document.docname)
            if name is None or self._is_quiet(node):
                continue
            target = addnodes.pending_xref(
                "", refdomain="py", reftype="obj", reftarget=f"partialpool.{name}", refexplicit=True, refwarn=True,
                refdoc=self.env.current_document.docname,
            )  # fmt: skip
            node.replace_self(target)
            target += node

    @staticmethod
    def _is_quiet(node: nodes.Node) -> bool:
        while node := node.parent:
            if isinstance(node, QUIET):
                return True
        return False


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the transform."""
    app.add_transform(NameLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
