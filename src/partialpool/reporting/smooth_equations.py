"""The equations of smooths in MathML: the same as those of `describe_smooths`."""

from xml.etree.ElementTree import Element

from partialpool.design.design import Design
from partialpool.reporting.mathml import applied, identifier, operator, row, subscript, word
from partialpool.spec.smooth import Smooth

__all__ = ["smooth_equations", "smooth_symbols"]


def smooth_symbols(design: Design) -> list[Element]:
    """Return the term of each smooth in the linear predictor of row i."""
    return [_curve(smooth) for smooth in design.spec.smooths]


def smooth_equations(design: Design) -> list[tuple[Element, Element, Element]]:
    """Return two lines for each smooth: its curve as a sum over the basis, and the distribution of its effects."""
    lines = []
    for smooth in design.spec.smooths:
        column = subscript(identifier("B"), row(identifier("i"), operator(","), identifier("k")))
        own = [word(smooth.by), operator("["), identifier("i"), operator("]"), operator(",")] if smooth.by else []
        each = [identifier("j"), operator(",")] if smooth.by else []
        of_sd = [operator(","), identifier("j")] if smooth.by and not smooth.hom else []
        summed = row(subscript(operator("∑"), identifier("k")), column, _effect(smooth, own))
        sd = subscript(word("sd"), row(word(smooth.name), *of_sd))
        lines.append((_curve(smooth), operator("="), summed))
        lines.append((_effect(smooth, each), operator("∼"), applied(word("Normal"), word("0"), sd)))
    return lines


def _curve(smooth: Smooth) -> Element:
    return subscript(word(smooth.name), identifier("i"))


def _effect(smooth: Smooth, place: list[Element]) -> Element:
    return subscript(identifier("b"), row(word(smooth.name), operator(","), *place, identifier("k")))
