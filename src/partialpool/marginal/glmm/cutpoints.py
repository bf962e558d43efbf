"""Cutpoints of ordered categories, on the real line, with a Dirichlet prior of the categories' probabilities.

At the predictors' means, cutpoints c and the categories' probabilities p determine each other
(`families/cutpoints.py`). With F the inverse link, G = 1 - F, K categories and p ~ Dirichlet(a), places x on the real
line have the log prior density log Dirichlet(p | a) + log |dp / dx|:

    cumulative   c_1 = x_1, c_k = c_(k-1) + exp(x_k), p_k = F(c_k) - F(c_(k-1)):
                 log |dp / dx| = sum_k log F'(c_k) + sum_(k>1) x_k
    sequential   c = x, p_k = F(c_k) G(c_1) ... G(c_(k-1)), so that dp / dc is triangular:
                 log |dp / dx| = sum_k [log F'(c_k) + (K - 1 - k) log G(c_k)]
    adjacent     c = x, p_(k+1) = p_k exp(-c_k), F logistic: log |dp / dx| = sum_(k<=K) log p_k

In the sequential model F(c_k) are independent Beta(a, a (K - k)) variables (stick breaking).
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from scipy.special import gammaln

from partialpool.design.design import Design
from partialpool.distributions.prior import Prior
from partialpool.families.cutpoints import ADJACENT, CUMULATIVE, SEQUENTIAL
from partialpool.families.row_kernels.binary_links import complementary_log_log, logistic, normal
from partialpool.kernels import part

__all__ = [
    "NO_CUTPOINTS",
    "CutpointsPrior",
    "as_cutpoints",
    "cutpoints_prior",
    "place_cutpoints",
    "pull_cutpoints",
    "starting_cutpoints",
]

_LINKS: Final = {"logit": 0, "probit": 1, "cloglog": 2}
_CUMULATIVE, _SEQUENTIAL, _ADJACENT = range(3)
_KINDS: Final[Mapping[str, int]] = MappingProxyType(
    {CUMULATIVE.name: _CUMULATIVE, SEQUENTIAL.name: _SEQUENTIAL, ADJACENT.name: _ADJACENT}
)
_LEAST: Final = 1e-300
"""Smallest probability of a category in the prior: a difference of two numbers may round to 0."""


class CutpointsPrior(NamedTuple):
    """Prior of the cutpoints.

    Their number, 0 without; codes of what they mean and of the link; a; log of the Dirichlet density's constant.
    """

    number: int
    kind: int
    link: int
    concentration: float
    log_constant: float


NO_CUTPOINTS: Final = CutpointsPrior(0, _CUMULATIVE, 0, 1.0, 0.0)


def cutpoints_prior(design: Design, prior: Prior) -> CutpointsPrior:
    """Return the prior of a design's cutpoints."""
    k, a = len(design.response.categories), float(prior.arguments["a"])
    kind, link = _KINDS[design.spec.family_record.cutpoints.name], _LINKS[design.spec.link]
    return CutpointsPrior(k - 1, kind, link, a, float(gammaln(k * a) - k * gammaln(a)))


def starting_cutpoints(design: Design) -> np.ndarray:
    """Return places on the real line, (cutpoints,), of cutpoints that give every category its observed share."""
    counts = np.bincount(design.response.values.astype(int), minlength=len(design.response.categories)) + 0.5
    meaning = design.spec.family_record.cutpoints
    cutpoints = meaning.at_shares(design.spec.probability_link, counts / counts.sum())
    return np.concatenate([cutpoints[:1], np.log(np.diff(cutpoints))]) if meaning.ascend else cutpoints


def as_cutpoints(prior: CutpointsPrior, at: np.ndarray) -> np.ndarray:
    """Map places on the real line (..., cutpoints) to cutpoints, same shape."""
    steps = at.copy()
    if prior.kind != _CUMULATIVE:
        return steps
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
def _place_ascending(prior: CutpointsPrior, x: np.ndarray, first: int, values: np.ndarray) -> float:
    """Write cumulative cutpoints at x; return their log prior density."""
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
def _pull_ascending(
    prior: CutpointsPrior, x: np.ndarray, first: int, values: np.ndarray, slope: np.ndarray, out: np.ndarray
) -> None:
    """Write the derivatives at the places of cumulative cutpoints."""
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


