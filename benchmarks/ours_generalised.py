"""partialpool's side of the comparison with glmer: fits of one generalised case in one process.

Request: case, seeds (one fit each), draws (whether to return them; no by default), cold (whether the first fit is timed
too; no by default). Answer: seconds (one each), ess (the smallest bulk ESS of each fit), divergences; runs (seconds and
draws of each) where draws are requested.
"""

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from benchmarks.cases import SEED
from benchmarks.generalised_cases import GENERALISED

import partialpool as pp


def main(request: dict[str, Any]) -> dict[str, Any]:
    case = next(case for case in GENERALISED if case.name == request["case"])
    table = case.table()
    warnings.simplefilter("ignore")
    if not request.get("cold"):
        pp.fit(case.formula, table, family=case.family, seed=SEED, progressbar=False)  # a warm-up fit, as for glmer
    seconds, ess, divergences, runs = [], [], 0, []
    for seed in request["seeds"]:
        started = time.perf_counter()
        fit = pp.fit(case.formula, table, family=case.family, seed=seed, progressbar=False)
        seconds.append(time.perf_counter() - started)
        divergences += int(fit.tree["sample_stats"]["diverging"].sum())
        if request.get("cold"):
            continue
        from benchmarks.draws import smallest_bulk_ess  # noqa: PLC0415 - ArviZ's imports are not timed
        from benchmarks.ours import parameters  # noqa: PLC0415

        draws = parameters(fit)
        ess.append(smallest_bulk_ess(draws)[0])
        if request.get("draws"):
            plain = {name: values.tolist() for name, values in draws.items()}
            runs.append({"seconds": seconds[-1], "draws": plain})
    return {"seconds": seconds, "ess": ess, "divergences": divergences, "runs": runs}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))
