"""Variances that the rows of a table that was read in batches do not identify, found from moments.

Of the cases that `design/identifiability.py` finds for tables in memory, these are the two of large tables: factors
whose levels are the same groups of rows, and fixed effects that explain every difference between levels. The others
have about as many effects as rows.
"""

from itertools import combinations

import numpy as np

from partialpool.design.factor_effects import FactorEffects
from partialpool.design.identifiability import Dependency
from partialpool.design.streamed.streamed_design import StreamedDesign
from partialpool.errors import DataWarning, warn
from partialpool.marginal.gaussian.accumulated import Accumulated
from partialpool.names import INTERCEPT, sd_name

__all__ = ["warn_not_identified_from_moments"]

_NOTHING = 1e-9
"""Share of the rows of a level that counts as rounding error."""


def warn_not_identified_from_moments(design: StreamedDesign, known: Accumulated) -> None:
    """Warn of sds that only the priors tell, or tell apart."""
    for first, second in combinations(design.factors, 2):
        shared = [name for name in first.names if name in second.names]
        same = first.parent_levels(second) is not None and second.parent_levels(first) is not None
        if same and shared:
            sds = tuple(f"{sd_name(f.name)}[{name}]" for f in (first, second) for name in shared)
            got = (
                f"{_terms(design, first)} and {_terms(design, second)}, whose levels are the same groups of rows, so "
                "that only the priors separate them"
            )
            warn(str(Dependency(sds, got, "leaving one of them out")), DataWarning)
    for place, factor in enumerate(design.factors):
        if INTERCEPT in factor.names and _is_explained(known, place, factor.names.index(INTERCEPT)):
            terms = _terms(design, factor)
            got = (
                f"{terms}, and fixed effects that already explain the same variation, so that only the prior is "
                "informative"
            )
            found = Dependency(
                (f"{sd_name(factor.name)}[{INTERCEPT}]",), got, f"leaving out {terms}, or those fixed effects"
            )
            warn(str(found), DataWarning)


def _is_explained(known: Accumulated, place: int, intercept: int) -> bool:
    """Whether the indicator of every level is a combination of the fixed effects' columns."""
    moments = known.moments
    rows, across = moments.own[place][:, intercept, intercept], moments.dense[place][:, intercept, :-1]
    if across.shape[1] < len(rows):  # fewer columns than levels
        return False
    inverse = np.linalg.pinv(moments.common[:-1, :-1], rcond=1e-12, hermitian=True)
    left = rows - np.einsum("li,ij,lj->l", across, inverse, across)
    return bool((left <= _NOTHING * rows).all())


def _terms(design: StreamedDesign, factor: FactorEffects) -> str:
    return " and ".join(str(group) for group in design.spec.groups if group.factor == factor.name)
