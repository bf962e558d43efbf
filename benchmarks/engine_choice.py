"""Fit thirty designs by both engines, to see whether `engine="auto"` chooses the faster one.

`sections/engine_choice.py` runs this program. Request: design, engine, draws, seed, most_seconds. Answer: processor
seconds and wall_seconds from call to result, the engine used, its sampler and reason, smallest bulk ESS, divergences. A
process that has used most_seconds of processor time is stopped. To run it for some designs:
`python -m benchmarks.engine_choice crossed-24-q4 crossed-50-q4`.
"""

import json
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.cases import SEED
from benchmarks.ours import parameters
from benchmarks.processes import RanOut, ask_python

import partialpool as pp
from partialpool.sampling.mixing import bulk_ess

__all__ = ["DESIGNS", "Grid", "compare"]


_CORES = 2
_LONGEST = 3600.0
_SHORTEST = 30.0
"""Processor seconds: the limit of the first engine, and the least limit of the second, so that its ESS is known."""


@dataclass(frozen=True)
class Grid:
    """A simulated table: crossed or nested factors, each with its numbers of levels and slopes, and an intercept."""

    rows: int
    levels: tuple[int, ...]
    slopes: tuple[int, ...]
    correlated: bool = True
    nested: bool = False
    balanced: bool = False
    sd: float = 0.5

    @property
    def formula(self) -> str:
        """Formula of the model; every slope is also a fixed effect."""
        names = [f"w{k}" for k in range(max(self.slopes))]
        bar = "|" if self.correlated else "||"
        path = [":".join(f"g{n}" for n in range(k + 1)) if self.nested else f"g{k}" for k in range(len(self.levels))]
        groups = [
            f"({' + '.join(['1', *names[:slopes]])} {bar} {factor})"
            for slopes, factor in zip(self.slopes, path, strict=True)
        ]
        return "y ~ " + " + ".join(["1", *names, *groups])

    def table(self) -> pd.DataFrame:
        """Simulate the table; rows are assigned to levels at random, or in turn if balanced."""
        rng = np.random.default_rng(SEED)
        shape = (self.rows, max(self.slopes))
        x = rng.choice([-0.5, 0.5], shape) if self.balanced else rng.normal(size=shape)
        y, found = rng.normal(size=self.rows) + 0.3 * x.sum(axis=1), {}
        path = np.zeros(self.rows, np.int64)
        for k, (levels, slopes) in enumerate(zip(self.levels, self.slopes, strict=True)):
            code = rng.integers(0, levels, self.rows)
            if self.balanced:
                code = np.arange(self.rows) // int(np.prod(self.levels[:k])) % levels
            path = path * levels + code if self.nested else code
            _, own = np.unique(path, return_inverse=True)
            b = rng.normal(size=(own.max() + 1, 1 + slopes)) * self.sd * np.array([1.0, *[0.5] * slopes])
            y += b[own, 0] + (b[own, 1:] * x[:, :slopes]).sum(axis=1)
            found[f"g{k}"] = code
        return pd.DataFrame({"y": y, **{f"w{k}": x[:, k] for k in range(x.shape[1])}, **found})


DESIGNS = {
    "one-30-q1": Grid(300, (30,), (0,)),
    "one-30-q2": Grid(300, (30,), (1,)),
    "one-12-q4-weak": Grid(150, (12,), (3,)),
    "one-40-q4": Grid(800, (40,), (3,)),
    "one-60-q5": Grid(2000, (60,), (4,)),
    "one-40-q6": Grid(1500, (40,), (5,)),
    "one-4-q7": Grid(400, (4,), (6,)),
    "one-60-q8": Grid(3000, (60,), (7,)),
    "one-5000-q2": Grid(50_000, (5000,), (1,)),
    "one-5000-q4": Grid(50_000, (5000,), (3,)),
    "one-40-q6-independent": Grid(1500, (40,), (5,), correlated=False),
    "one-20-no-variance": Grid(400, (20,), (2,), sd=0.0),
    "nested-20-100-q1": Grid(2000, (20, 5), (0, 0), nested=True),
    "nested-20-100-q3": Grid(2000, (20, 5), (2, 2), nested=True),
    "nested-3-levels-q2": Grid(6000, (10, 10, 5), (1, 1, 1), nested=True),
    "nested-100-2000-q3": Grid(20_000, (100, 20), (2, 2), nested=True),
    "crossed-24-q1": Grid(576, (24, 24), (0, 0)),
    "crossed-24-q2": Grid(576, (24, 24), (1, 1)),
    "crossed-24-q3": Grid(576, (24, 24), (2, 2)),
    "crossed-24-q4": Grid(576, (24, 24), (3, 3)),
    "crossed-24-q4-balanced": Grid(576, (24, 24), (3, 3), balanced=True),
    "crossed-24-q4-independent": Grid(576, (24, 24), (3, 3), correlated=False),
    "crossed-50-q2": Grid(2500, (50, 50), (1, 1)),
    "crossed-50-q4": Grid(2500, (50, 50), (3, 3)),
    "crossed-300-200-q1": Grid(10_000, (300, 200), (0, 0)),
    "crossed-300-200-q2": Grid(10_000, (300, 200), (1, 1)),
    "crossed-1000-800-q1": Grid(20_000, (1000, 800), (0, 0)),
    "crossed-2000-q4-30-q1": Grid(20_000, (2000, 30), (3, 0)),
    "three-30-20-10-q2": Grid(800, (30, 20, 10), (1, 1, 1)),
    "three-300-200-100-q1": Grid(20_000, (300, 200, 100), (0, 0, 0)),
}
"""Designs by name (factors, their levels, and q effects each), which cover the range of common models."""


