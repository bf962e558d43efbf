"""Values at which other predictors are fixed, for the titles and axes of figures."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

from partialpool.names import INTERCEPT
from partialpool.plots.style import short

__all__ = ["held_in_title", "named_effect"]

_LETTERS, _PLACE = 150, 50
"""Most characters of the whole text, and of one predictor with its value."""


def held_in_title(attrs: Mapping[str, Any], width: int) -> str:
    r"""Return the values of other predictors as further lines of a title; empty where there are none.

    Examples
    --------
    >>> held_in_title({"held": "sex (each level's own), weight=40.1 (mean)"}, 60)
    "\nheld: sex (each level's own), weight=40.1 (mean)"
    >>> held_in_title({"held": "nothing"}, 60)
    ''
    """
    held = attrs.get("held", "nothing")
    if held == "nothing":
        return ""
    places = ", ".join(short(place, _PLACE) for place in held.split(", "))
    return f"\n{fill(f'held: {short(places, _LETTERS)}', width)}"


def named_effect(attrs: Mapping[str, Any], effect: str, most: int) -> str:
    """Return the name of an effect for an axis; an intercept has its origin added where that is not zero.

    Examples
    --------
    >>> named_effect({"origin": "year=2012 (mean)"}, "Intercept", 20)
    'Intercept at year=2012 (mean)'
    >>> named_effect({"origin": "year=2012 (mean)"}, "year", 20)
    'year'
    """
    origin = attrs.get("origin", "zero")
    moved = f" at {short(origin, 30)}" if effect == INTERCEPT and origin != "zero" else ""
    return f"{short(effect, most)}{moved}"
