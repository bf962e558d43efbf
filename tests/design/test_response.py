import re

import numpy as np
import pandas as pd
import pytest

from partialpool.design.build import build_design
from partialpool.errors import DataWarning, PartialPoolError
from partialpool.families.registry import FAMILIES
from partialpool.reporting.describe import describe_words
from partialpool.spec.model import ModelSpec

RHS = " ~ x + (1 | g)"


def column(values):
    return lambda t: t.assign(r=np.resize(values, len(t)) if not isinstance(values, pd.Categorical) else values)


def ordered(*labels, n=48):
    return pd.Categorical(np.resize(labels, n), categories=labels, ordered=True)


ONE = np.eye(1, 48)[0]  # 1 in row 0, 0 elsewhere
REFUSED = {
    ("gaussian", "text"): ("f", None, "'f' is text where numbers", "such as 'u'", "numbers", "convert the column"),
    ("student_t", "text"): ("f", None, "'f' is text where numbers", "such as 'u'", "'bernoulli'", "convert"),
    ("gaussian", "constant"): ("r", [3.5], "'r' does not vary", "3.5 in every row", "two values", "check the column"),
    ("gaussian", "trials"): ("p(count, trials)", None, "does not take p(", "'gaussian'", "'binomial'", "family='binom"),
    ("gaussian", "level"): ("f[u]", None, "only a binary family", "f[u]", "'bernoulli'", "the column alone"),
    ("gaussian", "log"): (
        "log(r)",
        [1, 0],
        "'log(r)' is not finite",
        "-inf in row 1 (co",
        "finite",
        "log of 0",
    ),
    ("gaussian", "columns"): ("poly(y, 2)", None, "not one column of numbers", "poly(y, 2)[0]", "numbers", "type"),
    ("lognormal", "zero"): (
        "r",
        [1, 0],
        "'lognormal' cannot have made",
        "0), 24 such rows",
        "above 0",
        "family",
    ),
    ("gamma", "negative"): ("r", [1, -2], "'gamma' cannot have made", "-2 in row 1", "numbers above 0", "family"),
    ("exponential", "zero"): (
        "r",
        [1, 0],
        "'exponential' cannot have made the response 'r'",
        "0 in row 1",
        "above 0",
        "family",
    ),
    ("gamma", "zero"): ("r", [1, 0], "'gamma' cannot have made the response 'r'", "0 in row 1", "above 0", "family"),
    ("beta", "one"): ("r", [0.5, 1], "'beta' cannot have made", "1 in row 1", "strictly between 0 and 1", "family"),
    ("beta", "zero"): ("r", [0.5, 0], "'beta' cannot have made", "0 in row 1", "strictly between 0 and 1", "family"),
    ("weibull", "zero"): ("r", [1, 0], "'weibull' cannot have made", "0 in row 1", "numbers above 0", "family"),
    ("inverse_gaussian", "zero"): (
        "r",
        [1, 0],
        "'inverse_gaussian' cannot have made",
        "0 in row 1",
        "numbers above 0",
        "family",
    ),
    ("beta", "both ends"): ("r", [0, 1], "'beta' cannot have made", "0 in row 0", "between", "zero_one_inflated_beta"),
    ("zero_one_inflated_beta", "percent"): (
        "r",
        [0.5, 40],
        "'zero_one_inflated_beta' cannot have made",
        "40 in row 1",
        "numbers from 0 to 1",
        "family",
    ),
    ("exgaussian", "text"): ("f", None, "'f' is text where numbers", "such as 'u'", "numbers", "convert the column"),
    ("skew_normal", "constant"): ("r", [3.5], "'r' does not vary", "3.5 in every row", "two values", "the column"),
    ("poisson", "negative"): ("r", [1, -2], "'poisson' cannot have made", "-2 in row 1", "counts: 0, 1, 2", "family"),
    ("poisson", "fraction"): ("r", [1, 0.5], "'poisson' cannot have made", "0.5 in row 1", "counts: 0, 1, 2", "family"),
    ("negative_binomial", "negative"): (
        "r",
        [1, -2],
        "negative counts",
        "0), 24 such rows",
        "counts",
        "check",
    ),
    ("negative_binomial", "fraction"): ("r", [1, 0.5], "outside its support", "0.5 in row 1", "counts", "check"),
    ("zero_inflated_poisson", "fraction"): ("r", [0, 0.5], "outside its support", "0.5 in row 1", "counts", "check"),
    ("zero_inflated_negative_binomial", "negative"): (
        "r",
        [0, -2],
        "negative counts",
        "-2 in row 1",
        "counts",
        "check",
    ),
    ("hurdle_poisson", "fraction"): ("r", [0, 0.5], "outside its support", "0.5 in row 1", "counts", "check"),
    ("hurdle_negative_binomial", "negative"): ("r", [0, -2], "negative counts", "-2 in row 1", "counts", "check"),
    ("hurdle_gamma", "negative"): ("r", [0, -2], "cannot have made", "-2 in row 1", "0 and numbers above it", "family"),
    ("hurdle_lognormal", "negative"): ("r", [1, -2], "outside its", "-2 in row 1", "0 and numbers above it", "family"),
    ("beta_binomial", "single trials"): ("p(r, 1)", [0, 1], "do not tell phi", "at most 1", "two trials", "'binomial'"),
    ("beta_binomial", "no trials"): ("count", None, "needs successes and", "'count'", "p(succ", "p(successes, tr"),
    ("poisson", "all zero"): ("r", [0], "does not vary", "0 in every row", "two values or more", "check the column"),
    ("bernoulli", "three categories"): ("f", None, "cannot have made", "3 values: u, v, w", "two categ", "binomial"),
    ("bernoulli", "numbers"): ("r", [0, 1, 2], "cannot have made", "3 values: 0, 1, 2", "0 and 1", "recode"),
    ("bernoulli", "1 and 2"): ("r", [1, 2], "cannot have made", "2 values: 1, 2", "0 and 1", "recode the column"),
    ("bernoulli", "one category"): ("r", ["a"], "'r' does not vary", "a in every row", "two values", "check"),
    ("bernoulli", "all zero"): ("r", [0], "'r' does not vary", "0 in every row", "two values", "check the column"),
    ("bernoulli", "all two"): ("r", [2], "cannot have made", "one value: 2", "0 and 1", "recode the column"),
    ("binomial", "no trial at all"): ("p(r, r)", [0], "has no trials", "0 trials in every", "at least one", "p(succ"),
    ("bernoulli", "wrong level"): ("r[Z]", ["Y", "N"], "no category 'Z'", "r[Z]", "'N', 'Y'", "in the brackets"),
    ("bernoulli", "trials"): ("p(count, trials)", None, "does not take p(", "'bernoulli'", "'binomial'", "family="),
    ("binomial", "no trials"): ("count", None, "needs successes and trials", "'count'", "p(succ", "p(successes, tr"),
    ("binomial", "too many"): (
        "p(r, 3)",
        [1, 4],
        "more successes than trials",
        "4 of 3 in row 1 (",
        "0 to",
        "which",
    ),
    ("binomial", "negative"): (
        "p(r, 3)",
        [1, -1],
        "successes must be non-negative integers",
        "-1 in row 1",
        "0, 1, 2",
        "check",
    ),
    ("binomial", "fraction"): (
        "p(r, 3)",
        [1, 0.5],
        "successes must be non-negative integers",
        "0.5 in row 1",
        "0, 1, 2",
        "check",
    ),
    ("binomial", "trials, fraction"): (
        "p(count, r)",
        [20, 9.5],
        "trials must be non-negative",
        "9.5 in row 1",
        "0, 1",
        "check",
    ),
    ("binomial", "text"): ("p(f, trials)", None, "'f' is text where numbers", "such as 'u'", "numbers", "convert"),
    ("binomial", "trials, text"): (
        "p(count, f)",
        None,
        "'f' is not one column of num",
        "categories such as",
        "numbers",
        "type",
    ),
    ("cumulative", "no order"): ("f", None, "categories without an order", "'u', 'v', 'w'", "ordered", "ordered=True"),
    ("cumulative", "fractions"): ("y", None, "is not ordinal", ".", "whole numbers or an ordered", "another family"),
    ("categorical", "two"): ("r", [1, 2], "too few categories", "2", "3 to 30", "family 'bernoulli' for two"),
    ("categorical", "many"): ("y", None, "too many categories", "", "3 to 30", "join rare categories"),
    ("cumulative", "two"): ("r", [1, 2], "too few categories", "2", "3 or more", "family 'bernoulli'"),
    ("cumulative", "two ordered"): ("r", ordered("a", "b"), "too few categories", "2", "3 or more", "'bernoulli'"),
    ("sratio", "two"): ("r", [1, 2], "too few categories", "2", "3 or more", "family 'bernoulli'"),
    ("acat", "no order"): ("f", None, "categories without an order", "'u', 'v', 'w'", "ordered", "ordered=True"),
}


