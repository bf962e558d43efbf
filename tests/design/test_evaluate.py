import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import BSpline

from partialpool.design.evaluate import evaluate, learn_columns
from partialpool.errors import DataError, DataWarning


@pytest.fixture
def frame(table):
    return table.assign(f=table.f.astype("category"), g=table.g.astype("category"), b=table.x > 0)


def is_(column, *labels):
    return np.column_stack([column == label for label in labels]).astype(float)


def group_mean(t, name, by):
    return np.array([t[name][t[by] == level].mean() for level in t[by]])


CASES = {
    "number": (["x"], lambda t: (["x"], t.x)),
    "boolean": (["b"], lambda t: (["b[True]"], t.b)),
    "category": (["f"], lambda t: (["f[v]", "f[w]"], is_(t.f, "v", "w"))),
    "numbers as category": (["C(h)"], lambda t: (["C(h)[2]", "C(h)[3]", "C(h)[4]"], is_(t.h, 2, 3, 4))),
    "reference level": (["T(f, 'v')"], lambda t: (["T(f, 'v')[u]", "T(f, 'v')[w]"], is_(t.f, "u", "w"))),
    "sum to zero": (["S(f)"], lambda t: (["S(f)[u]", "S(f)[v]"], is_(t.f, "u", "v") - is_(t.f, "w"))),
    "interaction of numbers": (["x:z"], lambda t: (["x:z"], t.x * t.z)),
    "interaction with a category": (
        ["x", "f", "x:f"],
        lambda t: (
            ["x", "f[v]", "f[w]", "x:f[v]", "x:f[w]"],
            np.column_stack([t.x, is_(t.f, "v", "w"), is_(t.f, "v", "w") * t.x.to_numpy()[:, None]]),
        ),
    ),
    "one slope per category": (
        ["x:f"],
        lambda t: (["x:f[u]", "x:f[v]", "x:f[w]"], is_(t.f, "u", "v", "w") * t.x.to_numpy()[:, None]),
    ),
    "interaction of categories": (
        ["f", "b", "f:b"],
        lambda t: (
            ["f[v]", "f[w]", "b[True]", "f[v]:b[True]", "f[w]:b[True]"],
            np.column_stack([is_(t.f, "v", "w"), t.b, is_(t.f, "v", "w") * t.b.to_numpy()[:, None]]),
        ),
    ),
    "arithmetic": (["I((x + z) * 2)"], lambda t: (["I((x + z) * 2)"], (t.x + t.z) * 2)),
    "powers": (["I(x**2)", "I((-z)**3)"], lambda t: (["I(x**2)", "I((-z)**3)"], np.column_stack([t.x**2, -(t.z**3)]))),
    "negated boolean": (["I(1 - b)"], lambda t: (["I(1 - b)"], 1.0 - t.b)),
    "comparison": (["I(z > 5)"], lambda t: (["I(z > 5)"], t.z > 5)),
    "comparison with text": (["I(f == 'u')"], lambda t: (["I(f == 'u')"], t.f == "u")),
    "functions": (
        ["log(pos)", "sqrt(pos)", "exp(x)", "abs(x)"],
        lambda t: (
            ["log(pos)", "sqrt(pos)", "exp(x)", "abs(x)"],
            np.column_stack([np.log(t.pos), t.pos**0.5, np.exp(t.x), np.abs(t.x)]),
        ),
    ),
    "more functions": (
        ["log1p(pos)", "log2(pos)", "log10(pos)", "expm1(x)", "sin(x)", "cos(x)", "tan(x)", "tanh(x)"],
        lambda t: (
            ["log1p(pos)", "log2(pos)", "log10(pos)", "expm1(x)", "sin(x)", "cos(x)", "tan(x)", "tanh(x)"],
            np.column_stack(
                [
                    np.log(1 + t.pos),
                    np.log(t.pos) / np.log(2),
                    np.log(t.pos) / np.log(10),
                    np.exp(t.x) - 1,
                    np.sin(t.x),
                    np.cos(t.x),
                    np.sin(t.x) / np.cos(t.x),
                    np.tanh(t.x),
                ]
            ),
        ),
    ),
    "centred": (["center(z)"], lambda t: (["center(z)"], t.z - t.z.mean())),
    "centred, nested": (["I(center(z)**2)"], lambda t: (["I(center(z)**2)"], (t.z - t.z.mean()) ** 2)),
    "scaled": (["scale(z)"], lambda t: (["scale(z)"], (t.z - t.z.mean()) / t.z.std(ddof=1))),
    "standardised": (["standardize(z)"], lambda t: (["standardize(z)"], (t.z - t.z.mean()) / t.z.std(ddof=1))),
    "between": (["between(x, g)"], lambda t: (["between(x, g)"], group_mean(t, "x", "g"))),
    "within": (["within(x, g)"], lambda t: (["within(x, g)"], t.x - group_mean(t, "x", "g"))),
    "between of numbered groups": (["between(x, h)"], lambda t: (["between(x, h)"], group_mean(t, "x", "h"))),
    "raw polynomial": (
        ["poly(x, 2, raw=True)"],
        lambda t: (["poly(x, 2, raw=True)[0]", "poly(x, 2, raw=True)[1]"], np.column_stack([t.x, t.x**2])),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_terms_become_named_columns(case, frame):
    terms, expect = CASES[case]
    names, values = expect(frame)
    recipe, found = learn_columns(terms, frame, intercept=True)
    assert recipe.names == ("Intercept", *names)
    np.testing.assert_allclose(found, np.column_stack([np.ones(48), np.asarray(values, dtype=float)]), atol=1e-12)
    np.testing.assert_allclose(recipe.apply(frame), found, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_learned_columns_are_a_function_of_the_row(case, frame):
    recipe, found = learn_columns(CASES[case][0], frame, intercept=True)
    order = np.random.default_rng(1).permutation(48)
    np.testing.assert_allclose(recipe.apply(frame.iloc[order]), found[order], atol=1e-12)
    for row in (0, 7, 47):
        np.testing.assert_allclose(recipe.apply(frame.iloc[[row]]), found[[row]], atol=1e-12)


@pytest.mark.parametrize(
    "terms",
    [
        ["scale(z)", "scale(log(pos))"],
        ["scale(log(pos))", "scale(z)"],
        ["log(I(pos**2 + 1))", "log(pos)", "x"],
        ["poly(log(pos), 1)", "poly(z, 1)"],
        ["I(-(x**2))", "z"],
    ],
    ids=" + ".join,
)
def test_every_term_of_a_formula_gets_its_column(terms, table, build):
    design = build(f"y ~ {' + '.join(terms)} + (1 | g)", table)
    assert design.common.coefs == ("Intercept", *terms)


def test_without_an_intercept_a_category_gets_all_its_columns(frame):
    recipe, values = learn_columns(["f"], frame, intercept=False)
    assert recipe.names == ("f[u]", "f[v]", "f[w]")
    np.testing.assert_array_equal(values, is_(frame.f, "u", "v", "w"))


@pytest.mark.parametrize(("intercept", "names"), [(True, ("Intercept",)), (False, ())])
def test_no_terms(intercept, names, frame):
    recipe, values = learn_columns([], frame, intercept=intercept)
    assert recipe.names == names
    np.testing.assert_array_equal(values, np.ones((48, len(names))))
    np.testing.assert_array_equal(recipe.apply(frame[:5]), np.ones((5, len(names))))


def test_orthogonal_polynomials_are_the_qr_of_the_powers(frame):
    recipe, values = learn_columns(["poly(z, 3)"], frame, intercept=False)
    assert recipe.names == ("poly(z, 3)[0]", "poly(z, 3)[1]", "poly(z, 3)[2]")
    q, r = np.linalg.qr(np.vander(frame.z - frame.z.mean(), 4, increasing=True))
    np.testing.assert_allclose(values, (q * np.sign(np.diag(r)))[:, 1:], atol=1e-12)


def test_splines_span_the_cubic_splines_of_their_knots(frame):
    recipe, values = learn_columns(["bs(z, df=5)"], frame, intercept=False)
    assert recipe.names == tuple(f"bs(z, df=5)[{i}]" for i in range(5))
    low, high = frame.z.min(), frame.z.max()
    knots = np.r_[[low] * 4, np.percentile(frame.z, [100 / 3, 200 / 3]), [high] * 4]
    basis = BSpline.design_matrix(np.clip(frame.z, low, high - 1e-12), knots, 3).toarray()
    ours = np.column_stack([np.ones(48), values])
    projected = basis @ np.linalg.lstsq(basis, ours, rcond=None)[0]
    assert np.linalg.matrix_rank(ours) == basis.shape[1]
    np.testing.assert_allclose(projected, ours, atol=1e-8)


NEW = {
    "center(z)": lambda t, z: z - t.z.mean(),
    "scale(z)": lambda t, z: (z - t.z.mean()) / t.z.std(ddof=1),
    "I(center(z)**2)": lambda t, z: (z - t.z.mean()) ** 2,
    "between(z, g)": lambda t, z: np.repeat(t.z[t.g == "a"].mean(), 3),
    "within(z, g)": lambda t, z: z - t.z[t.g == "a"].mean(),
    "within(z, h)": lambda t, z: z - [t.z[t.h == h].mean() for h in (1, 2, 3)],
    "center(between(z, g))": lambda t, z: np.repeat(t.z[t.g == "a"].mean() - t.z.mean(), 3),
}


@pytest.mark.parametrize("term", NEW)
def test_new_rows_use_what_was_learned(term, frame):
    recipe, _ = learn_columns([term], frame, intercept=True)
    z = np.array([100.0, 200.0, 600.0])
    for kind in (int, float):  # a group number is the same group as a float
        new = frame[:3].assign(z=z, h=frame.h[:3].astype(kind))
        np.testing.assert_allclose(recipe.apply(new)[:, 1], NEW[term](frame, z), rtol=1e-12)


def test_polynomials_of_new_rows_use_the_old_coefficients(frame):
    recipe, values = learn_columns(["poly(z, 2)"], frame, intercept=True)
    new = np.array([50.0, -3.0])
    powers = np.vander(frame.z, 3, increasing=True)
    expected = np.vander(new, 3, increasing=True) @ np.linalg.lstsq(powers, values, rcond=None)[0]
    np.testing.assert_allclose(recipe.apply(frame[:2].assign(z=new)), expected, rtol=1e-9)


def test_a_new_level_has_the_mean_of_its_own_rows(frame):
    recipe, _ = learn_columns(["between(z, g)", "within(z, g)"], frame, intercept=False)
    new = pd.DataFrame({"z": [1.0, 5.0, 7.0], "g": pd.Categorical(["new", "new", "a"])})
    mean = frame.z[frame.g == "a"].mean()
    with pytest.warns(
        DataWarning, match=r"means of 'z' over levels the fit has not seen \(new\) are those of"
    ) as caught:
        np.testing.assert_allclose(recipe.apply(new), [[3, -2], [3, 2], [mean, 7 - mean]])
    assert {one.filename for one in caught} == {__file__}  # the warning refers to the calling file


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "int32", "int64", "float16", "float32"])
@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("I(q**5)", [1.0, 32.0, 243.0, 1024.0]),
        ("I(q * 100)", [100.0, 200.0, 300.0, 400.0]),
        ("I(q - 3)", [-2.0, -1.0, 0.0, 1.0]),
        ("I(-q)", [-1.0, -2.0, -3.0, -4.0]),
        ("exp(q)", np.exp([1.0, 2, 3, 4])),
        ("q:r", [3e4, 6e4, 9e4, 12e4]),
    ],
)
def test_small_number_types_do_not_overflow_or_round(kind, term, expected, build):
    data = pd.DataFrame({"q": np.tile([1, 2, 3, 4], 6), "g": np.repeat(list("abc"), 8), "y": np.arange(24.0)})
    data = data.astype({"q": kind}).assign(r=np.int16(30000))
    design = build(f"y ~ {term} + (1 | g)", data)
    np.testing.assert_allclose(design.common.values[:4, 0], expected, rtol=1e-12)


