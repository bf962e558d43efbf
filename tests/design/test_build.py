import json
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from partialpool.datasets.load import load_dataset
from partialpool.design.build import build_design
from partialpool.errors import DataError, DataWarning, PartialPoolError
from partialpool.spec.model import ModelSpec

FORMULA = "y ~ x * f + h + (1 + x | g) + (0 + z | g) + (f || h)"
TABLES = {
    "polars": pl.DataFrame,
    "polars categorical": lambda d: pl.DataFrame(d).with_columns(pl.col("f").cast(pl.Categorical)),
    "polars enum": lambda d: pl.DataFrame(d).with_columns(pl.col("g").cast(pl.Enum(list("abcdefghq")))),
    "arrow": lambda d: pa.Table.from_pandas(d, preserve_index=False),
    "arrow dictionary": lambda d: pa.table(d.to_dict("list") | {"f": pa.array(list(d.f)).dictionary_encode()}),
    "lists": lambda d: d.to_dict("list"),
    "arrays": lambda d: {name: d[name].to_numpy() for name in d},
    "nullable": lambda d: d.convert_dtypes(),
    "arrow-backed": lambda d: d.convert_dtypes(dtype_backend="pyarrow"),
    "strings": lambda d: d.astype({"f": "string", "g": "string"}),
    "categoricals": lambda d: d.assign(f=pd.Categorical(d.f, [*"auvwz"]), g=pd.Categorical(d.g, [*"abcdefghq"])),
    "numbered categories": lambda d: d.astype({"h": float}),
    "odd index": lambda d: d.set_index(pd.Index([7] * len(d))),
    "other order of columns": lambda d: d[d.columns[::-1]],
}


def assert_same_design(left, right):
    assert left.common.coefs == right.common.coefs
    np.testing.assert_array_equal(left.common.values, right.common.values)
    np.testing.assert_array_equal(left.response.values, right.response.values)
    np.testing.assert_array_equal(left.rows, right.rows)
    assert left.n_given == right.n_given
    for a, b in zip(left.factors, right.factors, strict=True):
        assert (a.name, a.names, a.blocks, a.levels.labels) == (b.name, b.names, b.blocks, b.levels.labels)
        np.testing.assert_array_equal(a.codes, b.codes)
        np.testing.assert_array_equal(a.values, b.values)
        np.testing.assert_array_equal(a.basis.scale, b.basis.scale)


@pytest.mark.parametrize("kind", TABLES)
def test_every_kind_of_table_gives_the_same_design(kind, table, build):
    design = build(FORMULA, TABLES[kind](table))
    assert_same_design(design, build(FORMULA, table))
    assert design.factors[0].levels.labels == tuple("abcdefgh")
    assert design.factors[1].levels.labels == (1, 2, 3, 4)


@pytest.mark.parametrize(
    "convert",
    [lambda d: d, lambda d: d.astype(object), pl.from_pandas, lambda d: pa.Table.from_pandas(d, preserve_index=False)],
    ids=["nullable", "object", "polars", "arrow"],
)
def test_every_kind_of_table_drops_the_same_rows(convert, table, build):
    data = table.assign(b=table.x > 0).convert_dtypes()
    for row, name in enumerate(["x", "z", "g", "h", "b", "y"]):
        data.loc[row, name] = pd.NA
    with pytest.warns(
        DataWarning, match=r"dropped 6 of 48 rows .*y \(1\), x \(1\), b \(1\), z \(1\), g \(1\), h \(1\)"
    ):
        design = build("y ~ x + b + (z | g) + (1 | h)", convert(data))
    whole = build("y ~ x + b + (z | g) + (1 | h)", table.assign(b=table.x > 0)[6:])
    assert design.common.coefs == whole.common.coefs == ("Intercept", "x", "b[True]")
    np.testing.assert_array_equal(design.common.values, whole.common.values)
    np.testing.assert_array_equal(design.factors[0].codes, whole.factors[0].codes)
    assert design.factors[1].levels.labels == (1, 2, 3, 4)
    assert design.rows.tolist() == list(range(6, 48))
    assert design.n_given == 48


@pytest.mark.parametrize(
    ("formula", "change", "options"),
    [
        ("y ~ absent + (1 | g)", {}, {}),
        ("y ~ x + (1 | g)", {"x": np.nan}, {}),
        ("y ~ x + (1 | g)", {"x": np.inf}, {}),
        ("y ~ log(x) + (1 | g)", {}, {}),
        ("y ~ x + (1 | g)", {"g": "a"}, {}),
        ("y ~ x + z + (1 | g)", {"x": 1.0}, {}),
        ("y ~ x + (1 | g)", {}, {"family": "poisson"}),
        ("y ~ x + (1 | g)", {"x": pd.array([None, *range(47)], dtype="Int64")}, {"missing": "error"}),
    ],
)
def test_a_refused_table_is_left_alone(formula, change, options, table, build):
    data = table.assign(**change)
    for given in (data, TABLES["polars"](data), TABLES["arrays"](data)):
        with pytest.raises(PartialPoolError):  # the fixture asserts that the table is unchanged
            build(formula, given, **options)


