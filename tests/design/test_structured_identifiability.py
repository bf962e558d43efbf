"""Structured covariances that the data do not identify: against the rank of dense derivatives, and the warning."""

import warnings

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.design.covariance_gram import common_basis
from partialpool.design.identifiability import not_identified
from partialpool.errors import DataWarning
from partialpool.model.effect_correlation import structured_correlation


def visits(people=12, times=4, rows=1):
    rng = np.random.default_rng(3)
    person, visit = (np.repeat(grid.ravel(), rows) for grid in np.meshgrid(range(people), range(times), indexing="ij"))
    return pd.DataFrame({
        "y": rng.normal(size=len(person)), "x": rng.normal(2, 1, len(person)), "g": [f"p{k}" for k in person],
        "visit": [f"v{k}" for k in visit], "arm": np.where(person % 2, "new", "old"), "h": person % 3, "s": 0.5,
    })  # fmt: skip


def built(formula, table):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return build_design(pp.ModelSpec.from_formula(formula), table)


def covariance(design, theta):
    """V of all rows as a matrix, and the number of parameters."""
    at, whole = 0, np.zeros((design.n_rows, design.n_rows))
    for factor in design.factors:
        own = factor.structure.own_sds
        sd = np.array([theta[at + own.index(first)] for first in factor.structure.sd_of])
        at += len(own)
        corr = np.eye(len(sd))
        for block in (b for b in factor.blocks if len(b) > 1):
            rho = np.array([0.9 * np.tanh(theta[at])])
            corr[np.ix_(block, block)] = structured_correlation(factor.structure.kind, rho, len(block))[0]
            at += 1
        sigma = sd[:, None] * corr * sd
        whole += (factor.codes[:, None] == factor.codes) * (factor.values @ sigma @ factor.values.T)
    if design.se is None:
        return whole + theta[at] ** 2 * np.eye(design.n_rows), at + 1
    return whole, at


def missing_rank(design):
    """The number of directions in which P V P does not change, by differences at a random point."""
    count = covariance(design, np.ones(100))[1]
    point = np.random.default_rng(5).uniform(0.5, 1.5, count)
    basis = common_basis(design)
    project = np.eye(len(basis)) - basis @ basis.T
    slopes = []
    for k in range(count):
        step = 1e-5 * (np.arange(count) == k)
        change = (covariance(design, point + step)[0] - covariance(design, point - step)[0]) / 2e-5
        slopes.append((project @ change @ project).ravel())
    slopes = np.array(slopes)
    norms = np.linalg.norm(slopes, axis=1, keepdims=True)
    values = np.linalg.svd(slopes / norms, compute_uv=False)
    return int((values < 1e-6).sum())


@pytest.mark.parametrize("times", [2, 3, 4])
@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize(
    "formula",
    [
        "y ~ ar1(0 + visit | g)", "y ~ ar1(0 + visit | g, hom=False)", "y ~ cs(0 + visit | g)",
        "y ~ cs(0 + visit | g, hom=True)", "y ~ diag(0 + visit | g, hom=True)", "y ~ x + cs(1 + x | g)",
        "y ~ cs(0 + visit | gr(g, by=arm), hom=True)", "y ~ ar1(0 + visit | g) + (1 | h)",
        "y | se(s) ~ cs(0 + visit | g, hom=True)",
    ],
)  # fmt: skip
def test_what_is_not_identified_is_the_rank_of_the_derivatives(formula, rows, times):
    design = built(formula, visits(times=times, rows=rows))
    found = not_identified(design)
    assert bool(found) == bool(missing_rank(design)), [str(one) for one in found]


def test_the_warning_names_the_parameters_and_what_to_do():
    with pytest.warns(DataWarning) as heard:
        build_design(pp.ModelSpec.from_formula("y ~ cs(0 + visit | g, hom=True)"), visits())
    said = str(heard[0].message)
    assert said.startswith("sd_g[visit[v0]], sigma and corr_g[visit[v0], visit[v1]] are not identified")
    assert "48 rows, which tell fewer variances and covariances than there are parameters" in said
    assert "consider fewer parameters, such as (1 | g), or more rows for each level and condition" in said


def test_ar1_of_one_row_per_visit_is_identified_and_independent_effects_are_not():
    assert not not_identified(built("y ~ ar1(0 + visit | g)", visits()))
    for formula in ("y ~ diag(0 + visit | g)", "y ~ (0 + visit | g)", "y ~ diag(0 + visit | g, hom=True)"):
        (one,) = not_identified(built(formula, visits()))
        assert "sigma" in one.parameters


@pytest.mark.parametrize("formula", ["y ~ cs(0 + visit | g, hom=True)", "y ~ x + cs(1 + x | g)"])
def test_units_and_the_order_of_rows_change_nothing(formula):
    table = visits()
    changed = table.assign(x=1e4 * table["x"], y=1e-3 * table["y"]).sample(frac=1, random_state=1)
    names = [[one.parameters for one in not_identified(built(formula, each))] for each in (table, changed)]
    assert names[0] == names[1]
