import numpy as np
import pandas as pd
import pytest

from partialpool.design.evaluate import evaluate, learn_columns
from partialpool.errors import FormulaError, PartialPoolError
from partialpool.spec.expression import columns_of, read_common
from partialpool.spec.model import ModelSpec

FRAME = pd.DataFrame(
    {
        "x": [1.0, 2.0, 3.5, 4.0, 5.0, 6.5],
        "y": [2.0, 1.5, 5.0, 3.0, 7.0, 0.5],
        "z": [1.5, 2.0, 0.5, 4.0, 2.5, 3.0],
        "my x": [3.0, 1.0, 4.0, 1.0, 5.0, 9.0],
        "g": list("aabbcc"),
    }
)
X, Y, Z, W = (FRAME[c].to_numpy() for c in ("x", "y", "z", "my x"))
MEAN = np.repeat(X.reshape(3, 2).mean(axis=1), 2)

ARITHMETIC = [
    ("I((x+z)*2)", (X + Z) * 2),
    ("I(x+z*2)", X + Z * 2),
    ("I(x-(y-z))", X - (Y - Z)),
    ("I(x-y-z)", X - Y - Z),
    ("I((x-y)-z)", (X - Y) - Z),
    ("I(x/(y*z))", X / (Y * Z)),
    ("I(x/y*z)", X / Y * Z),
    ("I(x/(y/z))", X / (Y / Z)),
    ("I(-(x**2))", -(X**2)),
    ("I((-x)**2)", (-X) ** 2),
    ("I((x**2)**3)", (X**2) ** 3),
    ("I(x**(2**3))", X ** (2**3)),
    ("I(x**-1)", X**-1),
    ("I(x**(-(z+1)))", X ** (-(Z + 1))),
    ("I((x*2)**2)", (X * 2) ** 2),
    ("I(2*-x)", 2 * -X),
    ("I(--x)", X),
    ("I(x--z)", X + Z),
    ("I(-(x+z))", -(X + Z)),
    ("I(-x*z)", -X * Z),
    ("I(+x)", X),
    ("I(x*.5)", X * 0.5),
    ("I(x*0.0000001)", X * 1e-7),
    ("I(x*1234567890123)", X * 1234567890123),
    ("I((x>2)*(z<3))", (X > 2) * (Z < 3)),
    ("I((x > 2) == (z > 2))", (X > 2) == (Z > 2)),
    ("I(x > (z < 2))", (Z < 2) < X),
    ("I(x != 2)", X != 2),
    ("I(g == 'a')", FRAME["g"] == "a"),
    ("log((x+1)*2)", np.log((X + 1) * 2)),
    ("log(x+1*2)", np.log(X + 2)),
    ("sqrt(exp(-x)/(1+z))", np.sqrt(np.exp(-X) / (1 + Z))),
    ("I(log(x)/log(1+z))", np.log(X) / np.log(1 + Z)),
    ("abs(x-z)", abs(X - Z)),
    ("log1p(x)", np.log1p(X)),
    ("expm1(x)", np.expm1(X)),
    ("log2(x)", np.log2(X)),
    ("log10(x)", np.log10(X)),
    ("I(sin(x)*cos(x)-tan(x)+tanh(x))", np.sin(X) * np.cos(X) - np.tan(X) + np.tanh(X)),
    ("{x+1}", X + 1),
    ("{(x+1)*z}", (X + 1) * Z),
    ("I(`my x`*2)", W * 2),
    ("log(`my x` + x)", np.log(W + X)),
    ("within(x, g)", X - MEAN),
    ("between(x, g)", MEAN),
    ("within(x*2, g)", 2 * (X - MEAN)),
    ("between(x, by=g)", MEAN),
    ("center(x)", X - X.mean()),
    ("scale(x)", (X - X.mean()) / X.std(ddof=1)),
]


def canonical(text):
    (term,) = read_common([text], intercept=False).terms
    return term


@pytest.mark.parametrize(("text", "expected"), ARITHMETIC)
def test_canonical_text_is_its_own_canonical_text(text, expected):
    assert canonical(canonical(text)) == canonical(text)


