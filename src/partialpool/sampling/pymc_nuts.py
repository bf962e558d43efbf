"""The pymc engine: the PyMC model of `build_model`, compiled and sampled by nutpie, or by PyMC itself."""

import time
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import nutpie
import pymc as pm
import xarray as xr
from nutpie.compile_pymc import CompiledPyMCModel

from partialpool.design.design import Design
from partialpool.design.labels import offset_dims, variable_dims
from partialpool.model.prior_set import PriorSet
from partialpool.progress import ProgressLine, progress_line
from partialpool.pymc_model.build import build_pymc_model
from partialpool.sampling.engine import RawDraws
from partialpool.sampling.nutpie_run import keep_whole, run_nutpie
from partialpool.sampling.settings import Settings
from partialpool.seeds import shifted
from partialpool.spec.model import ModelSpec

__all__ = ["PyMCEngine"]


class PyMCEngine:
    """No-U-Turn sampling of the PyMC model, group effects included."""

    name = "pymc"

    def merit(self, spec: ModelSpec) -> str:
        """Say to what it applies."""
        return "it applies to every model"

    def why_not(self, spec: ModelSpec) -> str:
        """Return an empty string, since it always applies."""
        return ""

    def run(self, design: Design, priors: PriorSet, settings: Settings) -> RawDraws:
        """Draw from the posterior.

        Ctrl-C during the kept draws returns those made so far, the same number from every chain that has
        draws, with a `SamplingWarning`; earlier it raises KeyboardInterrupt.
        """
        started = time.perf_counter()
        with progress_line("building the model", shown=settings.progressbar) as line:
            model = build_pymc_model(design, priors, parametrization=settings.parametrization)
            sample = _sample_nutpie if settings.sampler == "nutpie" else _sample_pymc
            tree, interrupted = sample(model, settings, line)
        groups = tree["posterior"].to_dataset(), tree["sample_stats"].to_dataset()
        posterior, stats = keep_whole(*groups, settings, interrupted=interrupted)
        facts = {
            "sampler": settings.sampler,
            "seconds": time.perf_counter() - started,
            "interrupted": interrupted,
        }
        names = [*variable_dims(design), *(offset_dims(design) if settings.keep_z else ())]
        return RawDraws(
            {name: posterior[name].to_numpy() for name in names},
            stats,
            facts,
        )


def _sample_nutpie(model: pm.Model, settings: Settings, line: ProgressLine) -> tuple[xr.DataTree, bool]:
    line.say("compiling the model")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the user cannot fix third-party deprecations
        compiled = _with_plain_dimensions(nutpie.compile_pymc_model(model))
    return run_nutpie(compiled, settings, line)


def _with_plain_dimensions(compiled: CompiledPyMCModel) -> CompiledPyMCModel:
    """Return the model with numbered dimensions: nutpie joins their names by commas, which names of columns may have.

    Draws are read as arrays, by variable.
    """
    names, _, shapes = compiled.shape_info
    pairs = [(name, k, shape) for k, (name, shape) in enumerate(zip(names, shapes, strict=True))]
    dims = {name: tuple(f"axis {axis} of {k}" for axis in range(len(shape))) for name, k, shape in pairs}
    sizes = {f"axis {axis} of {k}": np.arange(size) for _, k, shape in pairs for axis, size in enumerate(shape)}
    return replace(compiled, dims=dims, _coords={**(compiled.coords or {}), **sizes})


def _sample_pymc(model: pm.Model, settings: Settings, line: ProgressLine) -> tuple[xr.DataTree, bool]:
    line.say("compiling and sampling")
    count = 0

    def advance(trace: Any, draw: Any) -> None:
        nonlocal count
        count += 1
        line.count(count, settings.chains * (settings.draws + settings.tune))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = pm.sample(
                settings.draws,
                tune=settings.tune,
                chains=settings.chains,
                cores=settings.workers,
                random_seed=shifted(settings.seed),
                target_accept=settings.acceptance,
                progressbar=False,
                callback=advance,
                compute_convergence_checks=False,
                nuts_sampler="pymc",
                model=model,
                quiet=True,
            )
        except ValueError as error:
            if "Not enough samples" in str(error):  # PyMC's answer to Ctrl-C during warm-up
                raise KeyboardInterrupt from error
            raise
    return tree, tree["posterior"].sizes["draw"] < settings.draws
