"""Regression on the fixed effects only, treating all rows as independent: least squares, and Fisher scoring."""

from dataclasses import dataclass

import numpy as np

from partialpool.design.design import Design
from partialpool.model.newton import Recession, maximise_by_group
from partialpool.model.response_density import ResponseDensity
from partialpool.model.whitened_rows import ResidualScale, whiten

__all__ = ["Ungrouped", "fisher_scoring", "generalised_least_squares", "least_squares", "standard_columns"]


@dataclass(frozen=True, eq=False)
class Ungrouped:
    """Maximum-likelihood estimate of the fixed effects without any grouping.

    Attributes
    ----------
    estimate
        Coefficients on the original scale, (coefs,).
    covariance
        Covariance of the estimate, (coefs, coefs): s^2 (X'WX)^-1, or the inverse Fisher information.
    freedom
        Number of rows minus number of coefficients.
    infinite
        Directions in which the likelihood rises to infinity, for instance because a predictor separates the outcomes;
        None where every estimate is finite.
    """

    estimate: np.ndarray
    covariance: np.ndarray
    freedom: int
    infinite: Recession | None = None

    def at(self, x: np.ndarray) -> np.ndarray:
        """Return X times the estimate, (rows,), NaN where it goes to infinity."""
        value = x @ self.estimate
        return value if self.infinite is None else np.where(self.infinite.changes(x), np.nan, value)


def least_squares(design: Design, y: np.ndarray) -> Ungrouped:
    """Regress y on the fixed effects: (X'WX)^-1 X'Wy, W of the stated precisions, or 1.

    The covariance is s^2 (X'WX)^-1, s^2 the weighted residual sum of squares divided by rows minus coefficients (NaN
    where that is not positive); with known standard errors W = diag(1 / se^2) and the covariance is (X'WX)^-1, as the
    residual variance is known.

    Parameters
    ----------
    design
        The columns, and the known standard errors.
    y
        The response minus its offset, (rows,).
    """
    x, back = standard_columns(design)
    weight = design.row_weights
    beta, inverse = _weighted(x, y, weight)
    freedom = design.n_rows - len(beta)
    scale = 1.0
    if design.se is None:
        scale = float(np.sum(weight * (y - x @ beta) ** 2)) / freedom if freedom > 0 else np.nan
    return Ungrouped(back @ beta, scale * (back @ inverse @ back.T), freedom)


def generalised_least_squares(design: Design, y: np.ndarray, scale: ResidualScale) -> Ungrouped:
    """Regress y on the fixed effects with residual covariance R: (X'R^-1 X)^-1 X'R^-1 y.

    The covariance is s^2 (X'R^-1 X)^-1, s^2 = (y - X beta)'R^-1 (y - X beta) / (rows minus coefficients): R, which is
    that of rows given their groups, has its shape from the model and its size from these residuals.

    Parameters
    ----------
    design
        The columns.
    y
        The response minus its offset, (rows,).
    scale
        The residuals' parameters.
    """
    x, back = standard_columns(design)
    whitened = whiten(design, scale, np.concatenate([x, y[:, None]], axis=1))
    columns, target = whitened[:, :-1], whitened[:, -1]
    beta, inverse = _weighted(columns, target, np.ones(design.n_rows))
    freedom = design.n_rows - len(beta)
    size = float(np.sum((target - columns @ beta) ** 2)) / freedom if freedom > 0 else np.nan
    return Ungrouped(back @ beta, size * (back @ inverse @ back.T), freedom)


def fisher_scoring(density: ResponseDensity, start: np.ndarray, known: np.ndarray | float = 0.0) -> Ungrouped:
    """Maximise the likelihood of a generalised linear model, the family's own parameters given.

    The covariance is the inverse Fisher information (X'WX)^-1 at the maximum, W = diag((d mean / d eta)^2 / Var(y))
    where the mean is the family's only parameter, else the information of the family's row kernel (Nelder &
    Wedderburn 1972, J. R. Stat. Soc. A 135:370).

    Parameters
    ----------
    density
        log p of the rows.
    start
        Coefficients to begin with, (coefs,).
    known
        Part of the linear predictor that is not estimated, beside the offset, (rows,).
    """
    design = density.design
    x, back = standard_columns(design)
    freedom = design.n_rows - len(start)
    if not len(start):
        return Ungrouped(start, np.zeros((0, 0)), freedom)
    offset = known + (np.zeros(design.n_rows) if design.offset is None else design.offset)
    one_group, can_diverge = np.zeros(design.n_rows, np.int64), not design.spec.link_record.is_identity
    begin = np.linalg.solve(back, start)[None]
    found = maximise_by_group(density, x, one_group, offset, begin, can_diverge=can_diverge)
    if not found.identified[0]:
        nothing = np.full(len(start), np.nan)
        return Ungrouped(nothing, np.diag(nothing), freedom)
    infinite = found.infinite[0].turned(back) if found.infinite else None
    inverse = found.covariance[0]
    if design.spec.family_record.is_scored and infinite is None:
        _, inverse = _weighted(x, np.zeros(len(x)), _expected_information(design, offset + x @ found.estimate[0]))
    return Ungrouped(back @ found.estimate[0], back @ inverse @ back.T, freedom, infinite)


def standard_columns(design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Return X centred and scaled, so that squaring loses no digits, and the matrix that converts coefficients back."""
    common = design.common
    first = 1 if common.intercept else 0
    x = np.concatenate([np.ones((design.n_rows, first)), common.standardised], axis=1)
    back = np.diag(np.concatenate([np.ones(first), 1 / common.scale]))
    back[:first, first:] = -common.center / common.scale
    return x, back


def _weighted(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (X'WX)^-1 X'Wy and (X'WX)^-1."""
    root = np.sqrt(weight)
    q, r = np.linalg.qr(x * root[:, None])
    inverse = np.linalg.pinv(r)
    return inverse @ (q.T @ (y * root)), inverse @ inverse.T


def _expected_information(design: Design, eta: np.ndarray) -> np.ndarray:
    """Return slope^2 / Var(y) of each row, slope = d mean / d eta, for a family without own parameters, (rows,)."""
    link = design.spec.link_record
    variance = design.spec.family_record.variance(link.inverse(eta), {})
    return np.asarray(design.response.n_trials * link.slope(eta) ** 2 / variance)
