"""`partialpool explore`: a saved fit in, a page beside it."""

import pytest

import partialpool as pp
from partialpool.cli import main
from partialpool.intervals import DEFAULT_PROB


@pytest.fixture
def saved(schools, tmp_path):
    return schools.save(tmp_path / "fit.nc")


def test_it_writes_a_page_beside_the_fit(saved, capsys, monkeypatch):
    monkeypatch.setattr("partialpool.explorer.studies.PLACES", 1)  # 4 refits in place of 36
    assert main(["explore", str(saved), "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "Diagnostics: good" in out
    assert f"wrote {saved.with_name('explorer.html')}" in out
    assert "Partial pooling over <bdi>school</bdi>" in saved.with_name("explorer.html").read_text(encoding="utf-8")


def test_its_options_are_those_of_explore(saved, monkeypatch):
    asked = {}
    monkeypatch.setattr("partialpool.explorer.page.explore", lambda fit, path, **options: asked.update(options) or path)
    options = ["--factor", "school", "--effect", "Intercept", "--levels", "A", "C", "--seed", "7", "--quiet"]
    assert main(["explore", str(saved), *options, "--prob", "0.8"]) == 0
    assert asked == {
        "title": "", "factor": "school", "effect": "Intercept", "levels": ["A", "C"], "prob": 0.8, "seed": 7,
        "progressbar": False,
    }  # fmt: skip
    assert main(["explore", str(saved)]) == 0
    assert asked == {
        "title": "", "factor": None, "effect": None, "levels": None, "prob": DEFAULT_PROB, "seed": None,
        "progressbar": True,
    }  # fmt: skip


def test_what_is_wrong_is_said_and_nothing_written(saved, capsys):
    assert main(["explore", str(saved), "--effect", "Days"]) == 2
    assert "does not vary over 'school'" in capsys.readouterr().err
    assert main(["explore", str(saved), "--out", str(saved)]) == 2
    assert "the page would replace the fit" in capsys.readouterr().err
    assert main(["explore", str(saved.parent)]) == 2
    assert "cannot read this as a fit" in capsys.readouterr().err
    assert [path.name for path in saved.parent.iterdir()] == ["fit.nc"]
    assert pp.load_fit(saved).spec.response == "effect"
