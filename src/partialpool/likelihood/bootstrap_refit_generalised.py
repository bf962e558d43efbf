"""Minimum deviances for many responses of one generalised model, for simulated null distributions."""

from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.likelihood.boundary_optimizer import has_density
from partialpool.likelihood.maximise_generalised import GeneralisedLikelihood

__all__ = ["GeneralisedReplicates"]

_LEAST: Final = 0.1
"""Smallest diagonal element of T to start from, relative to the largest or to one half: at 0 there is no slope."""


class GeneralisedReplicates:
    """The likelihood of a generalised design as a function of its response.

    Parameters
    ----------
    design
        The design; its response determines the coordinates, and where the search starts: at its own estimates.
    method
        How group effects are integrated out.
    """

    def __init__(self, design: Design, method: str) -> None:
        with np.errstate(all="ignore"):
            self._likelihood = GeneralisedLikelihood.of(design, method)
            t = self._likelihood.maximised().t
        diagonal = self._likelihood.parameters.diagonal
        lowest = _LEAST * np.maximum(self._likelihood.start, t.max(where=diagonal, initial=0.0))
        self._start = np.where(diagonal, np.maximum(t, lowest), t)

    def deviance(self, design: Design) -> float:
        """Return the least -2 log likelihood of the same design with another response; NaN if none was found."""
        with np.errstate(all="ignore"):
            deviance = self._likelihood.of_response(design, self._start).maximised().deviance
        return deviance if has_density(deviance) else np.nan
