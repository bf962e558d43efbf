"""What a fit says of a level it has not seen: leave-one-level-out, by importance sampling and by exact refits."""

import json
import warnings
from dataclasses import dataclass, replace

import arviz_stats as azs
import numpy as np
import xarray as xr

from partialpool.design.labels import variable_dims
from partialpool.design.subset import keep_rows
from partialpool.errors import DataError
from partialpool.fitting import Fit
from partialpool.infer.progress import progress_line
from partialpool.names import b_name
from partialpool.observe.joint import joint_log_density
from partialpool.overview.convergence import MAX_KHAT as MAX_IMPORTANCE_KHAT
from partialpool.refits import repeat_fit
from partialpool.seeds import seed_sequence

__all__ = ["LevelScores", "leave_one_out", "other_rows", "refit_without", "score_levels"]

MAX_KHAT = 0.7
"""Of a level's weights: beyond it the level is left out by a refit."""


@dataclass(frozen=True, eq=False)
class LevelScores:
    """Log predictive density of each level's rows together, the level left out.

    Attributes
    ----------
    loo
        ArviZ's record: `elpd_i`, log p(rows of the level | all other rows), by level; `pareto_k`, NaN where the fit was
        repeated without the level; their sum and its standard error.
    refitted
        Which levels were left out by a refit, boolean (levels,).
    """

    loo: azs.ELPDData
    refitted: np.ndarray


def refit_without(fit: Fit, rows: np.ndarray, *, seed: int | None = None) -> Fit:
    """Fit the same model, with the same priors and settings, to the other rows.

    Parameters
    ----------
    fit
        The fit of all rows.
    rows
        Which rows to leave out, boolean (rows,) of the design.
    seed
        Of the draws.

    Returns
    -------
    Fit
        Levels that lost all rows are not in it. It is for questions asked at once: its coding and priors are those of
        the whole table.
    """
    return repeat_fit(fit, design=keep_rows(fit.design, ~rows), seed=seed)


def other_rows(fit: Fit, rows: np.ndarray) -> Fit:
    """Return the same draws with some rows gone: what is averaged over rows is averaged over the others.

    Parameters
    ----------
    fit
        The fit of all rows.
    rows
        Which rows to leave out, boolean (rows,) of the design.

    Returns
    -------
    Fit
        Levels that lost all rows are not in it. Its draws are still those given all rows: weigh them.
    """
    dims = variable_dims(fit.design)
    alive = {dims[b_name(f.name)][0]: np.unique(f.codes[~rows]) for f in fit.design.factors}
    tree = xr.DataTree.from_dict({"posterior": fit.posterior.isel(alive)})
    tree.attrs = fit.tree.attrs
    return replace(fit, design=keep_rows(fit.design, ~rows), tree=tree)


def score_levels(fit: Fit, codes: np.ndarray, *, seed: int | None = None, progressbar: bool = False) -> LevelScores:
    """Score the rows of each level together, as rows of a level that is new.

    elpd_j = log p(y_j | y_-j), the effects of the level, and of every level that occurs in it alone, integrated out
    (`observe.joint`). Importance sampling by Pareto-smoothed weights 1 / p(y_j | theta, ...) of all draws
    (Vehtari, Gelman & Gabry 2017, Statistics and Computing 27:1413; Merkle et al. 2019, Psychometrika 84:802). Where
    their k-hat is above 0.7 and the collapsed engine knows the evidence, exactly, by a fit without the level:
    log p(y) - log p(y_-j).

    Parameters
    ----------
    fit
        A fit by any engine.
    codes
        Level of each row, 0, 1, ...: of a factor of this model or of another, (rows,).
    seed
        Of the refits.
    progressbar
        Whether to show the refits' progress.

    Raises
    ------
    DataError
        More than three effects to integrate out where the response is not normal.
    """
    shape = (fit.posterior.sizes["chain"], fit.posterior.sizes["draw"], -1)
    joint = joint_log_density(fit.design, codes, fit.stacked()).reshape(shape)
    loo = leave_one_out(fit, xr.Dataset({"levels": (("chain", "draw", "level"), joint)}))
    elpd, khat = loo.elpd_i.to_numpy().copy(), loo.pareto_k.to_numpy().copy()
    refitted = np.zeros(len(elpd), bool)
    whole = _evidence(fit)
    doubtful = np.flatnonzero(khat > MAX_KHAT) if whole is not None else np.zeros(0, int)
    seeds = seed_sequence(seed).generate_state(len(doubtful))
    with progress_line("leaving levels out", shown=progressbar and len(doubtful) > 0) as line:
        for done, (level, own_seed) in enumerate(zip(doubtful, seeds, strict=True)):
            line.say(f"refit {done + 1} of {len(doubtful)}")
            without = _evidence(refit_without(fit, codes == level, seed=int(own_seed)))
            if whole is not None and without is not None:
                elpd[level], khat[level], refitted[level] = whole - without, np.nan, True
    loo.elpd_i, loo.pareto_k = loo.elpd_i.copy(data=elpd), loo.pareto_k.copy(data=khat)
    loo.elpd, loo.se = float(elpd.sum()), float(np.sqrt(len(elpd) * elpd.var()))
    loo.warning = bool((khat > MAX_KHAT).any())
    return LevelScores(loo, refitted)


def leave_one_out(fit: Fit, scores: xr.Dataset) -> azs.ELPDData:
    """Leave out one of what is scored at a time, by ArviZ's Pareto-smoothed importance sampling.

    Parameters
    ----------
    fit
        The fit.
    scores
        One variable of log densities, dims (chain, draw, and what is left out).

    Raises
    ------
    DataError
        Too few draws, or draws that do not vary, to judge the weights by.
    """
    (name,) = scores.data_vars
    tree = xr.DataTree.from_dict({"posterior": fit.posterior, "log_likelihood": scores})
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Estimated shape parameter", UserWarning)  # k-hat is passed on, one by one
        try:
            return azs.loo(tree, pointwise=True, var_name=name)
        except (ValueError, IndexError) as error:
            sizes = fit.posterior.sizes
            raise DataError(
                "importance weights cannot be judged by these draws",
                got=f"{sizes['chain']} chains of {sizes['draw']} draws: {error}",
                allowed="a hundred draws or more that differ",
                do="fit with more draws",
            ) from error


def _evidence(fit: Fit) -> float | None:
    """Log evidence, where the engine knows it and its weights can be trusted."""
    run = json.loads(fit.tree.attrs.get("run", "{}"))
    return run.get("log_evidence") if run.get("importance_khat", 0.0) < MAX_IMPORTANCE_KHAT else None
