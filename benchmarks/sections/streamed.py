"""Tables larger than memory: seconds and peak memory of a fit from Parquet, against rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.cases import SEED
from benchmarks.growth import exponent
from benchmarks.processes import ask_python, say
from benchmarks.section import Result, Section, Settings, Target
from benchmarks.tables import number, paragraph, seconds, table

ROWS = (1_000_000, 10_000_000, 100_000_000)
LEVELS = 10_000
FORMULA = "y ~ x + (1 + x | g)"
PIECE = 1_000_000
MOST_SECONDS, MOST_GIGABYTES = 180.0, 2.0


@contextmanager
def parquet_file(rows: int) -> Iterator[str]:
    """Simulate a table piece by piece, and write it to a temporary file: 20 bytes a row."""
    rng = np.random.default_rng(SEED)
    b = rng.normal(size=(LEVELS, 2)) * (0.6, 0.3)
    with TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder, "table.parquet")
        schema = pa.schema([("y", pa.float64()), ("x", pa.float64()), ("g", pa.int64())])
        with pq.ParquetWriter(path, schema) as file:
            for _ in range(rows // PIECE):
                g, x = rng.integers(0, LEVELS, PIECE), rng.normal(size=PIECE)
                y = 1 + b[g, 0] + (0.5 + b[g, 1]) * x + rng.normal(size=PIECE)
                file.write_table(pa.table({"y": y, "x": x, "g": g}, schema=schema))
        yield str(path)


def measure(settings: Settings) -> Result:
    found = []
    for rows in ROWS:
        say(f"{rows:,} rows")
        with parquet_file(rows) as path:
            request = {"path": path, "formula": FORMULA, "seed": settings.seeds[0]}
            found.append(ask_python("streamed_fit", request) | {"file_gigabytes": Path(path).stat().st_size / 1e9})
    return {"levels": LEVELS, "cores": settings.cores, "sizes": found}


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
    return [
        *paragraph(
            f"`{FORMULA}`, {result['levels']:,} levels, from a Parquet file that is read twice, on {result['cores']}",
            "cores; then 4 chains of 1,000 draws of all effects. Peak memory is that of the process; the draws of the",
            f"effects alone take {number(4000 * 2 * result['levels'] * 8 / 1e9)} GB.",
        ),
        *table(["rows", "file", "two passes", "rows read per second", "drawing", "peak memory"], rows),
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
