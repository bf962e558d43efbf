"""The two views of a mean or an effect, of the population and of a typical subject, where they are the same numbers."""

from typing import Final

import xarray as xr

__all__ = ["agreed", "seen_once", "views_compared"]

_POPULATION: Final = "population_average"
_SUBJECT: Final = "subject_specific"
_AGREE: Final = "agree"
_ROUNDING: Final = 1e-9


def views_compared(answer: xr.Dataset) -> xr.Dataset:
    """State in `attrs["agree"]` whether the two views are the same numbers, but for rounding, as in a linear model."""
    population, subject = answer[_POPULATION], answer[_SUBJECT]
    # Rounding is judged by a quantity's largest draw: where an effect may be 0, some draws are close to it.
    size = abs(population).max(("chain", "draw"))
    same = bool((abs(population - subject) <= _ROUNDING * size).all())
    return answer.assign_attrs({_AGREE: "yes" if same else "no"})


def agreed(answer: xr.Dataset) -> bool:
    """Whether an answer states that the two views are the same numbers."""
    return answer.attrs.get(_AGREE) == "yes"


def seen_once(answer: xr.Dataset) -> tuple[xr.Dataset, tuple[str, ...]]:
    """Return an answer with one of two views that agree, and the sentence that says so; others unchanged.

    Examples
    --------
    >>> one = xr.Dataset({"population_average": 1.0, "subject_specific": 1.0}, attrs={"agree": "yes"})
    >>> list(seen_once(one)[0].data_vars)
    ['population_average']
    """
    if not agreed(answer) or not {_POPULATION, _SUBJECT} <= {*answer.data_vars}:
        return answer, ()
    if not answer[_POPULATION].equals(answer[_SUBJECT]) and views_compared(answer).attrs[_AGREE] == "no":
        return answer, ()  # the user has put other numbers into the answer since
    sentence = f"{_POPULATION} and {_SUBJECT} agree: both definitions give the same numbers here."
    return answer.drop_vars(_SUBJECT), (sentence,)
