"""The fast maximisation for simulated responses, compared with `maximise` response by response."""

from dataclasses import replace

import numpy as np
import pytest

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.likelihood.bootstrap_refit import Replicates
from partialpool.likelihood.maximise import maximise
from partialpool.likelihood.maximum_likelihood import likelihood_fit
from partialpool.spec.model import ModelSpec


def table(name):
    if name == "unbalanced":
        rng = np.random.default_rng(3)
        g = np.repeat(np.arange(8), [1, 2, 4, 6, 9, 10, 12, 16])
        x, z = 50 + 0.2 * g + rng.normal(size=60), rng.normal(size=60)
        return {"y": np.exp(rng.normal(size=60)), "g": g, "x": x, "z": z, "se": rng.uniform(0.5, 2, 60)}
    return pp.load_dataset(name)


@pytest.mark.filterwarnings("ignore:.*is independent of the intercept where x is 0")
@pytest.mark.parametrize("reml", [False, True])
@pytest.mark.parametrize(
    ("name", "formula", "options"),
    [
        ("sleepstudy", "Reaction ~ Days + (Days | Subject)", {}),
        ("sleepstudy", "Reaction ~ Days", {}),
        ("unbalanced", "y ~ x + (x || g)", {}),
        ("unbalanced", "y ~ 0 + x + (0 + x | g)", {}),
        ("unbalanced", "y ~ x + offset(z) + (x + z | g)", {"family": "lognormal"}),
        ("unbalanced", "y ~ x + (x | g)", {"se": "se"}),
        ("penicillin", "diameter ~ 1 + (1 | plate) + (1 | sample)", {}),
        ("pastes", "strength ~ 1 + (1 | batch/cask)", {}),
    ],
)
def test_deviances_are_those_of_maximise(name, formula, options, reml):
    """For responses drawn from the fitted model, and from one with sds of 0, whose maximum is on the boundary."""
    design = build_design(ModelSpec.from_formula(formula, **options), table(name))
    fit, replicates, rng = likelihood_fit(design, reml=reml), Replicates(design, reml=reml), np.random.default_rng(4)
    start = replicates.start(
        [np.zeros(len(f.names)) for f in design.factors],
        [np.eye(len(f.names)) for f in design.factors],
        fit.maximum.sigma,
    )
    noise = replace(fit, maximum=replace(fit.maximum, sd=tuple(0 * sd for sd in fit.maximum.sd)))
    for values in (fit.draw_response(rng), noise.draw_response(rng), noise.draw_response(rng)):
        other = replace(design, response=replace(design.response, values=values))
        # The Jacobian of the logarithm does not depend on the model; `Replicates` keeps that of the first response.
        jacobian = 0.0
        if design.spec.family == "lognormal":
            jacobian = 2 * (np.log(values).sum() - np.log(design.response.values).sum())
        expected = -2 * maximise(other, reml=reml).log_likelihood - jacobian
        assert replicates.deviance(other, start) == pytest.approx(expected, abs=1e-5)
