"""Units the algebra works in: everything near 1, so that squaring costs no digits.

    y* = (y - offset - location) / unit        X* = (X - center) R^-1        Z* = (Z - center) M / s

Common columns are orthonormal (`design/common_basis.py`). Columns of Z are freed of those of lower degree where their
factor has a constant among them to take up the shift (`design/effect_basis.py`). That changes no model: with U b the
effects of Z*, and b = T^-1 b* those that priors are stated of, Z b = Z* B b* s* / unit with B = U T^-1 / s*, so that a
shifted column is paid for in Lambda, not in the data.
"""

from dataclasses import dataclass

import numpy as np

from partialpool.design.design import CommonEffects, Design
from partialpool.design.effect_basis import FreedColumns, column_sizes, covariance_parts, free_columns
from partialpool.design.factor_effects import FactorEffects
from partialpool.model.default_priors import predictor_unit

__all__ = ["EffectUnits", "Units", "choose_units"]


@dataclass(frozen=True, eq=False)
class EffectUnits:
    """How one factor's columns are made, and its effects.

    Attributes
    ----------
    columns, size
        Z* = (Z freed of lower degrees) / size; size (effects,).
    scale
        s*, what an effect is worth as its prior sees it, (effects,).
    shift
        B, (effects, effects).
    to_data
        T^-1 / s*, (effects, effects): takes effects that priors are stated of, in `Units`, to the data's columns; times
        `Units.unit`, to the data's scale.
    """

    columns: FreedColumns
    size: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    to_data: np.ndarray

    def of(self, values: np.ndarray) -> np.ndarray:
        """Z* of columns Z, both (rows, effects)."""
        return self.columns.of(values) / self.size

    def covariance(self, sd: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Turn sds (..., effects) and Cholesky factors of correlations into sds and correlations of the data's effects.

        All in `Units`, times `Units.unit` for the data's scale; shapes (..., effects) and (..., effects, effects).
        """
        if np.count_nonzero(self.to_data) == len(self.scale):  # every effect is its own
            return sd * np.diagonal(self.to_data), half @ np.swapaxes(half, -1, -2)
        root = self.to_data @ (sd[..., None] * half)
        return covariance_parts(root @ np.swapaxes(root, -1, -2))


@dataclass(frozen=True, eq=False)
class Units:
    """Location and unit of the response, and how every column is made.

    Attributes
    ----------
    location, unit
        Of the response less its offset.
    common
        The common columns.
    factors
        One entry per grouping factor.
    """

    location: float
    unit: float
    common: CommonEffects
    factors: tuple[EffectUnits, ...]

    @property
    def log_volume(self) -> float:
        """Log |d beta / d delta| of the coefficients of X*, delta, the intercept's with them."""
        own = np.log(self.unit) * len(self.common.coefs)
        return float(own - np.log(np.diagonal(self.common.basis.root)).sum())

    @property
    def taken_off(self) -> np.ndarray:
        """What the location takes off the coefficients of X*, (coefs,)."""
        off = np.zeros(len(self.common.coefs))
        if self.common.intercept:
            off[0] = self.location / self.unit
        elif self.common.basis.constant is not None:
            off = self.common.basis.root @ self.common.basis.constant * (self.location / self.unit)
        return off

    def standard_columns(self, values: np.ndarray) -> np.ndarray:
        """X* of some rows of X, (rows, columns)."""
        return (values - self.common.center) @ self.common.basis.inverse

    def original(self, delta: np.ndarray) -> np.ndarray:
        """Take coefficients of X* (draws, coefs), the location taken off, to the data's scale and zero."""
        common, first = self.common, 1 if self.common.intercept else 0
        out = np.empty_like(delta)
        out[:, first:] = delta[:, first:] @ common.basis.inverse.T * self.unit
        if common.intercept:
            out[:, 0] = delta[:, 0] * self.unit + self.location - out[:, 1:] @ common.center
        elif common.basis.constant is not None:
            out += self.location * common.basis.constant
        return out


def choose_units(design: Design) -> Units:
    """Choose the units of a design; the location is the mean of y where a constant can take it up."""
    y, common = working_response(design), design.common
    location = float(y.mean()) if common.intercept or common.basis.constant is not None else 0.0
    return Units(location, predictor_unit(design), common, tuple(map(_effects, design.factors)))


def working_response(design: Design) -> np.ndarray:
    """What is normal given the effects: y or log y, less the offset, shape (rows,)."""
    y = design.response.values
    if design.spec.family_record.on_log_scale:
        y = np.log(y)
    return y if design.offset is None else y - design.offset


def _effects(factor: FactorEffects) -> EffectUnits:
    columns = free_columns(factor.names, factor.values)
    size, _ = column_sizes(factor.names, columns.of(factor.values), factor.own)
    basis = factor.basis
    to_data = basis.to_zero / basis.scale
    shift = size[:, None] * np.linalg.solve(columns.to_zero, to_data)
    shift[np.abs(shift) < 1e-15] = 0.0
    return EffectUnits(columns, size, basis.scale, shift, to_data)
