"""Labels of a report: they are in every section, its pictures included, but not in the formula and the equations."""

import re
from datetime import date

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

import partialpool as pp
from checks.fixed import fit_at
from partialpool.design.units import Units
from partialpool.fitting.point_estimate import MEDIAN
from partialpool.labels.labels import Labels, checked_labels
from partialpool.labels.names_shown import NamesShown
from partialpool.reporting.contents import CHAPTERS, CLAIMS
from partialpool.reporting.page import render
from partialpool.reporting.reported import Reported
from partialpool.reporting.sections.estimates import estimates
from partialpool.reporting.sections.group_effects import group_effects_section
from partialpool.reporting.sections.in_short import in_short
from partialpool.reporting.sections.level_predictions import level_predictions_section
from partialpool.reporting.sections.predict import predict_section
from partialpool.reporting.sections.the_model import the_model

GIVEN = {"Days": "Days awake", "Subject": "Participant", "Reaction": "Reaction time", "sigma": "Noise"}


@pytest.fixture(scope="module")
def labelled(sleep):
    return Reported(sleep, labels=Labels(GIVEN))


def column(table, k):
    return [row[k] for row in table.rows]


def words(section):
    return " ".join(text for picture in section.pictures for text in (picture.alt, picture.caption))


def test_estimates_have_labels(labelled, sleep):
    components, fixed, icc = estimates(labelled).tables
    assert column(components, 0) == ["Participant", "", "", "residual"]
    assert column(components, 1) == ["Intercept", "Days awake", "corr(Intercept, Days awake)", "Noise"]
    assert column(fixed, 0) == ["Intercept", "Days awake"]
    assert column(icc, 0) == ["Participant"]
    plain = estimates(Reported(sleep)).tables
    for table, other in zip((components, fixed, icc), plain, strict=True):  # the numbers are the same
        assert [row[-6:] for row in table.rows] == [row[-6:] for row in other.rows]


def test_predictions_have_labels(labelled):
    section = predict_section(labelled)
    (effects,) = section.tables
    (each,) = level_predictions_section(labelled).tables
    assert effects.title.startswith("Average effects on the mean of Reaction time, ")
    assert column(effects, 0) == ["Days awake"]
    assert each.title.startswith("Predicted mean of Reaction time (ms) for each Participant: ")
    assert each.headers[0] == "Participant"
    assert each.notes == ("Predictors fixed at: Days awake=4.5 (mean).",)
    assert section.pictures[0].alt.startswith("mean of Reaction time: at Days awake 0 posterior mean 25")
    assert "a randomly drawn level of Participant" in section.prose[0]


