"""The effects and pairs of effects that `singularity` judges: of the mean, and of parameters of the family."""

from dataclasses import dataclass

import numpy as np
import scipy
from scipy.linalg import inv

from partialpool.design.effect_basis import covariance_parts
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.joined_factors import JoinedFactor, joined_factors, joined_members, joined_turn
from partialpool.distributions.frozen import frozen
from partialpool.families.link import ProbabilityLink
from partialpool.fitting.fit import Fit
from partialpool.fitting.predictor_of_fit import PredictorOfFit, predictor_of_fit
from partialpool.model.covariance import effects_at_means
from partialpool.names import INTERCEPT, across_name, corr_name, predictor_name, sd_name

__all__ = ["EXTREME", "Pair", "Term", "effective_ranks", "judged_predictors", "pairs_of", "read_label", "terms_of"]

EXTREME = 0.95
"""A correlation beyond this, of either sign, is near +-1."""


@dataclass(frozen=True, eq=False)
class Term:
    """One sd of a factor's effects or of a smooth.

    Attributes
    ----------
    of
        The predictor.
    factor, effect
        The factor or smooth, and the position of the effect, the first with this sd.
    keeps
        Whether it is never advised to leave it out: an intercept of the mean, or of a probability of zeros or ones.
    """

    of: PredictorOfFit
    factor: FactorEffects
    effect: int
    keeps: bool

    @property
    def parameter(self) -> str:
        """The parameter whose predictor it is part of; empty for the mean."""
        return self.of.name or ""

    @property
    def key(self) -> tuple[str, str, int]:
        """Parameter, factor and position."""
        return self.parameter, self.factor.name, self.effect

    @property
    def label(self) -> str:
        """Its name in an answer: `g: x`, `g: sigma: x`."""
        factor, e = self.factor, self.effect
        return _label(self, factor.sd_parameters[e] if factor.is_smooth else factor.names[e])

    @property
    def sd(self) -> str:
        """The parameter of the model that is its sd."""
        called = predictor_name(self.parameter, self.factor.name) if self.parameter else self.factor.name
        return f"{sd_name(called)}[{self.factor.sd_parameters[self.effect]}]"


@dataclass(frozen=True, eq=False)
class Pair:
    """Two correlated effects.

    Attributes
    ----------
    label
        Its name in an answer: `g: Intercept, x`.
    correlation
        At the predictors' means, (chains, draws).
    extreme_prior
        The prior's mass beyond +-0.95.
    key
        Parameter, factor and positions; None for effects of two predictors.
    """

    label: str
    correlation: np.ndarray
    extreme_prior: float
    key: tuple[str, str, int, int] | None


def judged_predictors(fit: Fit) -> list[PredictorOfFit]:
    """Return the predictors of the mean and of parameters, without those of thresholds, which have no effects."""
    names = [name for name in fit.design.parameters if name not in fit.design.thresholds]
    return [predictor_of_fit(fit, name) for name in (None, *names)]


def terms_of(fit: Fit) -> list[Term]:
    """Return every sd of a fit, those of the mean first."""
    return [
        Term(one, factor, e, factor.names[e] == INTERCEPT and _makes_rows_alike(fit, one))
        for one in judged_predictors(fit)
        for factor in one.design.factors
        for e in factor.structure.own_sds
    ]


def _makes_rows_alike(fit: Fit, of: PredictorOfFit) -> bool:
    """Whether levels differ in where their responses are: in the mean, or in the probability of a zero or a one."""
    return of.name is None or isinstance(fit.spec.family_record.link_of(of.name), ProbabilityLink)


def read_label(label: str, parameters: tuple[str, ...]) -> tuple[str, str, str]:
    """Split a label of an effect into factor, parameter and effect.

    Examples
    --------
    >>> read_label("g: sigma: x", ("sigma",)), read_label("g: x", ("sigma",))
    (('g', 'sigma', 'x'), ('g', '', 'x'))
    """
    factor, _, rest = label.partition(": ")
    parameter = next((name for name in parameters if rest.startswith(f"{name}: ")), "")
    return factor, parameter, rest.removeprefix(f"{parameter}: ") if parameter else rest


