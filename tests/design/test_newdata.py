import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from partialpool.datasets.load import load_dataset
from partialpool.design.build import build_design
from partialpool.design.newdata import new_rows, own_rows
from partialpool.errors import DataError, DataWarning
from partialpool.spec.model import ModelSpec

MODELS = {
    "numbers": ("y ~ x + z + (x | g)", {}),
    "categories": ("y ~ x * f + (f | g) + (1 | h)", {}),
    "no intercept": ("y ~ 0 + f + (0 + f | g)", {}),
    "only an intercept": ("y ~ 1 + (1 | g)", {}),
    "nothing common": ("y ~ 0 + (1 | g)", {}),
    "learned": ("y ~ center(z) + poly(x, 2) + scale(pos) + (center(z) | g)", {}),
    "splines": ("y ~ bs(x, df=4) + (1 | g)", {}),
    "within and between": ("y ~ within(x, g) + between(x, g) + (within(x, g) | g)", {}),
    "nested": ("y ~ x + (1 | g/f)", {}),
    "three deep": ("y ~ x + (1 | g/h/f)", {"se": "pos"}),
    "blocks": ("y ~ x + (1 + x | g) + (0 + z | g) + (f || h)", {}),
    "offset": ("count ~ x + offset(log(trials)) + (1 | g)", {"family": "poisson"}),
    "offset, learned": ("y ~ x + offset(center(z)) + (1 | g)", {}),
    "trials": ("p(count, trials) ~ f + (1 | g)", {"family": "binomial"}),
    "trials, a number": ("p(count, 12) ~ f + (1 | g)", {"family": "binomial"}),
    "standard errors": ("y ~ x + (1 | g)", {"se": "pos"}),
    "ordinal": ("h ~ x + f + (1 | g)", {"family": "cumulative"}),
    "ordinal without intercept": ("h ~ 0 + x + f + (1 | g)", {"family": "cumulative"}),
    "no groups": ("y ~ x + f", {}),
    "sum coding": ("y ~ S(f) + T(g, 'c') + (1 | h)", {}),
    "factor is predictor": ("y ~ f + h + (1 | f) + (1 | h)", {}),
}


def assert_same_rows(left, right, order=slice(None)):
    np.testing.assert_allclose(left.common, right.common[order], rtol=1e-10, atol=1e-10)
    for a, b in zip(left.groups, right.groups, strict=True):
        assert a.factor == b.factor
        assert a.new_labels == b.new_labels == ()
        np.testing.assert_array_equal(a.codes, b.codes[order])
        np.testing.assert_allclose(a.values, b.values[order], rtol=1e-10, atol=1e-10)
    for name in ("offset", "se", "trials"):
        mine, other = getattr(left, name), getattr(right, name)
        assert (mine is None) == (other is None), name
        if mine is not None:
            np.testing.assert_allclose(mine, other[order], rtol=1e-12, atol=1e-12)


# A factor that is also a predictor gives a warning; the requested rows are still built.
pytestmark = pytest.mark.filterwarnings("ignore:.* not identified:partialpool.errors.DataWarning")


def modelled(name, table, build):
    formula, options = MODELS[name]
    if "/h/f" in formula:
        table = table.assign(h=table.h % 2)
    return build(formula, table, **options), table


@pytest.mark.parametrize("model", MODELS)
def test_the_same_table_gives_the_models_own_rows(model, table, build):
    design, table = modelled(model, table, build)
    rows = new_rows(design, table)
    assert_same_rows(rows, own_rows(design))
    np.testing.assert_array_equal(rows.index, np.arange(48))


@pytest.mark.parametrize("model", MODELS)
def test_other_orders_and_subsets_give_the_same_rows(model, table, build):
    design, table = modelled(model, table, build)
    own = own_rows(design)
    for order in (np.random.default_rng(3).permutation(48), np.flatnonzero(table.f == "w"), [5], [40, 40, 2]):
        assert_same_rows(new_rows(design, table.iloc[order]), own, np.asarray(order))


@pytest.mark.parametrize("model", MODELS)
def test_the_response_is_not_needed(model, table, build):
    design, table = modelled(model, table, build)
    response = design.spec.response_term.name
    for without in (table.drop(columns=response), table.assign(**{response: np.nan})):
        assert_same_rows(new_rows(design, without), own_rows(design))


