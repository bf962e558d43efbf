"""Predicted times: right in order, the same on every machine, and the reason for a choice."""

import numpy as np
import pandas as pd
import pytest

from partialpool.design.build import build_design
from partialpool.marginal.gaussian.marginal import build_marginal
from partialpool.marginal.gaussian.workload import expect_workload
from partialpool.model.default_priors import resolve_priors
from partialpool.sampling.choose import ENGINES, choose_engine, weigh_engines
from partialpool.sampling.settings import Settings
from partialpool.spec.model import ModelSpec


def design_of(formula, levels, rows, seed=1):
    rng = np.random.default_rng(seed)
    table = {name: rng.integers(0, n, rows) for name, n in levels.items()}
    table |= {name: rng.normal(size=rows) for name in ("y", "u", "v", "w")}
    return build_design(ModelSpec.from_formula(formula), pd.DataFrame(table))


def choice(design, **settings):
    return weigh_engines(*choose_engine(design.spec), design, Settings(**settings))


DESIGNS = {
    "one factor": ("y ~ u + (u | g)", {"g": 40}, 500),
    "crossed": ("y ~ u + (u | g) + (1 | h)", {"g": 40, "h": 30}, 2000),
    "large crossed": ("y ~ u + (u + v | g) + (u | h)", {"g": 150, "h": 60}, 4000),
    "nested": ("y ~ u + (1 | h) + (1 | h:g)", {"g": 5, "h": 60}, 2000),
    "no factor": ("y ~ u", {}, 50),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_the_workload_is_that_of_the_arrangement(name):
    """Counted from codes alone, within a factor of two of what is arranged in the end."""
    design = design_of(*DESIGNS[name])
    marginal, load = build_marginal(design, resolve_priors(design)), expect_workload(design)
    assert load.size == marginal.size
    assert load.tail == marginal.arrangement.density.tail.columns
    assert load.levels >= len(marginal.arrangement.levels.level)
    assert 0.5 < load.multiplications / marginal.arrangement.work < 2


def test_ordinary_models_are_not_worth_a_word():
    design = design_of(*DESIGNS["crossed"])
    engine, reason = choice(design)
    assert (engine.name, reason) == ("collapsed", "group effects integrate out exactly")


def test_many_elements_over_a_large_dense_matrix_go_to_the_pymc_model_and_say_why():
    design = design_of("y ~ u + v + w + (u + v + w | g) + (u + v + w | h)", {"g": 60, "h": 60}, 4000)
    engine, reason = choice(design)
    assert engine.name == "pymc"
    assert "theta has 21 elements, and crossed factors make a dense matrix of 240 columns" in reason
    assert "predicted to take about" in reason


def test_few_elements_over_the_same_matrix_stay_and_say_what_else_there_is():
    design = design_of("y ~ u + (u | g) + (u | h)", {"g": 300, "h": 200}, 10_000)
    engine, reason = choice(design)
    assert engine.name == "collapsed"
    assert reason.startswith("group effects integrate out exactly; nuts would take about ")


def test_what_does_not_fit_into_memory_goes_to_the_pymc_model():
    each = np.arange(300_000)
    table = pd.DataFrame({"y": np.tile(each % 7.0, 2), "g": np.repeat(each, 2), "h": np.tile(each, 2)})
    design = build_design(ModelSpec.from_formula("y ~ 1 + (1 | g) + (1 | h)"), table)
    engine, reason = choice(design)
    assert engine.name == "pymc"
    assert "collapsed more memory than there is: crossed factors make a dense matrix of 300000 columns" in reason


def test_a_forecast_grows_with_what_is_asked():
    design = design_of(*DESIGNS["large crossed"])
    for forecast in (card.forecast for card in ENGINES.values()):
        few, many = (forecast(design, Settings(draws=draws)).seconds for draws in (500, 5000))
        assert few < many
        assert forecast(design, Settings(draws=500)) == forecast(design, Settings(draws=500))


def test_other_families_are_not_weighed():
    spec = ModelSpec.from_formula("y ~ 1 + (1 | g)", family="poisson")
    design = build_design(spec, {"y": [0, 1, 2, 1] * 5, "g": list("aabb") * 5})
    engine, reason = weigh_engines(*choose_engine(spec), design, Settings())
    assert engine.name == "nuts"
    assert "not normal given the effects" in reason
