"""The intraclass correlation: how strongly two responses of the same group are correlated."""

from dataclasses import replace
from typing import Literal

import numpy as np
import xarray as xr

from partialpool.design.grid import At, Points, check_places, covariate_points
from partialpool.design.held import offset_in_words
from partialpool.design.nesting import nesting
from partialpool.design.truncation import before_truncation
from partialpool.design.units import UNITS
from partialpool.errors import DataError
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import over_tables
from partialpool.model.covariance import level_covariance, row_covariance
from partialpool.model.distribution import needs_mean
from partialpool.model.heavy_effects import heaviest_alone, share_of
from partialpool.model.partition import Partition, common_variance, partition_at, partition_over_rows
from partialpool.model.response_variance import response_share
from partialpool.spec.keywords import explains_keywords

__all__ = ["icc"]

Scale = Literal["latent", "response"]
_Shares = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Shares by factor, by shared level, and in total."""


@explains_keywords
@over_tables
def icc(fit: Fit, *, at: At | None = None, other: At | None = None, scale: Scale = "latent") -> xr.Dataset:
    """Return the intraclass correlation (ICC): each factor's share of the variance, and what correlation it implies.

    With Sigma_f the covariance of a factor's effects and z their values, the share of factor f at x is
    z' Sigma_f z / Var(y | x), Var(y | x) = sum_f z' Sigma_f z + the distribution's own variance.

    Parameters
    ----------
    fit
        A fit with grouping factors.
    at
        Values of predictors at which to compute the ICC, by column (`{"Days": [0, 5, 9]}`; several columns make a
        grid). Without it, numerator and denominator are averaged over the rows (Johnson 2014), which makes no
        difference if only intercepts vary. If the variance depends on the mean, as for counts, the offset matters:
        without `at` it is that of the rows; with `at`, it is computed from its columns, at their means unless `at`
        names them. So the ICC of a rate does not depend on the unit of exposure, but on how long a row was exposed.
    other
        Predictor values of the second of the two responses, one value per column: the result is the correlation of a
        response at each point of `at` with one at `other`, cov(x, x') / sqrt(Var(y | x) Var(y | x')).
    scale
        `latent`: the ICC of the linear predictor, with the distribution's variance of Nakagawa et al. (2017).
        `response`: that of the observed response, group effects integrated out by quadrature (de Villemereuil et al.
        2016), at the predictors' means unless `at` gives other values. Not for ordered categories: their correlation
        would depend on the scores that one gives them.

    Returns
    -------
    xarray.Dataset
        Draws without unit, dims (chain, draw, factor) and one per column of `at`. `icc`: each factor alone, fixed
        effects left out (adjusted). `same`: two responses of one level, which also share the levels of all factors in
        which it is nested ("same cask" includes "same batch"). `total` (no factor dimension): two responses that share
        the levels of all factors. `unadjusted`: as `icc`, with the variance of the fixed effects included in the
        denominator; only for averages over the rows. All are between 0 and 1 in every draw, also at the boundary; they
        are 0 in draws in which a Student t response has no finite variance (nu of 2 or less), whose number is stated in
        `attrs["residual"]`.

    Raises
    ------
    DataError
        No grouping factor; a predictor that the model does not use; a family without such a variance.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> pp.icc(fit, at={"Days": [0, 9]})["icc"].mean(("chain", "draw")).round(1).values
    array([[0.6, 0.8]])
    """
    _check(fit, at, other, scale)
    design, posterior = fit.design, fit.posterior
    if scale == "response":
        points = covariate_points(design, at or {}, common=True)
        return _labelled(fit, points, *response_share(posterior, design, points, _closure(fit)))
    if at is None:
        partition = partition_over_rows(posterior, design)
        answer = _labelled(fit, None, _shares(fit, partition), partition.residual_definition)
        return answer.assign(unadjusted=_unadjusted(fit, partition))
    with_mean = needs_mean(design)
    points = covariate_points(design, at, common=with_mean)
    partition = partition_at(posterior, design, points)
    if other is None:
        return _labelled(fit, points, _shares(fit, partition), partition.residual_definition)
    second = covariate_points(design, {name: [value] for name, value in other.items()}, common=with_mean)
    between = _between(fit, points, second, partition, partition_at(posterior, design, second))
    answer = _labelled(fit, points, _shares(fit, between), partition.residual_definition)
    answer.attrs["other"] = ", ".join(f"{name}={value}" for name, value in other.items())
    return answer


def _check(fit: Fit, at: At | None, other: At | None, scale: str) -> None:
    if not fit.design.grouping:
        raise DataError(
            "an intraclass correlation needs groups",
            got=f"{fit.spec}",
            allowed="a model with a grouping term",
            do="add one, for instance (1 | g)",
        )
    if scale not in ("latent", "response"):
        raise DataError("unknown scale", got=repr(scale), allowed="'latent' or 'response'", do="name one of the two")
    for places in (place for place in (at, other) if place is not None):
        check_places(places)
    if other is not None or scale == "response":
        for factor in fit.design.grouping:
            factor.check_normal("a correlation of two places" if other is not None else "an ICC of the response itself")
    if other is not None and (at is None or scale == "response"):
        raise DataError(
            "other= needs at= on the latent scale",
            got=f"other={dict(other)!r}, at={at!r}, scale={scale!r}",
            allowed="two places on the latent scale",
            do="name the first place by at=",
        )


def _closure(fit: Fit) -> dict[str, tuple[str, ...]]:
    return {name: (name, *outer) for name, outer in nesting(fit.design).items()}


def _comparable(fit: Fit, partition: Partition) -> Partition:
    """Return the partition with at most one infinite variance in each draw."""
    return replace(partition, factors=heaviest_alone(fit.design, fit.posterior, partition.factors))


def _shares(fit: Fit, partition: Partition) -> _Shares:
    """Return shares of the total by factor, by shared level, and in total."""
    partition, closure = _comparable(fit, partition), _closure(fit)
    total = partition.total
    own = np.stack([share_of(partition.factors[name], total) for name in closure], axis=2)
    together = (np.asarray(sum(partition.factors[n] for n in names)) for names in closure.values())
    same = np.stack([share_of(part, total) for part in together], axis=2)
    return own, same, share_of(partition.groups, total)


def _between(fit: Fit, here: Points, there: Points, first: Partition, second: Partition) -> Partition:
    """Divide covariances between two places by the geometric mean of their variances, as a partition of 1."""
    root = np.sqrt(first.total * second.total)
    factors = {}
    for factor, z, w in zip(fit.design.grouping, here.effects, there.effects, strict=True):
        far = np.repeat(w, len(z), axis=0)
        factors[factor.name] = row_covariance(level_covariance(fit.posterior, factor), z, far) / root
    rest = 1.0 - sum(factors.values(), np.zeros(root.shape))
    return Partition(factors, rest, first.residual_definition)


def _unadjusted(fit: Fit, partition: Partition) -> xr.DataArray:
    """Return shares of a total that includes the variance of X beta over the rows."""
    design, partition = fit.design, _comparable(fit, partition)
    total = partition.total[..., 0] + common_variance(fit.posterior, design)
    values = np.stack([share_of(partition.factors[f.name][..., 0], total) for f in design.grouping], axis=2)
    return xr.DataArray(values, dims=("chain", "draw", "factor"))


def _labelled(fit: Fit, points: Points | None, shares: _Shares, residual: str) -> xr.Dataset:
    own, same, total = shares
    posterior = fit.posterior
    dims = points.dims if points else ()
    shape = points.shape if points else ()
    names = [factor.name for factor in fit.design.grouping]
    lead = own.shape[:3]
    variables = {
        "icc": (("chain", "draw", "factor", *dims), own.reshape(*lead, *shape)),
        "same": (("chain", "draw", "factor", *dims), same.reshape(*lead, *shape)),
        "total": (("chain", "draw", *dims), total.reshape(*lead[:2], *shape)),
    }
    coords = {"chain": posterior["chain"], "draw": posterior["draw"], "factor": names}
    attrs = {
        "definition": "variance of a factor's effects over Var(y | x); fixed effects left out",
        "averaged": "over the rows (Johnson 2014)" if points is None else "no: at the points given",
        "residual": residual,
        "response": fit.design.response.name,
        UNITS: fit.design.axis_units.as_text(),
    }
    if points is not None and points.held:
        attrs["held"] = points.held_in_words
    if points is not None and points.offset is not None:
        attrs["offset"] = offset_in_words(fit.design, points.offset)
    attrs |= before_truncation(fit.design.response.truncation)
    return Answer(variables, coords=coords | (points.labels if points else {}), attrs=attrs)
