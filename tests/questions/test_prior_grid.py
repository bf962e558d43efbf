"""Studies over priors: each cell is a plain fit, whatever fails stays alone, fits are dropped once they answered."""

import gc
import json
import threading
import warnings
import weakref
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.questions import prior_grid as grid
from partialpool.questions.prior_grid import prior_grid
from partialpool.sampling import choose
from partialpool.sampling.forecast import Forecast

SCHOOLS = "effect ~ 1 + (1 | school)"
QUICK = {"se": "standard_error", "seed": 1, "jobs": 1, "progressbar": False}


@pytest.fixture(scope="module")
def schools():
    return pp.load_dataset("eight_schools")


@pytest.fixture(scope="module")
def study(schools):
    scales = [pp.Prior("HalfNormal", sigma=s) for s in (2, 10, 50)]
    asked = {"mean": lambda f: f.posterior["beta"].sel(coef="Intercept")}
    return prior_grid(SCHOOLS, schools, {"sd_school": scales}, asked, **QUICK)


def test_a_cell_is_a_plain_fit(study, schools):
    plain = pp.fit(
        SCHOOLS, schools, se="standard_error", seed=1, progressbar=False, cores=1,
        priors={"sd_school": pp.Prior("HalfNormal", sigma=10)},
    )  # fmt: skip
    found = study.sel(prior="sd_school ~ HalfNormal(sigma=10)")
    assert found["sd_school[Intercept]"].to_numpy() == pytest.approx(plain.posterior["sd_school"].to_numpy()[..., 0])
    assert found["icc[school]"].to_numpy() == pytest.approx(pp.icc(plain)["icc"].to_numpy()[..., 0])
    assert found["mean"].to_numpy() == pytest.approx(found["beta[Intercept]"].to_numpy())
    assert study["prior_of_sd_school"].to_numpy().tolist() == [f"HalfNormal(sigma={s})" for s in (2, 10, 50)]
    assert study["prior_sd_school[Intercept]"].sel(level=0.5).to_numpy() == pytest.approx(
        0.6744898 * np.array([2, 10, 50])
    )


def test_the_known_story(study):
    """Eight schools: the sd and the ICC follow the prior, the mean effect does not."""
    middle = study.median(("chain", "draw"))
    assert (np.diff(middle["sd_school[Intercept]"].to_numpy()) > 0.5).all()
    assert middle["icc[school]"].to_numpy()[-1] > 5 * middle["icc[school]"].to_numpy()[0]
    assert np.ptp(middle["beta[Intercept]"].to_numpy()) < 1.0


def test_combinations_of_several_priors(sleepstudy):
    found = prior_grid(
        "Reaction ~ Days + (Days | Subject)", sleepstudy,
        {"corr_Subject": [pp.Prior("LKJ", eta=e) for e in (1, 20)], "sigma": [pp.Prior("HalfNormal", sigma=30)]},
        seed=1, jobs=1, draws=500, progressbar=False,
    )  # fmt: skip
    assert found.sizes["prior"] == 2
    assert found["prior"].to_numpy()[0] == "corr_Subject ~ LKJ(eta=1); sigma ~ HalfNormal(sigma=30)"
    spread = found["corr_Subject[Intercept, Days]"].std(("chain", "draw")).to_numpy()
    assert spread[1] < spread[0]
    # The intercept's prior is at the predictors' means: it is no prior of the intercept at zero.
    assert "prior_beta[Intercept]" not in found
    assert "prior_beta[Days]" in found


def test_a_prior_of_the_icc_stands_beside_the_icc_of_one_effect():
    from scipy import stats

    priors = {"icc": [pp.Prior("Beta", alpha=1, beta=b) for b in (1, 20)]}
    options = {"seed": 1, "jobs": 1, "progressbar": False}
    found = prior_grid("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff2"), priors, **options)
    own = found["prior_icc[Batch]"]
    assert own.sel(level=[0.05, 0.95]).to_numpy()[1] == pytest.approx(stats.beta(1, 20).ppf([0.05, 0.95]))
    # Six batches say little: the posterior's median stays within the prior's 90 % interval.
    middle = found["icc[Batch]"].median(("chain", "draw"))
    assert ((own.sel(level=0.05) < middle) & (middle < own.sel(level=0.95))).all()
    assert "prior_sd_Batch[Intercept]" not in found


def test_processes_give_the_same_draws(schools, study):
    scales = [pp.Prior("HalfNormal", sigma=s) for s in (2, 50)]
    side_by_side = prior_grid(SCHOOLS, schools, {"sd_school": scales}, **{**QUICK, "jobs": 2})
    for at in (0, 1):
        one = side_by_side["sd_school[Intercept]"].isel(prior=at).to_numpy()
        assert one == pytest.approx(study["sd_school[Intercept]"].isel(prior=2 * at).to_numpy())


