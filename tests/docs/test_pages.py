"""The code on the pages runs and gives the output and pictures shown below it; numbers in the prose are printed."""

import ast
import os
import re

import matplotlib.pyplot as plt
import pytest

from docs.reading import DOCS, FENCE, NUMBER, prose, text_of
from make_pages import BLOCK, pages, rewritten, run_block, run_page
from notebook_agreement import OTHER_SEEDS, text_differences

PAGES = {str(page.relative_to(DOCS).with_suffix("")): page for page in pages()}
RANDOM = {"check", "fit", "posterior_checks", "posterior_predictive", "prior_predictive", "quantile_residuals"}
"""Functions whose answers are random whatever they are given."""
READ = re.compile(r"^## (?:How to read it|Reading the output)\n(.*?)(?=^## |\Z)", re.S | re.M)


def run(page):
    try:
        return run_page(page)
    finally:
        plt.close("all")


def disagreements(blocks, *runs):
    shown, printed = [block["shown"] or "" for block in blocks], [[one.printed for one in ran] for ran in runs]
    texts = zip(shown, *printed, strict=True)
    return [line for old, new, *others in texts for line in text_differences(old, new, others)]


@pytest.mark.thorough
@pytest.mark.parametrize("name", PAGES)
def test_a_page_prints_what_it_shows(name, monkeypatch):
    page = PAGES[name]
    runs = [ran := run(page)]
    blocks = [one.block for one in ran]
    shift = int(os.environ.get("PARTIALPOOL_SEED_SHIFT") or 0)
    while (wrong := disagreements(blocks, *runs)) and len(runs) <= OTHER_SEEDS:  # other seeds show whether it is chance
        monkeypatch.setenv("PARTIALPOOL_SEED_SHIFT", str(shift + len(runs)))
        runs.append(run(page))
    assert not wrong, f"{name}: `docs/make_pages.py {page.stem}` writes its current output\n" + "\n".join(wrong)
    for one in ran:
        assert (one.figure is not None) == bool(one.block["picture"]), one.block["code"]
        if one.block["picture"]:
            assert (page.parent / one.block["picture"]).is_file()


def unseeded(code):
    for call in ast.walk(ast.parse(code)):
        is_random = isinstance(call, ast.Call) and ast.unparse(call.func).removeprefix("pp.") in RANDOM
        if is_random and "seed" not in {word.arg for word in call.keywords}:
            yield ast.unparse(call)


@pytest.mark.parametrize("name", PAGES)
def test_random_answers_have_a_seed(name):
    blocks = [block["code"] for block in BLOCK.finditer(text_of(PAGES[name])) if not block["skip"]]
    assert [call for code in blocks for call in unseeded(code)] == []


@pytest.mark.parametrize("name", PAGES)
def test_numbers_in_the_prose_were_printed(name):
    text = text_of(PAGES[name])
    shown = [float(n) for block in FENCE.finditer(text) for n in NUMBER.findall(block[0])]
    for section in READ.findall(text):
        for number in NUMBER.findall(re.sub(r"`[^`]*`", "", prose(section))):
            digits = len(number.partition(".")[2])
            if digits:
                assert any(round(abs(value), digits) == abs(float(number)) for value in shown), number


def test_every_question_has_its_page_with_the_same_parts():
    pages = sorted((DOCS / "questions").glob("*.md"))
    overview = text_of(DOCS / "questions.md")
    assert len(pages) >= 15
    for page in pages:
        headings = re.findall(r"^## (.+)$", prose(text_of(page)), re.M)
        assert headings == ["How to read it", "Definition", "Traps"], page.name
        assert f"](questions/{page.name})" in overview, page.name
        assert f"\nquestions/{page.stem}\n" in overview, page.name
        assert re.search(r"!\[[^\]]{20,}\]\(\.\./pictures/\w+\.png\)", text_of(page)), page.name


def test_pictures_are_small_and_used():
    text = "".join(text_of(page) for page in [*DOCS.rglob("*.md"), DOCS.parent / "README.md"])
    for picture in (DOCS / "pictures").iterdir():
        assert picture.stat().st_size < 160_000, picture.name
        assert f"pictures/{picture.name}" in text, picture.name


PAGE = """\
```python
x = 2
```

<!-- not run: it would fail -->
```python
1 / 0
```

```python
print("x")
x + 1
```

```text
stale
```

The end.
"""


def test_a_page_is_rewritten_with_what_it_prints(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    ran = run_page(page)
    assert [one.printed for one in ran] == ["", "x\n3\n"]
    assert rewritten(page, ran) == PAGE.replace("stale\n", "x\n3\n")
    page.write_text(PAGE.replace("\n```text\nstale\n```\n", ""))
    assert rewritten(page, run_page(page)) == PAGE.replace("stale\n", "x\n3\n")


def test_an_error_names_its_line():
    text = "# Title\n\n```python\nx = 1\n1 / 0\n```\n"
    with pytest.raises(ZeroDivisionError) as raised:
        run_block(BLOCK.search(text), {}, DOCS / "imagined.md")
    assert raised.traceback[-1].lineno + 1 == 5