@pytest.mark.parametrize("case", REFUSED, ids=" ".join)
def test_a_response_that_the_family_cannot_have_made_is_refused(case, table, refused):
    response, values, *parts = REFUSED[case]
    data = table if values is None else column(values)(table)
    refused(response + RHS, data, *parts, family=case[0])


def test_every_family_has_a_response_it_refuses():
    assert {family for family, _ in REFUSED} == set(FAMILIES)


READ = {
    "gaussian": ("y", None, None, ()),
    "student_t": ("y", None, None, ()),
    "lognormal": ("r", [0.5, 2], [0.5, 2], ()),
    "gamma": ("r", [1, 2], [1, 2], ()),
    "exponential": ("r", [1, 2], [1, 2], ()),
    "beta": ("r", [0.01, 0.99], [0.01, 0.99], ()),
    "zero_one_inflated_beta": ("r", [0, 0.4, 1, 0.9], [0, 0.4, 1, 0.9], ()),
    "weibull": ("r", [1, 2], [1, 2], ()),
    "inverse_gaussian": ("r", [1, 2], [1, 2], ()),
    "exgaussian": ("y", None, None, ()),
    "skew_normal": ("y", None, None, ()),
    "poisson": ("r", [0, 3], [0, 3], ()),
    "negative_binomial": ("r", [0.0, 3.0], [0, 3], ()),
    "hurdle_gamma": ("r", [0, 1.5], [0, 1.5], ()),
    "bernoulli, numbers": ("r", [0, 1], [0, 1], ("0", "1")),
    "bernoulli, text": ("r", ["Y", "N"], [1, 0], ("N", "Y")),
    "bernoulli, named success": ("r[N]", ["Y", "N"], [0, 1], ("Y", "N")),
    "bernoulli, first category fails": ("r", pd.Categorical(["lo", "hi"] * 24, ["lo", "hi"]), [0, 1], ("lo", "hi")),
    "bernoulli, unused category": ("r", pd.Categorical(["N", "Y"] * 24, ["Q", "Y", "N"]), [1, 0], ("Y", "N")),
    "bernoulli, expression": ("I(r > 2)", [1, 3], [0, 1], ("0", "1")),
    "binomial": ("p(r, 3)", [0, 3], [0, 3], ()),
    "cumulative, ordered": ("r", ordered("lo", "mid", "hi"), [0, 1, 2], ("lo", "mid", "hi")),
    "cumulative, numbers": ("r", [1, 2, 9, 4], [0, 1, 3, 2], ("1", "2", "4", "9")),
}