def test_a_failed_cell_leaves_the_others(schools, monkeypatch):
    whole = grid.fit

    def some(spec, *rest, **options):
        if "sigma=10" in str(spec.priors["sd_school"]):
            raise pp.EngineError("a bad cell", got="sigma=10", allowed="others", do="none")
        return whole(spec, *rest, **options)

    monkeypatch.setattr(grid, "fit", some)
    scales = [pp.Prior("HalfNormal", sigma=s) for s in (2, 10)]
    with pytest.warns(pp.SamplingWarning, match="1 of 2 fits failed: a bad cell"):
        found = prior_grid(SCHOOLS, schools, {"sd_school": scales}, **QUICK)
    assert np.isnan(found["icc[school]"].isel(prior=1)).all()
    assert np.isfinite(found["icc[school]"].isel(prior=0)).all()
    assert json.loads(found.attrs["failed"]) == {"sd_school ~ HalfNormal(sigma=10)": "a bad cell (sigma=10)"}
    with pytest.raises(pp.EngineError, match="every fit of the study failed"):
        prior_grid(SCHOOLS, schools, {"sd_school": scales[1:]}, **QUICK)


def test_errors_of_any_kind_leave_the_others(schools):
    """So narrow a prior that the search for the mode ends in a ValueError of NumPy's."""
    scales = [pp.Prior("HalfNormal", sigma=s) for s in (1e-300, 10)]
    with pytest.warns(pp.SamplingWarning, match=r"1 of 2 fits failed: \w+Error"):
        found = prior_grid(SCHOOLS, schools, {"sd_school": scales}, **QUICK)
    assert found["good"].to_numpy().tolist() == [False, True]
    assert np.isfinite(found["icc[school]"].to_numpy()).all(axis=(1, 2)).tolist() == [False, True]
    assert list(json.loads(found.attrs["failed"])) == ["sd_school ~ HalfNormal(sigma=1e-300)"]


def _refuses_ten(fit):
    """A quantity that some fits cannot answer."""
    if fit.spec.priors["sd_school"].arguments["sigma"] == 10:
        raise ZeroDivisionError("not for ten")
    return fit.posterior["beta"].sel(coef="Intercept")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_quantity_that_fails_is_missing_alone(schools, study, jobs):
    scales = [pp.Prior("HalfNormal", sigma=s) for s in (2, 10)]
    asked = {"partly": _refuses_ten, "never": lambda f: f.posterior["nothing"], "mean": lambda f: f.posterior["beta"]}
    with pytest.warns(pp.SamplingWarning, match="under 2 of 2 priors the quantity 'never' failed: KeyError"):
        found = prior_grid(SCHOOLS, schools, {"sd_school": scales}, asked, **{**QUICK, "jobs": jobs})
    assert np.isfinite(found["partly"].to_numpy()).all(axis=(1, 2)).tolist() == [True, False]
    assert "never" not in found
    assert found["mean[Intercept]"].to_numpy() == pytest.approx(found["beta[Intercept]"].to_numpy())
    assert found["icc[school]"].to_numpy() == pytest.approx(study["icc[school]"].isel(prior=[0, 1]).to_numpy())
    assert found["good"].all()
    reasons = json.loads(found.attrs["failed"])
    assert "'partly' failed: ZeroDivisionError: not for ten" in reasons["sd_school ~ HalfNormal(sigma=10)"]
    assert "'partly'" not in reasons["sd_school ~ HalfNormal(sigma=2)"]


def test_quantities_of_other_draws_or_no_numbers_are_missing(schools):
    scales = {"sd_school": [pp.Prior("HalfNormal", sigma=2)]}
    asked = {"thinned": lambda f: f.posterior["beta"][:, :10], "hole": lambda f: f.posterior["beta"] / 0}
    with pytest.warns(pp.SamplingWarning):
        found = prior_grid(SCHOOLS, schools, scales, asked, **QUICK)
    (reasons,) = json.loads(found.attrs["failed"]).values()
    assert (
        "'thinned' failed: the quantity 'thinned' has a different number of draws than its fit (4 chains of 10 draws)"
        in reasons
    )
    assert "'hole' failed: the quantity 'hole' has draws that are not finite numbers (4000 of 4000)" in reasons


def test_an_answer_that_does_not_vary_under_one_prior_is_an_answer(schools):
    """Whether the sd is above 5 is plain under a tight prior: 0 in every draw, and no missing value."""
    scales = [pp.Prior("HalfNormal", sigma=s) for s in (0.1, 50)]
    asked = {"above": lambda f: (f.posterior["sd_school"].sel(school_effect="Intercept") > 5).astype(float)}
    found = prior_grid(SCHOOLS, schools, {"sd_school": scales}, asked, **QUICK)["above"].mean(("chain", "draw"))
    assert found.to_numpy()[0] == 0
    assert 0.2 < found.to_numpy()[1] < 0.9
    assert (prior_grid(SCHOOLS, schools, {"sd_school": scales[:1]}, asked, **QUICK)["above"] == 0).all()


