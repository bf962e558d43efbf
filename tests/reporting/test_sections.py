"""What each section says, at given parameters, and where it says why it has nothing to say."""

import re

import numpy as np
import pytest
import scipy

import partialpool as pp
from checks.fixed import fit_at
from partialpool.errors import PartialPoolError
from partialpool.fitting.convergence import Finding
from partialpool.reporting import reported
from partialpool.reporting.contents import CHAPTERS
from partialpool.reporting.limits import MOST_LABELLED, MOST_LEVELS
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Chapter, Note, Section, which_can
from partialpool.reporting.sections.checks_in_brief import checks_in_brief
from partialpool.reporting.sections.design_effect import design_effect_section
from partialpool.reporting.sections.diagnostics import diagnostics_section
from partialpool.reporting.sections.estimates import estimates
from partialpool.reporting.sections.glossary import glossary_section
from partialpool.reporting.sections.group_effects import group_effects_section
from partialpool.reporting.sections.hypothesis import hypothesis_section
from partialpool.reporting.sections.icc import icc_section
from partialpool.reporting.sections.in_short import in_short
from partialpool.reporting.sections.level_lines import level_lines_section
from partialpool.reporting.sections.made_from import made_from
from partialpool.reporting.sections.methods import methods_section
from partialpool.reporting.sections.posterior_checks import posterior_checks_section
from partialpool.reporting.sections.power_scale import power_scale_section
from partialpool.reporting.sections.predict import predict_section
from partialpool.reporting.sections.priors import priors_section
from partialpool.reporting.sections.shrinkage import shrinkage_section
from partialpool.reporting.sections.singularity import singularity_section
from partialpool.reporting.sections.variance_components import variance_components_section
from partialpool.reporting.sections.variance_function import variance_function_section
from partialpool.tabulate import number

SLOPES = {"beta": [250, 10], "sd_Subject": [20, 5], "corr_Subject": [[1, -0.4], [-0.4, 1]], "sigma": 25}
NESTED = {"beta": [60.0], "sd_batch": [1.3], "sd_batch:cask": [2.9], "sigma": 0.8}


