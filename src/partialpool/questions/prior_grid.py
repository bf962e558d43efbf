"""A study of the same model under many priors: full refits side by side, resumed after an interruption."""

import json
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import cloudpickle
import numpy as np
import pandas as pd
import xarray as xr

from partialpool.design.build import build_design
from partialpool.design.design import Design
from partialpool.design.table import Missing
from partialpool.design.units import UNITS
from partialpool.distributions.frozen import frozen
from partialpool.distributions.prior import Prior
from partialpool.errors import EngineError, FileError, PartialPoolWarning, SamplingWarning, SpecError, nearest, warn
from partialpool.files import made_folder
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit, fit
from partialpool.fitting.table_digest import table_digest
from partialpool.names import BETA, ICC, INTERCEPT
from partialpool.progress import progress_line
from partialpool.questions.asked_quantities import check_asked
from partialpool.questions.grid_cache import address, keep_fit, kept_fit
from partialpool.questions.grid_cells import Cell, PriorChoices, make_cells
from partialpool.questions.quantities import NOTHING_MORE, Quantity, check_quantities, follow_each, in_words
from partialpool.sampling.choose import choose_engine, weigh_engines
from partialpool.sampling.settings import Settings
from partialpool.seeds import seed_sequence
from partialpool.side_by_side import quiet, side_by_side
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec
from partialpool.spec.options import as_spec

__all__ = ["prior_grid"]

_LEVELS: Final = (0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.995)


@dataclass(frozen=True)
class _Task:
    """What one cell needs in addition to what all cells share."""

    spec: ModelSpec
    engine: str
    name: str
    """Its address in the folder."""


@dataclass(frozen=True, eq=False)
class _Answers:
    """The results of a cell's fit.

    Attributes
    ----------
    draws
        Draws by quantity, (chains, draws); None if there is no fit.
    good
        Whether the diagnostics are good.
    troubles
        What failed: the fit; a quantity, which is then missing; storing the fit.
    """

    draws: Mapping[str, np.ndarray] | None
    good: bool
    troubles: tuple[str, ...]


@explains_keywords
def prior_grid(
    model: ModelSpec | str,
    data: Any,
    priors: PriorChoices,
    quantities: Mapping[str, Quantity] = NOTHING_MORE,
    *,
    family: str | None = None,
    link: str | None = None,
    se: str | None = None,
    cov: Mapping[str, object] = MappingProxyType({}),
    engine: str = "auto",
    missing: Missing = "drop",
    folder: str | Path | None = None,
    jobs: int = -1,
    seed: int | None = None,
    progressbar: bool = True,
    **settings: Any,
) -> xr.Dataset:
    """Fit a model under every combination of some priors, and collect the draws of each quantity.

    Parameters
    ----------
    model, data, family, link, se, cov, engine, missing
        As for `fit`; priors that are not varied are those of the model.
    priors
        The priors to try, by parameter: `{"sd_Subject": [Prior(...), ...], "corr_Subject": [...]}`, all combinations;
        or a list of combinations, `[{"sd_Subject": Prior(...), "sigma": Prior(...)}, ...]`, of the same parameters.
        Equal combinations are merged.
    quantities
        Further quantities to follow, by name, as for `power_scale`. Parameters and the ICC are always followed. They
        are computed in the process that makes the fit, which is then discarded: a study takes no more memory than its
        results.
    folder
        Folder in which each fit is stored as soon as it is made, under a name derived from data, model, priors, engine
        and settings: a study with a seed resumes after an interruption, and an extended study makes only the new fits.
        Each file can be read by `load_fit`. Workers on other machines need access to the same folder.
    jobs
        Number of processes (joblib's `n_jobs`; -1: one per core; 1: this process, whatever else is set). Inside
        `joblib.parallel_config(...)` that backend is used: with `backend="dask"` the cluster of the current
        `dask.distributed.Client`.
    seed
        The same for every fit, so that fits differ only by their priors; None draws one.
    progressbar
        Whether to show how many fits are done.
    **settings
        Settings of `fit`: `draws`, `chains`, ...

    Returns
    -------
    xarray.Dataset
        One variable per quantity, (prior, chain, draw), on the scale of the quantity. Coordinates along `prior`: its
        label, the prior of each parameter whose prior varies, and `good`, whether the fit's diagnostics are good (a
        warning is given if some are not). `prior_<quantity>` (prior, level): quantiles of the prior (0.5 to 99.5 %)
        for sds, coefficients and other quantities that have one. Fits that failed, and quantities that could not be
        computed, are missing values, with a warning; attrs: `failed`, JSON of the errors by label; `priors`, JSON of
        the priors by label and quantity, each a name and its arguments.

    Raises
    ------
    PriorError
        No priors; a parameter the model does not have.
    SpecError
        A setting that `fit` does not have; a quantity that is not a function, or cannot be sent to another process.
    DataError
        The table does not fit the model.
    EngineError
        Every fit failed.
    FileError
        The folder cannot be created.

    Examples
    --------
    >>> import partialpool as pp
    >>> scales = [pp.Prior("HalfNormal", sigma=s) for s in (5, 50)]
    >>> study = pp.prior_grid(
    ...     "effect ~ 1 + (1 | school)", pp.load_dataset("eight_schools"), {"sd_school": scales}, se="standard_error",
    ...     seed=1, jobs=1,
    ... )
    >>> study["sd_school[Intercept]"].median(("chain", "draw")).values.round(0)
    array([3., 5.])
    """
    # 1. Check all arguments before anything is fitted.
    seed_sequence(seed)
    used = _settings(settings, int(seed_sequence(None).generate_state(1)[0]) if seed is None else int(seed))
    check_asked(quantities, do="write a name before each function")
    check_quantities(quantities)
    if jobs != 1:
        _check_travels(quantities)
    spec = as_spec(model, family=family, link=link, se=se, cov=cov)
    design = build_design(spec, data, missing=missing)
    cells = make_cells(spec, design, priors)
    store = None if folder is None else made_folder(folder, what="the study's folder", do="name another")
    # 2. Fit each cell, or read it from the folder, and reduce it to its quantities, in any process.
    digest = table_digest(design.frame)
    engines = [_engine_for(cell.spec, design, used) if engine == "auto" else engine for cell in cells]
    tasks = [
        _Task(cell.spec, name, address(cell.spec, digest, name, used))
        for cell, name in zip(cells, engines, strict=True)
    ]
    options = used.as_record() | {"cores": used.cores, "progressbar": False}
    shared = (design.frame, options, store, dict(quantities))
    with progress_line("fitting under other priors", shown=progressbar) as line:
        found = _answered(tasks, shared, jobs, lambda done: line.count(done, len(cells)))
    # 3. Put the results side by side.
    return _collected(cells, [found[at] for at in range(len(cells))], design, tuple(quantities))


