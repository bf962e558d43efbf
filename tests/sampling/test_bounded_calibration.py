"""Simulation-based calibration of a censored and of a truncated model.

As `test_nuts_calibration.py`: true values from the priors rank uniformly among draws. In 100 tables of each model all
quantities were within their bands: the largest departure from uniform ranks was 0.64 of what its band allows (sigma of
the truncated model), and 0.42 in the censored one (an effect).
"""

import warnings

import numpy as np
import pytest
from scipy import special, stats

import partialpool as pp
from checks.calibration import check_uniform, departures
from checks.simulated_study import at_zero, closed_form, intercepts, level_of_row, one_draw, one_factor_table

DATA_SETS, DRAWS, THIN = 100, 500, 5
FALSE_ALARM = 1e-3 / 2
TABLE = one_factor_table()
"""103 rows of 15 levels."""
COLUMNS = np.stack([np.ones(len(TABLE)), TABLE["x"]])
LOW, HIGH = 0.0, 2.5
PRIORS = {
    "beta[Intercept]": pp.Prior("Normal", mu=1, sigma=0.7),
    "beta[x]": pp.Prior("Normal", mu=0.2, sigma=0.3),
    "sd_g": pp.Prior("HalfNormal", sigma=0.6),
}


def predictor(values):
    """Return the linear predictor, (draws, rows)."""
    return values["beta"] @ COLUMNS + values["b_g"][:, level_of_row(TABLE, "g"), 0]


def truth_of(rng):
    coefficients = at_zero(TABLE, rng.normal(1, 0.7), rng.normal(0.2, 0.3))
    return {"beta": coefficients} | intercepts(rng, TABLE, {"g": abs(rng.normal(0, 0.6))})


class Censored:
    """Weibull times, of which about a half are cut off."""

    formula, family, seed = "y | cens(late) ~ x + (1 | g)", "weibull", 31
    priors = PRIORS | {"alpha": pp.Prior("Gamma", alpha=4, beta=2)}

    @staticmethod
    def truth(rng):
        return truth_of(rng) | {"alpha": rng.gamma(4, 0.5)}

    @staticmethod
    def scale(values):
        alpha = values["alpha"][:, None]
        return alpha, np.exp(predictor(values)) / special.gamma(1 + 1 / alpha)

    @classmethod
    def table(cls, rng, values):
        alpha, scale = (part[0] for part in cls.scale(values))
        time, cut = scale * rng.weibull(alpha, len(TABLE)), rng.exponential(4, len(TABLE))
        return TABLE.assign(y=np.minimum(time, cut), late=time > cut)

    @classmethod
    def log_density(cls, table, values):
        alpha, scale = cls.scale(values)
        y, late = table["y"].to_numpy(), table["late"].to_numpy()
        new = stats.weibull_min(alpha, scale=scale)
        return np.where(late, new.logsf(y), new.logpdf(y))


class Truncated:
    """Normal responses within bounds that leave about two thirds of them."""

    formula, family, seed = f"y | trunc(lb={LOW:g}, ub={HIGH}) ~ x + (1 | g)", "gaussian", 32
    priors = PRIORS | {"sigma": pp.Prior("HalfNormal", sigma=1)}

    @staticmethod
    def truth(rng):
        return truth_of(rng) | {"sigma": abs(rng.normal())}

    @staticmethod
    def new(values):
        eta, sigma = predictor(values), values["sigma"][:, None]
        return stats.truncnorm((LOW - eta) / sigma, (HIGH - eta) / sigma, eta, sigma)

    @classmethod
    def table(cls, rng, values):
        return TABLE.assign(y=cls.new(values).rvs((1, len(TABLE)), random_state=rng)[0])

    @classmethod
    def log_density(cls, table, values):
        return cls.new(values).logpdf(table["y"].to_numpy())


def ranked(scheme, table, values):
    """All ranked quantities by name, (draws,) each: parameters, two levels' effects, the log likelihood."""
    out = {"log likelihood": scheme.log_density(table, values).sum(axis=1)}
    for name, array in values.items():
        columns = array[:, [0, 7], 0].T if name.startswith("b_") else array.reshape(len(array), -1).T
        out |= {f"{name}[{k}]": column for k, column in enumerate(columns)}
    return out


def run_study(scheme):
    """Fit every data set by one chain: true values (data sets,), and draws (data sets, draws), by quantity."""
    true_values, draws = [], []
    for seed in range(DATA_SETS):
        rng = np.random.default_rng([scheme.seed, seed])
        truth = one_draw(scheme.truth(rng))
        table = scheme.table(rng, truth)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "do not rely on these draws", pp.SamplingWarning)
            settings = {"draws": DRAWS, "chains": 1, "cores": 1, "seed": seed, "progressbar": False}
            fit = pp.fit(scheme.formula, table, family=scheme.family, priors=scheme.priors, **settings)
        true_values.append(ranked(scheme, table, truth))
        kept = {name: values[::THIN] for name, values in fit.stacked().items()}
        draws.append(ranked(scheme, table, {name: kept[name] for name in truth}))
    return (
        {name: np.concatenate([t[name] for t in true_values]) for name in true_values[0]},
        {name: np.stack([d[name] for d in draws]) for name in draws[0]},
    )


@pytest.mark.slow
@pytest.mark.parametrize("scheme", [Censored, Truncated])
def test_true_values_rank_uniformly(scheme):
    check_uniform(*run_study(scheme), false_alarm=FALSE_ALARM)


def test_a_wrong_spread_is_detected_by_this_number_of_data_sets_and_draws():
    assert departures(*closed_form(DATA_SETS, DRAWS // THIN, spread=0.5), false_alarm=FALSE_ALARM)["mu"].outside


def test_exact_draws_are_calibrated():
    check_uniform(*closed_form(DATA_SETS, DRAWS // THIN), false_alarm=FALSE_ALARM)
