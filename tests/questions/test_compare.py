"""Comparisons: numbers against their parts, order, notes, refusals."""

import json
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import special

import partialpool as pp
from checks.fixed import fit_at
from partialpool.questions.compare import _disagreements, _sentence, compare
from partialpool.questions.cross_validation import leave_one_out, score_levels, score_rows
from partialpool.seeds import seed_sequence

MODELS = {
    "slopes": "Reaction ~ Days + (Days | Subject)",
    "intercepts": "Reaction ~ Days + (1 | Subject)",
    "no groups": "Reaction ~ Days",
}


@pytest.fixture(scope="module")
def fits(sleepstudy):
    return {name: pp.fit(formula, sleepstudy, seed=1, progressbar=False) for name, formula in MODELS.items()}


@pytest.fixture(scope="module")
def comparison(fits):
    return compare(fits, seed=1, progressbar=False)


def test_the_best_comes_first_and_differences_are_sums_over_levels(fits, comparison):
    frame = comparison.frame
    assert frame.index.tolist() == list(MODELS)
    codes = fits["slopes"].design.factors[0].codes
    seeds = seed_sequence(1).generate_state(3)
    each = {
        name: score_levels(fit, codes, seed=int(seed)).loo.elpd_i.to_numpy()
        for (name, fit), seed in zip(fits.items(), seeds, strict=True)
    }
    for name in ("intercepts", "no groups"):
        gap = each[name] - each["slopes"]
        assert frame.loc[name, "levels"] == pytest.approx(each[name].sum())
        assert frame.loc[name, "levels_diff"] == pytest.approx(gap.sum())
        assert frame.loc[name, "levels_se"] == pytest.approx(np.sqrt(18 * gap.var()), rel=0.04)


def arviz_loo(fit):
    import arviz_stats as azs
    import xarray as xr

    tree = fit.tree.copy()
    tree["log_likelihood"] = xr.DataTree(pp.log_likelihood(fit))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Estimated shape parameter of Pareto", UserWarning)  # some k-hat above 0.7
        return azs.loo(tree, pointwise=True)


def test_rows_are_arviz_loo(fits, comparison):
    assert comparison.frame.loc["intercepts", "rows"] == pytest.approx(arviz_loo(fits["intercepts"]).elpd)


def test_refits_on_request_leave_nothing_doubtful(fits):
    two = {name: fits[name] for name in ("slopes", "no groups")}
    found = compare(two, refit=True, seed=1, progressbar=False)
    doubtful = int((score_rows(fits["slopes"]).loo.pareto_k > 0.7).sum())
    assert f"left out by a refit: {doubtful} for slopes" in str(found)
    assert "k-hat above 0.7" not in str(found)
    assert (found.frame[["rows_mcse", "levels_mcse"]] > 0).to_numpy().all()


def test_a_monte_carlo_error_that_would_change_a_digit_is_printed(comparison):
    frame = comparison.frame
    said = [note for note in comparison.notes if note.startswith("  Monte Carlo error")]
    for criterion, note in zip(("rows", "levels"), said, strict=True):
        assert note.startswith("  Monte Carlo error, by which another seed may differ: ")
        assert f"{frame.loc['slopes', f'{criterion}_mcse']:.2g} for slopes" in note
        assert ("no groups" in note) == (frame.loc["no groups", f"{criterion}_mcse"] >= 0.05)


def test_evidence_is_the_engines(fits, comparison):
    run = json.loads(fits["no groups"].tree.attrs["run"])
    assert comparison.frame.loc["no groups", "evidence"] == run["log_evidence"]
    assert comparison.frame["evidence_diff"].max() == 0


def test_the_text_says_what_answers_what(fits, comparison):
    text = str(comparison)
    doubtful = int((arviz_loo(fits["slopes"]).pareto_k > 0.7).sum())
    assert "elpd, Subject: predicts all rows of a new level together" in text
    assert (f"k-hat above 0.7 in {doubtful} of 180 for slopes" in text) == (doubtful > 0)
    assert text.splitlines()[-1].startswith("For a new Subject: slopes and intercepts cannot be distinguished")
    assert "<table" in comparison._repr_html_()


