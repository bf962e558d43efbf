"""Fits that keep the draws of some levels only: what they have of the other levels, and draws of others on demand."""

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Final

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.errors import DataError, EngineError
from partialpool.fitting.answer import Answer
from partialpool.marginal.gaussian.accumulated import Accumulated
from partialpool.model.draws_of_levels import levels_not_kept
from partialpool.model.prior_set import PriorSet
from partialpool.names import b_name
from partialpool.sampling.choose import load_engine_of_moments
from partialpool.sampling.pack import KEPT_LEVELS, LEVEL_SUMMARIES, pack
from partialpool.sampling.run_record import RunRecord
from partialpool.sampling.settings import Settings
from partialpool.workers import single_lapack

__all__ = ["StackedOfSome", "draws_of_kept", "posterior_of", "summaries_of", "tree_of_levels"]

_SUMMARISED: Final = "summarised"
"""Attribute of a posterior with the effects whose draws it lacks, and the number of levels that are kept of each."""


class PosteriorOfSome(xr.Dataset):
    """A posterior without the draws of all levels of some factors: asking for them is an error that says so."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str) and key not in self.variables:
            summarised = json.loads(self.attrs.get(_SUMMARISED, "{}"))
            if key in summarised:
                raise levels_not_kept(key, summarised[key])
        return super().__getitem__(key)


class StackedOfSome(dict[str, np.ndarray]):
    """Stacked draws of such a posterior, which refuses the same."""

    def __init__(self, arrays: Mapping[str, np.ndarray], posterior: xr.Dataset) -> None:
        super().__init__(arrays)
        self._posterior = posterior

    def __missing__(self, key: str) -> np.ndarray:
        found: xr.DataArray = self._posterior[key]
        return found.to_numpy()


def posterior_of(tree: xr.DataTree) -> xr.Dataset:
    """Return the posterior of a tree, which says what it lacks where some levels are kept."""
    posterior = tree["posterior"].to_dataset()
    if LEVEL_SUMMARIES not in tree.children:
        return posterior
    kept, all_levels = tree[KEPT_LEVELS].to_dataset(), tree[LEVEL_SUMMARIES].to_dataset()
    said = {
        str(name): f"{kept[name].shape[2]} of {values.shape[0]} levels" for name, values in all_levels.data_vars.items()
    }
    attrs = {**posterior.attrs, _SUMMARISED: json.dumps(said)}
    return PosteriorOfSome(posterior.data_vars, coords=posterior.coords, attrs=attrs)


def draws_of_kept(tree: xr.DataTree, factor: str) -> xr.DataArray | None:
    """Return the draws of the levels of a factor that were kept, (chain, draw, level, effect); None if all were."""
    name = b_name(factor)
    if KEPT_LEVELS not in tree.children or name not in tree[KEPT_LEVELS]:
        return None
    draws = tree[KEPT_LEVELS].to_dataset()[name].transpose("chain", "draw", ...)
    if not draws.shape[2]:
        raise DataError(
            f"the fit kept the draws of no level of {factor!r}",
            got="keep_levels= without its levels",
            allowed="levels that are named in keep_levels=",
            do="fit.draw_levels(['a', 'b']) draws some; fit.level_summaries has the mean, sd and quantiles of all",
        )
    return draws


def summaries_of(tree: xr.DataTree) -> xr.Dataset:
    """Return mean, sd and quantiles of all levels of the factors of which some are kept.

    Raises
    ------
    DataError
        All levels are kept.
    """
    if LEVEL_SUMMARIES not in tree.children:
        raise DataError(
            "this fit has the draws of all levels, and no summaries in their place",
            got="a fit without keep_levels=",
            allowed="fits with keep_levels=[...]",
            do="use pp.summary(pp.group_effects(fit, 'g'))",
        )
    return Answer.of(tree[LEVEL_SUMMARIES].to_dataset())


def tree_of_levels(
    tree: xr.DataTree, design: Design, priors: PriorSet, known: Accumulated | None, levels: Any
) -> xr.DataTree:
    """Draw a fit again from its seed, and keep other levels.

    Raises
    ------
    DataError
        All levels are kept already; no such level.
    EngineError
        The draws of the other parameters are not those of the fit.
    """
    summaries_of(tree)
    run = RunRecord.of(tree)
    stated = {field.name: run.settings[field.name] for field in fields(Settings) if field.name in run.settings}
    settings = replace(Settings(**stated), keep_levels=levels, progressbar=False)
    with single_lapack():
        raw = load_engine_of_moments(run.engine).run_on(design, priors, settings, known)
    again = pack(raw, design, priors, settings, engine=run.engine, reason=run.reason)
    before, after = tree["posterior"].to_dataset(), again["posterior"].to_dataset()
    if not all(np.array_equal(after[name].to_numpy(), values.to_numpy()) for name, values in before.items()):
        raise EngineError(
            "the draws of the fit cannot be made again",
            got="other draws of the parameters from the same seed",
            allowed="the machine and the versions with which the fit was made",
            do="fit again with these levels in keep_levels=",
        )
    again.attrs = {**tree.attrs, "settings": again.attrs["settings"]}
    return again