@pytest.mark.parametrize(("text", "expected"), ARITHMETIC)
def test_canonical_text_keeps_the_value(text, expected):
    _, values = learn_columns([canonical(text)], FRAME, intercept=False)
    np.testing.assert_allclose(values[:, 0], np.asarray(expected, float), rtol=1e-12)


@pytest.mark.parametrize(("text", "expected"), [(t, e) for t, e in ARITHMETIC if "g" not in columns_of(t)])
def test_an_expression_of_numbers_evaluates_alone(text, expected):
    np.testing.assert_allclose(evaluate(canonical(text), FRAME), np.asarray(expected, float), rtol=1e-12)


@pytest.mark.parametrize("text", ["within(x, g)", "between(x, by=g)", "I(g == 'a')"])
def test_numbers_made_from_categories_are_numbers(text):
    expected = dict(ARITHMETIC)[text]
    np.testing.assert_allclose(evaluate(canonical(text), FRAME), np.asarray(expected, float), rtol=1e-12)


def random_expression(rng, depth):
    """Text with every bracket written, and its value."""
    if depth == 0 or rng.random() < 0.15:
        name = ["x", "y", "z", "2", "0.5"][rng.integers(5)]
        return name, {"x": X, "y": Y, "z": Z}.get(name, np.full(len(X), float(name) if name[0] in "20" else 0.0))
    left, a = random_expression(rng, depth - 1)
    kind = rng.integers(8)
    if kind == 0:
        return f"(-{left})", -a
    if kind == 1:
        return f"(({left})**2)", a**2
    if kind == 2:
        return f"abs({left})", abs(a)
    right, b = random_expression(rng, depth - 1)
    symbol = "+-*/"[rng.integers(4)]
    return f"({left} {symbol} {right})", {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}[symbol](a, b)


def test_any_arithmetic_keeps_its_value():
    rng, compared = np.random.default_rng(8), 0
    for _ in range(300):
        with np.errstate(all="ignore"):
            text, expected = random_expression(rng, 4)
        if "x" not in text or not np.isfinite(expected).all():
            continue
        written = canonical(f"I({text})")
        assert canonical(written) == written, text
        np.testing.assert_allclose(evaluate(written, FRAME), expected, rtol=1e-9, atol=1e-9, err_msg=text)
        compared += 1
    assert compared > 100


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        ("x", X),
        ("log(x)", np.log(X)),
        ("log(x) - log(z)", np.log(X) - np.log(Z)),
        ("log(x) + log(z)", np.log(X) + np.log(Z)),
        ("log(x)/log(1 + z)", np.log(X) / np.log(1 + Z)),
        ("-log(x)", -np.log(X)),
        ("2*log(x)", 2 * np.log(X)),
        ("1 + log(x)", 1 + np.log(X)),
        ("x*(z + 1)", X * (Z + 1)),
        ("x - (z - 1)", X - (Z - 1)),
        ("abs(x)*abs(z)", X * Z),
        ("(x**2)", X**2),
        ("`my x`", W),
    ],
)
def test_an_offset_is_arithmetic_not_formula_algebra(offset, expected):
    (text,) = read_common([f"offset({offset})"]).offsets
    np.testing.assert_allclose(evaluate(text, FRAME), expected, rtol=1e-12)