@pytest.mark.parametrize(
    "convert",
    [
        pl.DataFrame,
        lambda d: pa.Table.from_pandas(d, preserve_index=False),
        lambda d: d.to_dict("list"),
        lambda d: d.convert_dtypes(),
        lambda d: d.assign(f=pd.Categorical(d.f, list("wvuz")), g=pd.Categorical(d.g, list("hgfedcba"))),
        lambda d: d.astype({"h": float, "trials": float}),
    ],
    ids=["polars", "arrow", "lists", "nullable", "other category order", "floats"],
)
def test_every_kind_of_table_gives_the_same_rows(convert, table, build):
    for model in ("categories", "nested", "trials", "within and between"):
        design, _ = modelled(model, table, build)
        assert_same_rows(new_rows(design, convert(table)), own_rows(design))


def test_new_values_use_the_old_statistics(table, build):
    design = build("y ~ center(z) + scale(x) + between(z, g) + offset(center(z)) + (center(z) | g)", table)
    rows = new_rows(design, table[:3].assign(z=[100.0, 200, 300], x=[7.0, 8, 9]))
    z = np.array([100.0, 200, 300]) - table.z.mean()
    np.testing.assert_allclose(rows.common[:, 0], z)
    np.testing.assert_allclose(rows.common[:, 1], (np.array([7, 8, 9]) - table.x.mean()) / table.x.std(ddof=1))
    np.testing.assert_allclose(rows.common[:, 2], table.z[table.g == "a"].mean())
    np.testing.assert_allclose(rows.groups[0].values[:, 1], z)
    np.testing.assert_allclose(rows.offset, z)


def test_rows_with_missing_values_are_dropped_and_counted(table, build):
    design = build("y ~ x + (1 | g)", table)
    new = table[:4].assign(x=[1.0, np.nan, 3.0, 4.0], g=["a", "a", None, "b"], y=np.nan)
    with pytest.warns(DataWarning, match=r"dropped 2 of 4 rows .* x \(1\), g \(1\)"):
        rows = new_rows(design, new)
    assert rows.index.tolist() == [0, 3]
    assert rows.common[:, 0].tolist() == [1.0, 4.0]
    with pytest.raises(DataError, match="missing values"):
        new_rows(design, new, missing="error")


def test_booleans_with_a_missing_value_stay_booleans(table, build):
    design = build("y ~ b + (1 | g)", table.assign(b=table.x > 0))
    for kind in (object, "boolean"):
        new = table[:4].assign(b=pd.Series([True, None, False, True], dtype=kind))
        with pytest.warns(DataWarning, match="dropped 1 of 4"):
            rows = new_rows(design, new)
        assert rows.common[:, 0].tolist() == [1.0, 0.0, 1.0]


def test_new_levels_are_coded_after_the_known(table, build):
    design = build("y ~ x + (1 | g) + (1 | g:f)", table)
    new = pd.DataFrame({"x": [0.0, 1, 2, 3], "g": ["new", "b", "other", "new"], "f": ["u", "q", "u", "u"]})
    for choice in ("sample", "population"):
        rows = new_rows(design, new, new_levels=choice)
        assert rows.new_levels == choice
        first, second = rows.groups
        assert first.codes.tolist() == [8, 1, 9, 8]
        assert first.new_labels == ("new", "other")
        assert second.codes.tolist() == [24, 25, 26, 24]
        assert second.new_labels == ("new:u", "b:q", "other:u")
        np.testing.assert_array_equal(first.values, np.ones((4, 1)))


def test_new_combinations_of_known_labels(check_parts):
    design = build_design(ModelSpec.from_formula("strength ~ 1 + (1 | batch/cask)"), load_dataset("pastes"))
    new = pd.DataFrame({"batch": ["A", "A"], "cask": ["b", "z"]})
    with pytest.raises(DataError) as caught:
        new_rows(design, new)
    check_parts(
        caught.value, "levels of 'batch:cask' that the model has not seen", "'A:z'", "30 levels", "new_levels='sample'"
    )
    batch, cask = new_rows(design, new, new_levels="sample").groups
    assert batch.codes.tolist() == [0, 0]
    assert cask.codes.tolist() == [1, 30]


def bad(**change):
    return lambda t: t[:6].assign(**change)


