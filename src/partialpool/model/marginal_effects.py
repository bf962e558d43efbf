"""Group effects integrated out of several predictors: of the mean, and of the family's parameters."""

from collections.abc import Collection
from typing import Final

import numpy as np
from scipy import special, stats

from partialpool.design.design import Design
from partialpool.design.joined_factors import joined_factors, joined_members
from partialpool.design.newdata import Rows
from partialpool.errors import DataError
from partialpool.families.link import ProbabilityLink
from partialpool.model.expectation import expectation
from partialpool.model.group_variance import spread_of_rows
from partialpool.model.heavy_effects import check_mean_of_heavy, heavy_noise
from partialpool.model.parameter_values import family_parameters
from partialpool.model.predictor import Draws, joined_root, linear_predictor, of_predictor, sample_joined

__all__ = ["check_marginal_mean", "draw_marginal_effects", "marginal_parameters", "population_mean"]

_POINTS: Final = 256
"""Quasi-random points over which the probabilities of categories are averaged."""


def marginal_parameters(design: Design, rows: Rows, draws: Draws, factors: Collection[str]) -> dict[str, np.ndarray]:
    """Return the mean of each parameter that has a predictor over the population of levels of some factors.

    Parameters
    ----------
    design, rows, draws
        The model, rows without the levels of these factors, and draws, chains stacked.
    factors
        Names of factors.

    Returns
    -------
    dict of numpy.ndarray
        By parameter, (draws, rows): E m(eta + u), u ~ N(0, z' Sigma z), m the inverse link.
    """
    found = {}
    for name, other in design.parameters.items():
        if name in design.thresholds:  # their effects are not a parameter, and do not vary over levels
            continue
        own = of_predictor(design, name, draws)
        eta = linear_predictor(other, rows.parameters[name], own)
        spread = spread_of_rows(other, rows.parameters[name], own, factors)
        link = design.spec.family_record.link_of(name)
        found[name] = link.inverse(eta) if spread is None else link.mean_over_normal(eta, spread)
    return found


def population_mean(design: Design, rows: Rows, eta: np.ndarray, draws: Draws, factors: Collection[str]) -> np.ndarray:
    """Evaluate the mean of the response over the population of levels of some factors.

    Parameters
    ----------
    design, rows, draws
        The model, rows without the levels of these factors, and draws, chains stacked.
    eta
        Linear predictor of the mean, (draws, rows).
    factors
        Names of factors; with none of them it is the mean given the rows' levels.

    Returns
    -------
    numpy.ndarray
        As `expectation`.

    Raises
    ------
    DataError
        The mean has no closed form: see `check_marginal_mean`.
    """
    if design.spec.family_record.has_predictors_of_categories:
        return _category_probabilities(design, rows, eta, draws, factors)
    check_marginal_mean(design, factors)
    check_mean_of_heavy(design, factors, draws)
    spread, parameters = spread_of_rows(design, rows, draws, factors), marginal_parameters(design, rows, draws, factors)
    return expectation(design, rows, eta, spread, draws, parameters=parameters, bounds=rows.truncation)


def _category_probabilities(
    design: Design, rows: Rows, eta: np.ndarray, draws: Draws, factors: Collection[str]
) -> np.ndarray:
    """Evaluate the mean probability of each category over levels, (draws, rows, categories).

    The effects of a level are integrated over quasi-random points, the same for every draw (Sobol' 1967), to about
    0.001.
    """
    joined = [one for one in joined_factors(design) if one.factor in factors]
    if not joined:
        return expectation(design, rows, eta, None, draws)
    own = family_parameters(design, rows, draws)
    size = sum(len(one.effects) for one in joined)
    points = special.ndtri(stats.qmc.Sobol(size, rng=np.random.default_rng(0)).random(_POINTS))
    family, link = design.spec.family_record, design.spec.link_record
    total = np.zeros((*eta.shape, len(own) + 1))
    halves = [joined_root(one, design, draws) for one in joined]
    for point in points:
        at, added = 0, dict.fromkeys(own, 0.0)
        for one, half in zip(joined, halves, strict=True):
            effects = half @ point[at : at + len(one.effects)]
            at += len(one.effects)
            for (name, _), member in zip(one.parts, joined_members(one, design), strict=True):
                group = next(g for g in rows.parameters[name].groups if g.factor == one.factor)
                added[name] = added[name] + effects[:, member.place] @ group.values.T
        total += family.mean(link, eta, None, {name: own[name] + added[name] for name in own})
    return np.asarray(total / _POINTS)


