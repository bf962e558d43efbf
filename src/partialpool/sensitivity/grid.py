"""The same model under many priors: a study of full refits, side by side, that resumes where it was stopped."""

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
import pandas as pd
import xarray as xr

from partialpool.design.build import Design, build_design
from partialpool.design.scaling import resolve_priors
from partialpool.errors import EngineError, FileError, PartialPoolError, PriorError, SamplingWarning
from partialpool.files import made_folder
from partialpool.fitting import Fit, as_spec, fit, load_fit
from partialpool.infer.progress import progress_line
from partialpool.names import BETA, INTERCEPT
from partialpool.observe.distributions import frozen
from partialpool.seeds import seed_sequence
from partialpool.sensitivity.followed import NOTHING_MORE, Quantity, follow
from partialpool.spec.model import ModelSpec
from partialpool.spec.priors import DISTRIBUTIONS, Prior
from partialpool.spec.priortable import as_prior

__all__ = ["prior_grid"]

_LEVELS: Final = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class _Cell:
    """One combination of priors: the model that states them, and what they are called."""

    label: str
    spec: ModelSpec
    changed: tuple[tuple[str, str], ...]
    """Parameter and prior, as text."""


def prior_grid(
    model: ModelSpec | str,
    data: Any,
    priors: Mapping[str, Sequence[Prior]] | Sequence[Mapping[str, Prior]],
    quantities: Mapping[str, Quantity] = NOTHING_MORE,
    *,
    family: str | None = None,
    link: str | None = None,
    se: str | None = None,
    folder: str | Path | None = None,
    jobs: int = -1,
    seed: int | None = None,
    progressbar: bool = True,
    **settings: Any,
) -> xr.Dataset:
    """Fit a model under every combination of some priors, and collect what each answer becomes.

    Parameters
    ----------
    model, data, family, link, se
        As for `fit`; priors that are not varied are the model's.
    priors
        The priors to try, by parameter: `{"sd_Subject": [Prior(...), ...], "corr_Subject": [...]}`, all combinations;
        or a list of combinations, `[{"sd_Subject": Prior(...), "sigma": Prior(...)}, ...]`, of the same parameters.
    quantities
        More answers to follow, by name, as for `power_scale`. Parameters and the ICC are always followed.
    folder
        Where each fit is kept as soon as it is made, under a name that comes from model, data, priors and settings: a
        study that was stopped goes on from there, and one that is widened makes the new fits alone.
    jobs
        Processes (joblib's `n_jobs`; -1: one per core). Inside `joblib.parallel_config(...)` that backend is used: a
        Dask cluster, for instance.
    seed
        The same for every fit, so that fits differ by their priors; None draws one.
    progressbar
        Whether to show how many fits are made.
    **settings
        For `fit`: `draws`, `chains`, `engine`, ...

    Returns
    -------
    xarray.Dataset
        A variable per quantity, (prior, chain, draw), on the scale of the quantity. Coordinates along `prior`: its
        label, the prior of each parameter that varies, and `good`, whether the fit's diagnostics are (a warning tells
        if some are not). `prior_<quantity>` (prior, level): the prior's own 5, 50 and
        95 % quantiles, for sds, coefficients and other parameters that have one. Fits that failed are missing values,
        with a warning; attrs: `failed`, what they said.

    Raises
    ------
    PriorError
        No priors; a parameter the model does not have.
    EngineError
        Every fit failed.
    FileError
        The folder cannot be made.

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
    spec = as_spec(model, family=family, link=link, se=se)
    design = build_design(spec, data)
    cells = _cells(spec, design, priors)
    seed_sequence(seed)  # refuses what is no seed before anything is fitted
    options = {**settings, "seed": int(seed_sequence(None).generate_state(1)[0]) if seed is None else int(seed)}
    store = None if folder is None else made_folder(folder, what="the study's folder", do="name another")
    names = {cell: _address(cell.spec, design, options) for cell in cells}
    found: dict[_Cell, Fit | str] = {cell: kept for cell in cells if (kept := _stored(store, names[cell])) is not None}
    table = design.frame
    missing = [cell for cell in cells if cell not in found]
    with (
        progress_line("fitting under other priors", shown=progressbar) as line,
        joblib.Parallel(n_jobs=jobs, return_as="generator_unordered") as pool,
    ):
        tasks = (joblib.delayed(_fit_cell)(at, cell.spec.to_toml(), table, options, store and store / names[cell])
                 for at, cell in enumerate(missing))  # fmt: skip
        for at, outcome in pool(tasks):
            found[missing[at]] = outcome
            line.count(len(found), len(cells))
    return _collected(cells, found, quantities, design)


def _combinations(
    priors: Mapping[str, Sequence[Prior]] | Sequence[Mapping[str, Prior]],
) -> list[dict[str, Prior]]:
    if not isinstance(priors, Mapping):
        return [dict(combination) for combination in priors]
    return [dict(zip(priors, combination, strict=True)) for combination in product(*priors.values()) if combination]


def _cells(
    spec: ModelSpec, design: Design, priors: Mapping[str, Sequence[Prior]] | Sequence[Mapping[str, Prior]]
) -> list[_Cell]:
    combinations = _combinations(priors)
    if not combinations or not combinations[0] or any(set(c) != set(combinations[0]) for c in combinations):
        raise PriorError(
            "a study needs priors to try",
            got=repr(priors),
            allowed="a list of priors for each parameter that varies, or combinations of the same parameters",
            do="write for instance {'sd_Subject': [pp.Prior('HalfNormal', sigma=s) for s in (10, 50)]}",
        )
    cells = []
    for combination in combinations:
        chosen = {name: as_prior(prior) for name, prior in combination.items()}
        changed = tuple((name, str(prior)) for name, prior in chosen.items())
        stated = spec.with_priors(chosen)
        resolve_priors(replace(design, spec=stated))  # names that the model does not have are refused here
        cells.append(_Cell("; ".join(f"{n} ~ {p}" for n, p in changed), stated, changed))
    return cells


def _address(spec: ModelSpec, design: Design, options: Mapping[str, Any]) -> str:
    """Name of a cell's file: a digest of everything its draws depend on."""
    digest = hashlib.sha256()
    digest.update(
        json.dumps([spec.to_toml(), dict(options), version("partialpool")], sort_keys=True, default=str).encode()
    )
    frame = design.frame
    # The order of categories decides which is the reference, and of an ordinal response what is more.
    kinds = [
        [str(t), *((list(t.categories), t.ordered) if isinstance(t, pd.CategoricalDtype) else ())] for t in frame.dtypes
    ]
    digest.update(json.dumps([list(frame.columns), kinds], default=str).encode())
    digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return f"{digest.hexdigest()[:24]}.nc"


