"""The same model for many responses of the same rows: genes, voxels, items."""

import json
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.design.build import build_design
from partialpool.design.design import Design
from partialpool.design.table import select_columns
from partialpool.errors import EngineError, SamplingWarning, SpecError, warn
from partialpool.fitting.many_answers import RESPONSE, answer_layout, icc_under_prior
from partialpool.fitting.many_batches import SharedRows, fit_batch, seed_of, stand_in, writable
from partialpool.fitting.many_responses import Responses, read_responses
from partialpool.fitting.many_store import ManyStore, study_digest
from partialpool.marginal.gaussian.eligibility import why_not
from partialpool.marginal.gaussian.marginal import build_marginal
from partialpool.memory import check_fits
from partialpool.model.default_priors import resolve_priors
from partialpool.progress import progress_line
from partialpool.sampling.settings import Settings
from partialpool.seeds import seed_sequence
from partialpool.side_by_side import side_by_side
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec
from partialpool.spec.options import as_spec

__all__ = ["fit_many"]

_BATCH: Final = 50
"""Responses in a batch: some seconds of work, after which the answers are written."""
_FEWEST_BATCHES: Final = 20
"""Batches into which few responses are split, so that all processes have work."""


@explains_keywords
def fit_many(
    model: ModelSpec | str | Sequence[str],
    responses: Any,
    data: Any,
    *,
    family: str | None = None,
    priors: Mapping[str, object] = MappingProxyType({}),
    se: str | None = None,
    cov: Mapping[str, object] = MappingProxyType({}),
    keep: Sequence[str] = (),
    path: str | Path | None = None,
    draws: int = 500,
    chains: int = 4,
    seed: int | None = None,
    jobs: int = -1,
    progressbar: bool = True,
) -> xr.Dataset:
    """Fit a model to each of many responses that share the rows of one table.

    Each response has the posterior that `fit` gives for it alone, with the same draws for the same seed: default priors
    are scaled to the response, and rows in which it is missing are left out. Group effects are not drawn unless they
    are kept.

    Parameters
    ----------
    model
        A `ModelSpec` or a formula; the name of its response stands for each of the responses: `"y ~ x + (1 | g)"`.
        The model must be one whose group effects integrate out exactly: a normal or lognormal response.
    responses
        One column per response, with the rows of `data` in the same order: a pandas, polars or pyarrow table, an
        `xarray.DataArray` (rows, responses), or a NumPy array, whose responses are called `0`, `1`, ...
    data
        The table with predictors and groups, as for `fit`.
    family, priors, se, cov
        As for `fit`. Priors that are stated are the same for all responses, in their units.
    keep
        Quantities whose draws are kept: `"icc"`, `"share"`, `"beta"`, `"sd_g"`, `"b_g"`, ...
    path
        A Zarr folder, to which answers are written as they are made; `xarray.open_zarr` reads it at any time. A call
        with the same arguments and the same path continues after an interruption. Without a path, answers are kept in
        memory.
    draws, chains
        Draws per chain and chains of each response.
    seed
        Each response has a seed that is computed from this one and its name, so that order and number of processes do
        not matter.
    jobs
        Number of processes (joblib's `n_jobs`; -1: one per core; 1: this process). Inside
        `joblib.parallel_config(backend="dask")` the cluster of the current `dask.distributed.Client` is used.
    progressbar
        Whether to show how many responses are done, and how many per second.

    Returns
    -------
    xarray.Dataset
        A row per response, dimension `response`. Estimates have a dimension `statistic` (mean, sd, quantiles 2.5 % to
        97.5 %): `beta`, `sd_<f>`, `corr_<f>`, `sigma`, as in a fit's posterior and in its units; `icc`, by factor, as
        `pp.icc` computes it; `share`, by part, as `pp.variance_components` does. `beta_above_0`: probability that a
        coefficient is positive; `icc_below`: that an ICC is below each `cut`, and `icc_prior_below` under the prior
        (left out where the priors of sds or sigma are stated); `across_responses` uses these.
        `log_evidence`, with its standard error; `draws_<name>` of what is kept, (response, chain, draw, ...).
        Diagnostics: `rhat`, `ess_bulk`, `ess_tail` (the worst of all parameters, group effects left out),
        `importance_khat`, `n_rows`, `seed`. `fitted`: whether there are answers; `good`: whether the diagnostics are;
        `reason`: why not. With a path, numbers are read from the files where they are used.

    Raises
    ------
    SpecError, DataError
        The model, the table or the responses as a whole are not valid. A response that cannot be fitted is no error: it
        is a row without answers, with its reason.
    EngineError
        Group effects do not integrate out; the answers do not fit into memory.
    FileError
        The path has other answers, or cannot be written to.

    Warns
    -----
    SamplingWarning
        How many responses were not fitted, or have diagnostics that are not good; that the run was interrupted, after
        which the answers so far are returned.

    Examples
    --------
    >>> import partialpool as pp
    >>> table = pp.load_dataset("penicillin")
    >>> zones = {"diameter": table["diameter"], "area": table["diameter"] ** 2}
    >>> many = pp.fit_many("y ~ 1 + (1 | plate) + (1 | sample)", zones, table, seed=1, jobs=1)
    >>> many["icc"].sel(response="area", statistic="mean").round(1).values
    array([0.2, 0.8])
    >>> many["fitted"].values
    array([ True,  True])
    """
    # 1. Check all arguments before anything is fitted.
    spec = as_spec(model, family=family, priors=priors, se=se, cov=cov)
    settings = Settings(draws=draws, chains=chains, seed=seed, cores=1, progressbar=False)
    _check_model(spec)
    table = _table_of(spec, data)
    read = read_responses(responses, len(table), data.index if isinstance(data, pd.DataFrame) else None)
    design = build_design(spec, stand_in(spec, table))
    _check_series(design)
    effects = {factor.name: factor.names for factor in design.factors}
    shared = SharedRows(spec, table, settings, answer_layout(design, keep), design.common.coefs, effects)
    # 2. Continue a study, or begin one.
    store = None if path is None else ManyStore(path, study_digest(shared, read))
    used = _seed(seed, store)
    nothing = shared.answers.nothing(read.names, [seed_of(used, name) for name in read.names], chains, draws)
    nothing = nothing.assign(icc_under_prior(design)).assign_attrs(_attrs(design, settings, used))
    size = min(_BATCH, max(1, -(-len(read.names) // _FEWEST_BATCHES)))
    study = _Study(shared, read, nothing, size, store)
    # 3. Fit batch by batch, in any process.
    build_marginal(design, resolve_priors(design)).compile()
    interrupted = _run(study, jobs, shown=progressbar)
    _warn(study.answers, interrupted=interrupted)
    return study.answers


class _Study:
    """The answers so far, in memory or in a folder."""

    def __init__(
        self, shared: SharedRows, responses: Responses, nothing: xr.Dataset, size: int, store: ManyStore | None
    ) -> None:
        self.shared, self.responses, self._store = shared, responses, store
        self._seeds = nothing["seed"].to_numpy()
        self._size = size if store is None else store.begin(nothing, size)
        if store is None:
            check_fits(
                float(nothing.nbytes),
                wrong="the answers of all responses do not fit into memory",
                got=f"{nothing.sizes[RESPONSE]} responses, draws of {', '.join(shared.answers.kept) or 'none'}",
                do="name a folder by path=, or keep less",
            )
            self._known = writable(nothing)

    @property
    def answers(self) -> xr.Dataset:
        """All answers so far."""
        return self._known if self._store is None else self._store.read()

    @property
    def waiting(self) -> list[int]:
        """The batches that are not done, by number."""
        done = self.answers["done"].to_numpy()
        return [at for at in range(-(-len(done) // self._size)) if not done[self._rows(at)].all()]

    def task(self, at: int) -> tuple[Sequence[str], np.ndarray, np.ndarray]:
        """Return the arguments of `fit_batch`, other than `shared`."""
        rows, responses = self._rows(at), self.responses
        return responses.names[rows], self._seeds[rows], responses.values[:, rows]

    def take(self, at: int, found: xr.Dataset) -> int:
        """Keep the answers of a batch; return how many responses it has."""
        unreadable = self.responses.unreadable
        reasons = found["reason"].to_numpy()
        for place, name in enumerate(self.responses.names[self._rows(at)]):
            reasons[place] = unreadable.get(name, reasons[place])
        if self._store is not None:
            self._store.write(found, self._rows(at))
        else:
            for variable, values in found.data_vars.items():
                self._known[variable].to_numpy()[self._rows(at)] = values.to_numpy()
        return found.sizes[RESPONSE]

    def _rows(self, at: int) -> slice:
        return slice(at * self._size, min((at + 1) * self._size, len(self.responses.names)))


def _run(study: _Study, jobs: int, *, shown: bool) -> bool:
    """Fit all batches that are waiting; return whether an interrupt came first."""
    total, start = len(study.responses.names), time.perf_counter()
    before = int(study.answers["done"].sum())
    done = before
    try:
        with progress_line("fitting the responses", shown=shown) as line:
            waiting = study.waiting
            batches = [study.task(at) for at in waiting]
            for place, found in side_by_side(fit_batch, batches, study.shared, jobs=jobs):
                done += study.take(waiting[place], found)
                line.say(f"{(done - before) / (time.perf_counter() - start):.1f} responses per second")
                line.count(done, total)
    except KeyboardInterrupt:
        return True
    return False


def _check_model(spec: ModelSpec) -> None:
    reason = why_not(spec)
    if reason:
        raise EngineError(
            "many responses are fitted only where group effects integrate out exactly",
            got=reason,
            allowed="a normal or lognormal response",
            do="fit each response by pp.fit",
        )
    if not spec.response_term.is_column or spec.frequency is not None:
        raise SpecError(
            "the response of a model of many responses is a name alone",
            got=spec.to_formula(),
            allowed="a name that stands for each of the responses, 'y ~ x + (1 | g)'",
            do="transform the responses before, and repeat the rows" if spec.frequency else "transform them before",
        )


def _check_series(design: Design) -> None:
    if design.residual is not None and design.crossing_factor:
        raise EngineError(
            "many responses are fitted only where group effects integrate out exactly",
            got=f"series of residuals cross the levels of {design.crossing_factor}",
            allowed="series of residuals within the levels of each factor",
            do="fit each response by pp.fit",
        )


def _table_of(spec: ModelSpec, data: Any) -> pd.DataFrame:
    """Return the columns that the model reads beside its response."""
    columns = tuple(name for name in spec.columns if name != spec.response)
    return select_columns(data, columns).reset_index(drop=True)


def _seed(seed: int | None, store: ManyStore | None) -> int:
    """Return the seed to use: the given one, that of the answers so far, or a new one."""
    if seed is not None:
        if store is not None:
            store.check_seed(seed)
        return int(seed)
    if store is not None and store.seed is not None:
        return store.seed
    return int(seed_sequence(None).generate_state(1)[0])


def _attrs(design: Design, settings: Settings, seed: int) -> dict[str, Any]:
    return {
        "response": design.spec.response,
        "formula": design.spec.to_formula(),
        "family": design.spec.family,
        "seed": seed,
        "settings": json.dumps({"draws": settings.draws, "chains": settings.chains}),
        "partialpool": version("partialpool"),
    }


def _warn(found: xr.Dataset, *, interrupted: bool) -> None:
    """Warn how many responses were not fitted, and of how many the diagnostics are not good, each with an example."""
    done, fitted, good = (found[name].to_numpy().astype(bool) for name in ("done", "fitted", "good"))
    if interrupted:
        warn(f"interrupted: {int(done.sum())} of {len(done)} responses are done; see `done`", SamplingWarning)
    names = found[RESPONSE].to_numpy()
    for what, those in (("not fitted", done & ~fitted), ("fitted with diagnostics that are not good", fitted & ~good)):
        if those.any():
            first = int(np.flatnonzero(those)[0])
            count = int(those.sum())
            said = f"{count} of {len(done)} responses {'was' if count == 1 else 'were'} {what}"
            reason = str(found["reason"].isel({RESPONSE: first}).item())
            warn(f"{said}: {names[first]}: {reason}; see `reason`", SamplingWarning)
