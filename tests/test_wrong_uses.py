"""Wrong uses of correlated residuals, strata, weights, structured covariances, memberships and updates, as users write.

Each gets a four-part error. Those that are close to one feature's own tests are there; here are the others.
"""

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.refusals import check_refused
from partialpool.design.append_rows import append_rows
from partialpool.design.build import build_design


def panel():
    """Twenty-four patients in six sites at four visits; two memberships with weights."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame([(g, v) for g in range(24) for v in range(4)], columns=["patient", "visit"])
    n = len(table)
    return table.assign(
        arm=np.where(table["patient"] % 2 == 0, "new", "old"),
        site=table["patient"] // 4,
        week=[f"w{v}" for v in table["visit"]],
        when=table["visit"].map({0: "before", 1: "after", 2: "week 2", 3: "week 10"}),
        x=rng.normal(size=n),
        w=rng.uniform(0.5, 2, n),
        n=1 + np.arange(n) % 3,
        a=rng.integers(0, 9, n),
        b=rng.integers(0, 9, n),
        w1=rng.uniform(0.1, 1, n),
        w2=rng.uniform(0.1, 1, n),
        one=1,
        row=np.arange(n),
        other=1000 + np.arange(n),
        y=3 + rng.normal(size=n) + rng.normal(size=24)[table["patient"]],
    )


TABLE = panel()


def lacking(column):
    """The table with a missing value in its fourth row."""
    return {column: TABLE[column].astype(float).where(TABLE.index != 3)}


FORMULAS = {
    # Times and series.
    "a missing time": ("y ~ x + ar(visit, gr=patient)", lacking("visit"), "missing values", "in visit (1)"),
    "a missing series": ("y ~ x + ar(visit, gr=patient)", lacking("patient"), "missing values", "in patient (1)"),
    "a constant index": ("y ~ x + ar(one, gr=patient)", {}, "have the same one", "average these rows"),
    "dates": (
        "y ~ x + ar(visit, gr=patient)",
        {"visit": pd.Timestamp("2020-01-01") + pd.to_timedelta(TABLE["visit"], unit="D")},
        "the times 'visit' of ar must be numbers",
        "distances in time",
    ),
    "booleans as times": (
        "y ~ x + ar(visit, gr=patient)",
        {"visit": TABLE["visit"] > 1},
        "must be numbers",
        "got:     False",
    ),
    "an infinite time": (
        "y ~ x + ar(visit, gr=patient)",
        {"visit": TABLE["visit"].astype(float).where(TABLE.index != 3, np.inf)},
        "infinite",
        "row 3",
    ),
    "a series that is a combination": ("y ~ x + ar(visit, gr=site:patient)", {}, "cannot read ar", "combinations"),
    "another correlation": ("y ~ x + arma(visit, gr=patient)", {}, "may not call 'arma'", "unstr(visit, gr=subject)"),
    "a covariance of effects for residuals": ("y ~ ar1(visit, gr=patient)", {}, "may not call 'ar1'", "ar(time, gr=g)"),
    "every value a visit": ("y ~ unstr(row, gr=patient)", {}, "these are too many", "4560 correlations"),
    "a visit of one row": (
        "y ~ unstr(week, gr=patient)",
        {"week": TABLE["week"].where(TABLE.index != 3, "w9")},
        "some have one row",
        "w9",
    ),
    # Residual sds.
    "one stratum": ("y ~ x, sigma ~ 0 + one", {}, "the same in every row", "leave out sigma ~ 0 + one"),
    "a stratum of one row": (
        "y ~ x, sigma ~ 0 + arm",
        {"arm": TABLE["arm"].where(TABLE.index != 3, "third")},
        "some have one row",
        "third",
    ),
    "a number as strata": ("y ~ x, sigma ~ 0 + x", {}, "some have one row", "and 93 more"),
    "strata that are not in the table": ("y ~ x, sigma ~ 0 + arms", {}, "no column 'arms'", "'arm' (nearest)"),
    "a response to the right": ("y ~ x, sigma ~ 0 + (1 | site) ~ x", {}, "formula of a parameter", "sigma ~ arm"),
    "two formulas of sigma": (
        "y ~ x, sigma ~ 0 + arm, sigma ~ 0 + week",
        {},
        "formula of a parameter",
        "parameter once",
    ),
    # Weights.
    "a missing precision": ("y | precision(w) ~ x", lacking("w"), "missing values", "in w (1)"),
    "an infinite precision": (
        "y | precision(w) ~ x",
        {"w": TABLE["w"].where(TABLE.index != 3, np.inf)},
        "infinite",
        "row 3",
    ),
    "a boolean precision": ("y | precision(w) ~ x", {"w": True}, "are booleans where numbers", "got:     True"),
    "a computed precision": ("y | precision(1/w) ~ x", {}, "cannot read what follows |", "name one column"),
    "a precision that is not in the table": ("y | precision(v) ~ x", {}, "no column 'v'", "correct the name"),
    "a precision twice": ("y | precision(w) + precision(n) ~ x", {}, "cannot read what follows |", "each once"),
    "a missing frequency": ("y | frequency(n) ~ x", lacking("n"), "missing values", "in n (1)"),
    "a boolean frequency": ("y | frequency(n) ~ x", {"n": True}, "positive integers", "got:     True"),
    "frequencies of times": (
        "y | frequency(n) ~ ar(visit, gr=patient)",
        {},
        "frequencies do not go with ar",
        "one row of",
    ),
    "weights as a term": ("y ~ x + weights(w)", {}, "may not call 'weights'", "say what the weights mean"),
    # Covariances of effects.
    "an unknown order": ("y ~ ar1(0 + when | patient)", {}, "the order of the categories of ar1", "pd.Categorical"),
    "ar1 of a number": ("y ~ ar1(0 + visit | patient)", {}, "ar1 needs several effects", "(1 | patient)"),
    "ar1 of two columns": ("y ~ ar1(0 + week:arm | site)", {}, "effects of ordered categories", "write 0 + and one"),
    "a covariance without a bar": ("y ~ cs(week, patient)", {}, "cs(...) must be a term", "cs(0 + visit | g)"),
    "a covariance that is not available": ("y ~ toep(0 + week | patient)", {}, "may not call 'toep'", "ar1(0 + visit"),
    "by that is not in the table": ("y ~ (1 | gr(patient, by=arms))", {}, "no column 'arms'", "'arm' (nearest)"),
    "by of one category": ("y ~ (1 | gr(patient, by=same))", {"same": "s"}, "does not vary", "two values"),
    "by without gr": ("y ~ (1 | patient, by=arm)", {}, "cannot read the grouping", "(1 | gr(patient, by=arm))"),
    "by of a combination": ("y ~ (1 | gr(patient, by=arm:site))", {}, "cannot read gr(...)", "compute combinations"),
    "by with one level": (
        "y ~ (1 | gr(patient, by=c))",
        {"c": np.where(TABLE["patient"] == 0, "u", "v")},
        "a category with one level",
        "c is u",
    ),
    # Memberships.
    "no members": ("y ~ (1 | mm())", {}, "needs names of columns", "pp.Members"),
    "three weights of two": ("y ~ (1 | mm(a, b, weights=(w1, w2, w)))", {}, "3 of weights", "as many columns"),
    "one name as weights": ("y ~ (1 | mm(a, b, weights=w1))", {}, "an argument of mm(...)", "in parentheses"),
    "a missing weight": ("y ~ (1 | mm(a, b, weights=(w1, w2)))", lacking("w1"), "missing values", "in w1 (1)"),
    "an infinite weight": (
        "y ~ (1 | mm(a, b, weights=(w1, w2)))",
        {"w1": TABLE["w1"].where(TABLE.index != 3, np.inf)},
        "infinite",
        "row 3",
    ),
    "nested members": ("y ~ (1 | mm(a, b/site))", {}, "needs names of columns", "'b/site'"),
    "a structure over members": ("y ~ cs(0 + week | mm(a, b))", {}, "several levels", "leave out covariance"),
    "by of members": ("y ~ (1 | gr(mm(a, b), by=arm))", {}, "several levels", "leave out covariance, hom and by"),
    "members as a predictor": ("y ~ x + mm(a, b)", {}, "may not call 'mm'", "(1 | mm(school1, school2))"),
    "a level for each row": ("y ~ (1 | mm(row, other))", {}, "has one row", "192 levels in 96 rows"),
    "one level in all": ("y ~ (1 | mm(one, uno))", {"uno": 1}, "has one level", "2 levels or more"),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_wrong_formula_is_refused(name):
    formula, change, *mentions = FORMULAS[name]
    spec_and_design = lambda: build_design(  # noqa: E731
        pp.ModelSpec.from_formula(formula), TABLE.assign(**change), missing="error"
    )
    check_refused(pp.PartialPoolError, spec_and_design, *mentions)


KEYWORDS = {
    "weights": (
        lambda: pp.ModelSpec("y", ["x"], weights="w"),
        "ModelSpec() does not have",
        "say what the weights mean",
    ),
    "weights of a formula": (
        lambda: pp.ModelSpec.from_formula("y ~ x", weights="w"),
        "from_formula() does not have",
        "precision(w)",
    ),
    "precision": (lambda: pp.fit("y ~ x", TABLE, precision="w"), "'precision'", "write it in the formula: y | prec"),
    "frequency": (lambda: pp.fit("y ~ x", TABLE, frequency=TABLE["n"]), "'frequency'", "frequency(n)"),
    "sigma": (lambda: pp.maximum_likelihood("y ~ x", TABLE, sigma=["arm"]), "'sigma'", "sigma ~ 0 + arm"),
    "residual": (lambda: pp.fit("y ~ x", TABLE, residual="ar(visit, gr=patient)"), "'residual'", "ar(time, gr="),
    "a number as sigma": (lambda: pp.ModelSpec("y", ["x"], sigma=5), "sigma must be the name", "strata"),
    "text as residual": (lambda: pp.ModelSpec("y", residual="cosy(gr=g)"), "must be a Residual object", "pp.Residual"),
    "an array as precision": (lambda: pp.ModelSpec("y", precision=TABLE["w"]), "precision must be the name", "weights"),
    "a list of by": (lambda: pp.Group("patient", by=["arm"]), "by of a group must be", "by='arm'"),
    "numbers as weights of members": (lambda: pp.Members("a", "b", weights=[0.5, 0.5]), "names of columns", "0.5"),
    "a number as weights of members": (lambda: pp.Members("a", "b", weights=3), "names of columns", "got:     3"),
    "None as weights of members": (lambda: pp.Members("a", "b", weights=None), "names of columns", "got:     None"),
    "columns of a table as members": (lambda: pp.Members(TABLE["a"], TABLE["b"]), "names of columns", "a Series"),
    "another name of weights": (
        lambda: pp.Members("a", "b", wts=("w1", "w2")),
        "Members() does not have",
        "weights",
    ),
    "a list as members": (lambda: pp.Group("school", members=["a", "b"]), "must be a Members object", "pp.Members"),
    "an unknown keyword of a group": (lambda: pp.Group("g", slope="x"), "Group() does not have", "'slopes' (nearest)"),
    "an empty table of memberships": (
        lambda: pp.Members(TABLE.iloc[:0], row="patient", member="a"),
        "is empty",
        "a line for each",
    ),
}


@pytest.mark.parametrize("name", KEYWORDS)
def test_a_wrong_keyword_is_refused(name):
    call, *mentions = KEYWORDS[name]
    check_refused(pp.SpecError, call, *mentions)


def model(**lines):
    return "[model]\nresponse = 'y'\n" + "\n".join(f"{key} = {value}" for key, value in lines.items())


def group(**lines):
    return model() + "\n[[group]]\n" + "\n".join(f"{key} = {value}" for key, value in lines.items())


TOML = {
    "a series without gr": (model(residual="'ar(visit)'"), "cannot read ar(...)", "gr="),
    "a list of correlations": (model(residual="['cosy(gr=g)']"), "residual in [model] has the wrong type", "text"),
    "another correlation": (model(residual="'arma(visit, gr=g)'"), "cannot read the correlation", "write one of these"),
    "a number as sigma": (model(sigma="3"), "sigma in [model] has the wrong type", "a list of columns"),
    "a list as precision": (model(precision="['w']"), "precision in [model] has the wrong type", "text"),
    "weights": (model(weights="'w'"), "unknown key in [model]", "'weights'"),
    "weights without members": (
        group(factor="'a'", weights="['w1']"),
        "without members",
        "name the columns of members",
    ),
    "one column of members": (group(members="['a']"), "two columns of members", "(1 | school)"),
    "text as members": (group(members="'a'"), "must be a list of columns", "in [ ]"),
    "text as scale": (group(members="['a', 'b']", scale="'yes'"), "True or False", "divided by their sum"),
    "an unknown covariance": (group(factor="'g'", slopes="['x']", covariance="'toep'"), "unknown covariance", "'ar1'"),
    "text as hom": (group(factor="'g'", slopes="['x']", hom="'yes'"), "hom in [[group]]", "true or false"),
    "by of members": (group(members="['a', 'b']", by="'arm'"), "several levels", "leave out covariance"),
    "text as a weight": (
        group(members="{row = 'patient', member = 'school', lines = [[1, 'north', 'much']]}"),
        "not numbers from 0 on",
        "correct these weights",
    ),
    "no lines": (group(members="{row = 'patient', member = 'school'}"), "memberships is empty", "0 lines"),
}


@pytest.mark.parametrize("name", TOML)
def test_a_wrong_file_is_refused(name):
    text, *mentions = TOML[name]
    check_refused(pp.SpecError, lambda: pp.ModelSpec.from_toml_text(text), *mentions)


FIRST = TABLE[TABLE["patient"] < 18]
NEW = TABLE[TABLE["patient"] >= 18]
UPDATES = {
    "no response": ("y ~ x + (1 | patient)", NEW.drop(columns="y"), "no column 'y'", "correct the name"),
    "no factor": ("y ~ x + (1 | patient)", NEW.drop(columns="patient"), "no column 'patient'", "correct the name"),
    "no precision": ("y | precision(w) ~ x", NEW.drop(columns="w"), "no column 'w'", "correct the name"),
    "a precision of 0": ("y | precision(w) ~ x", NEW.assign(w=0), "above 0", "24 such rows"),
    "a frequency of 0": ("y | frequency(n) ~ x", NEW.assign(n=0), "positive integers", "24 such rows"),
    "text for numbers": ("y ~ x + (1 | patient)", NEW.assign(x="much"), "had numbers in the first rows", "to_numeric"),
    "text for numbered levels": (
        "y ~ x + (1 | patient)",
        NEW.assign(patient="p" + NEW["patient"].astype(str)),
        "column 'patient' has text",
        "numbers, such as 0",
    ),
    "a new category of a slope": ("y ~ x + (1 + arm | site)", NEW.assign(arm="third"), "has not seen", "'new', 'old'"),
    "a new stratum": ("y ~ x, sigma ~ 0 + arm", NEW.assign(arm="third"), "of arm are not known", "'third'"),
    "no column of strata": ("y ~ x, sigma ~ 0 + arm", NEW.drop(columns="arm"), "no column 'arm'", "correct the name"),
    "a new visit": ("y ~ x + unstr(week, gr=patient)", NEW.assign(week="w9"), "of week are not known", "'w9'"),
    "rows that it has": ("y ~ x + ar(visit, gr=patient)", FIRST.head(2), "have the same visit", "twice for patient 0"),
    "longer series": ("y ~ cosy(gr=patient)", NEW.assign(patient=18), "what a parameter of the residuals", "pp.fit"),
    "another category of a level": (
        "y ~ x + (1 | gr(patient, by=arm))",
        FIRST.head(4).assign(arm="old"),
        "by=arm varies within levels of patient",
        "0 has new, old",
    ),
    "missing values in all rows": ("y ~ x + (1 | patient)", NEW.assign(x=np.nan), "missing values", "24 of 24 rows"),
    "a file's name": ("y ~ x + (1 | patient)", "rows.csv", "this is not a table", "pandas.read_csv"),
    "a row": ("y ~ x + (1 | patient)", NEW.iloc[0], "this is not a table", "a Series"),
}


@pytest.mark.parametrize("name", UPDATES)
def test_wrong_rows_of_an_update_are_refused(name):
    formula, rows, *mentions = UPDATES[name]
    design = build_design(pp.ModelSpec.from_formula(formula), FIRST)
    check_refused(pp.DataError, lambda: append_rows(design, rows, missing="error"), *mentions)


def test_an_update_has_no_settings():
    fit = pp.fit("y ~ x", TABLE, seed=1, draws=20, progressbar=False)
    error = check_refused(pp.KeywordError, lambda: fit.update(NEW, draws=30), "update() does not have the keyword")
    assert "an update keeps the fit's model and settings" in error.do
    check_refused(pp.KeywordError, lambda: fit.update(), "update() is called without 'new_rows'")


def test_new_rows_of_series_have_times_that_are_steps():
    fit = pp.fit("y ~ x + ar(visit, gr=patient)", TABLE, seed=1, draws=20, progressbar=False)
    new = TABLE.head(1)
    between = lambda: pp.predict(fit, new.assign(visit=4.5), seed=1)  # noqa: E731
    check_refused(pp.DataError, between, "between the steps of visit", "visit 4.5", "steps of 1 from there")
    text = lambda: pp.predict(fit, new.assign(visit="fifth"), seed=1)  # noqa: E731
    check_refused(pp.DataError, text, "the times 'visit' of ar must be numbers", "'fifth'")


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(lambda t: "week " + t["visit"].astype(str), id="text with numbers"),
        pytest.param(
            lambda t: pd.Categorical(t["when"], ["before", "after", "week 2", "week 10"], ordered=True), id="declared"
        ),
        pytest.param(lambda t: pd.Categorical(t["when"], ["before", "after", "week 2", "week 10"]), id="another order"),
        pytest.param(lambda t: np.where(t["visit"] < 2, "early", "late"), id="two categories"),
    ],
)
def test_an_order_that_is_known_is_not_refused(values):
    table = TABLE.assign(when=values(TABLE))
    design = build_design(pp.ModelSpec.from_formula("y ~ ar1(0 + when | patient)"), table)
    assert [str(label) for label in design.frame["when"].cat.categories] == list(dict.fromkeys(map(str, table["when"])))
