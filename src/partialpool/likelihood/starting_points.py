"""Points from which a likelihood of a normal response is maximised.

One point is enough for most models. Where `by` gives each category of levels a covariance of its own, and the fixed
effects do not give it a mean of its own, the likelihood has a maximum for each category whose mean the fixed effects
may follow: its own sds are then small, and those of the others, which have their distance from it to explain, large.
So each of these is a starting point.
"""

from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.own_effects import own_effects
from partialpool.likelihood.covariance_factor import Relative

__all__ = ["starting_points"]

_FAR: Final = 10.0
"""Sds of the other categories at the start, as a multiple of those of the category that the fixed effects follow."""
_ROUNDING: Final = 1e-9


def starting_points(design: Design, coordinates: Relative, scales: tuple[float, ...]) -> list[np.ndarray]:
    """Return starting points, (size,) each.

    Parameters
    ----------
    design
        The model.
    coordinates
        Coordinates of the covariances of its effects.
    scales
        Relative sds at the first points, equal for all effects.
    """
    found = [coordinates.start(scale) for scale in scales]
    for place, factor in enumerate(design.factors):
        own = own_effects(design, factor)
        if own is None or _have_means(design, factor, own.category):
            continue
        for category in own.of_category():
            others = [effect for effect, (one, _) in enumerate(own.effects) if one != category]
            far = (coordinates.of_effect[:, 0] == place) & np.isin(coordinates.of_effect[:, 1], others)
            found.append(np.where(far, _FAR, 1.0) * coordinates.start(scales[0]))
    return found


def _have_means(design: Design, factor: FactorEffects, category: np.ndarray) -> bool:
    """Whether the fixed effects contain a mean for each category of the factor's levels."""
    first = np.ones((design.n_rows, 1 if design.common.intercept else 0))
    x = np.concatenate([first, design.common.standardised], axis=1)
    of_row = factor.of_rows(category)
    indicators = np.stack([of_row == one for one in np.unique(category)], axis=1).astype(float)
    left = indicators - x @ np.linalg.lstsq(x, indicators, rcond=None)[0]
    return bool(np.abs(left).max() < _ROUNDING)
