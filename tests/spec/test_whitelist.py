import builtins
import os
import subprocess

import pytest

from partialpool.design.transforms import ALLOWED, FROM_FORMULAE
from partialpool.errors import FormulaError, PartialPoolError, SpecError
from partialpool.spec.model import ModelSpec
from partialpool.spec.terms import Group
from partialpool.spec.whitelist import FUNCTIONS, MAX_LENGTH, RESPONSE_FUNCTIONS, check_text, quote_name


def test_what_a_formula_may_call_is_what_evaluation_provides():
    assert set(ALLOWED) | set(FROM_FORMULAE) == FUNCTIONS
    assert not set(ALLOWED) & set(FROM_FORMULAE)
    assert not RESPONSE_FUNCTIONS & FUNCTIONS


@pytest.fixture
def path(tmp_path):
    """A file that must not be created."""
    target = tmp_path / "executed"
    yield target
    assert not target.exists()


def watched(do):
    """Run a call, and fail if it uses a function that only executed code would use."""
    touched = []
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in [(os, "system"), (os, "popen"), (os, "getpid"), (os, "listdir"), (subprocess, "Popen")]:
            patch.setattr(owner, name, lambda *_, _name=name, **__: touched.append(_name))
        for name in ("exec", "open", "compile", "input", "breakpoint"):
            patch.setattr(builtins, name, lambda *_, _name=name, **__: touched.append(_name))
        try:
            return do()
        finally:
            patch.undo()
            assert touched == []


# Attacks, each with the name that its refusal must contain; {path} is `path`.
ATTACKS = [
    ("os.getpid()", "os.getpid"),
    ("os . getpid()", "getpid"),
    ("os.environ", "os.environ"),
    ("np.log(x)", "np.log"),
    ("x.values", "x.values"),
    ("x.__class__.__mro__", "__class__"),
    ("x .__class__", "__class__"),
    ("().__class__", "__class__"),
    ("(x).sum()", "sum"),
    ("'{{0.__class__}}'.format(x)", "format"),
    ("`x`.mean()", "mean"),
    ("log(x).real", "real"),
    ("1.0.__class__", "__class__"),
    ("__import__('os').system('touch {path}')", "__import__"),
    ("__builtins__", "__builtins__"),
    ("_x", "_x"),
    ("eval('open(1)')", "eval"),
    ("exec('import os')", "exec"),
    ("open('{path}', 'w')", "open"),
    ("getattr(x, 'system')", "getattr"),
    ("vars(x)", "vars"),
    ("globals()", "globals"),
    ("compile('1', 'a', 'eval')", "compile"),
    ("print(x)", "print"),
    ("log(eval(x))", "eval"),
    ("I(I(I(open('{path}', 'w'))))", "open"),
    ("scale(x, center=eval(x))", "eval"),
    ("scale(x, center=os.getpid())", "os.getpid"),
    ("bs(x, df=I(exec(x)))", "exec"),
    ("x + eval(z)", "eval"),
    ("x:open(z)", None),
    ("I(x > eval(z))", "eval"),
    ("I(-eval(z))", "eval"),
    ("{{eval(x)}}", "eval"),
    ("lambda x: x", "lambda"),
    ("I(lambda: x)", None),
    ("(y := 3)", ":="),
    ("f'{{os.getpid()}}'", "f"),
    ("[i for i in x]", "for"),
    ("x['a']['b']", "x"),
    ("x[os.getpid()]", "os.getpid"),
    ("x; import os", ";"),
    ("import os", "os"),
    ("x if x else z", "if"),
    ("log(x)(z)", None),
    ("eval(x)(z)", None),
    ("C(g, \"x' + os.getpid() + 'y\")", "os.getpid"),
    ("C(g, \"x' + eval(z) + 'y\")", "eval"),
    ("ｅｖａｌ(x)", "ｅｖａｌ"),
    ("ｌｏｇ(x)", "ｌｏｇ"),
    ("ехр(x)", "ехр"),  # Cyrillic
    ("ﬂoat(x)", "ﬂoat"),
    ("é.system(x)", "é.system"),
    ("os\u2024getpid()", "getpid"),
    ("x\u202e + z", "\\u202e"),
    ("x\x00", "\\x00"),
    ("x\x1b[31m", "\\x1b"),
    ("x @ z", "@"),
    ("x % z", "%"),
    ("$x", "$"),
    ("x\\z", "\\"),
    ("(" * 200 + "x" + ")" * 200, None),
    ("(" * 4000 + "x" + ")" * 4000, None),
    ("I(" * 300 + "x" + ")" * 300, None),
    ("I(" + "-" * 4000 + "x)", None),
    ("I(" + "+".join(["x"] * 900) + ")", None),
    ("x" * (MAX_LENGTH + 1), None),
    ("x+" * 200_000 + "x", None),
]

