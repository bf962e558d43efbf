"""partialpool's side of the comparison of correlated residuals: fits of one case in one process.

Request: case, draws, seeds (one fit each, after one that is not timed). Answer: log_likelihood; runs, each with
seconds, stages and draws; by_response, the draws of the last run, named as in brms where there is one response for each
visit.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.cases import SEED
from benchmarks.visit_cases import BRMS_CASE, VISITS

import partialpool as pp


def parameters(fit: pp.Fit) -> dict[str, np.ndarray]:
    """Return fixed effects, residual sds and each residual correlation once, (chains, draws)."""
    found: dict[str, np.ndarray] = {}
    for name in ("beta", "sigma", "residual_corr"):
        array = fit.posterior[name].transpose("chain", "draw", ...).to_numpy()
        if array.ndim == 4:
            array = array[:, :, *np.tril_indices(array.shape[2], -1)]
        flat = array.reshape(*array.shape[:2], -1)
        found |= {f"{name}[{k}]": flat[:, :, k] for k in range(flat.shape[2])}
    return found


def by_response(fit: pp.Fit) -> dict[str, np.ndarray]:
    """Return sds, correlations and effects of the arm as parameters of one response per visit, (chains, draws)."""
    posterior = fit.posterior
    visits = [str(visit) for visit in posterior["residual_visit"].to_numpy()]
    found: dict[str, np.ndarray] = {}
    for k, visit in enumerate(visits):
        arm = posterior["beta"].sel(coef="arm[placebo]")
        if k > 0:
            arm = arm + posterior["beta"].sel(coef=f"arm[placebo]:visit[{visit}]")
        found[f"b_{visit}_armplacebo"] = arm.to_numpy()
        found[f"sigma_{visit}"] = posterior["sigma"].to_numpy()[:, :, k]
        for earlier in range(k):
            name = f"rescor__{visits[earlier]}__{visit}"
            found[name] = posterior["residual_corr"].to_numpy()[:, :, k, earlier]
    return found


def main(request: dict[str, Any]) -> dict[str, Any]:
    case = VISITS[request["case"]]
    table = case.table()
    pp.fit(case.formula, table, seed=SEED, progressbar=False)
    runs = []
    for seed in request["seeds"]:
        started = time.perf_counter()
        fit = pp.fit(case.formula, table, draws=request["draws"], seed=seed, progressbar=False)
        seconds = time.perf_counter() - started
        draws = {name: values.tolist() for name, values in parameters(fit).items()}
        stages = json.loads(fit.tree.attrs["run"])["stages"]
        runs.append({"seconds": seconds, "stages": stages, "draws": draws})
    named = by_response(fit) if case.name == BRMS_CASE else {}
    answer = {"runs": runs, "by_response": {name: values.tolist() for name, values in named.items()}}
    return answer | {"log_likelihood": pp.maximum_likelihood(case.formula, table).log_likelihood}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))
