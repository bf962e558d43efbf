"""Warn where related levels make every evaluation of the density expensive."""

from typing import Final

from partialpool.errors import DataWarning, warn
from partialpool.marginal.gaussian.marginal import Marginal

__all__ = ["warn_if_dense"]

_DENSE: Final = 2e8
"""Multiplications per evaluation above which a fit takes minutes."""


def warn_if_dense(marginal: Marginal) -> None:
    """Warn if related levels beside another large factor make every evaluation expensive."""
    if any(marginal.rotations) and marginal.arrangement.work > _DENSE:
        work = marginal.arrangement.work / 1e6
        warn(
            f"related levels beside another large factor: every evaluation takes {work:.0f} million multiplications, "
            "and a fit some thousands of evaluations; engine='pymc' may be faster",
            DataWarning,
        )
