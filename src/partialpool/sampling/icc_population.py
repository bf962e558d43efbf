"""The distribution of ICCs in a population of responses, from the posterior that each response has by itself.

ICC_r ~ G, independently for r = 1, ..., n. G is discrete on the steps between cuts: log(G_k / width_k) = sum_s B_ks
alpha_s + constant, B cubic splines in the root of the ICC, with columns of mean 0 and sd 1, alpha_s ~ N(0, 1) (Efron
2016, Biometrika 103:1, with a prior in place of his penalty). Given its ICC a response has the prior of its own fit for
everything else, so that its likelihood L_rk of a step is what the fit's posterior gives to the step over what the prior
does:

    log p(alpha | y) = sum_r log sum_k L_rk G_k - sum_s alpha_s^2 / 2 + constant.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.interpolate import BSpline

from partialpool.errors import SamplingWarning, warn
from partialpool.sampling.chains import propose, run_chains
from partialpool.sampling.mode import find_peaks
from partialpool.sampling.proposal import adapt, readapt

__all__ = ["population_of_iccs"]

_SPLINES: Final = 7
_SPREAD: Final = 1.0
"""Prior sd of each coefficient."""
_CHAINS: Final = 4
_DRAWS: Final = 250
_THIN: Final = 8
_MOST_READAPTATIONS: Final = 6
_AT_ONCE: Final = 2_000_000
"""Most numbers in an intermediate array."""


def population_of_iccs(
    below: np.ndarray, prior_below: np.ndarray, cuts: np.ndarray, stream: np.random.SeedSequence
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the distribution of ICCs.

    Parameters
    ----------
    below, prior_below
        Posterior probabilities that the ICC is below each cut, (responses, cuts); prior ones, (cuts,).
    cuts
        The cuts, ascending, between 0 and 1, (cuts,).
    stream
        Source of random numbers.

    Returns
    -------
    numpy.ndarray, numpy.ndarray
        G below each cut, (chains, draws, cuts); the mean ICC of each response, (responses,).

    Warns
    -----
    SamplingWarning
        The draws are not reliable.
    """
    ends = np.concatenate([[0.0], cuts, [1.0]])
    middles = (ends[1:] + ends[:-1]) / 2
    likelihood = _masses(below) / np.maximum(_masses(prior_below[None]), 1e-12)
    target = _Population(likelihood / likelihood.max(axis=1, keepdims=True), _basis(middles), np.diff(ends))
    fitting, *drawing = stream.spawn(_MOST_READAPTATIONS + 2)
    proposal = adapt(target, find_peaks(target, np.zeros((1, target.size))), np.random.default_rng(fitting))
    for attempt, one in enumerate(drawing):
        rng = np.random.default_rng(one)
        candidates = propose(proposal, _CHAINS, _DRAWS, _THIN, rng)
        values = target.log_densities(candidates.sample.theta)
        chains = run_chains(candidates, values, rng)
        if not chains.trouble or attempt == _MOST_READAPTATIONS:
            break
        proposal = readapt(proposal, candidates.sample, values, rng)
    if chains.trouble:
        warn(f"do not rely on the population of ICCs: {chains.trouble}", SamplingWarning)
    drawn = target.steps(candidates.sample.theta[chains.index.ravel()])
    means = np.zeros(len(likelihood))
    for g in drawn:
        shares = target.likelihood * g
        means += shares @ middles / shares.sum(axis=1) / len(drawn)
    return drawn.cumsum(axis=1)[:, :-1].reshape(_CHAINS, _DRAWS, -1), means


@dataclass(frozen=True, eq=False)
class _Population:
    """The posterior of the coefficients, as a target of samplers.

    Attributes
    ----------
    likelihood
        Of each step, up to a factor for each response, (responses, steps).
    basis
        B, (steps, splines).
    widths
        Of the steps, (steps,).
    """

    likelihood: np.ndarray
    basis: np.ndarray
    widths: np.ndarray

    has_cheap_gradient = False

    @property
    def size(self) -> int:
        return int(self.basis.shape[1])

    @property
    def log_sds(self) -> np.ndarray:
        return np.zeros(0, np.int64)

    @property
    def partial_correlations(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.log_sds, self.log_sds, self.log_sds

    @property
    def work(self) -> float:
        return float(self.likelihood.size)

    @property
    def is_cheap(self) -> bool:
        return False

    def steps(self, thetas: np.ndarray) -> np.ndarray:
        """Return G, (n, steps), of each row of thetas (n, splines)."""
        logs = thetas @ self.basis.T
        heights = np.exp(logs - logs.max(axis=1, keepdims=True)) * self.widths
        return np.asarray(heights / heights.sum(axis=1, keepdims=True))

    def log_densities(self, thetas: np.ndarray, *, workers: int = 1) -> np.ndarray:
        out = -0.5 * (thetas**2).sum(axis=1) / _SPREAD**2
        size = max(1, _AT_ONCE // len(self.likelihood))
        for at in range(0, len(thetas), size):
            piece = slice(at, at + size)
            with np.errstate(divide="ignore"):  # far from the mode a response may have no step left
                out[piece] += np.log(self.likelihood @ self.steps(thetas[piece]).T).sum(axis=0)
        return out

    def gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        raise NotImplementedError("differences are taken: there are few elements")


def _basis(middles: np.ndarray) -> np.ndarray:
    """Return cubic splines in the root of the ICC, (steps, splines): no constant, orthogonal, each with an sd of 1."""
    knots = np.concatenate([np.zeros(3), np.linspace(0, 1, _SPLINES - 2), np.ones(3)])
    values = BSpline.design_matrix(np.sqrt(middles), knots, 3).toarray()
    left, _, _ = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    return np.asarray(left[:, : _SPLINES - 1] * np.sqrt(len(middles)))


def _masses(below: np.ndarray) -> np.ndarray:
    """Return the probability of each step, (responses, cuts + 1), from those below the cuts."""
    n = len(below)
    masses = np.diff(np.concatenate([np.zeros((n, 1)), below, np.ones((n, 1))], axis=1), axis=1)
    return np.maximum(masses, 0.0)  # rounding may leave less
