"""Pictures of studies over priors: rows, panels by family from narrow to wide, fits that failed or are doubtful."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from scipy import stats

import partialpool as pp
from partialpool.tabulate import number

SCHOOLS = "effect ~ 1 + (1 | school)"
QUICK = {"se": "standard_error", "seed": 1, "jobs": 1, "draws": 500, "progressbar": False}


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def schools():
    return pp.load_dataset("eight_schools")


@pytest.fixture(scope="module")
def study(schools):
    scales = [pp.Prior("HalfNormal", sigma=s) for s in (2, 10, 50)]
    return pp.prior_grid(SCHOOLS, schools, {"sd_school": scales}, **QUICK)


@pytest.fixture(scope="module")
def families(schools):
    """Two families, their scales in no order."""
    priors = [
        *(pp.Prior("HalfNormal", sigma=s) for s in (10, 2)), *(pp.Prior("Exponential", lam=r) for r in (0.02, 0.5)),
    ]  # fmt: skip
    return pp.prior_grid(SCHOOLS, schools, {"sd_school": priors}, **QUICK)


def rows(axes):
    return [text.get_text() for text in axes.get_yticklabels()]


def medians(axes):
    (marks,) = [line for line in axes.lines if line.get_marker() == "o"]
    return marks.get_xdata()


def test_one_family_is_a_row_per_prior(study):
    (axes,) = pp.plot_prior_grid(study, "sd_school[Intercept]", unit="points").axes
    assert axes.get_xlabel() == "sd_school[Intercept] (points)"
    assert rows(axes) == study["prior"].to_numpy().tolist()
    assert medians(axes) == pytest.approx(study["sd_school[Intercept]"].median(("chain", "draw")).to_numpy())
    assert len(axes.collections) == 3  # 95 %, 50 %, prior
    assert -0.5 < axes.get_xlim()[0] <= 0  # an sd is never below 0
    (plain,) = pp.plot_prior_grid(study, "icc[school]").axes
    assert len(plain.collections) == 2


def test_the_unit_is_that_of_the_table_and_numbers_beyond_the_edge_have_minus_signs():
    table = pp.load_dataset("eight_schools")
    priors = [pp.Prior("Normal", mu=0, sigma=s) for s in (1, 1000)]
    study = pp.prior_grid(SCHOOLS, table, {"beta[Intercept]": priors}, **QUICK)
    (axes,) = pp.plot_prior_grid(study, "beta[Intercept]").axes
    assert axes.get_xlabel() == "beta[Intercept] (SAT points)"
    assert [text.get_text() for text in axes.texts] == ["to \N{MINUS SIGN}1960", "to 1960"]
    (plain,) = pp.plot_prior_grid(study, "icc[school]").axes
    assert plain.get_xlabel() == "icc[school]"


def test_families_have_panels_from_narrow_to_wide(families):
    figure = pp.plot_prior_grid(families, "icc[school]")
    assert figure.get_suptitle() == "effect: icc[school] under 4 priors of sd_school"
    first, second = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["HalfNormal", "Exponential"]
    assert rows(first) == ["sigma=2", "sigma=10"]
    assert rows(second) == ["lam=0.5", "lam=0.02"]
    middle = families["icc[school]"].median(("chain", "draw")).to_numpy()
    assert medians(first) == pytest.approx(middle[[1, 0]])
    assert medians(second) == pytest.approx(middle[[3, 2]])
    assert first.get_xlim() == second.get_xlim()


def test_priors_that_vary_together_are_told_by_one(sleepstudy):
    """The study of `sensitivity_report`: all sds at once; the answer's own prior names the rows."""
    combinations = [
        {"sd_Subject[Intercept]": make(s), "sd_Subject[Days]": make(s / 4)}
        for s in (20, 80)
        for make in (lambda s: pp.Prior("HalfNormal", sigma=s), lambda s: pp.Prior("HalfCauchy", beta=s))
    ]
    options = {"seed": 1, "jobs": 1, "draws": 500, "progressbar": False}
    found = pp.prior_grid("Reaction ~ Days + (Days | Subject)", sleepstudy, combinations, **options)
    figure = pp.plot_prior_grid(found, "sd_Subject[Days]", unit="ms/day")
    assert [rows(axes) for axes in figure.axes] == [["sigma=5", "sigma=20"], ["beta=5", "beta=20"]]
    heading = "Reaction: sd_Subject[Days] under 4 priors of sd_Subject[Days] and, in step, others"
    assert figure.get_suptitle().replace("\n", " ") == heading
    other = pp.plot_prior_grid(found, "icc[Subject]").axes
    assert rows(other[0]) == ["sigma=20", "sigma=80"]


def test_crossed_priors_say_both_and_are_no_course(families):
    """Rows that one prior does not tell apart name all that vary, and their medians are not joined."""
    doubled = xr.concat([families, families], "prior", data_vars="different", coords="different", compat="equals")
    more = ["Normal(mu=0, sigma=1)"] * 4 + ["Normal(mu=0, sigma=9)"] * 4
    doubled = doubled.assign_coords({"prior_of_beta": ("prior", more)})
    figure = pp.plot_prior_grid(doubled, "icc[school]")
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "sd_school ~ HalfNormal, beta ~ Normal", "sd_school ~ Exponential, beta ~ Normal",
    ]  # fmt: skip
    assert rows(figure.axes[0])[0] == "sd_school: sigma=2; beta: mu=0, sigma=1"
    assert (
        len([line for line in figure.axes[0].lines if line.get_linestyle() == "-" and line.get_marker() == "None"]) == 0
    )


