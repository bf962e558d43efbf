"""Data simulated from known parameters, one table per family."""

import numpy as np
import pandas as pd
from scipy import special

LEVELS, PER_LEVEL = 20, 15


def _tables():
    rng = np.random.default_rng(2026)
    n = LEVELS * PER_LEVEL
    g = np.repeat(np.arange(LEVELS), PER_LEVEL)
    x = rng.normal(size=n)
    eta = 0.4 + 0.7 * x + rng.normal(0, 0.6, LEVELS)[g]
    base = pd.DataFrame({"x": x, "g": g, "trials": 8})
    truth = {"beta[Intercept]": 0.4, "beta[x]": 0.7, "sd_g[Intercept]": 0.6}
    p, mean = special.expit(eta), np.exp(eta)
    responses = {
        "gaussian": (rng.normal(eta, 0.8), {"sigma": 0.8}),
        "student_t": (eta + 0.8 * rng.standard_t(4, n), {"sigma": 0.8, "nu": 4.0}),
        "lognormal": (rng.lognormal(eta, 0.8), {"sigma": 0.8}),
        "bernoulli": (rng.binomial(1, p), {}),
        "binomial": (rng.binomial(8, p), {}),
        "poisson": (rng.poisson(mean), {}),
        "negative_binomial": (rng.poisson(mean * rng.gamma(2.0, 0.5, n)), {"alpha": 2.0}),
        "gamma": (rng.gamma(3.0, mean / 3.0), {"alpha": 3.0}),
        "beta": (np.clip(rng.beta(p * 10, (1 - p) * 10), 1e-6, 1 - 1e-6), {"phi": 10.0}),
        "cumulative": (
            (eta + rng.logistic(size=n) > np.array([-1.0, 0.5, 1.5])[:, None]).sum(axis=0),
            {"cutpoints[0|1]": -1.4, "cutpoints[1|2]": 0.1, "cutpoints[2|3]": 1.1},
        ),
    }
    out = {}
    for family, (y, own) in responses.items():
        left = "p(y, trials)" if family == "binomial" else "y"
        # An ordinal model has no intercept: its 0.4 is in the cutpoints.
        common = {k: v for k, v in truth.items() if not (family == "cumulative" and "Intercept]" in k and "beta" in k)}
        out[family] = (f"{left} ~ x + (1 | g)", base.assign(y=y), common | own)
    return out


SIMULATED = _tables()
