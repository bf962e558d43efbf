"""The `Fit` object (specification, design, priors, draws), and functions to create, save and load one."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from partialpool.design.archive import dataset_to_covariances, dataset_to_frame
from partialpool.design.build import build_design
from partialpool.design.design import Design
from partialpool.design.left_out import LeftOut
from partialpool.design.one_sided_categories import one_sided_in_words
from partialpool.design.table import Missing
from partialpool.elsewhere import OF_FITS, sentence
from partialpool.errors import DataError, DataWarning, FileError, SamplingWarning, warn
from partialpool.files import whole_file
from partialpool.fitting.convergence import alarm
from partialpool.fitting.summary import Digest
from partialpool.model.default_priors import PriorSet, resolve_priors
from partialpool.names import COEF, OBS
from partialpool.sampling.choose import choose_engine, weigh_engines
from partialpool.sampling.pack import COVARIANCES, FORMAT, pack, prior_texts, unit_attrs
from partialpool.sampling.run_record import RunRecord
from partialpool.sampling.settings import Settings
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec
from partialpool.spec.options import as_spec
from partialpool.spec.unit_table import UnitTable
from partialpool.workers import single_lapack

__all__ = ["Fit", "fit", "load_fit", "priors"]


@dataclass(frozen=True, eq=False, repr=False)
class Fit:
    """A fitted model.

    Attributes
    ----------
    spec
        The model specification.
    design
        The arrays that the specification and the table define.
    priors
        Every prior, with its scale and reason.
    tree
        The draws, as a DataTree for ArviZ: posterior, sample_stats, observed_data (codes of categories with their
        labels in `attrs["categories"]`), constant_data; formula, engine, seed, priors and versions are in its attrs.
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
            The fit has no draws.
        """
        _check_draws(self.tree)
        return self.tree["posterior"].to_dataset()

    @cached_property
    def digest(self) -> Digest:
        """Summary of the fit: tables, frame, verdict."""
        _check_draws(self.tree)
        return Digest(self.design, self.tree)

    @cached_property
    def run(self) -> RunRecord:
        """Engine, settings and facts of the run that produced the draws."""
        return RunRecord.of(self.tree)

    def stacked(self) -> Mapping[str, np.ndarray]:
        """Return the draws as plain arrays, chains stacked: (chains * draws, ...)."""
        arrays = {str(n): v.transpose("chain", "draw", ...).to_numpy() for n, v in self.posterior.data_vars.items()}
        return {name: values.reshape(-1, *values.shape[2:]) for name, values in arrays.items()}

    def with_units(self, units: Mapping[str, str]) -> "Fit":
        """Return the same fit with other units of its columns, for axes, tables and reports.

        Draws and priors are those of this fit, and numbers stay as they are: a unit is a name, nothing is converted.

        Parameters
        ----------
        units
            Units by column, `{"Reaction": "ms"}`; columns that are not named keep theirs.

        Returns
        -------
        Fit
            A fit that shares its draws with this one. `save` writes its units too.

        Raises
        ------
        SpecError
            A column that the model does not use; a unit that is no text, or an empty one.

        Examples
        --------
        >>> import partialpool as pp
        >>> table = {"y": [1.0, 2, 4, 3, 5, 6], "g": list("aabbcc")}
        >>> fit = pp.fit("y ~ 1 + (1 | g)", table, seed=1, progressbar=False).with_units({"y": "mm"})
        >>> fit.design.axis_units.response
        'mm'
        """
        UnitTable(units).check_columns(self.spec.columns)
        spec = self.spec.with_units({**self.spec.units, **units})
        design = self.design.with_units(spec, units)
        tree = self.tree.copy(deep=False)
        tree.attrs = {**self.tree.attrs, **unit_attrs(design)}
        return Fit(spec, design, self.priors, tree)

    def save(self, path: str | Path) -> Path:
        """Write the fit to a netCDF file; the file appears under its name only when it is complete.

        Raises
        ------
        FileError
            The folder does not exist or cannot be written to, or the path is a folder.
        """
        with whole_file(path, doing="save the fit") as temporary:
            self.tree.to_netcdf(temporary, engine="h5netcdf")
        return Path(path)

    if not TYPE_CHECKING:  # a type checker would accept every attribute

        def __getattr__(self, name: str) -> object:
            """Say what an attribute of other packages' fits is called here."""
            if said := sentence("a fit", name, OF_FITS):
                raise AttributeError(said, name=name, obj=self)
            return object.__getattribute__(self, name)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle only the tree, as a file does, so that a worker process can return a fit."""
        return _fit_of, (self.tree,)

    def __repr__(self) -> str:
        return str(self.digest)

    def _repr_html_(self) -> str:
        return self.digest._repr_html_()


def _check_draws(tree: xr.DataTree) -> None:
    sizes = dict(tree["posterior"].sizes) if "posterior" in tree.children else {}
    if not sizes.get("chain") or not sizes.get("draw"):
        raise DataError(
            "this fit has no draws",
            got=f"groups {', '.join(tree.children) or 'none'}, {sizes.get('draw', 0)} draws",
            allowed="a group `posterior` with at least one draw",
            do="fit again, or load the complete file",
        )


@explains_keywords
def fit(
    model: ModelSpec | str,
    data: Any,
    *,
    family: str | None = None,
    link: str | None = None,
    priors: Mapping[str, object] = MappingProxyType({}),
    se: str | None = None,
    cov: Mapping[str, object] = MappingProxyType({}),
    units: Mapping[str, str] = MappingProxyType({}),
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
    family, link, priors, se, cov, units
        Only with a formula; a `ModelSpec` has its own. `cov={"animal": kinship}` gives the covariance between the
        levels of a factor as a labelled table (pedigree, phylogeny, kinship); `units={"Reaction": "ms"}` are shown on
        axes and in reports (`Fit.with_units` states them afterwards).
    engine
        `auto`: `collapsed` where the random effects can be integrated out exactly (a normal or lognormal response),
        else `nuts`, else `pymc`, which samples the model of `build_model`; or the name of an engine.
    draws, tune, chains, seed
        Kept and warm-up draws per chain (the nuts engine uses at most 150 for its warm-up); number of chains; a seed
        makes the draws exactly reproducible.
    sampler, target_accept, parametrization
        `nutpie` or `pymc`, for the pymc engine; the target acceptance of NUTS (pymc engine 0.9; nuts engine 0.75, and
        0.98 in a second run if it needs one; on the collapsed density 0.8); `noncentered` (the
        default) or `centered` by factor, for the pymc engine.
    cores
        Number of chains at once; default all cores, or `PARTIALPOOL_NUM_THREADS`.
    progressbar
        Whether to show progress in a terminal or a notebook.
    keep_z
        Whether to keep the standard-normal offsets of the group effects too, `z_<f>`.
    missing
        `drop` rows with missing values (with a warning), or `error`.

    Returns
    -------
    Fit
        The fit, which prints its summary; `.tree` has the draws.

    Raises
    ------
    SpecError, DataError, EngineError
        The model, the table or a setting is not valid. The message states what is wrong, what was found, what is
        allowed and what to do.

    Warns
    -----
    SamplingWarning
        Draws diverged or are not finite, or chains do not agree on a parameter (R-hat of 1.05 or more); `print(fit)`
        applies stricter thresholds to every diagnostic.
    """
    spec = as_spec(model, family=family, link=link, priors=priors, se=se, cov=cov, units=units)
    settings = Settings(draws, tune, chains, seed, sampler, target_accept, parametrization, cores, progressbar, keep_z)
    chosen, reason = choose_engine(spec, engine)
    with single_lapack():
        design = build_design(spec, data, missing=missing)
        if engine == "auto":
            chosen, reason = weigh_engines(chosen, reason, design, settings)
        resolved = resolve_priors(design)
        raw = chosen.run(design, resolved, settings)
        tree = pack(raw, design, resolved, settings, engine=chosen.name, reason=reason)
        trouble = alarm(tree, one_sided=one_sided_in_words(design))
    if trouble:
        warn(f"do not rely on these draws: {trouble}", SamplingWarning)
    return Fit(design.spec, design, resolved, tree)


