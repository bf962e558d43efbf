"""Draws of some levels and summaries of all are those of a fit that keeps the draws of all levels."""

import os
import signal

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import partialpool as pp
from checks.refusals import check_refused
from partialpool import memory
from partialpool.marginal.gaussian import block_factors, recover
from partialpool.marginal.gaussian.marginal import Marginal
from partialpool.progress import ProgressLine
from partialpool.sampling import gibbs

SLOPES = "Reaction ~ Days + (Days | Subject)"
QUIET = {"seed": 1, "progressbar": False}
LEVELS = ["335", "308"]


@pytest.fixture(scope="module")
def whole(sleepstudy):
    return pp.fit(SLOPES, sleepstudy, **QUIET)


@pytest.fixture(scope="module")
def some(sleepstudy):
    return pp.fit(SLOPES, sleepstudy, keep_levels=LEVELS, **QUIET)


def check_same(some, whole, factor, levels):
    """Compare the draws that both have, and the summaries with the draws of the fit that has all."""
    for name, values in some.posterior.items():
        np.testing.assert_array_equal(values, whole.posterior[name])
    every = whole.posterior[f"b_{factor}"]
    kept = pp.group_effects(some, factor)["effects"]
    assert kept["level"].values.tolist() == sorted(levels)
    np.testing.assert_allclose(kept, every.sel({factor: sorted(levels)}), rtol=1e-12, atol=1e-12)
    found = some.level_summaries[f"b_{factor}"]
    np.testing.assert_array_equal(found[factor], every[factor])
    draws = every.to_numpy().reshape(-1, *every.shape[2:])
    sd = draws.std(axis=0, ddof=1)
    np.testing.assert_allclose(found.sel(statistic="sd"), sd, rtol=1e-9)
    np.testing.assert_allclose(found.sel(statistic="mean") / sd, draws.mean(axis=0) / sd, atol=1e-9)
    # Within a bin, a fifth of an sd wide, ranks are off by a Brownian bridge: its sd is up to sqrt(m) / 2 for m draws.
    for name in ("2.5%", "25%", "50%", "75%", "97.5%"):
        p = float(name.rstrip("%")) / 100
        below = (draws <= found.sel(statistic=name).to_numpy()).mean(axis=0)
        in_bin = len(draws) * stats.norm.pdf(stats.norm.ppf(p)) / 5
        assert np.abs(below - p).max() < (4 * np.sqrt(in_bin) / 2 + 1) / len(draws) + 0.001


def test_draws_and_summaries_are_those_of_all_draws(some, whole):
    check_same(some, whole, "Subject", LEVELS)


@pytest.mark.thorough
@pytest.mark.parametrize("cores", [1, 2])
def test_the_same_where_a_density_is_dear_and_batches_are_small(sleepstudy, monkeypatch, cores):
    """Effects are then drawn for every candidate; here in batches of seven draws."""
    monkeypatch.setattr(Marginal, "is_cheap", property(lambda self: False))
    table = sleepstudy.assign(block=np.arange(len(sleepstudy)) % 7)
    formula = "Reaction ~ Days + (Days | Subject) + (1 | block)"
    whole = pp.fit(formula, table, cores=cores, draws=500, **QUIET)
    monkeypatch.setattr(recover, "_NUMBERS_AT_ONCE", 7 * 45)
    some = pp.fit(formula, table, cores=cores, draws=500, keep_levels={"Subject": LEVELS}, **QUIET)
    check_same(some, whole, "Subject", LEVELS)
    np.testing.assert_allclose(some.posterior["b_block"], whole.posterior["b_block"], rtol=1e-12, atol=1e-12)


def test_few_draws_have_summaries_too(sleepstudy):
    options = {"draws": 3, "chains": 2, **QUIET}
    some, whole = (pp.fit(SLOPES, sleepstudy, keep_levels=k, **options) for k in (["308"], None))
    found, draws = some.level_summaries["b_Subject"], whole.posterior["b_Subject"].to_numpy().reshape(6, 18, 2)
    np.testing.assert_allclose(found.sel(statistic="mean"), draws.mean(axis=0), rtol=1e-9, atol=1e-9)
    assert (found.sel(statistic="2.5%") >= draws.min(axis=0) - 1e-9).all()
    assert (found.sel(statistic="97.5%") <= draws.max(axis=0) + 1e-9).all()


def test_questions_that_do_not_need_all_levels(some, whole):
    np.testing.assert_allclose(pp.icc(some)["icc"], pp.icc(whole)["icc"])
    assert pp.summary(some).frame.equals(pp.summary(whole).frame)
    mine, theirs = pp.variance_components(some), pp.variance_components(whole)
    for name in mine:
        np.testing.assert_allclose(mine[name], theirs[name])
    slopes, all_slopes = pp.level_effects(some, "Days"), pp.level_effects(whole, "Days")
    assert slopes["level"].values.tolist() == ["308", "335"]
    for name in ("effect", "above"):
        np.testing.assert_allclose(slopes[name], all_slopes[name].sel(level=["308", "335"]), rtol=1e-12)