@part
def _stop(link: int, c: float) -> tuple[float, float, float, float]:
    """Return log F(c), log G(c), and their derivatives."""
    if link == 0:
        log_stop, log_pass, up, down, _, _ = logistic(c)
    elif link == 1:
        log_stop, log_pass, up, down, _, _ = normal(c)
    else:
        log_stop, log_pass, up, down, _, _ = complementary_log_log(c)
    return log_stop, log_pass, up, -down


@part
def _place_sequential(prior: CutpointsPrior, x: np.ndarray, first: int, values: np.ndarray) -> float:
    """Write sequential cutpoints at x; return their log prior density."""
    total, n, a = prior.log_constant, prior.number, prior.concentration
    for k in range(n):
        values[k] = x[first + k]
        log_stop, log_pass, _, _ = _stop(prior.link, values[k])
        _, _, log_slope, _ = _describe(prior.link, values[k])
        total += log_slope + (a - 1.0) * log_stop + (a * (n - k) - 1.0) * log_pass
    return total


@part
def _pull_sequential(prior: CutpointsPrior, first: int, values: np.ndarray, slope: np.ndarray, out: np.ndarray) -> None:
    """Write the derivatives at sequential cutpoints."""
    n, a = prior.number, prior.concentration
    for k in range(n):
        _, _, up, down = _stop(prior.link, values[k])
        _, _, _, slope_of_log = _describe(prior.link, values[k])
        out[first + k] = slope[k] + slope_of_log + (a - 1.0) * up + (a * (n - k) - 1.0) * down


@part
def _largest_of_adjacent(number: int, values: np.ndarray) -> tuple[float, float]:
    """Return the largest log odds of a category to the first, and the sum of all odds relative to it."""
    largest, log_odds = 0.0, 0.0
    for k in range(number):
        log_odds -= values[k]
        largest = max(largest, log_odds)
    whole, log_odds = np.exp(-largest), 0.0
    for k in range(number):
        log_odds -= values[k]
        whole += np.exp(log_odds - largest)
    return largest, whole


@part
def _place_adjacent(prior: CutpointsPrior, x: np.ndarray, first: int, values: np.ndarray) -> float:
    """Write adjacent cutpoints at x; return their log prior density."""
    n, log_odds, total = prior.number, 0.0, 0.0
    for k in range(n):
        values[k] = x[first + k]
        log_odds -= values[k]
        total += log_odds
    largest, whole = _largest_of_adjacent(n, values)
    return prior.log_constant + prior.concentration * (total - (n + 1) * (largest + np.log(whole)))


@part
def _pull_adjacent(prior: CutpointsPrior, first: int, values: np.ndarray, slope: np.ndarray, out: np.ndarray) -> None:
    """Write the derivatives at adjacent cutpoints: of K P(y > k) less the K - k categories above k, times a."""
    n, above = prior.number, 0.0
    largest, whole = _largest_of_adjacent(n, values)
    log_odds = 0.0
    for k in range(n):
        log_odds -= values[k]
    for k in range(n - 1, -1, -1):
        above += np.exp(log_odds - largest) / whole
        log_odds += values[k]
        out[first + k] = slope[k] + prior.concentration * ((n + 1) * above - (n - k))


@part
def place_cutpoints(prior: CutpointsPrior, x: np.ndarray, first: int, values: np.ndarray) -> float:
    """Write the cutpoints at x, from x[first] on, into values (cutpoints,); return their log prior density."""
    if prior.kind == _CUMULATIVE:
        return _place_ascending(prior, x, first, values)
    if prior.kind == _SEQUENTIAL:
        return _place_sequential(prior, x, first, values)
    return _place_adjacent(prior, x, first, values)


@part
def pull_cutpoints(
    prior: CutpointsPrior, x: np.ndarray, first: int, values: np.ndarray, slope: np.ndarray, out: np.ndarray
) -> None:
    """Write the derivatives at x into out, from out[first] on, given those of the rows in the cutpoints."""
    if prior.kind == _CUMULATIVE:
        _pull_ascending(prior, x, first, values, slope, out)
    elif prior.kind == _SEQUENTIAL:
        _pull_sequential(prior, first, values, slope, out)
    else:
        _pull_adjacent(prior, first, values, slope, out)
