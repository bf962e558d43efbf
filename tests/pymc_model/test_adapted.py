"""The adapted parametrization changes only the coordinates of the model."""

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytest

from partialpool.design.build import build_design
from partialpool.families.registry import FAMILIES
from partialpool.model.coefficient_prior import coefficient_prior
from partialpool.model.default_priors import resolve_priors
from partialpool.model.row_information import row_information
from partialpool.pymc_model.adapted import MAX_LEVELS, can_adapt, information_matrix, informed_basis, make_sweep
from partialpool.pymc_model.build import build_pymc_model
from partialpool.pymc_model.nested import nested_pairs
from partialpool.spec.model import ModelSpec


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(4)
    n = 90
    school = rng.integers(0, 6, n)
    pupil = np.where(school == 0, 0, rng.integers(0, 3, n))  # school 0 has one class, the others up to three
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "positive": rng.gamma(3.0, size=n),
            "proportion": rng.uniform(0.05, 0.95, size=n),
            "binary": rng.integers(0, 2, n),
            "count": rng.poisson(3.0, n),
            "ordinal": rng.integers(0, 4, n),
            "x": rng.normal(2, 3, n),
            "e": rng.uniform(1, 2, n),
            "g": school,
            "c": pupil,
            "h": rng.integers(0, 5, n),
        }
    )


CASES = {
    "one factor": ("y ~ x + (1 | g)", {}),
    "crossed": ("y ~ x + (1 | g) + (1 | h)", {}),
    "nested, unequal": ("y ~ x + (1 | g/c)", {}),
    "nested and crossed": ("y ~ 1 + (1 | g/c) + (1 | h)", {}),
    "independent slopes": ("y ~ x + (x || g)", {}),
    "slope alone": ("y ~ x + (0 + x | g)", {}),
    "correlated beside adapted": ("y ~ x + (x | g) + (1 | h)", {}),
    "no intercept": ("y ~ 0 + x + (1 | g)", {}),
    "no fixed effects": ("y ~ 0 + (1 | g)", {}),
    "counts with an offset": ("count ~ x + offset(log(e)) + (1 | g)", {"family": "poisson"}),
    "ordinal": ("ordinal ~ x + (1 | g)", {"family": "cumulative"}),
    "a slope that cannot shift": (
        "y ~ x + (1 | g)",
        {"priors": {"beta[x]": {"distribution": "HalfNormal", "sigma": 1}}},
    ),
    "slopes that shift otherwise": (
        "y ~ x + (1 | g)",
        {"priors": {"beta": {"distribution": "Laplace", "mu": 0, "b": 1}}},
    ),
}


def models(case, table):
    formula, options = CASES[case]
    design = build_design(ModelSpec.from_formula(formula, **options), table)
    priors = resolve_priors(design)
    return design, build_pymc_model(design, priors), build_pymc_model(design, priors, default="adapted")


@pytest.mark.thorough
@pytest.mark.parametrize("case", CASES)
def test_offsets_are_standard_normal_and_independent_given_any_sd(case, table):
    """Forward draws: every z has mean 0, variance 1, and no covariance with any other, for any sds."""
    design, _, adapted = models(case, table)
    size = 4000
    fixed = {f"sd_{f.name}": np.linspace(0.3, 4.0, len(f.names)) for f in design.factors}
    fixed = {name: value for name, value in fixed.items() if name in adapted.named_vars}
    with pm.do(adapted, fixed):
        drawn = pm.draw([adapted_z(adapted, f.name, fixed) for f in design.factors], draws=size, random_seed=3)
    z = np.concatenate([d.reshape(size, -1) for d in drawn], axis=1)
    covariance = z.T @ z / size
    standard_error = np.sqrt((1 + np.eye(len(covariance))) / size)
    assert np.all(np.abs(z.mean(axis=0)) < 5 / np.sqrt(size))
    assert np.all(np.abs(covariance - np.eye(len(covariance))) < 5 * standard_error)


def adapted_z(model, factor, fixed):
    return pm.do(model, fixed)[f"z_{factor}"]