def test_other_levels_are_drawn_on_demand(some, whole):
    other = some.draw_levels(["309", "372"])
    check_same(other, whole, "Subject", ["309", "372"])
    assert some.run.seconds == other.run.seconds
    with pytest.raises(pp.DataError, match="this fit has the draws of all levels"):
        whole.draw_levels(["309"])


def test_without_a_seed_there_is_one(sleepstudy):
    fit = pp.fit(SLOPES, sleepstudy, keep_levels=[], draws=200, progressbar=False)
    assert fit.run.settings["seed"] is not None
    assert pp.group_effects(fit.draw_levels(["308"]))["effects"].sizes["level"] == 1
    with pytest.raises(pp.DataError, match=r"draws of no level of 'Subject'(.|\n)*fit\.draw_levels"):
        pp.level_effects(fit, "Days")


@pytest.mark.parametrize(
    "ask",
    [
        lambda fit: pp.predict(fit),
        lambda fit: pp.level_ranks(fit, "Days"),
        lambda fit: pp.shrinkage(fit),
        lambda fit: pp.posterior_checks(fit),
        lambda fit: pp.level_lines(fit, "Days"),
        lambda fit: fit.posterior["b_Subject"],
    ],
)
def test_questions_that_need_all_levels_say_so(some, ask):
    check_refused(pp.DataError, lambda: ask(some), "this needs the draws of all levels", "keep_levels")


def test_a_saved_fit_has_them(some, tmp_path):
    read = pp.load_fit(some.save(tmp_path / "fit.nc"))
    assert read.level_summaries["b_Subject"].equals(some.level_summaries["b_Subject"])
    np.testing.assert_array_equal(pp.group_effects(read)["effects"], pp.group_effects(some)["effects"])


def test_a_table_read_in_batches(sleepstudy, whole, tmp_path):
    sleepstudy.to_parquet(tmp_path / "t.parquet")
    some = pp.fit(SLOPES, tmp_path / "t.parquet", keep_levels=["308"], **QUIET)
    effects = pp.group_effects(some)["effects"]
    np.testing.assert_allclose(effects, whole.posterior["b_Subject"].sel(Subject=["308"]), rtol=1e-5, atol=1e-4)


def test_draws_that_do_not_fit_are_summarised(monkeypatch):
    """With a limit of 4 MB: 4,000 draws of 200 levels would be 6.4 MB."""
    monkeypatch.setattr(memory, "fits", lambda needed: needed <= 4e6)
    rng = np.random.default_rng(1)
    level = np.repeat(np.arange(200), 3)
    table = pd.DataFrame({"y": rng.normal(size=200)[level] + rng.normal(size=600), "g": level})
    with pytest.raises(pp.EngineError, match="keep_levels"):
        pp.fit("y ~ 1 + (1 | g)", table, **QUIET)
    fit = pp.fit("y ~ 1 + (1 | g)", table, keep_levels=[7], **QUIET)
    assert fit.level_summaries["b_g"].sizes == {"g": 200, "g_effect": 1, "statistic": 7}
    assert pp.group_effects(fit)["level"].values.tolist() == [7]


@pytest.mark.parametrize(
    ("keep", "options", "error", "match"),
    [
        (["nobody"], {}, pp.DataError, "'Subject' has no such level"),
        ({"Days": ["308"]}, {}, pp.DataError, "names something that is no grouping factor"),
        ("308", {}, pp.SpecError, "must be a list of labels"),
        ({"Subject": 308}, {}, pp.SpecError, "must be a list of labels"),
        (["308"], {"keep_z": True}, pp.SpecError, "offsets are kept of all levels or of none"),
        (["308"], {"engine": "nuts"}, pp.EngineError, "only where group effects integrate out exactly"),
    ],
)
def test_wrong_uses(sleepstudy, keep, options, error, match):
    check_refused(error, lambda: pp.fit(SLOPES, sleepstudy, keep_levels=keep, **options, **QUIET), match)


def test_a_list_needs_one_factor(sleepstudy):
    table = sleepstudy.assign(block=np.arange(len(sleepstudy)) % 7)
    with pytest.raises(pp.SpecError, match="name the factor whose levels are kept"):
        pp.fit("Reaction ~ Days + (Days | Subject) + (1 | block)", table, keep_levels=["308"], **QUIET)


CROSSED = "y ~ x + (x | g) + (1 | h) + (1 | k)"


def crossed_table():
    rng = np.random.default_rng(3)
    table = pd.DataFrame({name: rng.integers(0, n, 500) for name, n in {"g": 40, "h": 30, "k": 4}.items()})
    table["x"] = rng.normal(3, 2, 500)
    return table.assign(y=rng.normal(0, 6, 40)[table["g"]] + 20 * table["x"] + rng.normal(0, 8, 500))


@pytest.fixture
def every_factor_a_block(monkeypatch):
    monkeypatch.setattr(block_factors, "_MOST_TAIL", 4)


