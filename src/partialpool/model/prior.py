"""Priors on arrays: log densities of draws, and draws from the priors."""

from collections.abc import Mapping

import numpy as np
from scipy import special

from partialpool.design.design import Design
from partialpool.design.effect_basis import covariance_parts
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.joined_factors import JoinedFactor, joined_factors, joined_members, joined_turn
from partialpool.design.residual_rows import ResidualRows
from partialpool.distributions.frozen import frozen
from partialpool.distributions.prior import Prior
from partialpool.families.helmert import differences_of_contrasts
from partialpool.model.coefficient_prior import coefficient_prior
from partialpool.model.effect_correlation import correlation_log_density, structured_correlation
from partialpool.model.lkj import lkj_log_density, sample_lkj, sample_lkj_blocks
from partialpool.model.predictor import Draws, Seed, of_predictor, sample_all_levels, sample_joined_levels
from partialpool.model.prior_set import PriorSet
from partialpool.model.variance_prior import is_decomposed
from partialpool.model.variance_prior_draws import decomposed_density, draw_decomposed
from partialpool.names import (
    BETA,
    CUTPOINTS,
    RESIDUAL_CORRELATION,
    SIGMA,
    across_name,
    b_name,
    corr_name,
    names_of_predictor,
    nu_name,
    sd_name,
)

__all__ = ["cutpoint_shift", "draw_parameters", "draw_prior", "log_prior_density"]


def log_prior_density(design: Design, priors: PriorSet, draws: Draws) -> dict[str, np.ndarray]:
    """Evaluate the log density of every top-level prior at each draw.

    Densities are those of the quantities that the priors are stated for, on the original scale (correlation matrices
    for `corr_<f>`; intercept, sds and correlations at the predictors' means; category probabilities for `cutpoints`),
    never those of z or b: the result does not depend on the engine or the parametrization.

    Returns
    -------
    dict
        `beta` (draws, priors): the coefficients with separate priors and, last, all those with a joint prior together;
        `sd_<f>` (draws, effects), `corr_<f>` (draws,), and the family's parameters (draws,); `icc`, `total_sd` and
        `shares` (draws,) in place of sds and sigma where the prior is stated for those.
    """
    whole = is_decomposed(priors)
    at_means = {**draws, **_at_means(design, draws)}
    alone = not design.spec.family_record.has_predictors_of_categories
    out = _predictor_density(design, priors, at_means, whole=whole) if alone else {}
    if whole:
        out |= decomposed_density(design, priors, at_means)
    based = _in_prior_basis(design, draws)
    for name, other in design.parameters.items():
        names = names_of_predictor(name, other.spec.parts_with_sds)
        own = of_predictor(design, name, based)
        own = {**own, **_at_means(other, own)}
        density = _predictor_density(other, _of_parameter(design, priors, names), own, whole=False)
        out |= {names[inner]: values for inner, values in density.items()}
    for joined in joined_factors(design):
        name = across_name(joined.factor)
        blocks = [based[name][:, list(block)][:, :, list(block)] for block in joined.blocks]
        each = [lkj_log_density(corr, priors[name].arguments["eta"]) for corr in blocks]
        out[name] = np.stack(each).sum(axis=0)
    for name, _ in design.spec.family_record.parameters:
        if name == "cutpoints":
            out[name] = _cutpoints_density(design, priors[name], draws)
        elif name == SIGMA and design.residual is not None:
            out |= _residual_density(design.residual, priors, draws)
        elif name in priors:
            out[name] = frozen(priors[name]).logpdf(draws[name])
    return out


def _of_parameter(design: Design, priors: PriorSet, names: Mapping[str, str]) -> PriorSet:
    """Return the priors of a parameter's predictor under the names of the mean's; those of categories are all alike."""
    return priors if design.spec.family_record.has_predictors_of_categories else priors.of_predictor(names)


def _in_prior_basis(design: Design, draws: Draws) -> Draws:
    """Return the draws with what several predictors share in the basis of its priors.

    These are the sds and correlations of joined effects, and for categories the contrasts in place of differences to
    the reference. The correlations of a single predictor of a joined factor are left out.
    """
    found = dict(draws)
    for joined in joined_factors(design):
        sd, found[across_name(joined.factor)] = covariance_parts(_joined_at_means(joined, design, draws))
        for one in joined_members(joined, design):
            found[one.sd] = sd[:, one.place]
            found.pop(one.corr, None)
    if design.spec.family_record.has_predictors_of_categories:
        found |= mixed_coefficients(design, draws, np.linalg.inv(category_differences(design)))
    return found


