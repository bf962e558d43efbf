"""Simulated responses of every family but `categorical`, without predictors."""

import numpy as np

from partialpool.families.registry import FAMILIES
from partialpool.families.support import SUCCESSES

TRIALS = 7
"""Of each row of a binomial family."""
RESPONSES = {
    "bernoulli": lambda rng, n: (rng.random(n) < 0.4).astype(int),
    "binomial": lambda rng, n: rng.binomial(7, 0.4, n),
    "poisson": lambda rng, n: rng.poisson(3, n),
    "negative_binomial": lambda rng, n: rng.negative_binomial(2, 0.4, n),
    "gamma": lambda rng, n: rng.gamma(2, 1, n),
    "exponential": lambda rng, n: rng.exponential(1, n),
    "beta": lambda rng, n: rng.beta(2, 3, n),
    "gaussian": lambda rng, n: rng.normal(5, 1, n),
    "lognormal": lambda rng, n: np.exp(rng.normal(1, 1, n)),
    "cumulative": lambda rng, n: rng.integers(0, 4, n),
    "sratio": lambda rng, n: rng.integers(0, 4, n),
    "acat": lambda rng, n: rng.integers(0, 4, n),
    "student_t": lambda rng, n: rng.standard_t(4, n) + 9,
    "weibull": lambda rng, n: rng.weibull(1.5, n),
    "inverse_gaussian": lambda rng, n: rng.wald(1, 2, n),
    "zero_one_inflated_beta": lambda rng, n: np.clip(rng.normal(0.5, 0.4, n), 0, 1),
    "exgaussian": lambda rng, n: rng.normal(4, 0.5, n) + rng.exponential(1, n),
    "skew_normal": lambda rng, n: 5 - rng.gamma(4, 0.5, n),
    "beta_binomial": lambda rng, n: rng.binomial(7, rng.beta(2, 3, n)),
    "zero_inflated_poisson": lambda rng, n: rng.poisson(3, n) * (rng.random(n) < 0.7),
    "zero_inflated_negative_binomial": lambda rng, n: rng.negative_binomial(2, 0.4, n) * (rng.random(n) < 0.7),
    "hurdle_poisson": lambda rng, n: (1 + rng.poisson(2, n)) * (rng.random(n) < 0.7),
    "hurdle_negative_binomial": lambda rng, n: (1 + rng.negative_binomial(2, 0.4, n)) * (rng.random(n) < 0.7),
    "hurdle_gamma": lambda rng, n: rng.gamma(2, 1, n) * (rng.random(n) < 0.7),
    "hurdle_lognormal": lambda rng, n: np.exp(rng.normal(1, 1, n)) * (rng.random(n) < 0.7),
}


def counts_successes(family):
    """Whether the response is a number of successes, p(y, trials) in a formula."""
    return FAMILIES[family].support is SUCCESSES
