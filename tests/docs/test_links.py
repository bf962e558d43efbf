"""Every relative link leads to an existing file and heading; the checker of the built site finds wrong links."""

import pytest

from check_links import problems
from docs.reading import DOCS, ROOT, links, places, text_of

ELSEWHERE = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "models/README.md",
    "notebooks/README.md",
    "benchmarks/README.md",
)
PAGES = [*sorted(DOCS.rglob("*.md")), *(ROOT / name for name in ELSEWHERE if (ROOT / name).exists())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_has_a_target(page):
    text = text_of(page)
    for address in links(text):
        path, _, place = address.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), f"{address}: no such file"
        if place and target.suffix == ".md":
            assert place in places(text_of(target)), f"{address}: no such heading"


GOOD = '<h1 id="top">Top</h1><a href="b.html#there">b</a><a href="https://pymc.io">out</a><link rel="canonical" href="https://x.org">'


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("", []),
        ('<a href="c.html">c</a>', ["a.html: c.html: no such file"]),
        ('<a href="b.html#gone">b</a>', ["a.html: b.html#gone: no such place"]),
        ('<a href="#gone">here</a>', ["a.html: #gone: no such place"]),
        ('<img src="gone.png">', ["a.html: gone.png: no such file"]),
        ('<script src="https://cdn.org/x.js"></script>', ["a.html loads https://cdn.org/x.js from outside"]),
        ('<link rel="stylesheet" href="//fonts.org/x.css">', ["a.html loads //fonts.org/x.css from outside"]),
    ],
)
def test_the_checker_of_the_site_finds_wrong_links(tmp_path, extra, expected):
    (tmp_path / "a.html").write_text(GOOD + extra)
    (tmp_path / "b.html").write_text('<p id="there"></p>')
    assert list(problems(tmp_path)) == expected
