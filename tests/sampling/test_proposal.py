"""The proposal adapts to many elements with few draws: normal and t densities, whose integrals are known."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from partialpool.sampling.chains import propose, run_chains
from partialpool.sampling.mode import Peak
from partialpool.sampling.proposal import MANY, adapt, round_size


@dataclass(frozen=True)
class Known:
    """A density whose integral is 1: a multivariate t, or a normal where freedom is infinite."""

    scale: np.ndarray
    freedom: float
    work: float = 1000.0
    is_cheap: bool = True

    @property
    def size(self):
        return len(self.scale)

    @property
    def log_sds(self):
        return np.empty(0, int)

    def log_densities(self, thetas, *, workers=1):
        if len(thetas) == 0:
            return np.empty(0)
        return np.atleast_1d(stats.multivariate_t(shape=self.scale, df=self.freedom).logpdf(thetas))


def covariance(size):
    half = np.random.default_rng(4).normal(size=(size, 2 * size))
    return half @ half.T / size


@pytest.mark.parametrize("freedom", [np.inf, 40.0])
@pytest.mark.parametrize("size", [MANY + 1, 21, 30])
def test_many_elements_need_few_rounds(size, freedom):
    """The peak's covariance is twice too large in one direction and half of it in another."""
    scale = covariance(size)
    target = Known(scale, freedom)
    wrong = np.ones(size)
    wrong[:2] = 2**0.5, 0.5**0.5
    peak = Peak(np.zeros(size), 0.0, scale * np.outer(wrong, wrong))
    rng = np.random.default_rng(5)
    proposal = adapt(target, (peak,), rng)
    assert not proposal.is_given_up
    assert proposal.rounds <= 4
    candidates = propose(proposal, 4, 1000, 2, rng)
    chains = run_chains(candidates, target.log_densities(candidates.sample.theta), rng)
    assert not chains.trouble
    assert abs(chains.log_evidence) < 5 * chains.log_evidence_se


def test_a_round_has_several_draws_for_each_parameter_of_a_component():
    assert round_size(MANY, 1000.0) == 1000
    assert round_size(21, 1000.0) == 8 * (21 + 21 * 22 // 2)
    assert round_size(21, 1e7) == 100 + 30 * 21