PLACES = {
    "formula": lambda a: ModelSpec.from_formula(f"y ~ {a}"),
    "beside a group": lambda a: ModelSpec.from_formula(f"y ~ x + {a} + (1 | g)"),
    "effects": lambda a: ModelSpec.from_formula(f"y ~ ({a} | g)"),
    "factor": lambda a: ModelSpec.from_formula(f"y ~ (1 | {a})"),
    "nested factor": lambda a: ModelSpec.from_formula(f"y ~ (1 | g/{a})"),
    "offset": lambda a: ModelSpec.from_formula(f"y ~ offset({a})"),
    "response": lambda a: ModelSpec.from_formula(f"{a} ~ x"),
    "transformed response": lambda a: ModelSpec.from_formula(f"log({a}) ~ x"),
    "trials": lambda a: ModelSpec.from_formula(f"y | trials({a}) ~ x"),
    "p()": lambda a: ModelSpec.from_formula(f"p(y, {a}) ~ x"),
    "se": lambda a: ModelSpec.from_formula(f"y | se({a}) ~ x"),
    "response keyword": lambda a: ModelSpec(a),
    "common keyword": lambda a: ModelSpec("y", common=["x", a]),
    "offset keyword": lambda a: ModelSpec("y", common=[f"offset({a})"]),
    "slopes keyword": lambda a: ModelSpec("y", groups=Group("g", slopes=[a])),
}
ATTACK_IDS = [a[:40].encode("unicode_escape").decode() for a, _ in ATTACKS]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("attack", "name"), ATTACKS, ids=ATTACK_IDS)
def test_code_is_refused_by_name_and_never_run(attack, name, place, path, refuses):
    text = attack.format(path=path) if "{" in attack else attack
    refuses(SpecError, lambda: watched(lambda: PLACES[place](text)), *([name] if name else []))


@pytest.mark.parametrize("table", ['formula = "y ~ {}"', 'response = "{}"', 'response = "y"\ncommon = ["{}"]'])
@pytest.mark.parametrize(
    "attack", ["__import__(`os`)", "os.getpid()", "eval(x)", "x.y", "I(open(x))", "ｅｖａｌ(x)", "x;y"]
)
def test_code_in_toml_is_refused(table, attack, path, refuses):
    refuses(SpecError, lambda: watched(lambda: ModelSpec.from_toml_text("[model]\n" + table.format(attack))))


@pytest.mark.parametrize(
    "attack", [a for a, _ in ATTACKS if len(a) < 60], ids=lambda a: a.encode("unicode_escape").decode()
)
def test_a_column_name_in_a_keyword_is_a_name_only(attack, path):
    for build in (lambda: ModelSpec("y", groups=Group(attack)), lambda: ModelSpec("y", se=attack)):
        try:
            spec = watched(build)
        except PartialPoolError:
            continue
        assert set(attack) & set("`:/") or spec.columns == ("y", attack)


@pytest.mark.parametrize(
    "attack", ["a*b*c*d*e*f*g*h*i", "a*b*c*d*e*f*g*h*i*j*k", "(" + "+".join("abcdefghijkl") + ")**4"]
)
def test_a_term_explosion_is_read_or_refused(attack, raised):
    error = raised(lambda: ModelSpec("y", common=[attack]))
    assert error is None or isinstance(error, SpecError), repr(error)


@pytest.mark.parametrize(
    "text",
    [
        "y ~ x + (1 | g)",
        "`os.getpid()`",
        "C(g, 'os.getpid()')",
        '"__import__"',
        "I(x*0.5)",
        "x__y",
        "x1_",
        "é + ß",
        "x\n+\tz",
        "{x}",
    ],
)
def test_plain_text_passes(text):
    check_text(text)


@pytest.mark.parametrize("text", ["x" * MAX_LENGTH + "x", "", "\n", None, 3, "'a", "`a", 'a"'])
def test_text_that_cannot_be_a_formula(text, refuses):
    refuses(FormulaError, lambda: check_text(text))


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("Days", "Days"),
        ("my days", "`my days`"),
        ("_x", "`_x`"),
        ("1x", "`1x`"),
        ("a.b", "`a.b`"),
        ("é", "é"),
        ("", "``"),
    ],
)
def test_names_are_quoted_where_needed(name, quoted):
    assert quote_name(name) == quoted


@pytest.mark.parametrize("name", ["True", "False", "None", "नाम", "e\u0301", "x·y", "℘"])
def test_a_name_the_scanner_cannot_read_bare_is_quoted(name):
    assert quote_name(name) == f"`{name}`"
