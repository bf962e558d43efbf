"""Kernels that are compiled beforehand are those that fits use."""

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.fitting import compile_kernels
from partialpool.marginal.gaussian import block_cells, block_kernel


@pytest.mark.filterwarnings("ignore:do not rely on these draws")
def test_fits_in_blocks_compile_nothing_after_it():
    compile_kernels._of_gibbs()
    rng = np.random.default_rng(1)
    table = pd.DataFrame({factor: rng.integers(0, n, 400) for factor, n in {"g": 80, "h": 70, "k": 3}.items()})
    table = table.assign(x=rng.normal(size=400), y=rng.normal(size=400))
    for formula in ("y ~ x + (1 | g) + (1 | h)", "y ~ x + (x | g) + (x || h) + (1 | k)"):
        pp.fit(formula, table, engine="gibbs", draws=5, tune=5, seed=1, progressbar=False)
    for used in (block_kernel.draw_block, block_cells.sum_over_first, block_cells.sum_over_second):
        assert len(used.signatures) == 1, used


@pytest.mark.thorough
def test_every_job_runs():
    compile_kernels.compile_kernels(progressbar=False)
