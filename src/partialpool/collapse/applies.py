"""Where the collapsed engine applies."""

from partialpool.spec.model import ModelSpec

__all__ = ["why_not"]


def why_not(spec: ModelSpec) -> str:
    """Say why group effects cannot be integrated out exactly; empty where they can.

    Examples
    --------
    >>> why_not(ModelSpec.from_formula("y ~ x + (x | g)"))
    ''
    >>> why_not(ModelSpec.from_formula("y ~ x + (x | g)", family="poisson"))
    "a 'poisson' response is not normal given the effects"
    """
    if spec.family not in ("gaussian", "lognormal"):
        return f"a {spec.family!r} response is not normal given the effects"
    if spec.link != "identity":
        return f"the link {spec.link!r} is not linear in the effects"
    return ""
