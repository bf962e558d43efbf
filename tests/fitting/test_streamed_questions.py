"""Questions to fits of tables that are read in batches: the answers are those of the table in memory, or refused."""

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.streamed import table, write
from partialpool.design.streamed.read_batch import ReadBatch

FORMULAS = {
    "two factors": "y ~ x + arm + (1 + x | g) + (1 | h)",
    "all categories": "y ~ 0 + arm + x + offset(w) + (1 + x | g)",
    "slopes alone": "y ~ x + (0 + x | g) + (1 | h)",
    "far from zero": "y ~ year + (1 + year | g)",
}
NEW = pd.DataFrame(
    {"x": [1.0, 4, 7], "arm": ["low", "high", "low"], "g": ["s1", "s2", "s1"], "h": [101, 102, 101], "w": [1.0, 2, 3]}
).assign(year=2001)
ANSWERS = {
    "icc": pp.icc,
    "icc at": lambda fit: pp.icc(fit, at={"year" if "year" in str(fit.spec) else "x": [1.0, 5.0]}),
    "variance_components": pp.variance_components,
    "group_effects": lambda fit: pp.group_effects(fit, "g"),
    "shrinkage": lambda fit: pp.shrinkage(fit, "g"),
    "level_effects": lambda fit: pp.level_effects(fit, fit.design.factors[0].names[-1], factor="g"),
    "level_ranks": lambda fit: pp.level_ranks(fit, fit.design.factors[0].names[-1], factor="g"),
    "predict": lambda fit: pp.predict(fit, NEW, seed=1),
    "predict new levels": lambda fit: pp.predict(fit, NEW.assign(g="new"), seed=1, new_levels="sample"),
    "summary": lambda fit: fit.digest.frame[["mean", "sd", "median"]].to_xarray(),
    "log_prior": pp.log_prior,
    "naive_errors": pp.naive_errors,
    "recenter": lambda fit: pp.recenter(fit, factor="g"),
    "datagrid": lambda fit: pp.datagrid(fit).to_xarray(),
}


@pytest.fixture(scope="module", params=FORMULAS)
def fits(request, tmp_path_factory):
    frame = table(rows=500)
    path = write(frame, tmp_path_factory.mktemp("table"), files=2)
    with np.errstate(all="raise"):
        return [pp.fit(FORMULAS[request.param], data, seed=3, draws=150, progressbar=False) for data in (frame, path)]


def assert_same(found, expected):
    assert set(found.data_vars) == set(expected.data_vars)
    for name, values in expected.data_vars.items():
        assert found[name].dims == values.dims
        if values.dtype.kind in "fi":
            size = float(np.nanmax(np.abs(values.to_numpy()), initial=1e-300))
            np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-5 * size, err_msg=str(name))
        else:
            assert values.equals(found[name])
    for name, coordinate in expected.coords.items():
        assert coordinate.equals(found.coords[name]) or np.allclose(coordinate, found.coords[name])
    assert {k: v for k, v in found.attrs.items() if isinstance(v, str)} == {
        k: v for k, v in expected.attrs.items() if isinstance(v, str)
    }


def answer_or_error(question, fit):
    try:
        return ANSWERS[question](fit)
    except pp.DataError as error:
        return str(error)


@pytest.mark.parametrize("question", ANSWERS)
def test_answers_are_those_of_the_table_in_memory(question, fits):
    whole, streamed = fits
    expected, found = answer_or_error(question, whole), answer_or_error(question, streamed)
    if isinstance(expected, str):
        assert question == "recenter"
        assert found == expected
        return
    if question == "shrinkage" and ("offset" in str(whole.spec) or "0 + x |" in str(whole.spec)):
        assert np.isnan(found["own_mean"]).all()  # the sums of a level's responses are not kept
        found, expected = found.drop_vars("own_mean"), expected.drop_vars("own_mean")
    assert_same(found, expected)


REFUSED = {
    "log_likelihood": pp.log_likelihood,
    "posterior_predictive": pp.posterior_predictive,
    "posterior_checks": pp.posterior_checks,
    "quantile_residuals": pp.quantile_residuals,
    "residual_trends": lambda fit: pp.residual_trends(fit, "x", factor="g"),
    "level_statistics": lambda fit: pp.level_statistics(fit, "g"),
    "level_lines": lambda fit: pp.level_lines(fit, "x", factor="g"),
    "power_scale": pp.power_scale,
    "average_effect": lambda fit: pp.average_effect(fit, "x"),
    "design_effect": pp.design_effect,
    "check": pp.check,
    "singularity": pp.singularity,
    "predict own rows": pp.predict,
    "to_datatree": pp.to_datatree,
    "update": lambda fit: fit.update(table(rows=20)),
}


