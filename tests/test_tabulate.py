import math

import pytest

from partialpool.tabulate import TextTable, estimate_cells, fixed, number

NAN, INF = math.nan, math.inf


def test_a_table_is_exactly_this_text():
    table = TextTable(
        ("term", "mean", "sd"),
        (("Intercept", "251.4", "7.4"), ("Days[a]", "10.5", "-")),
        title="Fixed effects",
        notes=("one note", "another"),
    )
    assert str(table).split("\n") == [
        "Fixed effects",
        " term        mean   sd",
        " Intercept  251.4  7.4",
        " Days[a]     10.5    -",
        "one note",
        "another",
    ]
    assert repr(table) == str(table)


@pytest.mark.parametrize(
    ("headers", "rows", "lines"),
    [
        (("a", "b"), (("x", "y"),), [" a  b", " x  y"]),
        (("", ""), (("x", "1"),), [" x  1"]),
        (("n",), (("1,000",), ("12%",), ("",)), ["     n", " 1,000", "   12%", " "]),
        (("a", "b"), (), [" a  b"]),
        (("a",), (("[bold]x[/bold]",), (":smile:",)), [" a", " [bold]x[/bold]", " :smile:"]),
    ],
)
def test_small_tables(headers, rows, lines):
    assert str(TextTable(headers, rows)).split("\n") == lines


@pytest.mark.parametrize("cell", ["x" * 300, "東京都" * 8, "é" * 200, "word " * 40 + "end"])
def test_a_row_is_one_line_however_wide(cell):
    lines = str(TextTable(("name", "mean"), ((cell, "10.5"),))).split("\n")
    assert len(lines) == 2
    assert lines[1].split("  ")[0].strip() == cell
    assert lines[1].endswith("10.5")


def test_a_table_does_not_depend_on_the_terminal(monkeypatch):
    table = TextTable(("name", "mean"), (("x" * 60, "1"),))
    before = str(table)
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert str(table) == before


def test_html_escapes_every_part():
    html = TextTable(("<h>", "n"), (("<script>&", "1"),), title="<t>", notes=("<n>",))._repr_html_()
    assert "<script>" not in html
    assert all(part in html for part in ("&lt;h&gt;", "&lt;script&gt;&amp;", "&lt;t&gt;", "&lt;n&gt;"))
    assert '<td style="text-align:right">1</td>' in html
    assert '<td style="text-align:left">&lt;script' in html


def test_html_without_title_and_notes_is_a_table_alone():
    html = TextTable(("a",), (("b",),))._repr_html_()
    assert html == (
        '<table><thead><tr><th style="text-align:left">a</th></tr></thead>'
        '<tbody><tr><td style="text-align:left">b</td></tr></tbody></table>'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (251.40512, "251"),
        (0.081321, "0.0813"),
        (-1.5e-9, "-1.5e-09"),
        (123456.7, "123457"),
        (1e-4, "0.0001"),
        (999999999.6, "1000000000"),
        (1e9, "1e+09"),
        (99.96, "100"),
        (NAN, "-"),
        (INF, "inf"),
        (-INF, "-inf"),
    ],
)
def test_number(value, text):
    assert number(value) == text


def test_what_rounds_to_zero_has_no_sign():
    assert [fixed(v, 1) for v in (-0.0, -0.04, -0.06, 0.04, NAN, -INF)] == ["0.0", "0.0", "-0.1", "0.0", "-", "-inf"]
    assert fixed(-0.4, 0) == "0"


def test_number_takes_digits():
    assert [number(math.pi * 1000, digits=d) for d in (1, 4, 5)] == ["3142", "3142", "3141.6"]


@pytest.mark.parametrize(
    ("values", "sd", "cells"),
    [
        ((251.40512, 7.4421, 239.5), 7.4421, ("251.4", "7.4", "239.5")),
        ((0.12345, 0.0021), 0.0021, ("0.1235", "0.0021")),
        ((1234.5, 250.0), 250.0, ("1234", "250")),
        ((1.0, NAN), 0.5, ("1.00", "-")),
        ((1.0, INF), 0.5, ("1.00", "inf")),
        ((1.0, 2.5), 0.0, ("1", "2.5")),
        ((1.0, 2.5), NAN, ("1", "2.5")),
        ((1.0, 2.5), INF, ("1", "2.5")),
        ((1.23456, 1e-9), 1e-9, ("1.23e+00", "1.00e-09")),
        ((1e9, 2e7), 2e7, ("1.00e+09", "2.00e+07")),
        ((NAN, 2e7), 2e7, ("-", "2.00e+07")),
        ((-0.004, -0.0, -0.006), 0.5, ("0.00", "0.00", "-0.01")),
        ((-0.0, -2e7), 2e7, ("0.00e+00", "-2.00e+07")),
        ((), 1.0, ()),
    ],
)
def test_estimates_share_their_decimals(values, sd, cells):
    assert estimate_cells(values, sd=sd) == cells


@pytest.mark.parametrize(
    ("cells", "numeric"),
    [
        (("1.5", "nan"), True),
        (("1.5", "NaN", "-", "", "inf", "-2e-05"), True),
        (("1,000", "12%", "12 %"), True),
        (("1.5", "x"), False),
        (("1_000",), False),
        (("--",), False),
        ((), False),
    ],
)
def test_one_rule_decides_which_columns_are_numbers(cells, numeric):
    table = TextTable(("name", "n"), tuple(("a", cell) for cell in cells))
    assert table.numeric == (False, numeric)
    assert ("text-align:right" in table._repr_html_()) == numeric


def test_a_table_is_written_in_a_notebook_too(monkeypatch):
    """rich displays output instead of writing it if it detects a notebook kernel."""
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert "1.5" in str(TextTable(("x",), (("1.5",),)))
