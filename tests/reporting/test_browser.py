"""The page in a real browser: it renders, on a phone too, fetches nothing and complains of nothing."""

import html
import re

import pytest

from reporting.browser import Browser, find_chromium

pytestmark = pytest.mark.thorough

PHONE, SCREEN = 390, 1100


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    return Browser(find_chromium(), tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="module")
def measured(browser, pages):
    """Every page at both widths, in one run of the browser."""
    frames = {(name, width): (text, width) for name, text in pages.items() for width in (PHONE, SCREEN)}
    seen, complaints = browser.measure(*frames.values())
    return dict(zip(frames, seen, strict=True)), complaints


def test_every_page_renders(measured, pages):
    for (name, _), seen in measured[0].items():
        assert seen["headings"] == [html.unescape(h) for h in re.findall(r"<h[12][^>]*>([^<]*)</h[12]>", pages[name])]
        assert len(seen["headings"]) >= 8
        assert seen["hidden"] == 0
        assert seen["links"]
        assert all(seen["links"])


def test_pictures_are_decoded_and_described(measured, pages):
    for (name, _), seen in measured[0].items():
        assert len(seen["images"]) == pages[name].count("<img ")
        for image in seen["images"]:
            assert image["natural"] > 300
            assert image["shown"] > 300
            assert re.search(r"\d", image["alt"])


def test_mathematics_is_laid_out(measured):
    for seen in measured[0].values():
        (math,) = seen["math"]
        assert math["space"] == "http://www.w3.org/1998/Math/MathML"
        assert math["width"] > 100
        assert math["below"]


def test_nothing_overflows_a_phone(measured):
    for (_, width), seen in measured[0].items():
        assert seen["width"] == width
        assert seen["scrollWidth"] <= width
    # Wide tables and pictures scroll in containers of their own.
    assert any(measured[0]["sleep", PHONE]["scrollers"])
    assert not any(measured[0]["sleep", SCREEN]["scrollers"])
    assert any(measured[0]["ordered", PHONE]["tables"])


def test_what_scrolls_can_be_reached_by_keyboard(pages):
    for page in pages.values():
        boxes = re.findall(r'<div class="wide[^"]*"([^>]*)>\s*<(\w+)', page)
        assert len(boxes) >= 8
        for attributes, inside in boxes:
            assert inside == "img" or 'tabindex="0"' in attributes


def test_long_names_do_not_run_over_the_numbers_nor_push_them_away(measured):
    for (_, width), seen in measured[0].items():
        assert max(seen["names"]) <= 1  # rounded
        assert len(seen["captions"]) >= 4
        assert max(seen["captions"]) <= width
    assert not any(measured[0]["awkward", SCREEN]["tables"])


def test_nothing_is_fetched_and_nothing_complained_of(measured, browser, pages):
    seen, complaints = measured
    assert complaints == []
    for one in seen.values():
        assert [name for name in one["fetched"] if not name.startswith("data:")] == []
    alone = browser.open(pages["sleep"])
    assert alone.complaints == []
    assert "<h2" in alone.dom


@pytest.mark.parametrize(
    ("what", "extra"),
    [
        ("complaints", "<script>undefined_function()</script>"),
        ("images", '<img alt="1" src="data:image/png;base64,AAAA">'),
        ("fetched", '<img alt="1" src="http://127.0.0.1:9/picture.png">'),
        ("scrollWidth", '<p style="width:900px">wide</p>'),
        ("links", '<a href="#nowhere">nowhere</a>'),
    ],
)
def test_a_broken_page_is_noticed(browser, pages, what, extra):
    broken = pages["plain"].replace("</main>", f"{extra}</main>")
    assert broken != pages["plain"]
    (seen,), complaints = browser.measure((broken, PHONE))
    noticed = {
        "complaints": any("undefined_function" in line for line in complaints),
        "images": any(image["natural"] == 0 for image in seen["images"]),
        "fetched": "http://127.0.0.1:9/picture.png" in seen["fetched"],
        "scrollWidth": seen["scrollWidth"] > PHONE,
        "links": not all(seen["links"]),
    }
    assert noticed[what]


@pytest.mark.parametrize("name", ["pastes", "ordered"])
def test_it_prints(browser, pages, name):
    path = browser.folder / "print.html"
    path.write_text(pages[name], encoding="utf-8")
    browser.run(path, "--no-pdf-header-footer", f"--print-to-pdf={browser.folder / 'page.pdf'}")
    sizes = sizes_of_pages((browser.folder / "page.pdf").read_bytes())
    assert 3 <= len(sizes) <= 24
    assert min(sizes) > 500  # an empty page has 0, a page with a short line some 160


def test_an_empty_page_is_noticed(browser):
    path = browser.folder / "print.html"
    apart = '<div style="break-before: page">'
    path.write_text(f"<p>a line</p>{apart}</div>{apart}a line</div>", encoding="utf-8")
    browser.run(path, "--no-pdf-header-footer", f"--print-to-pdf={browser.folder / 'page.pdf'}")
    assert min(sizes_of_pages((browser.folder / "page.pdf").read_bytes())) < 100


def sizes_of_pages(printed):
    """Bytes of the compressed content of each page of a PDF."""
    assert printed.startswith(b"%PDF")
    contents = re.findall(rb"/Type\s*/Page\b.*?/Contents (\d+) 0 R", printed, re.DOTALL)
    found = [re.search(rb"\n" + number + rb" 0 obj\s*<<(.*?)>>", printed, re.DOTALL) for number in contents]
    return [int(re.search(rb"/Length (\d+)", one[1])[1]) for one in found]
