"""Tables that are read in batches have the design, the moments, the priors and the posterior of tables in memory."""

import re

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.streamed import assert_close, assert_same_moments, in_memory, read, table, write
from partialpool.fitting.streamed import rows_told
from partialpool.model.default_priors import resolve_priors

FORMULAS = {
    "slope": "y ~ x + (1 + x | g)",
    "intercepts": "y ~ 1 + (1 | g)",
    "far from zero": "y ~ year + (1 + year | h)",
    "no intercept": "y ~ 0 + x + (0 + x | g)",
    "all categories": "y ~ 0 + arm + (1 | g)",
    "interaction": "y ~ x * arm + (1 + x | g) + (1 | h)",
    "categories": "y ~ arm + told + C(visit) + (1 + arm | g)",
    "categories vary": "y ~ x + (0 + arm | g)",
    "independent": "y ~ x + arm + (1 + x + arm || g)",
    "square": "y ~ x + I(x**2) + (1 + x + I(x**2) | g)",
    "standardised": "y ~ center(x) + scale(w) + (1 + scale(w) | g)",
    "offset": "y ~ x + offset(log(w)) + (1 | g)",
    "nested": "y ~ x + (1 | g/cask)",
    "three columns": "y ~ x + (1 | g:cask:site)",
    "crossed": "y ~ x + (1 + x | g) + (1 | h) + (1 | cask)",
    "transformed response": "log(positive) ~ x + (1 | g)",
    "sums": "y ~ S(arm) * site + (1 | g)",
    "no groups": "y ~ x + arm",
}


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_moments_and_priors_are_those_of_the_table_in_memory(formula, tmp_path):
    frame = table()
    found, known = read(formula, write(frame, tmp_path, files=3))
    design, expected = in_memory(formula, frame)
    assert found.common.coefs == design.common.coefs
    assert [f.names for f in found.factors] == [f.names for f in design.factors]
    assert [f.levels.labels for f in found.factors] == [f.levels.labels for f in design.factors]
    for mine, theirs in zip(found.factors, design.factors, strict=True):
        assert np.array_equal(mine.counts, theirs.counts)
        assert_close(mine.second_moment, theirs.second_moment)
        assert_close(mine.basis.scale, theirs.basis.scale)
        assert_close(mine.basis.to_zero, theirs.basis.to_zero)
        assert_close(mine.freed_mean_square, theirs.freed_mean_square)
    if design.common.names:
        assert_close(found.common.covariance, design.common.covariance)
    assert_close(known.units.unit, expected.units.unit)
    assert_same_moments(known.moments, expected.moments)
    assert found.categories == design.categories
    texts = [{e.parameter: (str(e.prior), e.reason) for e in resolve_priors(one).entries} for one in (found, design)]
    assert texts[0] == texts[1]


def test_lognormal_response(tmp_path):
    frame = table()
    formula = "positive ~ x + offset(w) + (1 | g)"
    found, known = read(formula, write(frame, tmp_path), family="lognormal")
    design, expected = in_memory(formula, frame, family="lognormal")
    assert_same_moments(known.moments, expected.moments)
    assert str(resolve_priors(found)) == str(resolve_priors(design))


def test_cells_without_rows_are_left_out(tmp_path):
    frame = table()
    frame = frame[~((frame["arm"] == "low") & (frame["site"] == "s"))]
    formula = "y ~ arm * site + (0 + arm:site | g)"
    with pytest.warns(pp.DataWarning, match="do not identify") as in_batches:
        found, known = read(formula, write(frame, tmp_path))
    with pytest.warns(pp.DataWarning, match="do not identify") as as_whole:
        design, expected = in_memory(formula, frame)
    assert [str(one.message) for one in in_batches] == [str(one.message) for one in as_whole]
    assert found.dropped == design.dropped != ()
    assert_same_moments(known.moments, expected.moments)
    new = pd.DataFrame({"arm": ["high", "placebo"], "site": ["n", "s"]})
    assert np.array_equal(found.common.recipe.apply(new), design.common.recipe.apply(new))


def test_missing_values_are_counted_and_left_out(tmp_path):
    rng = np.random.default_rng(5)
    frame = table()
    for column in ("y", "x", "g", "h", "arm"):
        frame.loc[rng.random(len(frame)) < 0.05, column] = None
    formula = "y ~ x + arm + (1 | g) + (1 | g:h)"
    with pytest.warns(pp.DataWarning, match="dropped") as in_batches:
        found, known = read(formula, write(frame, tmp_path, files=2))
    with pytest.warns(pp.DataWarning, match="dropped") as as_whole:
        design, expected = in_memory(formula, frame)
    assert [str(one.message) for one in in_batches] == [str(one.message) for one in as_whole]
    assert found.left_out == design.left_out
    assert (found.n_given, found.n_rows) == (design.n_given, design.n_rows)
    assert [f.levels.labels for f in found.factors] == [f.levels.labels for f in design.factors]
    assert_same_moments(known.moments, expected.moments)
    with pytest.raises(pp.DataError) as in_batches:
        read(formula, tmp_path, missing="error")
    with pytest.raises(pp.DataError) as as_whole:
        in_memory(formula, frame, missing="error")
    assert str(in_batches.value) == str(as_whole.value)


