"""Covariances of observed responses, with group effects integrated out.

Two responses whose linear predictors share effects of variance s, out of a total group variance v, have
Cov(y, y') = Var_w(E[m(eta) | w]), eta = fixed + w + r, w ~ N(0, s), r ~ N(0, v - s), and
Var(y) = Var(m(eta)) + E[Var(y | eta)], m the inverse link (de Villemereuil, Schielzeth, Nakagawa & Morrissey 2016,
Genetics 204:1281). The closed forms, and the numerical integral for other links, are those of
marginal predictions (`families/link.py`).
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.grid import Points
from partialpool.errors import DataError
from partialpool.model.covariance import level_covariance, row_covariance
from partialpool.model.distribution import check_has_variance, own_parameters
from partialpool.model.partition import typical_predictor
from partialpool.names import SIGMA

__all__ = ["response_share"]


def response_share(
    posterior: xr.Dataset, design: Design, points: Points, closure: Mapping[str, tuple[str, ...]]
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], str]:
    """Return correlations of observed responses by factor, by shared level and in total, and how they were computed.

    Parameters
    ----------
    posterior, design, points
        Posterior and design of a fit, and points with the fixed effects' columns and the offset.
    closure
        The factors whose levels two rows share if they share a level of a factor, by factor.

    Returns
    -------
    (numpy.ndarray, numpy.ndarray, numpy.ndarray), str
        (chains, draws, factors, places) twice, (chains, draws, places), and a description. Accurate to about 1e-8 of
        Var(y) for sds up to 40 on a logit scale. 0 where the response's variance is infinite.

    Raises
    ------
    DataError
        Ordered categories; the inverse link, under which the response has no mean over groups.
    """
    family = design.spec.family_record
    check_has_variance(design)
    if not family.has_mean:
        raise DataError(
            "ordered categories have no ICC on the scale of the response: it would depend on the number that is given "
            "to each category",
            got=f"family {family.name!r}, scale='response'",
            allowed="scale='latent': the ICC of the variable that the cutpoints divide into categories",
            do="report the latent ICC, pp.icc(fit), as performance::icc of R does; how levels differ in the "
            "probability of each category is in pp.predict(fit)['expectation']; for a correlation of observed "
            "responses, fit whether a response is above one of the cutpoints, yes or no, with family 'bernoulli'",
        )
    own = own_parameters(posterior, design)
    constant, factor = family.line_of_mean(own)
    link, fixed = family.on_mean_scale(design.spec.link_record, typical_predictor(posterior, design, points), own)
    variances = {
        f.name: row_covariance(level_covariance(posterior, f), z, z)
        for f, z in zip(design.grouping, points.effects, strict=True)
    }
    spread = sum(variances.values(), np.zeros(fixed.shape))
    known: dict[frozenset[str], np.ndarray] = {}

    def covariance(names: tuple[str, ...]) -> np.ndarray:
        """Return the covariance of two responses that share these factors' effects."""
        shared = sum((variances[name] for name in names), np.zeros(fixed.shape))
        key = frozenset(names)
        if key not in known:
            known[key] = factor**2 * link.covariance_over_normal(fixed, shared, spread)
        return known[key]

    first = constant + factor * link.mean_over_normal(fixed, spread)
    between = covariance(tuple(variances))
    if design.se is not None:
        own[SIGMA] = np.sqrt(np.mean(design.se**2))
    total = between + family.variance_over_normal(link, fixed, spread, (first, between + first**2), own)

    def share(names: tuple[str, ...]) -> np.ndarray:
        return np.clip(np.divide(covariance(names), total, out=np.zeros(total.shape), where=total > 0), 0.0, 1.0)

    alone = np.stack([share((name,)) for name in closure], axis=2)
    same = np.stack([share(names) for names in closure.values()], axis=2)
    which = "the response itself" if design.response.truncation is None else "the response before truncation"
    how = "in closed form" if link.has_closed_mean else "integrated by the trapezoidal rule"
    without = int(np.isinf(total[..., 0]).sum())
    said = f"; infinite in {without} of {total[..., 0].size} draws, in which groups have no share" if without else ""
    return (alone, same, share(tuple(variances))), f"of {which}, group effects {how}{said}"