def test_a_table_of_arrays_is_not_written_to(table, build):
    data = {name: table[name].to_numpy(copy=True) for name in table}
    design = build("y ~ x + (1 | g)", data)
    design.common.values[:] = 0
    design.response.values[:] = 0
    np.testing.assert_array_equal(data["x"], table["x"])
    np.testing.assert_array_equal(data["y"], table["y"])


def test_nested_factors_have_a_level_for_each_combination():
    design = build_design(ModelSpec.from_formula("strength ~ 1 + (1 | batch/cask)"), load_dataset("pastes"))
    batch, cask = design.factors
    assert (batch.name, batch.n_levels, cask.name, cask.n_levels) == ("batch", 10, "batch:cask", 30)
    assert batch.levels.labels == tuple("ABCDEFGHIJ")
    assert cask.levels.labels == tuple(f"{b}:{c}" for b in "ABCDEFGHIJ" for c in "abc")
    np.testing.assert_array_equal(cask.codes // 3, batch.codes)
    np.testing.assert_array_equal(np.bincount(cask.codes), np.full(30, 2))


def test_explicit_and_implicit_nesting_agree():
    data = load_dataset("pastes")
    slash, written, sample = (
        build_design(ModelSpec.from_formula(f"strength ~ 1 + {terms}"), data).factors
        for terms in ("(1 | batch/cask)", "(1 | batch) + (1 | batch:cask)", "(1 | batch) + (1 | sample)")
    )
    assert [f.name for f in slash] == [f.name for f in written]
    for one, other in ((slash, written), (slash, sample)):
        assert one[1].levels.labels == other[1].levels.labels
        np.testing.assert_array_equal(one[1].codes, other[1].codes)


def test_crossed_factors_have_their_own_levels():
    data = load_dataset("penicillin")
    plate, sample = build_design(ModelSpec.from_formula("diameter ~ 1 + (1 | plate) + (1 | sample)"), data).factors
    assert (plate.n_levels, sample.n_levels) == (24, 6)
    np.testing.assert_array_equal(np.asarray(plate.levels.labels)[plate.codes], data["plate"])
    np.testing.assert_array_equal(np.asarray(sample.levels.labels)[sample.codes], data["sample"])


def ones(t):
    return np.ones(len(t))


def cats(t, labels):
    return [t.f == label for label in labels]


EFFECTS = {
    "(1 | g)": (["Intercept"], [(0,)], lambda t: [ones(t)]),
    "(x | g)": (["Intercept", "x"], [(0, 1)], lambda t: [ones(t), t.x]),
    "(x || g)": (["Intercept", "x"], [(0,), (1,)], lambda t: [ones(t), t.x]),
    "(0 + x | g)": (["x"], [(0,)], lambda t: [t.x]),
    "(x + z | g)": (["Intercept", "x", "z"], [(0, 1, 2)], lambda t: [ones(t), t.x, t.z]),
    "(x * z || g)": (
        ["Intercept", "x", "z", "x:z"],
        [(0,), (1,), (2,), (3,)],
        lambda t: [ones(t), t.x, t.z, t.x * t.z],
    ),
    "(1 + x | g) + (0 + z | g)": (["Intercept", "x", "z"], [(0, 1), (2,)], lambda t: [ones(t), t.x, t.z]),
    "(0 + x | g) + (1 | g)": (["x", "Intercept"], [(0,), (1,)], lambda t: [t.x, ones(t)]),
    "(1 | g) + (0 + x + z | g)": (["Intercept", "x", "z"], [(0,), (1, 2)], lambda t: [ones(t), t.x, t.z]),
    "(0 + f | g)": (["f[u]", "f[v]", "f[w]"], [(0, 1, 2)], lambda t: cats(t, "uvw")),
    "(0 + f || g)": (["f[u]", "f[v]", "f[w]"], [(0,), (1,), (2,)], lambda t: cats(t, "uvw")),
    "(f | g)": (["Intercept", "f[v]", "f[w]"], [(0, 1, 2)], lambda t: [ones(t), *cats(t, "vw")]),
    "(f || g)": (["Intercept", "f[v]", "f[w]"], [(0,), (1,), (2,)], lambda t: [ones(t), *cats(t, "vw")]),
    "(1 | g) + (0 + f | g)": (
        ["Intercept", "f[u]", "f[v]", "f[w]"],
        [(0,), (1, 2, 3)],
        lambda t: [ones(t), *cats(t, "uvw")],
    ),
    "(0 + f:x | g)": (
        ["f[u]:x", "f[v]:x", "f[w]:x"],
        [(0, 1, 2)],
        lambda t: [(t.f == label) * t.x for label in "uvw"],
    ),
    "(log(pos) | g)": (["Intercept", "log(pos)"], [(0, 1)], lambda t: [ones(t), np.log(t.pos)]),
    "(center(z) | g)": (["Intercept", "center(z)"], [(0, 1)], lambda t: [ones(t), t.z - t.z.mean()]),
}


# An intercept and every category without a contrast are not identified; the requested columns are still built.
@pytest.mark.filterwarnings("ignore:.* not identified:partialpool.errors.DataWarning")
@pytest.mark.parametrize("terms", EFFECTS)
def test_effects_of_one_factor_are_joined_in_blocks(terms, table, build):
    names, blocks, values = EFFECTS[terms]
    (factor,) = build(f"y ~ 1 + {terms}", table).factors
    z = np.column_stack([np.asarray(v, dtype=float) for v in values(table)])
    assert factor.names == tuple(names)
    assert factor.blocks == tuple(blocks)
    np.testing.assert_allclose(factor.values, z, rtol=1e-12, atol=1e-15)
    assert factor.correlated == any(len(block) > 1 for block in blocks)
    assert factor.codes.tolist() == np.repeat(range(8), 6).tolist()


def test_terms_of_one_factor_are_merged_across_others(table, build):
    design = build("y ~ 1 + (1 | g) + (x | h) + (0 + z | g)", table)
    assert [(f.name, f.names, f.blocks) for f in design.factors] == [
        ("g", ("Intercept", "z"), ((0,), (1,))),
        ("h", ("Intercept", "x"), ((0, 1),)),
    ]


def test_an_effect_that_varies_twice_is_refused(table, refused):
    data = table.assign(**{"f[v]": table.x})
    refused("y ~ x + (f | g) + (0 + `f[v]` | g)", data, "varies twice over g", "f[v]", "each effect once", "0 +")


COMMON = {
    "y ~ 1": ((), True),
    "y ~ 0 + x": (("x",), False),
    "y ~ x + f": (("x", "f[v]", "f[w]"), True),
    "y ~ 0 + f": (("f[u]", "f[v]", "f[w]"), False),
    "y ~ x * f": (("x", "f[v]", "f[w]", "x:f[v]", "x:f[w]"), True),
    "y ~ x:f": (("x:f[u]", "x:f[v]", "x:f[w]"), True),
    "y ~ I( (x+z)*2 )": (("I((x + z) * 2)",), True),
    "y ~ poly(x,2)": (("poly(x, 2)[0]", "poly(x, 2)[1]"), True),
    "y ~ x + x": (("x",), True),
    "y ~ `my x` + (`my x` | g)": (("my x",), True),
}


@pytest.mark.parametrize("formula", COMMON)
def test_common_effects_have_canonical_names_centres_and_scales(formula, table, build):
    names, intercept = COMMON[formula]
    common = build(formula, table.assign(**{"my x": table.z})).common
    assert common.names == names
    assert common.coefs == (("Intercept",) if intercept else ()) + names
    assert common.values.shape == (48, len(names))
    np.testing.assert_allclose(common.center, common.values.mean(axis=0) if intercept else 0, atol=1e-15)
    spread = common.values.std(axis=0) if intercept else np.sqrt(np.mean(common.values**2, axis=0))
    np.testing.assert_allclose(common.scale, spread, rtol=1e-12)


def test_the_scale_is_exact_far_from_zero(table, build):
    far = build("y ~ x + (1 | g)", table.assign(x=np.arange(48) % 5 + 2.0**40)).common
    near = build("y ~ x + (1 | g)", table.assign(x=np.arange(48) % 5)).common
    np.testing.assert_allclose(far.scale, near.scale, rtol=1e-6)


def test_cutpoints_are_the_intercepts_of_an_ordinal_model(table, build):
    for formula in ("h ~ f + (1 | g)", "h ~ 0 + f + (1 | g)"):
        common = build(formula, table, family="cumulative").common
        assert common.coefs == ("f[v]", "f[w]")
        assert not common.intercept


def test_datasets_and_their_coefficients():
    cbpp = build_design(
        ModelSpec.from_formula("p(incidence, size) ~ period + (1 | herd)", family="binomial"), load_dataset("cbpp")
    )
    assert cbpp.common.names == ("period[2]", "period[3]", "period[4]")
    assert cbpp.factors[0].levels.labels == tuple(str(i) for i in range(1, 16))
    assert cbpp.response.values.sum() == 99
    assert cbpp.response.trials.sum() == 842


@pytest.mark.parametrize("term", ["bins", "(1 | bins)"])
def test_cut_numbers_are_categories(term, table, build):
    design = build(f"y ~ x + {term} + (1 | g)", table.assign(bins=pd.cut(table.z, 3)))
    names = design.common.names[1:] or design.factors[0].levels.labels
    assert all(isinstance(name, str) for name in names)


def test_two_dimensions_do_not_share_a_name(table):
    with pytest.raises(PartialPoolError, match="g_effect"):
        build_design(ModelSpec.from_formula("y ~ x + (x | g) + (1 | g_effect)"), table.assign(g_effect=table.f))


def test_a_column_called_intercept_is_not_lost(table):
    data = table.rename(columns={"x": "Intercept"})
    with pytest.raises(PartialPoolError, match="Intercept"):
        build_design(ModelSpec.from_formula("y ~ Intercept + (1 | g)"), data)


def test_offset_and_se_are_absent_unless_specified(table, build):
    plain = build("y ~ x + (1 | g)", table)
    assert plain.offset is None
    assert plain.se is None
    design = build("y ~ x + offset(z) + (1 | g)", table, se="pos")
    np.testing.assert_array_equal(design.offset, table.z)
    np.testing.assert_array_equal(design.se, table.pos)


@pytest.mark.parametrize(
    ("attrs", "units"),
    [
        ({}, {}),
        ({"units": {"y": "ms"}}, {"y": "ms"}),
        ({"units": "ms"}, {}),
        ({"units": None}, {}),
        ({"units": ["ms", "day"]}, {}),
    ],
)
def test_units_are_read_if_the_table_states_them_by_column(attrs, units, table, build):
    table.attrs = attrs
    assert dict(build("y ~ x + (1 | g)", table).units) == units


def test_with_origin_renumbers_the_rows_only(table, build):
    design = build("y ~ x + (1 | g)", table)
    other = design.with_origin(np.arange(100, 148), 200, {"y": "ms"})
    assert (other.n_rows, other.n_given, other.rows[0], dict(other.units)) == (48, 200, 100, {"y": "ms"})
    assert other.factors is design.factors
    assert design.rows[0] == 0


def test_columns_that_the_model_does_not_use_may_be_of_any_kind(table, build):
    data = table.assign(when=pd.date_range("2020", periods=48), note=[None] * 48, inf=np.inf)
    assert_same_design(build("y ~ x + (1 | g)", data), build("y ~ x + (1 | g)", table))


MEASURE = """
import json, resource, sys, time
import numpy as np, pandas as pd
from partialpool.design.build import build_design
from partialpool.spec.model import ModelSpec

rows, levels, text = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "text"
rng = np.random.default_rng(1)
codes = rng.permutation(np.concatenate([np.arange(levels), rng.integers(0, levels, rows - levels)]))
group = np.char.add("id", codes.astype(str)).astype(object) if text else codes
data = pd.DataFrame({"y": rng.normal(size=rows), "x": rng.normal(size=rows), "g": group})
spec = ModelSpec.from_formula("y ~ x + (1 + x | g)")
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
design = build_design(spec, data)
seconds = time.perf_counter() - start
extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
factor = design.factors[0]
labels = np.asarray(factor.levels.labels, dtype=object)
right = factor.n_levels == levels and bool((labels[factor.codes] == group).all())
print(json.dumps({"seconds": seconds, "gigabytes": extra, "right": right, "shape": factor.values.shape}))
"""


def measure(rows, levels, kind):
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(rows), str(levels), kind], capture_output=True, text=True, check=True
    )
    return json.loads(run.stdout)