@pytest.fixture(scope="module")
def slopes():
    return fit_at("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), **SLOPES)


@pytest.fixture(scope="module")
def nested():
    return fit_at("strength ~ 1 + (1 | batch/cask)", pp.load_dataset("pastes"), **NESTED)


@pytest.fixture(scope="module")
def counts():
    either_way = 0.001 * np.array([1, -1] * 4)[:, None]  # a posterior has a spread
    values = {
        "beta": np.array([[-1.4, -1.0, -1.1, -1.6]]) + either_way,
        "sd_herd": [[0.6]] * 8,
        "b_herd": np.zeros((8, 15, 1)),
    }
    formula = "p(incidence, size) ~ period + (1 | herd)"
    return fit_at(formula, pp.load_dataset("cbpp"), family="binomial", draws=8, **values)


@pytest.fixture(scope="module")
def plain():
    return fit_at("Reaction ~ Days", pp.load_dataset("sleepstudy"), beta=[250, 10], sigma=25)


def fit_with_levels(levels):
    codes = np.repeat(np.arange(levels), 2)
    effects = np.linspace(-1, 1, levels)[:, None]
    data = {"y": np.arange(2.0 * levels), "g": [f"L{k:03}" for k in codes]}
    return fit_at("y ~ 1 + (1 | g)", data, beta=[0.0], sd_g=[1.0], sigma=1.0, b_g=effects)


def test_the_icc_is_said_in_numbers(slopes, nested):
    averaged, along = icc_section(Reported(slopes)).pictures
    assert averaged.alt.startswith("ICC of Subject: posterior mean 0.")
    at_0, at_9 = 400 / (400 + 625), (400 - 80 * 9 + 25 * 81) / (400 - 80 * 9 + 25 * 81 + 625)
    assert f"ICC of Subject at Days 0: posterior mean {at_0:.3g}," in along.alt
    assert f"ICC of Subject at Days 9: posterior mean {at_9:.3g}," in along.alt
    (intervals,) = icc_section(Reported(nested)).pictures
    total = 1.3**2 + 2.9**2 + 0.8**2
    assert f"ICC of batch:cask: posterior mean {2.9**2 / total:.3g}, 95 % interval" in intervals.alt
    assert f"All factors together: posterior mean {1 - 0.64 / total:.3g}" in intervals.alt


def test_nested_levels_have_the_correlation_of_all_that_two_responses_share(nested, counts, pastes):
    batch, cask, residual = 1.3**2, 2.9**2, 0.8**2
    total = batch + cask + residual
    prose = [text for text in in_short(Reported(pastes)).prose if isinstance(text, str)]
    shares, alike = (text for text in prose if "two responses" in text or "ICC" in text)
    assert shares.startswith("Share of the variance that is between levels (ICC), with 95 % intervals: batch ")
    same = Reported(pastes).in_words(pp.icc(pastes)["same"].sel(factor="batch:cask").to_numpy())
    assert alike == f"Correlation of two responses: of the same batch:cask, and therefore of the same batch, {same}."
    section = icc_section(Reported(nested))
    assert "Two responses of the same batch:cask are also of the same batch" in section.prose[0]
    alt = section.pictures[0].alt
    assert f"Correlation of two responses of the same batch:cask: posterior mean {(batch + cask) / total:.3g}" in alt
    assert section.pictures[0].caption.startswith("Shares of the variance (ICC).")
    told = {name: str(glossary_section(Reported(fit)).tables[0]) for name, fit in (("n", nested), ("c", counts))}
    assert "the sum of these factors' shares" in told["n"]
    assert "the correlation of two responses that share a level" in told["c"]
    assert "the correlation of two responses that share a level" not in told["n"]


def test_rows_carry_less_information_on_the_mean_only(nested):
    prose = design_effect_section(Reported(nested)).prose[0]
    assert "for the mean of the response a row carries less information" in prose
    assert "a predictor that varies within groups is estimated more precisely" in prose


def test_the_spread_is_said_at_both_ends(slopes, nested, plain):
    (fan,) = variance_function_section(Reported(slopes)).pictures
    assert "at Days 0 posterior mean 32," in fan.alt  # sqrt(20^2 + 25^2)
    assert f"at Days 9 posterior mean {np.sqrt(400 - 720 + 2025 + 625):.3g}," in fan.alt
    assert variance_function_section(Reported(nested)) is None
    assert variance_function_section(Reported(plain)) is None


@pytest.mark.filterwarnings("ignore::partialpool.DataWarning")
def test_a_spread_holds_categories_at_their_first():
    data = {
        "y": np.arange(12.0),
        "x": [0.0, 1, 2] * 4,
        "z": [1.0, 2, 4, 5] * 3,
        "c": list("vu") * 6,
        "g": list("ababab") * 2,
    }
    fit = fit_at("y ~ x + z + c + (x | g)", data, beta=[0, 1, 0, 5], sd_g=[1, 1], corr_g=np.eye(2), sigma=1.0)
    (fan,) = variance_function_section(Reported(fit)).pictures
    assert fan.caption.endswith("Other predictors fixed at: c=u (first), z=3 (mean).")


def test_shares_and_r2(nested, slopes):
    section = variance_components_section(Reported(nested))
    (share,) = (2.9**2 / (1.3**2 + 2.9**2 + 0.8**2),)
    assert f"batch:cask: posterior mean {share:.3g}," in section.pictures[0].alt
    assert [text.split(",")[0] for text in section.prose] == ["Conditional R²"]
    assert [text.split(",")[0] for text in variance_components_section(Reported(slopes)).prose] == [
        "Marginal R²",
        "Conditional R²",
    ]


def test_arrows_are_said_in_numbers(slopes, nested):
    (plane,) = shrinkage_section(Reported(slopes)).pictures
    assert "Intercept: pooling factor 1 (0 none, 1 complete); 310 is pulled farthest, from 203 to 250" in plane.alt
    assert plane.caption.endswith("The cross is complete pooling, which ignores the grouping.")
    assert [p.caption.split(":")[0] for p in shrinkage_section(Reported(nested)).pictures] == ["batch", "batch"]


def test_a_chapter_on_counts_is_on_the_scale_of_its_picture(counts):
    (picture,) = shrinkage_section(Reported(counts)).pictures
    assert ", as the probability of incidence. The dashed line is complete pooling" in picture.caption
    answer = pp.shrinkage(counts)
    own = scipy.special.expit(answer["no_pooling"].to_numpy()[:, 0])
    partial = scipy.special.expit(answer["partial_pooling"].to_numpy()[..., 0]).mean(axis=(0, 1))
    farthest = int(np.nanargmax(np.abs(own - partial)))
    label = answer["level"].to_numpy()[farthest]
    told = f"{label} is pulled farthest, from {number(own[farthest])} to {number(partial[farthest])}"
    assert told in picture.alt


def test_a_chapter_names_levels_without_a_finite_estimate():
    table = {"hits": [2, 0, 5, 11], "throws": [4, 3, 5, 20], "pupil": list("abcd")}
    fit = fit_at("p(hits, throws) ~ 1 + (1 | pupil)", table, family="binomial", beta=[0.1], sd_pupil=[1.0])
    (picture,) = shrinkage_section(Reported(fit)).pictures
    # The axis is a probability, where these levels have circles at 0 and 1.
    assert picture.alt.endswith("Own estimate at an end of the axis: b, c (2 of 4).")
    assert "Levels without a circle" not in picture.caption
    assert (
        "Levels with only one outcome have their circle at the mean of their rows, an end of the axis; their log odds "
        "of hits without pooling would be infinite." in picture.caption
    )


def test_a_chapter_names_levels_without_a_circle():
    table = {"y": [0, 1, 0, 1, 0, 0, 1, 1], "x": [1.0, 2, 3, 4, 1, 2, 3, 4], "g": list("ooooSSSS")}
    values = {"beta": [0, 0.1], "sd_g": [1, 1], "corr_g": np.eye(2)}
    fit = fit_at("y ~ x + (x | g)", table, family="bernoulli", **values)
    (picture,) = shrinkage_section(Reported(fit)).pictures
    assert picture.alt.endswith("No finite estimate without pooling: S (1 of 2).")
    assert "Levels without a circle have no finite estimate" in picture.caption


def test_a_chapter_names_levels_without_trials():
    table = {"hits": [2, 0, 5, 11], "throws": [4, 0, 6, 20], "pupil": list("abcd")}
    fit = fit_at("p(hits, throws) ~ 1 + (1 | pupil)", table, family="binomial", beta=[0.1], sd_pupil=[1.0])
    (picture,) = shrinkage_section(Reported(fit)).pictures
    assert picture.alt.endswith("No trials: b (1 of 4).")
    assert picture.caption.count("Levels with no trials have no circle.") == 1
    assert "only one outcome" not in picture.caption


def test_curves_of_counts_are_on_the_scale_of_the_response():
    rng = np.random.default_rng(1)
    table = {"y": rng.poisson(3, 30), "x": np.tile(np.arange(5.0), 6), "g": np.repeat(list("abcdef"), 5)}
    values = {"beta": [1.0, 0.1], "sd_g": [0.2, 0.1], "corr_g": np.eye(2)}
    (picture,) = level_lines_section(Reported(fit_at("y ~ x + (x | g)", table, family="poisson", **values))).pictures
    assert "along x, as the expected y, up to 12" in picture.caption
    rise = np.exp(1.4) - np.exp(1)
    assert picture.alt == f"From x 0 to 4 every line of g rises by {number(rise)}, as the expected y."


def test_a_question_that_has_no_answer_says_why_once():
    table = {"y": [1, 2, 3, 1, 2, 3], "g": list("aaabbb")}
    ordinal = fit_at("y ~ 1 + (1 | g)", table, family="cumulative", sd_g=[1.0], cutpoints=[-1.0, 1.0])
    section = shrinkage_section(Reported(ordinal))
    (note,) = [paragraph for paragraph in section.prose if isinstance(paragraph, Note)]
    assert note.text.startswith("Not available for g: an ordinal model has cutpoints in place of an intercept")
    assert "(here: family 'cumulative'; needed: a family" in note.text
    assert section.pictures == ()

    def refuse():
        raise PartialPoolError("no", got="this", allowed="that", do="x")

    answers, notes = which_can([("a", refuse), ("b", lambda: 1), ("c", refuse)])
    assert answers == (1,)
    assert [n.text for n in notes] == ["Not available for a, c: no (here: this; needed: that)."]


def test_a_family_without_naive_errors_has_none_in_silence():
    table = {"y": [1, 2, 3, 1, 2, 3], "g": list("aaabbb")}
    ordinal = fit_at("y ~ 1 + (1 | g)", table, family="cumulative", sd_g=[1.0], cutpoints=[-1.0, 1.0])
    section = design_effect_section(Reported(ordinal))
    assert not [paragraph for paragraph in section.prose if isinstance(paragraph, Note)]
    assert len(section.pictures) == 1


def test_a_design_effect_of_trials_is_worth_trials():
    table = {"hits": [2, 0, 15, 11], "throws": [4, 5, 20, 40], "pupil": list("aabb")}
    fit = fit_at("p(hits, throws) ~ 1 + (1 | pupil)", table, family="binomial", beta=[-0.3], sd_pupil=[0.8])
    worth, _ = design_effect_section(Reported(fit)).pictures
    assert worth.caption.endswith("the equivalent number of independent trials.")
    assert "independent trials" in worth.alt


def test_only_the_packages_own_errors_become_lines(plain):
    def refuse(fit):
        raise PartialPoolError("no", got="this", allowed="that", do="x")

    def break_down(fit):
        raise ValueError("a bug")

    assert Chapter("t", refuse).of(Reported(plain)) == Section(
        prose=(Note("Not available: no (here: this; needed: that).", "refused"),)
    )
    with pytest.raises(ValueError, match="a bug"):
        Chapter("t", break_down).of(Reported(plain))
    with pytest.raises(ValueError, match="a bug"):
        which_can([("a", lambda: break_down(plain))])


LIKE_THESE = "Data simulated from the model look like the observed data in what was checked: "
WITH_GROUPS = (icc_section, shrinkage_section, variance_function_section, group_effects_section)


def test_without_groups_what_is_about_groups_is_left_out(plain):
    assert [write(Reported(plain)) for write in WITH_GROUPS] == [None] * 4
    assert "partial pooling" not in str(glossary_section(Reported(plain)).tables[0])
    assert [t.split(",")[0] for t in variance_components_section(Reported(plain)).prose] == ["Marginal R²"]


def test_a_forest_names_the_ends_and_thins_many_levels():
    (picture,) = group_effects_section(Reported(fit_with_levels(9))).pictures
    assert picture.alt == (
        "9 levels of g. Intercept: lowest L000 with posterior mean -1, 95 % interval -1 to -1; highest L008 with "
        "posterior mean 1, 95 % interval 1 to 1; the 95 % interval excludes 0 for 8 of 9 levels."
    )
    (thinned,) = group_effects_section(Reported(fit_with_levels(MOST_LABELLED + 1))).pictures
    assert thinned.caption.endswith("The 15 lowest and the 15 highest of 61 levels.")
    assert thinned.image.height == round(96 * (0.2 * 30 + 1.6))
    assert "lowest L000" in thinned.alt


def test_arrows_of_very_many_levels_are_not_drawn():
    many = fit_with_levels(MOST_LEVELS + 1)
    assert shrinkage_section(Reported(many)).pictures == ()
    assert [p.text for p in shrinkage_section(Reported(many)).prose[1:]] == [
        "g has 201 levels: too many to draw one by one."
    ]


def test_three_factors_are_drawn_and_the_others_named():
    rng = np.random.default_rng(1)
    names = "abcd"
    data = {"y": rng.normal(size=60)} | {name: rng.integers(0, 5, 60) for name in names}
    formula = "y ~ 1 + " + " + ".join(f"(1 | {name})" for name in names)
    section = group_effects_section(
        Reported(fit_at(formula, data, beta=[0.0], sigma=1.0, **{f"sd_{name}": [1.0] for name in names}))
    )
    assert len(section.pictures) == 3
    assert section.prose[1].text == "Not drawn, to keep the page short: d."


def test_odds_ratios_stand_beside_a_logit_link(counts, sleep):
    ratios = estimates(Reported(counts)).tables[-1]
    assert ratios.title == "Odds ratios per unit, or against the reference (exp of the coefficient)"
    assert ratios.rows[0][0] == "period[2]"
    assert float(ratios.rows[0][1]) == pytest.approx(np.exp(-1.0), rel=1e-4)
    assert "on the logit scale" in estimates(Reported(counts)).prose[0]
    assert not any("ratio" in table.title.lower() for table in estimates(Reported(sleep)).tables)


def test_in_short_says_the_verdict_and_the_main_numbers(sleep, doubtful, without_groups):
    coefs, correlation, draws, data, priors = in_short(Reported(sleep)).prose
    assert draws == Note("Draws: the diagnostics are good.", "good")
    assert data.text.startswith("Fit to the data: ")
    assert priors.text.startswith("Priors: ")
    assert re.fullmatch(
        r"Effects of the predictors \(coefficients in the population\), with 95 % intervals: "
        r"Days 10\.\d ms/day \([\d.]+ to [\d.]+\)\.",
        coefs,
    )
    assert re.search(r"Subject 0\.7\d+ \(0\.\d+ to 0\.\d+\)", correlation)
    warning, *others = in_short(Reported(doubtful)).prose
    assert warning.text.startswith("Draws: do not rely on these numbers yet.")
    assert isinstance(others[0], str)
    assert warning not in others
    assert len(in_short(Reported(without_groups)).prose) == 4


def test_effects_on_log_odds_have_their_ratios(counts, monkeypatch):
    monkeypatch.setattr("partialpool.reporting.sections.in_short._verdicts", lambda fit: ())  # of no sampler's draws
    effects = in_short(Reported(counts)).prose[0]
    assert "on the logit scale, with 95 % intervals: period[2] -1.0000 (-1.0010 to -0.9990), odds ratio 0.36" in effects
    ratios = [float(ratio) for ratio in re.findall(r"odds ratio ([\d.]+) ", effects)]
    assert ratios == pytest.approx(np.exp([-1.0, -1.1, -1.6]), rel=0.002)
    assert effects.endswith("Effects on the probability of incidence are in Predictions.")


def test_checks_in_brief_have_the_findings_of_three_chapters(sleep, doubtful):
    section = checks_in_brief(Reported(sleep))
    (table,) = section.tables
    long = [
        *diagnostics_section(Reported(sleep)).tables[0].rows,
        *posterior_checks_section(Reported(sleep)).tables[0].rows,
    ]
    assert list(table.rows) == long
    assert power_scale_section(Reported(sleep)).prose[1] in section.prose
    assert section.pictures == ()
    brief = " ".join(part.text for part in checks_in_brief(Reported(doubtful)).prose if isinstance(part, Note))
    for part in diagnostics_section(Reported(doubtful)).prose[1:]:
        assert part.text in brief  # what failed, and what to do


def test_in_short_says_why_a_verdict_is_missing(monkeypatch):
    few = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), draws=20, chains=1, seed=1, progressbar=False)
    _, data, priors, *_ = [part for part in in_short(Reported(few)).prose if isinstance(part, Note)]
    assert data == Note("Fit to the data: not judged: p-values need 100 draws or more, here 20.")
    assert priors.text == (
        "Priors: not judged. importance weights cannot be judged from so few draws "
        "(here: 1 chains of 20 draws; needed: 100 draws or more in all)."
    )

    def refuse(fit, seed):
        raise pp.DataError("no data can be made", got="this", allowed="that", do="the other")

    monkeypatch.setattr(reported, "check", refuse)
    again = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), draws=500, seed=1, progressbar=False)
    notes = [part for part in in_short(Reported(again)).prose if isinstance(part, Note)]
    assert notes[1] == Note("Fit to the data: not judged. no data can be made (here: this; needed: that).")
    assert notes[2].text.startswith("Priors: ")
    assert len(notes) == 3


