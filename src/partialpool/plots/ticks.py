"""Ticks of a logarithmic axis: matplotlib labels none if the axis spans less than a decade."""

import numpy as np
from matplotlib.ticker import MaxNLocator

__all__ = ["round_numbers"]


def round_numbers(low: float, high: float) -> list[float]:
    """Return three to seven ticks for a logarithmic axis, which may span less than a decade.

    Examples
    --------
    >>> round_numbers(20, 837), round_numbers(13, 22)
    ([30.0, 100.0, 300.0], [14.0, 16.0, 18.0, 20.0, 22.0])
    """
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        found = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
        if len(found) >= 3:
            return found[:: -(-len(found) // 7)]
    return [float(tick) for tick in MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= tick <= high]
