"""The text in brackets after the name of an axis: a unit, or the scale of the linear predictor."""

from partialpool.families.links import LINKS

__all__ = ["bracketed", "unit_or_scale"]


def unit_or_scale(unit: str, scale: str) -> str:
    """Return the unit if given, else the scale of the linear predictor; empty where it is the response's scale.

    Parameters
    ----------
    unit
        Unit of the quantity on the axis; may be empty.
    scale
        Name of the link, as in the answers' `attrs["scale"]`, or `log` for a model of log y.

    Examples
    --------
    >>> unit_or_scale("", "logit"), unit_or_scale("ms", "identity"), unit_or_scale("", "identity")
    ('logit scale', 'ms', '')
    """
    return unit or ("" if LINKS[scale].is_identity else f"{scale} scale")


def bracketed(text: str) -> str:
    """Return a text in brackets with a space before them; an empty text stays empty.

    Examples
    --------
    >>> f"sd{bracketed('ms')}", f"sd{bracketed('')}"
    ('sd (ms)', 'sd')
    """
    return f" ({text})" if text else ""
