"""The tools for notebooks: which differences and faults they report, and which differences they ignore."""

import copy
import os

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from folded_solutions import folded_code, with_printed
from notebook_agreement import OTHER_SEEDS, CellOutput, number_agrees, output_differences, text_differences
from notebook_outputs import cell_outputs, faults, keep_equal, tidy
from run_notebooks import NotebookFault, execute, stale, write_pictures

COMMITTED = """
 factor    effect                 mean    sd     5%   95%   ESS  R-hat
 Subject   Intercept              26.9   6.6   17.4  38.3  3607  1.000
           corr(Intercept, Days)  0.06  0.28  -0.39  0.53  3430  1.000

Diagnostics: good (Pareto k-hat 0.06; R-hat up to 1.002)
"""
SOLUTION = "<details><summary>Solution</summary>\n\n```python\nprint(6 * 7)\n```\n\n</details>"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("26.9   6.6", "27.3   6.5"),
        ("0.06", "0.07"),
        ("3607", "3190"),
        ("-0.39", "-0.41"),
        ("1.000", "1.001"),
        ("k-hat 0.06", "k-hat 0.41"),
    ],
)
def test_random_variation_of_draws_is_not_reported(old, new):
    assert text_differences(COMMITTED, COMMITTED.replace(old, new)) == []


def test_a_moved_column_is_not_reported():
    assert text_differences(COMMITTED, COMMITTED.replace("  ", " ").replace("-0.39", "-0.4")) == []
    assert text_differences("mean\n-----\n 9.98", "mean\n------\n 10.02") == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("26.9", "29.9", "26.9 committed, now 29.9, in: Subject Intercept 29.9 6.6 17.4 38.3 3607 1.000"),
        ("0.28", "0.38", "0.28 committed, now 0.38"),
        ("-0.39", "0.39", "-0.39 committed, now 0.39"),
        ("3607", "2607", "3607 committed, now 2607"),
        ("1.000", "1.090", "1.000 committed, now 1.090"),
        ("Intercept  ", "Slope  ", "committed: Subject Intercept"),
        ("good", "doubtful", "| now: Diagnostics: doubtful"),
        ("sd ", "SD ", "committed: factor"),
    ],
)
def test_a_stale_number_or_word_is_reported(old, new, expected):
    (line, *_) = text_differences(COMMITTED, COMMITTED.replace(old, new))
    assert expected in " ".join(line.split())


def test_an_added_line_is_reported():
    assert (
        "4 lines committed, now 5: the shorter one ends early" in text_differences(COMMITTED, COMMITTED + "\nmore")[0]
    )
    assert "first difference at 'new'" in text_differences("a\nb", "a\nnew\nb")[0]


OTHERS = ["43", "47", "45", "41", "44", "46"]


@pytest.mark.parametrize(
    ("committed", "agrees"), [("50", True), ("59", True), ("29", True), ("28", False), ("60", False)]
)
def test_a_number_that_disagrees_is_judged_by_runs_with_other_seeds(committed, agrees):
    """Runs give 41 to 47, so that numbers from 29 to 59 agree."""
    differences = text_differences(f"n {committed}", "n 43", [f"n {other}" for other in OTHERS])
    assert (differences == []) is agrees


def test_words_are_compared_exactly_under_other_seeds_too():
    assert text_differences("good", "doubtful", ["good", "good"]) == ["committed: good | now: doubtful"]


def test_estimates_that_differ_by_chance_are_rarely_reported():
    """Of 20,000 committed numbers and runs with nine seeds each, 2.6 are expected: 11 or more have a chance of 1e-4."""
    shape = (20_000, 1 + 1 + OTHER_SEEDS)
    estimates = np.random.default_rng(5).normal(500, 100, shape).round().astype(int).astype(str)
    assert sum(bool(text_differences(first, second, others)) for first, second, *others in estimates.tolist()) < 11


@pytest.mark.parametrize(
    ("old", "new", "agrees"),
    [
        ("0.39", "0.42", True),
        ("0.39", "0.43", False),
        ("1,000", "1,020", True),
        ("\N{MINUS SIGN}3.10", "-3.15", True),
        ("1e-3", "1.2e-3", True),
        ("1e-3", "9e-3", False),
        ("18", "21", True),
        ("18", "22", False),
        ("4000", "4000.00", True),
        ("4000", "3300", False),
        ("2026.0", "2200.0", False),
    ],
)
def test_numbers_agree_within_their_error(old, new, agrees):
    assert number_agrees(old, new) is agrees


