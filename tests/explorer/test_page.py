"""The page as a file: whole or not there, self-contained, escaped, small, the same every time."""

import importlib.resources
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at
from checks.outline import Outline
from explorer.conftest import HOSTILE
from partialpool.explorer import page
from partialpool.explorer.axis import LAST, PLAIN
from partialpool.explorer.page import explore, render_explorer
from partialpool.reporting.limits import MOST_LEVELS


def numbers_of(text):
    (found,) = re.findall(r'<script type="application/json" id="numbers">(.*?)</script>', text, re.S)
    return json.loads(found)


@pytest.fixture
def quick(monkeypatch):
    """The fit's own prior alone: what is asked does not hang on the others."""
    monkeypatch.setattr("partialpool.explorer.studies.FAMILIES", {"half-t(3)": page.FAMILIES["half-t(3)"]})
    monkeypatch.setattr("partialpool.explorer.studies.PLACES", 1)


def test_it_needs_nothing_else(pages):
    for text in pages.values():
        outline = Outline(text)
        assert outline.all("link") == outline.all("img") == outline.all("iframe") == []
        assert all("src" not in attrs for attrs in outline.all("script"))
        (style,) = re.findall(r"<style>(.*?)</style>", text, re.S)
        assert "url(" not in style
        assert "@import" not in style
        assert len(text.encode()) < 3_000_000


