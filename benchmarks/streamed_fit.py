"""A fit of Parquet files that are read in batches, in a process of its own.

Request: path, source (one of SOURCES), formula, seed. Answer: seconds of the whole call, `stages` of the run, rows, and
peak_gigabytes.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.machine import peak_gigabytes

import partialpool as pp


def _dataset(path: str) -> Any:
    import pyarrow.dataset  # noqa: PLC0415 - each process loads the library of its source

    return pyarrow.dataset.dataset(path)


def _query(path: str) -> Any:
    import polars  # noqa: PLC0415

    return polars.scan_parquet(f"{path}/*.parquet")


def _relation(path: str) -> Any:
    import duckdb  # noqa: PLC0415

    return duckdb.read_parquet(f"{path}/*.parquet")


def _partitions(path: str) -> Any:
    import dask.dataframe  # noqa: PLC0415

    return dask.dataframe.read_parquet(path)


SOURCES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "Parquet files": ("pyarrow", str),
    "pyarrow dataset": ("pyarrow", _dataset),
    "polars LazyFrame": ("polars", _query),
    "DuckDB relation": ("duckdb", _relation),
    "Dask DataFrame, no cluster": ("dask", _partitions),
}
"""The library that reads, and what makes the source of a folder of Parquet files."""


def main() -> None:
    request = json.loads(Path(sys.argv[1]).read_text())
    source = SOURCES[request["source"]][1](request["path"])
    started = time.perf_counter()
    fit = pp.fit(request["formula"], source, seed=request["seed"], progressbar=False)
    seconds = time.perf_counter() - started
    drawing = fit.run.seconds or 0.0
    answer = {
        "rows": fit.design.n_rows,
        "seconds": seconds,
        # What the run itself does not count is the two passes over the table.
        "reading": seconds - drawing,
        "drawing": drawing,
        "peak_gigabytes": peak_gigabytes(),
        "r_hat": float(fit.digest.frame["r_hat"].max()),
    }
    Path(sys.argv[2]).write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
