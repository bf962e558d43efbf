"""Simulation-based calibration of correlated residuals and of covariances by category: true values rank uniformly."""

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, stats

import partialpool as pp
from checks.calibration import check_uniform
from checks.residuals import residual_covariance
from partialpool.design.build import build_design

DATA_SETS = 250
FALSE_ALARM = 1e-3 / 3
"""Chance of a false alarm in each of three models."""
BETA = {"beta[Intercept]": pp.Prior("Normal", mu=1, sigma=2), "beta[x]": pp.Prior("Normal", mu=0.5, sigma=1)}
AR, UNSTR, BY = "y ~ x + ar(t, gr=g)", "y ~ x + unstr(t, gr=g)", "y ~ x + (1 + x | gr(g, by=arm))"


def series(times, share):
    """20 series of some times, some of them missing; x adds up to 0, so that the intercept is at its mean."""
    rng = np.random.default_rng(21)
    table = pd.DataFrame([(g, t) for g in range(20) for t in range(times)], columns=["g", "t"])
    table = table[(rng.random(len(table)) < share) | (table["t"] == 0)].reset_index(drop=True)
    x = rng.normal(size=len(table))
    return table.assign(x=x - x.mean(), arm=np.where(table["g"] < 12, "a", "b"), y=x)


def lkj(rng, size, eta):
    """A correlation matrix with density det^(eta - 1): uniform entries, accepted with that probability (eta >= 1)."""
    while True:
        out = np.eye(size)
        for i in range(size):
            out[i, :i] = out[:i, i] = rng.uniform(-1, 1, i)
        if np.linalg.eigvalsh(out)[0] > 0 and rng.random() < np.linalg.det(out) ** (eta - 1):
            return out


def coefficients(rng):
    return np.array([rng.normal(1, 2), rng.normal(0.5, 1)])


def residual_truth(rng, table, formula):
    """Fixed effects, residual sds and correlation, and a response with this covariance."""
    if formula == AR:
        sigma, corr = rng.exponential(1), rng.uniform(-1, 1)
    else:
        sigma, corr = rng.exponential(1, 3), lkj(rng, 3, 2)
    beta = coefficients(rng)
    design = build_design(pp.ModelSpec.from_formula(formula), table)
    covariance = residual_covariance(design, sigma, corr)
    y = beta[0] + beta[1] * table["x"] + np.linalg.cholesky(covariance) @ rng.normal(size=len(table))
    return {"beta": beta, "sigma": sigma, "residual_corr": corr}, y


def residual_quantities(table, formula, values):
    """Ranked quantities (draws,), with the log density of the dense multivariate normal."""
    design = build_design(pp.ModelSpec.from_formula(formula), table)
    beta, sigma, corr = values["beta"], values["sigma"], values["residual_corr"]
    y, x = table["y"].to_numpy(), table["x"].to_numpy()
    out = {"Intercept": beta[:, 0], "x": beta[:, 1]}
    if formula == AR:
        out |= {"sigma": sigma, "rho": corr}
    else:
        out |= {f"sigma[{k}]": sigma[:, k] for k in range(3)}
        out |= {f"corr[{i}, {j}]": corr[:, i, j] for i in range(3) for j in range(i)}
    density = [
        normal_density(y - b[0] - b[1] * x, residual_covariance(design, s, r))
        for b, s, r in zip(beta, sigma, corr, strict=True)
    ]
    return out | {"log likelihood": np.array(density)}


def normal_density(residual, covariance):
    """The log density of a multivariate normal with mean 0 at residual (rows,)."""
    half = np.linalg.cholesky(covariance)
    z = linalg.solve_triangular(half, residual, lower=True)
    return -0.5 * (z @ z) - np.log(np.diagonal(half)).sum() - 0.5 * len(z) * np.log(2 * np.pi)


def by_truth(rng, table, _):
    """Sds and a correlation of intercept and slope for each arm, and a response."""
    sd, beta, sigma = rng.exponential(1, (2, 2)), coefficients(rng), rng.exponential(1)
    corr = np.array([lkj(rng, 2, 2)[0, 1] for _ in range(2)])
    arm = (table.groupby("g")["arm"].first() == "b").to_numpy().astype(int)
    b = rng.normal(size=(len(arm), 2))
    b[:, 1] = corr[arm] * b[:, 0] + np.sqrt(1 - corr[arm] ** 2) * b[:, 1]
    b *= sd[arm]
    eta = beta[0] + beta[1] * table["x"] + b[table["g"], 0] + b[table["g"], 1] * table["x"]
    return {"beta": beta, "sd": sd, "corr": corr, "b": b, "sigma": sigma}, rng.normal(eta, sigma)


