"""Cutpoints of ordered categories, on the real line, with a Dirichlet prior of the categories' probabilities.

Cutpoints c, at the predictors' means, ascend: c_1 = x_1 and c_k = c_(k-1) + exp(x_k). With F the inverse link, the
categories have the probabilities p_k = F(c_k) - F(c_(k-1)), which have a Dirichlet(a) distribution a priori, so that

    log p(x) = log Dirichlet(p | a) + sum_k log F'(c_k) + sum_(k>1) x_k.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from scipy.special import gammaln

from partialpool.design.design import Design
from partialpool.distributions.prior import Prior
from partialpool.kernels import part

__all__ = [
    "CutpointsPrior",
    "as_cutpoints",
    "cutpoints_prior",
    "place_cutpoints",
    "pull_cutpoints",
    "starting_cutpoints",
]

_LINKS: Final = {"logit": 0, "probit": 1, "cloglog": 2}
_LEAST: Final = 1e-300
"""Smallest probability of a category in the prior: a difference of two numbers may round to 0."""


class CutpointsPrior(NamedTuple):
    """Prior of the cutpoints: their number, 0 without; code of the link; a; log of the Dirichlet density's constant."""

    number: int
    link: int
    concentration: float
    log_constant: float


def cutpoints_prior(design: Design, prior: Prior) -> CutpointsPrior:
    """Return the prior of a design's cutpoints."""
    k, a = len(design.response.categories), float(prior.arguments["a"])
    return CutpointsPrior(k - 1, _LINKS[design.spec.link], a, float(gammaln(k * a) - k * gammaln(a)))


def starting_cutpoints(design: Design) -> np.ndarray:
    """Return places on the real line, (cutpoints,), of cutpoints that give every category its observed share."""
    counts = np.bincount(design.response.values.astype(int), minlength=len(design.response.categories)) + 0.5
    cutpoints = design.spec.link_record.forward(np.cumsum(counts)[:-1] / counts.sum())
    return np.concatenate([cutpoints[:1], np.log(np.diff(cutpoints))])


def as_cutpoints(at: np.ndarray) -> np.ndarray:
    """Map places on the real line (..., cutpoints) to cutpoints, same shape."""
    steps = at.copy()
    steps[..., 1:] = np.exp(at[..., 1:])
    return np.cumsum(steps, axis=-1)


@part
def _describe(link: int, c: float) -> tuple[float, float, float, float]:
    """Return F(c), 1 - F(c), log F'(c) and its derivative."""
    if link == 0:
        t = np.exp(-abs(c))
        near = t / (1.0 + t)
        below, above = (1.0 - near, near) if c > 0.0 else (near, 1.0 - near)
        return below, above, -abs(c) - 2.0 * np.log1p(t), above - below
    if link == 1:
        below, above = 0.5 * math.erfc(-c / np.sqrt(2.0)), 0.5 * math.erfc(c / np.sqrt(2.0))
        return below, above, -0.5 * c * c - 0.5 * np.log(2.0 * np.pi), -c
    t = np.exp(c)
    return -np.expm1(-t), np.exp(-t), c - t, 1.0 - t


@part
def place_cutpoints(prior: CutpointsPrior, x: np.ndarray, first: int, values: np.ndarray) -> float:
    """Write the cutpoints at x, from x[first] on, into values (cutpoints,); return their log prior density."""
    total, below, beyond = prior.log_constant, 0.0, 1.0
    for k in range(prior.number):
        values[k] = x[first] if k == 0 else values[k - 1] + np.exp(x[first + k])
        f, rest, log_slope, _ = _describe(prior.link, values[k])
        # The smaller tails: their difference does not cancel.
        share = f - below if f < 0.5 else beyond - rest
        total += log_slope + (prior.concentration - 1.0) * np.log(max(share, _LEAST))
        if k > 0:
            total += x[first + k]
        below, beyond = f, rest
    return total + (prior.concentration - 1.0) * np.log(max(beyond, _LEAST))


@part
def pull_cutpoints(
    prior: CutpointsPrior, x: np.ndarray, first: int, values: np.ndarray, slope: np.ndarray, out: np.ndarray
) -> None:
    """Write the derivatives at x into out, from out[first] on, given those of the rows in the cutpoints."""
    n, a = prior.number, prior.concentration
    passed_on = 0.0
    for k in range(n - 1, -1, -1):
        f, rest, log_slope, slope_of_log = _describe(prior.link, values[k])
        here = slope[k] + slope_of_log
        if a != 1.0:
            below, beyond = 0.0, 1.0
            if k > 0:
                below, beyond, _, _ = _describe(prior.link, values[k - 1])
            share = f - below if f < 0.5 else beyond - rest
            after = rest
            if k < n - 1:
                next_f, next_rest, _, _ = _describe(prior.link, values[k + 1])
                after = next_f - f if next_f < 0.5 else rest - next_rest
            if share > _LEAST:
                here += (a - 1.0) * np.exp(log_slope) / share
            if after > _LEAST:
                here -= (a - 1.0) * np.exp(log_slope) / after
        passed_on += here
        out[first + k] = passed_on if k == 0 else passed_on * np.exp(x[first + k]) + 1.0