def test_rows_of_several_priors_show_each_of_them_whole(study):
    """Nine combinations of two priors would otherwise differ in what is left out."""
    first, second = (
        "beta[a_long_predictor] ~ Normal(mu=0, sigma=0.5)",
        "sd_school[a_long_predictor] ~ HalfNormal(sigma=2)",
    )
    both = study.assign_coords(prior=[f"{first}; {second}", "short ~ Normal(mu=0, sigma=1); beta ~ Flat()", "one"])
    figure = pp.plot_prior_grid(both, "icc[school]")
    assert rows(figure.axes[0]) == [f"{first}\n{second}", "short ~ Normal(mu=0, sigma=1); beta ~ Flat()", "one"]
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].get_yticklabels()]
    assert all(upper.y0 > lower.y1 for upper, lower in pairwise(boxes))
    assert min(box.x0 for box in boxes) >= 0


def test_failed_and_doubtful_fits_are_marked(families):
    spoilt = families.copy(deep=True)
    spoilt["icc[school]"][0] = np.nan
    spoilt["good"][[0, 3]] = False
    first, second = pp.plot_prior_grid(spoilt, "icc[school]").axes
    assert [text.get_text() for text in first.texts] == ["no fit"]
    assert len(medians(first)) == 1
    assert [line.get_label() for line in second.lines if line.get_marker() == "X"] == ["diagnostics not good"]
    assert not [line for line in first.lines if line.get_marker() == "X"]  # what failed is not doubtful as well
    (alone,) = pp.plot_prior_grid(spoilt.isel(prior=[0]), "icc[school]").axes
    assert [text.get_text() for text in alone.texts] == ["no fit"]


def test_a_study_from_a_file_is_drawn_as_well(families, tmp_path):
    families.to_netcdf(tmp_path / "study.nc", engine="h5netcdf")
    read = xr.load_dataset(tmp_path / "study.nc", engine="h5netcdf")
    drawn, again = (pp.plot_prior_grid(one, "sd_school[Intercept]") for one in (families, read))
    assert [rows(axes) for axes in again.axes] == [rows(axes) for axes in drawn.axes]


def test_an_answer_that_is_one_number_has_an_axis_all_the_same(study):
    flat = study.assign(flat=study["icc[school]"] * 0)
    (axes,) = pp.plot_prior_grid(flat, "flat").axes
    assert axes.get_xlim()[0] < 0 < axes.get_xlim()[1]


def test_the_power_scaling_picture(schools):
    fit = pp.fit(SCHOOLS, schools, se="standard_error", seed=1, progressbar=False)
    scaling = pp.power_scale(fit)
    (axes,) = pp.plot_power_scale(scaling).axes
    assert rows(axes) == ["beta[Intercept]", "sd_school[Intercept]", "icc[school]"]
    # Bars of two Monte Carlo standard errors to each side, of all priors and of the likelihood.
    bars = [container.lines[2][0].get_segments() for container in axes.containers]
    assert len(bars) == 2
    for name, segments in zip(("prior", "likelihood"), bars, strict=True):
        widths = [end[0] - start[0] for start, end in segments]
        assert widths == pytest.approx(4 * scaling.errors[name].to_numpy())


def test_what_cannot_be_drawn_is_refused(study):
    with pytest.raises(pp.DataError, match="does not include this answer"):
        pp.plot_prior_grid(study, "icc")
    many = study.isel(prior=[0] * 61)
    with pytest.raises(pp.DataError, match="too many priors for one figure"):
        pp.plot_prior_grid(many, "icc[school]")


def test_priors_that_leave_the_picture_end_in_arrowheads_and_shares_have_the_whole_axis():
    """The wide prior's 95 % quantile lies far outside; the narrow one's does not."""
    schools = pp.load_dataset("eight_schools")
    priors = {"sd_school": [pp.Prior("HalfNormal", sigma=2), pp.Prior("HalfNormal", sigma=200)]}
    options = {"se": "standard_error", "seed": 1, "progressbar": False}
    study = pp.prior_grid("effect ~ 1 + (1 | school)", schools, priors, **options)
    (axes,) = pp.plot_prior_grid(study, "sd_school[Intercept]", unit="points").axes
    heads = {line.get_marker(): line for line in axes.get_lines() if line.get_marker() in ("<", ">")}
    np.testing.assert_allclose(heads[">"].get_xydata(), [[axes.get_xlim()[1], 0.7]])
    assert "<" not in heads
    told = [text.get_text() for text in axes.texts]
    assert told == [f"to {number(stats.halfnorm.ppf(0.975, scale=200))}"]
    narrow = study["prior_sd_school[Intercept]"].sel(level=0.975).to_numpy()[0]
    assert axes.get_xlim()[1] > narrow
    axes.figure.canvas.draw()  # a layout that collapses warns
    # An effect that is never below zero is no sd: it has its own range.
    far = study.assign({"beta[Intercept]": study["beta[Intercept]"] + 1000})
    (axes,) = pp.plot_prior_grid(far, "beta[Intercept]").axes
    assert axes.get_xlim()[0] > 900
    (axes,) = pp.plot_prior_grid(study, "icc[school]").axes
    assert axes.get_xlim() == (-0.005, 1.005)