def test_the_seconds_of_a_fit_are_not_compared_but_a_unit_of_the_data_is():
    assert text_differences("1000 draws, seed 1, 0.2 s", "1000 draws, seed 1, 9.4 s") == []
    assert text_differences("waited 2.0 s", "waited 9.4 s") != []


def test_pictures_are_compared_by_size_and_words():
    outputs = [CellOutput("cell [1]", "", ("<Figure size 700x400 with 1 Axes>: a line",))]
    assert output_differences(outputs, outputs) == []
    other = [CellOutput("cell [1]", "", ("<Figure size 700x400 with 2 Axes>: a line",))]
    assert "pictures committed" in output_differences(outputs, other)[0]
    assert "cells have output" in output_differences(outputs, [])[0]


def notebook(*sources, text="1 row"):
    cells = [new_markdown_cell("# Title"), *map(new_code_cell, sources), new_markdown_cell(SOLUTION)]
    for cell in cells[1:-1]:
        cell.outputs = [new_output("stream", text=text)]
    made = new_notebook(cells=cells)
    tidy(made)
    return made


def test_a_tidy_notebook_has_no_fault():
    assert faults(notebook("a", "b")) == []


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (new_output("stream", name="stderr", text="careful"), "writes to stderr: careful"),
        (new_output("error", ename="ValueError"), "raises ValueError"),
        (new_output("display_data", data={"image/png": "x", "text/plain": "<Figure>"}), "without alternative text"),
        (new_output("execute_result", data={"text/plain": "<object at 0x7f3a5c1d2e80>"}), "memory address"),
        (new_output("display_data", data={"text/html": "<div class='xr-wrap'>"}), "bare xarray object"),
        (new_output("stream", text="x" * 1_000_000), "at most 1 MB"),
    ],
)
def test_faults_of_outputs_are_reported(output, expected):
    made = notebook("a")
    made.cells[1].outputs = [output]
    (line,) = faults(made)
    assert expected in line


def test_faults_of_the_notebook_are_reported():
    made = notebook("a", "b")
    made.cells[2].execution_count = None
    del made.cells[0], made.cells[-1]
    assert [line.split(":")[0] for line in faults(made)] == [
        "the first cell is not a title",
        "no exercise has a folded solution with code",
        "execution counts [1, None] are not 1, 2, ...",
    ]


def test_tidying_keeps_the_text_of_a_picture_and_removes_what_depends_on_the_machine():
    made = notebook("a")
    cell = made.cells[1]
    cell.metadata = {"execution": {"iopub.status.busy": "2026"}, "mystnb": {"image": {"alt": "a line"}}}
    picture = {"image/png": "x", "text/plain": "<Figure size 1x1>", "application/vnd.jupyter.widget-view+json": {}}
    cell.outputs = [
        new_output("stream", text="a"),
        new_output("stream", text="b"),
        new_output("display_data", data=picture),
    ]
    made.metadata["language_info"]["version"] = "3.13.1"
    tidy(made)
    assert list(cell.metadata) == ["mystnb"]
    assert cell.outputs[0].text == "ab"
    assert sorted(cell.outputs[1].data) == ["image/png", "text/plain"]
    assert cell.outputs[1].metadata == {"image/png": {"alt": "a line"}}
    assert made.metadata["language_info"] == {"name": "python"}
    assert cell_outputs(made)[0].pictures == ("<Figure size 1x1>: a line",)


def test_a_cell_that_is_folded_in_the_pages_is_folded_in_jupyterlab():
    made = notebook("a")
    made.cells[1].metadata = {"tags": ["hide-input"]}
    tidy(made)
    assert made.cells[1].metadata == {"tags": ["hide-input"], "jupyter": {"source_hidden": True}}
    tidy(made)
    assert made.cells[1].metadata == {"tags": ["hide-input"], "jupyter": {"source_hidden": True}}


def test_an_output_that_differs_only_in_times_is_kept():
    old, new = notebook("a", text="seed 1, 0.2 s"), notebook("a", text="seed 1, 0.9 s")
    keep_equal(old, new)
    assert new.cells[1].outputs[0].text == "seed 1, 0.2 s"
    new = notebook("a", text="seed 2, 0.9 s")
    keep_equal(old, new)
    assert new.cells[1].outputs[0].text == "seed 2, 0.9 s"


