"""The same model for many responses of 200 rows with two crossed factors.

Request: responses, rows, jobs, table and values (CSV files to write, for the peers). Answer: seconds of the call, those
of a pp.fit of each of the first ten, how many were fitted and how many have good diagnostics.
"""

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.cases import SEED

import partialpool as pp

FORMULA = "y ~ x + (1 | a) + (1 | b)"
_ONE_BY_ONE = 10


def simulate(responses: int, rows: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the table, and responses with sds of both factors from 0 to 1 and a residual sd of 1."""
    rng = np.random.default_rng(SEED)
    a, b, x = rng.integers(0, 20, rows), rng.integers(0, 10, rows), rng.normal(size=rows)
    sd_a, sd_b = rng.uniform(0, 1, (2, responses))
    effects = (sd_a * rng.normal(size=(20, responses)))[a] + (sd_b * rng.normal(size=(10, responses)))[b]
    y = effects + 0.2 * x[:, None] * rng.normal(size=responses) + rng.normal(size=(rows, responses))
    return pd.DataFrame({"a": a, "b": b, "x": x}), y


def main(request: dict[str, Any]) -> dict[str, Any]:
    table, y = simulate(request["responses"], request["rows"])
    table.to_csv(request["table"], index=False)
    pd.DataFrame(y).to_csv(request["values"], index=False)
    warnings.simplefilter("ignore")
    quiet: dict[str, Any] = {"seed": SEED, "progressbar": False}
    pp.fit_many(FORMULA, y[:, :4], table, jobs=request["jobs"], **quiet)  # starts processes, compiles the kernels
    started = time.perf_counter()
    many = pp.fit_many(FORMULA, y, table, jobs=request["jobs"], **quiet)
    seconds = time.perf_counter() - started
    one_by_one = []
    for column in y.T[:_ONE_BY_ONE]:
        started = time.perf_counter()
        pp.fit(FORMULA, table.assign(y=column), draws=500, **quiet)
        one_by_one.append(time.perf_counter() - started)
    return {
        "seconds": seconds,
        "one_by_one": one_by_one,
        "fitted": int(many["fitted"].sum()),
        "good": int(many["good"].sum()),
    }


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))