@pytest.mark.parametrize("kind", ["numbers", "text"])
def test_many_levels_cost_little(kind):
    found = measure(183_000, 30_542, kind)
    assert found["right"]
    assert found["shape"] == [183_000, 2]
    assert found["seconds"] < 2
    assert found["gigabytes"] < 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["numbers", "text"])
def test_millions_of_rows_work(kind):
    found = measure(2_800_000, 100_000, kind)
    assert found["right"]
    assert found["shape"] == [2_800_000, 2]
    assert found["gigabytes"] < 2


def test_unknown_columns_in_every_place_are_named(table, check_parts):
    for formula in (
        "Y ~ x + (1 | g)",
        "y ~ X + (1 | g)",
        "y ~ log(X) + (1 | g)",
        "y ~ 1 + (X | g)",
        "y ~ 1 + (1 | G)",
        "y ~ 1 + (1 | g/F)",
        "y ~ between(x, G) + (1 | g)",
        "y ~ offset(X) + (1 | g)",
    ):
        with pytest.raises(DataError) as caught:
            build_design(ModelSpec.from_formula(formula), table)
        name = next(c for c in formula if c in "YXGF")
        check_parts(caught.value, f"no column {name!r}", "9 columns", f"{name.lower()!r} (nearest)", "correct the name")
