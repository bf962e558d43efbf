"""Influence of each level on the results: every level left out in turn."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import numpy as np
import xarray as xr
from arviz_stats.base import array_stats

from partialpool.design.units import UNITS
from partialpool.errors import EngineError, PartialPoolError, SpecError
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import of_first_table
from partialpool.marginal.group_log_density import joint_log_density
from partialpool.model.distribution import needs_mean
from partialpool.progress import progress_line
from partialpool.questions.asked_quantities import check_asked
from partialpool.questions.cross_validation import MAX_KHAT, other_rows, refit_without
from partialpool.questions.quantities import (
    NOTHING_MORE,
    Quantity,
    check_draws,
    check_quantities,
    follow,
    weighted_moments,
)
from partialpool.seeds import seed_sequence
from partialpool.side_by_side import side_by_side
from partialpool.spec.keywords import explains_keywords

__all__ = ["level_influence"]

_REFITS: Final = "refit"
_WEIGHTS: Final = "weights"


@explains_keywords
@of_first_table
def level_influence(
    fit: Fit,
    quantities: Mapping[str, Quantity] = NOTHING_MORE,
    *,
    factor: str | None = None,
    seed: int | None = None,
    progressbar: bool = True,
) -> xr.Dataset:
    """Leave each level out in turn and compute how the quantities change.

    The posterior without level j is that of all rows, weighted by 1 / p(y_j | ...), Pareto-smoothed, with the effects
    that occur only in the level's rows integrated out (`marginal.group_log_density`). Where the weights' k-hat is above
    0.7, the model is fitted again without the level if the fit is by the collapsed engine (for a NUTS fit the weights
    are kept, and k-hat shows how reliable they are). In both cases a quantity that is averaged over rows, such as the
    ICC of counts or of a model with slopes, is averaged over the remaining rows, as in a fit of a table without the
    level.

    Parameters
    ----------
    fit
        A fit by any engine.
    quantities
        Further quantities to follow, by name, as for `power_scale`: functions of the population, not of a level that
        may be left out; each is evaluated once for every level. Parameters and the ICC are always followed.
    factor
        Factor whose levels are left out; optional if there is only one.
    seed
        Seed of the refits. Inside `joblib.parallel_config(...)` they run side by side, with `backend="dask"` on the
        cluster of the current `dask.distributed.Client`.
    progressbar
        Whether to show the refits' progress.

    Returns
    -------
    xarray.Dataset
        `mean` and `sd` (level, quantity) without the level; `shift` (level, quantity), the change of the mean in units
        of the sd of the posterior given all rows; `whole_mean`, `whole_sd` (quantity), given all rows; by level `khat`
        and `method`, `weights` or `refit`.

    Raises
    ------
    SpecError
        Quantities that are not a mapping, or that refer to the levels.
    DataError
        No such factor; more than three effects to integrate out where the response is not normal.
    EngineError
        A refit failed; a quantity cannot be computed without a level.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> moved = pp.level_influence(fit, progressbar=False, seed=1)["shift"].sel(quantity="sigma")
    >>> str(moved["level"].values[abs(moved.values).argmax()])
    '332'
    """
    check_asked(quantities, do="name the factor whose levels are left out by factor=")
    check_quantities(quantities)
    chosen = fit.design.factor_named(factor)
    if chosen.has_members:
        chosen.check_unrelated("leaving a level out")
    check_draws(fit)
    _check_population(fit, quantities, chosen.name)
    joint = joint_log_density(fit.design, chosen.codes, fit.stacked())
    followed = follow(fit, quantities)
    values = np.stack([column.ravel() for column in followed.values()])
    whole_mean, whole_sd = values.mean(axis=1), values.std(axis=1)
    mean, sd = np.empty((chosen.n_levels, len(values))), np.empty((chosen.n_levels, len(values)))
    log_weights, khat = array_stats.psislw(joint.T)
    by_rows = _depends_on_rows(fit, quantities)
    again = (khat > MAX_KHAT) & fit.run.card.refits_cheaply
    seeds = seed_sequence(seed).generate_state(chosen.n_levels)
    wanted = (quantities, list(followed))
    refitted = np.flatnonzero(again)
    pieces = [(chosen.in_levels([int(level)]), int(seeds[level])) for level in refitted]
    with progress_line("leaving levels out", shown=progressbar and bool(again.any())) as line:
        for done, (at, sample) in enumerate(side_by_side(_refitted, pieces, fit, wanted), 1):
            mean[refitted[at]], sd[refitted[at]] = sample.mean(axis=1), sample.std(axis=1)
            line.count(done, len(refitted))
        for level in np.flatnonzero(~again):
            sample = values
            if by_rows:
                sample = _answers(partial(other_rows, fit, chosen.in_levels([int(level)])), wanted)
            mean[level], sd[level] = weighted_moments(sample, np.exp(log_weights[level]))
    by_level = ("level", "quantity")
    return Answer(
        {
            "mean": (by_level, mean),
            "sd": (by_level, sd),
            "shift": (by_level, (mean - whole_mean) / whole_sd),
            "whole_mean": (("quantity",), whole_mean),
            "whole_sd": (("quantity",), whole_sd),
            "khat": (("level",), khat),
            "method": (("level",), np.where(again, _REFITS, _WEIGHTS)),
        },
        coords={"level": list(chosen.levels.labels), "quantity": list(followed)},
        attrs={
            "factor": chosen.name,
            "response": fit.design.response.name,
            UNITS: fit.design.axis_units.as_text(),
            "definition": "shift = (mean without the level - mean) / sd, of the posterior",
            "averaged": "over the remaining rows",
        },
    )


def _check_population(fit: Fit, quantities: Mapping[str, Quantity], factor: str) -> None:
    """Refuse quantities of the levels: weights remove a level's rows, but its drawn effects still depend on them."""
    for name, ask in quantities.items():
        dims = set(getattr(ask(fit), "dims", ()))
        if dims & {factor, "level"}:
            raise SpecError(
                f"the quantity {name!r} refers to the levels that are left out",
                got=f"dimensions {', '.join(map(str, sorted(dims, key=str)))}",
                allowed="quantities of the population",
                do="follow the population's parameters, ICC or predictions instead",
            )


def _depends_on_rows(fit: Fit, quantities: Mapping[str, Quantity]) -> bool:
    """Whether a quantity may be an average over rows: any that the user gives; the ICC, if rows differ in it."""
    design = fit.design
    varying = any(np.ptp(factor.values, axis=0).any() for factor in design.grouping)
    return bool(quantities) or varying or needs_mean(design) or design.se is not None


def _refitted(rows: np.ndarray, seed: int, fit: Fit, wanted: tuple[Mapping[str, Quantity], list[str]]) -> np.ndarray:
    """Return draws of every quantity of a fit without some rows, (quantities, draws)."""
    return _answers(partial(refit_without, fit, rows, seed=seed), wanted)


def _answers(ask: Callable[[], Fit], wanted: tuple[Mapping[str, Quantity], list[str]]) -> np.ndarray:
    """Return draws of every quantity without the rows left out, (quantities, draws)."""
    quantities, names = wanted
    try:
        found = follow(ask(), quantities)
        return np.stack([found[name].ravel() for name in names])
    except KeyError as error:
        wrong, got = "a quantity cannot be computed without it", str(error)
    except PartialPoolError as error:
        wrong, got = error.wrong, error.got
    raise EngineError(
        "a level could not be left out",
        got=f"{wrong} ({got})",
        allowed="levels without which the model can be fitted, and quantities of the population",
        do="give quantities that do not refer to the level, or name another factor",
    )
