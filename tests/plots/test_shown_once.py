"""A figure in a notebook is shown once, as the value of a cell and otherwise; it can be pickled."""

import pickle

import nbformat
import pytest
from matplotlib.figure import Figure
from nbclient import NotebookClient

import partialpool as pp

FIT = """
%matplotlib inline
import numpy as np
import pandas as pd
import partialpool as pp
table = pd.DataFrame({"y": np.random.default_rng(1).normal(size=12), "g": list("abcd") * 3})
fit = pp.fit("y ~ 1 + (1 | g)", table, draws=50, chains=2, seed=1, progressbar=False)
"""
CELLS = {
    "pp.plot_icc(fit)": 1,
    "pp.plot_icc(fit);": 1,
    "kept = pp.plot_icc(fit)\n'other'": 1,
    "kept = pp.plot_icc(fit)\npp.plot_group_effects(fit)": 2,
    "kept": 1,
}


@pytest.fixture(scope="module")
def cells():
    sources = [FIT, *CELLS]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(notebook, kernel_name="python3", timeout=300).execute()
    return dict(zip(sources, notebook.cells, strict=True))


@pytest.mark.parametrize(("source", "count"), CELLS.items())
def test_each_figure_is_shown_once(cells, source, count):
    pictures = [output for output in cells[source].outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == count
    assert all(output.output_type == "display_data" for output in pictures)


def test_a_figure_can_be_pickled(answers):
    figure = pp.plot_icc(answers["icc"])
    assert isinstance(pickle.loads(pickle.dumps(figure)), Figure)
