import pytest

from partialpool.errors import FormulaError
from partialpool.spec.tokenize import outer_split, split_group, split_sum


@pytest.mark.parametrize(
    ("text", "separator", "parts"),
    [
        ("y ~ x", "~", ["y ", " x"]),
        ("y", "~", ["y"]),
        ("", "~", [""]),
        ("y ~ (a ~ b)", "~", ["y ", " (a ~ b)"]),
        ("`a ~ b` ~ x", "~", ["`a ~ b` ", " x"]),
        ("use['~'] ~ x", "~", ["use['~'] ", " x"]),
        ("a|{b|c}|[d|e]", "|", ["a", "{b|c}", "[d|e]"]),
        ("x||g", "|", ["x", "", "g"]),
        ('C(g, "a\'|b")|h', "|", ['C(g, "a\'|b")', "h"]),
    ],
)
def test_splitting_stays_outside_brackets_and_quotes(text, separator, parts):
    assert outer_split(text, separator) == parts


@pytest.mark.parametrize("text", ["(", ")", "a)", "(a", "a)(", "[a", "{a))"])
def test_brackets_must_match(text, refuses):
    refuses(FormulaError, lambda: outer_split(text, "~"), repr(text))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("x", [("+", "x")]),
        ("x + z - 1", [("+", "x"), ("+", "z"), ("-", "1")]),
        ("-1 + x", [("-", "1"), ("+", "x")]),
        ("+ x", [("+", "x")]),
        ("x - -1", [("+", "x"), ("+", "1")]),
        ("x + -1", [("+", "x"), ("-", "1")]),
        ("(1 | g) + I(a - b)", [("+", "(1 | g)"), ("+", "I(a - b)")]),
        ("`a+b` + c", [("+", "`a+b`"), ("+", "c")]),
    ],
)
def test_a_sum_splits_into_signed_pieces(text, pieces):
    assert list(split_sum(text)) == pieces


@pytest.mark.parametrize("text", ["x +", "x -", "+", "x + z + "])
def test_a_sum_does_not_end_in_an_operator(text, refuses):
    refuses(FormulaError, lambda: list(split_sum(text)), repr(text.strip()))


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        ("(1 | g)", ("1", "g", True)),
        ("(x||g)", ("x", "g", False)),
        ("(0 + I(x - 1) || a/b)", ("0 + I(x - 1)", "a/b", False)),
        ("(1 | `a|b`)", ("1", "`a|b`", True)),
        ("x", None),
        ("(x + z)", None),
        ("(a)*(b)", None),
        ("I(x | g)", None),
    ],
)
def test_a_grouping_term_is_split(piece, expected):
    assert split_group(piece) == expected


@pytest.mark.parametrize("piece", ["( | g)", "(x | )", "(x | g | h)", "(x ||| g)", "(x | | g)", "(|)", "(||g)"])
def test_a_broken_grouping_term_is_refused(piece, refuses):
    refuses(FormulaError, lambda: split_group(piece), repr(piece))
