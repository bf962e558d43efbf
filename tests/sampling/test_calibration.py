"""Simulation-based calibration of the collapsed engine: true values from the priors rank uniformly among draws."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import partialpool as pp
from checks.calibration import check_uniform, departures
from checks.simulated_study import (
    WRONG,
    at_zero,
    closed_form,
    crossed_table,
    factors_of,
    intercepts,
    one_draw,
    one_factor_table,
    predictor,
    quantities,
    slopes_at_zero,
)

DATA_SETS = 500
FALSE_ALARM = 1e-3 / 5
"""Chance of a false alarm in each set of ranks that must be uniform: four designs, one posterior in closed form."""
MAX_FALLBACK = 0.02


def slopes_truth(rng, table):
    slope, sigma, corr = rng.normal(0.5, 1), abs(rng.standard_t(3)), rng.uniform(-1, 1)
    sd = np.array([abs(rng.standard_t(3)), rng.exponential(0.5)])
    truth = slopes_at_zero(rng, table, sd, corr)
    return truth | {"beta": at_zero(table, rng.normal(1, 2), slope), "sigma": sigma}


def one_icc_truth(rng, table):
    total, icc = abs(rng.normal(0, 2)), rng.beta(2, 3)
    return split_truth(rng, table, {"g": total * np.sqrt(icc)}, total * np.sqrt(1 - icc))


def two_icc_truth(rng, table):
    """The shares of the three parts of the variance are Dirichlet(1, 2, 3)."""
    total, shares = rng.gamma(3, 0.5), rng.dirichlet([1, 2, 3])
    g, h, sigma = total * np.sqrt(shares)
    return split_truth(rng, table, {"g": g, "h": h}, sigma)


def split_truth(rng, table, sds, sigma):
    slope = rng.normal(0.5, 1)
    truth = {"beta": at_zero(table, rng.normal(1, 2), slope), "sigma": sigma}
    return truth | intercepts(rng, table, sds)


def crossed_truth(rng, table):
    slope = 0.5 * rng.standard_t(4)
    sd_g, sd_h, sigma = rng.gamma(2, 0.5), abs(rng.normal(0, 1)), rng.exponential(1)
    truth = {"beta": at_zero(table, rng.normal(-1, 2), slope), "sigma": sigma}
    return truth | intercepts(rng, table, {"g": sd_g, "h": sd_h})


@dataclass(frozen=True)
class Scheme:
    """A formula and its table; priors as arguments of `fit`, and a function that draws true values from them."""

    seed: int
    formula: str
    table: pd.DataFrame
    priors: dict[str, pp.Prior]
    draw_truth: Callable


SCHEMES = {
    "correlated slopes": Scheme(
        1,
        "y ~ x + (x | g)",
        one_factor_table(),
        {
            "beta[Intercept]": pp.Prior("Normal", mu=1, sigma=2),
            "beta[x]": pp.Prior("Normal", mu=0.5, sigma=1),
            "sd_g[Intercept]": pp.Prior("HalfStudentT", nu=3, sigma=1),
            "sd_g[x]": pp.Prior("Exponential", lam=2),
            "corr_g": pp.Prior("LKJ", eta=1),
            "sigma": pp.Prior("HalfStudentT", nu=3, sigma=1),
        },
        slopes_truth,
    ),
    "crossed": Scheme(
        2,
        "y ~ x + (1 | g) + (1 | h)",
        crossed_table(),
        {
            "beta[Intercept]": pp.Prior("Normal", mu=-1, sigma=2),
            "beta[x]": pp.Prior("StudentT", nu=4, mu=0, sigma=0.5),
            "sd_g": pp.Prior("Gamma", alpha=2, beta=2),
            "sd_h": pp.Prior("HalfNormal", sigma=1),
            "sigma": pp.Prior("Exponential", lam=1),
        },
        crossed_truth,
    ),
    "ICC of one factor": Scheme(
        3,
        "y ~ x + (1 | g)",
        one_factor_table(),
        {
            "beta[Intercept]": pp.Prior("Normal", mu=1, sigma=2),
            "beta[x]": pp.Prior("Normal", mu=0.5, sigma=1),
            "icc": pp.Prior("Beta", alpha=2, beta=3),
            "total_sd": pp.Prior("HalfNormal", sigma=2),
        },
        one_icc_truth,
    ),
    "ICC of two factors": Scheme(
        4,
        "y ~ x + (1 | g) + (1 | h)",
        crossed_table(),
        {
            "beta[Intercept]": pp.Prior("Normal", mu=1, sigma=2),
            "beta[x]": pp.Prior("Normal", mu=0.5, sigma=1),
            "icc": pp.Prior("Beta", alpha=3, beta=3),
            "total_sd": pp.Prior("Gamma", alpha=3, beta=2),
            "share_g": pp.Prior("Dirichlet", a=1),
            "share_h": pp.Prior("Dirichlet", a=2),
        },
        two_icc_truth,
    ),
}


def ranked(table, y, values):
    """All ranked quantities by name, (draws,) each."""
    variance = {factor: values[f"sd_{factor}"][:, 0] ** 2 for factor in factors_of(values)}
    total = sum(variance.values()) + values["sigma"] ** 2
    return quantities(table, values) | {
        "sigma": values["sigma"],
        "log likelihood": stats.norm.logpdf(y, predictor(table, values), values["sigma"][:, None]).sum(axis=1),
        **{f"icc_{factor}": part / total for factor, part in variance.items()},
    }


@dataclass(frozen=True, eq=False)
class Study:
    """True values (data sets,) and draws (data sets, draws) by quantity; seeds of the data sets fitted by NUTS."""

    truth: dict[str, np.ndarray]
    draws: dict[str, np.ndarray]
    by_nuts: list[int]


def run_study(scheme):
    """Fit every data set, and keep every fifth draw of four chains: these are nearly independent."""
    true_values, draws, by_nuts = [], [], []
    for seed in range(DATA_SETS):
        rng = np.random.default_rng([scheme.seed, seed])
        truth = one_draw(scheme.draw_truth(rng, scheme.table))
        y = rng.normal(predictor(scheme.table, truth)[0], truth["sigma"])
        fit = pp.fit(
            scheme.formula,
            scheme.table.assign(y=y),
            priors=scheme.priors,
            engine="collapsed",
            draws=250,
            seed=seed,
            progressbar=False,
        )
        if "NUTS" in json.loads(fit.tree.attrs["run"])["sampler"]:
            by_nuts.append(seed)
        true_values.append(ranked(scheme.table, y, truth))
        draws.append(ranked(scheme.table, y, {name: values[::5] for name, values in fit.stacked().items()}))
    return Study(
        {name: np.concatenate([t[name] for t in true_values]) for name in true_values[0]},
        {name: np.stack([d[name] for d in draws]) for name in draws[0]},
        by_nuts,
    )


@pytest.fixture(scope="module", params=SCHEMES)
def study(request):
    return run_study(SCHEMES[request.param])


@pytest.mark.slow
def test_true_values_rank_uniformly(study):
    note = f"{len(study.by_nuts)} of {DATA_SETS} data sets were fitted by NUTS, seeds {study.by_nuts}"
    assert len(study.by_nuts) <= MAX_FALLBACK * DATA_SETS, note
    check_uniform(study.truth, study.draws, false_alarm=FALSE_ALARM, note=note)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_posterior_would_be_detected(study, wrong):
    prefix, distort = WRONG[wrong]
    draws = {name: distort(values) for name, values in study.draws.items() if name.startswith(prefix)}
    found = departures({name: study.truth[name] for name in draws}, draws, false_alarm=FALSE_ALARM)
    assert found
    assert [name for name, departure in found.items() if not departure.outside] == []


def test_exact_draws_are_calibrated():
    check_uniform(*closed_form(DATA_SETS, 200), false_alarm=FALSE_ALARM)


def test_draws_of_a_wrong_spread_are_not_calibrated():
    with pytest.raises(AssertionError, match=r"ranks are not uniform\nOUTSIDE [+-]0\.\d+ of 0\.\d+  mu\n[\s\S]*a note"):
        check_uniform(*closed_form(DATA_SETS, 200, spread=0.7), false_alarm=FALSE_ALARM, note="a note")


def test_the_log_likelihood_detects_draws_that_ignore_the_data():
    found = departures(*closed_form(DATA_SETS, 200, ignore_data=True), false_alarm=FALSE_ALARM)
    assert not found["mu"].outside
    assert found["log likelihood"].outside