def test_a_failed_check_shows_its_cure(sleep, doubtful):
    assert diagnostics_section(Reported(sleep)).prose[-1] == Note("Every check passed.", "good")
    notes = [p.text for p in diagnostics_section(Reported(doubtful)).prose if isinstance(p, Note)]
    assert notes
    assert all("What to do: raise" in text for text in notes)
    results = {row[0]: row[1] for row in diagnostics_section(Reported(doubtful)).tables[0].rows}
    assert results["bulk ESS"] == "failed"


def test_priors_count_whose_they_are():
    data = pp.load_dataset("dyestuff")
    fit = pp.fit(
        "Yield ~ 1 + (1 | Batch)",
        data,
        priors={"sigma": pp.Prior("HalfNormal", sigma=60)},
        draws=50,
        chains=2,
        seed=1,
        progressbar=False,
    )
    assert priors_section(Reported(fit)).prose[0].endswith("1 of 3 were set, the rest are defaults.")


def test_settings_are_those_that_mattered(sleep):
    settings, versions = made_from(Reported(sleep)).tables
    assert settings.rows == (
        ("engine", "collapsed (importance-weighted chains)"),
        ("chosen because", "group effects integrate out exactly"),
        ("draws", "1000"),
        ("chains", "4"),
        ("seed", "1"),
    )
    assert versions.rows[0] == ("partialpool", pp.__version__)