def test_correlations_between_blocks_are_no_answers():
    rng = np.random.default_rng(0)
    data = {"x": np.tile(np.arange(8.0), 10), "w": rng.normal(size=80), "g": np.repeat(np.arange(10), 8)}
    data["y"] = rng.normal(size=80) + rng.normal(size=10)[data["g"]]
    priors = {"sigma": [pp.Prior("HalfNormal", sigma=2)]}
    found = prior_grid("y ~ 1 + (x | g) + (0 + w | g)", data, priors, seed=1, jobs=1, draws=500, progressbar=False)
    assert [name for name in found if name.startswith("corr")] == ["corr_g[Intercept, x]"]


def test_a_quantity_that_cannot_travel_is_refused_before_the_first_fit(schools):
    lock = threading.Lock()

    def guarded(fit):
        with lock:
            return fit.posterior["beta"]

    scales = {"sd_school": [pp.Prior("HalfNormal", sigma=2)]}
    with pytest.raises(pp.SpecError, match="the quantity 'guarded' cannot be sent to another process"):
        prior_grid(SCHOOLS, schools, scales, {"guarded": guarded}, **{**QUICK, "jobs": 2})
    assert "guarded[Intercept]" in prior_grid(SCHOOLS, schools, scales, {"guarded": guarded}, **QUICK)


def test_missing_values_are_dropped_or_refused_as_by_fit(schools):
    holed = schools.assign(effect=schools["effect"].where(schools["school"] != "A"))
    scales = {"sd_school": [pp.Prior("HalfNormal", sigma=s) for s in (2, 10)]}
    with pytest.raises(pp.DataError, match="missing values"):
        prior_grid(SCHOOLS, holed, scales, missing="error", **QUICK)
    with pytest.warns(pp.DataWarning, match="dropped 1 of 8 rows") as given:
        found = prior_grid(SCHOOLS, holed, scales, **QUICK)
    assert len(given) == 1
    without = prior_grid(SCHOOLS, schools[schools["school"] != "A"], scales, missing="error", **QUICK)
    assert found.identical(without)


def test_each_fit_is_dropped_once_it_has_answered(schools):
    """Fits hold the rows and every group effect: a study that kept them would grow with cells times rows."""
    seen, alive = [], []

    def watch(fit):
        seen.append(weakref.ref(fit))
        gc.collect()
        alive.append(sum(one() is not None for one in seen))
        return fit.posterior["b_school"].sel(school="A", school_effect="Intercept")

    scales = [pp.Prior("HalfNormal", sigma=s) for s in range(2, 8)]
    found = prior_grid(SCHOOLS, schools, {"sd_school": scales}, {"A": watch}, draws=500, **QUICK)
    assert alive == [1] * 6
    assert found.sizes["prior"] == 6


def test_threads_leave_the_filters_of_warnings_as_they_were(schools):
    import joblib

    scales = [pp.Prior("HalfNormal", sigma=s) for s in range(2, 12)]
    before = list(warnings.filters)
    with joblib.parallel_config(backend="threading"):
        found = prior_grid(SCHOOLS, schools, {"sd_school": scales}, **{**QUICK, "jobs": 2})
    assert [one for one in warnings.filters if one not in before] == []
    assert found.identical(prior_grid(SCHOOLS, schools, {"sd_school": scales}, **QUICK))


def test_a_stored_study_is_widened_and_other_data_are_others(schools, tmp_path):
    scales = [pp.Prior("HalfNormal", sigma=s) for s in (2, 10)]
    first = prior_grid(SCHOOLS, schools, {"sd_school": scales[:1]}, folder=tmp_path / "study", draws=500, **QUICK)
    made = {p: p.stat().st_mtime_ns for p in (tmp_path / "study").iterdir()}
    both = prior_grid(SCHOOLS, schools, {"sd_school": scales}, folder=tmp_path / "study", draws=500, **QUICK)
    assert len(list((tmp_path / "study").iterdir())) == 2
    assert all(path.stat().st_mtime_ns == when for path, when in made.items())
    assert both["icc[school]"].isel(prior=0).to_numpy() == pytest.approx(first["icc[school]"].isel(prior=0).to_numpy())
    for change in ({"draws": 600}, {"data": schools.assign(effect=schools["effect"] + 1)}):
        data = change.get("data", schools)
        draws = change.get("draws", 500)
        prior_grid(SCHOOLS, data, {"sd_school": scales[:1]}, folder=tmp_path / "study", draws=draws, **QUICK)
    assert len(list((tmp_path / "study").iterdir())) == 4


