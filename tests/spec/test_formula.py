import pytest

from partialpool.errors import FormulaError, SpecError
from partialpool.spec.formula import ResponseTerm, parse_formula, read_response
from partialpool.spec.model import ModelSpec
from partialpool.spec.terms import Group


@pytest.mark.parametrize(
    ("right", "groups"),
    [
        ("x", ()),
        ("(1 | g)", (Group("g"),)),
        ("(x | g)", (Group("g", slopes=["x"]),)),
        ("(1 + x | g)", (Group("g", slopes=["x"]),)),
        ("(x || g)", (Group("g", slopes=["x"], correlated=False),)),
        ("(1 || g)", (Group("g"),)),
        ("(0 + x | g)", (Group("g", slopes=["x"], intercept=False),)),
        ("(x - 1 | g)", (Group("g", slopes=["x"], intercept=False),)),
        ("(-1 + x || g)", (Group("g", slopes=["x"], intercept=False, correlated=False),)),
        ("(1 | a/b)", (Group("a"), Group("a:b"))),
        ("(x || a/b/c)", tuple(Group(f, slopes=["x"], correlated=False) for f in ("a", "a:b", "a:b:c"))),
        ("(1 | a:b)", (Group("a:b"),)),
        ("(1 | a:b/c)", (Group("a:b"), Group("a:b:c"))),
        ("(1 | a) + (1 | b)", (Group("a"), Group("b"))),
        ("(1 | g) + (0 + x | g)", (Group("g"), Group("g", slopes=["x"], intercept=False))),
        ("(x*z | g)", (Group("g", slopes=["x", "z", "x:z"]),)),
        ("((a + b)**2 | g)", (Group("g", slopes=["a", "b", "a:b"]),)),
        ("(I( x**2 ) | g)", (Group("g", slopes=["I(x**2)"]),)),
        ("(I((x+z)*2) | g)", (Group("g", slopes=["I((x + z) * 2)"]),)),
        ("(C(period) | herd)", (Group("herd", slopes=["C(period)"]),)),
        ("(within(x, g) | g)", (Group("g", slopes=["within(x, g)"]),)),
        ("(`my x` | `my group`)", (Group("my group", slopes=["`my x`"]),)),
        ("(1 | `my-group`)", (Group("my-group"),)),
        ("(1 | `g (kg)`)", (Group("g (kg)"),)),
        ("(1\n|\tg)", (Group("g"),)),
    ],
)
def test_grouping_terms(right, groups):
    parsed = parse_formula(f"y ~ {right}")
    assert parsed.groups == groups
    assert parsed.common.intercept


@pytest.mark.parametrize(
    ("right", "intercept", "terms", "offsets"),
    [
        ("1", True, (), ()),
        ("0", False, (), ()),
        ("-1 + x", False, ("x",), ()),
        ("x - 1", False, ("x",), ()),
        ("0 + x", False, ("x",), ()),
        ("(1 | g)", True, (), ()),
        ("0 + (1 | g)", False, (), ()),
        ("x + (1 | g) - 1", False, ("x",), ()),
        ("(1 | g) + x", True, ("x",), ()),
        ("x + (1 | g) + z", True, ("x", "z"), ()),
        ("x*z - x:z + (1 | g)", True, ("x", "z"), ()),
        ("x + (1 | g) - x", True, (), ()),
        ("offset(x)", True, (), ("x",)),
        ("x + offset(log(n)) + (1 | g)", True, ("x",), ("log(n)",)),
        ("offset(log(a) - log(b))", True, (), ("log(a) - log(b)",)),
        ("offset(a) + offset(b)", True, (), ("a", "b")),
        ("I(x-(y-z))", True, ("I(x - (y - z))",), ()),
        ("within(x, g) + between(x, g)", True, ("within(x, g)", "between(x, g)"), ()),
        ("`my x`", True, ("`my x`",), ()),
        ("{x+1}", True, ("I(x + 1)",), ()),
    ],
)
def test_common_terms(right, intercept, terms, offsets):
    common = parse_formula(f"y ~ {right}").common
    assert (common.intercept, common.terms, common.offsets) == (intercept, terms, offsets)


