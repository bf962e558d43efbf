"""Tables larger than memory: seconds and peak memory of a fit, against rows and for every kind of source."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.cases import SEED
from benchmarks.growth import exponent
from benchmarks.processes import ask_python, say
from benchmarks.section import Result, Section, Settings, Target
from benchmarks.streamed_fit import SOURCES
from benchmarks.tables import number, paragraph, seconds, table

ROWS = (1_000_000, 10_000_000, 100_000_000)
ROWS_PER_SOURCE = 10_000_000
"""At which every source is measured."""
LEVELS = 10_000
FORMULA = "y ~ x + (1 + x | g)"
PIECE = 1_000_000
MOST_SECONDS, MOST_GIGABYTES = 180.0, 2.0


@contextmanager
def parquet_files(rows: int) -> Iterator[Path]:
    """Simulate a table piece by piece, and write it to a temporary folder: 20 bytes a row, at most ten files."""
    rng = np.random.default_rng(SEED)
    b = rng.normal(size=(LEVELS, 2)) * (0.6, 0.3)
    schema = pa.schema([("y", pa.float64()), ("x", pa.float64()), ("g", pa.int64())])
    with TemporaryDirectory(prefix="bench-") as folder:
        for part in np.array_split(np.arange(rows // PIECE), min(10, rows // PIECE)):
            with pq.ParquetWriter(Path(folder, f"part-{part[0]:03}.parquet"), schema) as file:
                for _ in part:
                    g, x = rng.integers(0, LEVELS, PIECE), rng.normal(size=PIECE)
                    y = 1 + b[g, 0] + (0.5 + b[g, 1]) * x + rng.normal(size=PIECE)
                    file.write_table(pa.table({"y": y, "x": x, "g": g}, schema=schema))
        yield Path(folder)


def measure(settings: Settings) -> Result:
    sizes, sources = [], []
    for rows in ROWS:
        with parquet_files(rows) as folder:
            request = {"path": str(folder), "formula": FORMULA, "seed": settings.seeds[0]}
            gigabytes = sum(file.stat().st_size for file in folder.iterdir()) / 1e9
            for source, (library, _) in SOURCES.items() if rows == ROWS_PER_SOURCE else [*SOURCES.items()][:1]:
                say(f"{rows:,} rows, {source}")
                if find_spec(library) is None:
                    sources.append({"source": source, "missing": f"{library} is not installed"})
                    continue
                found = ask_python("streamed_fit", request | {"source": source})
                if source == next(iter(SOURCES)):
                    sizes.append(found | {"file_gigabytes": gigabytes})
                if rows == ROWS_PER_SOURCE:
                    sources.append(found | {"source": source})
    return {"levels": LEVELS, "cores": settings.cores, "sizes": sizes, "sources": sources}


def lines(result: Result) -> list[str]:
    rows = [
        [
            f"{size['rows']:,}",
            f"{number(size['file_gigabytes'])} GB",
            seconds(size["reading"]),
            f"{number(2 * size['rows'] / size['reading'] / 1e6)} million",
            seconds(size["drawing"]),
            f"{number(size['peak_gigabytes'])} GB",
        ]
        for size in result["sizes"]
    ]
    sources = [
        [one["source"], one["missing"], "", ""]
        if "missing" in one
        else [one["source"], seconds(one["reading"]), seconds(one["drawing"]), f"{number(one['peak_gigabytes'])} GB"]
        for one in result["sources"]
    ]
    return [
        *paragraph(
            f"`{FORMULA}`, {result['levels']:,} levels, from Parquet files that are read twice, on {result['cores']}",
            "cores; then 4 chains of 1,000 draws of all effects. Peak memory is that of the process; the draws of the",
            f"effects alone take {number(4000 * 2 * result['levels'] * 8 / 1e9)} GB.",
        ),
        *table(["rows", "files", "two passes", "rows read per second", "drawing", "peak memory"], rows),
        "",
        *paragraph(f"The same {ROWS_PER_SOURCE:,} rows, in ten files, as each of the sources that `pp.fit` takes:"),
        *table(["source", "two passes", "drawing", "peak memory"], sources),
    ]


def targets(result: Result) -> list[Target]:
    largest = result["sizes"][-1]
    what = f"From Parquet, {largest['rows']:,} rows, {result['levels']:,} levels"
    value = exponent(result["sizes"], "rows", "peak_gigabytes")
    return [
        Target(
            f"{what}: the whole fit",
            f"at most {MOST_SECONDS:.0f} s",
            seconds(largest["seconds"]),
            largest["seconds"] <= MOST_SECONDS,
        ),
        Target(
            f"{what}: peak memory",
            f"at most {MOST_GIGABYTES:.0f} GB",
            f"{number(largest['peak_gigabytes'])} GB",
            largest["peak_gigabytes"] <= MOST_GIGABYTES,
        ),
        Target("From Parquet: peak memory against rows", "exponent at most 0.1", f"exponent {value:.2f}", value <= 0.1),
    ]


SECTION = Section("streamed", "Tables larger than memory", measure, lines, targets)
