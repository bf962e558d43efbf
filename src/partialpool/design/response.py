"""The observed response: its values, and what is known of them."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from partialpool.design.censoring import Censoring
from partialpool.design.truncation import Truncation
from partialpool.families.truncated import clipped

__all__ = ["Response"]

_PLAIN: Final = frozenset({"0", "1", "False", "True", "0.0", "1.0"})
"""Labels of binary responses for which the success category is evident."""


@dataclass(frozen=True, eq=False)
class Response:
    """The observed response.

    Attributes
    ----------
    name
        Name of the observed variable.
    values
        Shape (rows,): numbers; 0/1 for binary; codes 0..K-1 for ordinal.
    trials
        Shape (rows,) for successes of trials, else None.
    categories
        Labels of binary (failure, success) or ordinal categories, else empty.
    censoring
        Which values are bounds only; None where all were seen.
    truncation
        The bounds outside which there are no rows; None where there are none.
    """

    name: str
    values: np.ndarray
    trials: np.ndarray | None = None
    categories: tuple[str, ...] = ()
    censoring: Censoring | None = None
    truncation: Truncation | None = None

    @property
    def n_trials(self) -> np.ndarray:
        """Number of trials of each row, (rows,): 1 unless the response counts successes of several trials."""
        return np.ones(len(self.values)) if self.trials is None else self.trials

    @property
    def other_ends(self) -> np.ndarray:
        """Where the response of each row ends, (rows,): its value unless it is censored (`Censoring.other_end`)."""
        return self.values if self.censoring is None else self.censoring.other_end

    @property
    def is_bounded(self) -> bool:
        """Whether rows are known within bounds only, or all responses are within bounds."""
        return self.censoring is not None or self.truncation is not None

    @property
    def within_bounds(self) -> "Response":
        """The same with what is known of censored rows as far as it is within their bounds."""
        bounds = self.truncation
        if self.censoring is None or bounds is None:
            return self
        values, ends = clipped(self.values, self.other_ends, bounds.low, bounds.high)
        return replace(self, values=values, censoring=Censoring(ends))

    @property
    def middles(self) -> np.ndarray:
        """The values, those of intervals at their middles, (rows,): for scales, and to begin searches with."""
        interval = np.isfinite(self.other_ends) & (self.other_ends != self.values)
        return np.where(interval, (self.values + self.other_ends) / 2, self.values) if interval.any() else self.values

    @property
    def is_binary(self) -> bool:
        """Whether the response has two categories."""
        return len(self.categories) == 2

    @property
    def attrs(self) -> dict[str, list[str]]:
        """Attributes of a variable with the response: `categories`, in the order of the codes from 0.

        Examples
        --------
        >>> Response("status", np.array([0.0, 1.0]), categories=("Alive", "Dead")).attrs
        {'categories': ['Alive', 'Dead']}
        """
        return {"categories": list(self.categories)} if self.categories else {}

    @property
    def outcome(self) -> str:
        """The mean of a binary response, in words."""
        return f"probability of {self.name} = {self.categories[1]}"

    @property
    def success(self) -> str:
        """The mean of a binary response, in words; empty for 0 and 1, false and true, and for other responses.

        Examples
        --------
        >>> Response("status", np.array([0.0, 1.0]), categories=("Alive", "Dead")).success
        'probability of status = Dead'
        """
        if not self.is_binary or set(self.categories) <= _PLAIN:
            return ""
        return self.outcome
