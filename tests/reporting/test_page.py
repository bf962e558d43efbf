"""The page as a file: whole or not there, self-contained, escaped, well formed."""

import base64
import importlib.util
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import partialpool as pp
from checks.outline import Outline
from partialpool.reporting import page
from partialpool.reporting.contents import BRIEF, CHAPTERS, SHORT
from partialpool.reporting.page import render, report
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Chapter, Section
from partialpool.tabulate import TextTable
from reporting.conftest import HOSTILE


@pytest.fixture(scope="module")
def sleep_outline(pages):
    return Outline(pages["sleep"])


def test_the_page_needs_nothing_else(sleep_outline):
    for tag, attrs in sleep_outline.elements:
        assert tag not in ("script", "link", "iframe", "object")
        assert not any(name.startswith("on") for name in attrs)
        for name in ("src", "href"):
            if name in attrs:
                assert attrs[name].startswith(("data:image/", "#"))
    (style,) = [text for text in sleep_outline.texts if "@media" in text]
    assert "url(" not in style
    assert "@import" not in style
    assert "@media print" in style


def test_its_structure_is_semantic(sleep_outline):
    assert sleep_outline.all("html")[0]["lang"] == "en"
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in sleep_outline.all("meta")
    assert len(sleep_outline.all("h1")) == 1
    anchors = {attrs["id"] for attrs in sleep_outline.all("section")}
    assert len(anchors) == len(CHAPTERS) - 1  # no claims are stated
    assert [attrs["href"] for attrs in sleep_outline.all("a")] == [f"#{s['id']}" for s in sleep_outline.all("section")]
    # A table's caption stands above the box that scrolls, and names both.
    ids = [attrs["id"] for attrs in sleep_outline.all("p") if "id" in attrs]
    assert len(ids) == len(set(ids)) >= 7
    assert [attrs["aria-labelledby"] for attrs in sleep_outline.all("table")] == ids
    assert [a["aria-labelledby"] for a in sleep_outline.all("div") if "aria-labelledby" in a] == ids
    assert {attrs["scope"] for attrs in sleep_outline.all("th")} == {"row", "col"}
    for img in sleep_outline.all("img"):
        assert re.search(r"\d", img["alt"])
    assert len(sleep_outline.all("img")) == len(sleep_outline.all("figcaption")) == 16
    assert len(sleep_outline.all("math")) == 1


def test_negative_numbers_have_minus_signs_and_formulas_keep_theirs(pages):
    texts = Outline(pages["ordered"]).texts
    assert any(re.search("\N{MINUS SIGN}\\d", text) for text in texts)
    assert not [text for text in texts if re.search(r"(?:^|[\s(])-\.?\d", text) and "~" not in text]


def test_a_repeated_label_is_written_out_for_those_who_listen(pages):
    rows = re.findall(r'<th scope="row"( class="repeated")?>Subject</th>', pages["sleep"])
    assert rows.count(' class="repeated"') == 2


def test_labels_are_text_whatever_they_hold(pages):
    text = pages["hostile"]
    outline = Outline(text)
    assert outline.all("script") == outline.all("b") == []
    assert not any(name.startswith("on") for _, attrs in outline.elements for name in attrs)
    alts = " ".join(img["alt"] for img in outline.all("img"))
    assert any(label in alts for label in HOSTILE)
    assert "boom()" in text  # it is there, as text


def test_the_same_fit_gives_the_same_page(pastes, pages):
    assert render(Reported(pastes)) == pages["pastes"]


def test_a_page_without_groups_is_short(pages):
    outline = Outline(pages["plain"])
    assert (
        len(outline.all("img")) == 5
    )  # priors, the response, predictions, shares of the variance, whether priors matter
    assert "who-is-where" not in {attrs["id"] for attrs in outline.all("section")}