@pytest.mark.parametrize("case", READ)
def test_responses_are_read_as_numbers_with_their_categories(case, table, build):
    response, values, expected, categories = READ[case]
    data = table if values is None else column(values)(table)
    read = build(response + RHS, data, family=case.partition(",")[0]).response
    np.testing.assert_array_equal(read.values, np.resize(expected, 48) if expected else table["y"])
    assert read.categories == categories
    assert read.values.dtype == float
    assert (read.trials is None) == (not case.startswith("binomial"))


UNUSED = {
    ("z", "c", "q", "b", "a"): ("categories 'z', 'q'", "c|b, b|a"),
    ("c", "b", "a", "q"): ("category 'q'", "c|b, b|a"),
}


@pytest.mark.parametrize("declared", UNUSED, ids="".join)
def test_categories_of_an_ordinal_response_that_have_no_row_are_left_out_with_a_warning(declared, table, build):
    which, cutpoints = UNUSED[declared]
    data = table.assign(r=pd.Categorical(list("abca") * 12, declared, ordered=True))
    text = f"the response 'r' has no row of {which}: cutpoints are only between the categories that occur, {cutpoints}"
    with pytest.warns(DataWarning, match=re.escape(text)):
        read = build("r" + RHS, data, family="cumulative").response
    np.testing.assert_array_equal(read.values, np.resize([2, 1, 0, 2], 48))
    assert read.categories == ("c", "b", "a")


