"""Interactions with empty cells: which columns are left out, what does not change, which predictions it affects."""

import warnings

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.design.aliasing import find_aliases
from partialpool.design.build import build_design
from partialpool.design.evaluate import learn_columns
from partialpool.design.newdata import expression_rows, new_rows
from partialpool.errors import DataError, DataWarning
from partialpool.spec.model import ModelSpec

RNG = np.random.default_rng(5)
ROWS = [
    {"camp": "ABCDEFG"[c], "trt": t, "plot": f"{t}-{p}", "y": 3 + 0.2 * c + RNG.normal() * 0.3}
    for c in range(7)
    for t in ("T1", "T2", "T3", "T4")
    if not ((c < 2 and t != "T1") or (c > 5 and t == "T3"))
    for p in range(5)
]
PLOTS = pd.DataFrame(ROWS).assign(cell=lambda t: t.trt + "_" + t.camp, x=lambda t: np.sin(np.arange(len(t))))
SITES = pd.DataFrame(
    [
        {
            "time": f"T{t + 1}",
            "site": s,
            "covar": 0.0 if t < 2 else RNG.uniform(30, 90),
            "y": RNG.uniform(0, 50),
        }
        for t in range(5)
        for s in range(20)
    ]
)
NESTED = PLOTS.assign(kind=lambda t: np.where(t.camp < "D", "early", "late"))
MODELS = {
    "crossed": ("trt * camp", PLOTS, 7),
    "crossed, other order": ("camp * trt", PLOTS, 7),
    "cells": ("0 + trt:camp", PLOTS, 7),
    "no intercept": ("0 + trt*camp", PLOTS, 7),
    "slopes in cells": ("trt*camp*x", PLOTS, 14),
    "a covariate that is 0 in two cells": ("covar * time", SITES, 2),
    "nested categories": ("kind + camp", NESTED, 1),
    "nested categories, crossed": ("trt * (kind + camp)", NESTED, 11),
    "sum coding": ("S(trt) * S(camp)", PLOTS, 7),
}


