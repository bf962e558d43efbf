"""Reports and tables in the dark have the same ground, and letters of enough contrast on it."""

import re

import pytest

import partialpool as pp
from explorer.devtools import chromium
from explorer.screen import PHONE, contrast

pytestmark = pytest.mark.thorough
SHADES = {"light": (255, 255, 255), "dark": (0x16, 0x16, 0x16)}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture(scope="module")
def pages(tmp_path_factory, sleep):
    folder = tmp_path_factory.mktemp("dark")
    data = pp.load_dataset("sleepstudy")
    short = pp.fit("Reaction ~ 1 + (1 | Subject)", data, seed=1, draws=5, progressbar=False)
    pp.table({"sleep": sleep, "few draws": short}, title="Two models").write(folder / "table.html")
    pp.report(sleep, folder / "report.html", sections=["Estimates", "Predictions"])
    found = {name: folder / f"{name}.html" for name in ("table", "report")}
    for path in found.values():  # pages without a script are ready at once
        text = path.read_text(encoding="utf-8").replace("<html", '<html data-ready="yes"', 1)
        path.write_text(text, encoding="utf-8")
    return found


def rgb(page, selector, what="backgroundColor"):
    found = page.value(f"getComputedStyle(document.querySelector({selector!r})).{what}")
    return tuple(float(part) for part in re.findall(r"[\d.]+", found)[:3])


TEXTS = {"table": (".title", ".warning", ".model", ".block", ".row", "td:nth-child(2)", ".note"), "report": ("h1", "p")}


@pytest.mark.parametrize("shade", SHADES)
@pytest.mark.parametrize("name", TEXTS)
def test_the_ground_follows_the_reader_and_texts_are_read_on_it(browser, pages, name, shade):
    browser.open(pages[name], dark=shade == "dark", **PHONE)
    paper = rgb(browser, "body")
    assert paper == SHADES[shade]
    for selector in TEXTS[name]:
        assert contrast(rgb(browser, selector, "color"), paper) >= 4.5, selector
    assert browser.value("document.documentElement.scrollWidth") <= 390


def test_a_table_is_as_dark_as_a_report(browser, pages):
    seen = {}
    for name, path in pages.items():
        browser.open(path, dark=True)
        seen[name] = [rgb(browser, "body"), rgb(browser, "body", "color")]
    assert seen["table"] == seen["report"]


def test_the_part_for_a_notebook_has_the_colours_of_its_page(sleep):
    part = pp.table(sleep)._repr_html_()
    assert "prefers-color-scheme" not in part
    assert "background: none" in part