@pytest.mark.parametrize("family", ["bernoulli", "cumulative"])
def test_a_response_of_categories_may_have_an_odd_name(family, table, build):
    labels = ("lo", "hi") if family == "bernoulli" else ("lo", "mid", "hi")
    data = table.assign(**{"my answer": ordered(*labels)})
    read = build("`my answer` ~ x + (1 | g)", data, family=family).response
    assert read.name == "my answer"
    assert read.categories == labels
    np.testing.assert_array_equal(read.values, np.resize(np.arange(len(labels)), 48))


BOOLEANS = pd.Series([None] + [True, False] * 23 + [True])


@pytest.mark.parametrize("values", [BOOLEANS, BOOLEANS.astype("boolean")], ids=["object", "nullable"])
def test_a_boolean_response_reads_the_same_with_and_without_a_missing_value(values, table, build):
    whole = build("r" + RHS, table[1:].assign(r=BOOLEANS[1:].astype(bool)), family="bernoulli").response
    with pytest.warns(DataWarning, match="dropped 1 of 48"):
        read = build("r" + RHS, table.assign(r=values), family="bernoulli").response
    np.testing.assert_array_equal(read.values, whole.values)
    assert read.categories == whole.categories


@pytest.mark.parametrize("trials", ["trials", "10"])
def test_successes_have_their_trials(trials, table, build):
    response = build(f"p(count, {trials}) ~ 1 + (1 | g)", table, family="binomial").response
    assert response.name == "count"
    np.testing.assert_array_equal(response.values, table["count"])
    np.testing.assert_array_equal(response.trials, np.full(48, 10.0))


@pytest.mark.parametrize("formula", ["y ~ x + (1 | g)", "log(y) ~ x + (1 | g)", "I(y - x) ~ x + (1 | g)"])
def test_an_expression_is_evaluated(formula, table, build):
    expected = {"y": table.y, "l": np.log(table.y), "I": table.y - table.x}[formula[0]]
    np.testing.assert_allclose(build(formula, table).response.values, expected, rtol=1e-14)


SE = {
    "absent": ("stderr", None, "no column 'stderr'", "9 columns", "'trials'", "correct the name"),
    "text": ("f", None, "'f' are text where numbers are needed", "'u'", "numbers above 0", "column of standard errors"),
    "zero": ("r", [1, 0], "standard errors must be above 0", "0 in row 1", "numbers above 0", "check the column"),
    "negative": (
        "r",
        [1, 1, -2],
        "standard errors must be above 0",
        "-2 in row 2",
        "numbers above 0",
        "check the column",
    ),
}


@pytest.mark.parametrize("case", SE)
def test_standard_errors_are_numbers_above_zero(case, table, refused):
    se, values, *parts = SE[case]
    refused("y" + RHS, table if values is None else column(values)(table), *parts, se=se)


@pytest.mark.parametrize(
    ("formula", "options", "change"),
    [
        ("log(r) ~ x + (1 | g)", {}, {"r": -ONE[::-1] + 0.5}),
        ("r ~ x + (1 | g)", {"family": "poisson"}, {"r": 3 - 9 * ONE[::-1] + np.arange(48)}),
        ("p(r, 50) ~ x + (1 | g)", {"family": "binomial"}, {"r": 99 * ONE[::-1]}),
        ("y ~ x + (1 | g)", {"se": "r"}, {"r": 1 - 9 * ONE[::-1]}),
        ("y ~ x + log(r) + (1 | g)", {}, {"r": 0.5 + np.arange(48) - 99 * ONE[::-1]}),
    ],
    ids=["expression", "support", "successes", "se", "term"],
)
def test_the_row_in_an_error_is_counted_in_the_table_as_given(formula, options, change, table, build):
    if options.get("family") == "poisson":
        change = {"r": np.where(ONE[::-1] == 1, -1, change["r"])}
    data = table.assign(x=[np.nan] * 3 + table["x"].tolist()[3:], **change)
    with pytest.warns(DataWarning, match="dropped 3 of 48"), pytest.raises(PartialPoolError, match="in row 47"):
        build(formula, data, **options)


@pytest.mark.parametrize(
    ("values", "success"),
    [(["Alive", "Dead"], "probability of s = Dead"), ([False, True], ""), ([0, 1], ""), (["False", "True"], "")],
)
def test_the_modelled_probability_is_stated_for_two_named_categories(values, success):
    design = build_design(
        ModelSpec.from_formula("s ~ 1 + (1 | g)", family="bernoulli"), {"s": values * 6, "g": list("abcd") * 3}
    )
    assert design.response.success == success
    assert ("What is modelled is the" in describe_words(design)) == bool(success)
