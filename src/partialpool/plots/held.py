"""Values at which other predictors are fixed, for the titles and axes of figures."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import xarray as xr

from partialpool.design.held import exposure_in_words, place_in_words, with_units
from partialpool.design.units import Units
from partialpool.fitting.predictor_of_fit import PARAMETER
from partialpool.names import INTERCEPT, OBS
from partialpool.plots.style import short, titled
from partialpool.spec.expression import columns_of

__all__ = [
    "HELD",
    "effect_in_title",
    "exposure_held",
    "exposure_on_axis",
    "held_in_rows",
    "held_in_title",
    "named_effect",
]

HELD = "held: "
"""How lines of a title begin that say at which values other predictors are held."""
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
    places = ", ".join(short(place, _PLACE) for place in with_units(held, Units.of_answer(attrs)).split(", "))
    return f"\n{fill(HELD + short(places, _LETTERS), width)}"


def held_in_rows(predictions: xr.Dataset, drawn: Sequence[str]) -> str:
    """Return the predictors that have one value in all rows, as `held_in_title` takes them; `nothing` if none has.

    Parameters
    ----------
    predictions
        From `predict`.
    drawn
        Columns that the figure draws, which are left out, as are the trials and what the axis states.
    """
    stated = {*drawn, *_exposure(predictions)}
    return ", ".join(text for name, text in _single_values(predictions).items() if name not in stated) or "nothing"


def exposure_on_axis(predictions: xr.Dataset) -> str:
    """Return the offset of predictions as a further line of an axis label; empty where the model has none.

    Expected counts depend on the exposure. Where it has one value, the columns that it is made of are named.
    """
    if "offset" not in predictions.attrs:
        return ""
    units = Units.of_answer(predictions.attrs)
    places = {column: with_units(place, units) for column, place in _single_values(predictions).items()}
    return f"\n{short(exposure_in_words(predictions.attrs['offset'], places), 50)}"


def exposure_held(attrs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return where the exposure is held, for an axis, and the attributes without it; empty where there is none.

    Examples
    --------
    >>> exposure_held({"held": "h=1, sex=f", "offset": "log(h) = 0", "units": '{"columns": {"h": "hours"}}'})[0]
    'at h=1 hours'
    """
    if "offset" not in attrs:
        return "", dict(attrs)
    places = {place.partition("=")[0]: place for place in with_units(attrs["held"], Units.of_answer(attrs)).split(", ")}
    columns = columns_of(attrs["offset"].rpartition(" = ")[0])
    others = [place for place in attrs["held"].split(", ") if place.partition("=")[0] not in columns]
    return short(exposure_in_words(attrs["offset"], places), 50), {**attrs, "held": ", ".join(others) or "nothing"}


def _single_values(predictions: xr.Dataset) -> dict[str, str]:
    """Return the columns of the rows, without trials, that have the same value in all: `{"days": "days=7"}`."""
    found = {}
    for column in predictions.coords.values():
        about = column.attrs
        if column.dims == (OBS,) and "long_name" in about and about.get("kind") != "trials":
            value, *others = dict.fromkeys(column.to_numpy().tolist())
            if not others:
                name = about["long_name"]
                found[name] = place_in_words(name, value)
    return found


def _exposure(predictions: xr.Dataset) -> tuple[str, ...]:
    """Return the columns of the offset if each has one value in all rows; else none."""
    formula = predictions.attrs.get("offset", "").rpartition(" = ")[0]
    columns = columns_of(formula) if formula else ()
    return columns if set(columns) <= set(_single_values(predictions)) else ()


def named_effect(attrs: Mapping[str, Any], effect: str) -> str:
    """Return the name of an effect for an axis; an intercept has its origin added where that is not zero.

    Examples
    --------
    >>> named_effect({"origin": "year=2012 (mean)"}, "Intercept")
    'Intercept at year=2012 (mean)'
    >>> named_effect({"origin": "year=2012 (mean)"}, "year")
    'year'
    >>> named_effect({"parameter": "sigma"}, "Intercept")
    'sigma: Intercept'
    """
    origin = attrs.get("origin", "zero")
    moved = f" at {short(origin, 30)}" if effect == INTERCEPT and origin != "zero" else ""
    return f"{effect_in_title(attrs, effect)}{moved}"


def effect_in_title(attrs: Mapping[str, Any], effect: str) -> str:
    """Return the name of an effect, after that of the parameter or category whose predictor it is part of.

    Examples
    --------
    >>> effect_in_title({}, "Days"), effect_in_title({"parameter": "sigma"}, "Days")
    ('Days', 'sigma: Days')
    """
    parameter = attrs.get(PARAMETER)
    return titled(effect) if parameter is None else f"{titled(parameter)}: {titled(effect)}"
