"""The `Fit` object (specification, design, priors, draws), and functions to create, update and save one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from partialpool.design.build import build_design
from partialpool.design.design import Design
from partialpool.design.label_names import check_labels
from partialpool.design.one_sided_categories import one_sided_in_words
from partialpool.design.streamed.source import as_source
from partialpool.design.streamed.streamed_design import check_can_be_saved
from partialpool.design.table import Missing
from partialpool.elsewhere import OF_FITS, sentence
from partialpool.errors import DataError, SamplingWarning, warn
from partialpool.files import whole_file
from partialpool.fitting.convergence import alarm
from partialpool.fitting.some_levels import StackedOfSome, posterior_of, summaries_of, tree_of_levels
from partialpool.fitting.summary import Digest
from partialpool.marginal.gaussian.accumulated import Accumulated
from partialpool.model.default_priors import resolve_priors
from partialpool.model.prior_set import PriorSet
from partialpool.sampling.choose import ENGINES, choose_engine, weigh_engines
from partialpool.sampling.kept_levels import check_can_keep_some
from partialpool.sampling.pack import pack, unit_attrs
from partialpool.sampling.run_record import RunRecord
from partialpool.sampling.settings import Settings
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec
from partialpool.spec.options import as_spec
from partialpool.spec.unit_table import UnitTable
from partialpool.workers import single_lapack

__all__ = ["Fit", "fit"]

_LABELS = "labels"
"""Attribute of the tree with the labels."""


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
    accumulated
        Moments of the rows, to which `update` adds those of new rows; None for other engines, and for a loaded fit.
    """

    spec: ModelSpec
    design: Design
    priors: PriorSet
    tree: xr.DataTree
    accumulated: Accumulated | None = None

    @property
    def posterior(self) -> xr.Dataset:
        """The draws: `beta`, `sd_<f>`, `corr_<f>`, `b_<f>`, `sigma`, ..., dims (chain, draw, ...).

        Raises
        ------
        DataError
            The fit has no draws.
        """
        _check_draws(self.tree)
        return posterior_of(self.tree)

    @property
    def level_summaries(self) -> xr.Dataset:
        """Mean, sd and quantiles of all levels' effects, `b_<f>` (level, effect, statistic), under `keep_levels=`."""
        return summaries_of(self.tree)

    def draw_levels(self, levels: Any) -> "Fit":
        """Return the same fit with the draws of other levels, made again from its seed: all other draws are the same.

        Parameters
        ----------
        levels
            As `keep_levels=` of `fit`.

        Raises
        ------
        DataError
            The fit has the draws of all levels; no such level.
        EngineError
            Another machine or version gives other draws.

        Examples
        --------
        >>> import partialpool as pp
        >>> table = {"y": [1.0, 2, 4, 3, 5, 6], "g": list("aabbcc")}
        >>> fit = pp.fit("y ~ 1 + (1 | g)", table, seed=1, keep_levels=["a"], progressbar=False)
        >>> pp.group_effects(fit.draw_levels(["b", "c"]))["level"].values.tolist()
        ['b', 'c']
        """
        return replace(self, tree=tree_of_levels(self.tree, self.design, self.priors, self.accumulated, levels))

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
        stacked = {name: values.reshape(-1, *values.shape[2:]) for name, values in arrays.items()}
        return StackedOfSome(stacked, self.posterior)

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
        return Fit(spec, design, self.priors, tree, self.accumulated)

    @property
    def labels(self) -> Mapping[str, str]:
        """What tables, reports and pictures of the fit write for names of the model; see `with_labels`."""
        found: dict[str, str] = json.loads(self.tree.attrs.get(_LABELS, "{}"))
        return MappingProxyType(found)

    def with_labels(self, labels: Mapping[str, str]) -> "Fit":
        """Return the same fit with labels for its names, which its tables, reports and pictures write in their place.

        Pictures have the labels where they are drawn from the fit, `plot_icc(fit)`, and all of `partialpool plot` do.
        Answers keep the names of the model, which code reads, and so do pictures of answers, `plot_icc(icc(fit))`.

        Parameters
        ----------
        labels
            By the name of a column, a coefficient, a factor, a parameter or a category, as in `table`: `{"Days": "Days
            awake"}`; names that are not given keep their labels.

        Returns
        -------
        Fit
            A fit that shares its draws with this one. `save` writes its labels too.

        Raises
        ------
        SpecError
            A name that the model does not have; a label that is no text.

        Examples
        --------
        >>> import partialpool as pp
        >>> table = {"y": [1.0, 2, 4, 3, 5, 6], "g": list("aabbcc")}
        >>> fit = pp.fit("y ~ 1 + (1 | g)", table, seed=1, progressbar=False).with_labels({"g": "Batch"})
        >>> pp.table(fit, rows="sizes").frame["label"].tolist()
        ['Batch', 'Rows']
        """
        check_labels([self.design], labels)
        tree = self.tree.copy(deep=False)
        tree.attrs = {**self.tree.attrs, _LABELS: json.dumps({**self.labels, **labels}, ensure_ascii=False)}
        return replace(self, tree=tree)

    @explains_keywords
    def update(
        self, new_rows: Any, *, seed: int | None = None, missing: Missing = "drop", progressbar: bool = True
    ) -> "Fit":
        """Return the fit of the rows so far and new ones, under the priors of this fit.

        Priors that were scaled to the data keep their numbers, and so do codings, learned means, knots and the bases of
        smooths: the density is that of a fit of all rows with these priors. Levels that are new come after the others.
        The collapsed engine reads only the new rows, and adds their moments to those of the rows so far; it reads the
        old rows again after `load_fit`, since a file has no moments, and where residuals are correlated or have several
        sds. Other engines sample all rows again.

        Parameters
        ----------
        new_rows
            A table with all columns of the model.
        seed
            Seed of the draws; other settings are those of this fit.
        missing
            `drop` new rows with missing values (with a warning), or `error`.
        progressbar
            Whether to show progress in a terminal or a notebook.

        Returns
        -------
        Fit
            A new fit; this one stays as it is. Its summary says how many rows scaled the priors.

        Raises
        ------
        DataError
            A column that is missing; a category of a predictor or of the response that is new; responses that the
            family cannot have made; rows that identify a column that was left out; new levels with a known covariance;
            rows that change the strata, visits or unit of time of the residuals, or the category of a level's `by`;
            rows that a table of memberships does not name; priors of the icc with precisions.

        Examples
        --------
        >>> import partialpool as pp
        >>> table = pp.load_dataset("dyestuff")
        >>> first = pp.fit("Yield ~ 1 + (1 | Batch)", table.iloc[:20], seed=1, progressbar=False)
        >>> both = first.update(table.iloc[20:], seed=1, progressbar=False)
        >>> both.run.prior_rows, both.design.n_rows
        ('priors were scaled to the first 20 rows', 30)
        """
        from partialpool.fitting.update import updated  # noqa: PLC0415 - which itself makes fits

        return updated(self, new_rows, seed=seed, missing=missing, progressbar=progressbar)

    def save(self, path: str | Path) -> Path:
        """Write the fit to a netCDF file; the file appears under its name only when it is complete.

        Raises
        ------
        FileError
            The folder does not exist or cannot be written to, or the path is a folder; the table was read in batches.
        """
        check_can_be_saved(self.design)
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
        from partialpool.fitting.load_fit import fit_of_tree  # noqa: PLC0415 - which itself makes fits

        return fit_of_tree, (self.tree,)

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
    model: ModelSpec | str | Sequence[str],
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
    keep_levels: Any = None,
    missing: Missing = "drop",
) -> Fit:
    """Fit a model to a table.

    Parameters
    ----------
    model
        A `ModelSpec`, or a formula such as `"Reaction ~ Days + (Days | Subject)"`; a list of formulas where parameters
        of the family have predictors: `["y ~ x + (1 | g)", "sigma ~ arm + (1 | g)"]`.
    data
        A pandas, polars or pyarrow table, or a dictionary of columns. For normal and lognormal responses also one that
        may be larger than memory: the path of a Parquet file or folder, a pyarrow dataset, a polars LazyFrame, a DuckDB
        relation, a Dask DataFrame.
    family, link, priors, se, cov, units
        Only with a formula; a `ModelSpec` has its own. `cov={"animal": kinship}` gives the covariance between the
        levels of a factor as a labelled table (pedigree, phylogeny, kinship); `units={"Reaction": "ms"}` are shown on
        axes and in reports (`Fit.with_units` states them afterwards).
    engine
        `auto`: `collapsed` where the random effects can be integrated out exactly (a normal or lognormal response),
        else `nuts`, else `pymc`, which samples the model of `build_model`; `gibbs` where large crossed factors make it
        faster. Or the name of an engine.
    draws, tune, chains, seed
        Kept and warm-up draws per chain (the nuts engine uses at most 150 for its warm-up, the gibbs engine 300);
        number of chains; a seed makes the draws exactly reproducible.
    sampler, target_accept, parametrization
        `nutpie` or `pymc`, for the pymc engine; the target acceptance of NUTS (pymc engine 0.9; nuts engine 0.75, and
        0.995 in a second run if it needs one; on the collapsed density 0.8); `noncentered` (the
        default) or `centered` by factor, for the pymc engine.
    cores
        Number of chains at once; default all cores, or `PARTIALPOOL_NUM_THREADS`.
    progressbar
        Whether to show progress in a terminal or a notebook.
    keep_z
        Whether to keep the standard-normal offsets of the group effects too, `z_<f>`.
    keep_levels
        The levels whose draws are kept where all are too many: a list of labels, or lists by factor, `{"g": ["a"]}`.
        `fit.level_summaries` has the others' means, sds and quantiles. For a normal or lognormal response.
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
    settings = replace(settings, keep_levels=keep_levels)
    if (source := as_source(data)) is not None:
        from partialpool.fitting.fit_streamed import fit_streamed  # noqa: PLC0415 - which itself makes fits

        return fit_streamed(spec, source, settings, engine=engine, missing=missing)
    chosen, reason = choose_engine(spec, engine)
    with single_lapack():
        design = build_design(spec, data, missing=missing)
        check_can_keep_some(settings, design, chosen.name, integrates=ENGINES[chosen.name].takes_moments)
        if engine == "auto":
            chosen, reason = weigh_engines(chosen, reason, design, settings)
        resolved = resolve_priors(design)
        raw = chosen.run(design, resolved, settings)
        tree = pack(raw, design, resolved, settings, engine=chosen.name, reason=reason)
        trouble = alarm(tree, one_sided=one_sided_in_words(design))
    if trouble:
        warn(f"do not rely on these draws: {trouble}", SamplingWarning)
    return Fit(design.spec, design, resolved, tree, raw.accumulated)
