import re
import warnings

import numpy as np
import pandas as pd
import pytest

from partialpool.design.build import build_design
from partialpool.design.checks import warn_unlogged_offset
from partialpool.errors import DataError, DataWarning
from partialpool.spec.model import ModelSpec

ROWS = np.arange(48)
COMMON = {
    "constant": (
        "x + k",
        {"k": 3.0},
        "'k' does not vary",
        "same value",
        "the intercept is the constant",
        "leave it out",
    ),
    "constant, large": ("x + k", {"k": 1e10}, "'k' does not vary", "same value", "two values or more", "leave it out"),
    "constant, not exact": ("x + k", {"k": 0.1}, "'k' does not vary", "same value", "two values or more", "leave it"),
    "constant boolean": ("x + k", {"k": True}, "'k' does not vary", "same value", "two values or more", "leave it out"),
    "one category": ("x + k", {"k": "a"}, "'k' does not vary", "", "", ""),
    "zero, no intercept": ("0 + k", {"k": 0.0}, "'k' does not vary", "same value", "two values", "leave it out"),
    "duplicate": (
        "x + k",
        {"k": lambda t: t.x},
        "depend on each other",
        "'x', 'k' (and the inter",
        "duplicated",
        "'k'",
    ),
    "other units": ("x + k", {"k": lambda t: 1.8 * t.x + 32}, "depend on each", "'x', 'k'", "add something", "'k'"),
    "other type": ("x + k", {"k": lambda t: t.x.astype("float32")}, "depend on each", "'x', 'k'", "add", "'k'"),
    "combination": (
        "x + z + k",
        {"k": lambda t: t.x - 3 * t.z},
        "one is a combination of the others",
        "'x', 'z', 'k' (and the intercept)",
        "predictors that each add something",
        "leave one of them out, for instance 'k'",
    ),
    "no intercept": ("0 + x + k", {"k": lambda t: -2 * t.x}, "depend on each other", "'x', 'k'", "add", "'k'"),
    "all categories twice": ("f + C(f)", {}, "depend on each other", "'f[v]', 'f[w]', 'C(f)[v]'", "add", "leave one"),
    "categories and their sum": (
        "0 + f + one",
        {"one": 1.0},
        "depend on each",
        "'f[u]', 'f[v]', 'f[w]'",
        "add",
        "'one'",
    ),
    "one degree too many": ("poly(h, 4)", {}, "depend on each other", "poly(h, 4)[3]", "add", "leave one of them"),
    "a factor's mean and the factor": (
        "g + between(x, g)",
        {},
        "depend on each other",
        "between(x, g)",
        "add",
        "leave",
    ),
}


def changed(table, change):
    return table.assign(**{name: value(table) if callable(value) else value for name, value in change.items()})


@pytest.mark.parametrize("case", COMMON)
def test_predictors_that_add_nothing_are_refused(case, table, refused):
    terms, change, *parts = COMMON[case]
    refused(f"y ~ {terms} + (1 | g)", changed(table, change), *parts)


def test_more_predictors_than_rows_are_refused(table, refused):
    extra = {f"q{i}": np.random.default_rng(i).normal(size=48) for i in range(60)}
    terms = " + ".join(extra)
    refused(f"y ~ {terms} + (1 | g)", table.assign(**extra), "depend on each other", "'q0'", "add", "leave one")


def test_only_the_columns_involved_are_named(table, build):
    with pytest.raises(DataError) as caught:
        build("y ~ z + x + x2 + count + (1 | g)", table.assign(x2=table.x * 2))
    assert caught.value.got == "'x', 'x2' (and the intercept)"


FINE = {
    "far from zero": ("x", {"x": lambda t: t.x + 1e6}),
    "far from zero, squared": ("x + I(x**2)", {"x": lambda t: t.x + 1e3}),
    "tiny": ("x + z", {"x": lambda t: t.x * 1e-12}),
    "huge": ("x + z", {"x": lambda t: t.x * 1e12}),
    "constant without an intercept": ("0 + k", {"k": 3.0}),
    "nearly the same": ("x + k", {"k": lambda t: t.x + 1e-3 * t.z}),
    "rare category": ("k", {"k": np.where(np.isin(ROWS, [5, 8]), "rare", "common")}),
}


