"""Units of the algebra: all columns are scaled to be near 1, so that squaring costs no digits.

    y* = (y - offset - location) / unit        X* = (X - center) R^-1        Z* = (Z - center) M / s

Common columns are orthonormal (`design/common_basis.py`). Columns of Z are replaced by their residuals on those of
lower degree if their factor has a constant to absorb the shift (`design/effect_basis.py`). This does not change the
model: with U b the effects of Z*, and b = T^-1 b* those for which priors are stated, Z b = Z* B b* s* / unit with
B = U T^-1 / s*, so that the shift of a column is accounted for in Lambda, not in the data.
"""

from dataclasses import dataclass

import numpy as np

from partialpool.design.design import CommonEffects, Design
from partialpool.design.effect_basis import EffectBasis, FreedColumns, column_sizes, covariance_parts, free_columns
from partialpool.design.factor_effects import FactorEffects
from partialpool.model.prior_scales import predictor_unit

__all__ = ["EffectUnits", "Units", "choose_units", "effect_units", "working_response"]


@dataclass(frozen=True, eq=False)
class EffectUnits:
    """The transformation of one factor's columns and effects.

    Attributes
    ----------
    columns, size
        Z* = (residuals of Z on columns of lower degree) / size; size (effects,).
    scale
        s*, the scale of each effect for which priors are stated, (effects,).
    shift
        B, (effects, effects).
    to_data
        T^-1 / s*, (effects, effects): converts effects for which priors are stated, in `Units`, to those of the data's
        columns; times `Units.unit`, to the data's scale.
    """

    columns: FreedColumns
    size: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    to_data: np.ndarray

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return Z* of columns Z, both (rows, effects)."""
        return self.columns.of(values) / self.size

    def covariance(self, sd: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return sds and correlations of the data's effects, from sds and Cholesky factors of correlations.

        All in `Units`, times `Units.unit` for the data's scale; shapes (..., effects) and (..., effects, effects).
        """
        if np.count_nonzero(self.to_data) == len(self.scale):  # diagonal
            return sd * np.diagonal(self.to_data), half @ np.swapaxes(half, -1, -2)
        root = self.to_data @ (sd[..., None] * half)
        return covariance_parts(root @ np.swapaxes(root, -1, -2))


@dataclass(frozen=True, eq=False)
class Units:
    """Location and unit of the response, and the transformation of every column.

    Attributes
    ----------
    location, unit
        Of the response less its offset.
    residual
        Unit of sigma: with it, sigma^2 is the mean of the rows' residual variances, whatever the unit of their weights.
    common
        The common columns.
    factors
        One entry per grouping factor.
    """

    location: float
    unit: float
    residual: float
    common: CommonEffects
    factors: tuple[EffectUnits, ...]

    @property
    def log_volume(self) -> float:
        """Log |d beta / d delta| of the coefficients delta of X*, including that of the intercept."""
        own = np.log(self.unit) * len(self.common.coefs)
        return float(own - np.log(np.diagonal(self.common.basis.root)).sum())

    @property
    def taken_off(self) -> np.ndarray:
        """What the location subtracts from the coefficients of X*, (coefs,)."""
        off = np.zeros(len(self.common.coefs))
        if self.common.intercept:
            off[0] = self.location / self.unit
        elif self.common.basis.constant is not None:
            off = self.common.basis.root @ self.common.basis.constant * (self.location / self.unit)
        return off

    def whole_columns(self, values: np.ndarray) -> np.ndarray:
        """[1 X*] of some rows of X, without ones where the model has no intercept, (rows, coefs)."""
        columns = self.standard_columns(values)
        return np.column_stack([np.ones(len(values)), columns]) if self.common.intercept else columns

    def standard_columns(self, values: np.ndarray) -> np.ndarray:
        """Return X* of some rows of X, (rows, columns)."""
        return (values - self.common.center) @ self.common.basis.inverse

    def original(self, delta: np.ndarray) -> np.ndarray:
        """Convert coefficients of X* (draws, coefs), without the location, to the data's scale and zero."""
        common, first = self.common, 1 if self.common.intercept else 0
        out = np.empty_like(delta)
        out[:, first:] = delta[:, first:] @ common.basis.inverse.T * self.unit
        if common.intercept:
            out[:, 0] = delta[:, 0] * self.unit + self.location - out[:, 1:] @ common.center
        elif common.basis.constant is not None:
            out += self.location * common.basis.constant
        return out


def choose_units(design: Design) -> Units:
    """Choose the units of a design; the location is the mean of y if a constant column can absorb it."""
    y, common = working_response(design), design.common
    location = float(y.mean()) if common.intercept or common.basis.constant is not None else 0.0
    unit = predictor_unit(design)
    residual = unit / np.sqrt(design.mean_inverse_precision)
    return Units(location, unit, residual, common, tuple(map(_effects, design.factors)))


def working_response(design: Design) -> np.ndarray:
    """Return the response that is normal given the effects: y or log y, less the offset, shape (rows,).

    Zeros of a family that has them on the log scale are at the mean of the other logarithms.
    """
    y, family = design.response.values, design.spec.family_record
    if family.on_log_scale:
        y = np.log(family.starting_mean(design.spec.link_record, y, design.response.n_trials))
    return y if design.offset is None else y - design.offset


def _effects(factor: FactorEffects) -> EffectUnits:
    columns = free_columns(factor.names, factor.values)
    size, _ = column_sizes(factor.names, columns.of(factor.values), factor.own)
    return effect_units(columns, size, factor.basis)


def effect_units(columns: FreedColumns, size: np.ndarray, basis: EffectBasis) -> EffectUnits:
    """Return the transformation of a factor's columns, given those with lower degrees projected out, and sizes."""
    to_data = basis.to_zero / basis.scale
    shift = size[:, None] * np.linalg.solve(columns.to_zero, to_data)
    shift[np.abs(shift) < 1e-15] = 0.0
    return EffectUnits(columns, size, basis.scale, shift, to_data)