def _stored(store: Path | None, name: str) -> Fit | None:
    """A cell made before; a file that cannot be read is made again."""
    if store is None or not (store / name).exists():
        return None
    try:
        return load_fit(store / name)
    except FileError:
        return None


def _fit_cell(
    at: int, toml: str, table: pd.DataFrame, options: Mapping[str, Any], path: Path | None
) -> tuple[int, "Fit | str"]:
    """Fit one cell, in whichever process; what went wrong comes back as text, so that the others go on."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the table's warnings were given when the study began
            made = fit(ModelSpec.from_toml_text(toml), table, **{"progressbar": False, "cores": 1, **options})
        if path is not None:
            made.save(path)
    except PartialPoolError as error:
        return at, f"{error.wrong} ({error.got})"
    return at, made


def _collected(
    cells: list[_Cell], found: Mapping[_Cell, Fit | str], quantities: Mapping[str, Quantity], design: Design
) -> xr.Dataset:
    failed = {cell.label: made for cell, made in found.items() if isinstance(made, str)}
    fits = {cell: made for cell, made in found.items() if isinstance(made, Fit)}
    if not fits:
        raise EngineError(
            "every fit of the study failed",
            got="; ".join(sorted(set(failed.values()))),
            allowed="priors under which the model can be fitted",
            do="try one of them by pp.fit",
        )
    if failed:
        warnings.warn(
            f"{len(failed)} of {len(cells)} fits failed: {next(iter(failed.values()))}", SamplingWarning, stacklevel=3
        )
    answers = {cell: follow(made, quantities) for cell, made in fits.items()}
    names = list(dict.fromkeys(name for answer in answers.values() for name in answer))
    shape = next(iter(next(iter(answers.values())).values())).shape
    nothing = np.full(shape, np.nan)
    doubtful = [cell.label for cell, made in fits.items() if not made.digest.verdict.good]
    if doubtful:
        warnings.warn(
            f"the diagnostics of {len(doubtful)} of {len(cells)} fits are not good: {doubtful[0]}, ...; see `good`",
            SamplingWarning,
            stacklevel=3,
        )
    variables: dict[str, Any] = {
        name: (("prior", "chain", "draw"), np.stack([answers.get(cell, {}).get(name, nothing) for cell in cells]))
        for name in names
    }
    stated = [resolve_priors(replace(design, spec=cell.spec)) for cell in cells]
    for name in names:
        # The intercept's prior is at the predictors' means, the intercept itself at their zeros.
        moved = name == f"{BETA}[{INTERCEPT}]" and bool(design.common.names)
        own = [resolved[name] for resolved in stated if name in resolved]
        if own and not moved and all(DISTRIBUTIONS[p.distribution].support in ("real", "positive") for p in own):
            quantiles = np.stack([frozen(prior).ppf(np.array(_LEVELS)) for prior in own])
            variables[f"prior_{name}"] = (("prior", "level"), quantiles)
    coords: dict[str, Any] = {"prior": [cell.label for cell in cells], "level": list(_LEVELS)}
    coords["good"] = ("prior", [cell in fits and cell.label not in doubtful for cell in cells])
    coords |= {"chain": np.arange(shape[0]), "draw": np.arange(shape[1])}
    for parameter in dict(cells[0].changed):
        coords[f"prior_of_{parameter}"] = ("prior", [dict(cell.changed)[parameter] for cell in cells])
    attrs = {"formula": cells[0].spec.to_formula(), "failed": json.dumps(failed), "response": cells[0].spec.response}
    return xr.Dataset(variables, coords=coords, attrs=attrs)