def test_the_file_appears_when_it_is_whole(without_groups, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    assert report(without_groups, path) == path
    whole = path.read_text(encoding="utf-8")
    assert whole.endswith("</html>\n")

    def break_down(_):
        raise ValueError("a bug")

    monkeypatch.setattr(page, "CHAPTERS", (*CHAPTERS, Chapter("Broken", break_down)))
    with pytest.raises(ValueError, match="a bug"):
        report(without_groups, path)
    assert path.read_text(encoding="utf-8") == whole
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_folder_that_is_not_there_is_refused_before_any_work(sleep, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "render", lambda *_, **__: pytest.fail("drawn in vain"))
    with pytest.raises(pp.FileError) as refused:
        report(sleep, tmp_path / "nowhere" / "report.html")
    assert str(refused.value) == (
        f"cannot write the report\n  got:     {tmp_path / 'nowhere' / 'report.html'}: No such file or directory\n"
        "  allowed: a folder that exists\n  do:      create the folder first"
    )
    with pytest.raises(pp.FileError, match="a file's name"):
        report(sleep, tmp_path)


def test_a_section_is_a_line_in_the_contents(without_groups, monkeypatch):
    table = TextTable(("a", "b"), (("x", "1.5"), ("y", "-2e-05"), ("z", "-"), ("w", "nan")), title="T")
    new = Chapter("What <else>?", lambda of: Section(prose=(f"{of.fit.design.n_rows} rows",), tables=(table,)))
    monkeypatch.setattr(page, "CHAPTERS", (new,))
    text = render(Reported(without_groups))
    assert '<section id="what-else" aria-labelledby="what-else-title">' in text
    assert "What &lt;else&gt;?" in text
    assert text.count('<td class="number">') == 4


def test_a_short_report_and_more_sections(without_groups, tmp_path):
    def titles(sections):
        page = report(without_groups, tmp_path / "short.html", sections=sections).read_text(encoding="utf-8")
        return re.findall("<h2 id=[^>]*>(.*?)</h2>", page)

    short = ["Summary", "Predictions", "Statistical methods", "Checks in brief"]
    assert titles("short") == short == titles(["short"])
    assert titles("Priors") == ["Priors"]
    assert titles(["Glossary", "short", "Priors"]) == [*short[:3], "Priors", "Glossary", short[3]]
    with pytest.raises(pp.SpecError, match="the report has no such section") as refused:
        titles("shrt")
    assert refused.value.allowed.startswith("'short' (nearest), ")
    assert "'short' for a short report" in refused.value.do


def test_the_report_begins_with_results():
    order = [chapter.title for chapter in CHAPTERS]
    results = ["Summary", "Predictions", "Variance components", "Group effects", "The model", "Statistical methods"]
    assert [title for title in order if title in results] == results
    assert order[-2:] == ["Software and settings", "Glossary"]
    assert set(SHORT) - {BRIEF.title} < set(order)


def test_no_exported_name_is_a_module():
    """`partialpool.reporting` is the folder, `report` the function: the one never hides the other."""
    for name in [*pp.__all__, "report"]:
        assert importlib.util.find_spec(f"partialpool.{name}") is None


def test_template_and_styles_are_in_the_package():
    folder = importlib.resources.files("partialpool") / "reporting" / "templates"
    assert {item.name for item in folder.iterdir()} == {
        "page.html",
        "page.css",
        "dark.css",
        "table.html",
        "table_figure.html",
    }


def test_awkward_names_give_a_valid_page_with_valid_pictures(pages):
    text = pages["awkward"]
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", text)
    assert "a\ufffdb" in text
    images = [img["src"] for img in Outline(text).all("img")]
    pictures = [base64.b64decode(src.split(",")[1]) for src in images if src.startswith("data:image/svg+xml")]
    assert len(pictures) >= 10
    for picture in pictures:
        assert ET.fromstring(picture).tag.endswith("svg")


def test_the_heading_is_the_plain_name_of_the_response(pages):
    assert "<h1>y (cm)</h1>" in pages["awkward"]
    assert "<title>y (cm): report" in pages["awkward"]


def test_the_lines_of_the_header_have_their_own_names(tmp_path):
    """A model with categories has a line more than others."""
    rng = np.random.default_rng(2)
    table = {"g": np.repeat(np.arange(12), 10), "arm": ["c", "t"] * 60, "y": rng.normal(size=120)}
    fit = pp.fit("y ~ arm + (1 | g)", table, seed=1, draws=100, progressbar=False)
    text = pp.report(fit, tmp_path / "report.html").read_text(encoding="utf-8")
    lines = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", text))
    assert list(lines) == ["Model", "Data", "Reference categories"]
    lines |= dict(re.findall("<p>(Engine|Log evidence): (.*?)</p>", text.split("<footer>")[1]))
    assert lines["Reference categories"] == "arm = c"
    assert lines["Engine"].startswith("collapsed (importance-weighted chains)")
    assert re.match(r"−\d+\.\d\d \(Monte Carlo se", lines["Log evidence"])


@pytest.mark.parametrize("name", ["sleep", "pastes", "without_groups", "ordered"])
def test_no_interval_of_a_page_is_another_than_the_one_asked_for(name, request):
    outline = Outline(render(Reported(request.getfixturevalue(name), prob=0.8)))
    said = [*outline.texts, *(text for _, attrs in outline.elements for text in attrs.values() if text)]
    assert [text for text in said if re.search(r"\b(89|95|2\.5|97\.5)\s?%", text)] == []
    assert sum(bool(re.search(r"\b80\s?%", text)) for text in said) > 3
    assert any(text.strip() == "10%" for text in said)
