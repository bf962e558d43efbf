"""Run the notebooks from clean kernels and write their outputs: `make notebooks`; only some of them: `ONLY="01 03"`."""

import argparse
import asyncio
import base64
import copy
import os
import re
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from folded_solutions import folded_code, with_printed
from notebook_agreement import OTHER_SEEDS, output_differences
from notebook_outputs import cell_outputs, faults, keep_equal, tidy

__all__ = ["AT_ONCE", "FOLDER", "NotebookFault", "execute", "notebooks", "stale", "write_pictures"]

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "notebooks"
AT_ONCE: Final = 2
"""Kernels at the same time: most of the time of a short notebook is imports, which use one core."""
_SECONDS: Final = 120
"""Time limit of a cell."""

_PREFACE: Final = """
import socket as _socket, warnings as _warnings
_lookup = _socket.getaddrinfo
def _stay_offline(host, *rest, **named):
    if host not in (None, "localhost", "127.0.0.1", "::1"):
        raise OSError(f"notebooks run without a network, and this one asks for {host}")
    return _lookup(host, *rest, **named)
_socket.getaddrinfo = _stay_offline
import partialpool.progress as _progress
_progress.PATIENCE = 1e6
_warnings.simplefilter("error")
from partialpool.seeds import shifted as _shifted
if _shifted(0):
    import nutpie as _nutpie
    _walk = _nutpie.sample
    _nutpie.sample = lambda *given, seed=None, **named: _walk(*given, seed=_shifted(seed), **named)
"""
"""Code that runs before the first cell and is not shown: no network, warnings are errors, and no progress line, which
would be part of the output on a slow machine only. A sampler that a notebook calls directly has its seed shifted like
those of the package.
"""
_KERNEL_ITSELF: Final = '_warnings.filterwarnings("ignore", module="ipykernel")\n'
"""On shutdown the kernel gives a warning on one of its own methods."""
_COLOURS: Final = re.compile(r"\x1b\[[\d;]*m")


class NotebookFault(Exception):
    """A notebook does not run."""


def notebooks(only: list[str] | None = None) -> list[Path]:
    """List the notebooks in reading order; `only` selects some by the beginnings of their names."""
    paths = sorted(FOLDER.glob("[0-9]*.ipynb"))
    return [path for path in paths if not only or path.name.startswith(tuple(only))]


def execute(notebook: NotebookNode, *, shift: int = 0) -> NotebookNode:
    """Run a copy of a notebook, including its folded solutions, from a clean kernel in an empty folder.

    Parameters
    ----------
    notebook
        A notebook read by nbformat; it is not changed.
    shift
        Added to PARTIALPOOL_SEED_SHIFT, to run it with other seeds.

    Raises
    ------
    NotebookFault
        A cell raised an exception or a warning.
    """
    running, homes = _runnable(notebook)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        work.mkdir()
        client = NotebookClient(
            running, timeout=_SECONDS, kernel_name="python3", resources={"metadata": {"path": work}}
        )
        try:
            asyncio.run(client.async_execute(env=_kernel_environment(Path(folder), shift)))
        except CellExecutionError as error:
            seeds = f"with PARTIALPOOL_SEED_SHIFT raised by {shift}: " if shift else ""
            raise NotebookFault(seeds + _COLOURS.sub("", str(error))) from error
    return _put_back(notebook, running, homes)


def stale(path: Path) -> list[str]:
    """Run a notebook again, and list what is wrong with the committed one: faults and disagreements.

    Where it disagrees it is run with other seeds too, to see whether that is by chance, until it agrees: more seeds
    only widen the range of a number.
    """
    committed = nbformat.read(path, as_version=4)
    wrong, runs, new, apart = faults(committed), [], [], []
    try:
        for shift in range(OTHER_SEEDS + 1):
            rerun = execute(committed, shift=shift)
            tidy(rerun)
            runs.append(cell_outputs(rerun))
            new = new if shift else [fault for fault in faults(rerun) if fault not in wrong]
            apart = output_differences(cell_outputs(committed), runs[0], runs[1:])
            if not apart:
                break
    except NotebookFault as fault:
        return [*wrong, str(fault)]
    return [*wrong, *new, *apart]


