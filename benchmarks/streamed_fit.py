"""A fit of a Parquet file that is read in batches, in a process of its own.

Request: path, formula, seed. Answer: seconds of the whole call, `stages` of the run, rows, and peak_gigabytes.
"""

import json
import sys
import time
from pathlib import Path

from benchmarks.machine import peak_gigabytes

import partialpool as pp


def main() -> None:
    request = json.loads(Path(sys.argv[1]).read_text())
    started = time.perf_counter()
    fit = pp.fit(request["formula"], request["path"], seed=request["seed"], progressbar=False)
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