def test_terms_to_which_formulae_gives_equal_names_stay_separate():
    recipe, values = learn_columns(["I((x + z) * 2)", "I(x + z * 2)"], FRAME, intercept=False)
    assert recipe.names == ("I((x + z) * 2)", "I(x + z * 2)")
    np.testing.assert_allclose(values, np.column_stack([(X + Z) * 2, X + Z * 2]))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("x", ("x",)),
        ("x + x", ("x",)),
        ("a*b", ("a", "b", "a:b")),
        ("a:b", ("a:b",)),
        ("(a+b)**2", ("a", "b", "a:b")),
        ("(a + b + c)**2 - a:b", ("a", "b", "c", "a:c", "b:c")),
        ("a*b - a:b", ("a", "b")),
        ("a/b", ("a", "a:b")),
        ("(a + b):c", ("a:c", "b:c")),
        ("a:b:c", ("a:b:c",)),
        ("I(x*2):z", ("I(x * 2):z",)),
        ("I(x*2)*I(z*2)", ("I(x * 2)", "I(z * 2)", "I(x * 2):I(z * 2)")),
        ("I( (x+z)*2 ) + I((x + z)*2)", ("I((x + z) * 2)",)),
        ("`a b`*c", ("`a b`", "c", "`a b`:c")),
        ("`a:b`:c", ("`a:b`:c",)),
        ("`2`", ("`2`",)),
        ("poly( x,2 )", ("poly(x, 2)",)),
        ("bs(x, df = 4)", ("bs(x, df=4)",)),
        ("C(g, Treatment)", ("C(g, Treatment)",)),
        ("T(g, 'a') + S(h)", ("T(g, 'a')", "S(h)")),
        ('C(g, "a")', ("C(g, 'a')",)),
        ("{x + 1}", ("I(x + 1)",)),
        ("x\n + z", ("x", "z")),
    ],
)
def test_terms_expand(text, terms):
    read = read_common([text])
    assert read.terms == terms
    assert read_common(read.terms).terms == terms


@pytest.mark.parametrize(
    ("text", "intercept"),
    [("1", True), ("0", False), ("-1", False), ("x - 1", False), ("0 + x", False), ("x - x", True), ("1 + x", True)],
)
def test_the_intercept_is_in_the_model_unless_removed(text, intercept):
    assert read_common([text]).intercept is intercept


@pytest.mark.parametrize(
    "text",
    ["(x ~ z)", "w + (x ~ z)"],
)
def test_a_text_of_which_a_term_could_be_lost_is_refused(text, refuses):
    refuses(FormulaError, lambda: read_common([text]), "cannot read the formula")


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("(x + z)*w", {"x", "z", "w", "x:w", "z:w"}),
        ("(x + z):w", {"x:w", "z:w"}),
        ("x*z + (x + z)*w", {"x", "z", "x:z", "w", "x:w", "z:w"}),
        ("x*z*(z + w)", {"x", "z", "w", "x:z", "x:w", "z:w", "x:z:w"}),
        ("1 + (x + z) + 1", {"x", "z"}),
        ("(x + z)**2 + w", {"x", "z", "w", "x:z"}),
    ],
)
def test_no_term_is_dropped(text, terms):
    assert set(read_common([text]).terms) == terms


@pytest.mark.parametrize(
    ("text", "instead"), [("x**0", "I(x**2)"), ("(x + z)**0", "powers **2 to **4"), ("(x + z)**1", "powers **2 to **4")]
)
def test_a_power_of_zero_is_refused(text, instead, refuses):
    refuses(FormulaError, lambda: read_common([text]), instead)


@pytest.mark.parametrize(
    "level", ["a b", "a\\b", "a\\n", "é", "a\u200bb", "a\tb", "±1.96", "a|b", "a~b", "os.getpid()", "`a`"]
)
def test_text_inside_a_call_is_kept_as_it_is(level):
    written = canonical(f"T(g, ref='{level}')")
    assert written == f"T(g, ref='{level}')"
    assert canonical(written) == written
    frame = FRAME.assign(g=[level, level, "b", "b", "c", "c"])
    recipe, _ = learn_columns([written], frame, intercept=True)
    assert recipe.names == ("Intercept", f"{written}[b]", f"{written}[c]")


