"""Posteriors of models with smooths: the PyMC twin, and calibration."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import partialpool as pp
from checks.calibration import check_uniform
from checks.r_values import REFERENCE
from partialpool.design.build import build_design
from partialpool.sampling.mixing import mcse_mean, mixing

AGREE = {
    "one curve": ("y ~ s(x, k=6)", ["s(x)"]),
    "by category": ("y ~ f + s(x, by=f, k=5)", ["s(x):f"]),
    "cyclic, beside groups": ("y ~ s(x, k=6, bs='cc') + (1 | g)", ["s(x)", "g"]),
}


@pytest.fixture(scope="module")
def table():
    found = pd.read_csv(REFERENCE / "smooths.csv").head(90)
    g = np.arange(len(found)) % 9
    return found.assign(g=[f"g{k}" for k in g], y=found["y"] + np.random.default_rng(1).normal(0, 0.4, 9)[g])


@pytest.mark.thorough
@pytest.mark.parametrize("name", AGREE)
def test_posteriors_agree_with_pymc(name, table):
    formula, parts = AGREE[name]
    ours = pp.fit(formula, table, seed=1, progressbar=False)
    theirs = pp.fit(formula, table, engine="pymc", seed=2, target_accept=0.99, progressbar=False)
    assert [one.run.engine for one in (ours, theirs)] == ["collapsed", "pymc"]
    for variable in ("beta", "sigma", *(f"{kind}_{part}" for part in parts for kind in ("sd", "b"))):
        one, other = (
            fit.posterior[variable].transpose("chain", "draw", ...).to_numpy().reshape(4, 1000, -1)
            for fit in (ours, theirs)
        )
        for k in range(one.shape[2]):
            assert min(mixing([draws[..., k]]).bulk_ess[0] for draws in (one, other)) > 300, (variable, k)
            error = np.hypot(mcse_mean(one[..., k]), mcse_mean(other[..., k]))
            assert abs(one[..., k].mean() - other[..., k].mean()) < 5 * error, (variable, k)


CALIBRATED = {
    "one curve": ("y ~ s(x, k=6)", ["sd_s(x)"]),
    "by category": ("y ~ f + s(x, by=f, k=5)", ["sd_s(x):f[a]", "sd_s(x):f[b]"]),
}


def calibration(data_sets, formula, sds):
    """True values and draws of a model with a smooth, whose parameters come from the priors."""
    rng = np.random.default_rng(8)
    table = pd.DataFrame({"x": rng.gamma(2, 1, 60), "f": np.where(rng.random(60) < 0.4, "a", "b")})
    design = build_design(pp.ModelSpec.from_formula(formula), table.assign(y=rng.normal(0, 1, 60)))
    fixed, columns = design.common.values, design.factors[0].values
    each = np.array(design.factors[0].structure.sd_of) // (columns.shape[1] // len(sds))
    half = pp.Prior("HalfNormal", sigma=1)
    priors = {"beta[Intercept]": pp.Prior("Normal", mu=1, sigma=2), "beta": pp.Prior("Normal", mu=0.5, sigma=1)}
    priors |= {"sigma": pp.Prior("Exponential", lam=1), **dict.fromkeys(sds, half)}
    truths, draws = [], []
    for seed in range(data_sets):
        at_means, slopes = rng.normal(1, 2), rng.normal(0.5, 1, fixed.shape[1])
        sd, sigma = abs(rng.normal(0, 1, len(sds))), rng.exponential(1)
        b = sd[each] * rng.normal(0, 1, columns.shape[1])
        eta = at_means + (fixed - fixed.mean(axis=0)) @ slopes + columns @ b
        y = rng.normal(eta, sigma)
        fit = pp.fit(formula, table.assign(y=y), priors=priors, draws=250, seed=seed, progressbar=False)
        some = {name: values[::5] for name, values in fit.stacked().items()}
        mean = pp.predict(fit)["linear_predictor"].stack(s=("chain", "draw")).transpose("s", ...).to_numpy()[::5]
        name = design.factors[0].name
        own = some[f"sd_{name}"][:, list(design.factors[0].structure.own_sds)]
        draws.append(values_of(some["beta"], own, some[f"b_{name}"][:, 0], some["sigma"], mean, y))
        beta = np.array([at_means - fixed.mean(axis=0) @ slopes, *slopes])
        truths.append(values_of(beta[None], sd[None], b[None], np.array([sigma]), eta[None], y))
    return (
        {name: np.concatenate([t[name] for t in truths]) for name in truths[0]},
        {name: np.stack([d[name] for d in draws]) for name in draws[0]},
    )


def values_of(beta, sd, b, sigma, eta, y):
    out = {"Intercept": beta[:, 0], "last slope": beta[:, -1], "sigma": sigma, "the curve": eta[:, 7]}
    out |= {f"sd {k}": sd[:, k] for k in range(sd.shape[1])} | {f"b[{k}]": b[:, k] for k in (0, 3)}
    return out | {"log likelihood": stats.norm(eta, sigma[:, None]).logpdf(y).sum(axis=1)}


@pytest.mark.slow
@pytest.mark.parametrize("name", CALIBRATED)
def test_true_values_rank_uniformly(name):
    check_uniform(*calibration(300, *CALIBRATED[name]), false_alarm=1e-3 / 2)
