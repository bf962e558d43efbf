"""Labels of a fit: stated in a model file or afterwards, saved with it, and written by tables, reports and pictures."""

import re

import matplotlib as mpl
import pytest
from PIL import Image

mpl.use("Agg")

import partialpool as pp
from partialpool.cli import main
from partialpool.fitting import model_files
from partialpool.plots import style

LABELS = {"Days": "Days awake", "Subject": "Participant"}
MODEL = """
[data]
dataset = "sleepstudy"

[model]
formula = "Reaction ~ Days + (1 | Subject)"

[labels]
Days = "Days awake"
Subject = "Participant"

[sampling]
draws = 100
seed = 1
"""


@pytest.fixture
def model_file(tmp_path):
    (tmp_path / "model.toml").write_text(MODEL)
    return tmp_path / "model.toml"


def test_a_model_file_states_labels_which_are_saved(model_file, tmp_path):
    fit = pp.fit_file(model_file, progressbar=False)
    assert dict(fit.labels) == LABELS
    again = pp.load_fit(fit.save(tmp_path / "fit.nc"))
    assert dict(again.labels) == LABELS
    assert again.spec == fit.spec
    for one in (fit, again):
        assert "Days awake" in str(pp.table(one, rows=["fixed"]))
    assert "coefficient of Days awake" in pp.methods(again)
    page = pp.report(again, tmp_path / "report.html", sections=["Estimates"]).read_text("utf-8")
    assert '<th scope="row">Days awake</th>' in page


def test_labels_that_are_given_come_first(sleepstudy_fit):
    fit = sleepstudy_fit.with_labels(LABELS)
    assert dict(sleepstudy_fit.labels) == {}
    assert dict(fit.with_labels({"Days": "Day"}).labels) == LABELS | {"Days": "Day"}
    labels = set(pp.table(fit, labels={"Days": "Day"}).frame["label"])
    assert {"Day", "Participant, sd of Day"} <= labels
    both = pp.table({"a": fit.with_labels({"Days": "first"}), "b": fit.with_labels({"Days": "second"})})
    assert "first" in set(both.frame["label"])
    assert "second" not in set(both.frame["label"])


def test_labels_survive_units_and_new_rows(sleepstudy):
    first, more = sleepstudy[sleepstudy["Days"] < 8], sleepstudy[sleepstudy["Days"] >= 8]
    fit = pp.fit("Reaction ~ Days + (1 | Subject)", first, seed=1, draws=100, progressbar=False).with_labels(LABELS)
    assert dict(fit.with_units({"Days": "d"}).labels) == LABELS
    assert dict(fit.update(more, seed=1, progressbar=False).labels) == LABELS


@pytest.mark.parametrize(
    ("line", "told"),
    [('Dyas = "Day"', r"labels name something that no model has(?s:.*)'Days'"), ("Days = 3", "dictionary of text")],
)
def test_an_unknown_name_is_refused_before_sampling(model_file, monkeypatch, line, told, capsys):
    def sample(*_args, **_named):
        raise AssertionError("sampled")

    model_file.write_text(MODEL.replace('Days = "Days awake"', line))
    monkeypatch.setattr(model_files, "fit", sample)
    with pytest.raises(pp.SpecError, match=told):
        pp.fit_file(model_file, progressbar=False)
    assert main(["check", str(model_file)]) == 2
    assert re.search(told, capsys.readouterr().err)


def test_a_section_of_labels_is_a_table(model_file):
    model_file.write_text('labels = "none"\n' + MODEL.partition("[labels]")[0])
    with pytest.raises(pp.SpecError, match=r"\[labels\] must be a table"):
        pp.read_model_file(model_file)


def test_the_pictures_of_the_command_line_have_the_labels(model_file, tmp_path, monkeypatch):
    titles = []
    write = style._write
    monkeypatch.setattr(
        style,
        "_write",
        lambda figure, place, **more: titles.append(figure.get_suptitle()) or write(figure, place, **more),
    )
    model_file.write_text(MODEL.replace("draws = 100\n", ""))
    assert main(["fit", str(model_file), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert titles[0].startswith("Reaction: effects by Participant")
    with Image.open(tmp_path / "out" / "effects_Subject.png") as picture:
        assert picture.width > 300
