"""Predicted times: proportional to measured times, equal on every machine; the stated reason for an engine."""

import time
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.marginal.gaussian.marginal import build_marginal
from partialpool.marginal.gaussian.workload import expect_workload
from partialpool.marginal.glmm.axes import axes_about
from partialpool.marginal.glmm.predictors import lay_out
from partialpool.model.default_priors import resolve_priors
from partialpool.sampling.choose import ENGINES, choose_engine, weigh_engines
from partialpool.sampling.dense_levels import warn_if_dense
from partialpool.sampling.forecast import forecast_nuts
from partialpool.sampling.settings import Settings
from partialpool.sampling.working_response import find_mode
from partialpool.spec.model import ModelSpec
from partialpool.workers import single_lapack


def design_of(formula, levels, rows, seed=1, priors=MappingProxyType({})):
    rng = np.random.default_rng(seed)
    table = {name: rng.integers(0, n, rows) for name, n in levels.items()}
    table |= {name: rng.normal(size=rows) for name in ("y", "u", "v", "w")}
    return build_design(ModelSpec.from_formula(formula, priors=priors), pd.DataFrame(table))


def choice(design, **settings):
    return weigh_engines(*choose_engine(design.spec), design, Settings(**settings))


DESIGNS = {
    "one factor": ("y ~ u + (u | g)", {"g": 40}, 500),
    "crossed": ("y ~ u + (u | g) + (1 | h)", {"g": 40, "h": 30}, 2000),
    "large crossed": ("y ~ u + (u + v | g) + (u | h)", {"g": 150, "h": 60}, 4000),
    "nested": ("y ~ u + (1 | h) + (1 | h:g)", {"g": 5, "h": 60}, 2000),
    "no factor": ("y ~ u", {}, 50),
    "members": ("y ~ u + (1 | mm(g, h))", {"g": 40, "h": 40}, 500),
    "members with slopes": ("y ~ u + (u | mm(g, h))", {"g": 40, "h": 40}, 500),
    "members beside a factor": ("y ~ u + (1 | mm(g, h)) + (1 | k)", {"g": 40, "h": 40, "k": 30}, 500),
    "members beside a larger factor": ("y ~ u + (1 | mm(g, h)) + (1 | k)", {"g": 20, "h": 20, "k": 70}, 2000),
    "slopes of members beside a factor": ("y ~ u + (u | mm(g, h)) + (1 | k)", {"g": 20, "h": 20, "k": 70}, 2000),
    "two sets of members": ("y ~ u + (1 | mm(g, h)) + (1 | mm(k, l))", {"g": 20, "h": 20, "k": 30, "l": 30}, 2000),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_the_workload_is_that_of_the_arrangement(name):
    """The workload, counted from codes alone, is within a factor of two of that of the arrangement."""
    design = design_of(*DESIGNS[name])
    marginal, load = build_marginal(design, resolve_priors(design)), expect_workload(design)
    assert load.size == marginal.size
    assert load.tail == marginal.arrangement.density.tail.columns
    assert load.levels >= len(marginal.arrangement.levels.level)
    assert 0.5 < load.multiplications / marginal.arrangement.work < 2


def test_for_ordinary_models_the_reason_names_no_other_engine():
    design = design_of(*DESIGNS["crossed"])
    engine, reason = choice(design)
    assert (engine.name, reason) == ("collapsed", "group effects integrate out exactly")


@pytest.mark.parametrize(
    ("priors", "name"), [({}, "gibbs"), ({"beta[u]": pp.Prior("Laplace", mu=0, b=1)}, "pymc")], ids=["any", "Laplace"]
)
def test_many_elements_with_a_large_dense_matrix_use_another_engine_with_a_reason(priors, name):
    design = design_of("y ~ u + v + w + (u + v + w | g) + (u + v + w | h)", {"g": 60, "h": 60}, 4000, priors=priors)
    engine, reason = choice(design)
    assert engine.name == name
    assert "theta has 21 elements, and crossed factors make a dense matrix of 240 columns" in reason
    assert "predicted to take about" in reason


def test_slopes_of_many_members_use_the_pymc_model_and_the_other_engine_warns():
    design = design_of("y ~ u + (u | mm(g, h))", {"g": 500, "h": 500}, 5000)
    engine, reason = choice(design)
    assert engine.name == "pymc"
    assert "rows that belong to several levels make a dense matrix of 1000 columns" in reason
    marginal = build_marginal(design, resolve_priors(design))
    with pytest.warns(pp.DataWarning, match="335 million multiplications, .* engine='pymc' may be faster"):
        warn_if_dense(marginal)


def test_one_effect_of_many_members_costs_no_more_than_one_level_per_row():
    design = design_of("y ~ u + (1 | mm(g, h))", {"g": 500, "h": 500}, 5000)
    warn_if_dense(build_marginal(design, resolve_priors(design)))
    assert choice(design)[0].name == "collapsed"


def test_few_elements_with_a_large_matrix_use_collapsed_and_name_the_alternative():
    design = design_of("y ~ u + (u | g) + (u | h)", {"g": 300, "h": 200}, 10_000)
    engine, reason = choice(design)
    assert engine.name == "collapsed"
    assert reason.startswith("group effects integrate out exactly; nuts would take about ")


def test_where_the_evidence_is_lost_anyway_the_quickest_engine_is_taken():
    """Eight crossed factors: pymc would be chosen, and gibbs gives no less in less time."""
    factors = dict.fromkeys("abcdefgh", 100)
    terms = " + ".join(f"(1 | {name})" for name in factors)
    engine, reason = choice(design_of(f"y ~ u + {terms}", factors, 20_000))
    assert engine.name == "gibbs"
    assert reason.startswith("predicted to take about ")
    without_mean = " + ".join(f"(0 + u | {name})" for name in factors)
    assert choice(design_of(f"y ~ 1 + {without_mean}", factors, 20_000))[0].name == "pymc"


@pytest.mark.parametrize(("fixed", "varying", "name"), [("u", "1", "gibbs"), ("1", "0 + u", "pymc")])
def test_models_that_do_not_fit_into_memory_use_the_fastest_that_does(fixed, varying, name):
    each = np.arange(300_000)
    table = pd.DataFrame({"y": np.tile(each % 7.0, 2), "g": np.repeat(each, 2), "h": np.tile(each, 2)})
    table["u"] = table["g"] % 5 - 2.0 + table["h"] % 3
    design = build_design(ModelSpec.from_formula(f"y ~ {fixed} + ({varying} | g) + ({varying} | h)"), table)
    engine, reason = choice(design)
    assert engine.name == name
    assert "collapsed more memory than there is: crossed factors make a dense matrix of 300000 columns" in reason


def test_a_forecast_grows_with_the_number_of_draws():
    design = design_of("y ~ u + (1 | g) + (1 | h)", {"g": 300, "h": 200}, 10_000)
    for forecast in (card.forecast for card in ENGINES.values()):
        few, many = (forecast(design, Settings(draws=draws)).seconds for draws in (500, 5000))
        assert few < many
        assert forecast(design, Settings(draws=500)) == forecast(design, Settings(draws=500))


def test_for_other_families_engines_are_not_compared():
    spec = ModelSpec.from_formula("y ~ 1 + (1 | g)", family="poisson")
    design = build_design(spec, {"y": [0, 1, 2, 1] * 5, "g": list("aabb") * 5})
    engine, reason = weigh_engines(*choose_engine(spec), design, Settings())
    assert engine.name == "nuts"
    assert "not normal given the effects" in reason


COUNTS = {
    "few rows": ("y ~ u + (1 | g)", {"g": 15}, 60),
    "many rows": ("y ~ u + (1 | g)", {"g": 20}, 10_000),
    "many levels": ("y ~ u + (1 | g)", {"g": 500}, 1000),
    "slopes": ("y ~ u + v + (u + v | g)", {"g": 200}, 5000),
    "nested": ("y ~ u + (1 | h) + (1 | h:g)", {"g": 5, "h": 60}, 2000),
    "crossed": ("y ~ u + (1 | g) + (1 | h)", {"g": 300, "h": 24}, 7000),
    "crossed slopes": ("y ~ u + v + (u + v | g) + (u + v | h)", {"g": 60, "h": 40}, 4000),
}


def seconds_of_an_evaluation(design):
    """The least processor time of one evaluation in this thread; other programs on the machine only increase it."""
    priors = resolve_priors(design)
    with single_lapack():
        posterior, peak = find_mode(design, priors, lay_out(design, priors))
        density = posterior.along(axes_about(peak.theta, peak.covariance)).evaluator()
        x, taken = np.zeros(posterior.size + posterior.noise_size), []
        for _ in range(30):
            started = time.thread_time()
            for _ in range(10):
                density(x)
            taken.append((time.thread_time() - started) / 10)
    return min(taken)


def test_the_nuts_forecast_is_proportional_to_measured_evaluations():
    """Ratios agree within a factor of three; their size depends on the machine, and cancels in a choice."""
    ratios = {}
    for name, (formula, levels, rows) in COUNTS.items():
        rng = np.random.default_rng(1)
        table = {factor: rng.integers(0, n, rows) for factor, n in levels.items()}
        table |= {"u": rng.normal(size=rows), "v": rng.normal(size=rows)}
        y = rng.poisson(np.exp(0.3 * table["u"]))
        design = build_design(ModelSpec.from_formula(formula, family="poisson"), pd.DataFrame(table | {"y": y}))
        ratios[name] = forecast_nuts(design, Settings()).seconds / seconds_of_an_evaluation(design)
    usual = np.median(list(ratios.values()))
    assert {name: ratio / usual for name, ratio in ratios.items() if not 1 / 3 < ratio / usual < 3} == {}