def category_differences(design: Design) -> np.ndarray:
    """Return M: differences of the categories to the first, from contrasts."""
    return differences_of_contrasts(len(design.response.categories))


def mixed_coefficients(design: Design, draws: Draws, by: np.ndarray) -> dict[str, np.ndarray]:
    """Return linear combinations of the categories' coefficients, under their names: `by` (categories, categories)."""
    names = [names_of_predictor(name, ())[BETA] for name in design.parameters]
    if not names or names[0] not in draws:
        return {}
    mixed = np.einsum("kj,jdc->kdc", by, np.stack([draws[name] for name in names]))
    return dict(zip(names, mixed, strict=True))


def _predictor_density(design: Design, priors: PriorSet, draws: Draws, *, whole: bool) -> dict[str, np.ndarray]:
    """Return the log densities of the coefficients, sds and correlations of a predictor.

    Parameters
    ----------
    draws
        Those of the predictor, sds and correlations at the predictors' means.
    whole
        Whether the variances have a joint prior, which is not evaluated here.
    """
    out: dict[str, np.ndarray] = {}
    if design.common.coefs:
        out[BETA] = _coefficients_density(design, priors, draws[BETA])
    for factor in design.factors:
        name = sd_name(factor.name)
        if not whole:
            own = list(factor.structure.own_sds)
            out[name] = np.zeros(draws[name].shape)  # an sd that effects share counts once, at the first of them
            out[name][:, own] = _elementwise(
                priors, name, tuple(factor.sd_parameters[i] for i in own), draws[name][:, own]
            )
        if factor.correlated and corr_name(factor.name) in priors:
            prior, corr = priors[corr_name(factor.name)], draws[corr_name(factor.name)]
            out[corr_name(factor.name)] = correlation_log_density(factor, prior, corr)
        if factor.is_heavy:
            nu = nu_name(factor.name)
            out[nu] = frozen(priors[nu]).logpdf(draws[nu])
    return out


def _residual_density(residual: ResidualRows, priors: PriorSet, draws: Draws) -> dict[str, np.ndarray]:
    """Return the log densities of the residuals' sds, summed over strata, and of their correlations, (draws,) each."""
    sigma = draws[SIGMA].reshape(len(draws[SIGMA]), -1)
    found = {SIGMA: sum(frozen(priors[name]).logpdf(sigma[:, k]) for k, name in enumerate(residual.sigma_names))}
    if residual.series is not None:
        prior, drawn = priors[RESIDUAL_CORRELATION], draws[RESIDUAL_CORRELATION]
        by_lkj = residual.series.kind == "unstr"
        density = lkj_log_density(drawn, prior.arguments["eta"]) if by_lkj else frozen(prior).logpdf(drawn)
        found[RESIDUAL_CORRELATION] = np.asarray(density)
    return {name: np.asarray(values) for name, values in found.items()}


def draw_prior(design: Design, priors: PriorSet, size: int, *, seed: Seed) -> dict[str, np.ndarray]:
    """Draw every posterior variable from the prior, each of shape (size, ...)."""
    rng = np.random.default_rng(seed)
    out = draw_parameters(design, priors, size, seed=rng)
    out |= {b_name(f.name): sample_all_levels(f, out, rng) for f in design.grouping}
    for name, other in design.parameters.items():
        names, own = names_of_predictor(name, other.spec.parts_with_sds), of_predictor(design, name, out)
        out |= {names[b_name(f.name)]: sample_all_levels(f, own, rng) for f in other.grouping}
    return out | sample_joined_levels(design, out, rng)