def _engine_for(spec: ModelSpec, design: Design, settings: Settings) -> str:
    """Name the engine that `fit` would use: the priors decide which engines apply, the design which is faster."""
    return weigh_engines(*choose_engine(spec), design, settings)[0].name


def _settings(given: Mapping[str, Any], seed: int) -> Settings:
    """Check the settings; a cell uses one core unless `cores` is given, since other cells run in parallel."""
    known = {field.name for field in fields(Settings)}
    for name in given:
        if name not in known:
            raise SpecError("unknown setting", got=repr(name), allowed=nearest(name, sorted(known)), do="correct it")
    return Settings(**{"cores": 1, **given, "seed": seed, "progressbar": False})


def _answered(
    tasks: list[_Task], shared: tuple[Any, ...], jobs: int, told: Callable[[int], None]
) -> dict[int, _Answers]:
    """Run the tasks in parallel, and return their results by position, in whichever order they finish."""
    found: dict[int, _Answers] = {}
    # Workers that are threads of this process change its warning filters and may leave them changed, as ArviZ does.
    with warnings.catch_warnings():
        for kind in (PartialPoolWarning, RuntimeWarning):
            warnings.simplefilter("ignore", kind)  # those about the table were given when the study began
        try:
            for at, answers in side_by_side(_answer, [(task,) for task in tasks], *shared, jobs=jobs):
                found[at] = answers
                told(len(found))
        except Exception as error:  # a cluster was lost, or workers again and again: earlier results are kept
            return {at: found.get(at, _failed(error)) for at in range(len(tasks))}
    return found


def _check_travels(asked: Mapping[str, Quantity]) -> None:
    """Refuse a quantity that cannot be sent to another process, since Dask would wait for it indefinitely."""
    for name, ask in asked.items():
        try:
            cloudpickle.dumps(ask)
        except Exception as error:
            raise SpecError(
                f"the quantity {name!r} cannot be sent to another process",
                got=in_words(error),
                allowed="a function whose own variables can be pickled",
                do="remove open files, locks and the like from it, or set jobs=1",
            ) from error


def _answer(
    task: _Task,
    table: pd.DataFrame,
    options: Mapping[str, Any],
    store: Path | None,
    asked: Mapping[str, Quantity],
) -> _Answers:
    """Fit or read one cell and compute its quantities; errors are returned as text, so that other cells continue."""
    with quiet():
        try:
            made, troubles = _made(task, table, options, store)
            draws, failed = follow_each(made, asked)
            good = made.digest.verdict.good
        except Exception as error:  # of any kind: the other cells are still useful
            return _failed(error)
    troubles += [f"the quantity {name!r} failed: {reason}" for name, reason in failed.items()]
    return _Answers(draws, good, tuple(troubles))


def _failed(error: Exception) -> _Answers:
    return _Answers(None, False, (in_words(error),))


