"""Growth of the cost of `y ~ x + (x | g)` for yes-or-no responses: one evaluation, and a whole fit, in one process.

Request: rows, levels, batches (how often the evaluation is timed), fit (whether to time a whole fit too). Answer:
seconds of the search for the mode and of an evaluation with its gradient; of the fit, with its smallest bulk ESS and
divergences.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.cases import SEED
from benchmarks.draws import smallest_bulk_ess
from benchmarks.ours import parameters
from benchmarks.sizes import FEWEST, FORMULA, make_table, per_item

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.marginal.glmm.predictors import lay_out
from partialpool.model.default_priors import resolve_priors
from partialpool.sampling.working_response import find_mode


def choices(rows: int, levels: int) -> pd.DataFrame:
    """Simulate yes or no: whether a response of `make_table`, less 1 and with logistic noise added, is positive."""
    table = make_table(rows, levels)
    noise = np.random.default_rng(SEED + 1).logistic(size=rows)
    return table.assign(y=(table["y"] - 1 + noise > 0).astype(int))


def steps(rows: int, levels: int, batches: int, *, fit: bool) -> dict[str, float]:
    """Time the steps of one fit; kernels run on one thread."""
    data = choices(rows, levels)
    design = build_design(pp.ModelSpec.from_formula(FORMULA, family="bernoulli"), data)
    priors = resolve_priors(design)
    started = time.perf_counter()
    posterior, peak = find_mode(design, priors, lay_out(design, priors))
    found = {"mode": time.perf_counter() - started}
    density = posterior.evaluator()
    noise = np.random.default_rng(SEED).standard_normal(posterior.noise_size)
    x = np.concatenate([peak.theta, noise])

    def evaluate(times: int) -> None:
        for _ in range(times):
            density(x)

    found["evaluation"] = per_item(evaluate, batches, fewest=FEWEST)
    if fit:
        started = time.perf_counter()
        fitted = pp.fit(FORMULA, data, family="bernoulli", seed=SEED, progressbar=False)
        found["fit"] = time.perf_counter() - started
        found["ess"] = smallest_bulk_ess(parameters(fitted))[0]
        found["divergences"] = int(fitted.tree["sample_stats"]["diverging"].sum())
    return found


def main(request: dict[str, Any]) -> dict[str, Any]:
    steps(2000, 100, 1, fit=request["fit"])  # compiles the kernels
    return steps(request["rows"], request["levels"], request["batches"], fit=request["fit"])


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))
