"""Families of extra zeros, hurdles and overdispersed successes are recovered from simulated data by the nuts engine."""

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.families.given import Given
from partialpool.families.registry import FAMILIES

TRUE = {"sigma": 0.7, "alpha": 2.5, "phi": 6.0, "zi": 0.3, "hu": 0.3}
NAMES = [name for name, family in FAMILIES.items() if {"zi", "hu"} & dict(family.parameters).keys()]
ROWS, LEVELS = 600, 30


def simulated(name, seed=3):
    """A table with an effect of x of 0.5 and levels of sd 0.6, and its formula."""
    rng, family = np.random.default_rng(seed), FAMILIES[name]
    level, x = rng.integers(0, LEVELS, ROWS), rng.normal(size=ROWS)
    eta = 0.5 * x + rng.normal(0, 0.6, LEVELS)[level] + (0.0 if family.kind == "successes" else 0.9)
    trials = rng.integers(1, 12, ROWS).astype(float) if family.kind == "successes" else None
    own = {parameter: np.array([[TRUE[parameter]]]) for parameter, _ in family.parameters}
    link = pp.ModelSpec.from_formula("y ~ x" if trials is None else "p(y, n) ~ x", family=name).link_record
    y = family.draw(Given(link, eta[None], own, trials), rng)[0]
    table = pd.DataFrame({"y": y, "x": x, "g": [f"g{k:02d}" for k in level]})
    return ("y ~ x + (1 | g)", table) if trials is None else ("p(y, n) ~ x + (1 | g)", table.assign(n=trials))


@pytest.mark.thorough
@pytest.mark.parametrize("name", [*NAMES, "beta_binomial"])
def test_parameters_are_recovered(name):
    formula, table = simulated(name)
    fit = pp.fit(formula, table, family=name, seed=1, draws=500, tune=500, progressbar=False)
    assert fit.run.engine == "nuts"
    drawn = {"x": fit.posterior["beta"].sel(coef="x"), "sd": fit.posterior["sd_g"].squeeze()}
    drawn |= {parameter: fit.posterior[parameter] for parameter, _ in FAMILIES[name].parameters}
    for parameter, value in {"x": 0.5, "sd": 0.6, **TRUE}.items():
        if parameter in drawn:
            away = abs(float(drawn[parameter].mean()) - value)
            assert away < 4 * float(drawn[parameter].std()), parameter
    findings = {finding.check: finding for finding in pp.check(fit).findings}
    assert findings["dispersion" if name == "beta_binomial" else "zeros"].good
