"""The README's example runs, and prints what the README shows."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@pytest.fixture(scope="module")
def pictures():
    location = importlib.util.spec_from_file_location("make_pictures", ROOT / "docs" / "make_pictures.py")
    module = importlib.util.module_from_spec(location)
    location.loader.exec_module(module)
    return module


def test_the_example_prints_what_the_readme_shows(pictures):
    _, code, _, shown, _ = pictures.EXAMPLE.search((ROOT / "README.md").read_text()).groups()
    printed, _ = pictures.run_example(code)
    assert NUMBER.sub("#", printed).split() == NUMBER.sub("#", shown).split()
    # The draws repeat on one machine; on another, rounding may make the chains diverge, so estimates are compared.
    for ours, theirs in zip(table_rows(printed), table_rows(shown), strict=True):
        mean, sd = (float(v) for v in NUMBER.findall(ours)[:2])
        assert abs(mean - float(NUMBER.findall(theirs)[0])) < 0.2 * sd, (ours, theirs)


def table_rows(text):
    return [line for line in text.splitlines() if re.search(r"\s[01]\.\d{3}$", line)]


def test_every_local_link_has_a_target():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "docs" / "formula.md"):
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)