def test_everything_that_can_be_moved_has_a_name(pages):
    outline = Outline(pages["radon"])
    ids = [attrs["id"] for _, attrs in outline.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    labelled = {attrs.get("for") for attrs in outline.all("label")}
    assert "sd" in labelled
    text = pages["radon"]
    for element in ("scale", "family", "order"):  # inside their labels
        assert re.search(rf'<label[^>]*>[^<]*(?:<output[^>]*></output>\s*)?<(?:input|select)[^>]* id="{element}"', text)
    assert len(outline.all("input")) == 2 + 85
    assert outline.all("html")[0]["lang"] == "en"
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in outline.all("meta")


def test_labels_are_text_whatever_they_hold(pages):
    text = pages["hostile"]
    outline = Outline(text)
    assert len(outline.all("script")) == len(Outline(pages["sleep"]).all("script")) == 4
    assert not any(name.startswith("on") for _, attrs in outline.elements for name in attrs)
    assert sorted(numbers_of(text)["names"]) == sorted(HOSTILE)
    assert text.count("boom()") >= 4  # it is there, as text
    assert "<b>é" not in text


def test_the_curves_on_the_page_are_those_of_the_fit(pages, sleep_at_the_mean):
    numbers = numbers_of(pages["sleep"])
    pooling = sleep_at_the_mean
    own = pooling["no_pooling"].sel(level=[str(name) for name in numbers["names"]])
    np.testing.assert_allclose(numbers["values"][LAST], own, rtol=1e-9)
    np.testing.assert_allclose(numbers["values"][0], float(pooling["complete_pooling"]), rtol=1e-9)
    assert numbers["sds"][0] == 0
    assert numbers["sds"][LAST] is None
    assert numbers["unit"] == "ms"
    own_study = numbers["studies"][0]["sd"]
    assert own_study["median"] == pytest.approx(float(pooling["sd"].median()))
    # The posterior stands on the even part of the axis.
    assert 0 < own_study["steps"]["low"] < own_study["steps"]["median"] < own_study["steps"]["high"] < PLAIN


def test_what_rows_do_not_tell_is_a_gap(pages):
    numbers = numbers_of(pages["hostile"])
    at = numbers["names"].index(HOSTILE[2])
    assert numbers["values"][LAST][at] is None
    assert numbers["errors"][at] is None
    assert numbers["values"][LAST - 1][at] is not None
    assert sum(value is None for value in numbers["values"][LAST]) == 1


def test_known_errors_have_an_icc_too(pages, schools):
    numbers = numbers_of(pages["schools"])
    assert numbers["studies"][0]["icc"]["median"] == pytest.approx(float(pp.icc(schools)["icc"].median()))
    assert "The standard errors of the rows are known." in pages["schools"]


def test_the_same_fit_gives_the_same_page(gamma, pages, monkeypatch):
    monkeypatch.setattr("partialpool.explorer.studies.PLACES", 3)
    assert render_explorer(gamma, progressbar=False) == pages["gamma"]


@pytest.mark.usefixtures("quick")
def test_it_appears_only_when_it_is_whole(schools, tmp_path, monkeypatch):
    path = tmp_path / "explorer.html"
    assert explore(schools, path, progressbar=False) == path
    assert [p.name for p in tmp_path.iterdir()] == ["explorer.html"]
    before = path.read_bytes()
    assert before.startswith(b"<!DOCTYPE html>")
    monkeypatch.setattr(page, "things_to_try", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        explore(schools, path, progressbar=False)
    assert [p.name for p in tmp_path.iterdir()] == ["explorer.html"]
    assert path.read_bytes() == before


@pytest.mark.usefixtures("quick")
def test_a_file_that_cannot_be_written_is_refused_before_the_work(schools, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "render_explorer", lambda *_, **__: pytest.fail("the refits were made"))
    with pytest.raises(pp.FileError, match="cannot write the explorer"):
        explore(schools, tmp_path / "nowhere" / "explorer.html", progressbar=False)
    with pytest.raises(pp.FileError, match="a folder"):
        explore(schools, tmp_path, progressbar=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("quick")
def test_while_it_is_made_nothing_lies_beside_it(schools, tmp_path, monkeypatch):
    """What ends the process during the refits leaves no temporary file."""
    seen = []
    studied = page.prior_studies

    def watched(*arguments, **options):
        seen.append(list(tmp_path.iterdir()))
        return studied(*arguments, **options)

    monkeypatch.setattr(page, "prior_studies", watched)
    explore(schools, tmp_path / "explorer.html", progressbar=False)
    assert seen == [[]]


@pytest.mark.usefixtures("quick")
def test_levels_can_be_chosen_and_thousands_are_thinned(schools):
    text = render_explorer(schools, levels=["A", "C"], progressbar=False)
    numbers = numbers_of(text)
    assert numbers["names"] == ["A", "C"]
    assert "8 levels of <bdi>school</bdi>, 2 of them shown" in text
    rng = np.random.default_rng(0)
    rows = rng.integers(1, 9, 500)
    codes = np.repeat(np.arange(500), rows)
    data = {"y": rng.normal(0, 1, 500)[codes] + rng.normal(0, 1, len(codes)), "g": codes}
    many = render_explorer(pp.fit("y ~ 1 + (1 | g)", data, seed=1, progressbar=False), progressbar=False)
    assert len(numbers_of(many)["names"]) == MOST_LEVELS
    assert {min(rows), max(rows)} <= set(numbers_of(many)["rows"])
    assert len(many.encode()) < 3_000_000


@pytest.mark.usefixtures("quick")
def test_the_heading_can_be_chosen_and_is_only_text(schools, tmp_path):
    path = explore(schools, tmp_path / "explorer.html", title=" Free throws of 7b <b>&</b> ", progressbar=False)
    text = path.read_text(encoding="utf-8")
    for element in ("h1", "title"):
        assert f"<{element}>Free throws of 7b &lt;b&gt;&amp;&lt;/b&gt;</{element}>" in text
    plain = render_explorer(schools, progressbar=False)
    assert "<h1>Partial pooling over <bdi>school</bdi></h1>" in plain
    assert render_explorer(schools, title="  ", progressbar=False) == plain


@pytest.mark.usefixtures("quick")
def test_levels_may_be_named_by_their_text():
    data = {"y": np.random.default_rng(1).normal(size=40) + np.repeat(np.arange(4.0), 10)}
    for labels, wanted in (
        (["308", "309", "310", "311"], [308, "310"]),
        ([308, 309, 310, 311], ["308", 310.0]),
    ):
        fit = pp.fit("y ~ 1 + (1 | g)", data | {"g": np.repeat(labels, 10)}, seed=1, progressbar=False)
        shown = numbers_of(render_explorer(fit, levels=wanted, progressbar=False))["names"]
        assert sorted(shown) == sorted(str(labels[k]) for k in (0, 2))


@pytest.mark.usefixtures("quick")
def test_the_page_says_what_its_numbers_are(sleep, penicillin, schools, radon):
    """A weight, a share of the way, or neither, as `Pull` has it; held is what is held."""
    texts = {name: render_explorer(fit, progressbar=False) for name, fit in
             {"matrix": sleep, "share": penicillin, "weight": schools}.items()}  # fmt: skip
    for pull, text in texts.items():
        assert numbers_of(text)["pull"] == pull
        assert "E(<i>&beta;</i> + <i>b<sub>j</sub></i> | sd, everything else fixed, <i>y</i>)" in text
        assert "data say" not in text
        assert (numbers_of(text)["shares"] is None) == (pull == "matrix")
        assert text.count('data-cell="share"') == (0 if pull == "matrix" else len(numbers_of(text)["names"]))
    assert "pp.shrinkage fixes them at their posterior means" in texts["share"]
    assert "pp.shrinkage" not in texts["weight"]
    assert "the matrix" in texts["matrix"]
    counties = render_explorer(radon, progressbar=False)
    assert "given the fixed effects" in counties
    assert "Coefficients of floor are estimated anew at every sd; pp.shrinkage fixes them" in counties


@pytest.mark.usefixtures("quick")
def test_where_other_predictors_are_is_said(radon):
    mean = radon.design.frame["floor"].mean()
    text = render_explorer(radon, progressbar=False)
    assert f"Other predictors: <bdi>floor={mean:.4g} (mean)</bdi>." in text
    rng = np.random.default_rng(3)
    data = {"y": rng.normal(size=40), "x": np.tile(np.arange(5.0), 8), "sex": np.repeat(list("ab"), 20)}
    data["g"] = np.repeat(np.arange(8), 5)
    fit = pp.fit("y ~ x * sex + (x | g)", data, seed=1, progressbar=False)
    both = render_explorer(fit, effect="x", progressbar=False)
    numbers = numbers_of(both)
    assert numbers["population"] is None
    assert len(set(numbers["populations"][0])) == 2
    assert "All together (complete pooling): one value for all levels with the same values of these." in both
    assert "those with equal predictors get the same estimate" in both


@pytest.mark.usefixtures("quick")
def test_a_unit_with_brackets_gets_no_others(radon):
    text = render_explorer(radon, progressbar=False)
    assert "sd, log(pCi/L)" in text
    assert "Intercept, log(pCi/L)" in text
    assert "(log(pCi/L))" not in text


@pytest.mark.usefixtures("quick")
def test_intervals_have_the_probability_that_is_asked_for(schools, pages, monkeypatch):
    text = render_explorer(schools, prob=0.8, progressbar=False)
    numbers = numbers_of(text)
    assert numbers["interval"] == "80\xa0% interval"
    assert "median, 80\xa0% interval" in text
    assert "95\xa0%" not in text
    own = numbers["studies"][0]
    for shown, draws in ((own["sd"], schools.posterior["sd_school"]), (own["icc"], pp.icc(schools)["icc"])):
        assert [shown["low"], shown["high"]] == pytest.approx(np.quantile(draws, [0.1, 0.9]))
    assert "median, 95\xa0% interval" in pages["schools"]
    monkeypatch.setattr(page, "prior_studies", lambda *_, **__: pytest.fail("the refits were made"))
    with pytest.raises(pp.SpecError, match="prob must be a probability"):
        render_explorer(schools, prob=95, progressbar=False)


def test_axes_have_units(pages):
    assert '"sd (ms)"' in pages["sleep"]
    assert '"Intercept at Days=4.5 (mean) (ms)"' in pages["sleep"]


def test_what_cannot_be_explored_is_refused_in_four_parts(sleep, schools):
    ordinal = pp.ModelSpec.from_formula("Reaction ~ Days + (Days | Subject)", family="cumulative")
    ordered = pp.Fit(ordinal, sleep.design, sleep.priors, sleep.tree)
    told = r"cutpoints(?s:.*)got: .*cumulative(?s:.*)do: .*level_effects(?s:.*)at least a category, which is yes or no"
    with pytest.raises(pp.DataError, match=told):
        render_explorer(ordered)
    with pytest.raises(pp.DataError, match=r"no such level(?s:.*)'Z'(?s:.*)'A'"):
        render_explorer(schools, levels=["A", "Z"])
    with pytest.raises(pp.DataError, match="no level is named"):
        render_explorer(schools, levels=[])
    with pytest.raises(pp.DataError, match=r"does not vary over 'school'"):
        render_explorer(schools, effect="Days")
    with pytest.raises(pp.SpecError, match="seed must be a non-negative integer"):
        render_explorer(schools, seed=-1)
    plain = pp.fit("Reaction ~ Days", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    with pytest.raises(pp.DataError, match="this model has no groups"):
        render_explorer(plain)


def test_fixed_effects_that_are_infinite_are_refused_before_the_refits():
    table = {"y": [0, 0, 1, 1, 0, 1], "x": [1.0, 2, 3, 4, 1, 4], "g": list("aabbcc")}
    fit = fit_at("y ~ x + (1 | g)", table, family="bernoulli", beta=[0.0, 0.1], sd_g=[1.0])
    with pytest.raises(pp.DataError, match=r"no finite estimate under the flat priors(?s:.*)separates the outcomes"):
        render_explorer(fit, seed=1, progressbar=False)


def test_nothing_else_loads_bokeh():
    code = (
        "import sys, partialpool as pp; pp.report; from partialpool.cli import main; main(['check', sys.argv[1]]);"
        "assert 'bokeh' not in sys.modules; pp.explore; assert 'bokeh' in sys.modules"
    )
    model = Path(__file__).parents[2] / "models" / "eight_schools.toml"
    done = subprocess.run([sys.executable, "-c", code, str(model)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_it_is_documented_and_its_templates_are_in_the_package():
    docs = (Path(__file__).parents[2] / "docs" / "questions.md").read_text(encoding="utf-8")
    assert "`explore(" in docs
    text = inspect.getdoc(pp.explore)
    for section in ("Parameters", "Returns", "Raises", "Examples"):
        assert re.search(rf"^{section}\n-+$", text, re.M), section
    folder = importlib.resources.files("partialpool") / "explorer" / "templates"
    templates = {item.name: item.read_text(encoding="utf-8") for item in folder.iterdir()}
    package = Path(pp.__file__).parent / "explorer"
    code = "".join(file.read_text(encoding="utf-8") for file in package.rglob("*.py"))
    for name in templates:
        users = code + "".join(text for other, text in templates.items() if other != name)
        assert f'"{name}"' in users, f"{name} is in the package and nothing uses it"
    named = set(re.findall(r'"(\w+\.(?:html|css|js))"', code + "".join(templates.values())))
    assert named <= set(templates)
    assert {"explorer.html", "classroom.html"} <= named
