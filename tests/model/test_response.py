"""The NumPy densities equal the PyMC model's, family by family and link by link."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytensor
import pytest

from partialpool.design.build import build_design
from partialpool.design.labels import variable_dims
from partialpool.design.newdata import own_rows
from partialpool.families.registry import FAMILIES
from partialpool.model.default_priors import resolve_priors
from partialpool.model.predictor import linear_predictor
from partialpool.model.response import log_density, replicate
from partialpool.pymc_model.build import build_pymc_model
from partialpool.spec.model import ModelSpec

N = 24


def example_table(seed=3):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": rng.normal(size=N),
            "g": np.repeat(["a", "b", "c", "d"], N // 4),
            "real": rng.normal(size=N),
            "positive": rng.gamma(3.0, size=N),
            "proportion": rng.uniform(0.05, 0.95, size=N),
            "closed_proportion": np.clip(np.random.default_rng(4).uniform(-0.2, 1.2, size=N), 0, 1),
            "binary": rng.integers(0, 2, size=N),
            "count": rng.poisson(3.0, size=N),
            "not_negative": rng.gamma(3.0, size=N) * (np.arange(N) % 3 > 0),
            "ordinal": np.arange(N) % 4,
            "hits": rng.integers(0, 6, size=N),
            "trials": np.full(N, 6),
            "s": rng.uniform(0.5, 2.0, size=N),
        }
    )


CASES = [
    (family.name, link)
    for family in FAMILIES.values()
    if not family.has_predictors_of_categories
    for link in family.links
]


def response_of(kind):
    return "p(hits, trials)" if kind == "successes" else kind


@pytest.mark.parametrize(("family", "link"), CASES)
def test_numpy_density_equals_the_pymc_likelihood(family, link):
    response = response_of(FAMILIES[family].kind)
    spec = ModelSpec.from_formula(f"{response} ~ x + (1 | g)", family=family, link=link)
    design = build_design(spec, example_table())
    model = build_pymc_model(design, resolve_priors(design))
    names = list(variable_dims(design))
    outputs = model.replace_rvs_by_values([model[n] for n in names]) + model.logp(vars=model.observed_RVs, sum=False)
    evaluate = pytensor.function(model.value_vars, outputs, mode="FAST_COMPILE", on_unused_input="ignore")
    rng = np.random.default_rng(5)
    start = model.initial_point()
    point = [np.asarray(start[v.name] + 0.1 * rng.normal(size=np.shape(start[v.name]))) for v in model.value_vars]
    *values, pymc_density = evaluate(*point)
    draws = {name: np.asarray(value)[None] for name, value in zip(names, values, strict=True)}
    rows = own_rows(design)
    ours = log_density(design, rows, linear_predictor(design, rows, draws), draws)
    assert np.isfinite(pymc_density).all()
    np.testing.assert_allclose(ours[0], pymc_density, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(("family", "link"), CASES)
def test_replicates_follow_the_density(family, link):
    response = response_of(FAMILIES[family].kind)
    spec = ModelSpec.from_formula(f"{response} ~ x + (1 | g)", family=family, link=link)
    design = build_design(spec, example_table())
    size = 4000
    eta = np.full((size, N), {"inverse": 0.7, "sqrt": 1.5}.get(link, 0.3))
    draws = {
        "sigma": np.full(size, 0.8),
        "nu": np.full(size, 6.0),
        "alpha": np.full(size, 2.5),
        "phi": np.full(size, 7.0),
        "zi": np.full(size, 0.3),
        "hu": np.full(size, 0.3),
        "lam": np.full(size, 3.0),
        "tau": np.full(size, 0.9),
        "zoi": np.full(size, 0.3),
        "coi": np.full(size, 0.4),
        "cutpoints": np.tile([-1.0, 0.2, 1.1], (size, 1)),
    }
    rows = own_rows(design)
    y = replicate(design, rows, eta, draws, seed=1)
    assert y.shape == eta.shape
    # A histogram against the density itself: exact probabilities for discrete responses, bins for continuous ones.
    flat = y[:, 0]
    if not FAMILIES[family].is_continuous and not FAMILIES[family].support.atoms:
        support = np.arange(0, flat.max() + 1)
        p = np.array([np.exp(density_at(design, rows, eta[:1], draws, value)) for value in support])
        observed = np.array([(flat == value).mean() for value in support])
        assert np.all(np.abs(observed - p) < 5 * np.sqrt(p * (1 - p) / size) + 1e-12)
        assert p.sum() == pytest.approx(1.0, abs=5 / np.sqrt(size))
    else:
        atoms, inside = FAMILIES[family].support.atoms, 1.0
        for value in atoms:
            p = np.exp(density_at(design, rows, eta[:1], draws, value))
            assert abs((flat == value).mean() - p) < 5 * np.sqrt(p * (1 - p) / size)
            inside -= p
        flat = flat[~np.isin(flat, atoms)]
        edges = np.quantile(flat, np.linspace(0.05, 0.95, 10))
        grid = np.linspace(edges[0], edges[-1], 4001)
        density = np.array([np.exp(density_at(design, rows, eta[:1], draws, value)) for value in grid])
        cumulative = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(grid))])
        expected = np.diff(np.interp(edges, grid, cumulative)) / inside
        observed = np.diff([(flat <= edge).mean() for edge in edges])
        assert np.all(np.abs(observed - expected) < 5 * np.sqrt(expected / len(flat)))


def density_at(design, rows, eta, draws, value):
    response = replace(design.response, values=np.full(N, float(value)))
    one = {name: array[:1] for name, array in draws.items()}
    return log_density(replace(design, response=response), rows, eta, one)[0, 0]


def test_known_standard_errors_take_the_place_of_sigma():
    spec = ModelSpec.from_formula("real | se(s) ~ 1 + (1 | g)")
    table = example_table()
    design = build_design(spec, table)
    rows = own_rows(design)
    eta = np.zeros((1, N))
    ours = log_density(design, rows, eta, {"beta": np.zeros((1, 1))})
    s, y = table["s"].to_numpy(), table["real"].to_numpy()
    np.testing.assert_allclose(ours[0], -0.5 * (y / s) ** 2 - np.log(s) - 0.5 * np.log(2 * np.pi))


@pytest.mark.parametrize("family", ["poisson", "negative_binomial"])
def test_very_large_means_give_very_large_counts_without_an_error(family):
    design = build_design(ModelSpec.from_formula("count ~ x + (1 | g)", family=family), example_table())
    eta = np.full((3, N), 60.0)
    y = replicate(design, own_rows(design), eta, {"alpha": np.full(3, 2.0)}, seed=1)
    assert np.all(y > 1e20)