def test_a_year_of_sixteen_bits_can_be_squared(build):
    data = pd.DataFrame({"year": np.arange(2000, 2024, dtype="int16"), "g": list("ab") * 12, "y": np.arange(24.0)})
    values = build("y ~ I(year**2) + (1 | g)", data).common.values[:, 0]
    np.testing.assert_array_equal(values, np.arange(2000.0, 2024.0) ** 2)


REFUSED = {
    "log(f)": ("cannot evaluate the terms", "log(f): ", "numbers inside functions", "types of the columns 'f'"),
    "I(f * 2)": ("cannot evaluate the terms", "I(f * 2): ", "numbers inside functions", "columns 'f'"),
    "between(f, g)": ("cannot evaluate the terms", "between(f, g): ", "numbers inside functions", "'f', 'g'"),
    "between(x)": ("cannot evaluate the terms", "between(x): ", "", ""),
    "log(x)": ("'log(x)' is not finite", "nan in row", "finite numbers", "a log of 0 or less"),
    "I(1 / count)": ("'I(1 / count)' is not finite", "inf in row", "finite numbers", "a division by 0"),
    "scale(trials)": (
        "'scale(trials)' is not finite",
        "row 0 (counted from 0), 48 such",
        "finite numbers",
        "check",
    ),
    "bs(x, df=2)": ("cannot evaluate the terms", "bs(x, df=2): ", "", ""),
    "poly(x, 0)": ("", "poly(x, 0)", "", ""),
    "log(pos, z)": ("", "log(pos, z)", "", ""),
    "exp(x, out=z)": ("", "exp(x, out=z)", "", ""),
}