def check_marginal_mean(design: Design, factors: Collection[str]) -> None:
    """Refuse a mean over levels that has no closed form: where it depends on a parameter whose effects vary with them.

    It has one where the mean is linear in a probability whose effects are independent of the mean's.

    Raises
    ------
    DataError
        The parameter, and the factor.
    """
    family, joined = design.spec.family_record, {one.factor for one in joined_factors(design)}
    if design.response.truncation is not None:
        _check_mean_of_truncated(design, factors)
    for name in family.parameters_of_mean & set(design.parameters):
        varying = [f.name for f in design.parameters[name].grouping if f.name in factors]
        if varying and (not isinstance(family.link_of(name), ProbabilityLink) or joined.intersection(varying)):
            raise DataError(
                f"the mean over levels of {varying[0]} is not available: it depends on {name}, which varies with them",
                got=f"{name} ~ {design.spec.parameters[name]}, family {family.name!r}",
                allowed="kind='conditional' or 'typical'",
                do="pass kind='conditional' with new_levels='sample', and average over draws",
            )


def _check_mean_of_truncated(design: Design, factors: Collection[str]) -> None:
    """Refuse the mean over levels of a truncated response where more than its mean varies with them, or not normally.

    Raises
    ------
    DataError
        A parameter with effects of these levels; effects with a Student t distribution.
    """
    varying = [f"{name} ~ {design.spec.parameters[name]}" for name, other in design.parameters.items()
               if any(f.name in factors for f in other.grouping)]  # fmt: skip
    heavy = [f"dist='student_t' over {f.name}" for f in design.grouping if f.is_heavy and f.name in factors]
    for found in (*varying, *heavy):
        raise DataError(
            "the mean over levels of a truncated response is available for normal effects on its mean alone",
            got=f"trunc({design.spec.trunc}), {found}",
            allowed="kind='conditional' or 'typical'",
            do="pass kind='conditional' with new_levels='sample', and average over draws",
        )


def draw_marginal_effects(
    design: Design,
    rows: Rows,
    draws: Draws,
    factors: Collection[str],
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Draw the sum of the effects of a new level of each factor in every row, by predictor; the mean's has the name ''.

    Returns
    -------
    dict of numpy.ndarray
        (draws, rows); predictors without these factors are left out.
    """
    joined = [one for one in joined_factors(design) if one.factor in factors]
    single = [name for name in factors if name not in {one.factor for one in joined}]
    predictors = {"": (design, rows, draws)}
    for name, other in design.parameters.items():
        predictors[name] = other, rows.parameters[name], of_predictor(design, name, draws)
    found: dict[str, np.ndarray] = {}
    for name, (one, own, some) in predictors.items():
        heavy = [factor for factor in one.factors if factor.is_heavy and factor.name in single]
        normal = [factor for factor in single if factor not in {f.name for f in heavy}]
        spread = spread_of_rows(one, own, some, normal)
        if spread is not None:
            found[name] = np.sqrt(spread) * rng.standard_normal(spread.shape)
        for factor in heavy:
            scale = np.sqrt(np.asarray(spread_of_rows(one, own, some, [factor.name])))
            noise = heavy_noise(factor, some, rng.standard_normal((*scale.shape, 1)), rng)[..., 0]
            found[name] = found.get(name, 0.0) + scale * noise
    for whole in joined:
        effects = sample_joined(whole, design, draws, len(rows.index), rng)
        for (name, _), member in zip(whole.parts, joined_members(whole, design), strict=True):
            group = next(g for g in predictors[name][1].groups if g.factor == whole.factor)
            added = np.einsum("dne,ne->dn", effects[..., member.place], group.values)
            found[name] = found.get(name, 0.0) + added
    return found
