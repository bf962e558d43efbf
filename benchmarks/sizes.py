"""Growth of the cost of `y ~ x + (x | g)`: each step of a fit, timed separately in one process.

Request: rows, levels, batches (how often each repeated step is timed), fit (whether to time a whole fit too). Answer:
seconds of each step, and peak_gigabytes.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.cases import SEED
from benchmarks.machine import peak_gigabytes

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.marginal.gaussian.accumulated import Accumulated
from partialpool.marginal.gaussian.marginal import build_marginal
from partialpool.marginal.gaussian.recover import recover
from partialpool.model.default_priors import resolve_priors
from partialpool.sampling.mode import find_peaks
from partialpool.sampling.starts import starts

FORMULA = "y ~ x + (x | g)"
BATCH_SECONDS = 0.4
FEWEST, MOST = 20, 4000


def make_table(rows: int, levels: int) -> pd.DataFrame:
    """Simulate a table: every level has a row, the other rows are assigned at random, so that levels differ in size."""
    rng = np.random.default_rng(SEED)
    g = np.concatenate([np.arange(levels), rng.integers(0, levels, rows - levels)])
    x, b = rng.normal(size=rows), rng.normal(size=(levels, 2)) * (0.6, 0.3)
    return pd.DataFrame({"y": 1 + b[g, 0] + (0.5 + b[g, 1]) * x + rng.normal(size=rows), "x": x, "g": g})


def per_item(work: Callable[[int], object], batches: int, *, fewest: int) -> float:
    """Return the median seconds per item over batches, each long enough to be timed."""
    started = time.perf_counter()
    work(fewest)
    once = (time.perf_counter() - started) / fewest
    size = int(np.clip(BATCH_SECONDS / once, fewest, MOST))
    found = []
    for _ in range(batches):
        started = time.perf_counter()
        work(size)
        found.append((time.perf_counter() - started) / size)
    return median(found)


def steps(rows: int, levels: int, batches: int, *, fit: bool) -> dict[str, float]:
    """Time the steps of one fit; kernels run on one thread."""
    data = make_table(rows, levels)
    clock = time.perf_counter
    t0 = clock()
    design = build_design(pp.ModelSpec.from_formula(FORMULA), data)
    priors = resolve_priors(design)
    t1 = clock()
    moments = Accumulated.of(design)
    t2 = clock()
    marginal = build_marginal(design, priors, moments)
    t3 = clock()
    peak, *_ = find_peaks(marginal, starts(marginal))
    t4 = clock()
    thetas = np.random.default_rng(SEED).multivariate_normal(peak.theta, peak.covariance, MOST)
    fewest = max(1, min(FEWEST, 10_000_000 // levels))
    evaluation = per_item(lambda n: marginal.log_densities(thetas[:n]), batches, fewest=FEWEST)
    draw = per_item(lambda n: recover(marginal, thetas[:n], np.random.SeedSequence(SEED)), batches, fewest=fewest)
    found = {
        "design": t1 - t0,
        "moments": t2 - t1,
        "arrangement": t3 - t2,
        "mode": t4 - t3,
        "evaluation": evaluation,
        "draw": draw,
    }
    if fit:
        del design, moments, marginal
        started = clock()
        pp.fit(FORMULA, data, seed=SEED, progressbar=False)
        found["fit"] = clock() - started
    return found


def main(request: dict[str, Any]) -> dict[str, Any]:
    steps(2000, 100, 1, fit=request["fit"])  # compiles the kernels
    found = steps(request["rows"], request["levels"], request["batches"], fit=request["fit"])
    return {**found, "peak_gigabytes": peak_gigabytes()}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))
