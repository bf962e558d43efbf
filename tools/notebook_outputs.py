"""Clean a notebook's outputs, list the output of each cell, and find faults automatically."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from nbformat import NotebookNode

from folded_solutions import folded_code
from notebook_agreement import CellOutput, without_clock

__all__ = ["cell_outputs", "faults", "keep_equal", "tidy"]

_KEPT: Final = ("text/plain", "text/html", "text/markdown", "text/latex", "image/png")
"""Types of output that every notebook viewer shows."""
_MOST_BYTES: Final = 1_000_000
_ADDRESS: Final = re.compile(r"\b0x[0-9a-f]{6,}")


def tidy(notebook: NotebookNode) -> None:
    """Strip what changes from run to run; number the cells and give pictures their alternative text."""
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    notebook.nbformat_minor = 5
    count = 0
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index:02d}"
        cell.metadata = NotebookNode({k: v for k, v in cell.metadata.items() if k in {"mystnb", "tags"} and v})
        if "hide-input" in cell.metadata.get("tags", []):  # MyST-NB uses the tag, JupyterLab this field
            cell.metadata["jupyter"] = NotebookNode(source_hidden=True)
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = _joined(cell.outputs)
        for output in cell.outputs:
            _tidy_output(output, count, _alternative(cell))


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join adjacent pieces of one stream, which is split at random places."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if joined and output.output_type == "stream" == joined[-1].output_type and output.name == joined[-1].name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def _tidy_output(output: NotebookNode, count: int, alternative: str) -> None:
    if output.output_type == "execute_result":
        output.execution_count = count
    if "data" in output:
        output.data = NotebookNode({kind: value for kind, value in output.data.items() if kind in _KEPT})
        output.metadata = NotebookNode()
        if "image/png" in output.data and alternative:
            output.metadata["image/png"] = {"alt": alternative}


def _alternative(cell: NotebookNode) -> str:
    """Return the alternative text of a cell's picture: `mystnb: {image: {alt: ...}}` in its metadata."""
    return str(cell.metadata.get("mystnb", {}).get("image", {}).get("alt", ""))


def keep_equal(committed: NotebookNode, rerun: NotebookNode) -> None:
    """Keep a committed output if the new one differs only in its times, so that a diff shows real changes."""
    before = {cell.source: cell for cell in _code_cells(committed)}
    for cell in _code_cells(rerun):
        old = before.get(cell.source)
        if old is not None and _clockless(old.outputs) == _clockless(cell.outputs):
            cell.outputs = old.outputs


def _clockless(outputs: list[NotebookNode]) -> str:
    return without_clock(json.dumps(outputs, sort_keys=True))


def cell_outputs(notebook: NotebookNode) -> list[CellOutput]:
    """List the output of the cells and of the folded solutions."""
    outputs: list[CellOutput] = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            outputs.append(_cell_output(cell))
        else:
            codes = folded_code(cell.source)
            outputs += [CellOutput(f"solution {code.source.splitlines()[0]!r}", code.printed) for code in codes]
    return outputs


def _cell_output(cell: NotebookNode) -> CellOutput:
    texts, pictures = [], []
    for output in cell.outputs:
        data = output.get("data", {})
        if "image/png" in data:
            pictures.append(f"{data.get('text/plain', '')}: {_alternative(cell)}")
        else:
            texts.append(str(output.get("text", "") or data.get("text/plain", "") or data.get("text/markdown", "")))
    return CellOutput(f"cell [{cell.execution_count}]", "\n".join(texts), tuple(pictures))


def faults(notebook: NotebookNode) -> list[str]:
    """List what is wrong with a committed notebook, without running it."""
    return [*_faults_of_notebook(notebook), *(line for cell in _code_cells(notebook) for line in _faults_of_cell(cell))]


def _faults_of_notebook(notebook: NotebookNode) -> Iterator[str]:
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not first.source.startswith("# "):
        yield "the first cell is not a title: `# Name of the idea`"
    if not any(folded_code(cell.source) for cell in notebook.cells if cell.cell_type == "markdown"):
        yield "no exercise has a folded solution with code"
    counts = [cell.execution_count for cell in _code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts {counts} are not 1, 2, ...: `make notebooks` runs it from a clean kernel"
    size = len(json.dumps(notebook))
    if size > _MOST_BYTES:
        yield f"{size / 1e6:.1f} MB: at most 1 MB, so fewer or smaller pictures"


def _faults_of_cell(cell: NotebookNode) -> Iterator[str]:
    where = f"cell [{cell.execution_count}]"
    for output in cell.outputs:
        if output.output_type == "error":
            yield f"{where} raises {output.ename}"
        if output.get("name") == "stderr":
            yield f"{where} writes to stderr: {output.text.strip()[:200]}"
        if "image/png" in output.get("data", {}) and not _alternative(cell):
            yield f"{where} draws a picture without alternative text: mystnb.image.alt in its metadata"
        if _ADDRESS.search(_text(output)):
            yield f"{where} shows a memory address, which differs in every run"
        if "xr-wrap" in _text(output):
            yield f"{where} shows a bare xarray object, whose HTML differs in every run: show pp.summary(...) of it"


def _text(output: NotebookNode) -> str:
    data: dict[str, Any] = {k: v for k, v in output.get("data", {}).items() if not k.startswith("image/")}
    return " ".join(map(str, [output.get("text", ""), *data.values()]))


def _code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
