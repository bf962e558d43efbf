"""Functions that a formula may call beside formulae's own; some learn from the table and remember it for new rows."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
from formulae.transforms import BSpline, Center

from partialpool.errors import DataWarning, warn

__all__ = ["ALLOWED", "FROM_FORMULAE", "take_mean_and_sd", "use_ours"]


class Between:
    """Mean of x over the levels of a factor, as learned; a new level has the mean of its own rows."""

    __stateful_transform__ = True

    def __init__(self) -> None:
        self.means: pd.Series | None = None

    def __call__(self, x: pd.Series, by: pd.Series) -> np.ndarray:
        """Return each row's level mean, shape (rows,)."""
        labels = pd.Series(np.asarray(by, dtype=object))
        own = pd.Series(np.asarray(x, dtype=float)).groupby(labels, sort=False).mean()
        if self.means is None:
            self.means = own
        new = own.index.difference(self.means.index, sort=False)
        if len(new):
            some = ", ".join(map(str, new[:3])) + (f" and {len(new) - 3} more" if len(new) > 3 else "")
            warn(
                f"the means of {getattr(x, 'name', 'a predictor')!r} over levels the fit has not seen ({some}) are "
                f"those of the rows given here: predictions for a row depend on the other rows of its level; pass all "
                "rows of a new level together",
                DataWarning,
            )
        return labels.map(self.means).fillna(labels.map(own)).to_numpy(dtype=float)


class Within(Between):
    """Deviation of x from its level's mean."""

    def __call__(self, x: pd.Series, by: pd.Series) -> np.ndarray:
        """Return each row's deviation, shape (rows,)."""
        return np.asarray(x, dtype=float) - super().__call__(x, by)


class Scale:
    """x minus its mean, divided by its sd with divisor n - 1, as R's `scale`; both as learned."""

    __stateful_transform__ = True

    def __init__(self) -> None:
        self.learned: tuple[float, float] | None = None

    def __call__(self, x: pd.Series) -> np.ndarray:
        """Return the standardised values, shape (rows,)."""
        values = np.asarray(x, dtype=float)
        if self.learned is None:
            self.learned = float(values.mean()), float(values.std(ddof=1))
        mean, sd = self.learned
        return (values - mean) / sd


class Spline(BSpline):
    """formulae's B-spline, with a warning where new values are beyond those it was learned from."""

    def __init__(self) -> None:
        super().__init__()
        self.learned: tuple[float, float] | None = None

    def __call__(self, x: pd.Series, *given: Any, **named: Any) -> np.ndarray:
        """Return the basis at each row's value, (rows, columns)."""
        values = np.asarray(x, dtype=float)
        if self.learned is None:
            self.learned = float(values.min()), float(values.max())
        low, high = self.learned
        beyond = (values < low) | (values > high)
        if beyond.any():
            far = values[beyond][np.argmax(np.abs(values[beyond] - (low + high) / 2))]
            warn(
                f"the spline of {getattr(x, 'name', 'a predictor')!r} was fitted to values from {low:g} to {high:g}, "
                f"and is evaluated at {far:g}: beyond its range a spline is arbitrary",
                DataWarning,
            )
        return np.asarray(super().__call__(x, *given, **named))


def _of_one(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Allow one argument only: the second argument of a NumPy function is the array it writes to."""
    return lambda x: function(x)


_NUMPY: Final = ("abs", "sqrt", "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "tanh")
FROM_FORMULAE: Final = ("I", "center", "scale", "standardize", "poly", "bs", "C", "T", "S", "offset")
ALLOWED: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {name: _of_one(getattr(np, name)) for name in _NUMPY} | {"between": Between, "within": Within}
)
"""Functions passed to formulae; the others of `spec.whitelist.FUNCTIONS` are formulae's own."""
_INSTEAD: Final[Mapping[str, Callable[[], Any]]] = MappingProxyType(
    {"scale": Scale, "standardize": Scale, "bs": Spline}
)
"""Functions that replace formulae's own functions of the same name, which formulae would find first."""


def take_mean_and_sd(function: Any, mean: float, sd: float) -> bool:
    """Let a function of one column that learns its mean, or its mean and sd (ddof 1), use these; False for others."""
    if isinstance(function, Scale):
        function.learned = mean, sd
        return True
    if isinstance(function, Center):
        function.mean = mean
        return True
    return False


def use_ours(call: Any) -> None:
    """Replace formulae's functions by those of `_INSTEAD` in a call and in the calls among its arguments."""
    if getattr(call, "callee", None) in _INSTEAD:
        call.stateful_transform = _INSTEAD[call.callee]()
    for argument in (*getattr(call, "args", ()), *getattr(call, "kwargs", {}).values()):
        use_ours(argument)
