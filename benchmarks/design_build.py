"""Time and memory needed to turn a large table into a design.

    python benchmarks/design_build.py

The design of formulae itself would need 41 GiB for the first case: one dummy column per level.
"""

import resource
import time

import numpy as np
import pandas as pd

from partialpool.design.build import build_design
from partialpool.spec.model import ModelSpec

CASES = ((183_000, 30_542), (2_800_000, 100_000))


def peak_gigabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    spec = ModelSpec.from_formula("y ~ x + (1 + x | g)")
    for rows, levels in CASES:
        rng = np.random.default_rng(0)
        codes = np.concatenate([np.arange(levels), rng.integers(0, levels, rows - levels)])
        table = pd.DataFrame({"y": rng.normal(size=rows), "x": rng.normal(size=rows), "g": codes})
        before, started = peak_gigabytes(), time.perf_counter()
        design = build_design(spec, table)
        seconds = time.perf_counter() - started
        print(
            f"{rows:>9,} rows x {design.factors[0].n_levels:>7,} levels: {seconds:5.2f} s, "
            f"{peak_gigabytes() - before:5.2f} GB more at the peak"
        )


if __name__ == "__main__":
    main()
