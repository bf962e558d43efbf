"""Describe smooths in words, and as equations in text."""

from partialpool.design.design import Design
from partialpool.names import b_name, predictor_name, sd_name
from partialpool.spec.smooth import Smooth

__all__ = ["smooth_lines", "smooth_terms", "smooth_words"]


def smooth_words(design: Design) -> list[str]:
    """Return a sentence on each smooth.

    Examples
    --------
    >>> from partialpool.datasets.load import load_dataset
    >>> from partialpool.design.build import build_design
    >>> from partialpool.spec.model import ModelSpec
    >>> design = build_design(ModelSpec.from_formula("Reaction ~ s(Days, k=5)"), load_dataset("sleepstudy"))
    >>> smooth_words(design)
    ['The curve of Days departs from its straight line by a cubic spline with 5 knots, whose 3 effects have one sd.']
    """
    return [_in_words(design, smooth) for smooth in design.spec.smooths]


def smooth_terms(design: Design, of: str = "") -> list[str]:
    """Return the term of each smooth in the linear predictor of row i, of the mean or of a parameter."""
    return [f"{_called(smooth, of)}[i]" for smooth in design.spec.smooths]


def smooth_lines(design: Design, of: str = "") -> list[str]:
    r"""Return the equations of each smooth: its curve, and the distribution of its effects.

    Parameters
    ----------
    design
        The design of a predictor.
    of
        The parameter whose predictor it is; empty for the mean.

    Examples
    --------
    >>> from partialpool.datasets.load import load_dataset
    >>> from partialpool.design.build import build_design
    >>> from partialpool.spec.model import ModelSpec
    >>> design = build_design(ModelSpec.from_formula("Reaction ~ s(Days, k=5)"), load_dataset("sleepstudy"))
    >>> print("\n".join(smooth_lines(design)))
    s(Days)[i] = sum_k B[i, k] b_s(Days)[k]
    b_s(Days)[k] ~ Normal(0, sd_s(Days))
    """
    lines = []
    for smooth in design.spec.smooths:
        name = _called(smooth, of)
        b, sd = b_name(name), sd_name(name)
        row, of_each, spread = "k", "k", sd
        if smooth.by:
            row, of_each, spread = f"{smooth.by}[i], k", "j, k", sd if smooth.hom else f"{sd}[j]"
        lines += [f"{name}[i] = sum_k B[i, k] {b}[{row}]", f"{b}[{of_each}] ~ Normal(0, {spread})"]
    return lines


def _called(smooth: Smooth, of: str) -> str:
    return predictor_name(of, smooth.name) if of else smooth.name


def _in_words(design: Design, smooth: Smooth) -> str:
    factor = next(factor for factor in design.factors if factor.name == smooth.name)
    effects = len(factor.names) // len(set(factor.curves))
    spline = f"a{' cyclic' if smooth.bs == 'cc' else ''} cubic spline with {smooth.k} knots"
    what = (
        f"varies around a constant by {spline}" if smooth.bs == "cc" else f"departs from its straight line by {spline}"
    )
    if smooth.by is None:
        return f"The curve of {smooth.x} {what}, whose {effects} effects have one sd."
    sds = "one sd for all categories" if smooth.hom else "an sd for each category"
    return f"The curve of {smooth.x} in each category of {smooth.by} {what}, with {effects} effects, and {sds}."