def compare(name: str, draws: int = 1000) -> dict[str, dict[str, Any]]:
    """Fit a design by `auto`, then by the engine that it did not choose, each in its own process.

    The second is stopped once it has used twice the processor time of the first: it is then known to be slower.
    """
    request = {"design": name, "draws": draws, "seed": SEED}
    auto = ask_python("engine_choice", request | {"engine": "auto", "most_seconds": _LONGEST})
    other = "nuts" if auto["engine"] == "collapsed" else "collapsed"
    most = max(2 * auto["seconds"], _SHORTEST)
    try:
        found = ask_python("engine_choice", request | {"engine": other, "most_seconds": most})
    except RanOut:
        found = {"engine": other, "seconds": most, "given_up": True}
    return {"auto": auto, other: found}


def main(request: dict[str, Any]) -> dict[str, Any]:
    grid = DESIGNS[request["design"]]
    table = grid.table()
    # Kernels are loaded before the clock starts; compilation of the model itself counts.
    pp.fit("y ~ w0 + (w0 | g0)", DESIGNS["one-30-q2"].table(), draws=10, seed=SEED, progressbar=False)
    wall, processor = time.perf_counter(), time.process_time()
    resource.setrlimit(resource.RLIMIT_CPU, (int(processor + request["most_seconds"]) + 1, resource.RLIM_INFINITY))
    fit = pp.fit(
        grid.formula, table, engine=request["engine"], draws=request["draws"], seed=request["seed"], cores=_CORES,
        progressbar=False,
    )  # fmt: skip
    processor, wall = time.process_time() - processor, time.perf_counter() - wall
    stats, run = fit.tree["sample_stats"], json.loads(fit.tree.attrs["run"])
    ess = [bulk_ess(values) for values in parameters(fit).values() if np.ptp(values) > 1e-9]
    return {
        "seconds": processor,
        "wall_seconds": wall,
        "engine": fit.tree.attrs["engine"],
        "reason": fit.tree.attrs["engine_reason"],
        "sampler": run["sampler"],
        "ess": min(ess),
        "divergences": int(stats["diverging"].sum()) if "diverging" in stats else 0,
        "given_up": False,
    }


def report(names: list[str]) -> None:
    """Print a line per design and engine."""
    for name in names:
        found = compare(name)
        best = min(run["seconds"] for run in found.values())
        for choice, run in found.items():
            if run["given_up"]:
                print(f"{name:28} {choice:9} {run['engine']:9} {run['seconds']:7.1f} s, not finished", flush=True)
                continue
            own = run["seconds"]
            print(
                f"{name:28} {choice:9} {run['engine']:9} {own:7.1f} s ({own / best:4.1f}x) "
                f"wall {run['wall_seconds']:6.1f} s, ESS {run['ess']:5.0f}, {run['divergences']} divergences; "
                f"{run['sampler'][:60]}; {run['reason']}",
                flush=True,
            )


if __name__ == "__main__":
    if len(sys.argv) == 3 and Path(sys.argv[1]).suffix == ".json":
        Path(sys.argv[2]).write_text(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))
    else:
        report(sys.argv[1:] or list(DESIGNS))
