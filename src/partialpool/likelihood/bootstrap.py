"""Simulated null distribution of a likelihood ratio: exact if possible, otherwise by parametric bootstrap."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.errors import EngineError, SamplingWarning, warn
from partialpool.likelihood.bootstrap_refit import Replicates
from partialpool.likelihood.bootstrap_refit_generalised import GeneralisedReplicates
from partialpool.likelihood.exact_rlrt import find_spectrum
from partialpool.likelihood.maximum_likelihood import LikelihoodFit, likelihood_fit
from partialpool.progress import ProgressLine, progress_line
from partialpool.seeds import seed_sequence
from partialpool.side_by_side import are_wanted, side_by_side
from partialpool.workers import map_pieces

__all__ = ["rounding_of", "simulate_null", "slack_of"]

_EXACT: Final = 10_000
"""Fewest statistics drawn from the exact null, where they cost almost nothing."""
_ROUNDING: Final = 2e-9
"""Error of a deviance, relative to its size if that is above 1; a statistic below it counts as 0."""
_TOGETHER: Final = 50
"""Simulations that a worker makes at once: what they share is built once for them."""
_CLIMB: Final = 1e-3
"""Log likelihood by which the reduced model may exceed the full one through rounding, for a table of usual size."""


def simulate_null(
    full: LikelihoodFit, reduced: LikelihoodFit, simulations: int, seed: int | None, *, progressbar: bool
) -> tuple[str, np.ndarray, int]:
    """Simulate the likelihood-ratio statistic of two models under the smaller one.

    Parameters
    ----------
    full, reduced
        Fits of the data.
    simulations, seed, progressbar
        Number of simulations, their seed, whether to show progress.

    Returns
    -------
    str, numpy.ndarray, int
        The method, the statistics (simulations,), and the number of simulations without a maximum.
    """
    if not simulations:
        return "", np.zeros(0), 0
    full.design.check_all_seen(
        "a simulated null distribution",
        because="how new responses would be censored is not part of the model",
        do="pass simulations=0, which leaves the chi-square approximation; or compare posteriors by pp.compare",
    )
    source = seed_sequence(seed)
    plain = full.design.spec.is_normal and not _is_searched(full.design) and not _has_parameters(full, reduced)
    spectrum = find_spectrum(full.design, reduced.design, reml=full.reml) if plain else None
    if spectrum is not None:
        return "exact", spectrum.simulate(max(simulations, _EXACT), source), 0
    with progress_line("simulating the null", shown=progressbar) as line:
        found = _bootstrap(full, reduced, source.spawn(simulations), line)
    kept = found[np.isfinite(found)]
    return "parametric bootstrap", kept, len(found) - len(kept)


def _bootstrap(
    full: LikelihoodFit, reduced: LikelihoodFit, seeds: list[np.random.SeedSequence], line: ProgressLine
) -> np.ndarray:
    """Refit both models to responses simulated from the reduced one, (simulations,); nan where no maximum was found.

    Here, or on the workers of `joblib.parallel_config`: each simulation has a seed of its own.
    """
    out, finished = np.full(len(seeds), np.nan), np.zeros(len(seeds), bool)

    def told(at: slice, found: np.ndarray) -> None:
        out[at], finished[at] = found, True
        line.count(int(finished.sum()), len(seeds))

    try:
        if are_wanted():
            parts = [slice(first, first + _TOGETHER) for first in range(0, len(seeds), _TOGETHER)]
            pieces = [(seeds[part],) for part in parts]
            for place, found in side_by_side(_statistics, pieces, full, reduced):
                told(parts[place], found)
        else:
            _statistics(seeds, full, reduced, lambda at, found: told(slice(at, at + 1), np.array([found])))
    except KeyboardInterrupt:
        if not finished.any():
            raise
        warn(f"interrupted: the null has {finished.sum()} of {len(seeds)} simulations", SamplingWarning)
    return out[finished]


def _statistics(
    seeds: list[np.random.SeedSequence],
    full: LikelihoodFit,
    reduced: LikelihoodFit,
    told: Callable[[int, float], object] = lambda at, found: None,
) -> np.ndarray:
    """Return the statistic for each seed, and tell each when it is known."""
    refits, out = _refits(full, reduced), np.full(len(seeds), np.nan)

    def simulate(at: int) -> None:
        y = reduced.draw_response(np.random.default_rng(seeds[at]))
        designs = [replace(f.design, response=replace(f.design.response, values=y)) for f in (full, reduced)]
        high, low = (deviance(design) for deviance, design in zip(refits, designs, strict=True))
        if low - high < -slack_of(high):
            high, low = _searched(designs, full)
        out[at] = 0.0 if low - high <= rounding_of(high) else low - high
        told(at, float(out[at]))

    # One thread: the search runs more in Python than in kernels, so that two would wait for each other.
    map_pieces(simulate, range(len(seeds)), 1)
    return out


def _refits(full: LikelihoodFit, reduced: LikelihoodFit) -> list[Callable[[Design], float]]:
    """Return functions of a design with a simulated response: the least deviance of each model."""
    fits = full, reduced
    if _is_searched(full.design):
        return [partial(_searched_deviance, reml=fit.reml) for fit in fits]
    if not full.design.spec.is_normal or _has_parameters(full, reduced):
        return [GeneralisedReplicates(fit.design, full.maximum.method).deviance for fit in fits]
    models = [Replicates(fit.design, reml=fit.reml) for fit in fits]
    starts = [model.start(*_null_scales(fit.design, reduced)) for model, fit in zip(models, fits, strict=True)]
    return [partial(model.deviance, start=start) for model, start in zip(models, starts, strict=True)]


def _has_parameters(*fits: LikelihoodFit) -> bool:
    """Whether parameters of the family have predictors in a model."""
    return any(fit.design.parameters for fit in fits)


def _is_searched(design: Design) -> bool:
    """Whether every refit is a whole search: residuals or group effects have a covariance with a structure."""
    return design.residual is not None or any(factor.structure.is_stated for factor in design.factors)


def _searched_deviance(design: Design, *, reml: bool) -> float:
    return likelihood_fit(design, reml=reml).deviance


def _searched(designs: list[Design], like: LikelihoodFit) -> tuple[float, float]:
    """Return deviances by the thorough search, for when the quick one missed a maximum; nan if that fails too."""
    try:
        fits = [likelihood_fit(design, reml=like.reml, method=like.maximum.method) for design in designs]
    except EngineError:
        return float("nan"), float("nan")
    full, reduced = (fit.deviance for fit in fits)
    return (full, reduced) if reduced - full >= -slack_of(full) else (float("nan"), float("nan"))


def rounding_of(deviance: float) -> float:
    """Return the value below which a statistic is due to rounding and counts as 0."""
    return _ROUNDING * max(1.0, abs(deviance))


def slack_of(deviance: float) -> float:
    """Return how far rounding may put the reduced model's deviance below that of the full model."""
    return 2 * max(_CLIMB, rounding_of(deviance))


def _null_scales(design: Design, truth: LikelihoodFit) -> tuple[list[np.ndarray], list[np.ndarray], float | None]:
    """Return the true sds and correlations per factor of a larger design: 0 for effects that the true model lacks."""
    sds, corrs = [], []
    parts = zip(truth.design.factors, truth.maximum.sd, truth.maximum.corr, strict=True)
    known = {part[0].name: part for part in parts}
    for factor in design.factors:
        sd, corr = np.zeros(len(factor.names)), np.eye(len(factor.names))
        if factor.name in known:
            smaller, its_sd, its_corr = known[factor.name]
            at = [factor.names.index(name) for name in smaller.names]
            sd[at], corr[np.ix_(at, at)] = its_sd, its_corr
        sds.append(sd)
        corrs.append(corr)
    return sds, corrs, truth.maximum.sigma
