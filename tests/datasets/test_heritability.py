"""Heritability among relatives: intervals have nominal coverage only with a term for other permanent differences."""

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.coverage import central, coverages, table
from partialpool.datasets.simulate.gene_expression import kinship

DATA_SETS = 60
PEOPLE = 48
"""Eight families of six."""
FALSE_ALARM = 1e-3
KINSHIP = kinship().iloc[:PEOPLE, :PEOPLE]
PRIORS = {
    "beta[Intercept]": pp.Prior("Normal", mu=0, sigma=1),
    "sd_person": pp.Prior("HalfNormal", sigma=1),
    "sd_environment": pp.Prior("HalfNormal", sigma=1),
    "sigma": pp.Prior("Gamma", alpha=4, beta=4),
}


def simulate(number):
    """Draw true values from the priors, and two samples of every person given the true values."""
    rng = np.random.default_rng([8, number])
    intercept, inherited, lasting = rng.normal(), abs(rng.normal()), abs(rng.normal())
    sigma = rng.gamma(4, 1 / 4)
    b = inherited * np.linalg.cholesky(KINSHIP.to_numpy()) @ rng.normal(size=PEOPLE)
    mean = np.repeat(intercept + b + lasting * rng.normal(size=PEOPLE), 2)
    people = np.repeat(KINSHIP.index.to_numpy(), 2)
    y = mean + sigma * rng.normal(size=2 * PEOPLE)
    truth = {
        "heritability": inherited**2 / (inherited**2 + lasting**2 + sigma**2),
        "sd_person": inherited,
        "sd_environment": lasting,
        "sigma": sigma,
        "a father's breeding value": b[0],
        "a child's breeding value": b[-1],
    }
    return pd.DataFrame({"y": y, "person": people, "environment": people}), truth


def fitted(data, number, *, environment):
    """Posterior draws of the quantities whose true values `simulate` returns."""
    formula = "y ~ 1 + (1 | person)" + (" + (1 | environment)" if environment else "")
    priors = {name: prior for name, prior in PRIORS.items() if environment or name != "sd_environment"}
    settings = {"engine": "collapsed", "draws": 250, "cores": 1, "seed": number, "progressbar": False}
    fit = pp.fit(formula, data, cov={"person": KINSHIP}, priors=priors, **settings)
    b = fit.posterior["b_person"].isel(person_effect=0)
    draws = {
        "heritability": pp.icc(fit)["icc"].sel(factor="person"),
        "sd_person": fit.posterior["sd_person"],
        "sigma": fit.posterior["sigma"],
        "a father's breeding value": b.sel(person=KINSHIP.index[0]),
        "a child's breeding value": b.sel(person=KINSHIP.index[-1]),
    } | ({"sd_environment": fit.posterior["sd_environment"]} if environment else {})
    return {name: values.to_numpy().ravel() for name, values in draws.items()}


def judged(known, fits, name=None):
    """The coverage of every quantity, or of one."""
    names = [name] if name else list(fits[0])
    return coverages(
        {name: np.array([truth[name] for truth in known]) for name in names},
        {name: np.array([central(draws[name], 0.9) for draws in fits]) for name in names},
        nominal=(0.9, 0.9),
        false_alarm=FALSE_ALARM,
    )


@pytest.mark.slow
def test_intervals_of_heritability_have_nominal_coverage():
    """True values are drawn from the priors, so that the coverage of 90 % intervals is exactly 90 %."""
    made = [simulate(number) for number in range(DATA_SETS)]
    known = [truth for _, truth in made]
    fits = [fitted(data, number, environment=True) for number, (data, _) in enumerate(made)]
    found = judged(known, fits)
    assert not any(one.outside for one in found.values()), table(found)
    # The data are informative: posterior means are closer to the true values than the mean of the prior is.
    true = np.array([truth["heritability"] for truth in known])
    mean = np.array([draws["heritability"].mean() for draws in fits])
    assert np.sqrt(np.mean((mean - true) ** 2)) < 0.7 * true.std()


@pytest.mark.thorough
def test_without_their_own_term_other_permanent_differences_count_as_inherited():
    made = [simulate(number) for number in range(DATA_SETS)]
    known = [truth for _, truth in made]
    fits = [fitted(data, number, environment=False) for number, (data, _) in enumerate(made)]
    (found,) = judged(known, fits, "heritability").values()
    assert found.inside < found.low
    assert found.below > 5 * found.above, "intervals lie above the true value"