@pytest.mark.parametrize("case", FINE)
def test_predictors_that_differ_pass(case, table, build):
    terms, change = FINE[case]
    assert build(f"y ~ {terms} + (1 | g)", changed(table, change)).n_rows == 48


LEVELS = {
    "one level": ({"g": "a"}, "'g' has one level", "1 level", "2 levels or more", "leave the grouping term out"),
    "one level of many categories": (
        {"g": pd.Categorical(["a"] * 48, categories=["a", "b"])},
        "'g' has one level",
        "1 level",
        "2 levels or more",
        "leave the grouping term out",
    ),
    "a level per row": (
        {"g": ROWS},
        "every level of 'g' has one row: its sd and sigma are not identified",
        "48 levels in 48 rows",
        "known standard errors (se=)",
        "leave the term out",
    ),
}


@pytest.mark.parametrize("case", LEVELS)
def test_a_factor_that_does_not_group_is_refused(case, table, refused):
    change, *parts = LEVELS[case]
    refused("y ~ x + (1 | g)", table.assign(**change), *parts)


@pytest.mark.parametrize(
    ("formula", "options"),
    [
        ("y ~ x + (1 | g)", {}),
        ("y ~ x + (1 | h) + (1 | g)", {}),
        ("y ~ x + (1 | h/g)", {}),
        ("y ~ x + (1 | g)", {"family": "lognormal"}),
    ],
)
def test_a_level_per_row_is_refused_beside_a_free_sigma(formula, options, table, refused):
    parts = ("has one row", "48 levels in 48 rows", "2 rows or more", "leave the term out")
    refused(formula, table.assign(g=ROWS), *parts, **options)


@pytest.mark.parametrize(
    ("formula", "options"),
    [
        ("y ~ x + (1 | g)", {"se": "pos"}),
        ("y | se(pos) ~ x + (1 | g)", {}),
        ("y ~ x + (1 | g)", {"family": "student_t", "se": "pos"}),
        ("count ~ x + (1 | g)", {"family": "poisson"}),
        ("p(count, trials) ~ x + (1 | g)", {"family": "binomial"}),
    ],
)
def test_a_level_per_row_is_allowed_without_a_free_sigma(formula, options, table, build):
    assert build(formula, table.assign(g=ROWS), **options).factors[-1].n_levels == 48


def test_one_level_with_two_rows_is_enough(table, build):
    assert build("y ~ x + (1 | g)", table.assign(g=np.maximum(ROWS, 1))).factors[0].n_levels == 47


WEAK = {
    "(1 + year | g)": {"year": lambda t: 2000 + t.g.map(ord)},
    "(1 | g) + (0 + year | g)": {"year": lambda t: (t.g.map(ord) - t.g.map(ord).mean()) / 7},
    "(year || g)": {"year": lambda t: (t.g.map(ord) - t.g.map(ord).mean()) * 1e-9},
    "(year | h:g)": {"year": lambda t: t.g.map(ord)},
}


@pytest.mark.parametrize("term", WEAK)
def test_a_slope_that_is_constant_within_every_level_gives_a_warning(term, table, build):
    with pytest.warns(DataWarning) as caught:
        build(f"y ~ x + {term}", changed(table, WEAK[term]))
    factor = term.rpartition("| ")[2].strip(")")
    (text,) = [str(w.message) for w in caught]
    assert f"the slope of 'year' does not vary within any level of {factor!r}" in text
    assert "got one value per level" in text
    assert "the sd depends on the prior; allowed" in text
    assert "consider leaving 'year' out" in text


@pytest.mark.parametrize(
    "year",
    [lambda t: 2000 + t.h, lambda t: t.g.map(ord) + 1e-6 * t.h, lambda t: t.g.map(ord) + (ROWS == 3)],
    ids=["everywhere", "slightly", "in one row"],
)
def test_a_slope_that_varies_within_some_level_gives_no_warning(year, table, build):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert build("y ~ x + (year | g)", table.assign(year=year)).factors[0].names == ("Intercept", "year")


@pytest.mark.filterwarnings("error")
def test_a_constant_effect_without_an_intercept_gives_no_warning(table, build):
    build("y ~ x + (0 + year | g)", table.assign(year=table.g.map(ord) / 7))


