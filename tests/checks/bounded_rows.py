"""Families whose rows may be censored or truncated, with SciPy's distribution of one response."""

import numpy as np
import scipy.stats
from scipy import special

from partialpool.families.given import Given
from partialpool.families.links import LINKS
from partialpool.families.registry import FAMILIES

CASES = [
    ("gaussian", "identity", [0.7]),
    ("gaussian", "log", [0.7]),
    ("lognormal", "identity", [0.4]),
    ("weibull", "log", [1.7]),
    ("weibull", "log", [0.4]),
    ("weibull", "log", [12.0]),
    ("exponential", "log", []),
    ("exponential", "inverse", []),
    ("poisson", "log", []),
    ("poisson", "sqrt", []),
    ("student_t", "identity", [0.7, 4.0]),
    ("student_t", "log", [0.7, 1.5]),
    ("gamma", "log", [2.5]),
    ("gamma", "log", [0.3]),
    ("gamma", "inverse", [4.0]),
    ("negative_binomial", "log", [1.7]),
    ("negative_binomial", "log", [0.2]),
    ("negative_binomial", "sqrt", [30.0]),
]
"""Families, links and own parameters."""
COUNTS = ("poisson", "negative_binomial")


def given_of(name, link, own, eta):
    """Return what rows are conditional on, (1, rows)."""
    parameters = {p: np.full((1, 1), value) for (p, _), value in zip(FAMILIES[name].parameters, own, strict=True)}
    return Given(LINKS[link], np.asarray(eta, float)[None], parameters)


def frozen(name, link, own, eta):
    """Return SciPy's distribution of one response."""
    mean = float(LINKS[link].inverse(np.array(eta)))
    if name == "gaussian":
        return scipy.stats.norm(mean, own[0])
    if name == "lognormal":
        return scipy.stats.lognorm(own[0], scale=np.exp(eta))
    if name == "weibull":
        return scipy.stats.weibull_min(own[0], scale=mean / special.gamma(1 + 1 / own[0]))
    if name == "student_t":
        return scipy.stats.t(own[1], mean, own[0])
    if name == "gamma":
        return scipy.stats.gamma(own[0], scale=mean / own[0])
    if name == "negative_binomial":
        return scipy.stats.nbinom(own[0], own[0] / (own[0] + mean))
    return scipy.stats.poisson(mean) if name == "poisson" else scipy.stats.expon(scale=mean)
