"""Posteriors of correlated residuals are those of brms, under the same priors."""

import json

import numpy as np

import partialpool as pp
from checks.residuals import REFERENCE, reference_table
from partialpool.sampling.mixing import mcse_mean

BRMS = json.loads((REFERENCE / "residuals_brms.json").read_text(encoding="utf-8"))
"""See `reference/residuals_brms.R`."""


def check_agrees(wanted, draws):
    """Means and sds (chain, draw) by name: within 5 Monte Carlo standard errors of both programs."""
    assert set(wanted) == set(draws)
    for name, one in wanted.items():
        values = np.asarray(draws[name])
        error = np.hypot(mcse_mean(values), one["mcse_mean"])
        assert abs(values.mean() - one["mean"]) <= 5 * error, name
        # The squared distances from the mean have an ESS of at least half of the bulk ESS: kurtosis up to 9.
        relative = np.hypot(*(2 * error_of / one["sd"] for error_of in (mcse_mean(values), one["mcse_mean"])))
        assert abs(values.std() / one["sd"] - 1) <= 5 * relative, name


def test_a_trial_with_visits():
    """Weights of rats at four times: brms has a response for each time."""
    table = reference_table("bodyweight")
    table = table[table["time"].isin([1, 8, 15, 22])].copy()
    table["cell"] = table["diet"] + " " + table["time"].astype(str)
    priors = {
        "beta": pp.Prior("Normal", mu=400, sigma=200),
        "sigma": pp.Prior("HalfStudentT", nu=3, sigma=50),
        "residual_corr": pp.Prior("LKJ", eta=2),
    }
    fit = pp.fit("weight ~ 0 + cell + unstr(time, gr=rat)", table, priors=priors, seed=1, progressbar=False)
    times = ("1", "8", "15", "22")
    beta, sigma, corr = (fit.posterior[name] for name in ("beta", "sigma", "residual_corr"))
    found = {f"b_weight{t}_diet{d}": beta.sel(coef=f"cell[{d} {t}]") for t in times for d in ("d1", "d2", "d3")}
    found |= {f"sigma_weight{t}": sigma[:, :, k] for k, t in enumerate(times)}
    found |= {f"rescor__weight{times[j]}__weight{times[i]}": corr[:, :, i, j] for i in range(4) for j in range(i)}
    check_agrees(BRMS["unstr"], found)


def test_an_autoregressive_series():
    """Follicles of mares: sigma is the sd of a row here, that of the innovations in brms."""
    table = reference_table("ovary")
    angle = 2 * np.pi * table["time"]
    table = table.assign(s=np.sin(angle) - np.sin(angle).mean(), c=np.cos(angle) - np.cos(angle).mean())
    priors = {
        "beta[Intercept]": pp.Prior("Normal", mu=12, sigma=10),
        "beta": pp.Prior("Normal", mu=0, sigma=10),
        "sigma": pp.Prior("HalfStudentT", nu=3, sigma=5),
        "residual_corr": pp.Prior("Uniform", lower=-1, upper=1),
    }
    fit = pp.fit("follicles ~ s + c + ar(day, gr=mare)", table, priors=priors, seed=1, progressbar=False)
    found = {f"b_{name}": fit.posterior["beta"].sel(coef=name) for name in ("Intercept", "s", "c")}
    found |= {"ar[1]": fit.posterior["residual_corr"], "residual_sd": fit.posterior["sigma"]}
    check_agrees(BRMS["ar"], found)