def test_long_formulas_are_numbered_and_spelled_out_once(fits):
    """As in a list of fits, which are named by their formulas, one of them the beginning of another."""
    short, long, longer = "a", "y ~ " + "x" * 50, "y ~ " + "x" * 50 + " + z"
    text = str(compare(dict(zip((longer, short, long), fits.values(), strict=True)), seed=1, progressbar=False))
    lines = text.splitlines()
    names = [line.split("  ")[0].strip() for line in lines[2:5]]
    key = {name: line.removeprefix(f"{name}: ") for name in names for line in lines if line.startswith(f"{name}: ")}
    assert sorted([*key.values(), short]) == sorted([short, long, longer])
    assert text.count(long) == 2
    assert "model" in text.splitlines()[-1]


def test_criteria_that_disagree_are_named(comparison):
    frame = comparison.frame[["levels", "rows", "evidence"]].copy()
    assert not _disagreements(frame, "levels", "Subject")
    frame.loc["no groups", "rows"] = frame["rows"].max() + 1.5
    assert _disagreements(frame, "levels", "Subject") == ["By elpd, rows the best is no groups, 1.5 before slopes."]
    assert "Models, the best first by elpd, Subject" in str(comparison)


def test_a_close_race_is_called_one(fits, sleepstudy):
    again = pp.fit(MODELS["no groups"], sleepstudy, seed=2, progressbar=False)
    found = compare({"a": fits["no groups"], "b": again}, progressbar=False)
    assert found.criteria == ("rows", "evidence")
    assert "name a factor by factor=" in str(found)
    assert "cannot be distinguished" in found.notes[-1]


def test_models_that_predict_alike_have_no_signed_zero(fits, sleepstudy):
    again = pp.fit(MODELS["no groups"], sleepstudy, seed=2, progressbar=False)
    found = compare({"one": fits["no groups"], "two": again}, progressbar=False)
    assert -0.05 < found.frame["evidence_diff"].min() < 0
    assert not re.search(r"-0\.0+(?![0-9])", str(found))
    assert (found.frame["rows_diff"].abs() < 0.05).sum() <= len(re.findall(r"  0\.0(?![0-9])", str(found)))


def test_the_sentence_has_the_tables_error_and_says_what_monte_carlo_adds(comparison):
    frame, sentence = comparison.frame, comparison.notes[-1]
    gap, se = -frame["levels_diff"].iloc[1], frame["levels_se"].iloc[1]
    error = np.hypot(*frame["levels_mcse"].iloc[:2])
    assert f"(difference {gap:.1f}, se {se:.1f}, " in sentence
    assert sentence.endswith(f"Monte Carlo error {error:.2g}).")
    cells = next(line for line in str(comparison.table).splitlines() if line.startswith(" intercepts")).split()
    head = next(line for line in str(comparison.table).splitlines() if line.startswith(" model")).split("  ")
    assert [h.strip() for h in head if h.strip()][4:7] == ["elpd, Subject", "diff", "se"]
    assert cells[5:7] == [f"{-gap:.1f}", f"{se:.1f}"]


@pytest.mark.parametrize(("mcse", "better"), [(0.01, True), (0.04, True), (3.0, False)])
def test_monte_carlo_errors_count_in_the_decision(mcse, better):
    columns = {"rows": [0.0, -5.0], "rows_diff": [0.0, -5.0], "rows_se": [0.0, 1.0], "rows_mcse": [mcse, mcse]}
    sentence = _sentence(pd.DataFrame(columns, index=["a", "b"]), "rows", "")
    start = "a is better than b by 5.0 (se 1.0" if better else "a and b cannot be distinguished (difference 5.0, se 1.0"
    said = ", Monte Carlo error 4.2)." if mcse > 1 else (", Monte Carlo error 0.057)." if mcse > 0.03 else ").")
    assert sentence == f"For new rows of the same levels: {start}{said}"


def test_a_factor_of_one_model_scores_all(fits):
    found = compare([fits["no groups"], fits["slopes"]], factor="Subject", seed=1, progressbar=False)
    assert found.factor == "Subject"
    assert found.frame.index[0].startswith("Reaction ~ Days + (Days | Subject)")
    assert found.notes[-1].startswith("For a new Subject: Reaction ~ Days + (Days | Subject)   [gaussian] is better")