def test_categories_in_another_order_are_another_study(tmp_path):
    """The reference category is the first: draws of one order must not be taken for those of the other."""
    rng = np.random.default_rng(0)
    data = {"y": rng.normal(size=60), "c": np.tile(["a", "b"], 30), "g": np.repeat(np.arange(6), 10)}
    tables = [
        pd.DataFrame(data).assign(c=pd.Categorical(data["c"], order, ordered=True))
        for order in (["a", "b"], ["b", "a"])
    ]
    priors = {"sigma": [pp.Prior("HalfNormal", sigma=2)]}
    one, other = (
        prior_grid("y ~ c + (1 | g)", t, priors, folder=tmp_path, seed=1, jobs=1, progressbar=False) for t in tables
    )
    assert len(list(tmp_path.iterdir())) == 2
    assert "beta[c[b]]" in one
    assert "beta[c[a]]" in other


def test_a_prior_for_all_effects_replaces_those_stated_one_by_one(schools):
    spec = pp.ModelSpec.from_formula(
        SCHOOLS, se="standard_error", priors={"sd_school[Intercept]": pp.Prior("HalfNormal", sigma=1)}
    )
    scales = [pp.Prior("HalfNormal", sigma=s) for s in (1, 100)]
    found = prior_grid(spec, schools, {"sd_school": scales}, seed=1, jobs=1, progressbar=False)
    middle = found["sd_school[Intercept]"].median(("chain", "draw")).to_numpy()
    assert middle[1] > 3 * middle[0]


def test_fits_whose_diagnostics_are_not_good_are_named(schools):
    with pytest.warns(pp.SamplingWarning, match="the diagnostics of 1 of 1 fits are not good"):
        found = prior_grid(SCHOOLS, schools, {"sd_school": [pp.Prior("HalfNormal", sigma=9)]}, draws=10, **QUICK)
    assert found["good"].to_numpy().tolist() == [False]


def test_wrong_arguments(schools, tmp_path):
    with pytest.raises(pp.PriorError, match="a study needs priors"):
        prior_grid(SCHOOLS, schools, {}, **QUICK)
    with pytest.raises(pp.PriorError, match="a study needs priors"):
        prior_grid(SCHOOLS, schools, {"sd_school": []}, **QUICK)
    one = {"sd_school": [pp.Prior("HalfNormal", sigma=1)]}
    for wrong, message in (
        ({"drawz": 10}, "unknown setting"),
        ({"draws": 0}, "draws must be a positive integer"),
        ({"seed": -1}, "seed must be a non-negative integer"),
        ({"quantities": {"prior": lambda f: f.posterior["beta"]}}, "the name 'prior' is taken"),
        ({"quantities": {"mean": "beta"}}, "the quantity 'mean' is not labelled draws"),
    ):
        with pytest.raises(pp.SpecError, match=message):
            prior_grid(SCHOOLS, schools, one, **{**QUICK, **wrong})
    with pytest.raises(pp.EngineError, match="every fit of the study failed") as raised:
        prior_grid(SCHOOLS, schools, one, engine="gibs", **QUICK)
    assert raised.value.got == "unknown engine ('gibs')"
    with pytest.raises(pp.PriorError, match="does not exist"):
        prior_grid(SCHOOLS, schools, {"sd_scool": [pp.Prior("HalfNormal", sigma=1)]}, **QUICK)
    (tmp_path / "file").write_text("")
    with pytest.raises(pp.FileError, match="cannot create the study's folder"):
        prior_grid(
            SCHOOLS, schools, {"sd_school": [pp.Prior("HalfNormal", sigma=1)]}, folder=tmp_path / "file", **QUICK
        )


def test_auto_takes_the_engine_that_fit_would_take(sleepstudy, monkeypatch):
    """What decides is the design too, not the model alone."""
    formula = "Reaction ~ Days + (Days | Subject)"
    scales = {"sigma": [pp.Prior("HalfNormal", sigma=s) for s in (20, 40)]}
    forecasts = {
        "collapsed": lambda *_: Forecast(1000.0, "it is dense"),
        "nuts": lambda *_: Forecast(1000.0, "it is dense"),
        "pymc": lambda *_: Forecast(1.0, "quick"),
        "gibbs": lambda *_: None,
    }
    cards = {name: replace(card, forecast=forecasts[name]) for name, card in choose.ENGINES.items()}
    monkeypatch.setattr(choose, "ENGINES", cards)
    asked = []
    monkeypatch.setattr(grid, "fit", lambda *_, engine, **__: asked.append(engine))
    with pytest.raises(pp.EngineError):
        pp.prior_grid(formula, sleepstudy, scales, jobs=1, seed=1, progressbar=False)
    assert asked == ["pymc", "pymc"]
