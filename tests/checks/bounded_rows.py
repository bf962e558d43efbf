"""Families whose rows may be censored or truncated, with SciPy's distribution of one response."""

import itertools

import numpy as np
import scipy.stats
from scipy import integrate, special

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
    ("student_t", "log", [0.7, 2.5]),
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
    return distribution(name, link, own, np.array(eta, float))


def distribution(name, link, own, eta):
    """Return SciPy's distribution of responses with an array of linear predictors."""
    mean = LINKS[link].inverse(eta)
    first = own[0] if own else 1.0
    made = {
        "gaussian": lambda: scipy.stats.norm(mean, first),
        "lognormal": lambda: scipy.stats.lognorm(first, scale=np.exp(eta)),
        "weibull": lambda: scipy.stats.weibull_min(first, scale=mean / special.gamma(1 + 1 / first)),
        "exponential": lambda: scipy.stats.expon(scale=mean),
        "student_t": lambda: scipy.stats.t(own[1], mean, first),
        "gamma": lambda: scipy.stats.gamma(first, scale=mean / first),
        "negative_binomial": lambda: scipy.stats.nbinom(first, first / (first + mean)),
        "poisson": lambda: scipy.stats.poisson(mean),
    }
    return made[name]()


def integral(function, new, low, high):
    """Integrate over (low, high] in pieces between quantiles of a continuous distribution, from 1e-13 on."""
    sides = 10.0 ** np.arange(-13, 0)
    cuts = np.array([*new.ppf(sides), *new.isf(sides[::-1])])
    inside = cuts[(cuts > low) & (cuts < high)]
    ends = [max(low, cuts[0]), *inside, min(high, cuts[-1])]
    pieces = [piece for piece in itertools.pairwise(ends) if piece[0] < piece[1]]
    return sum(integrate.quad(function, *piece, epsabs=1e-14, epsrel=1e-11, limit=200)[0] for piece in pieces)


def probability(name, new, low, high):
    """Return P(low < new <= high) by numeric integration, or a sum of counts."""
    if name in COUNTS:
        k = np.arange(30_000)
        return new.pmf(k[(k > low) & (k <= high)]).sum()
    return integral(new.pdf, new, low, high)
