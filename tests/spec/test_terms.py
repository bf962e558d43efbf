import pickle

import pytest

from partialpool.errors import FormulaError, SpecError
from partialpool.names import RESERVED
from partialpool.spec.formula import parse_formula
from partialpool.spec.model import ModelSpec
from partialpool.spec.terms import Group, expand_nesting, factor_columns


@pytest.mark.parametrize(
    ("group", "text", "terms"),
    [
        (Group("g"), "(1 | g)", ("Intercept",)),
        (Group("g", slopes="x"), "(x | g)", ("Intercept", "x")),
        (Group("g", slopes=["x", "I(x**2)"], correlated=False), "(x + I(x**2) || g)", ("Intercept", "x", "I(x**2)")),
        (Group("g", slopes=["x"], intercept=False), "(0 + x | g)", ("x",)),
        (Group("a:b", slopes=["x"], intercept=False, correlated=False), "(0 + x || a:b)", ("x",)),
        (Group(" batch : cask "), "(1 | batch:cask)", ("Intercept",)),
        (Group("my group"), "(1 | `my group`)", ("Intercept",)),
        (Group("`my group`"), "(1 | `my group`)", ("Intercept",)),
        (Group("a b:c d"), "(1 | `a b`:`c d`)", ("Intercept",)),
        (Group("_private"), "(1 | `_private`)", ("Intercept",)),
    ],
)
def test_a_group_is_written_as_in_a_formula(group, text, terms):
    assert str(group) == text
    assert group.terms == terms
    assert parse_formula(f"y ~ {text}").groups == (group,)
    assert pickle.loads(pickle.dumps(group)) == group


def test_correlated_is_ignored_for_an_intercept_alone():
    assert Group("g", correlated=False) == Group("g")
    assert hash(Group("g", correlated=False)) == hash(Group("g"))


def test_a_group_cannot_be_changed():
    with pytest.raises(AttributeError):
        Group("g").factor = "h"


@pytest.mark.parametrize(
    ("factor", "expanded"),
    [
        ("a", ("a",)),
        ("a/b", ("a", "a:b")),
        ("a/b/c", ("a", "a:b", "a:b:c")),
        ("a:b", ("a:b",)),
        ("a:b/c", ("a:b", "a:b:c")),
    ],
)
def test_nesting_expands(factor, expanded):
    assert expand_nesting(factor) == expanded


def test_a_factor_has_columns():
    assert factor_columns("a") == ("a",)
    assert factor_columns("a:b:c") == ("a", "b", "c")


@pytest.mark.parametrize(
    "factor", ["", " ", "\n", ":", "a:", ":b", "a/", "/b", "a::b", "a//b", "`", "``", "``:a", None, 3, ["g"]]
)
def test_what_is_not_a_factor_is_refused(factor, refuses):
    refuses(SpecError, lambda: Group(factor), repr(factor) if factor not in ("`", "``", "``:a") else "factor")


@pytest.mark.parametrize("factor", sorted(RESERVED))
def test_a_factor_may_not_take_a_name_of_the_posterior(factor, refuses):
    refuses(SpecError, lambda: Group(factor), repr(factor))
    refuses(SpecError, lambda: parse_formula(f"y ~ (1 | `{factor}`/cask)"), repr(factor))


def test_a_group_without_effects_is_refused(refuses):
    refuses(SpecError, lambda: Group("g", intercept=False), "'g'")


@pytest.mark.parametrize("slopes", [3, None, [3], [None], [["x"]], b"x"])
def test_slopes_that_are_not_terms_are_refused(slopes, refuses):
    refuses(SpecError, lambda: ModelSpec("y", groups=Group("g", slopes=slopes)))


@pytest.mark.parametrize("factor", ["a:b", "a/b"])
def test_a_column_named_like_a_combination_is_refused(factor, refuses):
    refuses(FormulaError, lambda: parse_formula(f"y ~ (1 | `{factor}`)"), "no ':' or '/' in a name")


def test_an_effect_of_each_row_is_told_how_to_be_written():
    """`(1 | obs)` is how many write it, but answers have a dimension of this name."""
    with pytest.raises(SpecError) as error:
        parse_formula("y ~ x + (1 | obs)")
    assert error.value.wrong == "a grouping factor may not be named like a variable of the posterior or of a result"
    assert error.value.got == "'obs'"
    assert error.value.do == (
        "for an effect of each row add a column that numbers the rows, table['row'] = range(len(table)), and write "
        "(1 | row); another column needs another name"
    )
    with pytest.raises(SpecError) as error:
        parse_formula("y ~ x + (1 | sigma)")
    assert error.value.do == "rename the column"
