"""The variance of the response's distribution on the scale of the linear predictor, comparable with group variances.

Binary and ordinal responses: variance of the latent variable, pi^2/3, 1, pi^2/6. Counts and positive responses with a
log link: the lognormal approximation ln(1 + Var(y) / mean^2). Others: the delta method, Var(y) (d link / d mean)^2.
Nakagawa, Johnson & Schielzeth (2017), J. R. Soc. Interface 14:20170213, where the mean is that of the population, with
group effects integrated out; here it is computed for each draw, without a null model.
"""

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.newdata import own_rows
from partialpool.errors import DataError
from partialpool.model.group_variance import spread_of_rows
from partialpool.model.parameter_values import HasParameters, parameter_of
from partialpool.model.predictor import linear_predictor, of_predictor
from partialpool.names import FAMILY_PARAMETERS, SIGMA, b_name

__all__ = ["check_finite_variance", "check_has_variance", "distribution_variance", "needs_mean", "own_parameters"]

_WHERE = {True: "averaged over the rows", False: "at this point"}
"""Where parameters with predictors are evaluated: over the rows, or at points."""


def needs_mean(design: Design) -> bool:
    """Whether the variance depends on the response's mean."""
    return design.spec.family_record.variance_needs_mean(design.spec.link_record)


def check_has_variance(design: Design) -> None:
    """Refuse responses whose distribution has no variance on the scale of the linear predictor.

    Raises
    ------
    DataError
        Categories that are not those of one latent variable.
    """
    family = design.spec.family_record
    if not family.has_variance:
        raise DataError(
            f"categories of family {family.name!r} have no variance with which that between levels could be compared: "
            "they have no mean, and are not those of one latent variable",
            got=f"family {family.name!r}",
            allowed="a family whose response has a variance; for ordered categories 'cumulative', whose cutpoints "
            "divide one latent variable",
            do=f"report the sds of the group effects{design.spec.link_record.scale_in_words}: print(fit); how levels "
            "differ in the probability of each category is in pp.predict(fit)['expectation']",
        )


def distribution_variance(
    design: Design, posterior: xr.Dataset, mean: np.ndarray, points: HasParameters | None = None
) -> tuple[np.ndarray, str]:
    """Return the distribution's variance per draw and point, and its definition in words.

    Parameters
    ----------
    design, posterior
        Design and posterior of a fit.
    mean
        Mean of the response, (chains, draws, places); where `needs_mean` is false its value is not used, and its shape
        may be (chains, draws, 1).
    points
        Where parameters with predictors are evaluated; None for their averages over the rows.

    Returns
    -------
    numpy.ndarray, str
        (chains, draws, places). Infinite in draws of a Student t with 2 degrees of freedom or fewer; the
        definition gives their number.
    """
    known = None if design.se is None else float(np.mean(design.se**2))
    family, link = design.spec.family_record, design.spec.link_record
    own = own_parameters(posterior, design, points)
    variance, text = family.predictor_variance(link, mean, own, known)
    if design.parameters:
        return variance, f"{text}, {' and '.join(design.parameters)} {_WHERE[points is None]}"
    if design.precision is None and (design.residual is None or not design.residual.is_stratified):
        return variance, text
    by = "" if design.precision is None else f" / {design.spec.precision}"
    return variance, f"{text}{by}, averaged over the rows"


def own_parameters(posterior: xr.Dataset, design: Design, points: HasParameters | None = None) -> dict[str, np.ndarray]:
    """Return the family's own parameters other than cutpoints, (chains, draws, 1) each.

    sigma^2 is the mean of the rows' residual variances, where these differ. Other parameters with predictors are
    averaged over the rows. At points, (chains, draws, points), they are those of the typical level; sigma^2 is its
    mean over the population of levels, exp(2 eta + 2 v) for a variance v of log sigma between levels.
    """
    names = [name for name in FAMILY_PARAMETERS if name in posterior and posterior[name].ndim == 2]
    found = {name: posterior[name].transpose("chain", "draw").to_numpy()[..., None] for name in names}
    if SIGMA in posterior and design.spec.family_record.is_normal:
        sigma = posterior[SIGMA].transpose("chain", "draw", ...).to_numpy()
        squares = sigma.reshape(*sigma.shape[:2], -1) ** 2
        found[SIGMA] = np.sqrt(squares @ design.stratum_shares)[..., None]
    return found | (_predicted_parameters(posterior, design, points) if design.parameters else {})


def _predicted_parameters(posterior: xr.Dataset, design: Design, points: HasParameters | None) -> dict[str, np.ndarray]:
    """Return the parameters that have predictors, (chains, draws, 1) or (chains, draws, points).

    Without points they are averaged over the rows, given the effects of their levels; over the population of levels
    where the draws, as those of a prior, have no effects.
    """
    arrays = {str(n): v.transpose("chain", "draw", ...).to_numpy() for n, v in posterior.data_vars.items()}
    draws = {name: values.reshape(-1, *values.shape[2:]) for name, values in arrays.items()}
    lead = posterior.sizes["chain"], posterior.sizes["draw"]
    shaped = {}
    for name, other in design.parameters.items():
        own = of_predictor(design, name, draws)
        known = points is None and all(b_name(factor.name) in own for factor in other.factors)
        rows = own_rows(other) if points is None else points.parameters[name]
        rows = rows if known else rows.with_levels_of(())
        values = parameter_of(design, name, linear_predictor(other, rows, own))
        spread = None if known else spread_of_rows(other, rows, own, other.spec.factors)
        if name == SIGMA and spread is not None:
            values = values * np.exp(spread)
        if points is None:
            averaged = np.sqrt(np.mean(values**2, axis=1)) if name == SIGMA else values.mean(axis=1)
            values = averaged[:, None]
        shaped[name] = values.reshape(*lead, -1)
    return shaped


def check_finite_variance(design: Design, posterior: xr.Dataset) -> None:
    """Refuse a posterior in which some draws have no variance, for results that use all draws together.

    Raises
    ------
    DataError
        A Student t response with 2 degrees of freedom or fewer in some draws.
    """
    least = float(posterior["nu"].min()) if "nu" in design.spec.family_record.shapes else np.inf
    if least <= 2:
        raise DataError(
            "a Student t response with so few degrees of freedom has no variance",
            got=f"nu from {least:.2f}",
            allowed="nu above 2 in every draw",
            do="give nu a prior above 2: Prior('Gamma', alpha=2, beta=0.1, lower=2)",
        )
