"""Nearly independent draws of theta, and the evidence, from an adapted proposal.

A t-mixture starts at the mode and is fitted, round after round, to all draws so far under their deterministic-
mixture weights (adaptive multiple importance sampling: Cornuet et al. 2012, Scand. J. Stat. 39:798), until a fresh
round weighs nearly evenly. Fresh draws from the last mixture then serve three ends: importance weights, whose
Pareto k-hat says whether they can be trusted (Vehtari et al. 2024, JMLR 25:72); the evidence, their mean weight; and
candidates of an independence Metropolis sampler, whose chains keep the meaning of R-hat and ESS.
"""

from dataclasses import dataclass

import numpy as np
from arviz_stats.base import array_stats

from partialpool.collapse.marginal import Marginal
from partialpool.collapse.mixture import Mixture, fit_mixture
from partialpool.collapse.mode import Peak

__all__ = ["Proposal", "ThetaDraws", "adapt", "draw_theta"]

_FREEDOM = 6.0
_COMPONENTS = 6
_MAX_ROUNDS = 10
_GOOD = 0.88
"""Importance ESS per draw of a fresh round at which adapting more is not worth its evaluations."""
_CHEAP = 1e5
"""Multiplications per evaluation up to which a round may be large and candidates are thinned."""
MAX_KHAT = 0.7
MIN_EFFICIENCY = 0.5


@dataclass(frozen=True, eq=False)
class Proposal:
    """An adapted mixture.

    Attributes
    ----------
    mixture
        To draw from.
    rounds
        Rounds it took.
    seen, weights
        Draws made on the way and their weights, which sum to 1: starts for chains.
    """

    mixture: Mixture
    rounds: int
    seen: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class ThetaDraws:
    """Draws of theta with what is known of their quality.

    Attributes
    ----------
    theta
        Shape (chains, draws, elements).
    log_density
        Shape (chains, draws).
    acceptance
        Mean acceptance of each draw's candidates, (chains, draws).
    khat
        Pareto k of the importance weights.
    efficiency
        Importance ESS per candidate.
    log_evidence, log_evidence_se
        log p(y), and its Monte Carlo standard error.
    """

    theta: np.ndarray
    log_density: np.ndarray
    acceptance: np.ndarray
    khat: float
    efficiency: float
    log_evidence: float
    log_evidence_se: float

    @property
    def trouble(self) -> str:
        """Why these draws should not be used; empty if they may be."""
        if not self.khat < MAX_KHAT:
            return f"Pareto k-hat {self.khat:.2f} of the importance weights is not below {MAX_KHAT}"
        if self.efficiency < MIN_EFFICIENCY:
            return f"importance ESS is {self.efficiency:.0%} of the candidates, below {MIN_EFFICIENCY:.0%}"
        return ""


def adapt(marginal: Marginal, peak: Peak, rng: np.random.Generator, *, workers: int = 1) -> Proposal:
    """Adapt a t-mixture to the posterior of theta, from its mode."""
    size = 1000 if marginal.arrangement.work < _CHEAP else 250 + 50 * marginal.size
    d = marginal.size
    factor = np.linalg.cholesky(peak.covariance)
    widths = np.array([1.0, 1.6, 2.5])
    start = Mixture(
        np.array([0.5, 0.3, 0.2]), np.repeat(peak.theta[None], 3, axis=0), factor * widths[:, None, None], _FREEDOM
    )
    mixture, used, thetas, values, best = start, [], np.zeros((0, d)), np.zeros(0), 0.0
    for count in range(1, _MAX_ROUNDS + 1):
        fresh = mixture.sample(size, rng)
        value = marginal.log_densities(fresh, workers=workers)
        efficiency = _effective(_normalised(value - mixture.log_density(fresh))) / size
        used.append(mixture)
        thetas, values = np.concatenate([thetas, fresh]), np.concatenate([values, value])
        proposed = np.logaddexp.reduce([m.log_density(thetas) for m in used], axis=0)
        weights = _normalised(values - proposed)
        settled = count > 2 and efficiency < 1.05 * best and efficiency > MIN_EFFICIENCY
        if efficiency > _GOOD or settled:
            break
        best = max(best, efficiency)
        mixture = _refit(thetas, weights, rng)
    return Proposal(_defended(mixture, start), count, thetas, weights)


