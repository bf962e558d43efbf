"""partialpool's side of the comparison with glmmTMB: fits of one case in one process.

Request: case, seeds (one fit each, after one that is not timed). Answer: seconds and ess (the smallest bulk ESS), one
each; divergences; modules, whether a compiler for models was imported.
"""

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from benchmarks.cases import SEED
from benchmarks.distributional_cases import DISTRIBUTIONAL

import partialpool as pp
from partialpool.sampling.mixing import mixing


def main(request: dict[str, Any]) -> dict[str, Any]:
    case = next(case for case in DISTRIBUTIONAL if case.name == request["case"])
    table = case.table()
    warnings.simplefilter("ignore")
    pp.fit(case.formula, table, family=case.family, seed=SEED, progressbar=False)
    seconds, ess, divergences = [], [], 0
    for seed in request["seeds"]:
        started = time.perf_counter()
        fit = pp.fit(case.formula, table, family=case.family, seed=seed, progressbar=False)
        seconds.append(time.perf_counter() - started)
        divergences += int(fit.tree["sample_stats"]["diverging"].sum())
        own = [v for n, v in fit.posterior.data_vars.items() if not str(n).startswith(("b_", "corr_"))]
        drawn = [array.to_numpy().reshape(*array.shape[:2], -1) for array in own]
        ess.append(min(float(mixing([v[..., k]]).bulk_ess[0]) for v in drawn for k in range(v.shape[2])))
    return {"seconds": seconds, "ess": ess, "divergences": divergences, "compiled": "pytensor" in sys.modules}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))
