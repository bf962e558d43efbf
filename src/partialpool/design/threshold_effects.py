"""Columns of which each threshold between ordered categories has a coefficient: `cs(x)`.

At threshold k = 1, ..., K - 1 of K categories the linear predictor is eta + x' b_k, eta being that of the other terms.
So a threshold has a predictor of its own, whose intercept is its cutpoint; their columns are the same.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from partialpool.design.design import CommonEffects, Design
from partialpool.errors import DataError
from partialpool.names import threshold_name
from partialpool.spec.predictor_spec import predictor_spec

__all__ = ["same_at_all_thresholds"]

_ALIKE: Final = 1e-9
"""Share of a column's sum of squares below which what other columns leave of it is rounding."""


def same_at_all_thresholds(design: Design, predictor: Design) -> dict[str, Design]:
    """Return the predictor of every threshold by name: they have the same columns, and may have other priors.

    Raises
    ------
    DataError
        A fixed effect is a combination of the columns of thresholds.
    """
    _check_not_in_both(design.common, predictor.common)
    names = [threshold_name(k) for k in range(1, len(design.response.categories))]
    return {name: replace(predictor, spec=predictor_spec(design.spec, name)) for name in names}


def _check_not_in_both(common: CommonEffects, own: CommonEffects) -> None:
    """Refuse fixed effects that are combinations of columns which have a coefficient for each threshold."""
    if not own.names:
        return
    basis, _ = np.linalg.qr(own.standardised)
    columns = common.standardised
    left = columns - basis @ (basis.T @ columns)
    alike = (left**2).sum(axis=0) <= _ALIKE * (columns**2).sum(axis=0)
    twice = [name for name, is_twice in zip(common.names, alike, strict=True) if is_twice]
    if twice:
        raise DataError(
            f"{' and '.join(twice)} cannot be distinguished from effects of the single thresholds",
            got=f"fixed effects {', '.join(common.names)} beside cs({', '.join(own.names)})",
            allowed="fixed effects that are no combination of the columns inside of cs(...)",
            do=f"leave {' and '.join(twice)} out: coefficients inside of cs include what the thresholds have in common",
        )
