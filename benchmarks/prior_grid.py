"""One hundred priors of a binomial model, the data set cbpp.

Request: none. Answer: seconds of the call, and the number of priors.
"""

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.cases import SEED
from benchmarks.generalised_cases import GENERALISED

import partialpool as pp


def main(request: dict[str, Any]) -> dict[str, Any]:
    case = next(case for case in GENERALISED if case.name == "cbpp")
    table = case.table()
    warnings.simplefilter("ignore")
    pp.fit(case.formula, table, family=case.family, seed=SEED, progressbar=False)  # compiles the kernels
    grid = {"sd_herd": [pp.Prior("HalfNormal", sigma=float(sigma)) for sigma in np.geomspace(0.1, 10, 100)]}
    started = time.perf_counter()
    pp.prior_grid(case.formula, table, grid, family=case.family, seed=SEED, progressbar=False)
    return {"seconds": time.perf_counter() - started, "priors": len(grid["sd_herd"])}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))
