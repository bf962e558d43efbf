"""Variances of a fit at points in the space of its predictors, draw by draw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.grid import Points
from partialpool.design.newdata import GroupRows, own_rows
from partialpool.model.covariance import effect_covariance, group_variance, level_covariance, row_covariance
from partialpool.model.distribution import check_has_variance, distribution_variance, needs_mean
from partialpool.model.heavy_effects import infinite_in_words, inflation, share_of
from partialpool.names import BETA, b_name

__all__ = [
    "ONE_MEAN",
    "Partition",
    "common_variance",
    "linear_predictor_at",
    "partition_at",
    "partition_over_rows",
    "shares_over_rows",
    "typical_predictor",
]

ONE_MEAN = "at one mean over all rows: other covariates in the model change it"
"""Added to the definition of a variance that depends on the mean, where it is averaged."""
_ROWS_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class Partition:
    """Variance by source, per draw and point.

    Attributes
    ----------
    factors
        Variance of each factor's effects, by name, (chains, draws, places).
    residual
        Variance of the response's distribution, (chains, draws, places).
    residual_definition
        Definition of the residual variance, in words.
    """

    factors: dict[str, np.ndarray]
    residual: np.ndarray
    residual_definition: str

    @property
    def groups(self) -> np.ndarray:
        """Sum over all factors, (chains, draws, places)."""
        return sum(self.factors.values(), np.zeros(self.residual.shape))

    @property
    def total(self) -> np.ndarray:
        """Sum of groups and residual, without fixed effects, (chains, draws, places)."""
        return self.groups + self.residual


def partition_at(posterior: xr.Dataset, design: Design, points: Points) -> Partition:
    """Split the variance of a response at each point: z' Sigma_f z per factor, and the distribution's own.

    For some families the distribution's variance depends on the mean, and so on the offset; `points` then has the fixed
    effects' columns and the offset.

    Raises
    ------
    DataError
        The response's distribution has no variance on the scale of the linear predictor.
    """
    check_has_variance(design)
    factors = {
        factor.name: row_covariance(level_covariance(posterior, factor), z, z) * inflation(factor, posterior)[..., None]
        for factor, z in zip(design.grouping, points.effects, strict=True)
    }
    places = len(points.effects[0]) if points.effects else int(np.prod(points.shape))
    shape = (posterior.sizes["chain"], posterior.sizes["draw"], places)
    mean = np.ones(shape)
    if needs_mean(design) and points.common is not None:
        _check_normal(design)
        spread = sum(factors.values(), np.zeros(shape))
        mean = design.spec.link_record.population_mean(typical_predictor(posterior, design, points), spread)
    residual, definition = distribution_variance(design, posterior, mean, points if design.parameters else None)
    definition += infinite_in_words(design, posterior)
    return Partition(factors, np.broadcast_to(residual, shape), definition)


def partition_over_rows(posterior: xr.Dataset, design: Design) -> Partition:
    """Split the variance averaged over the model's own rows, as a single point; Johnson (2014) for random slopes.

    Raises
    ------
    DataError
        The response's distribution has no variance on the scale of the linear predictor.
    """
    check_has_variance(design)
    factors = {factor.name: group_variance(posterior, factor)[..., None] for factor in design.grouping}
    mean = np.ones((posterior.sizes["chain"], posterior.sizes["draw"], 1))
    if needs_mean(design):
        _check_normal(design)
        mean = _mean_over_rows(posterior, design)[..., None]
    residual, definition = distribution_variance(design, posterior, mean)
    definition += infinite_in_words(design, posterior)
    if needs_mean(design):
        definition += f", {ONE_MEAN}"
    return Partition(factors, residual, definition)


def shares_over_rows(posterior: xr.Dataset, design: Design, partition: Partition) -> tuple[np.ndarray, np.ndarray]:
    """Return the variance of each part and its share of their sum, (chains, draws, parts) each.

    The parts are the fixed effects and smooths, each grouping factor, and the residual. Its share is 1 minus the
    others, since its variance may be infinite (Student t).

    Parameters
    ----------
    posterior, design
        Draws of the parameters, and the model.
    partition
        From `partition_over_rows`.
    """
    common = common_variance(posterior, design)
    residual = np.broadcast_to(partition.residual[..., 0], common.shape)
    parts = [common, *(values[..., 0] for values in partition.factors.values()), residual]
    total = sum(parts, np.zeros(common.shape))
    known = [np.where(total > 0, share_of(part, np.where(total > 0, total, 1.0)), 0.0) for part in parts[:-1]]
    shares = [*known, 1 - sum(known, np.zeros(total.shape))]
    return np.stack(parts, axis=-1), np.stack(shares, axis=-1)


def _check_normal(design: Design) -> None:
    """Refuse a variance that depends on the mean over levels, which Student t effects need not have."""
    for factor in design.grouping:
        factor.check_normal("the variance of a response that depends on its mean")


def linear_predictor_at(
    posterior: xr.Dataset, design: Design, common: np.ndarray, curves: Sequence[GroupRows] = ()
) -> np.ndarray:
    """Return X beta and smooths without group effects or offset, (chains, draws, places)."""
    shape = (posterior.sizes["chain"], posterior.sizes["draw"], len(common))
    eta = np.zeros(shape)
    for curve in curves:
        b = posterior[b_name(curve.factor)].transpose("chain", "draw", ...).to_numpy()
        eta += curve.apply(b.reshape(-1, *b.shape[2:])).reshape(shape)
    if BETA not in posterior:
        return eta
    beta = posterior[BETA].transpose("chain", "draw", ...).to_numpy()
    first = 1 if design.common.intercept else 0
    return eta + (beta[..., :first].sum(axis=-1)[..., None] if first else 0.0) + beta[..., first:] @ common.T


def typical_predictor(posterior: xr.Dataset, design: Design, points: Points) -> np.ndarray:
    """Return X beta, smooths and the offset at each point, (chains, draws, places), without group effects."""
    fixed = linear_predictor_at(posterior, design, np.asarray(points.common), points.curves)
    return fixed if points.offset is None else fixed + points.offset


def common_variance(posterior: xr.Dataset, design: Design) -> np.ndarray:
    """Return the variance of X beta and smooths over the rows (ddof 1, as the R package insight), (chains, draws)."""
    lead = posterior.sizes["chain"], posterior.sizes["draw"]
    columns, coefficients = [], []
    if design.common.names:
        slopes = posterior[BETA].transpose("chain", "draw", ...).to_numpy()[..., 1 if design.common.intercept else 0 :]
        if not design.spec.smooths:
            return np.einsum("cdi,ij,cdj->cd", slopes, design.common.covariance, slopes)
        columns, coefficients = [design.common.values], [slopes]
    for smooth in (factor for factor in design.factors if factor.is_smooth):
        columns.append(smooth.matrix.toarray())
        b = posterior[b_name(smooth.name)].transpose("chain", "draw", ...).to_numpy()
        coefficients.append(np.swapaxes(b, -1, -2).reshape(*lead, -1))
    if not columns:
        return np.zeros(lead)
    spread = np.atleast_2d(np.cov(np.concatenate(columns, axis=1).T))
    slopes = np.concatenate(coefficients, axis=-1)
    return np.einsum("cdi,ij,cdj->cd", slopes, spread, slopes)


def _mean_over_rows(posterior: xr.Dataset, design: Design) -> np.ndarray:
    """Return the population mean of the response averaged over the rows, computed in pieces, (chains, draws)."""
    total = np.zeros((posterior.sizes["chain"], posterior.sizes["draw"]))
    sigmas = [effect_covariance(posterior, factor) for factor in design.grouping]
    smooths = [own for own in own_rows(design).groups if own.is_smooth]
    for at in range(0, design.n_rows, _ROWS_AT_ONCE):
        rows = slice(at, at + _ROWS_AT_ONCE)
        curves = [own.take(np.arange(design.n_rows)[rows]) for own in smooths]
        fixed = linear_predictor_at(posterior, design, design.common.values[rows], curves)
        if design.offset is not None:
            fixed = fixed + design.offset[rows]
        spread = np.zeros(fixed.shape)
        for factor, sigma in zip(design.grouping, sigmas, strict=True):
            spread += factor.own[rows] * row_covariance(sigma, factor.values[rows], factor.values[rows])
        total += design.spec.link_record.population_mean(fixed, spread).sum(axis=-1)
    return total / design.n_rows