def pairs_of(fit: Fit) -> list[Pair]:
    """Return every pair of effects whose correlation is a parameter; those of two predictors come last."""
    joined = joined_factors(fit.design)
    across = {one.factor: len(one.effects) for one in joined}
    found = []
    for one in judged_predictors(fit):
        for factor in one.design.grouping:
            sizes = {e: across.get(factor.name, len(block)) for block in factor.blocks for e in block}
            for i, j in factor.parameter_pairs:
                corr = effects_at_means(one.posterior, factor)[1][..., i, j]
                before = f"{one.name}: " if one.name else ""
                label = f"{factor.name}: {before}{factor.names[i]}, {before}{factor.names[j]}"
                mass = _prior_mass(fit, one, factor, sizes[i])
                found.append(Pair(label, corr, mass, (one.name or "", factor.name, i, j)))
    return found + [pair for whole in joined for pair in _across(fit, whole)]


def _label(term: Term, effect: str) -> str:
    return f"{term.factor.name}: {f'{term.parameter}: ' if term.parameter else ''}{effect}"


def _prior_mass(fit: Fit, of: PredictorOfFit, factor: FactorEffects, size: int) -> float:
    """Return the prior's mass of a correlation near +-1: one of `size` effects, unless it is a single parameter."""
    called = predictor_name(of.name, factor.name) if of.name else factor.name
    stated = next(fit.priors[name] for name in (corr_name(called), across_name(factor.name)) if name in fit.priors)
    if factor.structure.has_one_correlation:
        return float(frozen(stated).cdf(-EXTREME) + frozen(stated).sf(EXTREME))
    return _lkj_mass(stated.arguments["eta"], size)


def _lkj_mass(eta: float, size: int) -> float:
    """Return the mass near +-1 under LKJ(eta) of n effects: (r + 1) / 2 ~ Beta(a, a), a = eta + n / 2 - 1."""
    a = eta + size / 2 - 1
    return float(2 * scipy.stats.beta(a, a).cdf((1 - EXTREME) / 2))


def _across(fit: Fit, joined: JoinedFactor) -> list[Pair]:
    """Return the pairs of effects of two predictors, at the predictors' means."""
    members, design, posterior = joined_members(joined, fit.design), fit.design, fit.posterior
    sd = np.concatenate([posterior[one.sd].transpose("chain", "draw", ...).to_numpy() for one in members], axis=-1)
    turn = inv(joined_turn(joined, design))
    corr = posterior[across_name(joined.factor)].transpose("chain", "draw", ...).to_numpy()
    covariance = turn @ (sd[..., :, None] * corr * sd[..., None, :]) @ turn.T
    at_means = covariance_parts(covariance)[1]
    mass = _lkj_mass(fit.priors[across_name(joined.factor)].arguments["eta"], len(joined.effects))
    shown = joined.shown
    return [Pair(f"{joined.factor}: {shown[j]}, {shown[i]}", at_means[..., i, j], mass, None) for i, j in joined.pairs]


def effective_ranks(fit: Fit) -> dict[str, tuple[int, np.ndarray]]:
    """Return the number of effects of each factor, and the effective rank of their covariance, (chains, draws).

    It is at the predictors' means, columns scaled to sd 1. Factors of parameters are named `g: sigma`.
    """
    found = {}
    for one in judged_predictors(fit):
        for factor in one.design.grouping:
            sd, corr = effects_at_means(one.posterior, factor)
            sd = sd * factor.basis.scale
            values = np.maximum(np.linalg.eigvalsh(sd[..., :, None] * corr * sd[..., None, :]), 0)
            total = values.sum(axis=-1, keepdims=True)
            share = np.divide(values, total, out=np.full(values.shape, 1 / values.shape[-1]), where=total > 0)
            name = f"{factor.name}: {one.name}" if one.name else factor.name
            found[name] = len(factor.names), np.exp(-scipy.special.xlogy(share, share).sum(axis=-1))
    return found
