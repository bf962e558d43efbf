"""The exponent with which a time grows with a size."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def exponent(sizes: Sequence[dict[str, Any]], by: str, step: str) -> float:
    """Return the slope of log time against log size, by least squares: 0 is flat, 1 is linear."""
    x, y = np.log([size[by] for size in sizes]), np.log([size[step] for size in sizes])
    return float(np.polyfit(x, y, 1)[0])
