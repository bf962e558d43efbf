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
        assert f"{min(first):.1f} to {max(first):.1f} s in the benchmarks" in re.sub(r"\s+", " ", text_of(DOCS / page))


def cells_of(title, *first):
    """The row of a table of the results that begins with these cells."""
    (found,) = [row for row in section(title) if row[: len(first)] == list(first)]
    return found


def stated_in(page):
    return re.sub(r"\s+", " ", text_of(DOCS / page))


def test_the_page_of_large_tables_has_the_measured_tables():
    text = text_of(ROOT / "benchmarks" / "results.md")
    results = re.search(r"^## Tables larger than memory.*?(?=^## )", text, re.S | re.M)
    stated = [line for line in text_of(DOCS / "larger_than_memory.md").splitlines() if line.startswith("|")]
    measured = [line for line in results[0].splitlines() if line.startswith("| ") and "---" not in line]
    assert len(measured) == 10
    assert [line for line in measured if line not in stated] == []


def test_pages_state_the_measured_sizes():
    ratings = cells_of("Crossed factors at scale", "5,000,000")
    passes = cells_of("Tables larger than memory", "100,000,000")
    (levels,) = [row for row in section("Time and memory of whole fits") if row[0] == "1,000,000" and not row[-1]]
    choices = cells_of("Counts and choices: first calls, large tables, many priors", "1,000,000", "1,000")
    said = stated_in("how_large.md")
    assert f"5,000,000 ratings of 100,000 users and 10,000 items took {ratings[3]} and {ratings[6]}" in said
    assert f"Two passes over 100,000,000 rows take {passes[2]} from Parquet" in said
    assert f"A million yes-or-no rows take {choices[3]} an evaluation on one core" in said
    assert (
        f"5,000,000 rows of a million levels, with an intercept and a slope each, took {levels[2]} and {levels[3]}"
        in said
    )
    assert f"took {ratings[3]} on two cores, and {ratings[6]}" in stated_in("engines.md")
