"""Chains, diagnostics and evidence from a sample of an adapted proposal.

Fresh draws have three uses: their importance weights, whose Pareto k-hat shows whether they are reliable (Vehtari,
Simpson, Gelman, Yao & Gabry 2024, JMLR 25:72); the evidence, which is their mean weight; and candidates of an
independence Metropolis sampler, for whose chains R-hat and ESS have their usual meaning.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from partialpool.sampling.pareto import khat_of_weights
from partialpool.sampling.proposal import Proposal, Sample, effective_size

__all__ = ["Candidates", "Chains", "has_no_tail", "propose", "run_chains"]

MAX_KHAT: Final = 0.7
MIN_EFFICIENCY: Final = 0.5
EVEN_WEIGHT: Final = 5.0
"""Multiple of the mean weight: if no weight is larger, no single draw dominates, and k-hat has no tail to extrapolate.
Chains of an independence sampler whose weights are at most w times their mean converge at the rate 1 - 1 / w
(Mengersen & Tweedie 1996, Annals of Statistics 24:101)."""


def has_no_tail(khat: float, largest: float) -> bool:
    """Whether importance weights are reliable, judged by their largest ones.

    Parameters
    ----------
    khat
        Pareto k of the weights.
    largest
        The largest weight, as a multiple of the mean weight.
    """
    return khat < MAX_KHAT or largest <= EVEN_WEIGHT


@dataclass(frozen=True, eq=False)
class Candidates:
    """A sample in the order in which chains use it.

    Attributes
    ----------
    sample
        `chains x draws x thin` fresh draws, then one start per chain.
    chains, draws, thin
        Chains, kept draws per chain, and candidates per kept draw.
    """

    sample: Sample
    chains: int
    draws: int
    thin: int


@dataclass(frozen=True, eq=False)
class Chains:
    """The states of the chains, as indices of candidates, and diagnostics.

    Attributes
    ----------
    index
        Candidate of each kept draw, (chains, draws).
    acceptance
        Mean acceptance of each draw's candidates, (chains, draws).
    khat
        Pareto k of the importance weights.
    efficiency
        Importance ESS per candidate.
    log_evidence, log_evidence_se
        log p(y), and its Monte Carlo standard error.
    largest
        The largest importance weight, as a multiple of the mean weight.
    least
        Least efficiency: an importance ESS of one per kept draw where there are several candidates for each.
    """

    index: np.ndarray
    acceptance: np.ndarray
    khat: float
    efficiency: float
    log_evidence: float
    log_evidence_se: float
    largest: float = np.inf
    least: float = MIN_EFFICIENCY

    @property
    def trouble(self) -> str:
        """Reason not to use these draws; empty if there is none."""
        if not has_no_tail(self.khat, self.largest):
            return f"Pareto k-hat {self.khat:.2f} of the importance weights is not below {MAX_KHAT}"
        if self.efficiency < self.least:
            return f"importance ESS is {self.efficiency:.0%} of the candidates, below {self.least:.0%}"
        return ""


def propose(proposal: Proposal, chains: int, draws: int, thin: int, rng: np.random.Generator) -> Candidates:
    """Draw candidates for chains; each chain starts from a weighted draw of the adaptation."""
    fresh = proposal.mixture.sample(chains * draws * thin, rng)
    starts = proposal.seen[rng.choice(len(proposal.seen), chains, p=proposal.weights)]
    return Candidates(proposal.describe(np.concatenate([fresh, starts])), chains, draws, thin)


def run_chains(candidates: Candidates, values: np.ndarray, rng: np.random.Generator) -> Chains:
    """Run independence Metropolis over candidates whose log densities are known.

    Parameters
    ----------
    candidates
        From `propose`.
    values
        Log density of each candidate's theta, (n,).
    rng
        Random numbers for the acceptances.
    """
    chains, draws, thin = candidates.chains, candidates.draws, candidates.thin
    n = chains * draws * thin
    ratios = candidates.sample.log_weights(values)
    log_weights, starts = ratios[:n], ratios[n:]
    thresholds = np.log(rng.random((chains, draws * thin)))
    index, acceptance = np.empty((chains, draws), np.int64), np.empty((chains, draws))
    for chain in range(chains):
        first = chain * draws * thin
        states, rates = _metropolis(log_weights[first : first + draws * thin], starts[chain], thresholds[chain])
        kept = states[thin - 1 :: thin]
        index[chain] = np.where(kept < 0, n + chain, first + kept)
        acceptance[chain] = rates.reshape(draws, thin).mean(axis=1)
    top = log_weights.max()
    weights = np.exp(log_weights - top)
    return Chains(
        index,
        acceptance,
        khat=khat_of_weights(log_weights),
        efficiency=effective_size(weights / weights.sum()) / n,
        log_evidence=float(top + np.log(weights.mean())),
        log_evidence_se=float(weights.std() / weights.mean() / np.sqrt(n)),
        largest=float(1 / weights.mean()),  # the largest of them is 1
        least=min(MIN_EFFICIENCY, 1 / thin),
    )


def _metropolis(log_weights: np.ndarray, start: float, log_uniforms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Run a chain over its candidates; return the index of each state (-1: still the start) and acceptances."""
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