KINDS = {
    "integers": lambda k: k * 7 - 30,
    "text": lambda k: f"s{k}",
    "mixed ids": lambda k: f"{k}b" if k == 3 else str(k),
    "days": lambda k: pd.Timestamp("2024-01-01") + pd.Timedelta(days=3 * k),
    "dates": lambda k: (pd.Timestamp("2024-01-01") + pd.Timedelta(days=3 * k)).date(),
    "times": lambda k: pd.Timestamp("2024-01-01 12:30") + pd.Timedelta(hours=5 * k),
    "numbers": lambda k: 0.5 * k,
    "booleans": lambda k: k > 4,
}


@pytest.mark.parametrize("kind", KINDS)
def test_levels_of_every_type(kind, tmp_path):
    frame = table(rows=200)
    frame["g"] = [KINDS[kind](k) for k in np.random.default_rng(2).integers(0, 9, 200)]
    formula = "y ~ x + (1 | g) + (1 | g:cask)"
    found, known = read(formula, write(frame, tmp_path))
    design, expected = in_memory(formula, frame)
    assert [f.levels.labels for f in found.factors] == [f.levels.labels for f in design.factors]
    assert [list(map(type, f.levels.labels)) for f in found.factors] == [
        list(map(type, f.levels.labels)) for f in design.factors
    ]
    assert_same_moments(known.moments, expected.moments)


def test_declared_order_of_categories(tmp_path):
    frame = table()
    for column, order in (("arm", ["placebo", "low", "high", "never"]), ("g", [f"s{k}" for k in range(12)][::-1])):
        frame[column] = pd.Categorical(frame[column], order)
    formula = "y ~ arm + (1 | g)"
    found, known = read(formula, write(frame, tmp_path))
    design, expected = in_memory(formula, frame)
    assert found.common.coefs == design.common.coefs == ("Intercept", "arm[low]", "arm[high]")
    assert found.factors[0].levels.labels == design.factors[0].levels.labels
    assert_same_moments(known.moments, expected.moments)


def test_posterior_is_that_of_the_table_in_memory(tmp_path):
    frame = table(rows=400)
    formula = "y ~ x + arm + (1 + x | g) + (1 | h)"
    whole = pp.fit(formula, frame, seed=3, draws=250, progressbar=False)
    streamed = pp.fit(formula, write(frame, tmp_path, files=2), seed=3, draws=250, progressbar=False)
    # The same random numbers at densities that agree to some ten digits.
    for name, draws in whole.posterior.items():
        np.testing.assert_allclose(streamed.posterior[name], draws, rtol=0, atol=1e-5 * float(np.abs(draws).max()))
    assert str(streamed.priors) == str(whole.priors)
    for column in ("mean", "sd"):
        np.testing.assert_allclose(streamed.digest.frame[column], whole.digest.frame[column], rtol=1e-4)


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x + (1 | g) + (1 | k)",
        "y ~ x + (1 + x | g) + (1 | k)",
        "y ~ g + (1 | g)",
        "y ~ 0 + g + (1 | g)",
    ],
)
def test_variances_that_are_not_identified(formula, tmp_path):
    frame = table(rows=300).assign(k=lambda t: "k" + t["g"])
    with pytest.warns(pp.DataWarning, match="not identified") as in_batches:
        read(formula, write(frame, tmp_path))
    with pytest.warns(pp.DataWarning, match="not identified") as as_whole:
        in_memory(formula, frame)
    assert [str(one.message) for one in in_batches] == [str(one.message) for one in as_whole]


@pytest.mark.parametrize("formula", ["y ~ u + (1 + u | g)", "y ~ z + (1 + x || g)", "y ~ year + (1 + year || g)"])
def test_warnings_of_slopes(formula, tmp_path):
    frame = table(rows=300).assign(u=lambda t: t["g"].str.len() + (t["g"] == "s1"), z=lambda t: t["x"])
    frame["x"] += 100
    with pytest.warns(pp.DataWarning) as in_batches:
        read(formula, write(frame, tmp_path))
    with pytest.warns(pp.DataWarning) as as_whole:
        in_memory(formula, frame)
    assert [str(one.message) for one in in_batches] == [str(one.message) for one in as_whole]


def test_progress_says_how_many_rows_per_second():
    said, counted = [], []

    class Line:
        def say(self, what):
            said.append(what)

        def count(self, done, total):
            counted.append((done, total))

    tell = rows_told(Line(), "adding up the moments", 3_000_000)
    tell(1_500_000)
    assert said[0] == "adding up the moments"
    assert re.fullmatch(r"adding up the moments: 1,500,000 rows, [\d.]+ million per second", said[1])
    assert counted == [(1_500_000, 3_000_000)]


def test_units_and_labels_of_a_fit(tmp_path):
    path = write(table(rows=200), tmp_path)
    fit = pp.fit("y ~ x + (1 | g)", path, seed=1, draws=50, units={"y": "mm"}, progressbar=False)
    assert fit.design.axis_units.response == "mm"
    assert fit.with_units({"x": "kg"}).design.units == {"y": "mm", "x": "kg"}
    assert fit.with_labels({"g": "Batch"}).labels == {"g": "Batch"}
    assert fit.design.n_rows == 200