def test_every_picture_says_something_in_numbers(pastes, counts):
    for fit in (pastes, counts):
        without_draws_to_judge = (
            made_from,
            methods_section,
            diagnostics_section,
            in_short,
            posterior_checks_section,
            power_scale_section,
        )
        sections = [chapter.write(Reported(fit)) for chapter in CHAPTERS if chapter.write not in without_draws_to_judge]
        pictures = [picture for section in sections if section for picture in section.pictures]
        assert len(pictures) >= 3
        for picture in pictures:
            assert re.search(r"\d", picture.alt)
            assert picture.caption.endswith(".")


def test_predictions_are_said_at_both_ends_and_effects_tabulated(slopes, plain):
    section = predict_section(Reported(slopes))
    (picture,) = section.pictures
    assert "at Days 0 posterior mean 250," in picture.alt
    assert "at Days 9 posterior mean 340," in picture.alt
    (table,) = section.tables
    assert [row[:3] for row in table.rows] == [("Days", "+1", "10")]
    assert table.headers[2] == "average effect"  # with an identity link the two views agree
    assert not any("the two differ" in text for text in section.prose)
    assert any("on a subject in its middle agree: the table states both." in text for text in section.prose)
    assert predict_section(Reported(plain)).pictures


@pytest.fixture(scope="module")
def periods():
    """Counts of an exposure, in periods that are numbers, a slope that varies."""
    rng = np.random.default_rng(3)
    data = {"x": rng.normal(size=60), "period": np.tile([1, 2, 4], 20), "w": rng.uniform(2, 20, 60)}
    data |= {"g": np.repeat(np.arange(10), 6), "y": rng.poisson(2, 60)}
    either_way = 0.001 * np.array([1, -1] * 4)[:, None]
    values = {"beta": np.array([[-1.0, 0.3, 0.2, 0.1]]) + either_way, "sd_g": [[0.5, 0.1]] * 8}
    values |= {"corr_g": np.broadcast_to(np.eye(2), (8, 2, 2)), "b_g": np.zeros((8, 10, 2))}
    return fit_at("y ~ x + C(period) + offset(log(w)) + (x | g)", data, family="poisson", draws=8, **values)


