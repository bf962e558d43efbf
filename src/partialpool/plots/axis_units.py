"""Names of axes: a quantity with its unit, or the scale of the linear predictor, in brackets."""

import re

from partialpool.families.links import LINKS
from partialpool.plots.style import short

__all__ = ["bracketed", "column_label", "stated_or", "unit_or_scale"]


def stated_or(unit: str | None, known: str) -> str:
    """Return the unit that was passed to a plot, or else the one that the answer carries."""
    return known if unit is None else unit


def column_label(name: object, unit: str, most: int = 56) -> str:
    """Return the name of a column with its unit; a unit that the name states is not repeated.

    Examples
    --------
    >>> column_label("Days", "days"), column_label("age_years", "years"), column_label("Reaction", "ms")
    ('Days', 'age_years', 'Reaction (ms)')
    """
    words = re.split(r"[^\w%]+|_", str(name).casefold())
    return f"{short(name, most)}{'' if unit.casefold() in words else bracketed(unit)}"


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
