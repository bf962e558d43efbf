"""Designs of completed tables: what they share, and tables that are refused."""

import numpy as np
import pandas as pd
import pytest

from checks.refusals import check_refused
from partialpool.design.build import build_design
from partialpool.design.imputed_tables import build_imputed_designs
from partialpool.errors import DataError, DataWarning
from partialpool.model.default_priors import resolve_priors
from partialpool.spec.model import ModelSpec

SPEC = ModelSpec.from_formula("y ~ x + arm + (x | g)")


def completed(tables=3, rows=60, seed=5):
    rng = np.random.default_rng(seed)
    first = pd.DataFrame(
        {
            "g": [f"g{k}" for k in np.repeat(np.arange(6), rows // 6)],
            "visit": np.tile(np.arange(rows // 6), 6),
            "arm": rng.choice(["a", "b", "c"], rows),
            "x": rng.normal(20, 3, rows),
            "y": rng.normal(5, 2, rows),
            "count": rng.poisson(3, rows),
        }
    )
    unknown = rng.random(rows) < 0.2
    return [first.assign(x=first["x"].where(~unknown, rng.normal(20, 3, rows))) for _ in range(tables)]


def test_the_tables_share_centres_levels_and_priors_whatever_their_order():
    tables = completed()
    forward, backward = build_imputed_designs(SPEC, tables), build_imputed_designs(SPEC, tables[::-1])
    assert forward.imputed == ("x",)
    every = pd.concat(tables)
    for design, table in zip(forward.each, tables, strict=True):
        np.testing.assert_allclose(design.common.values[:, 0], table["x"])
        np.testing.assert_allclose(design.common.center[0], every["x"].mean())
        assert design.factors[0].n_levels == 6
        assert design.n_rows == len(table)
        assert design.rows.tolist() == list(range(len(table)))
    for one, other in zip(forward.each, backward.each[::-1], strict=True):
        np.testing.assert_allclose(one.common.values, other.common.values)
        np.testing.assert_allclose(one.common.center, other.common.center)
    mine, theirs = resolve_priors(forward.whole), resolve_priors(backward.whole)
    for name in mine:
        assert mine[name].distribution == theirs[name].distribution
        assert dict(theirs[name].arguments) == pytest.approx(dict(mine[name].arguments))
    assert mine["sigma"].arguments["sigma"] == pytest.approx(every["y"].std(), rel=0.01)


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x + (1 | g) + unstr(visit, gr=g)",
        "y ~ x + ar(visit, gr=g)",
        "y ~ x + (1 | g), sigma ~ 0 + arm",
        "y ~ s(x, k=5) + (1 | g)",
        "y ~ 1 + (1 | mm(g, arm))",
    ],
)
def test_other_structures_have_the_rows_of_their_table(formula):
    tables = completed()
    spec = ModelSpec.from_formula(formula if "mm(" not in formula else "y ~ x + (1 | mm(g, arm))")
    found = build_imputed_designs(spec, tables)
    for design, table in zip(found.each, tables, strict=True):
        alone = build_design(spec, table)
        if alone.residual is not None:
            assert design.residual.sigma_names == alone.residual.sigma_names
            np.testing.assert_array_equal(design.residual.stratum, alone.residual.stratum)
            assert found.whole.residual.sigma_names == alone.residual.sigma_names
        for own, one in zip(design.factors, alone.factors, strict=True):
            assert own.levels.labels == one.levels.labels
            assert own.values.shape == one.values.shape
    assert {e.parameter for e in resolve_priors(found.whole).entries} == {
        e.parameter for e in resolve_priors(build_design(spec, tables[0])).entries
    }


def test_rows_with_missing_values_in_all_tables_are_left_out():
    tables = [table.assign(y=table["y"].where(table.index != 7)) for table in completed()]
    with pytest.warns(DataWarning, match="dropped 1 of 60 rows") as caught:
        found = build_imputed_designs(SPEC, tables)
    assert len(caught) == 1  # once, not for each table
    assert [design.n_rows for design in found.each] == [59, 59, 59]
    assert 7 not in found.each[2].rows


def replaced(tables, number, **columns):
    return [table.assign(**columns) if k == number else table for k, table in enumerate(tables)]


@pytest.mark.parametrize(
    ("change", "mentions"),
    [
        (lambda t: t[0], ("several completed tables", "one table", "pp.fit")),
        (lambda t: {"y": t[0]["y"]}, ("several completed tables",)),
        (lambda t: [t[0]], ("several completed tables", "one table")),
        (lambda t: 3, ("several completed tables", "int")),
        (lambda t: [t[0], t[0].copy()], ("equal in the columns of the model", "random draws")),
        (lambda t: [t[0], t[1].iloc[:-1]], ("do not have the same rows", "59 complete rows of 59 in table 2")),
        (lambda t: [t[0], t[1].drop(columns="arm")], ("table 2 has no column 'arm'",)),
        (
            lambda t: [t[0].assign(y=t[0]["y"].where(t[0].index != 3)), t[1]],
            ("do not have the same rows", "60 complete rows of 60 in table 2, 59 of 60 in table 1"),
        ),
        (lambda t: replaced(t, 1, arm="a"), ("table 2: the predictor 'arm' does not vary", "'a'")),
        (
            lambda t: replaced(t, 1, arm=t[1]["arm"].replace("c", "a")),
            ("coefficients differ between tables", "table 2 lacks or does not identify arm[c]"),
        ),
        (
            lambda t: replaced(t, 2, g=t[2]["g"].replace("g5", "g0")),
            ("levels of g differ between tables", "table 3 lacks or does not identify g5"),
        ),
        (
            lambda t: [
                t[0].assign(arm=pd.Categorical(t[0]["arm"], ["a", "b", "c"])),
                t[1].assign(arm=pd.Categorical(t[1]["arm"], ["c", "b", "a"])),
            ],
            ("declared categories of 'arm' differ", "c, b, a in table 2", "same order"),
        ),
    ],
)
def test_tables_that_do_not_belong_together_are_refused(change, mentions):
    with pytest.warns(DataWarning) if "59 of 60 in table 1" in mentions[-1] else pytest.MonkeyPatch.context():
        check_refused(DataError, lambda: build_imputed_designs(SPEC, change(completed())), *mentions)


def test_tables_whose_residuals_have_other_parameters_are_refused():
    spec = ModelSpec.from_formula("y ~ x + (1 | g), sigma ~ 0 + arm")
    tables = completed()
    tables[1] = tables[1].assign(arm=tables[1]["arm"].replace("c", "a"))
    wrong, got = "mean something else in another table", "table 2 has strata a, b, not a, b, c"
    check_refused(DataError, lambda: build_imputed_designs(spec, tables), wrong, got)
    spec = ModelSpec.from_formula("y ~ x + ar(time, gr=g)")
    tables = [table.assign(time=2 * table["visit"]) for table in completed()]
    tables[2].loc[3, "time"] = 7
    got = "table 3 has a smallest distance in time of 1, not 2"
    check_refused(DataError, lambda: build_imputed_designs(spec, tables), wrong, got)
