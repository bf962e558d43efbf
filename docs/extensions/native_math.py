"""Render formulas as MathML, which browsers display without a script or any download."""

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx

SPACED = {
    "<mi>&#x0007E;</mi>": "<mo>&#x0223C;</mo>",  # "is distributed as" is a relation
    "<mi>log</mi>": '<mi>log</mi><mspace width="0.167em"/>',
}
"""Output of the converter that lacks a space, with its replacement."""


def _mathml(formula: str, display: str) -> str:
    text = convert(formula, display=display)
    for cramped, spaced in SPACED.items():
        text = text.replace(cramped, spaced)
    return text


def _inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(_mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def _block(writer: Any, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="formula">{_mathml(node.astext(), "block")}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer as `html_math_renderer = "mathml"`."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