@pytest.mark.parametrize("case", CASES)
def test_densities_differ_by_the_jacobian_alone(case, table):
    """log p(adapted coordinates) = log p of the plain model at the same effects + log |d plain / d adapted|."""
    _, plain, adapted = models(case, table)
    rng = np.random.default_rng(8)
    start = adapted.initial_point()
    point = {k: np.asarray(v + 0.3 * rng.normal(size=np.shape(v))) for k, v in start.items()}

    # The plain model's coordinates as functions of the adapted model's.
    names = [v.name for v in plain.value_vars]
    shared = [n for n in names if n in start]
    moved = [n for n in names if n not in shared or n == "beta_scaled"]
    sources = {"beta_scaled": scaled_coefficients(adapted, plain)}
    graphs = [sources.get(n, adapted.named_vars.get(n)) for n in moved]
    inputs = adapted.value_vars
    evaluate = pytensor.function(
        inputs, adapted.replace_rvs_by_values(graphs), mode="FAST_COMPILE", on_unused_input="ignore"
    )
    free = [v.name for v in inputs if v.name not in shared or v.name == "beta_scaled"]

    def at(flat):
        values, position = dict(point), 0
        for name in free:
            size = np.size(point[name])
            values[name] = flat[position : position + size].reshape(np.shape(point[name]))
            position += size
        out = evaluate(*[values[v.name] for v in inputs])
        return np.concatenate([np.ravel(o) for o in out])

    flat = np.concatenate([np.ravel(point[n]) for n in free])
    step = 1e-5
    jacobian = np.stack([(at(flat + step * e) - at(flat - step * e)) / (2 * step) for e in np.eye(len(flat))], axis=1)
    values = evaluate(*[point[v.name] for v in inputs])
    plain_point = {n: point[n] for n in shared} | dict(zip(moved, values, strict=True))
    densities = [
        float(pytensor.function(m.value_vars, m.logp(), mode="FAST_COMPILE")(*[p[v.name] for v in m.value_vars]))
        for m, p in ((adapted, point), (plain, plain_point))
    ]
    assert densities[0] == pytest.approx(densities[1] + np.linalg.slogdet(jacobian)[1], rel=1e-6, abs=1e-5)


def scaled_coefficients(adapted, plain):
    """The plain model's `beta_scaled` in terms of the adapted model's `beta`: undo the units and the centring."""
    if "beta" not in adapted.named_vars or "beta_scaled" not in adapted.named_vars:
        return None
    rng = np.random.default_rng(0)
    size = plain["beta"].type.shape[0] or plain["beta"].shape.eval()[0]
    # beta is linear in beta_scaled: compute the matrix from the plain model.
    values = [v for v in plain.value_vars if v.name.startswith("beta_scaled")]
    if len(values) != 1:
        return None
    linear = pytensor.function(values, plain.replace_rvs_by_values([plain["beta"]])[0], mode="FAST_COMPILE")
    zero = linear(np.zeros(size))
    matrix = np.stack([linear(e) - zero for e in np.eye(size)], axis=1)
    assert np.allclose(linear(u := rng.normal(size=size)), matrix @ u + zero)
    return np.linalg.inv(matrix) @ (adapted["beta"] - zero)


def test_information_equals_a_dense_computation(table):
    design = build_design(ModelSpec.from_formula("count ~ x + (x || g)", family="poisson"), table)
    factor, weights = design.factors[0], row_information(design)
    dense = np.zeros((design.n_rows, factor.n_levels))
    dense[np.arange(design.n_rows), factor.codes] = factor.values[:, 1]
    x = np.column_stack([np.ones(design.n_rows), table["x"]])
    w = np.diag(weights)
    expected = dense.T @ w @ dense - dense.T @ w @ x @ np.linalg.solve(x.T @ w @ x, x.T @ w @ dense)
    ours = information_matrix(design, weights, factor, 1)
    np.testing.assert_allclose(ours, expected, atol=1e-8 * np.abs(expected).max())
    basis = informed_basis(ours)
    np.testing.assert_allclose(basis.rotation.T @ basis.rotation, np.eye(factor.n_levels), atol=1e-12)
    np.testing.assert_allclose(basis.rotation * basis.information @ basis.rotation.T, expected, atol=1e-6)


