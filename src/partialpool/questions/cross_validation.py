"""Predictive densities of rows or levels that are left out, by importance sampling and by refits."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import arviz_stats as azs
import numpy as np
import xarray as xr

from partialpool.design.labels import variable_dims
from partialpool.design.newdata import own_rows
from partialpool.design.subset import keep_rows
from partialpool.errors import DataError, EngineError
from partialpool.fitting.fit import Fit
from partialpool.fitting.refit import repeat_fit
from partialpool.marginal.group_log_density import joint_log_density
from partialpool.model.predictor import linear_predictor
from partialpool.model.response import log_density
from partialpool.names import b_name, predictor_name
from partialpool.progress import progress_line
from partialpool.sampling.mixing import mcse_mean
from partialpool.sampling.pack import label_rows
from partialpool.seeds import seed_sequence
from partialpool.side_by_side import side_by_side

__all__ = ["Scores", "leave_one_out", "other_rows", "refit_without", "score_levels", "score_rows"]

MAX_KHAT = 0.7
"""Pareto k-hat of the weights of a row or level above which a refit is needed."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Log predictive density of each row, or of each level's rows together, when left out.

    Attributes
    ----------
    loo
        ArviZ's record: `elpd_i`, log p(rows left out | all other rows) of each row or level; `pareto_k`, NaN where the
        fit was repeated without it; the sum of `elpd_i` and its standard error.
    refitted
        Which rows or levels were left out by a refit, boolean.
    mcse
        Monte Carlo standard error of the sum, since other seeds give other draws. The errors of single rows or levels
        are not independent, since all come from the same draws.
    """

    loo: azs.ELPDData
    refitted: np.ndarray
    mcse: float


def refit_without(fit: Fit, rows: np.ndarray, *, seed: int | None = None) -> Fit:
    """Fit the same model, with the same priors and settings, without some rows.

    Parameters
    ----------
    fit
        The fit of all rows.
    rows
        Which rows to leave out, boolean (rows,) of the design.
    seed
        Seed of the draws.

    Returns
    -------
    Fit
        A fit without the levels that lost all their rows. It is for immediate use only: its coding and priors are
        those of the whole table.
    """
    return repeat_fit(fit, design=keep_rows(fit.design, ~rows), seed=seed)


def other_rows(fit: Fit, rows: np.ndarray) -> Fit:
    """Return the same draws with some rows removed: averages over rows are then over the remaining ones.

    Parameters
    ----------
    fit
        The fit of all rows.
    rows
        Which rows to leave out, boolean (rows,) of the design.

    Returns
    -------
    Fit
        A fit without the levels that lost all their rows. Its draws are still conditional on all rows: weight them.
    """
    dims = variable_dims(fit.design)
    alive = {dims[b_name(f.name)][0]: f.levels_in(~rows) for f in fit.design.factors}
    tree = xr.DataTree.from_dict({"posterior": fit.posterior.isel(alive)})
    tree.attrs = fit.tree.attrs
    return replace(fit, design=keep_rows(fit.design, ~rows), tree=tree)


def score_rows(fit: Fit, *, refit: bool = False, seed: int | None = None, progressbar: bool = False) -> Scores:
    """Score each row, given the effects of the existing levels.

    elpd_i = log p(y_i | y_-i), by Pareto-smoothed importance sampling.

    Parameters
    ----------
    fit
        A fit by any engine.
    refit
        Whether to fit again without each row whose k-hat is above 0.7.
    seed
        Seed of the refits.
    progressbar
        Whether to show the refits' progress.
    """
    draws, rows = fit.stacked(), own_rows(fit.design)
    values = log_density(fit.design, rows, linear_predictor(fit.design, rows, draws), draws)
    shape = (fit.posterior.sizes["chain"], fit.posterior.sizes["draw"], -1)
    labelled = label_rows("rows", values.reshape(shape), rows.index)
    again = _Again(fit, np.arange(fit.design.n_rows), refit, seed, progressbar)
    return _scores(again, labelled)


def score_levels(
    fit: Fit, codes: np.ndarray, *, refit: bool = False, seed: int | None = None, progressbar: bool = False
) -> Scores:
    """Score the rows of each level together, as rows of a new level.

    elpd_j = log p(y_j | y_-j), the effects of the level, and of every level that occurs only in it, integrated out
    (`marginal.group_log_density`). It is computed by importance sampling, with Pareto-smoothed weights
    1 / p(y_j | theta, ...) of all draws (Vehtari, Gelman & Gabry 2017, Statistics and Computing 27:1413; Merkle et al.
    2019, Psychometrika 84:802). Where their k-hat is above 0.7, it is computed by a fit without the level: always if
    the collapsed engine gives the evidence, from which it follows exactly as log p(y) - log p(y_-j); under other
    engines on request, as the mean of p(y_j | theta, ...) over the draws of the refit.

    Parameters
    ----------
    fit
        A fit by any engine.
    codes
        Level of each row, 0, 1, ..., (rows,); of a factor of this model or of another one.
    refit
        Whether to fit again if the evidence is not known.
    seed
        Seed of the refits.
    progressbar
        Whether to show the refits' progress.

    Raises
    ------
    DataError
        More than three effects to integrate out where the response is not normal.
    """
    shape = (fit.posterior.sizes["chain"], fit.posterior.sizes["draw"], -1)
    joint = joint_log_density(fit.design, codes, fit.stacked()).reshape(shape)
    again = _Again(fit, codes, refit or _evidence(fit) is not None, seed, progressbar)
    return _scores(again, xr.Dataset({"levels": (("chain", "draw", "level"), joint)}))


@dataclass(frozen=True, eq=False)
class _Again:
    """How to leave out rows by refits: which sets of rows, and whether refits are allowed."""

    fit: Fit
    sets: np.ndarray
    allowed: bool
    seed: int | None
    progressbar: bool


def _scores(again: _Again, densities: xr.Dataset) -> Scores:
    """Score by weights, and by refits where weights are unreliable and refits are allowed."""
    loo = leave_one_out(again.fit, densities)
    elpd, khat = loo.elpd_i.to_numpy().copy(), loo.pareto_k.to_numpy().copy()
    doubtful = np.flatnonzero(khat > MAX_KHAT) if again.allowed else np.zeros(0, int)
    refitted = np.isin(np.arange(len(elpd)), doubtful)
    seeds, errors = seed_sequence(again.seed).generate_state(len(doubtful)), np.zeros(len(doubtful))
    pieces = [(again.sets == which, int(own_seed)) for which, own_seed in zip(doubtful, seeds, strict=True)]
    with progress_line("leaving out by refits", shown=again.progressbar and len(doubtful) > 0) as line:
        for done, (at, found) in enumerate(side_by_side(_exactly, pieces, again.fit), 1):
            elpd[doubtful[at]], errors[at] = found
            line.count(done, len(doubtful))
    khat[doubtful] = np.nan
    shared = len(doubtful) * (_evidence(again.fit) or (0.0, 0.0))[1]
    mcse = np.sqrt(_weights_error(loo, densities, ~refitted) ** 2 + (errors**2).sum() + shared**2)
    loo.elpd_i, loo.pareto_k = loo.elpd_i.copy(data=elpd), loo.pareto_k.copy(data=khat)
    loo.elpd, loo.se = float(elpd.sum()), float(np.sqrt(len(elpd) * elpd.var()))
    loo.warning = bool((khat > MAX_KHAT).any())
    return Scores(loo, refitted, float(mcse))


def _weights_error(loo: azs.ELPDData, densities: xr.Dataset, kept: np.ndarray) -> float:
    """Return the Monte Carlo error of a sum of log E, E = sum_s w_s p_s.

    By the delta method it is that of a mean of S w (p / E - 1).
    """
    (name,) = densities.data_vars
    value = densities[name].transpose("chain", "draw", ...).to_numpy()[..., kept]
    record: Any = loo  # ArviZ annotates the record common to all criteria; this is the one of LOO
    weight = record.log_weights.transpose("chain", "draw", ...).to_numpy()[..., kept]
    ratio = np.exp(weight + value - loo.elpd_i.to_numpy()[kept])
    parts = (ratio - np.exp(weight)).sum(axis=2) * value.shape[0] * value.shape[1]
    return mcse_mean(parts) if np.ptp(parts) > 0 else 0.0


def _exactly(rows: np.ndarray, seed: int, fit: Fit) -> tuple[float, float]:
    """Return log p(rows | all others) by a fit without them, and its Monte Carlo error.

    The error leaves out that of the evidence of the whole table.
    """
    again = refit_without(fit, rows, seed=seed)
    whole, without = _evidence(fit), _evidence(again)
    if whole is not None and without is not None:
        return whole[0] - without[0], without[1]
    density = joint_log_density(fit.design, rows.astype(int), _at_all_levels(fit, again), wanted=[1])[:, 0]
    shape = (again.posterior.sizes["chain"], again.posterior.sizes["draw"])
    relative = np.exp(density - density.max()).reshape(shape)
    error = mcse_mean(relative) / relative.mean() if np.ptp(relative) > 0 else 0.0
    return float(np.log(relative.mean()) + density.max()), float(error)


def _at_all_levels(fit: Fit, again: Fit) -> dict[str, np.ndarray]:
    """Return the draws of a refit, with effects of zero for the levels it lost; those are integrated out."""
    draws = dict(again.stacked())
    pairs = [("", factor, kept) for factor, kept in zip(fit.design.factors, again.design.factors, strict=True)]
    for parameter, one in fit.design.parameters.items():
        kept_of = again.design.parameters[parameter].factors
        pairs += [(parameter, factor, kept) for factor, kept in zip(one.factors, kept_of, strict=True)]
    for parameter, factor, kept in pairs:
        name = b_name(predictor_name(parameter, factor.name) if parameter else factor.name)
        known = {label: at for at, label in enumerate(factor.levels.labels)}
        effects = np.zeros((len(draws[name]), factor.n_levels, len(factor.names)))
        effects[:, [known[label] for label in kept.levels.labels]] = draws[name]
        draws[name] = effects
    return draws


def leave_one_out(fit: Fit, scores: xr.Dataset) -> azs.ELPDData:
    """Leave out one row or level at a time, by ArviZ's Pareto-smoothed importance sampling.

    Parameters
    ----------
    fit
        The fit.
    scores
        One variable of log densities, dims chain, draw, and one for the rows or levels left out.

    Raises
    ------
    DataError
        Too few draws, or draws that do not vary, so that the weights cannot be judged.
    EngineError
        A density that is not a finite number.
    """
    (name,) = scores.data_vars
    wrong = ~np.isfinite(scores[name].to_numpy())
    if wrong.any():
        raise EngineError(
            "a response has no density under some draws",
            got=f"{int(wrong.any(axis=(0, 1)).sum())} of {wrong.shape[2]} {name}, {int(wrong.any(axis=2).sum())} draws",
            allowed="log densities that are finite numbers",
            do="check the draws of the sds and of the family's parameters, and the priors that allow them",
        )
    tree = xr.DataTree.from_dict({"posterior": fit.posterior, "log_likelihood": scores})
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Estimated shape parameter", UserWarning)  # k-hat is passed on, one by one
        try:
            return azs.loo(tree, pointwise=True, var_name=name)
        except (ValueError, IndexError) as error:
            sizes = fit.posterior.sizes
            raise DataError(
                "importance weights cannot be judged from these draws",
                got=f"{sizes['chain']} chains of {sizes['draw']} draws: {error}",
                allowed="a hundred or more distinct draws",
                do="fit with more draws",
            ) from error


def _evidence(fit: Fit) -> tuple[float, float] | None:
    """Return log evidence and its Monte Carlo error, if it is from reliable importance weights.

    Bridge sampling has a larger error than the score that it would replace.
    """
    return fit.run.evidence if fit.run.has_weights and fit.run.weights_can_be_trusted else None