def test_printed_text_is_put_behind_each_fence_and_replaced():
    once = with_printed(SOLUTION, ["42\n"])
    assert folded_code(once)[0].printed == "42\n"
    assert with_printed(once, ["43\n"]) == once.replace("42", "43")
    assert with_printed(once, [""]) == SOLUTION


def test_cells_and_solutions_run_in_order_from_a_clean_kernel():
    made = notebook("x = 5\nprint(x)", "x + 1")
    made.cells[-1].source = SOLUTION.replace("6 * 7", "x * 7")
    before = copy.deepcopy(made)
    ran = execute(made)
    tidy(ran)
    assert made == before
    assert [output.text for output in cell_outputs(ran)] == ["5\n", "6", "35\n"]
    assert faults(ran) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import warnings\nwarnings.warn('careful')", "UserWarning: careful\n$"),
        ("import urllib.request\nurllib.request.urlopen('http://example.org')", "notebooks run without a network"),
    ],
)
def test_exceptions_warnings_and_networks_stop_a_notebook(source, expected):
    with pytest.raises(NotebookFault, match=expected):
        execute(notebook(source))


@pytest.mark.thorough
def test_a_committed_output_that_a_run_does_not_repeat_is_reported(tmp_path, two_others):
    path = tmp_path / "01_trial.ipynb"
    ran = execute(notebook("x = 5\nprint('x is', x)"))
    tidy(ran)
    nbformat.write(ran, path)
    assert stale(path) == []
    ran.cells[1].outputs[0].text = "x is 9\n"
    ran.cells[-1].source = ran.cells[-1].source.replace("42", "52")
    nbformat.write(ran, path)
    assert stale(path) == [
        "cell [1]: 9 committed, now 5 (5 to 5 with other seeds), in: x is 5",
        "solution 'print(6 * 7)': 52 committed, now 42 (42 to 42 with other seeds), in: 42",
    ]


@pytest.fixture
def two_others(monkeypatch):
    monkeypatch.setattr("run_notebooks.OTHER_SEEDS", 2)


@pytest.mark.thorough
def test_other_seeds_are_run_if_a_number_disagrees(tmp_path, two_others):
    path = tmp_path / "01_trial.ipynb"
    source = "from partialpool.seeds import shifted\nprint(50 + shifted(0) // 1_000_003)"
    ran = execute(notebook(source))
    tidy(ran)
    base = int(ran.cells[1].outputs[0].text)
    for committed, expected in ((base + 6, ""), (base + 60, f"now {base} ({base + 1} to {base + 2} with other seeds)")):
        ran.cells[1].outputs[0].text = f"{committed}\n"
        nbformat.write(ran, path)
        assert (expected in " ".join(stale(path))) if expected else stale(path) == []


def test_no_more_seeds_are_run_once_a_number_agrees(tmp_path, monkeypatch):
    path, shifts = tmp_path / "01_trial.ipynb", []
    committed, new = notebook("a", text="n 50"), ["n 43", "n 47", "n 45"]
    nbformat.write(committed, path)

    def run(_, *, shift=0):
        shifts.append(shift)
        return notebook("a", text=new[shift])

    monkeypatch.setattr("run_notebooks.execute", run)
    assert stale(path) == []
    assert shifts == [0, 1]


@pytest.mark.thorough
def test_a_notebook_that_fails_with_another_seed_is_reported(tmp_path, two_others):
    path = tmp_path / "01_trial.ipynb"
    source = "from partialpool.seeds import shifted\nprint(7)\nshift = shifted(0) // 1_000_003\nassert shift < {}"
    base = int(os.environ.get("PARTIALPOOL_SEED_SHIFT") or 0)
    ran = execute(notebook(source.format(base + 2)))
    tidy(ran)
    ran.cells[1].outputs[0].text = "-99\n"
    nbformat.write(ran, path)
    (line,) = stale(path)
    assert line.startswith("with PARTIALPOOL_SEED_SHIFT raised by 2: ")


def test_pictures_are_written_as_files(tmp_path):
    made = notebook("a")
    picture = new_output("display_data", data={"image/png": "cGl4ZWxz"})
    made.cells[1].outputs = [picture, picture]
    written = write_pictures(made, tmp_path / "new", "01")
    assert [path.name for path in written] == ["01-cell01.png", "01-cell01-2.png"]
    assert written[0].read_bytes() == b"pixels"
