"""An answer of every question that has a picture, of one model."""

import re
from pathlib import Path

import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at
from checks.many import made_up

STUB = (Path(pp.__file__).parent / "__init__.pyi").read_text(encoding="utf-8")
PICTURES = re.findall(r"from \.plots\.\w+ import (plot_\w+) as", STUB)
QUESTIONS = {name: name.removeprefix("plot_") for name in PICTURES} | {"plot_predictions": "predict"}
SLOPES = "Reaction ~ Days + (Days | Subject)"
MORE = {
    "variance_function": ({"Days": [0, 9]},), "recenter": (None, {"Days": [0, 5]}), "level_lines": ("Days",),
    "predict": ({"Days": [0, 9] * 2, "Subject": ["308"] * 2 + ["309"] * 2},),
    "level_effects": ("Days",), "level_ranks": ("Days",), "average_effect": ("Days",), "residual_trends": ("Days",),
}  # fmt: skip
"""What a question asks beside the fit."""
OF_SEVERAL_FITS = {"compare", "lrt", "prior_predictive", "prior_grid", "across_responses"}
APART = {"power_scale", "adjusted_means"}
ANSWERS = sorted(set(QUESTIONS.values()) - OF_SEVERAL_FITS)


@pytest.fixture(scope="module")
def answers():
    data, rng = pp.load_dataset("sleepstudy"), np.random.default_rng(1)
    values = {
        "beta": rng.normal([250, 10], 1, (200, 2)), "sd_Subject": rng.normal([20, 5], 0.1, (200, 2)),
        "corr_Subject": np.tile(np.eye(2), (200, 1, 1)), "sigma": rng.normal(25, 1, 200),
        "b_Subject": rng.normal(0, 5, (200, 18, 2)),
    }  # fmt: skip
    fit = fit_at(SLOPES, data, draws=200, **values)
    found = {name: getattr(pp, name)(fit, *MORE.get(name, ())) for name in ANSWERS if name not in APART}
    found["adjusted_means"] = pp.adjusted_means(fit, "Days", at={"Days": [0, 9]})
    found["across_responses"] = pp.across_responses(made_up(30), seed=1)
    found["prior_predictive"] = pp.prior_predictive(SLOPES, data, draws=20, seed=1)
    return found