def test_predictions_are_of_the_mean_exposure_and_of_a_category_that_there_is(periods):
    section = predict_section(Reported(periods))
    mean = periods.design.frame["w"].mean()
    along_x, along_period = section.pictures
    held = f"w={mean:.4g} (mean). Offset: log(w) = {np.log(mean):.4g}."
    assert f"Other predictors fixed at: period=1 (first), {held}" in along_x.caption
    ends = np.array([periods.design.frame["x"].min(), periods.design.frame["x"].max()])
    # Group effects integrated out under a log link: exp(eta + variance / 2).
    expected = mean * np.exp(-1 + 0.3 * ends + (0.25 + 0.01 * ends**2) / 2)
    said = [float(number) for number in re.findall(r"posterior mean ([\d.]+)", along_x.alt)]
    assert said == pytest.approx(expected, rel=0.02)
    assert re.findall(r"at period (\S+) ", along_period.alt) == ["1", "4"]
    assert [row[:2] for row in section.tables[0].rows][1:] == [("period", "2 against 1"), ("period", "4 against 1")]


def test_means_that_a_few_draws_decide_are_said_as_medians():
    """Few levels: an sd of 1.5 exp(0.6 z) makes means over new levels, exp(eta + sd^2 / 2), of a long tail."""
    rng = np.random.default_rng(1)
    sd = 1.5 * np.exp(0.6 * rng.normal(size=(4000, 1)))
    data = {"x": np.tile([0.0, 1, 2, 4], 6), "g": np.repeat(list("uvwxyz"), 4), "y": np.arange(24) % 7}
    values = {"beta": np.array([0.2, 0.1]) + 0.1 * rng.normal(size=(4000, 2)), "sd_g": sd}
    values["b_g"] = sd[:, None] * rng.normal(size=(4000, 6, 1))
    section = predict_section(Reported(fit_at("y ~ x + (1 | g)", data, family="poisson", draws=4000, **values)))
    (picture,), (table,) = section.pictures, section.tables
    why = "posterior median (a few draws decide the mean)"
    assert f"Mean (line or circle: {why}) with its 95 % interval" in picture.caption
    ends = np.array([0.0, 4.0])
    middle = np.median(np.exp(values["beta"] @ np.stack([np.ones(2), ends]) + sd**2 / 2), axis=0)
    said = [float(value) for value in re.findall(re.escape(why) + r" ([\d.]+),", picture.alt)]
    assert said == [round(middle[0], 1), round(middle[1])]
    assert table.title.endswith(f"{why}, 95 % interval")
    average, low, high = (float(cell) for cell in table.rows[0][2:5])
    assert low < average < (low + high) / 2