@pytest.mark.parametrize("k", [3.0, 0.0, "a"], ids=["constant", "zero", "one category"])
@pytest.mark.filterwarnings("error")
def test_a_constant_slope_is_refused_or_gives_a_warning(k, table, build):
    with pytest.raises((DataError, DataWarning), match="'k'"):
        build("y ~ x + (k | g)", table.assign(k=k))


def test_a_predictor_too_far_from_zero_is_refused_before_digits_are_lost():
    """Seconds since 1970 within one minute: the intercept's variance at the data would be rounding error."""
    seconds = np.tile(np.arange(0.0, 60, 5), 12)
    table = {"ts": 1.7e9 + seconds, "y": np.random.default_rng(1).normal(size=144), "g": np.repeat(np.arange(12), 12)}
    with pytest.raises(DataError, match="'ts' is so far from zero") as error:
        build_design(ModelSpec.from_formula("y ~ ts + (ts | g)"), table)
    assert error.value.do.startswith("subtract a constant, I(ts - 1700000028)")
    centred = build_design(ModelSpec.from_formula("y ~ I(ts - 1700000028) + (I(ts - 1700000028) | g)"), table)
    assert centred.factors[0].names == ("Intercept", "I(ts - 1700000028)")
    for formula in ("y ~ ts + (1 | g)", "y ~ ts + (0 + ts | g)"):  # no correlation, no digits lost
        build_design(ModelSpec.from_formula(formula), table)


HOURS = np.round(np.random.default_rng(3).uniform(0.5, 4.0, 48), 2)
TRAPS = np.random.default_rng(4).integers(2, 60, 48)


def offset_model(offset, column, per_unit, link="log", family="poisson"):
    """Counts whose means are proportional to `per_unit`, beside a column of the offset under several names."""
    y = np.random.default_rng(5).poisson(3.0 * per_unit / per_unit.mean())
    names = dict.fromkeys(["effort_h", "log_effort", "lnt"], column)
    formula = f"y ~ 1 + (1 | g) + offset({offset})"
    return build_design(ModelSpec.from_formula(formula, family=family, link=link), {"y": y, "g": ROWS % 6} | names)


def test_an_exposure_without_its_log_is_warned_about():
    ratio = np.exp(HOURS.max() - HOURS.min())
    text = (
        f"the offset 'effort_h' seems to be an exposure without its logarithm: got values from {HOURS.min():g} to "
        f"{HOURS.max():g}, which make some means {ratio:.3g} times as large as others; allowed, but for an exposure "
        "(hours, traps, area), which multiplies the mean, write offset(log(effort_h))"
    )
    with pytest.warns(DataWarning, match=f"^{re.escape(text)}$"):
        offset_model("effort_h", HOURS, HOURS)
    for exposure in (TRAPS, 60 * HOURS, HOURS / 24, np.where(ROWS % 2, 5.0, 10.0)):
        with pytest.warns(DataWarning, match="'effort_h' seems to be an exposure without its logarithm"):
            offset_model("effort_h", exposure, exposure, family="negative_binomial")


@pytest.mark.parametrize(
    ("offset", "column", "per_unit", "link"),
    [
        ("log(effort_h)", HOURS, HOURS, "log"),
        ("log_effort", HOURS, HOURS, "log"),
        ("lnt", HOURS, HOURS, "log"),
        ("effort_h", HOURS - 2.0, HOURS, "log"),
        ("effort_h", np.log(TRAPS), TRAPS, "log"),
        ("effort_h", np.full(48, 2.0), HOURS, "log"),
        ("effort_h", HOURS, HOURS, "sqrt"),
    ],
)
def test_other_offsets_are_not_warned_about(offset, column, per_unit, link):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        offset_model(offset, column, per_unit, link)


@pytest.mark.parametrize("low", [2, 5, 20])
def test_columns_of_logs_are_rarely_taken_for_exposures(low):
    """Very overdispersed counts of 48 nights: of 100 columns of log(traps), at most 5 look like an exposure."""
    taken = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        traps = rng.integers(low, 10 * low, 48)
        y = rng.poisson(0.5 * traps * rng.gamma(1.5, 1 / 1.5, 48))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warn_unlogged_offset("effort", np.log(traps), y, np.zeros(48))
        taken += bool(caught)
    assert taken <= 5
