"""Simulation-based calibration of the nuts engine: true values from the priors rank uniformly among draws."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import partialpool as pp
from checks.calibration import check_uniform, departures
from checks.simulated_study import (
    WRONG,
    at_zero,
    closed_form,
    crossed_table,
    intercepts,
    one_draw,
    one_factor_table,
    predictor,
    quantities,
    slopes_at_zero,
)

DATA_SETS = 600
DRAWS, THIN = 500, 5
"""Draws of one chain; the ESS of the 100 that are kept is 92 to 100 in the median data set, by quantity."""
MAX_DIVERGENT = 2e-4
"""Allowed share of divergent draws in a scheme; at most 5e-5 was observed."""
FALSE_ALARM = 1e-3 / 6
"""Chance of a false alarm in each set of ranks that must be uniform: five designs, one posterior in closed form."""


def nested_table():
    """8 levels of g with 2 to 6 levels of h each, of 1 to 5 rows; the mean of x varies between levels of g."""
    rng = np.random.default_rng(14)
    g = np.repeat(np.arange(8), rng.permutation([2, 3, 3, 4, 4, 5, 5, 6]))
    h = pd.Series(g).groupby(g).cumcount().to_numpy()
    rows = np.repeat(np.arange(len(g)), rng.permutation(np.resize([1, 2, 3, 4, 5], len(g))))
    x = 1 + 0.5 * rng.normal(size=8)[g[rows]] + rng.normal(size=len(rows))
    return pd.DataFrame({"g": g[rows], "h": h[rows], "x": x})


def choices_truth(rng, table):
    sd = np.array([abs(rng.normal(0, 1)), rng.exponential(0.7)])
    corr = 2 * rng.beta(2, 2) - 1
    beta = at_zero(table, rng.normal(0, 1), rng.normal(0.5, 0.7))
    return {"beta": beta} | slopes_at_zero(rng, table, sd, corr)


def choices(rng, eta, _):
    return rng.binomial(1, special.expit(eta))


def choices_density(y, eta, _):
    return stats.bernoulli.logpmf(y, special.expit(eta))


def nested_truth(rng, table):
    sds = {"g": abs(rng.normal(0, 0.6)), "g:h": rng.exponential(0.4)}
    return {"beta": at_zero(table, rng.normal(1, 0.7), rng.normal(0.2, 0.3))} | intercepts(rng, table, sds)


def counts(rng, eta, _):
    return rng.poisson(np.exp(eta))


def counts_density(y, eta, _):
    return stats.poisson.logpmf(y, np.exp(eta))


def overdispersed_truth(rng, table):
    sds = {"g": rng.gamma(2, 0.25), "h": abs(rng.normal(0, 0.6))}
    beta = at_zero(table, rng.normal(1.2, 0.7), 0.2 * rng.standard_t(4))
    return {"beta": beta, "alpha": rng.gamma(4, 0.75)} | intercepts(rng, table, sds)


def overdispersed(rng, eta, own):
    """Counts whose mean has a gamma distribution of shape alpha."""
    return rng.poisson(np.exp(eta) * rng.gamma(own["alpha"], size=len(eta)) / own["alpha"])


def overdispersed_density(y, eta, own):
    alpha = own["alpha"][:, None]
    return stats.nbinom.logpmf(y, alpha, alpha / (alpha + np.exp(eta)))


def heavy_tailed_truth(rng, table):
    beta = at_zero(table, rng.normal(1, 2), rng.normal(0.5, 1))
    own = {"sigma": abs(rng.normal(0, 1)), "nu": rng.gamma(4, 2)}
    return {"beta": beta} | own | intercepts(rng, table, {"g": abs(rng.standard_t(3))})


def heavy_tailed(rng, eta, own):
    return eta + own["sigma"] * rng.standard_t(own["nu"], size=len(eta))


def heavy_tailed_density(y, eta, own):
    return stats.t.logpdf(y, own["nu"][:, None], eta, own["sigma"][:, None])


def ratings_truth(rng, table):
    """Four categories, whose probabilities at the mean of x and without group effects are Dirichlet."""
    slope = rng.normal(0.3, 0.5)
    at_mean = special.logit(np.cumsum(rng.dirichlet([3, 3, 3, 3]))[:-1])
    sd, corr = np.array([abs(rng.normal(0, 1)), rng.exponential(0.7)]), 2 * rng.beta(2, 2) - 1
    own = {"cutpoints": at_mean + slope * table["x"].mean()}
    return {"beta": np.array([slope])} | own | slopes_at_zero(rng, table, sd, corr)


def ratings(rng, eta, own):
    return (rng.logistic(size=len(eta)) + eta > own["cutpoints"][:, None]).sum(axis=0)


def ratings_density(y, eta, own):
    ends = np.full((len(eta), 1), np.inf)
    bounds = np.concatenate([-ends, own["cutpoints"], ends], axis=1)
    above, below = bounds[:, y + 1] - eta, bounds[:, y] - eta
    return np.log(special.expit(above) - special.expit(below))


@dataclass(frozen=True)
class Scheme:
    """Arguments of `fit`, and functions that draw true values and a response, and compute the log density of rows."""

    seed: int
    formula: str
    family: str
    table: pd.DataFrame
    priors: dict[str, pp.Prior]
    draw_truth: Callable
    draw: Callable
    log_density: Callable
    own: tuple[str, ...] = ()


SCHEMES = {
    "choices, correlated slopes": Scheme(
        1,
        "y ~ x + (x | g)",
        "bernoulli",
        one_factor_table(),
        {
            "beta[Intercept]": pp.Prior("Normal", mu=0, sigma=1),
            "beta[x]": pp.Prior("Normal", mu=0.5, sigma=0.7),
            "sd_g[Intercept]": pp.Prior("HalfNormal", sigma=1),
            "sd_g[x]": pp.Prior("Exponential", lam=1 / 0.7),
            "corr_g": pp.Prior("LKJ", eta=2),
        },
        choices_truth,
        choices,
        choices_density,
    ),
    "counts, nested": Scheme(
        2,
        "y ~ x + (1 | g/h)",
        "poisson",
        nested_table(),
        {
            "beta[Intercept]": pp.Prior("Normal", mu=1, sigma=0.7),
            "beta[x]": pp.Prior("Normal", mu=0.2, sigma=0.3),
            "sd_g": pp.Prior("HalfNormal", sigma=0.6),
            "sd_g:h": pp.Prior("Exponential", lam=2.5),
        },
        nested_truth,
        counts,
        counts_density,
    ),
    "overdispersed counts, crossed": Scheme(
        3,
        "y ~ x + (1 | g) + (1 | h)",
        "negative_binomial",
        crossed_table(),
        {
            "beta[Intercept]": pp.Prior("Normal", mu=1.2, sigma=0.7),
            "beta[x]": pp.Prior("StudentT", nu=4, mu=0, sigma=0.2),
            "sd_g": pp.Prior("Gamma", alpha=2, beta=4),
            "sd_h": pp.Prior("HalfNormal", sigma=0.6),
            "alpha": pp.Prior("Gamma", alpha=4, beta=1 / 0.75),
        },
        overdispersed_truth,
        overdispersed,
        overdispersed_density,
        ("alpha",),
    ),
    "heavy tails, one factor": Scheme(
        4,
        "y ~ x + (1 | g)",
        "student_t",
        one_factor_table(),
        {
            "beta[Intercept]": pp.Prior("Normal", mu=1, sigma=2),
            "beta[x]": pp.Prior("Normal", mu=0.5, sigma=1),
            "sd_g": pp.Prior("HalfStudentT", nu=3, sigma=1),
            "sigma": pp.Prior("HalfNormal", sigma=1),
            "nu": pp.Prior("Gamma", alpha=4, beta=0.5),
        },
        heavy_tailed_truth,
        heavy_tailed,
        heavy_tailed_density,
        ("sigma", "nu"),
    ),
    "ratings, correlated slopes": Scheme(
        5,
        "y ~ x + (x | g)",
        "cumulative",
        one_factor_table(repeated=2),
        {
            "beta[x]": pp.Prior("Normal", mu=0.3, sigma=0.5),
            "cutpoints": pp.Prior("Dirichlet", a=3),
            "sd_g[Intercept]": pp.Prior("HalfNormal", sigma=1),
            "sd_g[x]": pp.Prior("Exponential", lam=1 / 0.7),
            "corr_g": pp.Prior("LKJ", eta=2),
        },
        ratings_truth,
        ratings,
        ratings_density,
        ("cutpoints",),
    ),
}


def ranked(scheme, y, values):
    """All ranked quantities by name, (draws,) each."""
    own = {name: values[name] for name in scheme.own}
    log_likelihood = scheme.log_density(y, predictor(scheme.table, values), own).sum(axis=1)
    one_by_one = {
        f"{name}[{k}]": column
        for name, of_name in own.items()
        for k, column in enumerate(of_name.reshape(len(of_name), -1).T)
    }
    return quantities(scheme.table, values) | one_by_one | {"log likelihood": log_likelihood}


@dataclass(frozen=True, eq=False)
class Study:
    """True values (data sets,) and draws (data sets, draws) by quantity; divergences by seed."""

    truth: dict[str, np.ndarray]
    draws: dict[str, np.ndarray]
    divergences: dict[int, int]


def draw_data(scheme, rng):
    """Draw true values and a response; of ratings both are drawn again until every category has rows.

    This condition does not change posteriors, because it is an event of the response.
    """
    while True:
        own_truth = scheme.draw_truth(rng, scheme.table)
        truth = one_draw(own_truth)
        y = scheme.draw(rng, predictor(scheme.table, truth)[0], own_truth)
        if "cutpoints" not in own_truth or len(np.unique(y)) == len(own_truth["cutpoints"]) + 1:
            return truth, y


def run_study(scheme, data_sets=DATA_SETS):
    """Fit every data set by one chain; draws that diverge are kept and counted."""
    true_values, draws, divergences = [], [], {}
    for seed in range(data_sets):
        rng = np.random.default_rng([scheme.seed, seed])
        truth, y = draw_data(scheme, rng)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "do not rely on these draws", pp.SamplingWarning)
            fit = pp.fit(
                scheme.formula,
                scheme.table.assign(y=y),
                family=scheme.family,
                priors=scheme.priors,
                engine="nuts",
                draws=DRAWS,
                chains=1,
                cores=1,
                seed=seed,
                progressbar=False,
            )
        diverging = int(fit.tree["sample_stats"]["diverging"].sum())
        if diverging:
            divergences[seed] = diverging
        true_values.append(ranked(scheme, y, truth))
        draws.append(ranked(scheme, y, {name: values[::THIN] for name, values in fit.stacked().items()}))
    return Study(
        {name: np.concatenate([t[name] for t in true_values]) for name in true_values[0]},
        {name: np.stack([d[name] for d in draws]) for name in draws[0]},
        divergences,
    )


@pytest.fixture(scope="module", params=SCHEMES)
def study(request):
    return run_study(SCHEMES[request.param])


@pytest.mark.slow
def test_true_values_rank_uniformly(study):
    note = f"divergences by seed: {study.divergences}"
    assert sum(study.divergences.values()) <= MAX_DIVERGENT * DATA_SETS * DRAWS, note
    check_uniform(study.truth, study.draws, false_alarm=FALSE_ALARM, note=note)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_posterior_would_be_detected(study, wrong):
    prefix, distort = WRONG[wrong]
    draws = {name: distort(values) for name, values in study.draws.items() if name.startswith(prefix)}
    found = departures({name: study.truth[name] for name in draws}, draws, false_alarm=FALSE_ALARM)
    assert found
    assert [name for name, departure in found.items() if not departure.outside] == []


def test_a_wrong_spread_is_detected_by_this_number_of_data_sets_and_draws():
    assert departures(*closed_form(DATA_SETS, DRAWS // THIN, spread=0.7), false_alarm=FALSE_ALARM)["mu"].outside


def test_exact_draws_are_calibrated():
    check_uniform(*closed_form(DATA_SETS, DRAWS // THIN), false_alarm=FALSE_ALARM)
