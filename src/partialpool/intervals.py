"""Central intervals: the probability that they contain by default, their ends, and their names in print.

Every printed interval, picture and page takes `prob`, and its default is stated here alone: 95 %, as in journals, brms
and JASP. All intervals are equal-tailed: their ends are quantiles, which follow every change of unit or scale.
"""

from numbers import Real
from typing import Final

from partialpool.errors import SpecError

__all__ = ["DEFAULT_PROB", "central_ends", "end_names", "percent"]

DEFAULT_PROB: Final = 0.95


def central_ends(prob: float) -> tuple[float, float]:
    """Return the probabilities below the ends of a central interval.

    Raises
    ------
    SpecError
        `prob` is not between 0 and 1.

    Examples
    --------
    >>> central_ends(0.5)
    (0.25, 0.75)
    """
    if not isinstance(prob, Real) or isinstance(prob, bool) or not 0.0 < prob < 1.0:
        raise SpecError(
            "prob must be a probability",
            got=repr(prob),
            allowed="above 0 and below 1",
            do=f"for instance prob={DEFAULT_PROB}; a percentage is divided by 100",
        )
    return (1.0 - prob) / 2.0, (1.0 + prob) / 2.0


def percent(prob: float) -> str:
    """Return a probability in per cent, as in a sentence.

    Examples
    --------
    >>> percent(0.95), percent(0.999)
    ('95 %', '99.9 %')
    """
    return f"{100 * prob:.6g} %"


def end_names(prob: float) -> tuple[str, str]:
    """Return the headings of the columns with the ends of an interval.

    Examples
    --------
    >>> end_names(0.95), end_names(0.9)
    (('2.5%', '97.5%'), ('5%', '95%'))
    """
    low, high = central_ends(prob)
    return f"{100 * low:.6g}%", f"{100 * high:.6g}%"
