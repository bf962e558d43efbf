"""Simulation-based calibration of models with predictors of parameters, and of families with zeros.

As `test_nuts_calibration.py`: true values from the priors rank uniformly among draws.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import special, stats

import partialpool as pp
from checks.calibration import check_uniform, departures
from checks.simulated_study import at_zero, closed_form, intercepts, level_of_row, one_draw, one_factor_table
from partialpool.design.build import build_design
from partialpool.model.default_priors import resolve_priors
from partialpool.model.prior import draw_prior

DATA_SETS, DRAWS, THIN = 200, 500, 5
FALSE_ALARM = 1e-3 / 5
TABLE = one_factor_table().assign(n=12)
"""103 rows of 15 levels; `n` trials each."""
COLUMNS = np.stack([np.ones(len(TABLE)), TABLE["x"]])


def rows_of(values, prefix=""):
    """Return the predictor of the mean, or of the parameter that `prefix` names, (draws, rows)."""
    eta = values[f"beta{prefix}"] @ COLUMNS
    b = values.get(f"b{prefix}_g")
    return eta if b is None else eta + b[:, level_of_row(TABLE, "g"), 0]


def mean_truth(rng, intercept):
    """Draw the mean's coefficients, and the intercepts of groups."""
    return {"beta": at_zero(TABLE, rng.normal(intercept, 0.7), rng.normal(0.2, 0.3))} | intercepts(
        rng, TABLE, {"g": abs(rng.normal(0, 0.6))}
    )


def mean_priors(intercept):
    return {
        "beta[Intercept]": pp.Prior("Normal", mu=intercept, sigma=0.7),
        "beta[x]": pp.Prior("Normal", mu=0.2, sigma=0.3),
        "sd_g": pp.Prior("HalfNormal", sigma=0.6),
    }


def inflated_truth(rng):
    own = {"beta_zi": at_zero(TABLE, rng.normal(-1, 0.7), rng.normal(0.3, 0.5)), "alpha": rng.gamma(4, 0.75)}
    return mean_truth(rng, 1.2) | own


def inflated(rng, values):
    alpha, share = values["alpha"][0], special.expit(rows_of(values, "_zi")[0])
    counts = rng.poisson(np.exp(rows_of(values)[0]) * rng.gamma(alpha, size=len(TABLE)) / alpha)
    return np.where(rng.random(len(TABLE)) < share, 0, counts)


def inflated_density(y, values):
    alpha, share = values["alpha"][:, None], special.expit(rows_of(values, "_zi"))
    mass = (1 - share) * stats.nbinom.pmf(y, alpha, alpha / (alpha + np.exp(rows_of(values))))
    return np.log(mass + share * (y == 0))


def hurdle_truth(rng):
    own = {"beta_hu": at_zero(TABLE, rng.normal(-0.5, 0.7), rng.normal(0.3, 0.5)), "alpha": rng.gamma(4, 0.5)}
    return mean_truth(rng, 1) | own


def hurdle(rng, values):
    alpha, share = values["alpha"][0], special.expit(rows_of(values, "_hu")[0])
    above = rng.gamma(alpha, size=len(TABLE)) * np.exp(rows_of(values)[0]) / alpha
    return np.where(rng.random(len(TABLE)) < share, 0.0, above)


def hurdle_density(y, values):
    alpha, share = values["alpha"][:, None], special.expit(rows_of(values, "_hu"))
    above = stats.gamma.logpdf(np.where(y > 0, y, 1), alpha, scale=np.exp(rows_of(values)) / alpha)
    return np.where(y > 0, np.log1p(-share) + above, np.log(share))


def shares_truth(rng):
    return mean_truth(rng, -0.5) | {"phi": rng.gamma(4, 2)}


def shares(rng, values):
    mean, phi = special.expit(rows_of(values)[0]), values["phi"][0]
    return rng.binomial(TABLE["n"], rng.beta(mean * phi, (1 - mean) * phi))


def shares_density(y, values):
    mean, phi = special.expit(rows_of(values)), values["phi"][:, None]
    return stats.betabinom.logpmf(y, TABLE["n"].to_numpy(), mean * phi, (1 - mean) * phi)


def scale_truth(rng):
    sd = abs(rng.normal(0, 0.5))
    beta = at_zero(TABLE, rng.normal(0, 0.5), rng.normal(0.2, 0.3))
    own = {"beta_sigma": beta, "sd_sigma_g": np.array([sd]), "b_sigma_g": sd * rng.normal(size=(15, 1))}
    return mean_truth(rng, 1) | own


def scale(rng, values):
    return rng.normal(rows_of(values)[0], np.exp(rows_of(values, "_sigma")[0]))


def scale_density(y, values):
    return stats.norm.logpdf(y, rows_of(values), np.exp(rows_of(values, "_sigma")))


CATEGORIES = np.array(["bus", "car", "walk"])
CATEGORICAL = {
    "beta[Intercept]": pp.Prior("Normal", mu=0, sigma=0.4),
    "beta[x]": pp.Prior("Normal", mu=0, sigma=0.3),
    "sd_g": pp.Prior("HalfNormal", sigma=0.4),
}
"""Of contrasts between categories: narrow, so that every data set has all three."""


def categories_truth(rng):
    """Draw the differences to the first category; their priors are those of contrasts, correlated by `draw_prior`."""
    table = TABLE.assign(y=np.resize(CATEGORIES, len(TABLE)))
    design = build_design(pp.ModelSpec.from_formula("y ~ x + (1 | g)", family="categorical", priors=CATEGORICAL), table)
    return {name: values[0] for name, values in draw_prior(design, resolve_priors(design), 1, seed=rng).items()}


