"""The slider's axis: linear in the sd over the range of the posterior, then compressed so that it ends at infinity."""

from dataclasses import dataclass
from typing import Final

import numpy as np

__all__ = ["LAST", "PLAIN", "SdAxis"]

PLAIN: Final = 160
"""Number of steps of the slider over which the sd grows linearly from 0."""
LAST: Final = 200
"""The slider's last step, where the sd is infinite."""


@dataclass(frozen=True)
class SdAxis:
    """The sd at each step of the slider.

    sd = edge x step / PLAIN up to the edge; from there edge (1 + a u / (1 - u)), u = (step - PLAIN) / (LAST - PLAIN),
    a = (LAST - PLAIN) / PLAIN: the slope is continuous at the edge, and the axis ends at infinity.

    Parameters
    ----------
    edge
        The largest sd that is drawn to scale.

    Examples
    --------
    >>> axis = SdAxis(80.0)
    >>> axis.sds[[0, 1, 160, 200]]
    array([ 0. ,  0.5, 80. , inf])
    >>> axis.step_of(25.0), axis.step_of(np.inf)
    (50.0, 200.0)
    """

    edge: float

    @property
    def sds(self) -> np.ndarray:
        """The sd at every step, (LAST + 1,)."""
        steps = np.arange(LAST + 1.0)
        ahead = np.clip((steps - PLAIN) / (LAST - PLAIN), 0.0, 1.0)
        with np.errstate(divide="ignore"):
            beyond = (LAST - PLAIN) / PLAIN * ahead / (1 - ahead)
        return self.edge * np.where(steps <= PLAIN, steps / PLAIN, 1 + beyond)

    def step_of(self, sd: float) -> float:
        """Return the step of an sd, which need not be an integer."""
        if sd <= self.edge:
            return PLAIN * float(sd) / self.edge
        if np.isinf(sd):
            return float(LAST)
        beyond = (float(sd) / self.edge - 1) * PLAIN / (LAST - PLAIN)
        return PLAIN + (LAST - PLAIN) * beyond / (1 + beyond)

    def ticks(self, most: int = 5) -> list[float]:
        """Return at most `most` round sds from 0 to the edge, for labels.

        Examples
        --------
        >>> SdAxis(80.0).ticks()
        [0.0, 20.0, 40.0, 60.0, 80.0]
        >>> SdAxis(0.57).ticks()
        [0.0, 0.2, 0.4]
        """
        unit = 10.0 ** np.floor(np.log10(self.edge))
        sizes = [m * unit for m in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0)]
        size = next(s for s in sizes if np.floor(self.edge / s + 1e-9) + 1 <= most)
        return [round(float(k * size), 12) for k in range(int(np.floor(self.edge / size + 1e-9)) + 1)]