def _runnable(notebook: NotebookNode) -> tuple[NotebookNode, list[int | None]]:
    """Return a copy with code cells only, and the cell of the notebook that each comes from."""
    running = copy.deepcopy(notebook)
    running.cells, homes = [new_code_cell(_PREFACE + _KERNEL_ITSELF + _allowed_warnings())], [None]
    for index, cell in enumerate(notebook.cells):
        sources = [cell.source] if cell.cell_type == "code" else [code.source for code in folded_code(cell.source)]
        running.cells += [new_code_cell(source) for source in sources]
        homes += [index] * len(sources)
    return running, homes


def _put_back(notebook: NotebookNode, running: NotebookNode, homes: list[int | None]) -> NotebookNode:
    result = copy.deepcopy(notebook)
    for index, cell in enumerate(result.cells):
        ran = [r for r, home in zip(running.cells, homes, strict=True) if home == index]
        if cell.cell_type == "code":
            cell.outputs = ran[0].outputs
        elif ran:
            cell.source = with_printed(cell.source, ["".join(_printed(r)) for r in ran])
    return result


def _printed(cell: NotebookNode) -> Iterator[str]:
    """Yield what a solution prints or returns; a text fence cannot show pictures."""
    for output in cell.outputs:
        if output.get("name") == "stderr":
            raise NotebookFault(f"a solution writes to stderr: {output.text}")
        yield output.get("text", "") or output.get("data", {}).get("text/plain", "")


def _allowed_warnings() -> str:
    """Return the warnings that the tests ignore, from pyproject.toml, where they are listed with reasons."""
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    lines = [entry.split(":") for entry in options["filterwarnings"] if entry.count(":") == 2]
    return "".join(f"_warnings.filterwarnings({action!r}, {text!r}, {kind})\n" for action, text, kind in lines)


def _kernel_environment(folder: Path, shift: int) -> dict[str, str]:
    """Keep the user's start-up files, settings and choice of back end out of kernels."""
    kept = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    return kept | {
        "PARTIALPOOL_SEED_SHIFT": str(int(os.environ.get("PARTIALPOOL_SEED_SHIFT") or 0) + shift),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),
        "PYTHONHASHSEED": "0",
    }


def write_pictures(notebook: NotebookNode, folder: Path, stem: str) -> list[Path]:
    """Write each picture as a file for inspection: `01-cell03.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for cell in (c for c in notebook.cells if c.cell_type == "code"):
        pictures = [o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {})]
        for index, picture in enumerate(pictures):
            path = folder / f"{stem}-cell{cell.execution_count:02d}{f'-{index + 1}' if index else ''}.png"
            path.write_bytes(base64.b64decode(picture))
            written.append(path)
    return written


def _renew(path: Path, pictures: Path | None) -> tuple[bool, str]:
    """Run one notebook in place; return whether it is in order, and a message."""
    start = time.perf_counter()
    committed = nbformat.read(path, as_version=4)
    try:
        rerun = execute(committed)
    except NotebookFault as fault:
        return False, f"{path.name} failed\n{fault}"
    tidy(rerun)
    keep_equal(committed, rerun)
    nbformat.write(rerun, path)
    if pictures is not None:
        write_pictures(rerun, pictures, path.name[:2])
    wrong = faults(rerun)
    took = f"{path.name} {time.perf_counter() - start:.1f} s, {path.stat().st_size / 1e3:.0f} kB"
    return not wrong, "\n  fault: ".join([took, *wrong])


def _failures(path: Path, seeds: int) -> tuple[bool, str]:
    """Run one notebook with several seeds without writing; return whether its assertions hold, and a message."""
    committed, wrong = nbformat.read(path, as_version=4), []
    for shift in range(1, seeds + 1):
        try:
            execute(committed, shift=shift)
        except NotebookFault as fault:
            wrong.append(str(fault))
    return not wrong, "\n".join([f"{path.name} fails with {len(wrong)} of {seeds} other seeds", *wrong])


def main() -> int:
    """Run notebooks in place; the exit code is 1 where one fails or has a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", help="beginnings of names, such as 01 03; default: all")
    parser.add_argument("--pictures", type=Path, help="a folder for a copy of every picture, for inspection")
    parser.add_argument("--seeds", type=int, help="run them with this many other seeds, without writing")
    given = parser.parse_args()
    work = partial(_failures, seeds=given.seeds) if given.seeds else partial(_renew, pictures=given.pictures)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        well = []
        for good, words in pool.map(work, notebooks(given.only)):
            print(words, flush=True)
            well.append(good)
    return 0 if well and all(well) else 1


if __name__ == "__main__":
    sys.exit(main())