@pytest.mark.usefixtures("every_factor_a_block")
@pytest.mark.parametrize("cores", [1, 2])
def test_the_gibbs_engine_keeps_some_levels_too(cores):
    """Two blocks and a small factor; of one block and of the small factor some levels are kept."""
    options = {"engine": "gibbs", "cores": cores, "draws": 500, **QUIET}
    whole = pp.fit(CROSSED, crossed_table(), **options)
    some = pp.fit(CROSSED, crossed_table(), keep_levels={"g": [3, 17], "k": [2]}, **options)
    for factor, levels in (("g", [3, 17]), ("k", [2])):
        every = whole.posterior[f"b_{factor}"]
        kept = pp.group_effects(some, factor)["effects"]
        np.testing.assert_allclose(kept, every.sel({factor: levels}), rtol=1e-12, atol=1e-12)
        found, draws = some.level_summaries[f"b_{factor}"], every.to_numpy().reshape(-1, *every.shape[2:])
        np.testing.assert_allclose(found.sel(statistic="mean"), draws.mean(axis=0), rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(found.sel(statistic="sd"), draws.std(axis=0, ddof=1), rtol=1e-8)
        median, sd = np.median(draws, axis=0), draws.std(axis=0)
        assert (np.abs(found.sel(statistic="50%").to_numpy() - median) < 0.1 * sd).all()
    for name in some.posterior.data_vars:
        np.testing.assert_array_equal(some.posterior[name], whole.posterior[name])
    assert set(whole.posterior.data_vars) - set(some.posterior.data_vars) == {"b_g", "b_k"}
    other = some.draw_levels({"g": [5]})
    np.testing.assert_allclose(
        pp.group_effects(other, "g")["effects"], whole.posterior["b_g"].sel(g=[5]), rtol=1e-12, atol=1e-12
    )
    np.testing.assert_array_equal(other.posterior["b_k"], whole.posterior["b_k"])


@pytest.mark.usefixtures("every_factor_a_block")
def test_the_speed_of_the_machine_does_not_matter_for_summaries(monkeypatch):
    options = {"engine": "gibbs", "draws": 120, "keep_levels": {"g": []}, **QUIET}
    first = pp.fit(CROSSED, crossed_table(), **options)
    monkeypatch.setattr(gibbs, "_ROUND", 1e-9)
    second = pp.fit(CROSSED, crossed_table(), **options)
    assert first.level_summaries.equals(second.level_summaries)


def test_some_levels_are_kept_by_the_engine_that_is_predicted_to_be_quicker():
    rng = np.random.default_rng(5)
    levels = {"g": 5000, "h": 3000}
    table = pd.DataFrame({"y": rng.normal(size=40_000)} | {f: rng.integers(0, n, 40_000) for f, n in levels.items()})
    fit = pp.fit("y ~ 1 + (1 | g) + (1 | h)", table, keep_levels={"g": []}, draws=5, tune=5, chains=1, **QUIET)
    assert fit.run.engine == "gibbs"
    assert fit.level_summaries["b_g"].sizes["g"] == table["g"].nunique()
    assert "b_h" in fit.posterior


@pytest.mark.usefixtures("every_factor_a_block")
@pytest.mark.filterwarnings("ignore:do not rely on these draws")
def test_ctrl_c_keeps_the_draws_that_are_added_up(monkeypatch):
    def press(self, done, total):
        if done > 1000:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(ProgressLine, "count", press)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.warns(pp.SamplingWarning, match="sampling was interrupted"):
            fit = pp.fit(
                CROSSED, crossed_table(), engine="gibbs", keep_levels={"g": [3]}, draws=100_000, chains=2, **QUIET
            )
    finally:
        signal.signal(signal.SIGINT, before)
    kept = pp.group_effects(fit, "g")["effects"]
    assert kept.sizes["draw"] == fit.posterior.sizes["draw"] > 0
    mean = fit.level_summaries["b_g"].sel(g=3, statistic="mean")
    np.testing.assert_allclose(kept.sel(level=3).mean(("chain", "draw")), mean, rtol=1e-8)


def test_pictures_tables_and_reports_of_kept_levels(sleepstudy, tmp_path):
    """What needs the draws of other levels is named with the reason; everything else is there."""
    fit = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, keep_levels=["308", "335"], **QUIET)
    figure = pp.plot_group_effects(fit)
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["335", "308"]
    whole = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, **QUIET)
    assert pp.table(fit, tmp_path / "some.md").read_text() == pp.table(whole, tmp_path / "all.md").read_text()
    page = pp.report(fit, tmp_path / "page.html").read_text(encoding="utf-8")
    for chapter in ("Estimates", "Group effects", "Intraclass correlation", "Variance components"):
        assert f">{chapter}</h2>" in page
    for chapter in ("Shrinkage", "Model checks"):
        assert f">{chapter}</h2>" not in page
    assert "this needs the draws of all levels, and the fit kept those of some" in page