@pytest.fixture(scope="module")
def streamed(tmp_path_factory):
    path = write(table(rows=500), tmp_path_factory.mktemp("table"))
    return pp.fit(FORMULAS["two factors"], path, seed=3, draws=150, progressbar=False)


@pytest.mark.parametrize("question", REFUSED)
def test_questions_about_rows_are_refused(question, streamed):
    with pytest.raises(pp.DataError) as caught:
        REFUSED[question](streamed)
    told = str(caught.value)
    assert "this needs the rows of the table, which a fit of a table that is read in batches does not keep" in told
    assert "the Parquet file" in told
    assert "pp.variance_components" in told
    assert "fit a random sample of the rows that fits into memory" in told


def test_coefficients_of_levels_that_depend_on_where_the_rows_are(tmp_path):
    fit = pp.fit(
        "y ~ x + I(x**2) + (1 + x | g)", write(table(rows=300), tmp_path), seed=1, draws=100, progressbar=False
    )
    with pytest.raises(pp.DataError) as caught:
        pp.level_effects(fit, "x")
    told = str(caught.value)
    assert "a level's coefficients depend on where its rows are" in told
    assert "such as a square" in told
    assert "combinations of the effects that vary" in told
    assert "let the square vary too" in told


def test_fits_are_not_saved(streamed, tmp_path):
    with pytest.raises(pp.FileError) as caught:
        streamed.save(tmp_path / "fit.nc")
    assert "cannot be saved" in str(caught.value)
    assert "fit.tree.to_netcdf(path)" in str(caught.value)
    streamed.tree.to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
    with pytest.raises(pp.FileError) as caught:
        pp.load_fit(tmp_path / "fit.nc")
    assert "cannot be rebuilt from a file" in str(caught.value)
    assert "arviz.from_netcdf" in str(caught.value)


def test_report_says_what_it_lacks(streamed, tmp_path):
    page = pp.report(streamed, tmp_path / "report.html").read_text()
    assert "500 rows" in page
    assert "this needs the rows of the table" in page


def test_priors_without_a_fit(tmp_path):
    frame = table()
    listed = pp.priors("y ~ x + (1 + x | g)", write(frame, tmp_path))
    assert str(listed) == str(pp.priors("y ~ x + (1 + x | g)", frame))


def test_summary_says_what_was_read(streamed):
    assert "500 rows; g 12 levels; h 9 levels" in str(streamed)
    assert streamed.run.reason == "group effects integrate out exactly; rows are read in batches"


def test_adjusted_means_are_those_of_the_table_in_memory(streamed):
    whole = pp.fit(FORMULAS["two factors"], table(rows=500), seed=3, draws=150, progressbar=False)
    assert_same(pp.adjusted_means(streamed, "arm"), pp.adjusted_means(whole, "arm"))


def test_comparisons_of_rows_are_refused(streamed):
    with pytest.raises(pp.DataError, match="this needs the rows of the table"):
        pp.compare({"a": streamed, "b": streamed}, progressbar=False)


def test_predictions_along_a_predictor_are_drawn(streamed):
    axes = pp.plot_predictions(streamed, "x").axes[0]
    assert axes.get_xlabel() == "x"


def test_levels_of_a_table_that_is_sorted_by_the_slope(tmp_path):
    """The first rows have one time: what a level's line is does not follow from them alone."""
    rng, people, times = np.random.default_rng(0), 600, 5
    g, time = np.tile(np.arange(people), times) % 60, np.repeat(np.arange(times), people).astype(float)
    b = rng.normal(size=(60, 2))
    frame = pd.DataFrame(
        {"g": g, "time": time, "y": 10 + 3 * time + b[g, 0] + b[g, 1] * time + rng.normal(size=len(g))}
    )
    kinds = (frame, write(frame, tmp_path))
    whole, parts = (pp.fit("y ~ time + (time | g)", one, seed=1, draws=100, progressbar=False) for one in kinds)
    for question in (lambda fit: pp.level_effects(fit, "time", factor="g"), lambda fit: pp.shrinkage(fit, "g")):
        assert_same(question(parts), question(whole))


def test_values_that_do_not_determine_a_line_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("partialpool.design.streamed.survey_part._examples", one_row_of_ones)
    fit = pp.fit("y ~ x + (1 + x | g)", write(table(rows=300), tmp_path), seed=1, draws=50, progressbar=False)
    with pytest.raises(pp.DataError, match="not determined by the rows that were kept"):
        pp.level_effects(fit, "x", factor="g")


def one_row_of_ones(read, *_):
    numbers = {name: np.ones_like(values[:1]) for name, values in read.numbers.items()}
    return ReadBatch(numbers, {name: values[:1] for name, values in read.codes.items()}, {}, 1)