@pytest.fixture
def drawn(monkeypatch):
    """Texts in all figures that are written."""
    texts = []
    write = Figure.savefig

    def look(figure, *args, **kwargs):
        texts.extend(text.get_text() for text in figure.findobj(Text))
        return write(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", look)
    return texts


WRITTEN = [chapter for chapter in CHAPTERS if chapter is not CLAIMS]
"""Claims keep the names of the model, as code does."""


@pytest.mark.parametrize("chapter", WRITTEN, ids=[chapter.title for chapter in WRITTEN])
def test_the_names_of_the_model_do_not_appear_beside_labels(labelled, drawn, chapter):
    section = chapter.of(labelled)
    said = " ".join([words(section), *map(str, section.prose), *map(str, section.tables), *drawn])
    said = said.replace("Reaction ~ Days + (Days | Subject)", "")
    assert bool(section.pictures) == bool(drawn)
    if chapter.title not in ("Diagnostics of the draws", "Software and settings", "Glossary"):
        assert re.search("Participant|Days awake|Reaction time", said)
    if chapter.title != "The model":
        assert not re.search(r"Subject\b|Days\b(?! awake)|Reaction\b(?! time)", said)


def test_a_prior_a_check_and_a_diagnosis_have_labels(labelled):
    priors, effects, names = (
        labelled.names.prior_table(labelled.fit.priors),
        labelled.prior_sensitivity.frame,
        labelled.names,
    )
    assert column(priors, 0) == [
        "Intercept",
        "coefficient of Days awake",
        "sd of Intercept over Participant",
        "sd of Days awake over Participant",
        "correlations over Participant",
        "Noise",
    ]
    assert (
        priors.notes[1]
        == "sds over Participant and correlations over Participant have priors at the predictors' means."
    )
    assert effects.columns[:4].tolist() == [
        "coefficients (beta)",
        "sds over Participant",
        "correlations over Participant",
        "Noise",
    ]
    assert effects.index[1] == "coefficient of Days awake"
    assert "trend of Days awake in Participant" in [finding.check for finding in labelled.fit_findings]
    assert (
        names.told("R-hat up to 1.1 (b_Subject[308, Days]): more")
        == "R-hat up to 1.1 (Days awake of Participant 308): more"
    )
    # Words that happen to be names stay as they are where no name is expected.
    assert names.told("Days differ, Subject too") == "Days differ, Subject too"


def test_columns_with_the_names_of_ordinary_words_do_no_harm():
    table = {"y": np.arange(24.0) % 7, "of": np.tile([1.0, 2, 4], 8), "means": list("aabbccdd") * 3}
    fit = fit_at("y ~ of + (of | means)", table, beta=[1.0, 0.5], sd_means=[1.0, 0.5], corr_means=np.eye(2), sigma=1.0)
    names = NamesShown(fit.design, Labels({"of": "Dose", "means": "Clinic"}))
    assert names.told("means of means: the means of new data") == "means of Clinic: the means of new data"
    assert names.told("trend of of in means") == "trend of Dose in Clinic"
    assert names.told("of=2.3 (mean)") == "Dose=2.3 (mean)"


def test_a_unit_per_unit_of_a_predictor_has_its_label():
    table = {"y": np.arange(24.0) % 7, "x": np.tile([1.0, 2, 4], 8), "z": np.tile([1.0, 0], 12)}
    data = pd.DataFrame(table)
    data.attrs["units"] = {"y": "cm"}
    fit = fit_at("y ~ x * z", data, beta=[1.0, 0.5, 0.1, 0.2], sigma=1.0)
    names = NamesShown(fit.design, Labels({"x": "Dose"}))
    units = fit.design.axis_units.of_effects(["x", "x:z"])
    assert [names.told(unit) for unit in units.values()] == ["cm per unit of Dose", "cm per unit of Dose × z"]


def test_units_are_found_under_labels(labelled, sleep):
    answer = labelled.names.relabelled(pp.shrinkage(sleep))
    units = Units.of_answer(answer.attrs)
    assert dict(units.of_effects(["Intercept", "Days awake"])) == {"Intercept": "ms", "Days awake": "ms/day"}
    assert units.of("Days awake") == "days"


def test_pictures_have_the_labels(labelled, sleep, monkeypatch):
    """The plots are handed an answer with labels, and the units of the names of the model."""
    seen = {}

    def look(answer, *args, **kwargs):
        seen["answer"], seen["units"] = answer, kwargs["units"]
        raise pp.DataError("seen", got="an answer", allowed="a look", do="stop")

    monkeypatch.setattr("partialpool.reporting.sections.group_effects.plot_group_effects", look)
    group_effects_section(labelled)
    assert seen["answer"].attrs["factor"] == "Participant"
    assert seen["answer"].attrs["response"] == "Reaction time"
    assert seen["answer"]["effect"].to_numpy().tolist() == ["Intercept", "Days awake"]
    assert seen["units"] == {"Intercept": "ms", "Days awake": "ms/day"}
    assert pp.group_effects(sleep)["effect"].to_numpy().tolist() == ["Intercept", "Days"]


def test_the_summary_and_the_model_say_what_is_what(labelled, sleep):
    said = " ".join(text for text in in_short(labelled).prose if isinstance(text, str))
    assert re.search(r"Days awake 10\.\d ms/day", said)
    assert re.search(r"Participant 0\.\d", said)
    listed = the_model(labelled).prose[-1]
    assert "Days: Days awake; Subject: Participant; Reaction: Reaction time; sigma: Noise." in listed
    assert len(the_model(Reported(sleep)).prose) == len(the_model(labelled).prose) - 1


def test_categories_and_cutpoints_have_labels():
    table = {"y": [1, 2, 3] * 4, "arm": ["a", "b"] * 6, "g": list("uuuuvvvvwwww")}
    values = {"beta": [0.5], "sd_g": [1.0], "cutpoints": [-1.0, 1.0]}
    fit = fit_at("y ~ arm + (1 | g)", table, family="cumulative", **values)
    labels = Labels({"1": "poor", "3": "good", "arm": "Treatment", "arm[b]": "New drug", "g": "Clinic", "y": "Grade"})
    reported = Reported(fit, labels=labels)
    effects, _ = predict_section(reported).tables
    (each,) = level_predictions_section(reported).tables
    assert effects.headers == ("predictor", "contrast", "poor", "2", "good")
    assert column(effects, 0) == ["Treatment"]
    assert each.headers == ("Clinic", "poor", "2", "good")
    assert each.notes == ("Predictors fixed at: Treatment=a (first).",)
    shown = NamesShown(fit.design, labels)
    assert shown.rows["cutpoints[1|2]"] == ("poor | 2", "")
    assert shown.rows["beta[arm[b]]"] == ("New drug", "")
    assert shown.quantity == "probability of each category of Grade"
    for tree in (pp.posterior_checks(fit, seed=1), pp.level_statistics(fit, seed=1)):
        assert shown.relabelled(tree).attrs["categories"] == ["poor", "2", "good"]


def test_the_note_on_medians_has_labels():
    draws = np.exp(3 * np.random.default_rng(1).normal(size=(4000, 1)))
    values = {"beta": draws, "sigma": np.ones(4000)}
    fit = fit_at("y ~ 0 + x", {"x": np.arange(8.0), "y": np.arange(8.0)}, draws=4000, **values)
    (table, *_) = [t for t in Reported(fit, labels=Labels({"x": "Dose"})).digest.tables if "Fixed" in t.title]
    assert table.notes == (f"{MEDIAN.reason} and sd of Dose: read the median",)


def test_a_page_has_the_labels_and_keeps_the_formula(sleep, tmp_path):
    path = pp.report(sleep, tmp_path / "report.html", labels=GIVEN, sections=["Estimates", "Predictions"])
    page = path.read_text(encoding="utf-8")
    assert "<h1>Reaction time</h1>" in page
    assert "Reaction ~ Days + (Days | Subject)" in page
    assert '<th scope="row">Days awake</th>' in page


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"Dyas": "Day"}, "labels name something that no model has\n  got:     'Dyas'\n  allowed: 'Days' (nearest), "),
        ({"Days": 3}, "labels must be a dictionary of text\n  got:     {'Days': 3}\n"),
    ],
)
def test_a_label_that_names_nothing_is_refused_before_any_work(sleep, tmp_path, monkeypatch, labels, told):
    monkeypatch.setattr("partialpool.reporting.page.render", lambda *_, **__: pytest.fail("drawn in vain"))
    with pytest.raises(pp.SpecError) as refused:
        pp.report(sleep, tmp_path / "report.html", labels=labels)
    assert str(refused.value).startswith(told)
    assert "\n  do:      " in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", ["C(period)", "period"])
