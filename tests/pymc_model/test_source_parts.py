"""The parts of scripts by themselves: expressions as text, lines, and tables as text."""

import base64
import io
import operator
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from partialpool.families.links import LINKS
from partialpool.families.registry import FAMILIES
from partialpool.pymc_model.source import script
from partialpool.pymc_model.source.code import Code, named, number, written
from partialpool.pymc_model.source.columns import as_expression
from partialpool.pymc_model.source.layout import WIDTH, commented, laid_out
from partialpool.pymc_model.source.piece import let
from partialpool.pymc_model.source.table import SourceTable, matrix_text, opened, text_block

OPERATORS = (operator.add, operator.sub, operator.mul, operator.truediv)


def grown(rng, depth):
    """A random expression of x and y as text, and its value at x = 1.5 and y = -0.7."""
    kind = rng.integers(0, 4) if depth == 0 else rng.integers(2, 9)
    if kind <= 1:
        return [(Code("x"), 1.5), (Code("y"), -0.7)][kind]
    if depth == 0:
        value = float(rng.choice([2.0, 0.25, 3.0]))
        return number(value), value
    code, value = grown(rng, depth - 1)
    if kind == 2:
        return -code, -value
    if kind == 3:
        return code**2, value**2
    other, second = grown(rng, depth - 1)
    if kind == 4:
        return (2.0**-other if abs(second) < 50 else other), (2.0**-second if abs(second) < 50 else second)
    apply = OPERATORS[kind - 5]
    if apply is operator.truediv and abs(second) < 1e-6:
        apply = operator.add
    return apply(code, other), apply(value, second)


def test_text_computes_what_it_was_written_from():
    rng = np.random.default_rng(0)
    for _ in range(500):
        code, value = grown(rng, int(rng.integers(1, 6)))
        one = eval(code.text, {"x": 1.5, "y": -0.7})
        lines = "\n".join(["(", *laid_out(code.node, 1), ")"])
        assert one == pytest.approx(value, rel=1e-12, abs=1e-12)
        assert eval(lines, {"x": 1.5, "y": -0.7}) == one


def test_numbers_of_numpy_leave_the_operator_to_text():
    x = Code("x")
    assert (np.float64(2.5) * x).text == "2.5 * x"
    assert (-np.sqrt(2.0) * x).text == "-1.414213562 * x"
    assert (3.0 * x**2).text == "3.0 * x**2"
    assert (x / np.sqrt(2.0)).text == "x / np.sqrt(2)"
    assert written(np.int64(3)).text == "3"
    with pytest.raises(TypeError, match="is not a number, a text or code"):
        written(np.ones(2))


def test_a_name_is_assigned_once_and_before_its_use():
    p = named("p", named("q", Code("x") + 1) * 2)
    assert let("out", p / (1 - p), 0) == ["q = x + 1", "p = q * 2", "out = p / (1 - p)"]


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_inverse_links_write_themselves(link):
    """The text computes what the arrays of the link compute."""
    eta = np.array([0.3, 1.2])
    pt = type(
        "pt", (), {"exp": np.exp, "expm1": np.expm1, "sigmoid": LINKS["logit"].inverse, "erfc": staticmethod(erfc)}
    )
    text = link.tensor_inverse(Code("eta"), Code("pt")).text
    np.testing.assert_allclose(eval(text, {"eta": eta, "pt": pt, "np": np}), link.inverse(eta))


def erfc(x):
    return 2 * LINKS["probit"].inverse(-x * np.sqrt(2))


def test_every_family_is_written_without_a_second_description():
    """Nothing in the folder of scripts asks which family or link it is."""
    texts = {path.name: path.read_text("utf-8") for path in Path(script.__file__).parent.glob("*.py")}
    assert len(texts) > 5
    for file, text in texts.items():
        assert not [name for name in (*FAMILIES, *LINKS) if f'"{name}"' in text], file


def test_comments_have_no_line_ends_but_their_own():
    lines = commented("a\nb\r\u2028c " + "long words " * 20, indent=1)
    assert all(line.startswith("    # ") and len(line) <= WIDTH and line.isprintable() for line in lines)
    assert lines[0].startswith("    # a\\nb\\r\\u2028c long words")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("I(x**2)", 'table["x"] ** 2'),
        ("I(-(x**2))", '-(table["x"] ** 2)'),
        ("log(x + 1)", 'np.log(table["x"] + 1)'),
        ("`a b`", 'table["a b"]'),
        ("I(if > 2)", 'table["if"] > 2'),
        ("scale(x)", '(table["x"] - table["x"].mean()) / table["x"].std()'),
        ("within(x, g)", 'table["x"] - table["x"].groupby(table["g"]).transform("mean")'),
        ("x + 'text'", None),
        ("g", None),
        ("scale(log(x))", None),
        ("bs(x, df=4)", None),
        ("poly(x, 2)", None),
        ("x < 1 < 2", None),
        ("os.getpid()", None),
        ("__import__(x)", None),
        ("unknown", None),
    ],
)
def test_expressions_of_formulas(text, code):
    frame = pd.DataFrame({"x": [1.0, 2.0], "a b": [1, 2], "if": [3, 4], "g": pd.Categorical(["u", "v"])})
    found = as_expression(text, frame)
    assert (None if found is None else found.code.text) == code


def random_text(rng):
    return "".join(rng.choice(list("ab'\"\\\n\r\té\u2028{}#, ;0NA"), rng.integers(0, 7)))


def random_column(rng, n):
    kind = rng.choice(["odd", "text", "float", "integer", "truth"])
    draw = {
        "odd": lambda: random_text(rng),
        "text": lambda: str(rng.choice(["", "NA", "a,b", " x", "1", "True", "é"])),
        "float": lambda: float(rng.normal() * 10.0 ** rng.integers(-300, 300)),
        "integer": lambda: int(rng.integers(-(2**63), 2**63 - 1)),
        "truth": lambda: bool(rng.integers(0, 2)),
    }[kind]
    return np.array([draw() for _ in range(n)], dtype=object if kind in ("odd", "text") else None)


def test_tables_are_read_back_as_they_were():
    rng = np.random.default_rng(1)
    for _ in range(150):
        n = int(rng.integers(1, 7))
        columns = {f"{random_text(rng)}{at}": random_column(rng, n) for at in range(rng.integers(1, 5))}
        table = SourceTable(columns, np.arange(n) if rng.random() < 0.5 else 2 * np.arange(n) + 1)
        names = {"pd": pd, "np": np, "io": io}
        exec("\n".join([*table.reader(), "", *text_block("TABLE", table.text), ""]), names)
        read = names["read_table"]()
        assert read.index.tolist() == table.rows.tolist()
        assert {name: read[name].tolist() for name in read} == {n: values.tolist() for n, values in columns.items()}


@pytest.mark.parametrize("size", [3, 300])
def test_matrices_are_read_back_as_they_were(size):
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(size, size)) * (rng.random((size, size)) < 0.4)
    text = matrix_text(matrix)
    names = {"io": io, "zlib": zlib, "base64": base64}
    lines = text_block("K", text)
    exec("\n".join([*lines, f"source = {opened('K', text)}"]), names)
    np.testing.assert_array_equal(np.loadtxt(names["source"], ndmin=2), matrix)
    assert ("zlib" in opened("K", text)) == (size == 300)
    assert size == 3 or max(map(len, lines)) <= WIDTH