@explains_keywords
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


@explains_keywords
def load_fit(path: str | Path) -> Fit:
    """Read a fit that `Fit.save` wrote.

    Raises
    ------
    FileError
        The file does not exist, is incomplete, or is not a fit.
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
            got=f"{path}: not a complete netCDF file",
            allowed="a complete netCDF file written by fit.save()",
            do="save the fit again; the file is incomplete or not a fit",
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
    """Rebuild a fit from its tree, which contains the rows and columns that the model used."""
    stored = tree[COVARIANCES].to_dataset() if COVARIANCES in tree.children else None
    spec = ModelSpec.from_toml_text(tree.attrs["spec"], cov={} if stored is None else dataset_to_covariances(stored))
    spec = spec.with_units(spec.units)  # the stored table has the model's columns only
    table = tree["model_table"].to_dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # already given when the model was fitted
        design = build_design(spec, dataset_to_frame(table))
    _check_same_coefficients(tree, design)
    if stored is None:
        _check_sds_of_cov(design)
    design = design.with_origin(table[OBS].to_numpy(), int(table.attrs["n_given"]), json.loads(tree.attrs["units"]))
    if "left_out" in tree.attrs:
        design = replace(design, left_out=LeftOut.from_text(tree.attrs["left_out"]))
    resolved = resolve_priors(design)
    if json.loads(tree.attrs["priors"]) != prior_texts(resolved):
        warn(
            "this fit was drawn with other priors than the same model has now: its draws are unchanged, but answers "
            "that use priors (pp.power_scale, pp.singularity, pp.log_prior) use the present ones; drawn with "
            f"{tree.attrs['priors']}; fit again, or state these priors",
            DataWarning,
        )
    return Fit(spec, design, resolved, tree)


def _check_same_coefficients(tree: xr.DataTree, design: Design) -> None:
    """Refuse draws whose columns differ from the model's: earlier versions read booleans and orders differently."""
    if "posterior" not in tree.children or COEF not in tree["posterior"].coords:
        return
    stored = tuple(str(coef) for coef in tree["posterior"][COEF].to_numpy())
    if stored != design.common.coefs:
        raise FileError(
            "this fit was saved by a version that coded its columns differently",
            got=f"draws of {', '.join(stored)}",
            allowed=f"draws of {', '.join(design.common.coefs)}",
            do="fit the model again; arviz.from_netcdf still reads the draws of the old file",
        )


def _check_sds_of_cov(design: Design) -> None:
    """Refuse a file with a covariance as text: its sds were for the matrix divided by its mean diagonal entry."""
    related = [factor for factor in design.factors if factor.kinship is not None]
    scaled = [factor for factor in related if abs(factor.mean_own - 1) > 1e-9]
    if scaled:
        raise FileError(
            "this fit was saved by a version whose sds were for cov divided by its mean diagonal entry",
            got=", ".join(f"sd_{factor.name} with a mean diagonal entry of {factor.mean_own:.4g}" for factor in scaled),
            allowed="sds for cov as it is given",
            do="fit the model again; arviz.from_netcdf still reads the draws of the old file",
        )
