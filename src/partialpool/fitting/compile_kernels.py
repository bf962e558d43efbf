"""Compile the numerical kernels before the first fit, in several processes at once.

The first fit on a machine compiles its kernels, which takes about half a minute, and keeps the machine code on disk.
"""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Final

import numpy as np

from partialpool.datasets.load import load_dataset
from partialpool.families.registry import FAMILIES
from partialpool.progress import progress_line

__all__ = ["compile_kernels"]

_FORMULA: Final = "Yield ~ 1 + (1 | Batch)"
_WITHOUT_GROUPS: Final = "Yield ~ 1"
"""It has no nest: its levels are eliminated one by one, by other kernels."""


def compile_kernels(*, progressbar: bool = True) -> None:
    """Compile the kernels of all engines and families that are not on disk yet.

    Parameters
    ----------
    progressbar
        Whether to show progress in a terminal.
    """
    jobs: tuple[Callable[[], None], ...] = (_of_nuts, _of_collapsed, _of_gibbs, _of_likelihoods, _of_families)
    with (
        progress_line("compiling the numerical kernels, once per machine", shown=progressbar) as line,
        ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        running = [pool.submit(job) for job in jobs]
        for done, job in enumerate(as_completed(running), start=1):
            job.result()
            line.count(done, len(jobs))


def _of_nuts() -> None:
    from partialpool.fitting.fit import fit  # noqa: PLC0415 - in the worker only

    table = load_dataset("dyestuff")
    for formula in (_FORMULA, _WITHOUT_GROUPS):
        fit(formula, table, engine="nuts", draws=2, tune=20, chains=1, seed=1, progressbar=False)


def _of_collapsed() -> None:
    from partialpool.fitting.fit import fit  # noqa: PLC0415 - in the worker only

    for formula in (_FORMULA, _WITHOUT_GROUPS):
        fit(formula, load_dataset("dyestuff"), engine="collapsed", draws=10, seed=1, progressbar=False)


def _of_gibbs() -> None:
    """Fit two blocks: with one alone nothing is added up over the levels of another."""
    from partialpool.design.build import build_design  # noqa: PLC0415 - in the worker only
    from partialpool.marginal.gaussian.accumulated import Accumulated  # noqa: PLC0415
    from partialpool.marginal.gaussian.blocks import build_blocks  # noqa: PLC0415
    from partialpool.model.default_priors import resolve_priors  # noqa: PLC0415
    from partialpool.sampling.gibbs_chain import GibbsChain  # noqa: PLC0415
    from partialpool.spec.model import ModelSpec  # noqa: PLC0415

    spec = ModelSpec.from_formula("diameter ~ 1 + (1 | plate) + (1 | sample)")
    design = build_design(spec, load_dataset("penicillin"))
    blocks = build_blocks(design, resolve_priors(design), Accumulated.of(design), blocks=(0, 1))
    GibbsChain(blocks, np.random.SeedSequence(1)).sweep(adapts=False)


def _of_likelihoods() -> None:
    from partialpool.design.build import build_design  # noqa: PLC0415 - in the worker only
    from partialpool.likelihood.maximum_likelihood import maximum_likelihood  # noqa: PLC0415
    from partialpool.marginal.group_log_density import joint_log_density  # noqa: PLC0415
    from partialpool.spec.model import ModelSpec  # noqa: PLC0415

    maximum_likelihood(_FORMULA, load_dataset("dyestuff"))
    counts = {"y": [1, 2, 0, 3, 1, 2, 5, 1], "g": [1, 1, 1, 1, 2, 2, 2, 2], "h": [1, 1, 2, 2, 3, 3, 4, 4]}
    for formula in ("y ~ 1 + (1 | g)", "y ~ 1 + (1 | g) + (1 | h)"):
        maximum_likelihood(formula, counts, family="poisson")
    design = build_design(ModelSpec.from_formula("y ~ 1 + (1 | g)", family="poisson"), counts)
    draws = {"beta": np.ones((1, 1)), "sd_g": np.ones((1, 1)), "b_g": np.zeros((1, 2, 1))}
    joint_log_density(design, np.repeat([0, 1], 4), draws)


def _of_families() -> None:
    from partialpool.families.row_kernels.load import (  # noqa: PLC0415 - in the worker only
        load_censored_row_kernels,
        load_row_kernels,
    )

    ones, none = np.ones(2), np.empty(0)
    for family in FAMILIES.values():
        if not family.row_kernels:
            continue
        own_count = len(family.parameters)
        if family.censored_row_kernels:
            rows = load_censored_row_kernels(family, family.default_link).rows
            rows(ones, ones, ones / 2, np.ones(own_count), np.empty(2), np.empty(2), np.empty(own_count))
        own = np.arange(1.0, 3.0) if family.has_cutpoints else np.ones(own_count)
        rows = load_row_kernels(family, family.default_link).rows
        rows(ones, none, ones / 2, own, np.empty(2), np.empty(2), np.empty(len(own)))