def test_coefficients_in_short_are_medians_where_a_few_draws_decide_the_mean(monkeypatch):
    monkeypatch.setattr("partialpool.reporting.sections.in_short._verdicts", lambda fit: ())  # of no sampler's draws
    rng = np.random.default_rng(1)
    wild, steady = np.exp(3 * rng.normal(size=4000)), 5 + 0.1 * rng.normal(size=4000)
    values = {"beta": np.stack([steady, wild], axis=1), "sigma": np.exp(0.1 * rng.normal(size=4000))}
    fit = fit_at("y ~ x", {"x": np.arange(8.0), "y": np.arange(8.0)}, draws=4000, **values)
    low, middle, high = np.quantile(wild, [0.025, 0.5, 0.975])
    (said,) = in_short(Reported(fit)).prose
    assert f"x {middle:.1f} (posterior median (a few draws decide the mean); {low:.1f} to {high:.1f})" in said


def test_levels_are_drawn_where_the_covariates_are():
    """Blood pressures with a baseline in the model are those of the mean baseline, not of a baseline of 0."""
    rng = np.random.default_rng(4)
    data = {"week": np.tile(np.arange(4.0), 12), "s": np.repeat(np.arange(12), 4), "arm": np.repeat(["a", "b"], 24)}
    data |= {"base": np.repeat(rng.normal(150, 10, 12), 4), "bp": rng.normal(140, 8, 48)}
    values = {"beta": [20.0, -1.0, 3.0, -2.0, 0.8], "sd_s": [5.0, 0.5], "corr_s": np.eye(2), "sigma": 6.0}
    fit = fit_at("bp ~ week * arm + base + (week | s)", data, **values)
    mean = data["base"].mean()
    (arrows,) = shrinkage_section(Reported(fit)).pictures
    assert arrows.caption.endswith(
        "Crosses are complete pooling, which ignores the grouping. Other predictors fixed at: arm (each level's own), "
        f"base={mean:.4g} "
        "(mean)."
    )
    shown = [float(n) for n in re.findall(r"pulled farthest, from ([\d.]+) to ([\d.]+)", arrows.alt)[0]]
    assert 100 < min(shown) < max(shown) < 180
    (panels,) = level_lines_section(Reported(fit)).pictures
    assert panels.caption.endswith(f"Other predictors fixed at: arm (each level's own), base={mean:.4g} (mean).")


