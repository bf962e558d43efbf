"""The supports: values that a response can take, and what follows from them."""

from dataclasses import dataclass
from typing import Final

import numpy as np

__all__ = [
    "BINARY",
    "CLOSED_PROPORTION",
    "COUNT",
    "NOMINAL",
    "NOT_NEGATIVE",
    "ORDINAL",
    "POSITIVE",
    "PROPORTION",
    "REAL",
    "SUCCESSES",
    "Support",
]

_SDS: Final = 10.0
"""Distance from the observed mean, in observed sds, beyond which a real number is implausible."""
_TIMES: Final = 100.0
"""Multiple of the largest (or fraction of the least) observed value beyond which a positive one is implausible."""


@dataclass(frozen=True, eq=False)
class Support:
    """The values that a response can take.

    Attributes
    ----------
    name
        `real`, `positive` (> 0), `not_negative` (0, which has a probability, or above), `proportion` (0 < y < 1),
        `closed_proportion` (0 <= y <= 1), `binary` (0/1, boolean or two categories), `successes` (of trials, from
        `p(successes, trials)`), `count` (0, 1, 2, ...), `ordinal` (ordered categories), `nominal` (categories without
        an order).
    allowed
        The values in words.
    is_continuous
        Whether every single value has probability 0, except for `atoms`.
    atoms
        Values that have a probability on a continuous scale.
    has_range
        Whether the smallest and the largest observed value are informative about the data.
    mean_is_probability
        Whether the mean (of one trial) is a probability, or a proportion.
    may_be_negative
        Whether a mean may be below 0.
    mean_in_words, mean_by_name
        Descriptions of the mean; the second contains the response's name.
    mean_on_axis
        Name of the mean for an axis, with the response's name.
    ratio_of_means, exponential_of_intercept
        Names of exp(coefficient) and exp(intercept) under a log link, for tables.
    """

    name: str
    allowed: str
    is_continuous: bool = False
    atoms: tuple[float, ...] = ()
    has_range: bool = True
    mean_is_probability: bool = False
    may_be_negative: bool = False
    mean_in_words: str = "mean of the response"
    mean_by_name: str = "mean of {}"
    mean_on_axis: str = "mean of {}"
    ratio_of_means: str = "ratio of means"
    exponential_of_intercept: str = "mean"

    @property
    def is_whole(self) -> bool:
        """Whether all values are whole numbers."""
        return not self.is_continuous and self.name != "not_negative"

    def contains(self, values: np.ndarray) -> np.ndarray:
        """Whether each number can be a response, boolean of the same shape."""
        inside = {
            "positive": values > 0,
            "not_negative": values >= 0,
            "proportion": (values > 0) & (values < 1),
            "closed_proportion": (values >= 0) & (values <= 1),
            "count": (values >= 0) & (values == np.floor(values)),
        }
        return inside.get(self.name, np.ones(np.shape(values), bool))

    def implausible_share(self, y: np.ndarray, replicates: np.ndarray, trials: np.ndarray | None) -> tuple[float, str]:
        """Return the share of implausible replicates for data of this kind, and the criterion in words.

        Parameters
        ----------
        y
            The observed response, which defines the scale of the data, (rows,).
        replicates
            Replicated responses, (draws, rows).
        trials
            Trials of each row, or None.
        """
        if self.name == "real":
            off = np.abs(replicates - y.mean()) > _SDS * y.std()
            return float(off.mean()), f"responses more than {_SDS:g} observed sds from the observed mean"
        if self.name in ("positive", "not_negative", "count"):
            high = replicates > _TIMES * max(float(y.max()), 1.0 if self.name == "count" else 0.0)
            low = replicates < y.min() / _TIMES if self.name == "positive" else np.zeros(replicates.shape, bool)
            return float((high | low).mean()), f"responses {_TIMES:g} times beyond the observed range"
        if self.name in ("ordinal", "nominal"):
            alike = (replicates == replicates[:, :1]).all(axis=1)
            return float(alike.mean()), "tables in which every row is of one category"
        count = np.ones(replicates.shape[1]) if trials is None else trials
        share = replicates.sum(axis=1) / count.sum()
        return float(((share == 0) | (share == 1)).mean()), "tables in which all trials fail or all succeed"


REAL: Final = Support("real", "numbers", is_continuous=True, may_be_negative=True)
POSITIVE: Final = Support("positive", "numbers above 0", is_continuous=True)
NOT_NEGATIVE: Final = Support("not_negative", "0 and numbers above it", is_continuous=True, atoms=(0.0,))
PROPORTION: Final = Support(
    "proportion", "numbers strictly between 0 and 1", is_continuous=True, mean_is_probability=True
)
CLOSED_PROPORTION: Final = Support(
    "closed_proportion", "numbers from 0 to 1", is_continuous=True, atoms=(0.0, 1.0), mean_is_probability=True
)
# The range of zeros and ones is not informative.
BINARY: Final = Support(
    "binary", "0 and 1, false and true, or two categories", has_range=False, mean_is_probability=True
)
SUCCESSES: Final = Support(
    "successes",
    "p(successes, trials)",
    mean_is_probability=True,
    mean_in_words="probability of success in one trial",
    mean_by_name="share of successes of {}",
    mean_on_axis="probability of {}",
)
COUNT: Final = Support(
    "count",
    "counts: 0, 1, 2, ...",
    mean_on_axis="expected {}",
    ratio_of_means="rate ratio",
    exponential_of_intercept="rate (expected count)",
)
ORDINAL: Final = Support(
    "ordinal",
    "an ordered categorical, or whole numbers",
    has_range=False,
    mean_is_probability=True,
    mean_in_words="probability of each category",
    mean_by_name="mean category of {}, numbered from 1",
)
NOMINAL: Final = Support(
    "nominal",
    "categories, or whole numbers that stand for them",
    has_range=False,
    mean_is_probability=True,
    mean_in_words="probability of each category",
    mean_by_name="category of {}, numbered from 1",
)
