"""A proposal for theta, adapted until fresh draws from it have nearly equal weights.

A t-mixture starts at the mode and is fitted, round after round, to all draws so far under their deterministic-mixture
weights: adaptive multiple importance sampling (Cornuet, Marin, Mira & Robert 2012, Scand. J. Stat. 39:798).
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from partialpool.sampling.boundary_transform import Folding, choose_folding
from partialpool.sampling.mixture import Mixture, fit_mixture
from partialpool.sampling.mode import Peak
from partialpool.sampling.target import Target

__all__ = [
    "MANY",
    "Proposal",
    "Sample",
    "adapt",
    "effective_size",
    "normalised",
    "readapt",
    "round_size",
]

_FREEDOM: Final = 12.0
"""Degrees of freedom for few elements."""
_FREEDOM_PER_ELEMENT: Final = 3.0
"""The same per element for many: a t's radius varies by 1 / sqrt(2 freedom), a normal's by 1 / sqrt(2 elements), and
draws at radii that the posterior does not have are in vain."""
_COMPONENTS: Final = 6
_DRAWS_PER_PARAMETER: Final = 5
"""Effective draws for each mean and covariance of a component that is fitted to many elements."""
_MAX_ROUNDS: Final = 8
_GOOD: Final = 0.9
"""Importance ESS per draw of a fresh round at which further adaptation is not worth its evaluations."""
_GOOD_ENOUGH: Final = 0.8
"""The same if an evaluation takes milliseconds."""
_GOOD_FOR_MANY: Final = 0.55
"""The same for many elements, where a fit of the mixture costs more than more candidates do."""
MANY: Final = 12
"""Elements up to which adaptation hardly ever fails in the end, so that rounds are not cut short."""
_LOOKS: Final = 3
_HOPELESS: Final = 0.2
"""With more elements, importance ESS per draw that one of the first rounds must reach for adaptation to continue."""
_DEAR: Final = 1e7
"""Multiplications per evaluation, some milliseconds, above which a round uses fewer draws."""
_ROUND_PER_PARAMETER: Final = 8
"""Draws in a round for each mean and covariance of a component, for many elements."""
_START_WEIGHTS: Final = np.array([0.6, 0.3, 0.1])
_START_WEIGHTS_FOR_MANY: Final = np.array([0.9, 0.07, 0.03])
_START_WIDTHS: Final = np.array([1.0, 1.5, 2.5])
"""Widths, in sds of the Gaussian approximation, of the three initial t distributions."""
_LEAST_SHARE: Final = 0.1
"""Number of first draws, for each mode that has mass."""
_WIDE_SHARE: Final = 0.05
_WIDTH: Final = 1.7
"""Share and width, in posterior sds, of a component kept in every mixture to cover what the others miss."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Draws in the proposal's coordinates.

    Attributes
    ----------
    x, theta
        Draws in the proposal's coordinates, and in those of the density, (n, elements).
    log_slope
        log |d theta / dx|, (n,).
    log_proposal
        Log density of the proposal in x, (n,).
    """

    x: np.ndarray
    theta: np.ndarray
    log_slope: np.ndarray
    log_proposal: np.ndarray

    def log_weights(self, values: np.ndarray) -> np.ndarray:
        """Return log importance weights, for log densities of theta (n,)."""
        return values + self.log_slope - self.log_proposal


@dataclass(frozen=True, eq=False)
class Proposal:
    """A folded mixture.

    Attributes
    ----------
    mixture, folding
        The mixture to draw from, and the map from its coordinates to theta.
    anchors
        One component per mode; if there are several, every refit starts with them too.
    rounds
        Rounds of adaptation.
    efficiency
        Importance ESS per draw of the last round.
    seen, weights
        Draws made during adaptation, and their weights, which sum to 1: starts for chains.
    is_given_up
        Whether adaptation stopped because of too many elements and too little progress.
    """

    mixture: Mixture
    folding: Folding
    anchors: Mixture
    rounds: int
    efficiency: float
    seen: np.ndarray
    weights: np.ndarray
    is_given_up: bool = False

    def sample(self, size: int, rng: np.random.Generator) -> Sample:
        """Draw."""
        return self.describe(self.mixture.sample(size, rng))

    def describe(self, x: np.ndarray) -> Sample:
        """Return the sample of given draws (n, elements), with their log densities and slopes."""
        theta, log_slope = self.folding.to_theta(x)
        return Sample(x, theta, log_slope, self.mixture.log_density(self.folding.images(x)))


def adapt(target: Target, peaks: tuple[Peak, ...], rng: np.random.Generator, *, workers: int = 1) -> Proposal:
    """Adapt a proposal, from the modes."""
    cheap = target.is_cheap
    size = round_size(target.size, target.work)
    good = _GOOD_ENOUGH if not cheap else _GOOD_FOR_MANY if target.size > MANY else _GOOD
    folding = choose_folding(target, peaks, workers=workers)
    proposal = _start(peaks, folding)
    used: list[Mixture] = []
    images = np.zeros((2 ** len(folding.folded), 0, target.size))
    heights, best = np.zeros(0), 0.0
    for count in range(1, _MAX_ROUNDS + 1):
        fresh = proposal.sample(size, rng)
        values = target.log_densities(fresh.theta, workers=workers) + fresh.log_slope
        efficiency = effective_size(normalised(values - fresh.log_proposal)) / size
        used.append(proposal.mixture)
        images = np.concatenate([images, folding.images(fresh.x)], axis=1)
        heights = np.concatenate([heights, values])
        proposed = np.logaddexp.reduce([mixture.log_density(images) for mixture in used], axis=0)
        proposal = replace(
            proposal, rounds=count, efficiency=efficiency, seen=images[0], weights=normalised(heights - proposed)
        )
        if efficiency > good or (count > 3 and 0.5 < efficiency < 1.03 * best):
            break
        best = max(best, efficiency)
        if target.size > MANY and count >= _LOOKS and best < _HOPELESS:
            return replace(proposal, is_given_up=True)
        proposal = replace(proposal, mixture=_refit(proposal, images, proposal.weights, rng))
    return proposal


def round_size(elements: int, work: float) -> int:
    """Return the draws per round of adaptation, given the elements of theta and the multiplications per evaluation."""
    if work >= _DEAR:
        return 100 + 30 * elements
    return 1000 if elements <= MANY else max(1000, _ROUND_PER_PARAMETER * _parameters(elements))


def _parameters(elements: int) -> int:
    """Return the number of means and covariances of a component."""
    return elements * (elements + 3) // 2


def _freedom(elements: int) -> float:
    return _FREEDOM if elements <= MANY else _FREEDOM_PER_ELEMENT * elements


def _components(elements: int, weights: np.ndarray) -> int:
    """Return how many components to fit to weighted draws: of many elements, as many as the draws suffice for."""
    if elements <= MANY:
        return _COMPONENTS
    return int(np.clip(effective_size(weights) / (_DRAWS_PER_PARAMETER * _parameters(elements)), 1, _COMPONENTS))


def readapt(proposal: Proposal, sample: Sample, values: np.ndarray, rng: np.random.Generator) -> Proposal:
    """Fit once more, to a large sample whose weights were too uneven."""
    weights = normalised(sample.log_weights(values))
    mixture = _refit(proposal, proposal.folding.images(sample.x), weights, rng)
    return replace(proposal, mixture=mixture, rounds=proposal.rounds + 1, seen=sample.x, weights=weights)


def _start(peaks: tuple[Peak, ...], folding: Folding) -> Proposal:
    means, factors = [], []
    for peak in peaks:
        slopes = folding.slopes(peak.theta)
        means.append(folding.from_theta(peak.theta[None])[0])
        factors.append(np.linalg.cholesky(peak.covariance * np.outer(slopes, slopes)))
    shares = np.exp([peak.log_mass - peaks[0].log_mass for peak in peaks])
    shares = np.maximum(shares / shares.sum(), _LEAST_SHARE)
    elements = len(peaks[0].theta)
    freedom, start = _freedom(elements), _START_WEIGHTS if elements <= MANY else _START_WEIGHTS_FOR_MANY
    anchors = Mixture(shares / shares.sum(), np.array(means), np.array(factors), freedom)
    wide = np.repeat(anchors.factors, len(_START_WIDTHS), axis=0)
    wide = wide * np.tile(_START_WIDTHS, len(peaks))[:, None, None]
    weights = np.outer(anchors.weights, start).ravel()
    mixture = Mixture(weights, np.repeat(anchors.means, len(_START_WIDTHS), axis=0), wide, freedom)
    return Proposal(mixture, folding, anchors, 0, 0.0, anchors.means[:1], np.ones(1))


def _refit(proposal: Proposal, images: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> Mixture:
    """Fit components that start at draws; and at every mode, with its own width, where there are several."""
    x, d = images[0], images.shape[2]
    modes = len(proposal.anchors.weights) if len(proposal.anchors.weights) > 1 else 0
    count, freedom = _components(d, weights), _freedom(d)
    centers = np.concatenate([proposal.anchors.means[:modes], x[rng.choice(len(x), count, p=weights)]])
    spread = np.cov(x.T, aweights=weights, ddof=0).reshape(d, d) + 1e-9 * np.eye(d)
    factor = np.linalg.cholesky(spread)
    widths = np.concatenate([proposal.anchors.factors[:modes], np.repeat(0.7 * factor[None], count, axis=0)])
    first = Mixture(np.full(len(centers), 1 / len(centers)), centers, widths, freedom)
    fitted = fit_mixture(first, images, weights)
    return Mixture(
        np.append((1 - _WIDE_SHARE) * fitted.weights, _WIDE_SHARE),
        np.concatenate([fitted.means, (weights @ x)[None]]),
        np.concatenate([fitted.factors, _WIDTH * factor[None]]),
        freedom,
    )


def normalised(log_weights: np.ndarray) -> np.ndarray:
    """Return weights that sum to 1."""
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()


def effective_size(weights: np.ndarray) -> float:
    """Return Kish's effective number of draws, for weights that sum to 1."""
    return float(1 / (weights @ weights))
