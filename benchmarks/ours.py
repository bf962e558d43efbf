"""partialpool's side of every comparison: fits of one case in one process.

Request: case, formula (if another than that of the case), draws, seeds (one fit each), warm (a case to fit before the
clock starts, or null), effects (number of group effects to return in addition to the parameters), likelihood (number of
maximum-likelihood fits to time as well). Answer: runs, each with seconds, stages, peak_gigabytes and draws; seconds of
the maximum-likelihood fits, and their log_likelihood.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.cases import CASES, SEED
from benchmarks.machine import peak_gigabytes

import partialpool as pp


def parameters(fit: pp.Fit) -> dict[str, np.ndarray]:
    """Return fixed effects, group sds, correlations and sigma, each (chains, draws)."""
    found: dict[str, np.ndarray] = {}
    for name, values in ((str(name), values) for name, values in fit.posterior.data_vars.items()):
        array = values.transpose("chain", "draw", ...).to_numpy()
        if name.startswith("corr_"):
            for i, j in zip(*np.tril_indices(array.shape[2], -1), strict=True):
                found[f"{name}[{j},{i}]"] = array[:, :, i, j]
        elif not name.startswith(("b_", "z_")):
            flat = array.reshape(*array.shape[:2], -1)
            found |= {f"{name}[{k}]": flat[:, :, k] for k in range(flat.shape[2])}
    return found


def some_effects(fit: pp.Fit, count: int) -> dict[str, np.ndarray]:
    """Return a random selection of group effects, the same in every run."""
    names = [str(name) for name in fit.posterior.data_vars if str(name).startswith("b_")]
    arrays = [fit.posterior[name].transpose("chain", "draw", ...).to_numpy() for name in names]
    flat = np.concatenate([array.reshape(*array.shape[:2], -1) for array in arrays], axis=2)
    chosen = np.random.default_rng(SEED).choice(flat.shape[2], min(count, flat.shape[2]), replace=False)
    return {f"effect {k}": flat[:, :, k] for k in sorted(chosen)}


def main(request: dict[str, Any]) -> dict[str, Any]:
    case = CASES[request["case"]]
    formula, table = request.get("formula") or case.formula, case.table()
    if request.get("warm"):
        warm = CASES[request["warm"]]
        again = formula if warm is case else warm.formula
        pp.fit(again, warm.table(), seed=SEED, progressbar=False)
    runs = []
    for seed in request["seeds"]:
        started = time.perf_counter()
        fit = pp.fit(formula, table, draws=request["draws"], seed=seed, progressbar=False)
        seconds = time.perf_counter() - started
        facts, peak = json.loads(fit.tree.attrs["run"]), peak_gigabytes()
        draws = parameters(fit) | some_effects(fit, request.get("effects", 0))
        runs.append(
            {
                "seconds": seconds,
                "stages": facts["stages"],
                "sampler": facts["sampler"],
                "peak_gigabytes": peak,
                "draws": {name: values.tolist() for name, values in draws.items()},
            }
        )
    likelihood, maximum = [], None
    for count in range(1 + request["likelihood"] if request.get("likelihood") else 0):
        started = time.perf_counter()
        maximum = pp.maximum_likelihood(formula, table)
        if count:  # the first one compiles its kernels
            likelihood.append(time.perf_counter() - started)
    return {"runs": runs, "likelihood": likelihood, "log_likelihood": maximum and maximum.log_likelihood}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))