@pytest.mark.parametrize(
    ("left", "expected", "se"),
    [
        ("y", ResponseTerm("y", "y", "y"), None),
        (" `my y` ", ResponseTerm("`my y`", "my y", "`my y`"), None),
        ("`y`", ResponseTerm("y", "y", "y"), None),
        ("log( y )", ResponseTerm("log(y)", "y", "log(y)"), None),
        ("I((y+1)*2)", ResponseTerm("I((y + 1) * 2)", "y", "I((y + 1) * 2)"), None),
        ("log(`my y`)", ResponseTerm("log(`my y`)", "my y", "log(`my y`)"), None),
        ("use[Y]", ResponseTerm("use[Y]", "use", "use", level="Y"), None),
        ("use['Y']", ResponseTerm("use[Y]", "use", "use", level="Y"), None),
        ("p(s, n)", ResponseTerm("p(s, n)", "s", "s", trials="n"), None),
        ("prop(s, n)", ResponseTerm("p(s, n)", "s", "s", trials="n"), None),
        ("proportion(s, 10)", ResponseTerm("p(s, 10)", "s", "s", trials="10"), None),
        ("p(`a b`, `c d`)", ResponseTerm("p(`a b`, `c d`)", "a b", "`a b`", trials="`c d`"), None),
        ("s | trials(n)", ResponseTerm("p(s, n)", "s", "s", trials="n"), None),
        ("s | trials(10)", ResponseTerm("p(s, 10)", "s", "s", trials="10"), None),
        ("y | se(x)", ResponseTerm("y", "y", "y"), "x"),
        ("y|se(`my se`)", ResponseTerm("y", "y", "y"), "my se"),
        ("log(y) | se(x)", ResponseTerm("log(y)", "y", "log(y)"), "x"),
    ],
)
def test_responses(left, expected, se):
    parsed = parse_formula(f"{left} ~ 1")
    assert (parsed.response, parsed.additions.get("se")) == (expected, se)
    assert read_response(parsed.response.text) == expected


@pytest.mark.parametrize("level", ["two words", "1", "0.5", "a-b", "é", "True", "(a)", "a|b", "a~b", "नाम"])
def test_the_success_of_a_response_may_be_any_text(level):
    spec = ModelSpec.from_formula(f"use['{level}'] ~ 1", family="bernoulli")
    assert (spec.response_term.name, spec.response_term.level) == ("use", level)
    assert ModelSpec.from_formula(spec.to_formula(), family="bernoulli") == spec


@pytest.mark.parametrize(
    "formula",
    [
        "",
        " ",
        "y",
        "~ x",
        "y ~",
        "~",
        "y ~ x ~ z",
        "y = x",
        "y ~ x +",
        "y ~ x |",
        "y ~ | g",
        "y ~ x | g",
        "y ~ ((1 | g))",
        "y ~ (1 | g",
        "y ~ 1 | g)",
        "y ~ ( | g)",
        "y ~ (1 | )",
        "y ~ (x | g | h)",
        "y ~ (x ||| g)",
        "y ~ (x ~ z | g)",
        "y ~ (x | g):z",
        "y ~ z*(x | g)",
        "y ~ (1 | g)(x)",
        "y ~ - (1 | g)",
        "y ~ x - (1 | g)",
        "y ~ (1 | g + h)",
        "y ~ (1 | g * h)",
        "y ~ (1 | g - h)",
        "y ~ (1 | log(g))",
        "y ~ (1 | (a))",
        "y ~ (1 | g[1])",
        "y ~ (1 | g.h)",
        "y ~ (1 | g h)",
        "y ~ (1 | g, h)",
        "y ~ (1 | g = h)",
        "y ~ (1 | g < h)",
        "y ~ (1 | ~g)",
        "y ~ (1 | 'g')",
        "y ~ (1 | 1)",
        "y ~ (1 | g:)",
        "y ~ (1 | /g)",
        "y ~ (0 | g)",
        "y ~ (offset(x) | g)",
        "y ~ (1 | g) + (1 | g)",
        "y ~ (x | g) + (x | g)",
        "y ~ (1 | a/b) + (1 | a)",
        "y ~ x # comment",
        "y ~ x; z",
        "y ~ x\x00",
        "y ~ x\x0bz",
        "y ~ 'x",
        "y ~ `x",
        "3 ~ x",
        "-y ~ x",
        "(y) ~ x",
        "y + z ~ x",
        "y:z ~ x",
        "log(y) + 1 ~ x",
        "I(1) ~ x",
        "'y' ~ x",
        "True ~ x",
        "y.z ~ x",
        "offset(y) ~ x",
        "y[1] ~ x",
        "y[a][b] ~ x",
        "y[] ~ x",
        "p(y) ~ x",
        "p() ~ x",
        "p(y, n, k) ~ x",
        "p(y, 2.5) ~ x",
        "p(y, -3) ~ x",
        "p(y, 0) ~ x",
        "p(y, True) ~ x",
        "p(y, 'n') ~ x",
        "p(y, trials=n) ~ x",
        "p(log(y), n) ~ x",
        "p(y[a], n) ~ x",
        "p(1, n) ~ x",
        "log(p(y, n)) ~ x",
        "y | se() ~ x",
        "y | se(x, z) ~ x",
        "y | se(2) ~ x",
        "y | se(log(x)) ~ x",
        "y | se(x=z) ~ x",
        "y | se ~ x",
        "y | weights(w) ~ x",
        "y | precision(w) + precision(v) ~ x",
        "y | se(s) - precision(w) ~ x",
        "y | precision(2) ~ x",
        "y | frequency(log(n)) ~ x",
        "y | ~ x",
        "y | cens() ~ x",
        "y | cens(x, y, z) ~ x",
        "y | cens(1) ~ x",
        "y | se(a) | trials(b) ~ x",
        "log(y) | trials(n) ~ x",
        "| se(a) ~ x",
    ],
)
def test_a_broken_formula_is_refused(formula, refuses):
    refuses(SpecError, lambda: ModelSpec.from_formula(formula))