def test_a_variance_holds_numbers_read_as_categories_at_their_first(periods):
    (picture,) = variance_function_section(Reported(periods)).pictures
    assert "period=1 (first)" in picture.caption


def test_both_views_are_explained_where_they_differ(counts):
    section = predict_section(Reported(counts))
    assert "the two differ" in section.prose[1]
    (table,) = section.tables
    assert table.title.startswith("Average effects on the probability of incidence, other predictors as observed")
    assert [row[1] for row in table.rows] == ["2 against 1", "3 against 1", "4 against 1"]
    population, subject = float(table.rows[0][2]), float(table.rows[0][5])
    assert subject == pytest.approx(1 / (1 + np.exp(2.4)) - 1 / (1 + np.exp(1.4)), abs=2e-3)
    assert population != subject
    (picture,) = section.pictures
    assert picture.alt.startswith("probability of incidence: at period 1 posterior mean 0.2")


def test_support_is_a_sentence_with_probabilities(slopes, plain):
    section = singularity_section(Reported(slopes))
    assert section.prose[0].text.startswith("The data support every effect")
    assert "Subject: Days: near zero with probability 0.00, under the prior 0.03" in section.pictures[0].alt
    assert singularity_section(Reported(plain)) is None


def test_priors_that_decide_are_named():
    sleep = pp.load_dataset("sleepstudy")
    section = power_scale_section(Reported(pp.fit("Reaction ~ Days + (1 | Subject)", sleep, seed=1, progressbar=False)))
    assert section.prose[1].text.startswith("No answer changes noticeably")
    assert re.search(r"icc\[Subject\] 0\.\d+", section.pictures[0].alt)
    schools = pp.load_dataset("eight_schools")
    fit = pp.fit("effect ~ 1 + (1 | school)", schools, se="standard_error", seed=1, progressbar=False)
    note = power_scale_section(Reported(fit)).prose[1]
    assert note.tone == "bad"
    assert "icc[school]: strong prior / weak likelihood" in note.text


def test_costs_are_numbers(nested, slopes, plain):
    worth, naive = design_effect_section(Reported(nested)).pictures
    assert "batch: design effect posterior mean" in worth.alt
    assert naive.alt.startswith("Standard errors. Intercept: naive")
    assert design_effect_section(Reported(plain)) is None


def test_lines_name_who_changes_most(slopes, nested):
    (picture,) = level_lines_section(Reported(slopes)).pictures
    assert picture.alt == "From Days 0 to 9 every line of Subject rises by 90."
    assert level_lines_section(Reported(nested)) is None


def test_checks_of_the_fit_say_what_to_do(sleep, without_groups):
    section = posterior_checks_section(Reported(sleep))
    assert any(isinstance(part, Note) and part.tone == "bad" and "What to do" in part.text for part in section.prose)
    (table,) = section.tables
    of_rows = ["skewness", "tails", "spread", "fitted"]
    of_levels = ["means of Subject", "spreads within Subject", "trend of Days in Subject"]
    assert [row[0] for row in table.rows] == [*of_rows, *of_levels]
    response, levels = section.pictures
    for name, _, found in table.rows[:4]:  # the same numbers, from the same new data
        assert found in response.alt, name
    assert re.search(r"mean of \d+ % of levels inside", levels.alt)
    assert len(posterior_checks_section(Reported(without_groups)).pictures) == 1
    assert [row[0] for row in posterior_checks_section(Reported(without_groups)).tables[0].rows] == of_rows


def test_an_answer_near_the_threshold_is_neither_praised_nor_condemned(sleep, monkeypatch):
    plain = Reported(sleep).prior_sensitivity.frame["prior"].drop(["corr_Subject[Intercept, Days]"])
    name, value = plain.idxmax(), plain.max()
    monkeypatch.setattr("partialpool.questions.power_scale.THRESHOLD", value)
    near = Reported(sleep)
    assert name in near.doubtful_answers
    assert name not in near.moved_answers
    monkeypatch.setattr(Reported, "moved_answers", {})
    note = next(part for part in power_scale_section(near).prose if isinstance(part, Note))
    assert (note.tone, name in note.text) == ("aside", True)
    assert note.text.startswith("No answer is clearly sensitive to the priors. Near the threshold, so that more draws")
    priors = in_short(near).prose[-1]
    assert (priors.tone, name in priors.text) == ("aside", True)
    assert "near the threshold at which they count as sensitive" in priors.text


