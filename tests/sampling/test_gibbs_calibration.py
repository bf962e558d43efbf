"""Simulation-based calibration of the gibbs engine: true values from the priors rank uniformly among draws."""

from functools import cache

import numpy as np
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
    predictor,
    quantities,
)
from partialpool.marginal.gaussian import block_factors

DATA_SETS = 500
FALSE_ALARM = 1e-3
DRAWS, THIN = 500, 5
"""Draws of one chain, of which the 100 that are kept are nearly independent."""
FORMULA = "y ~ x + (1 | g) + (1 | h)"
PRIORS = {
    "beta[Intercept]": pp.Prior("Normal", mu=-1, sigma=2),
    "beta[x]": pp.Prior("Normal", mu=0.3, sigma=0.5),
    "sd_g": pp.Prior("Gamma", alpha=2, beta=2),
    "sd_h": pp.Prior("HalfNormal", sigma=1),
    "sigma": pp.Prior("Exponential", lam=1),
}


def draw_truth(rng, table):
    sd_g, sd_h, sigma = rng.gamma(2, 0.5), abs(rng.normal(0, 1)), rng.exponential(1)
    truth = {"beta": at_zero(table, rng.normal(-1, 2), rng.normal(0.3, 0.5)), "sigma": sigma}
    return truth | intercepts(rng, table, {"g": sd_g, "h": sd_h})


def ranked(table, y, values):
    """All ranked quantities by name, (draws,) each."""
    variance = {factor: values[f"sd_{factor}"][:, 0] ** 2 for factor in factors_of(values)}
    total = sum(variance.values()) + values["sigma"] ** 2
    return quantities(table, values) | {
        "sigma": values["sigma"],
        "log likelihood": stats.norm.logpdf(y, predictor(table, values), values["sigma"][:, None]).sum(axis=1),
        **{f"icc_{factor}": part / total for factor, part in variance.items()},
    }


@cache
def study():
    """Fit every data set in two blocks; return true values and draws by quantity."""
    table, true_values, draws = crossed_table(), [], []
    options = {"engine": "gibbs", "draws": DRAWS, "tune": 100, "chains": 1, "cores": 1, "progressbar": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_factors, "_MOST_TAIL", 0)
        for seed in range(DATA_SETS):
            rng = np.random.default_rng([6, seed])
            truth = one_draw(draw_truth(rng, table))
            y = rng.normal(predictor(table, truth)[0], truth["sigma"])
            fit = pp.fit(FORMULA, table.assign(y=y), priors=PRIORS, seed=seed, **options)
            assert fit.run.sampler.endswith("in 2 blocks")
            true_values.append(ranked(table, y, truth))
            draws.append(ranked(table, y, {name: values[::THIN] for name, values in fit.stacked().items()}))
    return (
        {name: np.concatenate([t[name] for t in true_values]) for name in true_values[0]},
        {name: np.stack([d[name] for d in draws]) for name in draws[0]},
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:do not rely on these draws")  # one chain alone has an R-hat of its halves
def test_true_values_rank_uniformly():
    check_uniform(*study(), false_alarm=FALSE_ALARM)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:do not rely on these draws")
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_posterior_would_be_detected(wrong):
    prefix, distort = WRONG[wrong]
    truth, drawn = study()
    draws = {name: distort(values) for name, values in drawn.items() if name.startswith(prefix)}
    found = departures({name: truth[name] for name in draws}, draws, false_alarm=FALSE_ALARM)
    assert found
    assert [name for name, departure in found.items() if not departure.outside] == []


def test_exact_draws_are_calibrated():
    check_uniform(*closed_form(DATA_SETS, DRAWS // THIN), false_alarm=FALSE_ALARM)
