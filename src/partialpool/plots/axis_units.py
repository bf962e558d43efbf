"""What stands in brackets behind the name of an axis: a unit, or the scale of the linear predictor."""

from partialpool.families.links import LINKS

__all__ = ["bracketed", "unit_or_scale"]


def unit_or_scale(unit: str, scale: str) -> str:
    """Return the unit, if one is given, else the scale of the linear predictor; nothing where it is the response's own.

    Parameters
    ----------
    unit
        Of the quantity on the axis; may be empty.
    scale
        Name of the link, as answers have it in `attrs["scale"]`, or `log` of a model of log y.

    Examples
    --------
    >>> unit_or_scale("", "logit"), unit_or_scale("ms", "identity"), unit_or_scale("", "identity")
    ('logit scale', 'ms', '')
    """
    return unit or ("" if LINKS[scale].is_identity else f"{scale} scale")


def bracketed(text: str) -> str:
    """Put a text into brackets behind a space; nothing stays nothing.

    Examples
    --------
    >>> f"sd{bracketed('ms')}", f"sd{bracketed('')}"
    ('sd (ms)', 'sd')
    """
    return f" ({text})" if text else ""
