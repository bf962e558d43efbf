"""A fit of two crossed factors with many levels, in a process of its own.

Request: rows, levels (of both factors), draws, seed, engine, likelihood (whether to time a maximum-likelihood fit too),
slopes (whether those of users vary).
Answer: rows, pairs of levels that occur, effects, engine and its reason, seconds of the whole call, `drawing` (the run
itself), memory before and at its peak, the smallest bulk ESS of the variances and of some effects, mean and sd of every
parameter, the verdict of the diagnostics, and seconds of the maximum-likelihood fit.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.draws import smallest_bulk_ess
from benchmarks.machine import peak_gigabytes
from benchmarks.ours import parameters, some_effects

import partialpool as pp

FORMULA = "rating ~ age + (1 | user) + (1 | item)"
WITH_SLOPES = "rating ~ age + (age | user) + (1 | item)"
TRUTH = {"sd_user": 0.5, "sd_item": 0.4, "sd_slope": 0.2, "sigma": 1.0}
EFFECTS = 200


def simulate(rows: int, levels: tuple[int, int], *, slopes: bool = False, seed: int = 20) -> pd.DataFrame:
    """Simulate ratings: users and items differ much in their numbers of rows, as in tables of recommender systems."""
    rng = np.random.default_rng(seed)
    activity, popularity = rng.gamma(1.0, size=levels[0]), rng.gamma(0.5, size=levels[1])
    user = rng.choice(levels[0], rows, p=activity / activity.sum())
    item = rng.choice(levels[1], rows, p=popularity / popularity.sum())
    age = rng.normal(size=rows)
    effects = TRUTH["sd_user"] * rng.normal(size=levels[0])[user] + TRUTH["sd_item"] * rng.normal(size=levels[1])[item]
    rating = 3.5 + 0.2 * age + effects + TRUTH["sigma"] * rng.normal(size=rows)
    if slopes:
        rating += TRUTH["sd_slope"] * rng.normal(size=levels[0])[user] * age
    return pd.DataFrame({"rating": rating, "age": age, "user": user, "item": item})


def time_likelihood(table: pd.DataFrame) -> float:
    """Return the seconds of our own maximum-likelihood fit, by the same marginal as the collapsed engine."""
    started = time.perf_counter()
    pp.maximum_likelihood(FORMULA, table)
    return time.perf_counter() - started


def main(request: dict[str, Any]) -> dict[str, Any]:
    slopes = bool(request.get("slopes"))
    table = simulate(request["rows"], tuple(request["levels"]), slopes=slopes)
    given = peak_gigabytes()
    started = time.perf_counter()
    options = {"draws": request["draws"], "seed": request["seed"], "engine": request["engine"], "progressbar": False}
    fit = pp.fit(WITH_SLOPES if slopes else FORMULA, table, **options)
    seconds = time.perf_counter() - started
    answer = {} if not request.get("likelihood") else {"likelihood_seconds": time_likelihood(table)}
    draws = parameters(fit)
    variances = {name: values for name, values in draws.items() if not name.startswith("beta")}
    return answer | {
        "rows": fit.design.n_rows,
        "pairs": len(table.groupby(["user", "item"], sort=False).size()),
        "effects": sum(factor.n_levels * len(factor.names) for factor in fit.design.factors),
        "engine": fit.run.engine,
        "reason": fit.run.reason,
        "seconds": seconds,
        "drawing": fit.run.seconds,
        "before_gigabytes": given,
        "peak_gigabytes": peak_gigabytes(),
        "ess": smallest_bulk_ess(variances),
        "ess_of_effects": smallest_bulk_ess(some_effects(fit, EFFECTS)),
        "posterior": {name: [float(values.mean()), float(values.std())] for name, values in draws.items()},
        "diagnostics": str(fit.digest.verdict),
    }


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))