NAMES = [
    "a b",
    "a.b",
    "_a",
    "1a",
    "2",
    "a:b",
    "a+b",
    "a|b",
    "a~b",
    "a-b",
    "f(x)",
    "True",
    "None",
    "log",
    "I",
    "Treatment",
]
NAMES += [
    "Sum",
    "lambda",
    "naïve",
    "नाम",
    "e\u0301t\u00e9",
    "x·y",
    "температура",
    "os.getpid()",
    "a'b",
    'a"b',
    "#",
    "x\ny",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pattern", ["{}", "log({})", "{}:z", "I({} * 2)", "within({}, g)"])
def test_a_backquoted_column_may_have_any_name(name, pattern):
    read = read_common([pattern.format(f"`{name}`")], intercept=False)
    assert read_common(read.terms, intercept=False) == read
    assert next(c for term in read.terms for c in columns_of(term)) == name


@pytest.mark.parametrize("name", ["Treatment", "Sum"])
def test_a_column_named_like_a_contrast_is_a_column(name):
    assert columns_of(name) == (name,)
    assert columns_of(f"log({name})") == (name,)
    assert columns_of(f"C(g, {name})") == ("g",)
    spec = ModelSpec.from_formula(f"y ~ {name} + ({name} | g)")
    assert spec.columns == ("y", name, "g")


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("x", ("x",)),
        ("log(x + 1):within(z, school)", ("x", "z", "school")),
        ("scale(x, center=True)", ("x",)),
        ("I(x == 'z')", ("x",)),
        ("-x + (z)", ("x", "z")),
        ("x + x", ("x",)),
        ("I(2)", ()),
    ],
)
def test_columns_of(text, columns):
    assert columns_of(text) == columns


@pytest.mark.parametrize(
    "text",
    [
        "-x",
        "x**x",
        "2*x",
        "x + 2",
        "0*x",
        "x:1",
        "'abc'",
        "True",
        "None",
        "1e5",
        "I(x*1e-3)",
        "I(-x**2)",
        "I(x**2**3)",
        "x == 1",
        "x > z",
        "x | g",
        "(x | g)",
        "I(x | g)",
        "I(x:z)",
        "I(x ~ z)",
        "log(x ~ z)",
        "x[a]",
        "x, z",
        "x z",
        "x = 2",
        "()",
        "",
        "* x",
        "x ++",
        "log(x)(z)",
        "(log)(x)",
        "[x]",
        "x % z",
        "x // z",
        "x @ z",
        "x ^ 2",
        "!x",
        ".",
        "x.y",
        "bs(x, 4):z",
        "offset()",
        "offset(x, z)",
        "offset(x=z)",
        "offset(x):z",
        "x*offset(z)",
        "log(offset(x))",
        "I(" + "9" * 400 + ".5 * x)",
    ],
)
def test_what_is_not_an_expression_is_refused(text, refuses):
    refuses(FormulaError, lambda: read_common([text]))


@pytest.mark.parametrize("name", ["lgo", "Log", "sqroot", "p", "factor", "poly2", "s", "mm", "gr"])
def test_an_unknown_function_is_named(name, refuses):
    refuses(FormulaError, lambda: read_common([f"{name}(x)"]), f"{name!r}")


@pytest.mark.parametrize(("name", "suggestion"), [("lgo", "log"), ("center_", "center"), ("Scale", "scale")])
def test_an_unknown_function_gets_the_nearest(name, suggestion, refuses):
    error = refuses(FormulaError, lambda: read_common([f"{name}(x)"]))
    assert f"'{suggestion}' (nearest)" in error.allowed


@pytest.mark.parametrize("text", ["log(x, z)", "exp(x, out=z)", "sqrt(x, where=z)"])
def test_an_arithmetic_function_takes_one_column(text, refuses):
    refuses(PartialPoolError, lambda: learn_columns(read_common([text]).terms, FRAME, intercept=False))


@pytest.mark.parametrize("n", [100, 400, 1000])
def test_many_terms_are_read_or_refused(n, raised):
    error = raised(lambda: read_common([f"x{i}" for i in range(n)]))
    assert error is None or isinstance(error, FormulaError), repr(error)


@pytest.mark.parametrize("n", [100, 600, 2000])
def test_a_long_sum_inside_a_call_is_read_or_refused(n, raised):
    error = raised(lambda: read_common([f"I({'+'.join(['x'] * n)})"]))
    assert error is None or isinstance(error, FormulaError), repr(error)


@pytest.mark.parametrize(
    "text", ["(1 + x)*z", "(1 + x):z", "x*z*(1 + w)", "(0 + x)*z", "x*z + (x + 1)*w", "x:1", "(x + 1)/z"]
)
def test_a_number_inside_an_interaction_is_refused_in_words(text):
    with pytest.raises(FormulaError, match="cannot be part of an interaction"):
        read_common([text])
