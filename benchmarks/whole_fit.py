"""One whole fit of a simulated table of any shape, in a process of its own.

Request: the fields of `Shape`. Answer: seconds of the call, the engine, and peak_gigabytes of the process and of those
that it started.
"""

import json
import sys
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.cases import SEED
from benchmarks.machine import peak_gigabytes_of_all

import partialpool as pp


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A table and its model.

    Attributes
    ----------
    rows, levels, factors
        Numbers of rows, of levels of every factor, and of crossed factors.
    effects
        Effects of every level of the first factor, an intercept and slopes of different predictors; the others have an
        intercept.
    responses
        Responses that are fitted by `fit_many`; 0 for one that is fitted by `fit`.
    keeps_effects
        Whether the draws of the effects are kept, or their means and quantiles alone.
    """

    rows: int
    levels: int
    factors: int = 1
    effects: int = 1
    responses: int = 0
    keeps_effects: bool = True


def formula(shape: Shape) -> str:
    """Write the model, also for lme4."""
    slopes = " + ".join(["1", *(f"x{k}" for k in range(1, shape.effects))])
    rest = [f"(1 | g{k})" for k in range(2, shape.factors + 1)]
    return " + ".join([f"y ~ {slopes}", f"({slopes} | g1)", *rest])


def simulate(shape: Shape) -> pd.DataFrame:
    """Simulate a table: every level of the first factor has a row, all others are assigned at random."""
    rng = np.random.default_rng(SEED)
    first = np.concatenate([np.arange(shape.levels), rng.integers(0, shape.levels, shape.rows - shape.levels)])
    x = np.column_stack([np.ones(shape.rows), rng.normal(size=(shape.rows, shape.effects - 1))])
    sds = np.where(np.arange(shape.effects) == 0, 0.6, 0.3)
    y = ((0.5 + sds * rng.normal(size=(shape.levels, shape.effects)))[first] * x).sum(axis=1)
    columns: dict[str, Any] = {f"x{k}": x[:, k] for k in range(1, shape.effects)} | {"g1": first}
    for k in range(2, shape.factors + 1):
        g = columns[f"g{k}"] = rng.integers(0, shape.levels, shape.rows)
        y += 0.4 * rng.normal(size=shape.levels)[g]
    return pd.DataFrame({"y": y + rng.normal(size=shape.rows)} | columns)


def run(shape: Shape, table: pd.DataFrame) -> tuple[float, str]:
    """Fit, and return the seconds and the engine."""
    quiet: dict[str, Any] = {"seed": SEED, "progressbar": False}
    if shape.responses:
        noise = np.random.default_rng(SEED).normal(size=(shape.rows, shape.responses))
        values = table["y"].to_numpy()[:, None] + noise
        started = time.perf_counter()
        pp.fit_many(formula(shape), values, table, jobs=-1, **quiet)
        return time.perf_counter() - started, "collapsed"
    kept: dict[str, Any] = {} if shape.keeps_effects else {"keep_levels": []}
    started = time.perf_counter()
    fit = pp.fit(formula(shape), table, **quiet, **kept)
    return time.perf_counter() - started, fit.run.engine


def main(request: dict[str, Any]) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    shape = Shape(**request)
    small = replace(shape, rows=min(shape.rows, 400), levels=min(shape.levels, 20), responses=min(shape.responses, 4))
    run(small, simulate(small))  # loads what a first call loads
    seconds, engine = run(shape, simulate(shape))
    return {"seconds": seconds, "engine": engine, "peak_gigabytes": peak_gigabytes_of_all()}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))
