"""Fit: a specification, its design and its posterior, together; and how one is made, saved and loaded."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr

from partialpool.design.archive import dataset_to_covariances, dataset_to_frame
from partialpool.design.build import build_design
from partialpool.design.design import Design
from partialpool.design.table import Missing
from partialpool.errors import DataError, DataWarning, FileError, SamplingWarning, warn
from partialpool.files import whole_file
from partialpool.fitting.convergence import alarm
from partialpool.fitting.summary import Digest
from partialpool.model.default_priors import PriorSet, resolve_priors
from partialpool.names import COEF, OBS
from partialpool.sampling.choose import choose_engine, weigh_engines
from partialpool.sampling.pack import COVARIANCES, FORMAT, pack, prior_texts
from partialpool.sampling.run_record import RunRecord
from partialpool.sampling.settings import Settings
from partialpool.spec.model import ModelSpec
from partialpool.spec.options import as_spec

__all__ = ["Fit", "fit", "load_fit", "priors"]


@dataclass(frozen=True, eq=False, repr=False)
class Fit:
    """A fitted model.

    Attributes
    ----------
    spec
        What was asked.
    design
        The arrays it became.
    priors
        Every prior, with scale and reason.
    tree
        The draws, as a DataTree for ArviZ: posterior, sample_stats, observed_data (codes of categories with their
        labels in `attrs["categories"]`), constant_data; formula, engine, seed, priors and versions in its attrs.
    """

    spec: ModelSpec
    design: Design
    priors: PriorSet
    tree: xr.DataTree

    @property
    def posterior(self) -> xr.Dataset:
        """The draws: `beta`, `sd_<f>`, `corr_<f>`, `b_<f>`, `sigma`, ..., dims (chain, draw, ...).

        Raises
        ------
        DataError
            There are none.
        """
        _check_draws(self.tree)
        return self.tree["posterior"].to_dataset()

    @cached_property
    def digest(self) -> Digest:
        """Its summary: tables, frame, verdict."""
        _check_draws(self.tree)
        return Digest(self.design, self.tree)

    @cached_property
    def run(self) -> RunRecord:
        """Engine, settings and facts of the run that made the draws."""
        return RunRecord.of(self.tree)

    def stacked(self) -> Mapping[str, np.ndarray]:
        """Return the draws as plain arrays, chains stacked: (chains * draws, ...)."""
        arrays = {str(n): v.transpose("chain", "draw", ...).to_numpy() for n, v in self.posterior.data_vars.items()}
        return {name: values.reshape(-1, *values.shape[2:]) for name, values in arrays.items()}

    def save(self, path: str | Path) -> Path:
        """Write to a netCDF file; the file appears under its name only when it is whole.

        Raises
        ------
        FileError
            The folder is not there or cannot be written to, or a folder has this name.
        """
        with whole_file(path, doing="save the fit") as temporary:
            self.tree.to_netcdf(temporary, engine="h5netcdf")
        return Path(path)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the tree, as a file does: a worker may hand a fit back."""
        return _fit_of, (self.tree,)

    def __repr__(self) -> str:
        return str(self.digest)

    def _repr_html_(self) -> str:
        return self.digest._repr_html_()


def _check_draws(tree: xr.DataTree) -> None:
    sizes = dict(tree["posterior"].sizes) if "posterior" in tree.children else {}
    if not sizes.get("chain") or not sizes.get("draw"):
        raise DataError(
            "this fit holds no draws",
            got=f"groups {', '.join(tree.children) or 'none'}, {sizes.get('draw', 0)} draws",
            allowed="a group `posterior` with one draw or more",
            do="fit again, or load the whole file",
        )


