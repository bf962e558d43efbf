"""Regression on the fixed effects only, treating all rows as independent: least squares, and Fisher scoring."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.design.newdata import own_rows
from partialpool.errors import DataError
from partialpool.model.response import log_density

__all__ = ["Ungrouped", "fisher_scoring", "least_squares"]

_ROUNDS: Final = 50
_CLOSE: Final = 1e-9
"""Largest step of a linear predictor, relative to its size, at which the scoring stops."""


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
    """

    estimate: np.ndarray
    covariance: np.ndarray
    freedom: int


def least_squares(design: Design, y: np.ndarray) -> Ungrouped:
    """Regress y on the fixed effects: (X'WX)^-1 X'Wy.

    The covariance is s^2 (X'X)^-1, s^2 the residual sum of squares divided by rows minus coefficients (NaN where that
    is not positive); with known standard errors W = diag(1 / se^2) and the covariance is (X'WX)^-1, as the residual
    variance is known.

    Parameters
    ----------
    design
        The columns, and the known standard errors.
    y
        The response minus its offset, (rows,).
    """
    x, back = _standard_columns(design)
    weight = np.ones(design.n_rows) if design.se is None else 1 / design.se**2
    beta, inverse = _weighted(x, y, weight)
    freedom = design.n_rows - len(beta)
    scale = 1.0
    if design.se is None:
        scale = float(np.sum((y - x @ beta) ** 2)) / freedom if freedom > 0 else np.nan
    return Ungrouped(back @ beta, scale * (back @ inverse @ back.T), freedom)


def fisher_scoring(design: Design) -> Ungrouped:
    """Maximise the likelihood of a generalised linear model by iteratively reweighted least squares.

    Each round regresses the working response eta + (y - mean) / slope on X with weights slope^2 / Var(y), slope
    d mean / d eta: a Newton step with the expected information X'WX, whose inverse at the maximum is the covariance
    (Nelder & Wedderburn 1972, J. R. Stat. Soc. A 135:370). A step that lowers the likelihood is halved.

    Parameters
    ----------
    design
        Design of a model whose family has no parameter other than the mean (`Family.is_scored`).

    Raises
    ------
    DataError
        The likelihood has no maximum, for instance because a predictor separates the outcomes.
    """
    x, back = _standard_columns(design)
    rows = own_rows(design)
    offset = np.zeros(design.n_rows) if design.offset is None else design.offset

    def likelihood(eta: np.ndarray) -> float:
        return float(log_density(design, rows, eta[None], {}).sum())

    eta, best = _start(design), -np.inf
    with np.errstate(all="ignore"):  # divergence raises an error below
        for _ in range(_ROUNDS):
            weight, working = _working(design, eta)
            if not np.isfinite(weight + working).all():
                raise _no_maximum(eta)
            beta, _ = _weighted(x, working - offset, weight)
            ahead = offset + x @ beta
            while (reached := likelihood(ahead)) < best - 1e-9 * abs(best) and np.abs(ahead - eta).max() > _CLOSE:
                ahead = (eta + ahead) / 2
            moved = float(np.abs(ahead - eta).max())
            eta, best = ahead, reached
            if moved <= _CLOSE * (1 + np.abs(eta).max()):
                beta, inverse = _weighted(x, eta - offset, _working(design, eta)[0])
                return Ungrouped(back @ beta, back @ inverse @ back.T, design.n_rows - len(beta))
    raise _no_maximum(eta)


def _standard_columns(design: Design) -> tuple[np.ndarray, np.ndarray]:
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


def _start(design: Design) -> np.ndarray:
    """Return the linear predictors of the responses themselves, moved away from the bounds."""
    mean = design.spec.family_record.starting_mean(design.response.values, design.response.n_trials)
    return design.spec.link_record.forward(mean)


def _working(design: Design, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights slope^2 / Var(y) and the working response, each (rows,)."""
    trials, link = design.response.n_trials, design.spec.link_record
    mean, slope = link.inverse(eta), link.slope(eta)
    variance = design.spec.family_record.variance(mean, {})
    return trials * slope**2 / variance, eta + (design.response.values / trials - mean) / slope


def _no_maximum(eta: np.ndarray) -> DataError:
    return DataError(
        "without its groups the model has no maximum of the likelihood: a coefficient goes to infinity",
        got=f"linear predictors up to {np.abs(eta).max():.3g} and growing",
        allowed="predictors that do not separate the outcomes; no category with zeros only, or ones only",
        do="leave out the predictor that separates the outcomes, or merge its categories",
    )
