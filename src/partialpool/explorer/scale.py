"""The scale of an sd that has no unit, in words: log odds, with what they mean."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from partialpool.families.link import Link
from partialpool.names import INTERCEPT

__all__ = ["SdScale", "sd_scale_of"]

_ODDS: Final = "log odds"
_LOGARITHMS: Final = "logarithms"


@dataclass(frozen=True)
class SdScale:
    """A scale on which an sd is stated.

    Attributes
    ----------
    name
        Its name, empty where the sd has the unit of the response.
    meaning
        What its numbers mean, as a sentence.
    """

    name: str = ""
    meaning: str = ""


def sd_scale_of(link: Link, effect: str) -> SdScale:
    """Return the scale of the sd of an effect under a link.

    Examples
    --------
    >>> from partialpool.families.links import LINKS
    >>> sd_scale_of(LINKS["logit"], "Intercept").name, sd_scale_of(LINKS["logit"], "dose").name
    ('log odds', 'log odds per unit of dose')
    >>> sd_scale_of(LINKS["log"], "Intercept").meaning[:51]
    'Logarithms: +1 is 2.7 times as much; +2 is 7.4 time'
    """
    name = link.units_in_words
    if effect != INTERCEPT:
        return SdScale(f"{name} per unit of {effect}" if name else "")
    at = [float(value) for value in link.inverse(np.array([1.0, 2.0, -1.0]))]
    if name == _ODDS:
        one, two, below = (f"{100 * value:.0f}\N{NO-BREAK SPACE}%" for value in at)
        return SdScale(name, f"Log odds: 0 is one half; +1 is {one}; +2 is {two}; \N{MINUS SIGN}1 is {below}.")
    if name == _LOGARITHMS:
        one, two, below = (f"{value:.2g} times as much" for value in at)
        return SdScale(name, f"Logarithms: +1 is {one}; +2 is {two}; \N{MINUS SIGN}1 is {below}.")
    return SdScale(name)