def fit(
    model: ModelSpec | str,
    data: Any,
    *,
    family: str | None = None,
    link: str | None = None,
    priors: Mapping[str, object] = MappingProxyType({}),
    se: str | None = None,
    cov: Mapping[str, object] = MappingProxyType({}),
    engine: str = "auto",
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    seed: int | None = None,
    sampler: str = "nutpie",
    target_accept: float | None = None,
    parametrization: Mapping[str, str] = MappingProxyType({}),
    cores: int | None = None,
    progressbar: bool = True,
    keep_z: bool = False,
    missing: Missing = "drop",
) -> Fit:
    """Fit a model to a table.

    Parameters
    ----------
    model
        A `ModelSpec`, or a formula such as `"Reaction ~ Days + (Days | Subject)"`.
    data
        A pandas, polars or pyarrow table, or a dictionary of columns.
    family, link, priors, se, cov
        With a formula only; a `ModelSpec` has its own. `cov={"animal": kinship}`: the levels of a factor covary as a
        labelled table says (pedigree, phylogeny, kinship).
    engine
        `auto`: `collapsed` where group effects integrate out exactly (a normal or lognormal response), else `nuts`;
        or the name of one.
    draws, tune, chains, seed
        Kept and warm-up draws per chain; chains; a seed repeats the draws exactly.
    sampler, target_accept, parametrization
        For the nuts engine: `nutpie` or `pymc`; its target acceptance (0.9; NUTS on the collapsed density: 0.8);
        `adapted` (the default), `centered` or `noncentered` by factor.
    cores
        Chains at once; default all cores, or `PARTIALPOOL_NUM_THREADS`.
    progressbar
        Whether to show progress where someone looks.
    keep_z
        Whether to keep the standard-normal offsets of the group effects too, `z_<f>`.
    missing
        `drop` rows with missing values (with a warning), or `error`.

    Returns
    -------
    Fit
        Prints its summary; `.tree` holds the draws.

    Raises
    ------
    SpecError, DataError, EngineError
        What is wrong, what was found, what is allowed, what to do.

    Warns
    -----
    SamplingWarning
        Draws diverged or are not finite, or chains do not agree on a parameter (R-hat of 1.05 or more); `print(fit)`
        holds every diagnostic to stricter thresholds.
    """
    spec = as_spec(model, family=family, link=link, priors=priors, se=se, cov=cov)
    settings = Settings(draws, tune, chains, seed, sampler, target_accept, parametrization, cores, progressbar, keep_z)
    chosen, reason = choose_engine(spec, engine)
    design = build_design(spec, data, missing=missing)
    if engine == "auto":
        chosen, reason = weigh_engines(chosen, reason, design, settings)
    resolved = resolve_priors(design)
    raw = chosen.run(design, resolved, settings)
    tree = pack(raw, design, resolved, settings, engine=chosen.name, reason=reason)
    if trouble := alarm(tree):
        warn(f"do not rely on these draws: {trouble}", SamplingWarning)
    return Fit(spec, design, resolved, tree)


def priors(
    model: ModelSpec | str,
    data: Any,
    *,
    family: str | None = None,
    link: str | None = None,
    priors: Mapping[str, object] = MappingProxyType({}),
    se: str | None = None,
    cov: Mapping[str, object] = MappingProxyType({}),
    missing: Missing = "drop",
) -> PriorSet:
    """List every prior of a model on a table, with its scale and reason.

    Parameters
    ----------
    model, data, family, link, priors, se, cov, missing
        As for `fit`.

    Examples
    --------
    >>> from partialpool.datasets.load import load_dataset
    >>> table = load_dataset("dyestuff")
    >>> print(priors("Yield ~ 1 + (1 | Batch)", table, priors={"sigma": {"distribution": "HalfNormal", "sigma": 60}}))
    Priors
     parameter            prior                            from     reason
     beta[Intercept]      Normal(mu=1528, sigma=154.9)     default  mean(y) = 1528; 2.5 s_y, s_y = sd(y) = 61.96
     sd_Batch[Intercept]  HalfStudentT(nu=3, sigma=61.96)  default  s_y, s_y = sd(y) = 61.96
     sigma                HalfNormal(sigma=60)             yours    given as sigma
    Priors are on the original scale of the data; beta[Intercept] is at the predictors' means.
    """
    spec = as_spec(model, family=family, link=link, priors=priors, se=se, cov=cov)
    return resolve_priors(build_design(spec, data, missing=missing))