def test_a_shift_of_all_levels_has_no_information_beside_the_intercept(table):
    design = build_design(ModelSpec.from_formula("y ~ x + (1 | g)"), table)
    information = information_matrix(design, row_information(design), design.factors[0], 0)
    np.testing.assert_allclose(information @ np.ones(6), 0, atol=1e-8)


def test_pairs_are_found_if_one_factor_is_nested_in_another(table):
    def pairs(formula):
        factors = build_design(ModelSpec.from_formula(formula), table).factors
        return [(p.parent.name, p.child.name) for p in nested_pairs(factors)]

    assert pairs("y ~ 1 + (1 | g/c)") == [("g", "g:c")]
    assert pairs("y ~ 1 + (1 | g) + (1 | h)") == []
    assert pairs("y ~ 1 + (1 | g/c/h)") == [("g:c", "g:c:h")]
    assert pairs("y ~ x + (x || g) + (1 | g:c)") == []


def test_factors_with_many_levels_are_not_adapted():
    n = 3 * (MAX_LEVELS + 1)
    big = pd.DataFrame({"y": np.random.default_rng(0).normal(size=n), "g": np.arange(n) // 3})
    design = build_design(ModelSpec.from_formula("y ~ 1 + (1 | g)"), big)
    assert not can_adapt(design.factors[0])
    model = build_pymc_model(design, resolve_priors(design), default="adapted")
    assert "z_g" in {v.name for v in model.free_RVs}


RESPONSES = {"real": "y", "successes": "p(binary, 3)"}


@pytest.mark.parametrize(("family", "link"), [(f.name, link) for f in FAMILIES.values() for link in f.links])
def test_row_information_is_positive_for_every_family_and_link(family, link, table):
    kind = FAMILIES[family].kind
    response = RESPONSES.get(kind, "positive" if link == "log" and kind == "real" else kind)
    response = "positive" if (family, link) in (("gaussian", "log"), ("student_t", "log")) else response
    design = build_design(ModelSpec.from_formula(f"{response} ~ x + (1 | g)", family=family, link=link), table)
    information = row_information(design)
    assert information.shape == (design.n_rows,)
    assert np.all(np.isfinite(information) & (information > 0))


def test_row_information_by_hand(table):
    binary = build_design(ModelSpec.from_formula("p(binary, 3) ~ 1 + (1 | g)", family="binomial"), table)
    p = (table["binary"].sum() + 0.5) / (3 * len(table) + 1)
    np.testing.assert_allclose(row_information(binary), 3 * p * (1 - p))
    known = build_design(ModelSpec.from_formula("y | se(e) ~ 1 + (1 | g)"), table)
    np.testing.assert_allclose(row_information(known), 1 / table["e"] ** 2)
    apart = table.assign(y=table["y"] + table["g"])
    gaussian = build_design(ModelSpec.from_formula("y ~ 1 + (1 | g)"), apart)
    within = apart["y"] - apart.groupby("g")["y"].transform("mean")
    np.testing.assert_allclose(row_information(gaussian), (len(table) - 7) / (within**2).sum(), rtol=1e-4)


@pytest.mark.parametrize("formula", ["y ~ x + (x | g)", "y ~ years + (years | g) + (1 | h)"])
def test_the_sweep_is_the_regression_of_the_groups_on_the_fixed_effects(table, formula):
    """The sweep is the weighted regression of the groups' predictor on the fixed-effect columns, for any origin."""
    design = build_design(ModelSpec.from_formula(formula), table.assign(years=table["x"] + 2010))
    coordinates, rng = coefficient_prior(design, resolve_priors(design)), np.random.default_rng(2)
    weights = rng.uniform(0.5, 2, design.n_rows)
    b = {f.name: rng.normal(size=(f.n_levels, len(f.names))) for f in design.factors}  # at the predictors' means
    added = sum((f.freed_values * b[f.name][f.codes]).sum(axis=1) for f in design.factors)
    columns, root = coordinates.columns(design), np.sqrt(weights)
    expected = np.linalg.lstsq(columns * root[:, None], added * root, rcond=None)[0]
    swept = make_sweep(design, coordinates, weights).shift({name: pytensor.shared(value) for name, value in b.items()})
    np.testing.assert_allclose(swept.eval(), expected, rtol=1e-8, atol=1e-8)
