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
    slopes_at_zero,
)
from partialpool.marginal.gaussian import block_factors

DATA_SETS = 500
FALSE_ALARM = 1e-3
DRAWS, THIN = 500, 5
"""Draws of one chain, of which the 100 that are kept are nearly independent."""
COMMON_PRIORS = {
    "beta[Intercept]": pp.Prior("Normal", mu=-1, sigma=2),
    "beta[x]": pp.Prior("Normal", mu=0.3, sigma=0.5),
    "sd_h": pp.Prior("HalfNormal", sigma=1),
    "sigma": pp.Prior("Exponential", lam=1),
}


def common_truth(rng, table):
    return {"beta": at_zero(table, rng.normal(-1, 2), rng.normal(0.3, 0.5)), "sigma": rng.exponential(1)}


def intercepts_truth(rng, table):
    sds = {"g": rng.gamma(2, 0.5), "h": abs(rng.normal(0, 1))}
    return common_truth(rng, table) | intercepts(rng, table, sds)


def slopes_truth(rng, table):
    sd, corr = np.array([rng.gamma(2, 0.5), rng.exponential(0.5)]), 2 * rng.beta(2, 2) - 1
    of_h = intercepts(rng, table, {"h": abs(rng.normal(0, 1))})
    return common_truth(rng, table) | slopes_at_zero(rng, table, sd, corr) | of_h


MODELS = {
    "intercepts": ("y ~ x + (1 | g) + (1 | h)", {"sd_g": pp.Prior("Gamma", alpha=2, beta=2)}, intercepts_truth),
    "slopes": (
        "y ~ x + (x | g) + (1 | h)",
        {
            "sd_g[Intercept]": pp.Prior("Gamma", alpha=2, beta=2),
            "sd_g[x]": pp.Prior("Exponential", lam=2),
            "corr_g": pp.Prior("LKJ", eta=2),
        },
        slopes_truth,
    ),
}


def ranked(table, y, values):
    """All ranked quantities by name, (draws,) each."""
    likelihood = stats.norm.logpdf(y, predictor(table, values), values["sigma"][:, None]).sum(axis=1)
    out = quantities(table, values) | {"sigma": values["sigma"], "log likelihood": likelihood}
    if any(values[f"sd_{factor}"].shape[1] > 1 for factor in factors_of(values)):
        return out
    variance = {factor: values[f"sd_{factor}"][:, 0] ** 2 for factor in factors_of(values)}
    total = sum(variance.values()) + values["sigma"] ** 2
    return out | {f"icc_{factor}": part / total for factor, part in variance.items()}


@cache
def study(model):
    """Fit every data set in two blocks; return true values and draws by quantity."""
    table, true_values, draws = crossed_table(), [], []
    formula, priors, draw_truth = MODELS[model]
    options = {"engine": "gibbs", "draws": DRAWS, "tune": 100, "chains": 1, "cores": 1, "progressbar": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_factors, "_MOST_TAIL", 0)
        for seed in range(DATA_SETS):
            rng = np.random.default_rng([6, seed])
            truth = one_draw(draw_truth(rng, table))
            y = rng.normal(predictor(table, truth)[0], truth["sigma"])
            fit = pp.fit(formula, table.assign(y=y), priors=COMMON_PRIORS | priors, seed=seed, **options)
            assert fit.run.sampler.endswith("in 2 blocks")
            true_values.append(ranked(table, y, truth))
            draws.append(ranked(table, y, {name: values[::THIN] for name, values in fit.stacked().items()}))
    return (
        {name: np.concatenate([t[name] for t in true_values]) for name in true_values[0]},
        {name: np.stack([d[name] for d in draws]) for name in draws[0]},
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:do not rely on these draws")  # one chain alone has an R-hat of its halves
@pytest.mark.parametrize("model", MODELS)
def test_true_values_rank_uniformly(model):
    check_uniform(*study(model), false_alarm=FALSE_ALARM)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:do not rely on these draws")
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_posterior_would_be_detected(wrong):
    prefix, distort = WRONG[wrong]
    truth, drawn = study("intercepts")
    draws = {name: distort(values) for name, values in drawn.items() if name.startswith(prefix)}
    found = departures({name: truth[name] for name in draws}, draws, false_alarm=FALSE_ALARM)
    assert found
    assert [name for name, departure in found.items() if not departure.outside] == []


def test_exact_draws_are_calibrated():
    check_uniform(*closed_form(DATA_SETS, DRAWS // THIN), false_alarm=FALSE_ALARM)
