"""Times that the README and the pages state are those that the benchmarks measured."""

import re

import pytest

from docs.reading import DOCS, ROOT, table_rows, text_of

SECONDS = {"µs": 1e-6, "ms": 1e-3, "s": 1.0}


def section(title):
    """Rows of the table below a heading of the results, without its header."""
    text = text_of(ROOT / "benchmarks" / "results.md")
    found = re.search(rf"^## {re.escape(title)}.*?\n(.*?)(?=^## |\Z)", text, re.S | re.M)
    return table_rows(found[1])[2:]


def seconds(cell):
    number, unit = cell.split()
    return float(number) * SECONDS[unit]


def span(times):
    return f"{min(times):.2f} to {max(times):.2f} s"


def measured():
    """The statement in the words of the pages."""
    small = [row for row in section("Comparison with lme4") if row[0] in ("sleepstudy", "exam", "radon")]
    lme4, ours = ([seconds(row[k]) for row in small] for k in (1, 3))
    large = {row[0]: seconds(row[1]) for row in section("insteval: 73,421 rows")}
    return (
        f"posterior of a small table takes {span(ours)} (lme4's point estimate: {span(lme4)}), "
        f"that of 73,421 rows in three large crossed factors {large['our posterior']:.0f} s "
        f"({large["lme4's ML estimate"]:.0f} s)"
    )


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "index.md", DOCS / "collapsed.md"], ids=lambda p: p.name)
def test_pages_state_the_measured_times(page):
    assert measured() in re.sub(r"\s+", " ", text_of(page))


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "index.md"], ids=lambda p: p.name)
def test_pages_state_the_measured_times_of_counts_and_choices(page):
    results = text_of(ROOT / "benchmarks" / "results.md")
    times = [float(t) for t in re.findall(r"posterior / glmer's estimate \| at most 3.00× \| ([\d.]+)×", results)]
    assert len(times) == 5
    stated = (
        f"posterior takes {min(times):.2f} to {max(times):.2f} times as long as the point estimate of lme4's `glmer`"
    )
    assert stated in re.sub(r"\s+", " ", text_of(page))


def test_pages_state_the_measured_time_of_the_first_fit():
    first = [seconds(row[4]) for row in section("Time of a call to fit()")]
    for page in ("collapsed.md", "engines.md"):
        assert f"{min(first):.0f} to {max(first):.0f} s in the benchmarks" in re.sub(r"\s+", " ", text_of(DOCS / page))