@pytest.mark.parametrize("term", REFUSED)
def test_terms_that_give_no_columns_are_refused(term, table, refused):
    refused(f"y ~ {term} + (1 | g)", table, *REFUSED[term])


def test_the_count_of_rows_that_are_not_finite_is_right(frame):
    with pytest.raises(DataError) as caught:
        learn_columns(["log(x)"], frame, intercept=True)
    bad = np.flatnonzero(frame.x < 0)
    assert caught.value.got == f"nan in row {bad[0]} (counted from 0), {len(bad)} such rows"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [("x", lambda t: t.x), ("z * 2 + 1", lambda t: t.z * 2 + 1), ("log(pos)", lambda t: np.log(t.pos))],
)
def test_one_expression(expression, expected, frame):
    np.testing.assert_allclose(evaluate(expression, frame), expected(frame), rtol=1e-14)


@pytest.mark.parametrize(("expression", "got"), [("f", "categories such as"), ("poly(x, 2)", "poly(x, 2)[0]")])
def test_an_expression_of_several_columns_is_refused(expression, got, frame, check_parts):
    with pytest.raises(DataError) as caught:
        evaluate(expression, frame)
    check_parts(caught.value, f"{expression!r} is not one column", got, "numbers", "check the column's type")


@pytest.mark.parametrize("offsets", ["offset(z * 2) + offset(log(trials))", "offset(log(trials)) + offset(z * 2)"])
def test_offsets_add_up(offsets, table, build):
    design = build(f"count ~ x + {offsets} + (1 | g)", table, family="poisson")
    np.testing.assert_allclose(design.offset, np.log(10) + 2 * table.z, rtol=1e-14)
    assert design.common.names == ("x",)


@pytest.mark.parametrize(
    ("offset", "wrong", "got"),
    [
        ("f", "'f' is not one column of numbers", "categories such as"),
        ("log(x)", "'log(x)' is not finite", "nan in row"),
    ],
)
def test_an_offset_must_be_finite_numbers(offset, wrong, got, table, refused):
    refused(f"y ~ offset({offset}) + (1 | g)", table, wrong, got, "numbers", "check the")


def test_a_spline_beyond_its_data_gives_a_warning():
    frame = pd.DataFrame({"x": np.linspace(0, 10, 40)})
    recipe, values = learn_columns(["bs(x, df=5)"], frame, intercept=False)
    np.testing.assert_array_equal(recipe.apply(frame), values)  # no warning: in tests a warning is an error
    with pytest.warns(
        DataWarning, match=r"the spline of 'x' was fitted to values from 0 to 10, and is evaluated at 15:"
    ) as caught:
        recipe.apply(pd.DataFrame({"x": [3.0, 12.0, 15.0]}))
    assert {one.filename for one in caught} == {__file__}