def test_scores_that_cannot_be_had_are_explained():
    ticks = pp.load_dataset("grouseticks")
    sizes = {f: ticks[f].nunique() for f in ("BROOD", "LOCATION")}
    rng = np.random.default_rng(0)
    n = 400
    values = {"sd_LOCATION": np.full((n, 1), 0.5), "sd_BROOD": np.full((n, 1), 0.5)}
    effects = {f"b_{f}": rng.normal(0, 0.1, (n, size, 1)) for f, size in sizes.items()}
    fits = {
        name: fit_at(
            "TICKS ~ 1 + (1 | LOCATION) + (1 | BROOD)", ticks, family="poisson", draws=n,
            beta=rng.normal(centre, 0.05, (n, 1)), **values, **effects,
        )
        for name, centre in (("low", 0.3), ("high", 1.5))
    }  # fmt: skip
    found = compare(fits, factor="LOCATION", progressbar=False)
    assert found.criteria == ("rows",)
    assert any(note.startswith("no scores of whole levels: low has") for note in found.notes)
    assert found.notes[-1].startswith("For new rows of the same levels")


def test_scores_of_levels_whose_sd_comes_near_zero():
    """Draws of an sd as far down as 1e-9: the score is that of a rule with fixed nodes on the prior's scale."""
    rng = np.random.default_rng(21)
    g, x, n = np.repeat(np.arange(8), 30), rng.normal(size=240), 400
    y = (rng.random(240) < special.expit(-0.4 + 0.5 * x)).astype(int)
    data = {"y": y, "x": x, "g": g}
    beta, sd = rng.normal([-0.4, 0.5], 0.14, (n, 2)), np.exp(rng.normal(-4, 4, (n, 1))).clip(1e-9, 0.6)
    b = rng.normal(size=(n, 8, 1)) * sd[:, None]
    grouped = fit_at("y ~ x + (1 | g)", data, family="bernoulli", draws=n, beta=beta, sd_g=sd, b_g=b)
    alone = fit_at("y ~ x", data, family="bernoulli", draws=n, beta=beta)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    eta = beta[:, :1] + beta[:, 1:] * x
    expected = np.empty((n, 8))
    for k in range(8):
        shifted = eta[:, g == k, None] + sd[:, :, None] * nodes
        each = special.log_expit(np.where(y[g == k, None] == 1, shifted, -shifted)).sum(axis=1)
        expected[:, k] = special.logsumexp(each, b=weights / weights.sum(), axis=1)
    found = compare({"grouped": grouped, "alone": alone}, factor="g", progressbar=False)
    known = leave_one_out(grouped, xr.Dataset({"levels": (("chain", "draw", "level"), expected[None])}))
    assert found.frame.loc["grouped", "levels"] == pytest.approx(known.elpd, abs=1e-3)
    assert abs(found.frame.loc["alone", "levels"] - known.elpd) < 5


def test_too_few_draws_are_refused(sleepstudy):
    few = {n: pp.fit(f, sleepstudy, draws=2, chains=1, seed=1, progressbar=False) for n, f in list(MODELS.items())[:2]}
    with pytest.raises(pp.DataError, match="cannot be judged from these draws"):
        compare(few, progressbar=False)


def test_wrong_arguments(fits, sleepstudy):
    with pytest.raises(pp.DataError, match="two fits or more"):
        compare([fits["slopes"]])
    with pytest.raises(pp.DataError, match="two fits or more"):
        compare([fits["slopes"], fits["slopes"]])
    with pytest.raises(pp.DataError, match="no such grouping factor"):
        compare(fits, factor="Day")
    other = fit_at("Reaction ~ Days", pd.DataFrame(sleepstudy).head(100), beta=[250.0, 10.0], sigma=30.0)
    moved = sleepstudy.assign(Subject=np.roll(sleepstudy["Subject"], 1))
    with pytest.raises(pp.DataError, match="different levels of 'Subject'"):
        compare({"a": fits["slopes"], "b": pp.fit(MODELS["intercepts"], moved, seed=1, progressbar=False)})
    with pytest.raises(pp.DataError, match="different data"):
        compare({"all": fits["no groups"], "some": other})