def draw_parameters(design: Design, priors: PriorSet, size: int, *, seed: Seed) -> dict[str, np.ndarray]:
    """Draw every parameter of the population from the prior, each of shape (size, ...): all except group effects.

    The effects of smooths are among them: typical rows have their curves.
    """
    rng = np.random.default_rng(seed)
    out = _draw_coefficients(design, priors, size, rng) if design.common.coefs else {}
    if is_decomposed(priors):
        out |= draw_decomposed(design, priors, size, rng)
    out |= _draw_covariances(design, priors, out, size, rng)
    for name, _ in design.spec.family_record.parameters:
        if name == "cutpoints":
            out[name] = _draw_cutpoints(design, priors[name], size, rng)
        elif name == SIGMA and design.residual is not None:
            out |= _draw_residual(design.residual, priors, size, rng)
        elif name in priors:
            out[name] = _rvs(priors[name], size, rng)
    out |= {b_name(f.name): sample_all_levels(f, out, rng) for f in design.factors if f.is_smooth}
    for name, other in design.parameters.items():
        names = names_of_predictor(name, other.spec.parts_with_sds)
        own = _of_parameter(design, priors, names)
        drawn = _draw_coefficients(other, own, size, rng)
        drawn |= _draw_covariances(other, own, drawn, size, rng)
        drawn |= {b_name(f.name): sample_all_levels(f, drawn, rng) for f in other.factors if f.is_smooth}
        out |= {names[inner]: values for inner, values in drawn.items()}
    if CUTPOINTS in out:
        out[CUTPOINTS] = out[CUTPOINTS] + cutpoint_shift(design, out)
    if design.spec.family_record.has_predictors_of_categories:
        out |= mixed_coefficients(design, out, category_differences(design))
    return out | _draw_joined(design, priors, out, size, rng)