def quiet(call, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return call(*args)


def designed(formula, table):
    return quiet(build_design, ModelSpec.from_formula(formula), table)


@pytest.mark.parametrize("case", MODELS)
def test_the_later_of_dependent_columns_is_left_out(case):
    terms, table, n_dropped = MODELS[case]
    group = "plot" if "plot" in table else "site"
    design = designed(f"y ~ {terms} + (1 | {group})", table)
    spec = design.spec
    full, every = learn_columns(spec.common, design.frame, intercept=spec.intercept)
    # The slow oracle: a column stays where it raises the rank of those before it.
    ranks = [np.linalg.matrix_rank(every[:, : n + 1]) for n in range(every.shape[1])]
    stays = np.diff([0, *ranks]) > 0
    assert design.common.recipe.names == tuple(n for n, s in zip(full.names, stays, strict=True) if s)
    assert design.common.recipe.dropped == tuple(n for n, s in zip(full.names, stays, strict=True) if not s)
    assert len(design.common.recipe.dropped) == n_dropped
    np.testing.assert_array_equal(design.common.recipe.apply(design.frame), every[:, stays])
    assert len(design.common.recipe.term_of_column) == len(design.common.recipe.names)


@pytest.mark.parametrize("formula", ["trt*camp", "0 + trt:camp", "camp*trt", "S(trt)*camp"])
def test_the_likelihood_is_that_of_one_column_of_cells(formula):
    expected = pp.maximum_likelihood("y ~ 0 + cell + (1 | plot)", PLOTS).log_likelihood
    found = quiet(pp.maximum_likelihood, f"y ~ {formula} + (1 | plot)", PLOTS)
    assert found.log_likelihood == pytest.approx(expected, abs=1e-4)


def test_the_warning_names_the_columns_left_out():
    with pytest.warns(DataWarning) as caught:
        build_design(ModelSpec.from_formula("y ~ covar*time + (1|site)"), SITES)
    (text,) = (str(one.message) for one in caught)
    assert "do not identify 2 of 10 fixed effects" in text
    assert "left out covar:time[T2], covar:time[T5], as lme4 does" in text


def test_group_effects_of_empty_cells_are_left_out():
    table = pd.concat([PLOTS, PLOTS.assign(y=PLOTS.y + 1)])
    with pytest.warns(DataWarning, match="7 of 28 effects over plot.*trt.T2.:camp.A."):
        design = build_design(ModelSpec.from_formula("y ~ 1 + (0 + trt:camp || plot)"), table)
    factor = design.factors[0]
    assert factor.values.shape == (len(table), 21)
    assert (factor.values.sum(axis=0) > 0).all()
    # Linearly dependent effects have an sd each: only an effect that is 0 in every row is left out.
    assert designed("y ~ x + (covar * time || site)", SITES.assign(x=1.0 * (SITES.site > 9))).factors[0].recipes[
        0
    ].dropped == ("covar:time[T2]",)


@pytest.mark.parametrize("case", MODELS)
def test_a_row_is_estimable_where_rows_of_data_add_up_to_it(case):
    terms, table, _ = MODELS[case]
    group = "plot" if "plot" in table else "site"
    design = designed(f"y ~ {terms} + (1 | {group})", table)
    read = [name for name in ("trt", "camp", "kind", "time") if name in design.categories]
    new = design.frame[read].drop_duplicates()
    for name in read:
        new = new.drop(columns=name).merge(design.frame[[name]].drop_duplicates(), how="cross")
    new = new.drop_duplicates()
    new = pd.concat([new.assign(x=0.5, covar=v) for v in (0.0, 20.0)], ignore_index=True)
    _, every = learn_columns(design.spec.common, design.frame, intercept=design.spec.intercept)
    full = learn_columns(design.spec.common, design.frame, intercept=design.spec.intercept)[0].apply(new)
    rank = np.linalg.matrix_rank(every)
    scale = np.abs(every).max(axis=0) + 1e-300
    expected = [np.linalg.matrix_rank(np.vstack([every, row]) / np.maximum(scale, 1)) > rank for row in full]
    assert quiet(expression_rows, design, new).unobserved.tolist() == expected
    assert 0 < sum(expected) < len(new)
    assert expression_rows(design, design.frame).unobserved is None


def test_a_prediction_for_an_empty_cell_gives_a_warning():
    fit = quiet(lambda: pp.fit("y ~ trt*camp + (1|plot)", PLOTS, seed=1, draws=60, chains=2, progressbar=False))
    new = pd.DataFrame({"trt": ["T1", "T2", "T3"], "camp": ["A", "B", "C"]})
    with pytest.warns(DataWarning, match=r"no row of the data informs the cells \(trt = T2, camp = B\): got 1 such"):
        found = pp.predict(fit, new, kind="typical", seed=1)
    assert found["unobserved_cell"].values.tolist() == [False, True, False]
    with pytest.warns(DataWarning, match="no row of the data informs"):
        pp.average_effect(fit, "trt")
    whole = pp.predict(fit, new[::2], kind="typical", seed=1)
    assert "unobserved_cell" not in whole.coords


def test_the_model_in_pymc_has_the_same_coefficients():
    model = quiet(pp.build_model, "y ~ trt*camp + (1|plot)", PLOTS)
    assert list(model.coords["coef"]) == list(designed("y ~ trt*camp + (1|plot)", PLOTS).common.coefs)


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x + I(2 * x) + (1|plot)",
        "y ~ trt + C(trt) + (1|plot)",
        "y ~ camp + kind + (1|plot)",
        "y ~ x + z + (1|plot)",
    ],
)
def test_terms_that_repeat_others_are_refused(formula):
    with pytest.raises(DataError, match="depend on each other"):
        designed(formula, NESTED.assign(z=lambda t: 1.8 * t.x + 32))


def test_nothing_is_left_out_of_designs_without_empty_cells():
    whole = PLOTS[(PLOTS.camp > "B") & (PLOTS.camp < "G")]
    assert designed("y ~ trt*camp*x + (1|plot)", whole).common.recipe.dropped == ()
    # Columns far from zero, such as times in seconds, are nearly but not exactly dependent.
    far = designed("y ~ trt*x + (1|plot)", whole.assign(x=whole.x * 1e5 + 1.7e9))
    assert far.common.recipe.dropped == ()


def test_weights_are_those_of_the_unscaled_columns():
    values = np.column_stack([np.ones(6), [0, 0, 1, 1, 2, 2.0], 1e6 * np.array([0, 0, 2, 2, 4, 4.0]) + 3])
    aliases = find_aliases(values, (-1, 0, 1), (0, 0, 2))
    assert aliases.dropped.tolist() == [2]
    np.testing.assert_allclose(aliases.weights[:, 0], [3, 2e6], rtol=1e-8)


def test_new_levels_and_empty_cells_together():
    design = designed("y ~ trt*camp + (1|plot)", PLOTS)
    with pytest.warns(DataWarning, match="informs the cells"):
        rows = new_rows(design, {"trt": ["T2"], "camp": ["A"], "plot": ["new"]}, new_levels="sample")
    assert rows.unobserved.tolist() == [True]
    assert rows.take(np.array([0])).unobserved.tolist() == [True]
