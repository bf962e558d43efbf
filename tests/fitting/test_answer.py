"""What an answer prints: a table of estimates, whatever was selected from it, and xarray's own form of the rest."""

import pickle

import numpy as np
import pytest
import xarray as xr

import partialpool as pp
from partialpool.fitting.answer import Answer
from partialpool.fitting.tidy_rows import with_row_names

DATA = pp.load_dataset("sleepstudy")


@pytest.fixture(scope="module")
def fit():
    return pp.fit("Reaction ~ Days + (Days | Subject)", DATA, seed=1, draws=200, progressbar=False)


def answer_of(*draws, **coords):
    """Draws of two quantities, all equal to the numbers that are given."""
    values = np.broadcast_to(np.array(draws, float), (2, 50, len(draws)))
    values = values + np.linspace(-1, 1, 100).reshape(2, 50, 1)
    return Answer(
        {"size": (("chain", "draw", "plot"), values)}, coords={"plot": list("abcdefg"[: len(draws)]), **coords}
    )


def test_draws_print_as_a_table_of_estimates():
    rows = str(answer_of(10, 20)).splitlines()
    assert rows[0].split() == ["term", "plot", "mean", "sd", "2.5%", "97.5%"]
    sd = np.linspace(-1, 1, 100).std(ddof=1)
    assert rows[1].split() == ["size", "a", "10.00", f"{sd:.2f}", "9.05", "10.95"]
    assert rows[2].split()[:3] == ["size", "b", "20.00"]
    assert rows[3] == "xarray.Dataset of chain 2, draw 50, plot 2"


def test_long_answers_print_their_first_rows_and_count_the_others():
    values = np.zeros((1, 2, 30, 40)) + np.arange(1200).reshape(30, 40)
    answer = Answer({"y": (("chain", "draw", "a", "b"), values)}, coords={"a": range(30), "b": range(40)})
    lines = str(answer).splitlines()
    assert [line.split()[1:4] for line in lines[1:21]] == [["0", str(k), str(k)] for k in range(20)]
    assert lines[21] == "1180 more: pp.to_frame(answer) has all of them"


def test_what_has_no_draws_prints_its_numbers_or_is_named():
    answer = answer_of(1).assign(p=0.25, n=("plot", [3]), rows=("obs", np.arange(30)))
    answer.attrs["sentence"] = "The plots differ."
    text = str(answer)
    assert " p\n 0.25" in text
    assert " plot  n\n a     3" in text
    assert text.splitlines()[-3:] == [
        "also rows, by obs 30", "The plots differ.", "xarray.Dataset of chain 2, draw 50, plot 1, obs 30",
    ]  # fmt: skip
    assert str(answer[["rows"]]).splitlines()[-3] == "10 more: answer.to_dataframe() has all of them"


def test_what_is_selected_or_computed_prints_too():
    answer = answer_of(1, 2)
    for part in (answer.isel(plot=0), answer.mean(("chain", "draw")), answer.isel(plot=[]), answer.drop_vars("size")):
        assert isinstance(part, Answer)
        assert "xarray.Dataset" in str(part)
        assert "xarray.Dataset" in part._repr_html_()


def test_it_stays_a_dataset(tmp_path):
    answer = answer_of(1, 2)
    assert isinstance(answer, xr.Dataset)
    again = pickle.loads(pickle.dumps(answer))
    xr.testing.assert_identical(again, answer)
    answer.to_netcdf(tmp_path / "answer.nc", engine="h5netcdf")
    xr.testing.assert_equal(Answer.of(xr.load_dataset(tmp_path / "answer.nc", engine="h5netcdf")), answer)


def test_labels_are_escaped_in_html():
    assert "<b>" not in answer_of(1).assign_coords(plot=["<b>"])._repr_html_().replace("<p><b>", "")