def _draw_coefficients(design: Design, priors: PriorSet, size: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw the coefficients of a predictor."""
    if not design.common.coefs:
        return {}
    coordinates = coefficient_prior(design, priors)
    drawn = np.stack([_rvs(prior, size, rng) for prior in coordinates.priors], axis=1)
    return {BETA: coordinates.coefficients(design, drawn)}


def _draw_covariances(
    design: Design, priors: PriorSet, drawn: Draws, size: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Draw the sds and correlations of a predictor's effects, unless the sds are drawn already.

    Where effects are correlated across predictors, sds are at the predictors' means, and correlations are left out.
    """
    out: dict[str, np.ndarray] = {}
    for factor in design.factors:
        name = sd_name(factor.name)
        if factor.is_heavy:
            out[nu_name(factor.name)] = _rvs(priors[nu_name(factor.name)], size, rng)
        if name not in drawn:
            own = {
                at: _rvs(priors[f"{name}[{factor.sd_parameters[at]}]"], size, rng) for at in factor.structure.own_sds
            }
            out[name] = np.stack([own[at] for at in factor.structure.sd_of], axis=1)
        if factor.correlated and corr_name(factor.name) in priors:
            out |= _draw_correlations(factor, priors, size, rng)
            both = name, corr_name(factor.name)
            out |= dict(zip(both, factor.basis.at_zero(*(({**drawn, **out})[one] for one in both)), strict=True))
    return out


def _draw_joined(
    design: Design, priors: PriorSet, drawn: Draws, size: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Draw correlations across predictors; return sds and correlations at zero, by variable.

    With T the basis of the effects of all predictors, Sigma = T^-1 D C D T^-T.
    """
    out: dict[str, np.ndarray] = {}
    for joined in joined_factors(design):
        half = sample_lkj_blocks(joined.blocks, priors[across_name(joined.factor)].arguments["eta"], size, rng)
        members = joined_members(joined, design)
        sd = np.concatenate([drawn[one.sd] for one in members], axis=1)
        root = joined_turn(joined, design) @ (sd[..., None] * half)
        sds, corr = covariance_parts(root @ root.transpose(0, 2, 1))
        out[across_name(joined.factor)] = corr
        for one in members:
            out[one.sd] = sds[:, one.place]
            if one.factor.correlated:
                out[one.corr] = corr[:, one.place, one.place]
    return out


def _joined_at_means(joined: JoinedFactor, design: Design, draws: Draws) -> np.ndarray:
    """Return the covariance of effects of several predictors at the predictors' means, (draws, effects, effects)."""
    members = joined_members(joined, design)
    sd = np.concatenate([draws[one.sd] for one in members], axis=1)
    turn = np.linalg.inv(joined_turn(joined, design))
    covariance = sd[:, :, None] * draws[across_name(joined.factor)] * sd[:, None, :]
    return np.asarray(turn @ covariance @ turn.T)


def _draw_residual(
    residual: ResidualRows, priors: PriorSet, size: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    sigma = np.stack([_rvs(priors[name], size, rng) for name in residual.sigma_names], axis=1)
    found = {SIGMA: sigma if residual.is_stratified else sigma[:, 0]}
    if residual.series is not None:
        prior = priors[RESIDUAL_CORRELATION]
        if residual.series.kind == "unstr":
            half = sample_lkj(len(residual.series.visits), prior.arguments["eta"], size, rng)
            found[RESIDUAL_CORRELATION] = half @ half.transpose(0, 2, 1)
        else:
            found[RESIDUAL_CORRELATION] = _rvs(prior, size, rng)
    return found


def _draw_correlations(
    factor: FactorEffects, priors: PriorSet, size: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    if not factor.correlated:
        return {}
    n, name = len(factor.names), corr_name(factor.name)
    corr = np.broadcast_to(np.eye(n), (size, n, n)).copy()
    for block in (list(b) for b in factor.blocks if len(b) > 1):
        if factor.structure.has_one_correlation:
            own = structured_correlation(factor.structure.kind, _rvs(priors[name], size, rng), len(block))
        else:
            half = sample_lkj(len(block), priors[name].arguments["eta"], size, rng)
            own = half @ half.transpose(0, 2, 1)
        corr[np.ix_(range(size), block, block)] = own
    return {name: corr}


def _rvs(prior: Prior, size: int, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(frozen(prior).rvs(size=size, random_state=rng))


def cutpoint_shift(design: Design, draws: Draws) -> np.ndarray:
    """Return the cutpoints at the predictors' zero less those at their means, (draws, ...) or (chains, draws, ...).

    It is X-bar beta, what the predictors' means add to the linear predictor. The last dimension has length 1, or that
    of the cutpoints where each has coefficients of its own.
    """
    shift = _mean_shift(design, draws)[..., None]
    own = [_mean_shift(design.parameters[name], of_predictor(design, name, draws)) for name in design.thresholds]
    return shift + np.stack(own, axis=-1) if own else shift


def _mean_shift(design: Design, draws: Draws) -> np.ndarray:
    if not design.common.names:
        return np.zeros(1)
    slopes = draws[BETA][..., 1 if design.common.intercept else 0 :]
    return slopes @ design.common.center


def _at_means(design: Design, draws: Draws) -> dict[str, np.ndarray]:
    """Return sds and correlations of correlated effects in the basis of their priors."""
    out: dict[str, np.ndarray] = {}
    for factor in (f for f in design.factors if f.correlated and corr_name(f.name) in draws):
        both = sd_name(factor.name), corr_name(factor.name)
        out |= dict(zip(both, factor.basis.at_means(*(draws[name] for name in both)), strict=True))
    return out


def _coefficients_density(design: Design, priors: PriorSet, beta: np.ndarray) -> np.ndarray:
    """Return the log density of each coordinate of the fixed effects, with the Jacobian; directions are summed."""
    coordinates = coefficient_prior(design, priors)
    at = coordinates.of_coefficients(design, beta)
    columns = [frozen(prior).logpdf(at[:, i]) for i, prior in enumerate(coordinates.priors)]
    each = np.stack(columns, axis=1) + np.log(coordinates.units)
    own = coordinates.own
    if own.all():
        return each
    together = each[:, ~own].sum(axis=1) + coordinates.log_volume(design)
    return np.column_stack([each[:, own], together])


def _elementwise(priors: PriorSet, name: str, labels: tuple[str, ...], values: np.ndarray) -> np.ndarray:
    columns = [frozen(priors[f"{name}[{label}]"]).logpdf(values[:, i]) for i, label in enumerate(labels)]
    return np.stack(columns, axis=1)


def _draw_cutpoints(design: Design, prior: Prior, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw cutpoints at the predictors' means, (size, cutpoints)."""
    concentration = np.full(len(design.response.categories), prior.arguments["a"])
    shares = rng.dirichlet(concentration, size)
    return design.spec.family_record.cutpoints.at_shares(design.spec.probability_link, shares)


def _cutpoints_density(design: Design, prior: Prior, draws: Draws) -> np.ndarray:
    """Return the log density of the category probabilities at the predictors' means."""
    centred = draws["cutpoints"] - cutpoint_shift(design, draws)
    p = np.clip(design.spec.family_record.cutpoints.shares(design.spec.probability_link, centred), 1e-300, None)
    a, n = prior.arguments["a"], p.shape[1]
    return (a - 1) * np.log(p).sum(axis=1) + special.gammaln(n * a) - n * special.gammaln(a)