def draw_theta(
    marginal: Marginal, proposal: Proposal, chains: int, draws: int, rng: np.random.Generator, *, workers: int = 1
) -> ThetaDraws:
    """Draw chains of theta by independence Metropolis on importance-weighted candidates.

    Cheap densities get several candidates per kept draw, so that chains hardly repeat themselves.
    """
    thin = 3 if marginal.arrangement.work < _CHEAP else 1
    n = chains * draws * thin
    candidates = proposal.mixture.sample(n, rng)
    values = marginal.log_densities(candidates, workers=workers)
    log_weights = values - proposal.mixture.log_density(candidates)
    weights = _normalised(log_weights)
    top = log_weights.max()
    # Chains start from the posterior as the adaptation knows it.
    first = rng.choice(len(proposal.seen), chains, p=proposal.weights)
    starts = proposal.seen[first]
    start_values = marginal.log_densities(starts)
    start_weights = start_values - proposal.mixture.log_density(starts)
    uniforms = np.log(rng.random((chains, draws * thin)))
    theta = np.empty((chains, draws, marginal.size))
    lp, acceptance = np.empty((chains, draws)), np.empty((chains, draws))
    for chain in range(chains):
        mine = slice(chain * draws * thin, (chain + 1) * draws * thin)
        picked, rate = _metropolis(log_weights[mine], start_weights[chain], uniforms[chain])
        pool = np.concatenate([candidates[mine], starts[chain : chain + 1]])
        pool_values = np.append(values[mine], start_values[chain])
        theta[chain], lp[chain] = pool[picked[thin - 1 :: thin]], pool_values[picked[thin - 1 :: thin]]
        acceptance[chain] = rate.reshape(draws, thin).mean(axis=1)
    mean = np.exp(log_weights - top).mean()
    return ThetaDraws(
        theta,
        lp,
        acceptance,
        khat=float(array_stats.psislw(-log_weights)[1]),  # ArviZ takes log likelihoods: minus the log weights
        efficiency=_effective(weights) / n,
        log_evidence=float(top + np.log(mean)),
        log_evidence_se=float(np.exp(log_weights - top).std() / mean / np.sqrt(n)),
    )


def _metropolis(log_weights: np.ndarray, start: float, log_uniforms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Run a chain over its candidates; return the index of each state (-1: still the start) and acceptance."""
    rates = np.empty(len(log_weights))
    states = np.empty(len(log_weights), np.int64)
    at, current = -1, start
    for i, (candidate, threshold) in enumerate(zip(log_weights.tolist(), log_uniforms.tolist(), strict=True)):
        step = candidate - current
        rates[i] = 1.0 if step > 0 else np.exp(step)
        if threshold < step:
            at, current = i, candidate
        states[i] = at
    return states, rates


def _refit(thetas: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> Mixture:
    centers = thetas[rng.choice(len(thetas), _COMPONENTS, p=weights)]
    d = thetas.shape[1]
    spread = np.cov(thetas.T, aweights=weights, ddof=0).reshape(d, d)
    factor = np.linalg.cholesky(0.5 * spread + 1e-9 * np.eye(d))
    even = np.full(_COMPONENTS, 1 / _COMPONENTS)
    return fit_mixture(Mixture(even, centers, np.repeat(factor[None], _COMPONENTS, axis=0), _FREEDOM), thetas, weights)


def _defended(mixture: Mixture, start: Mixture) -> Mixture:
    """Keep a share of the widest first component, so that no region the adaptation missed has weight without bound."""
    if mixture is start:
        return mixture
    return Mixture(
        np.append(0.97 * mixture.weights, 0.03),
        np.concatenate([mixture.means, start.means[-1:]]),
        np.concatenate([mixture.factors, start.factors[-1:]]),
        _FREEDOM,
    )


def _normalised(log_weights: np.ndarray) -> np.ndarray:
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()


def _effective(weights: np.ndarray) -> float:
    """Kish's effective number of draws of weights that sum to 1."""
    return float(1 / (weights @ weights))