def by_quantities(table, _, values):
    """Ranked quantities; those of a fit have effects for each arm: intercepts of both, then slopes of both."""
    if "sd_g" in values:
        whole, arm = values["b_g"], (table.groupby("g")["arm"].first() == "b").to_numpy().astype(int)
        places = np.arange(whole.shape[1])
        b = np.stack([whole[:, places, arm], whole[:, places, 2 + arm]], axis=2)
        sd = values["sd_g"].reshape(-1, 2, 2).transpose(0, 2, 1)
        corr = np.stack([values["corr_g"][:, k, 2 + k] for k in range(2)], axis=1)
    else:
        b, sd, corr = values["b"], values["sd"], values["corr"]
    out = {"Intercept": values["beta"][:, 0], "x": values["beta"][:, 1], "sigma": values["sigma"]}
    for k in range(2):
        out |= {f"sd[{k}, {i}]": sd[:, k, i] for i in range(2)} | {f"corr[{k}]": corr[:, k]}
    out |= {f"b[{g}, {i}]": b[:, g, i] for g in (0, 19) for i in range(2)}
    g, x = table["g"].to_numpy(), table["x"].to_numpy()
    eta = values["beta"][:, :1] + values["beta"][:, 1:] * x + b[:, g, 0] + b[:, g, 1] * x
    density = stats.norm.logpdf(table["y"].to_numpy(), eta, values["sigma"][:, None]).sum(axis=1)
    return out | {"log likelihood": density}


EXPONENTIAL = pp.Prior("Exponential", lam=1)
MODELS = {
    "ar": (
        AR,
        series(5, 0.85),
        {"sigma": EXPONENTIAL, "residual_corr": pp.Prior("Uniform", lower=-1, upper=1)},
        residual_truth,
        residual_quantities,
    ),
    "unstr": (
        UNSTR,
        series(3, 0.85),
        {"sigma": EXPONENTIAL, "residual_corr": pp.Prior("LKJ", eta=2)},
        residual_truth,
        residual_quantities,
    ),
    "by": (
        BY,
        series(4, 1.0),
        {"sigma": EXPONENTIAL, "sd_g": EXPONENTIAL, "corr_g": pp.Prior("LKJ", eta=2)},
        by_truth,
        by_quantities,
    ),
}


def run_study(name):
    """Return true values (data sets,) and every fifth draw (data sets, draws) of each quantity."""
    formula, table, priors, draw_truth, quantities = MODELS[name]
    truths, draws = [], []
    for seed in range(DATA_SETS):
        truth, y = draw_truth(np.random.default_rng([len(name), seed]), table, formula)
        data = table.assign(y=y)
        fit = pp.fit(formula, data, priors=BETA | priors, engine="collapsed", draws=250, seed=seed, progressbar=False)
        truths.append(quantities(data, formula, {key: np.asarray(value)[None] for key, value in truth.items()}))
        draws.append(quantities(data, formula, {key: values[::5] for key, values in fit.stacked().items()}))
    return (
        {key: np.concatenate([truth[key] for truth in truths]) for key in truths[0]},
        {key: np.stack([drawn[key] for drawn in draws]) for key in draws[0]},
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_true_values_rank_uniformly(name):
    check_uniform(*run_study(name), false_alarm=FALSE_ALARM)


@pytest.mark.parametrize("size", [2, 3])
def test_the_correlations_drawn_have_the_stated_density(size):
    """Each correlation (r + 1) / 2 is Beta(a, a), a = eta - 1 + size / 2 (Lewandowski, Kurowicka & Joe 2009)."""
    rng = np.random.default_rng(3)
    drawn = np.array([lkj(rng, size, 2)[0, size - 1] for _ in range(2000)])
    a = 1 + size / 2
    assert stats.kstest((drawn + 1) / 2, stats.beta(a, a).cdf).pvalue > 1e-3
