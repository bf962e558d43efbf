"""Warn where related levels, or rows that belong to several levels, make every evaluation of the density expensive."""

from typing import Final

from partialpool.errors import DataWarning, warn
from partialpool.marginal.gaussian.marginal import Marginal

__all__ = ["warn_if_dense"]

_DENSE: Final = 2e8
"""Multiplications per evaluation above which a fit takes minutes."""


def warn_if_dense(marginal: Marginal) -> None:
    """Warn if levels that are related, or that share rows, make every evaluation expensive."""
    if any(factor.has_members for factor in marginal.design.factors):
        columns = marginal.arrangement.density.tail.columns
        cause = f"rows that belong to several levels make a dense matrix of {columns} columns"
    elif any(marginal.rotations):
        cause = "related levels beside another large factor"
    else:
        return
    if marginal.arrangement.work > _DENSE:
        work = marginal.arrangement.work / 1e6
        warn(
            f"{cause}: every evaluation takes {work:.0f} million multiplications, and a fit some thousands of "
            "evaluations, which take minutes; engine='pymc' may be faster",
            DataWarning,
        )