def test_a_label_of_a_category_is_that_of_its_column_and_the_reverse(given):
    table = {"y": [1.0, 3, 2, 5, 0, 4] * 4, "period": [1, 2, 3] * 8, "x": [0.0, 1, 2, 3] * 6, "g": [1, 2, 3, 4] * 6}
    fit = pp.fit("y ~ C(period) + x + (1 | g)", table, seed=1, draws=100, progressbar=False)
    labels = {given: "Quarter", f"{given}[3]": "Autumn", "g": "Site"}
    labelled = Reported(fit, labels=checked_labels([fit], labels))
    assert pp.table(fit, labels=labels).frame["label"].tolist()[1:3] == ["Quarter: 2", "Autumn"]
    assert "with the reference: Quarter = 1." in pp.methods(fit, labels=labels)
    page = render(labelled, chapters=[c for c in CHAPTERS if c.title in ("Estimates", "The model")])
    assert "<dd>Quarter = 1</dd>" in page
    assert "; Site 4 levels</dd>" in page
    assert "Intercept: at Quarter = 1, x = 0." in page
    assert f"other sections have labels for them: {given}: Quarter; {given}[3]: Autumn; g: Site." in page


def test_the_page_has_its_date_and_the_engine_at_its_end(sleepstudy_fit):
    page = render(Reported(sleepstudy_fit), author="R. Reader", chapters=CHAPTERS[:1])
    assert f'by R. Reader, <time datetime="{date.today().isoformat()}">' in page
    head, foot = page.split("</header>")[0], page.split("<footer>")[1]
    assert "Engine" not in head
    assert "<p>Engine: nuts" in foot
