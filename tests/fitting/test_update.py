"""Rows added to a fit: the density is that of all rows under the first fit's priors and origins."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.design.append_rows import append_rows
from partialpool.design.build import build_design
from partialpool.marginal.gaussian.accumulated import Accumulated
from partialpool.marginal.gaussian.marginal import build_marginal
from partialpool.model.default_priors import resolve_priors

QUIET = {"seed": 1, "progressbar": False, "draws": 200}


def table(rows=90, seed=3):
    rng = np.random.default_rng(seed)
    g = np.sort(rng.integers(0, 9, rows))
    data = pd.DataFrame(
        {
            "g": [f"g{k}" for k in g],
            "h": [f"h{k}" for k in rng.integers(0, 5, rows)],
            "x": 20 + rng.normal(size=rows),
            "arm": rng.choice(["a", "b"], rows),
            "w": rng.uniform(0.5, 2, rows),
        }
    )
    data["y"] = 5 + 0.5 * data["x"] + rng.normal(size=9)[g] + rng.normal(size=rows)
    data["z"] = np.exp(0.1 * data["y"])
    data["count"] = rng.poisson(3, rows)
    data["m1"], data["m2"] = g + rng.integers(0, 3, (2, rows))  # rows of later levels have members of their own
    data["w2"] = rng.uniform(0, 1, rows)
    return data


def together(spec, data, first):
    """Build the design of all rows in one pass, with the origins of the first rows."""
    whole = build_design(spec, data)
    common = replace(whole.common, center=first.common.center, scale=first.common.scale, basis=first.common.basis)
    factors = []
    for factor, old in zip(whole.factors, first.factors, strict=True):
        known = {"values": old.recipes[0].apply(whole.frame), "recipes": old.recipes} if old.is_smooth else {}
        factors.append(replace(factor, basis=old.basis, **known))
    return replace(whole, common=common, factors=tuple(factors))


def in_units_of(other, marginal, thetas):
    """Convert theta of one marginal, log sds in its units, to the units of another."""
    unit = np.log(marginal.units.unit / other.units.unit)
    residual = np.log(marginal.units.residual / other.units.residual)
    shifts = [unit if e.startswith("sd_") else residual if e == "sigma" else 0.0 for e in marginal.elements]
    return thetas + np.array(shifts)


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x + arm + (1 + x | g)",
        "y ~ x + (1 + x | g) + (1 | h)",
        "y ~ 0 + arm + (1 | g/h)",
        "y | precision(w) ~ x + (1 | g) + offset(x)",
        "log(y) ~ x + (1 | g)",
        "y ~ x + (1 | mm(m1, m2))",
        "y ~ x + (1 + x | mm(m1, m2, weights=(w, w2))) + (1 | h)",
        "y ~ x + (1 | g) + (1 | mm(m1, m2, scale=False))",
        "y ~ (1 | g) + s(x, k=6)",
        "y | precision(w) ~ arm + (1 | g) + s(x, by=arm, k=5)",
        "y ~ (1 | mm(m1, m2)) + s(x, k=5)",
    ],
)
def test_the_density_is_that_of_all_rows_with_the_first_priors_and_origins(formula):
    data, spec = table(), pp.ModelSpec.from_formula(formula)
    # Rows are sorted by g, so that the later batches have levels that the first rows do not have.
    batches = data.iloc[:50], data.iloc[50:70], data.iloc[70:]
    first = build_design(spec, batches[0])
    priors = resolve_priors(first)
    slow = build_marginal(together(spec, data, first), priors)
    thetas = np.random.default_rng(1).normal(0, 0.5, (20, slow.size))
    for order in ((1, 2), (2, 1)):
        design, sums = first, Accumulated.of(first)
        for k in order:
            appended = append_rows(design, batches[k])
            design, sums = appended.whole, sums.plus(appended.added)
        assert design.factors[0].n_levels > first.factors[0].n_levels
        added = build_marginal(design, priors, sums)
        assert added.elements == slow.elements
        expected = slow.log_densities(in_units_of(slow, added, thetas))
        np.testing.assert_allclose(added.log_densities(thetas), expected, rtol=1e-10)


@pytest.mark.parametrize("formula", ["y ~ x + (1 + x | mm(m1, m2, weights=(w, w2)))", "y ~ (1 | g) + s(x, k=5)"])
def test_members_and_smooths_are_updated_saved_and_asked(formula, tmp_path):
    data = table()
    fit = pp.fit(formula, data.iloc[:50], **QUIET)
    both = fit.update(data.iloc[50:70], seed=1, progressbar=False).update(data.iloc[70:], seed=2, progressbar=False)
    assert both.design.n_rows == 90
    factor = both.design.factors[-1]
    if factor.has_members:
        first, second = factor.levels.labels[:8], factor.levels.labels[8:]
        assert first == fit.design.factors[0].levels.labels[:8]
        assert set(second) <= set(data["m1"]) | set(data["m2"])
        weights, names = data[["w", "w2"]].to_numpy(), list(factor.levels.labels)
        expected = np.zeros(factor.weights.shape)
        for k, column in enumerate(("m1", "m2")):
            np.add.at(expected, (np.arange(90), [names.index(m) for m in data[column]]), weights[:, k])
        np.testing.assert_allclose(factor.weights.toarray(), expected / weights.sum(axis=1)[:, None], rtol=1e-12)
    else:
        basis = fit.design.factors[-1].recipes[0].basis
        np.testing.assert_allclose(factor.values, basis.of(data["x"].to_numpy()), rtol=1e-12)
    loaded = pp.load_fit(both.save(tmp_path / "fit.nc"))
    assert loaded.design.factors[-1].levels.labels == factor.levels.labels
    np.testing.assert_allclose(loaded.design.factors[-1].values, factor.values, rtol=1e-12)
    one, other = (pp.predict(f, data.iloc[-3:])["expectation"].to_numpy() for f in (both, loaded))
    np.testing.assert_array_equal(one, other)


def test_a_table_is_read_once(monkeypatch):
    from partialpool.design import append_rows as module
    from partialpool.design import newdata

    data = table()
    first = build_design(pp.ModelSpec.from_formula("y ~ x + (1 | g)"), data.iloc[:50])
    read, usual = [], module.read_table
    for where in (module, newdata):
        monkeypatch.setattr(where, "read_table", lambda d, *a, **k: read.append(len(d)) or usual(d, *a, **k))
    append_rows(first, data.iloc[50:])
    assert read == [40]


def test_a_lognormal_response_adds_up_too():
    data, spec = table(), pp.ModelSpec.from_formula("z ~ x + (1 | g)", family="lognormal")
    first = build_design(spec, data.iloc[:50])
    appended = append_rows(first, data.iloc[50:])
    priors = resolve_priors(first)
    sums = Accumulated.of(first).plus(appended.added)
    slow = build_marginal(together(spec, data, first), priors)
    thetas = np.random.default_rng(1).normal(0, 0.5, (5, slow.size))
    added = build_marginal(appended.whole, priors, sums)
    expected = slow.log_densities(in_units_of(slow, added, thetas))
    np.testing.assert_allclose(added.log_densities(thetas), expected, rtol=1e-10)


def test_only_the_new_rows_are_read_and_the_moments_stay_with_the_fit(monkeypatch):
    data = table()
    fit = pp.fit("y ~ x + (1 | g)", data.iloc[:50], **QUIET)
    read = []
    from partialpool.marginal.gaussian import accumulated

    collect = accumulated.collect_moments
    monkeypatch.setattr(accumulated, "collect_moments", lambda d, u: read.append(d.n_rows) or collect(d, u))
    second = fit.update(data.iloc[50:70], seed=1, progressbar=False)
    second.update(data.iloc[70:], seed=1, progressbar=False)
    assert read == [20, 20]


def test_a_loaded_fit_is_updated_to_the_same_draws_and_keeps_its_priors(tmp_path):
    data = table()
    fit = pp.fit("y ~ x + (1 + x | g)", data.iloc[:50], **QUIET)
    whole = fit.update(data.iloc[50:70], seed=2, progressbar=False).update(data.iloc[70:], seed=3, progressbar=False)
    assert whole.priors is fit.priors
    loaded = pp.load_fit(whole.save(tmp_path / "fit.nc"))
    assert loaded.priors.entries == fit.priors.entries
    assert loaded.design.factors[0].levels.labels == whole.design.factors[0].levels.labels
    np.testing.assert_array_equal(loaded.design.common.center, fit.design.common.center)
    assert "priors were scaled to the first 50 rows" in str(loaded)
    assert list(map(list, loaded.run.batches)) == [[50, 50], [20, 20], [20, 20]]
    more = table(seed=8).iloc[:30]
    one, other = (f.update(more, seed=4, progressbar=False) for f in (whole, loaded))
    for name in ("beta", "sd_g", "sigma"):
        np.testing.assert_allclose(
            one.posterior[name].mean(), other.posterior[name].mean(), atol=0.2 * float(one.posterior[name].std())
        )


def test_questions_work_on_an_updated_fit(tmp_path):
    data = table()
    fit = pp.fit("y ~ x + (1 | g)", data.iloc[:50], **QUIET).update(data.iloc[50:], seed=1, progressbar=False)
    assert pp.predict(fit).sizes["obs"] == 90
    assert pp.predict(fit, data.iloc[-3:]).sizes["obs"] == 3
    assert 0 < float(pp.icc(fit)["icc"].mean()) < 1
    assert pp.group_effects(fit).sizes["level"] == 9
    assert str(pp.check(fit, seed=1))
    page = pp.report(fit, tmp_path / "report.html")
    assert "priors were scaled to the first 50 rows" in page.read_text(encoding="utf-8")


def test_other_families_are_refitted_under_the_first_priors():
    data = table()
    fit = pp.fit("count ~ x + (1 | g)", data.iloc[:50], family="poisson", **QUIET)
    more = fit.update(data.iloc[50:], seed=1, progressbar=False)
    assert more.priors is fit.priors
    assert more.run.engine == "nuts"
    assert more.design.n_rows == 90
    assert more.design.common.center == fit.design.common.center


def test_a_constant_batch_is_welcome():
    data = table()
    fit = pp.fit("y ~ x + (1 | g)", data.iloc[:50], **QUIET)
    same = data.iloc[50:55].assign(y=14.0)
    assert fit.update(same, seed=1, progressbar=False).design.response.values[-5:].tolist() == [14.0] * 5


def test_series_that_keep_their_unit_of_time_are_extended():
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"s": np.repeat(np.arange(20), 6), "t": np.tile(np.arange(6), 20), "y": rng.normal(size=120)})
    fit = pp.fit("y ~ t + ar(t, gr=s)", data[data["t"] < 4], **QUIET)
    more = fit.update(data[data["t"] >= 4], seed=1, progressbar=False)
    assert more.design.residual.series.sizes.tolist() == [6] * 20
    with pytest.raises(pp.DataError, match="the new rows change what a parameter of the residuals means"):
        fit.update(pd.DataFrame({"s": [0], "t": [4.5], "y": [0.0]}), seed=1, progressbar=False)


DATA = table()
WRONG = {
    "no column": ("y ~ x + (1 | g)", {}, lambda d: d.drop(columns="x"), "the table has no column 'x'", "fit|correct"),
    "category": ("y ~ arm + (1 | g)", {}, lambda d: d.assign(arm="c"), "arm", "'?a'?, '?b'?"),
    "support": (
        "count ~ x + (1 | g)",
        {"family": "poisson"},
        lambda d: d.assign(count=-1),
        "negative counts",
        "0, 1, 2",
    ),
    "text": ("y ~ x + (1 | g)", {}, lambda d: d.assign(y="high"), "text", "numbers"),
    "scale": ("scale(y) ~ x + (1 | g)", {}, lambda d: d, "cannot be computed for new rows alone", "row by row"),
    "icc": (
        "y | precision(w) ~ x + (1 | g)",
        {"priors": {"icc": {"distribution": "Beta", "alpha": 1, "beta": 1}}},
        lambda d: d,
        "would mean something else",
        "pp.fit",
    ),
    "empty": ("y ~ x + (1 | g)", {}, lambda d: d.iloc[:0], "the table is empty", "one row or more"),
    "no table": ("y ~ x + (1 | g)", {}, lambda d: 3, "this is not a table", "pandas"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_uses_say_what_to_do(wrong):
    formula, more, change, message, allowed = WRONG[wrong]
    fit = pp.fit(formula, DATA.iloc[:60], **more, **QUIET)
    with pytest.raises(pp.DataError, match=message) as caught:
        fit.update(change(DATA.iloc[60:]), seed=1, progressbar=False)
    assert pd.Series([str(caught.value)]).str.contains(allowed).all()


@pytest.mark.filterwarnings("ignore::partialpool.DataWarning")
def test_rows_that_identify_a_column_that_was_left_out_are_refused():
    data = table().assign(sex=lambda d: np.where(d["x"] > 20, "f", "m"))
    first = data[(data["arm"] == "a") | (data["sex"] == "f")]
    fit = pp.fit("y ~ arm * sex + (1 | g)", first, **QUIET)
    with pytest.raises(pp.DataError, match="the new rows identify columns that were left out") as caught:
        fit.update(data[(data["arm"] == "b") & (data["sex"] == "m")], seed=1, progressbar=False)
    assert "fit all rows together with pp.fit" in str(caught.value)


def test_related_levels_and_categories_of_the_response_cannot_be_new():
    data = table()
    names = [f"g{k}" for k in range(9)]
    kinship = pd.DataFrame(0.5 * np.eye(9) + 0.5, index=names, columns=names)
    fit = pp.fit("y ~ x + (1 | g)", data.iloc[:50], cov={"g": kinship}, **QUIET)
    with pytest.raises(pp.DataError, match="related levels of 'g' cannot be added to a fit"):
        fit.update(data.iloc[50:], seed=1, progressbar=False)
    ordinal = data.assign(grade=1 + np.arange(90) % 3)
    fit = pp.fit("grade ~ x + (1 | g)", ordinal.iloc[:50], family="cumulative", **QUIET)
    with pytest.raises(pp.DataError, match="has categories that the first rows do not have") as caught:
        fit.update(ordinal.iloc[50:].assign(grade=7), seed=1, progressbar=False)
    assert "'1'" in str(caught.value) or "1, 2, 3" in str(caught.value)
