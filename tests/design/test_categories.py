"""Which columns are categories, and in which order: only the use in the formula and the declared order decide."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.design.newdata import new_rows
from partialpool.errors import DataError
from partialpool.spec.model import ModelSpec

RNG = np.random.default_rng(2)
N = 200
GROUP = np.repeat(np.arange(20), 10)
BOOLEAN = RNG.random(N) > 0.5
TABLE = pd.DataFrame({"x": RNG.normal(size=N), "g": GROUP, "b": BOOLEAN, "s": np.where(BOOLEAN, "yes", "no")}).assign(
    y=lambda t: 2 + t.x + 3 * t.b + RNG.normal(size=20)[GROUP] + RNG.normal(size=N) * 0.7 + RNG.normal(size=20)[GROUP]
)


def designed(formula, data, **options):
    return build_design(ModelSpec.from_formula(formula, **options), data)


@pytest.mark.parametrize(
    "formula",
    ["y ~ 0 + V + (1|g)", "y ~ x:V + (1|g)", "y ~ x + V + (0+V|g)", "y ~ V + (0+V:x|g)", "y ~ V*x + (V:x|g)"],
)
def test_a_boolean_is_the_same_model_as_its_words(formula):
    by_boolean, by_text = (designed(formula.replace("V", name), TABLE) for name in "bs")
    np.testing.assert_array_equal(by_boolean.common.values, by_text.common.values)
    np.testing.assert_array_equal(by_boolean.factors[0].values, by_text.factors[0].values)
    assert [n.replace("b[False]", "s[no]").replace("b[True]", "s[yes]") for n in by_boolean.common.coefs] == list(
        by_text.common.coefs
    )
    assert by_boolean.common.intercept == by_text.common.intercept


def test_likelihoods_of_a_boolean_are_lme4s():
    # lme4 1.1-37 on this table: logLik of 0 + b, x:b, (0 + b | g) and (0 + b:x | g).
    rng = np.random.default_rng(2)
    x, b = rng.normal(size=N), rng.random(N) > 0.5
    level, noise, slope = rng.normal(size=20)[GROUP], rng.normal(size=N) * 0.7, rng.normal(size=20)[GROUP]
    table = pd.DataFrame({"x": x, "b": b, "g": GROUP, "y": 2 + x + 3 * b + level + noise + slope * b})
    for formula, expected in {
        "y ~ 0 + b + (1|g)": -358.3335,
        "y ~ x:b + (1|g)": -411.473,
        "y ~ x + b + (0+b|g)": -253.1082,
        "y ~ b + (0+b:x|g)": -381.313,
    }.items():
        assert pp.maximum_likelihood(formula, table).log_likelihood == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("value", [0.5, 2, -7, "yes", "True"])
@pytest.mark.parametrize("formula", ["y ~ x + b + (1|g)", "y ~ I(b * x) + (1|g)", "y ~ x + (b|g)", "y ~ C(b) + (1|g)"])
def test_a_boolean_has_two_values_and_no_other(value, formula):
    design = designed(formula, TABLE)
    with pytest.raises(DataError) as caught:
        new_rows(design, pd.DataFrame({"x": [0.0], "b": [value], "g": [0]}))
    assert "categories that the model has not seen" in caught.value.wrong
    assert f"{value!r} in column 'b'" in caught.value.got
    assert caught.value.allowed.endswith("False, True")


def test_zero_and_one_are_the_truth_values():
    design = designed("y ~ b + I(b * x) + (b|g)", TABLE)
    booleans = new_rows(design, pd.DataFrame({"x": [2.0, 2.0], "b": [False, True], "g": [0, 0]}))
    assert booleans.common.tolist() == [[0, 0], [1, 2]]
    assert booleans.groups[0].values.tolist() == [[1, 0], [1, 1]]
    for kind in ("int64", "float64", object, "boolean", "category"):
        rows = new_rows(design, pd.DataFrame({"x": [2.0, 2.0], "b": pd.Series([0, 1]).astype(kind), "g": [0, 0]}))
        np.testing.assert_array_equal(rows.common, booleans.common)
        np.testing.assert_array_equal(rows.groups[0].values, booleans.groups[0].values)


def test_a_boolean_response_counts_as_zero_and_one():
    left, right = designed("b ~ x + (1|g)", TABLE), designed("b ~ x + (1|g)", TABLE.assign(b=TABLE.b.astype(int)))
    np.testing.assert_array_equal(left.response.values, right.response.values)


def test_a_boolean_is_no_offset():
    with pytest.raises(DataError, match="not one column of numbers"):
        designed("y ~ x + offset(b) + (1|g)", TABLE)


ORDER = ["placebo", "active"]
ARMS = pd.DataFrame({"g": np.repeat(np.arange(20), 2), "arm": ["active", "placebo"] * 20, "y": RNG.normal(size=40)})
DECLARED = {
    "pandas, not ordered": ARMS.assign(arm=pd.Categorical(ARMS.arm, categories=ORDER)),
    "pandas, with one unused": ARMS.assign(arm=pd.Categorical(ARMS.arm, categories=["none", *ORDER])),
    "pandas, ordered": ARMS.assign(arm=pd.Categorical(ARMS.arm, categories=ORDER, ordered=True)),
    "polars enum": pl.from_pandas(ARMS).with_columns(pl.col("arm").cast(pl.Enum(ORDER))),
    "arrow, ordered": pa.table(
        {
            **{name: ARMS[name].to_numpy() for name in "gy"},
            "arm": pa.DictionaryArray.from_arrays(pa.array([1, 0] * 20), pa.array(ORDER), ordered=True),
        }
    ),
}
SORTED = {
    "text": ARMS,
    "polars categorical": pl.from_pandas(ARMS[::-1]).with_columns(pl.col("arm").cast(pl.Categorical)),
    "arrow, not ordered": pa.Table.from_pandas(ARMS[::-1]).set_column(
        1, "arm", pa.array(ARMS.arm[::-1]).dictionary_encode()
    ),
}


@pytest.mark.parametrize("kind", [*DECLARED, *SORTED])
@pytest.mark.parametrize("term", ["arm", "C(arm)"])
def test_categories_have_their_declared_order(kind, term):
    order = ORDER if kind in DECLARED else sorted(ORDER)
    design = designed(f"y ~ {term} + (1 | g)", {**DECLARED, **SORTED}[kind])
    assert design.common.coefs == ("Intercept", f"{term}[{order[1]}]")
    found = design.categories["arm"]
    assert (found.values, found.reference, found.coding, found.first) == (tuple(order), order[0], "treatment", order[0])
    rows = new_rows(design, pd.DataFrame({"arm": [order[1], order[0], order[1]], "g": [0, 1, 0]}))
    assert rows.common[:, 0].tolist() == [1, 0, 1]
    assert design.frame["arm"].cat.categories.tolist() == order


def test_one_fit_has_one_reference_category():
    fit = pp.fit("y ~ arm + (1 | g)", DECLARED["pandas, not ordered"], seed=1, progressbar=False)
    assert fit.posterior["coef"].values.tolist() == ["Intercept", "arm[active]"]
    assert pp.datagrid(fit)["arm"].tolist() == ["placebo"]
    effect = pp.average_effect(fit, "arm")["population_average"]
    assert effect["contrast"].values.tolist() == ["active against placebo"]
    np.testing.assert_allclose(effect[..., 0], fit.posterior["beta"].sel(coef="arm[active]"), atol=1e-10)


def test_a_saved_fit_keeps_the_declared_order(tmp_path):
    fit = pp.fit("y ~ arm + (1 | g)", DECLARED["polars enum"], seed=1, draws=50, chains=2, progressbar=False)
    again = pp.load_fit(fit.save(tmp_path / "fit.nc"))
    assert again.design.categories == fit.design.categories
    assert again.design.common.coefs == fit.design.common.coefs


USED = {
    "text": ("y ~ s + (1|g)", "s", ("no", "yes"), "no", "treatment"),
    "boolean": ("y ~ b + (1|g)", "b", (False, True), False, "treatment"),
    "reference named": ("y ~ T(p, 3) + (1|g)", "p", (1, 2, 3), 3, "treatment"),
    "sum": ("y ~ S(p) + (1|g)", "p", (1, 2, 3), 3, "sum"),
    "each": ("y ~ 0 + s + (1|g)", "s", ("no", "yes"), None, "each"),
    "numbers as categories": ("y ~ x + (C(p)|g)", "p", (1, 2, 3), 1, "treatment"),
    "a number too": ("y ~ x + C(p) + (p|g)", "p", (1, 2, 3), 1, "treatment"),
    "compared somewhere": ("y ~ 0 + s + (s|g)", "s", ("no", "yes"), "no", "treatment"),
    "computed with": ("y ~ I(s == 'no') + (1|g)", "s", ("no", "yes"), None, "value"),
    "arithmetic of a boolean": ("y ~ I(b * x) + (1|g)", "b", (False, True), None, "value"),
    "groups of between": ("y ~ between(x, h) + (1|g)", "h", (1, 2, 3, 4), None, "label"),
}


@pytest.mark.parametrize("case", USED)
def test_a_column_is_a_category_by_how_the_formula_uses_it(case):
    formula, column, values, reference, coding = USED[case]
    design = designed(formula, TABLE.assign(p=np.resize([1, 2, 3], N), h=np.resize([4, 3, 2, 1], N)))
    assert list(design.categories) == [column]
    found = design.categories[column]
    assert (found.column, found.values, found.reference, found.coding) == (column, values, reference, coding)
    assert found.first == (values[0] if reference is None or coding == "sum" else reference)
    as_number = {recipe.numeric[column] for recipe in design.recipes if column in recipe.numeric}
    assert as_number == ({False, True} if case == "a number too" else {False})


@pytest.mark.parametrize(
    ("formula", "numbers", "codes"),
    [("y ~ 0 + p + (0 + C(p)|g)", "common", "group"), ("y ~ 0 + C(p) + (0 + p|g)", "group", "common")],
)
def test_a_column_may_be_a_number_in_one_term_and_categories_in_another(formula, numbers, codes):
    design = designed(formula, TABLE.assign(p=np.resize([1, 2, 3], N)))
    rows = new_rows(design, pd.DataFrame({"p": [3, 1], "g": [0, 0]}))
    recipes = {"common": design.common.recipe, "group": design.factors[0].recipes[0]}
    values = {"common": rows.common, "group": rows.groups[0].values}
    assert recipes[numbers].numeric == {"p": True}
    assert values[numbers].tolist() == [[3], [1]]
    assert recipes[codes].numeric == {"p": False}
    assert values[codes].tolist() == [[0, 0, 1], [1, 0, 0]]


def test_quantities_are_no_categories():
    design = designed("y ~ x*g + log(abs(x)) + I(x > 0) + (x | g)", TABLE)
    assert not design.categories