def test_every_answer_prints_as_a_table(fit):
    answers = [
        pp.icc(fit), pp.group_effects(fit), pp.design_effect(fit), pp.naive_errors(fit), pp.shrinkage(fit),
        pp.singularity(fit), pp.variance_components(fit), pp.recenter(fit), pp.variance_function(fit, {"Days": [0, 9]}),
        pp.predict(fit, seed=1), pp.quantile_residuals(fit, seed=1), pp.residual_trends(fit, "Days", seed=1),
        pp.average_effect(fit, "Days"), pp.level_lines(fit, "Days"), pp.level_effects(fit, "Days"),
        pp.level_ranks(fit, "Days"), pp.log_prior(fit), pp.log_likelihood(fit), pp.posterior_predictive(fit, seed=1),
        pp.adjusted_means(fit, "Days", at={"Days": [0, 9]}),
        pp.contrast(pp.level_effects(fit, "Days").isel(level=[0, 1]), "level"),
        pp.level_statistics(fit, seed=1), pp.posterior_checks(fit, seed=1),
        pp.prior_predictive("Reaction ~ Days + (Days | Subject)", DATA, draws=50, seed=1),
    ]  # fmt: skip
    for answer in answers:
        text = str(answer)
        assert "Dimensions:" not in text
        assert "Group:" not in text
        assert len(text.splitlines()) < 70
        assert "<table>" in answer._repr_html_()


def test_posterior_checks_print_each_statistic(fit):
    checks = pp.posterior_checks(fit, seed=1)
    found = checks["checks"].to_dataset()
    lines = str(checks).splitlines()
    assert lines[0] == "Reaction, gaussian: statistics of the data and of new responses"
    assert lines[1].split() == ["statistic", "data", "new", "p"]
    assert [line.split()[0] for line in lines[2:-1]] == found["statistic"].values.tolist()
    spread = found.sel(statistic="spread")
    expected = [f"{float(spread[name].mean()):.3g}" for name in ("data", "new")] + [f"{float(spread['p_value']):.3f}"]
    assert lines[4].split() == ["spread", *expected]
    assert "Dimensions" in str(checks["checks"])


def test_level_statistics_print_the_data_beside_new_responses(fit):
    statistics = pp.level_statistics(fit, seed=1)
    line = str(statistics).splitlines()[2].split()
    low, high = statistics["posterior_predictive"]["mean"].sel(level="308").quantile([0.025, 0.975]).values
    assert line == ["mean", "308", f"{DATA[DATA.Subject == '308'].Reaction.mean():.3g}", f"{low:.3g}", f"{high:.3g}"]


def test_a_tidy_frame_of_an_answer_with_a_dimension_named_term(fit):
    frame = pp.to_frame(pp.singularity(fit)["contribution"])
    assert frame.columns.tolist()[:2] == ["term", "term_column"]
    assert frame["term_column"].tolist() == ["Subject: Intercept", "Subject: Days"]


def rows_of(columns):
    columns = {name: ("obs", values) for name, values in columns.items()}
    n = len(next(iter(columns.values()))[1]) if columns else 2
    return xr.Dataset({"y": ("obs", np.zeros(n))}, {"obs": range(n), **columns})


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ({"Days": [0.0, 9.5], "site": ["a", "a"]}, ["Days=0", "Days=9.5"]),
        ({"Days": [0, 9], "site": ["a", "b"]}, ["Days=0, site=a", "Days=9, site=b"]),
        ({"Days": [4], "site": ["a"]}, ["Days=4, site=a"]),
        ({"Days": [1, 1, 2]}, ["0: Days=1", "1: Days=1", "2: Days=2"]),
        ({"Days": [1, 2], "unobserved_cell": [False, True]}, ["Days=1", "Days=2"]),
        ({}, [0, 1]),
    ],
)
def test_rows_are_called_by_their_predictors(columns, names):
    assert with_row_names(rows_of(columns))["obs"].to_numpy().tolist() == names


def test_the_summary_of_predictions_has_the_names_of_their_rows(fit):
    rows = pp.predict(fit, {"Days": [0, 9], "Subject": ["308", "309"]}, seed=1)
    assert pp.summary(rows["expectation"]).index.tolist() == [
        "expectation[Days=0, Subject=308]", "expectation[Days=9, Subject=309]",
    ]  # fmt: skip