def chances(values):
    """Probability of each category, (draws, rows, categories)."""
    eta = np.stack([rows_of(values, f"_{name}") for name in CATEGORIES[1:]], axis=-1)
    return special.softmax(np.concatenate([np.zeros((*eta.shape[:2], 1)), eta], axis=-1), axis=-1)


def categories(rng, values):
    return CATEGORIES[(rng.random((len(TABLE), 1)) > np.cumsum(chances(values)[0], axis=1)).sum(axis=1)]


def categories_density(y, values):
    return np.log(chances(values)[:, np.arange(len(y)), np.searchsorted(CATEGORIES, y)])


@dataclass(frozen=True)
class Scheme:
    """Arguments of `fit`, and functions that draw true values and a response, and compute the log density of rows."""

    seed: int
    formula: str
    family: str
    priors: dict[str, pp.Prior]
    draw_truth: Callable
    draw: Callable
    log_density: Callable


def own_priors(name, intercept, slope):
    """Return the priors of a parameter's coefficients, from the mean and sd of each."""
    both = zip(("Intercept", "x"), (intercept, slope), strict=True)
    return {f"beta_{name}[{coef}]": pp.Prior("Normal", mu=mu, sigma=sigma) for coef, (mu, sigma) in both}


SCHEMES = {
    "zero_inflated_negative_binomial, zi ~ x": Scheme(
        21,
        "y ~ x + (1 | g), zi ~ x",
        "zero_inflated_negative_binomial",
        mean_priors(1.2)
        | own_priors("zi", (-1, 0.7), (0.3, 0.5))
        | {"alpha": pp.Prior("Gamma", alpha=4, beta=1 / 0.75)},
        inflated_truth,
        inflated,
        inflated_density,
    ),
    "hurdle_gamma, hu ~ x": Scheme(
        22,
        "y ~ x + (1 | g), hu ~ x",
        "hurdle_gamma",
        mean_priors(1) | own_priors("hu", (-0.5, 0.7), (0.3, 0.5)) | {"alpha": pp.Prior("Gamma", alpha=4, beta=2)},
        hurdle_truth,
        hurdle,
        hurdle_density,
    ),
    "beta_binomial": Scheme(
        23,
        "p(y, n) ~ x + (1 | g)",
        "beta_binomial",
        mean_priors(-0.5) | {"phi": pp.Prior("Gamma", alpha=4, beta=0.5)},
        shares_truth,
        shares,
        shares_density,
    ),
    "gaussian, sigma ~ x + (1 | g)": Scheme(
        24,
        "y ~ x + (1 | g), sigma ~ x + (1 | g)",
        "gaussian",
        mean_priors(1) | own_priors("sigma", (0, 0.5), (0.2, 0.3)) | {"sd_sigma_g": pp.Prior("HalfNormal", sigma=0.5)},
        scale_truth,
        scale,
        scale_density,
    ),
    "categorical": Scheme(
        25, "y ~ x + (1 | g)", "categorical", CATEGORICAL, categories_truth, categories, categories_density
    ),
}


def ranked(scheme, y, values):
    """All ranked quantities by name, (draws,) each: coefficients, sds, two levels' effects, the log likelihood."""
    smallest = int(np.bincount(level_of_row(TABLE, "g")).argmin())
    out = {"log likelihood": scheme.log_density(y, values).sum(axis=1)}
    for name, array in values.items():
        if name.startswith("b_"):
            out |= {f"{name}[{level}]": array[:, level, 0] for level in (0, smallest)}
        elif name.startswith("corr_across"):
            out[name] = array[:, 1, 0]
        elif name.startswith(("beta", "sd_", "alpha", "phi")):
            columns = array.reshape(len(array), -1).T
            out |= {f"{name}[{k}]": column for k, column in enumerate(columns)}
    return out


def run_study(scheme, data_sets=DATA_SETS):
    """Fit every data set by one chain: true values (data sets,), and draws (data sets, draws), by quantity."""
    true_values, draws = [], []
    for seed in range(data_sets):
        rng = np.random.default_rng([scheme.seed, seed])
        truth = one_draw(scheme.draw_truth(rng))
        y = scheme.draw(rng, truth)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "do not rely on these draws", pp.SamplingWarning)
            fit = pp.fit(
                scheme.formula,
                TABLE.assign(y=y),
                family=scheme.family,
                priors=scheme.priors,
                engine="nuts",
                draws=DRAWS,
                chains=1,
                cores=1,
                seed=seed,
                progressbar=False,
            )
        true_values.append(ranked(scheme, y, truth))
        kept = {name: values[::THIN] for name, values in fit.stacked().items()}
        draws.append(ranked(scheme, y, {name: kept[name] for name in truth}))
    return (
        {name: np.concatenate([t[name] for t in true_values]) for name in true_values[0]},
        {name: np.stack([d[name] for d in draws]) for name in draws[0]},
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMES)
def test_true_values_rank_uniformly(name):
    check_uniform(*run_study(SCHEMES[name]), false_alarm=FALSE_ALARM)


def test_a_wrong_spread_is_detected_by_this_number_of_data_sets_and_draws():
    assert departures(*closed_form(DATA_SETS, DRAWS // THIN, spread=0.6), false_alarm=FALSE_ALARM)["mu"].outside


def test_exact_draws_are_calibrated():
    check_uniform(*closed_form(DATA_SETS, DRAWS // THIN), false_alarm=FALSE_ALARM)