def _made(task: _Task, table: pd.DataFrame, options: Mapping[str, Any], store: Path | None) -> tuple[Fit, list[str]]:
    """Return a cell's fit, read from the folder or made and stored there, and what failed in storing it."""
    kept = None if store is None else kept_fit(store, task.name, (options["chains"], options["draws"]))
    if kept is not None:
        return kept, []
    made = fit(task.spec, table, engine=task.engine, **options)
    if made.run.interrupted:
        raise KeyboardInterrupt  # The engine kept the draws before an interruption; a study does not use such fits.
    if store is None:
        return made, []
    try:
        keep_fit(made, store, task.name)
    except (FileError, OSError) as error:
        return made, [f"the fit was not kept: {in_words(error)}"]
    return made, []


def _collected(cells: list[Cell], found: list[_Answers], design: Design, asked: tuple[str, ...]) -> xr.Dataset:
    """Put the results of all cells side by side."""
    troubles = {
        cell.label: "; ".join(answers.troubles) for cell, answers in zip(cells, found, strict=True) if answers.troubles
    }
    answered = [answers.draws for answers in found if answers.draws is not None]
    if not answered:
        raise EngineError(
            "every fit of the study failed",
            got="; ".join(sorted(set(troubles.values()))),
            allowed="priors under which the model can be fitted",
            do="try one of them by pp.fit",
        )
    _warn(cells, found)
    shape = next(iter(answered[0].values())).shape
    variables = _side_by_side(found, shape, asked)
    own = _own_priors(cells, design, tuple(variables))
    variables |= {
        f"prior_{name}": (("prior", "level"), np.stack([frozen(p).ppf(np.array(_LEVELS)) for p in priors]))
        for name, priors in own.items()
    }
    coords: dict[str, Any] = {"prior": [cell.label for cell in cells], "level": list(_LEVELS)}
    coords["good"] = ("prior", [answers.good for answers in found])
    coords |= {"chain": np.arange(shape[0]), "draw": np.arange(shape[1])}
    for parameter in dict(cells[0].changed):
        coords[f"prior_of_{parameter}"] = ("prior", [dict(cell.changed)[parameter] for cell in cells])
    attrs = {"formula": cells[0].spec.to_formula(), "failed": json.dumps(troubles), "response": cells[0].spec.response}
    stated = {name: [(prior.distribution, prior.stated) for prior in priors] for name, priors in own.items()}
    attrs[UNITS] = design.axis_units.as_text()
    attrs["priors"] = json.dumps(
        {cell.label: {name: priors[at] for name, priors in stated.items()} for at, cell in enumerate(cells)}
    )
    return Answer(variables, coords=coords, attrs=attrs)


def _warn(cells: list[Cell], found: list[_Answers]) -> None:
    """Warn how many fits failed, how many cells lack a quantity, how many fits are doubtful, each with an example."""
    failed = [answers.troubles[0] for answers in found if answers.draws is None]
    partly = [answers.troubles[0] for answers in found if answers.draws is not None and answers.troubles]
    pairs = zip(cells, found, strict=True)
    doubtful = [cell.label for cell, answers in pairs if answers.draws is not None and not answers.good]
    said = []
    if failed:
        said.append(f"{len(failed)} of {len(cells)} fits failed: {failed[0]}")
    if partly:
        said.append(f"under {len(partly)} of {len(cells)} priors {partly[0]}")
    if doubtful:
        said.append(
            f"the diagnostics of {len(doubtful)} of {len(cells)} fits are not good: {doubtful[0]}, ...; see `good`"
        )
    for text in said:
        warn(text, SamplingWarning)


def _side_by_side(found: list[_Answers], shape: tuple[int, ...], asked: tuple[str, ...]) -> dict[str, Any]:
    """Return quantities as variables (prior, chain, draw), without parameters that are constant, since not free."""
    names = dict.fromkeys(name for answers in found for name in answers.draws or {})
    nothing = np.full(shape, np.nan)
    out = {}
    for name in names:
        values = np.stack([(answers.draws or {}).get(name, nothing) for answers in found])
        known = values[np.isfinite(values)]
        if (known.size and np.ptp(known) > 0) or name.startswith(tuple(f"{one}[" for one in asked)) or name in asked:
            out[name] = (("prior", "chain", "draw"), values)
    return out


def _own_priors(cells: list[Cell], design: Design, names: Iterable[str]) -> dict[str, list[Prior]]:
    """Return the prior in each cell, by quantity, of those quantities that have one."""
    # With a single varying effect, the prior of the ICC is that of its factor.
    alone = len(design.factors) == len(design.grouping) == 1 and len(design.factors[0].names) == 1
    shares = {f"{ICC}[{design.factors[0].name}]": ICC} if alone else {}
    # The intercept's prior is at the predictors' means, the intercept itself at their zeros.
    moved = {f"{BETA}[{INTERCEPT}]"} if design.common.names else set()
    out = {}
    for name in names:
        parameter = shares.get(name, name)
        own = [cell.resolved[parameter] for cell in cells if parameter in cell.resolved]
        scalar = all(prior.support in ("real", "positive", "unit") for prior in own)
        if len(own) == len(cells) and name not in moved and scalar:
            out[name] = own
    return out