@pytest.mark.parametrize("formula", [None, 5, b"y ~ x", ["y ~ x"], {"formula": "y ~ x"}, object()])
def test_a_formula_is_text(formula, refuses):
    refuses(FormulaError, lambda: parse_formula(formula), "a formula must be text")
    refuses(FormulaError, lambda: read_response(formula), "a formula must be text")


@pytest.mark.parametrize(
    ("formula", "mentions"),
    [
        ("y ~ x**2**2", ["(x**a)**b"]),
        ("y ~ x | g", ["y ~ x + (effects | factor)"]),
        ("y ~ np.log(x)", ["'np.log'", "log(x) for np.log(x)"]),
        ("y ~ Sepal.Length", ["'Sepal.Length'", "`backquotes`"]),
        ("y ~ _x", ["'_x'", "`backquotes`"]),
        ("y ~ x^2", ["'^'", "I(x**2)", "(a + b)**2"]),
        ("y ~ I(x^2)", ["'^'", "I(x**2)"]),
        ("y ~ x**2", ["x**...", "write I(x**2)"]),
        ("y ~ `my x`**2", ["write I(`my x`**2)"]),
        ("y ~ a %in% b", ["a:b"]),
        ("y ~ a & b", ["write a:b"]),
        ("y ~ . + (1 | g)", ["'.'", "write them out"]),
        ("y ~ factor(f)", ["'factor'", "write C(x)"]),
        ("y ~ C(f, ref='b')", ["C(..., ref=...)", "write T(x, ref='b')"]),
        ("y ~ C(f, Treatment('b'))", ["'Treatment'", "write T(x, ref='b')"]),
        ("y ~ as.factor(f)", ["'as.factor'", "write C(x)"]),
        ("cbind(hits, misses) ~ x", ["cbind", "p(successes, trials)", "number of trials, not of failures"]),
        ("y ~ relevel(f, 'b')", ["whose first category is the reference"]),
        ("y ~ square(x)", ["write I(x**2)"]),
        ("y ~ (factor(f) | g)", ["'factor'", "write C(x)"]),
        ("y ~ (1 | factor(g))", ["'factor(g)'", "write (1 | g)"]),
        ("y ~ (x | C(g))", ["'C(g)'", "write (x | g)"]),
        ("y ~ (1 | as.factor(g))", ["'as.factor'", "(1 | g)"]),
        ("y ~ (1 | interaction(a, b))", ["write (1 | a:b)"]),
        ("y ~ (1 | log(g))", ["compute log(g) as a column"]),
        ("y ~ (1 | a*b)", ["'a*b'", "(1 | a) + (1 | b)"]),
        ("Anzahl Vögel ~ x + (1 | g)", ["in backquotes: `Anzahl Vögel`"]),
        ("y ~ x + Zahl der Eier 2 + (1 | g)", ["in backquotes: `Zahl der Eier 2`"]),
        ("y ~ log(Zahl Eier) + (1 | g)", ["in backquotes: `Zahl Eier`"]),
        ("y ~ (Zahl Eier | g)", ["in backquotes: `Zahl Eier`"]),
        ("y ~ x + (1 | mein Ort)", ["in backquotes: (1 | `mein Ort`)"]),
        ("y ~ x) 2", ["close or remove a bracket"]),
        ("y ~ 2 x", ["check the spelling there"]),
    ],
)
def test_a_refusal_states_what_to_write_instead(formula, mentions, refuses):
    refuses(FormulaError, lambda: parse_formula(formula), *mentions)
