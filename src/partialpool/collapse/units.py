"""Units the algebra works in: everything near 1, so that squaring costs no digits.

    y* = (y - offset - location) / unit        X* = (X - center) / scale        Z* = (Z - c) / s

A column of Z is centred only where its factor has an intercept to take up the shift. That changes no model: with
B = [[1, c / s], [0, I]], Z b = Z* B b* for the scaled effects b* = b s / unit, so a shifted column is paid
for in Lambda, not in the data.
"""

from dataclasses import dataclass

import numpy as np

from partialpool.design.build import Design, FactorEffects
from partialpool.design.scaling import predictor_unit
from partialpool.names import INTERCEPT

__all__ = ["EffectUnits", "Units", "choose_units"]


@dataclass(frozen=True, eq=False)
class EffectUnits:
    """Centre and scale of one factor's columns.

    Attributes
    ----------
    center, scale
        c and s, shape (effects,).
    shift
        B, shape (effects, effects).
    """

    center: np.ndarray
    scale: np.ndarray
    shift: np.ndarray


@dataclass(frozen=True, eq=False)
class Units:
    """Location and unit of the response, centre and scale of every column.

    Attributes
    ----------
    location, unit
        Of the response less its offset.
    center, scale
        Of the common columns, shape (columns,), without the intercept.
    factors
        One entry per grouping factor.
    """

    location: float
    unit: float
    center: np.ndarray
    scale: np.ndarray
    factors: tuple[EffectUnits, ...]


def choose_units(design: Design) -> Units:
    """Choose the units of a design; the location is the mean of y where an intercept can take it up."""
    y = working_response(design)
    location = float(y.mean()) if design.common.intercept else 0.0
    common = design.common
    return Units(location, predictor_unit(design), common.center, common.scale, tuple(map(_effects, design.factors)))


def working_response(design: Design) -> np.ndarray:
    """What is normal given the effects: y or log y, less the offset, shape (rows,)."""
    y = design.response.values
    if design.spec.family_record.on_log_scale:
        y = np.log(y)
    return y if design.offset is None else y - design.offset


def _effects(factor: FactorEffects) -> EffectUnits:
    shift = np.eye(len(factor.names))
    center = np.zeros(len(factor.names))
    if INTERCEPT in factor.names:
        position = factor.names.index(INTERCEPT)
        center = factor.values.mean(axis=0)
        center[position] = 0.0
        shift[position] += center / factor.scale
    return EffectUnits(center, factor.scale, shift)
