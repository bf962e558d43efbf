"""Coverage: how often intervals contain a known true value, judged by exact binomial bounds.

If the true value is drawn from the prior and data are drawn given the true value, it is one more draw from the
posterior. The central 90 % interval of an exact posterior then contains it with probability 0.9. This is exact on
average over the prior, for parameters and for anything computed from them or simulated from them. Over independent data
sets the number of intervals that contain the true value is Binomial(data sets, 0.9).
"""

import json
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

import partialpool as pp
from partialpool.sampling.settings import Settings

type Numbers = Mapping[str, Any]
"""Values by quantity."""

MASSES = (0.9, 0.8)
"""Mass of the intervals that are judged, and of intervals that are too narrow on purpose."""
NAIVE = "naive 90 % interval of x"
"""Interval of least squares that treats all rows as independent: wrong, and included for comparison."""


def central(draws, mass):
    """Return the ends of the interval with the central mass of draws (draws, ...), (2, ...).

    The k-th smallest of n draws has k / (n + 1) of the posterior below it on average (`weibull`): intervals of
    independent draws contain a true value with exactly this probability, however few draws there are.
    """
    return np.quantile(draws, [(1 - mass) / 2, (1 + mass) / 2], axis=0, method="weibull")


class Coverage(NamedTuple):
    """Numbers of true values below, inside and above their intervals, and the bounds of the number inside."""

    below: int
    inside: int
    above: int
    low: int
    high: int

    @property
    def outside(self):
        return not self.low <= self.inside <= self.high


def coverages(truth: Numbers, ends: Numbers, *, nominal: tuple[float, float], false_alarm: float):
    """Return the coverage of each quantity.

    Parameters
    ----------
    truth, ends
        True values and interval ends by quantity, of shapes (data sets,) and (data sets, 2).
    nominal
        The lowest and the highest true coverage that count as correct; equal if the coverage is known.
    false_alarm
        Upper bound of the chance that correct intervals leave the bounds of any quantity, by Bonferroni over quantities
        and sides.
    """
    tail = false_alarm / (2 * len(truth))
    found = {}
    for name, value in truth.items():
        n, (lower, upper) = len(value), ends[name].T
        below, inside = (value < lower).sum(), ((lower <= value) & (value <= upper)).sum()
        # Fewer than `low` inside have at most the chance `tail`, and so have more than `high`.
        low, high = stats.binom.ppf(tail, n, nominal[0]), stats.binom.isf(tail, n, nominal[1])
        found[name] = Coverage(int(below), int(inside), int(n - inside - below), int(low), int(high))
    return found


def mean_coverage(truth: Numbers, ends: Numbers) -> tuple[float, float]:
    """Return the coverage averaged over all quantities and its standard error; only data sets are independent."""
    inside = np.mean([(ends[name][:, 0] <= truth[name]) & (truth[name] <= ends[name][:, 1]) for name in truth], axis=0)
    return float(inside.mean()), float(inside.std(ddof=1) / np.sqrt(len(inside)))


def table(found: Mapping[str, Coverage], note: str = "") -> str:
    """Return one line per quantity, with shares of its data sets in percent; those outside their bounds come first."""
    lines = ["        covered  bounds        missed below/above"]
    for name, c in sorted(found.items(), key=lambda item: not item[1].outside):
        below, inside, above, low, high = (100 * count / (c.below + c.inside + c.above) for count in c)
        lines.append(
            f"{'OUTSIDE' if c.outside else 'inside ':7} {inside:5.1f} %  {low:4.1f} to {high:5.1f}  "
            f"{below:4.1f} / {above:4.1f}  {name}"
        )
    return "\n".join([*lines, note])


@dataclass(frozen=True, eq=False)
class Plan:
    """One study: how true values and data are simulated, and the answers of a fit that are compared with true values.

    Attributes
    ----------
    seed
        Seed of the whole study.
    formula, family, priors
        Arguments of `fit`.
    frame
        The table without its response, the same for every data set.
    draw_truth
        Function from (generator, table) to a truth with fields `beta` (intercept, x) and `sigma`.
    predictor
        Function from (truth, table) to the linear predictor, (rows,).
    answers
        Function from (fit, seed) to draws (draws,) by quantity.
    known
        Function from (truth, table, generator) to the true value by quantity; future observations are simulated.
    """

    seed: int
    formula: str
    frame: pd.DataFrame
    draw_truth: Callable
    predictor: Callable
    answers: Callable
    known: Callable
    priors: Mapping[str, pp.Prior]
    family: str = "gaussian"


@dataclass(frozen=True, eq=False)
class Study:
    """True values (data sets,) by quantity, ends (data sets, 2) by mass and quantity, number of fits by NUTS."""

    truth: Numbers
    ends: Mapping[float, Numbers]
    by_nuts: int


def run(plan: Plan, data_sets: int) -> Study:
    """Simulate and fit data sets, several at once, each in one thread of its own process."""
    with ProcessPoolExecutor(Settings().threads, mp_context=get_context("spawn")) as pool:
        known, ends, by_nuts = zip(*pool.map(partial(_replicate, plan), range(data_sets), chunksize=10), strict=True)
    return Study(
        {name: np.array([truth[name] for truth in known]) for name in known[0]},
        {mass: {name: np.array([e[mass][name] for e in ends]) for name in ends[0][mass]} for mass in MASSES},
        sum(by_nuts),
    )


def _replicate(plan: Plan, number: int) -> tuple[Numbers, Mapping[float, Numbers], bool]:
    rng = np.random.default_rng([plan.seed, number])
    truth = plan.draw_truth(rng, plan.frame)
    y = rng.normal(plan.predictor(truth, plan.frame), truth.sigma)
    with warnings.catch_warnings():
        # Pytest's warning filters do not apply in this process.
        warnings.simplefilter("error", pp.PartialPoolWarning)
        warnings.simplefilter("error", RuntimeWarning)
        fit = pp.fit(
            plan.formula,
            plan.frame.assign(y=np.exp(y) if plan.family == "lognormal" else y),
            family=plan.family,
            priors=plan.priors,
            engine="collapsed",
            draws=250,
            chains=4,
            cores=1,
            seed=number,
            progressbar=False,
        )
        # The seed differs from that of the fit, so that the two do not share random numbers.
        answers, known = plan.answers(fit, 1_000_000 + number), plan.known(truth, plan.frame, rng)
        naive = pp.naive_errors(fit).sel(coef="x")
    assert set(answers) == set(known), set(answers) ^ set(known)
    ends = {mass: {name: central(draws, mass) for name, draws in answers.items()} for mass in MASSES}
    for mass in MASSES:
        reach = stats.norm.ppf((1 + mass) / 2) * float(naive["naive"])
        ends[mass][NAIVE] = float(naive["naive_estimate"]) + np.array([-reach, reach])
    return known, ends, "NUTS" in json.loads(fit.tree.attrs["run"])["sampler"]
