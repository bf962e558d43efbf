"""Answers of many responses, made up: what `fit_many` returns, as far as `across_responses` reads it."""

import numpy as np
import xarray as xr

CUTS = np.round(0.02 * np.arange(1, 50), 2)
LACKING = 3
"""The response that was not fitted."""


def made_up(count=200):
    """ICCs and probabilities of a positive coefficient of some responses, of which one was not fitted."""
    rng = np.random.default_rng(1)
    centre = rng.beta(2, 5, size=count)
    draws = rng.beta(30 * centre[:, None], 30 * (1 - centre[:, None]), size=(500, count, 1)).transpose(1, 2, 0)
    below = (draws[..., None, :] < CUTS[:, None]).mean(axis=-1)
    above = np.clip(rng.normal(0.7, 0.4, size=(count, 2)), 0, 1)
    below[LACKING], above[LACKING] = np.nan, np.nan
    return xr.Dataset(
        {
            "icc_below": (("response", "factor", "cut"), below),
            "icc_prior_below": (("factor", "cut"), CUTS[None]),
            "beta_above_0": (("response", "coef"), above),
            "fitted": ("response", np.arange(count) != LACKING),
            "seed": ("response", np.arange(count)),
        },
        coords={"response": [f"g{i}" for i in range(count)], "factor": ["a"], "cut": CUTS, "coef": ["Intercept", "x"]},
        attrs={"formula": "y ~ x + (1 | a)", "response": "y"},
    )
