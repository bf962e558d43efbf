"""The equations of smooths in MathML: the same as those of `describe_smooths`."""

from xml.etree.ElementTree import Element

from partialpool.design.design import Design
from partialpool.reporting.mathml import applied, identifier, operator, row, subscript, word
from partialpool.spec.smooth import Smooth

__all__ = ["smooth_equations", "smooth_symbols"]


def smooth_symbols(design: Design, of: str = "") -> list[Element]:
    """Return the term of each smooth in the linear predictor of row i, of the mean or of a parameter."""
    return [_curve(_called(smooth, of)) for smooth in design.spec.smooths]


def smooth_equations(design: Design, of: str = "") -> list[tuple[Element, Element, Element]]:
    """Return two lines for each smooth: its curve as a sum over the basis, and the distribution of its effects.

    Parameters
    ----------
    design
        The design of a predictor.
    of
        The parameter whose predictor it is; empty for the mean.
    """
    lines = []
    for smooth in design.spec.smooths:
        name = _called(smooth, of)
        column = subscript(identifier("B"), row(identifier("i"), operator(","), identifier("k")))
        own = [word(smooth.by), operator("["), identifier("i"), operator("]"), operator(",")] if smooth.by else []
        each = [identifier("j"), operator(",")] if smooth.by else []
        of_sd = [operator(","), identifier("j")] if smooth.by and not smooth.hom else []
        summed = row(subscript(operator("∑"), identifier("k")), column, _effect(name, own))
        sd = subscript(word("sd"), row(word(name), *of_sd))
        lines.append((_curve(name), operator("="), summed))
        lines.append((_effect(name, each), operator("∼"), applied(word("Normal"), word("0"), sd)))
    return lines


def _called(smooth: Smooth, of: str) -> str:
    return f"{of}: {smooth.name}" if of else smooth.name


def _curve(name: str) -> Element:
    return subscript(word(name), identifier("i"))


def _effect(name: str, place: list[Element]) -> Element:
    return subscript(identifier("b"), row(word(name), operator(","), *place, identifier("k")))