def test_in_short_does_not_praise_what_is_boxed_below(sleep):
    boxed = [
        part.text
        for part in posterior_checks_section(Reported(sleep)).prose
        if isinstance(part, Note) and part.tone == "bad"
    ]
    _, _, _, data, priors = in_short(Reported(sleep)).prose
    assert (data.tone == "bad") == bool(boxed)
    for text in boxed:
        assert text.split(":")[0] in data.text
    moved = next(part for part in power_scale_section(Reported(sleep)).prose if isinstance(part, Note))
    assert priors.tone == moved.tone
    assert not any("relied on" in part.text for part in in_short(Reported(sleep)).prose if isinstance(part, Note))


@pytest.mark.parametrize(
    ("slope", "said"),
    [
        (0, "the line of g a falls most, by 2, that of c rises most, by 4"),
        (10, "the line of g a rises least, by 18, that of c rises most, by 24"),
        (-10, "the line of g a falls most, by 22, that of c falls least, by 16"),
    ],
)
def test_who_rises_and_who_falls_is_said_by_sign(slope, said):
    data = {"y": np.arange(9.0), "x": [0.0, 1, 2] * 3, "g": list("aaabbbccc")}
    b = np.array([[0, -1.0], [0, 0.5], [0, 2.0]])
    fit = fit_at("y ~ x + (x | g)", data, beta=[0, slope], sd_g=[1, 1], corr_g=np.eye(2), sigma=1.0, b_g=b)
    (picture,) = level_lines_section(Reported(fit)).pictures
    assert picture.alt == f"From x 0 to 2 {said}."


def findings(monkeypatch, *found):
    judged = [not text.startswith("not judged") for _, text in found]
    listed = tuple(Finding(f"check {k}", *one, "c", judged=judged[k]) for k, one in enumerate(found))
    monkeypatch.setattr(Reported, "fit_findings", listed)


def test_a_check_that_was_not_judged_has_not_passed(sleep, monkeypatch):
    findings(monkeypatch, (True, "p = 0.4"), (True, "not judged: no trend"))
    section = posterior_checks_section(Reported(sleep))
    assert [row[1] for row in section.tables[0].rows] == ["passed", "not judged"]
    (note,) = [part for part in section.prose if isinstance(part, Note)]
    assert note.text == (LIKE_THESE + "check 0. Not judged: check 1.")
    findings(monkeypatch, (True, "not judged: no trend"))
    assert not any(isinstance(part, Note) for part in posterior_checks_section(Reported(sleep)).prose)
    findings(monkeypatch, (True, "p = 0.4"))
    assert posterior_checks_section(Reported(sleep)).prose[1].text == LIKE_THESE + "check 0."


def test_ratios_name_the_units_per_which_they_are():
    table = {"y": [0, 1, 0, 1, 1, 0] * 2, "age": np.arange(12.0), "dose": np.arange(12.0) ** 2, "g": list("aabbcc") * 2}
    draws = {
        "beta": np.random.default_rng(1).normal(size=(400, 3)),
        "sd_g": np.ones((400, 1)),
        "b_g": np.zeros((400, 3, 1)),
    }
    fit = fit_at("y ~ age + dose + (1 | g)", table, family="bernoulli", draws=400, **draws)
    *_, ratios = estimates(Reported(fit)).tables
    assert ratios.notes == ()
    *_, ratios = estimates(Reported(fit.with_units({"age": "years"}))).tables
    assert ratios.notes == ("Units: age per year.",)


def test_claims_have_their_probabilities(slopes):
    draws = np.array([[250, 10 + d] for d in (-1, 0, 1, 2)])
    values = {name: np.repeat([value], 4, axis=0) for name, value in SLOPES.items()} | {"beta": draws}
    data = pp.load_dataset("sleepstudy")
    fit = fit_at("Reaction ~ Days + (Days | Subject)", data, draws=4, b_Subject=np.zeros((4, 18, 2)), **values)
    (table,) = hypothesis_section(Reported(fit, claims=("Days > 9.5", "Days > 100"))).tables
    assert [(row[0], row[1], row[-1]) for row in table.rows] == [
        ("Days > 9.5", "10.5", "0.750"),
        ("Days > 100", "10.5", "< 0.001"),
    ]
    assert hypothesis_section(Reported(slopes)) is None


def test_a_report_has_the_claims_that_are_stated(sleep, tmp_path):
    page = pp.report(sleep, tmp_path / "r.html", sections=["Summary"], claims="Days > 9.5").read_text()
    assert "Days &gt; 9.5" in page
    assert "posterior probability" in page
    assert "Claims" not in pp.report(sleep, tmp_path / "r.html", sections=["Summary"]).read_text()


def test_claims_that_are_not_understood_write_no_page(slopes, tmp_path):
    with pytest.raises(pp.SpecError, match="Dayz"):
        pp.report(slopes, tmp_path / "r.html", claims=["Dayz > 5"])
    with pytest.raises(pp.SpecError, match="no claims are stated for the report"):
        pp.report(slopes, tmp_path / "r.html", sections=["Claims"])
    assert not (tmp_path / "r.html").exists()