REFUSED = {
    "new level": ("numbers", bad(g="z"), "levels of 'g' that the model has not seen", "'z'", "8 levels", "new_levels="),
    "many new levels": (
        "numbers",
        bad(g=list("mnopqr")),
        "levels of 'g'",
        "'q' and 1 more",
        "8 levels",
        "'population'",
    ),
    "text for numbered levels": ("categories", bad(h="1"), "levels of 'h'", "'1'", "4 levels", "new_levels="),
    "new category": (
        "categories",
        bad(f="zz"),
        "categories that the model has not seen",
        "zz",
        "categories of",
        "recode",
    ),
    "new category of C()": (None, bad(h=9), "categories that the model has not seen", "9", "categories of", "recode"),
    "numbers for categories": (
        "categories",
        bad(f=3),
        "'f' is of another type than when the model was fitted",
        "numbers",
        "categories",
        "convert the column",
    ),
    "absent predictor": ("numbers", lambda t: t.drop(columns="z"), "no column 'z'", "8 columns", "'x'", "correct the"),
    "absent factor": (
        "numbers",
        lambda t: t.drop(columns="g"),
        "no column 'g'",
        "8 columns",
        "'f'",
        "correct the name",
    ),
    "absent trials": (
        "trials",
        lambda t: t.drop(columns="trials"),
        "no column 'trials'",
        "8 columns",
        "'x'",
        "correct",
    ),
    "absent se": ("standard errors", lambda t: t.drop(columns="pos"), "no column 'pos'", "8 columns", "'x'", "correct"),
    "empty": ("numbers", lambda t: t[:0], "the table is empty", "0 rows", "one row or more", "check how"),
    "infinite": (
        "numbers",
        bad(x=np.inf),
        "'x' has infinite values",
        "inf in row 0",
        "finite numbers",
        "correct these",
    ),
    "not finite": ("offset", bad(trials=0), "'log(trials)' is not finite", "-inf in row 0", "finite", "check the"),
    "text predictor": ("numbers", bad(x="a"), "x", "", "numbers", ""),
    "text slope": ("blocks", bad(z=list("abcabc")), "z", "", "numbers", ""),
    "text in a function": ("learned", bad(z="a"), "z", "", "numbers", ""),
    "dates": (
        "numbers",
        bad(x=pd.Timestamp("2020-01-01")),
        "'x' is neither numbers nor",
        "datetime",
        "numbers",
        "days",
    ),
    "text trials": (
        "trials",
        bad(trials="a"),
        "'trials' is not one column of numbers",
        "categories such as 'a'",
        "numbers",
        "type",
    ),
    "negative trials": ("trials", bad(trials=-1), "trials", "-1 in row 0", "0, 1, 2", "check"),
    "fractional trials": ("trials", bad(trials=1.5), "trials", "1.5 in row 0", "0, 1, 2", "check"),
    "text se": ("standard errors", bad(pos="a"), "'pos' are text where numbers", "'a'", "numbers above 0", ""),
    "negative se": (
        "standard errors",
        bad(pos=-1.0),
        "standard errors must be above 0",
        "-1 in row 0",
        "above 0",
        "check",
    ),
    "not a table": ("numbers", lambda t: 3, "not a table", "a int", "pandas, polars", "read a file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_new_data_that_do_not_fit_are_refused(case, table, build, check_parts):
    model, change, *parts = REFUSED[case]
    design = build("y ~ C(h) + (1 | g)", table) if model is None else modelled(model, table, build)[0]
    new = change(table)
    before = new.copy() if isinstance(new, pd.DataFrame) else new
    with pytest.raises(DataError) as caught:
        new_rows(design, new)
    check_parts(caught.value, *parts)
    if isinstance(new, pd.DataFrame):
        pd.testing.assert_frame_equal(new, before)


def test_new_levels_takes_three_values(table, build, check_parts):
    with pytest.raises(DataError) as caught:
        new_rows(build("y ~ x + (1 | g)", table), table, new_levels="zero")
    check_parts(
        caught.value, "unknown treatment of new levels", "'zero'", "'error', 'sample', 'population'", "name one of"
    )


COUNTED = {
    "pandas": lambda t: t[:5],
    "other columns": lambda t: pd.DataFrame({"a": range(5)}),
    "index only": lambda t: pd.DataFrame(index=range(5)),
    "polars": lambda t: pl.DataFrame({"a": range(5)}),
    "arrow": lambda t: pa.table({"a": range(5)}),
    "lists": lambda t: {"a": [1, 2, 3, 4, 5], "b": "x"},
    "lists, scalar first": lambda t: {"b": "x", "a": [1, 2, 3, 4, 5]},
}


@pytest.mark.parametrize("kind", COUNTED)
def test_a_model_without_columns_needs_only_rows(kind, table, build):
    rows = new_rows(build("y ~ 1", table), COUNTED[kind](table))
    assert rows.common.shape == (5, 0)
    assert rows.groups == ()
    assert rows.index.tolist() == list(range(5))


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (3, "not a table"),
        (None, "not a table"),
        ([1, 2], "not a table"),
        ("data.csv", "not a table"),
        (pl.LazyFrame({"a": [1]}), "not a table"),
        (pd.DataFrame({"a": []}), "the table is empty"),
        ({}, "table"),
    ],
    ids=["number", "None", "list", "path", "lazy", "empty", "empty dictionary"],
)
def test_a_model_without_columns_still_needs_a_table(data, wrong, table, build):
    with pytest.raises(DataError, match=wrong):
        new_rows(build("y ~ 1", table), data)
