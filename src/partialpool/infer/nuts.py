"""The nuts engine: the PyMC model, sampled by nutpie, or by PyMC itself."""

import time
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import nutpie
import pymc as pm
import xarray as xr

from partialpool.design.build import Design
from partialpool.design.labels import variable_dims
from partialpool.design.scaling import PriorSet
from partialpool.errors import SamplingWarning
from partialpool.infer.engine import RawDraws
from partialpool.infer.progress import ProgressLine, progress_line
from partialpool.infer.settings import Settings
from partialpool.pymc_model.build import build_pymc_model
from partialpool.spec.model import ModelSpec

__all__ = ["NutsEngine", "whole_chains"]

_STATS = {
    "diverging": ("diverging",),
    "energy": ("energy",),
    "lp": ("logp", "lp"),
    "n_steps": ("n_steps",),
    "step_size": ("step_size",),
    "tree_depth": ("depth", "tree_depth"),
}
"""Statistics kept, under ArviZ's names, and what the samplers call them."""


class NutsEngine:
    """No-U-Turn sampling of the whole model, group effects included."""

    name = "nuts"

    def why_not(self, spec: ModelSpec) -> str:
        """Say why it does not apply: it always does."""
        return ""

    def run(self, design: Design, priors: PriorSet, settings: Settings) -> RawDraws:
        """Draw from the posterior.

        Ctrl-C during the kept draws returns what there is, the same number from every chain that has
        draws, with a `SamplingWarning`; earlier it raises KeyboardInterrupt.
        """
        started = time.perf_counter()
        with progress_line("building the model", shown=settings.progressbar) as line:
            model = build_pymc_model(design, priors, parametrization=settings.parametrization, default="adapted")
            sample = _sample_nutpie if settings.sampler == "nutpie" else _sample_pymc
            tree, interrupted = sample(model, settings, line)
        stats = tree["sample_stats"].to_dataset()
        chains, draws = whole_chains(stats)
        if interrupted:
            _warn_interrupted(len(chains), draws, settings)
        whole = {"chain": chains, "draw": slice(None, draws)}
        posterior = tree["posterior"].to_dataset().isel(whole)
        facts = {
            "sampler": settings.sampler,
            "seconds": time.perf_counter() - started,
            "interrupted": interrupted,
        }
        return RawDraws(
            {name: posterior[name].to_numpy() for name in variable_dims(design)},
            _statistics(stats.isel(whole)),
            facts,
        )


def _sample_nutpie(model: pm.Model, settings: Settings, line: ProgressLine) -> tuple[xr.DataTree, bool]:
    line.say("compiling the model")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # third-party deprecations are not the user's to mend
        compiled = nutpie.compile_pymc_model(model)
        total = settings.chains * (settings.draws + settings.tune)
        line.say("sampling")
        # Draw variances, not gradients, set the mass matrix: on crossed and nested designs it gave two to five
        # times the effective draws (see CHANGELOG).
        running = nutpie.sample(
            compiled,
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            cores=settings.workers,
            seed=settings.seed,
            target_accept=settings.target_accept,
            adaptation="draw_diag",
            save_warmup=False,
            progress_bar=False,
            progress_callback=lambda chains: line.count(sum(c.finished_draws for c in chains), total),
            blocking=False,
        )
        try:
            return _wait(running), False
        except KeyboardInterrupt:
            return running.abort(), True
        except BaseException:
            running.cancel()  # a sampler left running crashes the interpreter when it exits
            raise


def _wait(running: Any) -> xr.DataTree:
    """Wait in short steps, so that Ctrl-C is heard at once; `is_finished` cannot be asked in nutpie 0.16."""
    while True:
        try:
            return running.wait(timeout=0.2)
        except TimeoutError:
            continue


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
                random_seed=settings.seed,
                target_accept=settings.target_accept,
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


def whole_chains(stats: xr.Dataset) -> tuple[np.ndarray, int]:
    """Find the chains, and the draws each of them has, that together keep the most draws.

    A chain cut short is padded with NaN; one that waited for a core has no draw at all. Of chains of unequal
    length the shortest may cost more draws than it brings.
    """
    energy = stats["energy"].transpose("chain", "draw").to_numpy()
    counts = np.isfinite(energy).sum(axis=1)
    longest = np.sort(counts)[::-1]
    draws = int(longest[np.argmax(longest * np.arange(1, len(longest) + 1))])
    return np.flatnonzero((counts >= draws) & (counts > 0)), draws


def _warn_interrupted(chains: int, draws: int, settings: Settings) -> None:
    if draws == 0:
        raise KeyboardInterrupt("interrupted before the first draw was kept")
    warnings.warn(
        f"sampling was interrupted: got {draws} of {settings.draws} draws from each of {chains} of "
        f"{settings.chains} chains; they are kept, and the diagnostics say whether they suffice",
        SamplingWarning,
        stacklevel=4,
    )


def _statistics(stats: xr.Dataset) -> Mapping[str, np.ndarray]:
    found = {name: next((s for s in sources if s in stats), None) for name, sources in _STATS.items()}
    arrays = {name: stats[source].transpose("chain", "draw").to_numpy() for name, source in found.items() if source}
    return {name: values.astype(bool) if name == "diverging" else values for name, values in arrays.items()}