def load_fit(path: str | Path) -> Fit:
    """Read a fit that `Fit.save` wrote.

    Raises
    ------
    FileError
        The file is not there, is cut short, or is something else.
    """
    path = Path(path)
    try:
        tree = xr.load_datatree(path, engine="h5netcdf")
    except FileNotFoundError as error:
        raise FileError(
            "no such file", got=str(path), allowed="a file written by fit.save()", do="check the path"
        ) from error
    except Exception as error:
        raise FileError(
            "cannot read this file as a fit",
            got=f"{path}: not a whole netCDF file",
            allowed="a whole netCDF file written by fit.save()",
            do="save the fit again; the file is cut short or is something else",
        ) from error
    if tree.attrs.get("format") != FORMAT:
        raise FileError(
            "this netCDF file is not a partialpool fit",
            got=f"{path}, format {tree.attrs.get('format', 'unknown')!r}",
            allowed=f"format {FORMAT!r}, written by fit.save()",
            do="open it with arviz.from_netcdf instead",
        )
    return _fit_of(tree)


def _fit_of(tree: xr.DataTree) -> Fit:
    """Rebuild a fit from its tree, which holds the rows and columns the model read."""
    stored = tree[COVARIANCES].to_dataset() if COVARIANCES in tree.children else None
    spec = ModelSpec.from_toml_text(tree.attrs["spec"], cov={} if stored is None else dataset_to_covariances(stored))
    table = tree["model_table"].to_dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # said when the model was fitted
        design = build_design(spec, dataset_to_frame(table))
    _check_same_coefficients(tree, design)
    if stored is None:
        _check_sds_of_cov(design)
    design = design.with_origin(table[OBS].to_numpy(), int(table.attrs["n_given"]), json.loads(tree.attrs["units"]))
    resolved = resolve_priors(design)
    if json.loads(tree.attrs["priors"]) != prior_texts(resolved):
        warn(
            "this fit was drawn with other priors than the same model has now: its draws are as they were, but "
            f"answers that use priors (pp.power_scale, pp.singularity, pp.log_prior) take today's; drawn with "
            f"{tree.attrs['priors']}; fit again, or state these priors",
            DataWarning,
        )
    return Fit(spec, design, resolved, tree)


def _check_same_coefficients(tree: xr.DataTree, design: Design) -> None:
    """Refuse draws of other columns than the model has today: booleans and declared orders were read otherwise once."""
    if "posterior" not in tree.children or COEF not in tree["posterior"].coords:
        return
    stored = tuple(str(coef) for coef in tree["posterior"][COEF].to_numpy())
    if stored != design.common.coefs:
        raise FileError(
            "this fit was saved by a version that coded its columns otherwise",
            got=f"draws of {', '.join(stored)}",
            allowed=f"draws of {', '.join(design.common.coefs)}",
            do="fit the model again; fit.tree of the old file is still read by arviz.from_netcdf",
        )


def _check_sds_of_cov(design: Design) -> None:
    """Refuse a fit whose file has a covariance as text: its sds were those of the matrix over its mean own entry."""
    scaled = [factor for factor in design.factors if abs(factor.mean_own - 1) > 1e-9]
    if scaled:
        raise FileError(
            "this fit was saved by a version whose sds belonged to cov over its mean own entry",
            got=", ".join(f"sd_{factor.name} of a mean own entry of {factor.mean_own:.4g}" for factor in scaled),
            allowed="sds that belong to cov as it is given",
            do="fit the model again; fit.tree of the old file is still read by arviz.from_netcdf",
        )
