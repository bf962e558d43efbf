"""Fit one model to several completed tables, and mix the draws."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import xarray as xr

from partialpool.design.archive import frame_to_dataset
from partialpool.design.design import Design
from partialpool.design.imputed_tables import ImputedTables, build_imputed_designs
from partialpool.design.one_sided_categories import one_sided_in_words
from partialpool.design.table import Missing
from partialpool.errors import DataError, SamplingWarning, warn
from partialpool.fitting.convergence import alarm
from partialpool.fitting.fit import Fit
from partialpool.fitting.summary import Digest
from partialpool.model.default_priors import resolve_priors
from partialpool.model.prior_set import PriorSet
from partialpool.progress import progress_line
from partialpool.sampling.choose import choose_engine, weigh_engines
from partialpool.sampling.engine import Engine, RawDraws, check_room_for_effects
from partialpool.sampling.pack import COVARIANCES, pack
from partialpool.sampling.settings import Settings
from partialpool.seeds import shifted
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec
from partialpool.spec.options import as_spec
from partialpool.workers import single_lapack

__all__ = ["TABLES", "ImputedFit", "fit_imputed", "joined_chains"]

TABLES: Final = "completed_tables"
"""Group of a fit's tree with a group for each completed table: its rows, and what was observed in them."""
_OF_A_TABLE: Final = ("observed_data", "constant_data", "model_table")
_SAMPLED: Final = ("posterior", "sample_stats")


@dataclass(frozen=True, eq=False, repr=False)
class ImputedFit(Fit):
    """A model fitted to several completed tables; its draws are those of all tables together.

    It is a `Fit` in every respect: `design` is that of the first table, and `posterior` has the chains of each table
    one after the other. Answers that depend on rows are asked of each table with its own draws, and mixed.

    Attributes
    ----------
    designs
        The design of each table.
    """

    designs: tuple[Design, ...] = ()

    @property
    def n_tables(self) -> int:
        """Number of completed tables."""
        return len(self.designs)

    @cached_property
    def of_tables(self) -> tuple[Fit, ...]:
        """The fit to each table: its rows and its chains, under the priors of all tables."""
        chains = next(iter(self.tree[name] for name in _SAMPLED if name in self.tree.children)).sizes["chain"]
        each = chains // self.n_tables
        return tuple(
            Fit(design.spec, design, self.priors, _part(self.tree, k, slice(k * each, (k + 1) * each)))
            for k, design in enumerate(self.designs)
        )

    @cached_property
    def digest(self) -> Digest:
        """Summary of the fit: tables, frame, verdict within tables, missing information."""
        return replace(super().digest, designs=self.designs)

    def with_units(self, units: Mapping[str, str]) -> "ImputedFit":
        """Return the same fit with other units of its columns; see `Fit.with_units`."""
        first = Fit(self.spec, self.design, self.priors, self.tree).with_units(units)
        designs = tuple(design.with_units(first.spec, units) for design in self.designs)
        return ImputedFit(first.spec, designs[0], self.priors, first.tree, designs=designs)

    def update(
        self, new_rows: Any, *, seed: int | None = None, missing: Missing = "drop", progressbar: bool = True
    ) -> Fit:
        """Refuse new rows: they would have to be imputed together with the others.

        Raises
        ------
        DataError
            Always.
        """
        raise DataError(
            "a fit of several completed tables cannot be updated",
            got=f"new rows for {self.n_tables} completed tables",
            allowed="update() of a fit of one table",
            do="impute the missing values of all rows together, and call pp.fit_imputed again",
        )


@explains_keywords
def fit_imputed(
    model: ModelSpec | str,
    tables: Iterable[Any],
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
) -> ImputedFit:
    """Fit a model to several completed tables (multiple imputation), and mix their draws.

    With missing values y_mis, p(theta | y_obs) is the mean of p(theta | y_obs, y_mis) over the distribution of y_mis
    given y_obs. Each completed table is a draw of y_mis, so that the draws of all tables together, in equal numbers,
    are draws from the posterior given what was observed (Gelman et al. 2013, Bayesian Data Analysis, section 18.2).
    Their variance is Rubin's within + between (1 - 1/m), where Rubin's rules (1987) have within + between (1 + 1/m):
    with few tables m the intervals are too narrow, and the summary says by how much. Zhou & Reiter (2010, The American
    Statistician 64:159) recommend 100 tables for mixed draws; `missing_information` has Rubin's standard errors.

    Parameters
    ----------
    model
        A `ModelSpec` or a formula, as for `fit`.
    tables
        The completed tables, for instance those of the R package mice or of scikit-learn's `IterativeImputer` with
        `sample_posterior=True`: the same rows in the same order, each with imputed values of its own.
    family, link, priors, se, cov, units
        As for `fit`. Default priors are scaled to all tables together, and are the same for each.
    engine, draws, tune, chains, seed, sampler, target_accept, parametrization, cores, progressbar, keep_z
        As for `fit`, for each table: with 20 tables there are 80 chains.
    missing
        Rows that still have missing values: `drop` them, which must be the same rows in every table, or `error`.

    Returns
    -------
    ImputedFit
        A `Fit` with the draws of all tables. R-hat and ESS are computed within tables: R-hat over tables is large
        wherever information is missing, which is no failure of the sampler. `of_tables` has the fit of each table.

    Raises
    ------
    SpecError, DataError, EngineError
        As for `fit`; also if the tables do not have the same rows, columns, levels and coefficients, or are all equal.

    Warns
    -----
    SamplingWarning
        As for `fit`; also if the run was interrupted after two tables or more, whose draws are kept.

    Examples
    --------
    >>> import numpy as np
    >>> import partialpool as pp
    >>> table = pp.load_dataset("sleepstudy")
    >>> rng = np.random.default_rng(1)
    >>> unknown = np.arange(len(table)) % 9 == 4
    >>> completed = []
    >>> for _ in range(5):
    ...     reaction = table["Reaction"].where(~unknown, 300 + 50 * rng.standard_normal(len(table)))
    ...     completed.append(table.assign(Reaction=reaction))
    >>> fit = pp.fit_imputed("Reaction ~ Days + (Days | Subject)", completed, seed=1, progressbar=False)
    >>> fit.posterior.sizes["chain"], fit.run.imputed
    (20, ('Reaction',))
    """
    spec = as_spec(model, family=family, link=link, priors=priors, se=se, cov=cov, units=units)
    settings = Settings(draws, tune, chains, seed, sampler, target_accept, parametrization, cores, progressbar, keep_z)
    chosen, reason = choose_engine(spec, engine)
    with single_lapack():
        tables_read = build_imputed_designs(spec, tables, missing=missing)
        designs = tables_read.each
        if engine == "auto":
            chosen, reason = weigh_engines(chosen, reason, designs[0], settings)
        resolved = resolve_priors(tables_read.whole)
        check_room_for_effects(designs[0], settings, tables=len(designs))
        runs = _run_each(chosen, designs, resolved, settings)
        trees = [
            pack(raw, design, resolved, settings, engine=chosen.name, reason=reason)
            for raw, design in zip(runs, designs, strict=False)
        ]
        tree = _joined_trees(trees, [raw.facts for raw in runs], tables_read)
        trouble = alarm(tree, one_sided=one_sided_in_words(designs[0]))
    if trouble:
        warn(f"do not rely on these draws: {trouble}", SamplingWarning)
    return ImputedFit(designs[0].spec, designs[0], resolved, tree, designs=designs[: len(runs)])


def _run_each(engine: Engine, designs: Sequence[Design], priors: PriorSet, settings: Settings) -> list[RawDraws]:
    """Draw from the posterior of each table; an interrupt keeps the tables that are finished, if they are several."""
    seeds = np.random.SeedSequence(shifted(settings.seed)).generate_state(len(designs))
    runs: list[RawDraws] = []
    with progress_line("fitting", shown=settings.progressbar) as line:
        for k, (design, seed) in enumerate(zip(designs, seeds, strict=True)):
            line.say(f"fitting table {k + 1} of {len(designs)}")
            line.count(k, len(designs))
            own = replace(settings, seed=None if settings.seed is None else int(seed), progressbar=False)
            try:
                raw = engine.run(design, priors, own)
            except KeyboardInterrupt:
                if len(runs) < 2:
                    raise
                break
            if raw.facts.get("interrupted"):
                if len(runs) < 2:
                    raise KeyboardInterrupt(f"interrupted in table {k + 1}")
                break
            runs.append(raw)
    if len(runs) < len(designs):
        warn(
            f"interrupted: the fit has the draws of the first {len(runs)} of {len(designs)} completed tables",
            SamplingWarning,
        )
    return runs


def joined_chains(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Put the chains of several Datasets one after the other, and number them; other variables are the first's."""
    drawn = [name for name, values in parts[0].data_vars.items() if "chain" in values.dims]
    for name in drawn:
        _check_alike(parts[0][name], [part.get(name) for part in parts[1:]])
    joined = parts[0].drop_dims("chain")
    for name in drawn:
        first = parts[0][name]
        dims = ("chain", *(dim for dim in first.dims if dim != "chain"))
        values = np.concatenate([part[name].transpose(*dims).to_numpy() for part in parts])
        joined[name] = (dims, values, first.attrs)
    coords = {name: values for name, values in parts[0].coords.items() if "chain" not in values.dims}
    chains = joined.sizes.get("chain", 0)
    joined = joined.assign_coords(coords | ({"chain": np.arange(chains)} if chains else {}))
    order = [name for name in parts[0].data_vars if name in joined]
    return joined[order].assign_attrs(parts[0].attrs)


def _check_alike(first: xr.DataArray, others: Sequence[xr.DataArray | None]) -> None:
    """Refuse draws of quantities that differ between tables: their mixture would have no meaning."""
    along = [dim for dim in first.dims if dim not in ("chain", "draw")]
    for k, own in enumerate(others, start=2):
        same = own is not None and set(own.dims) == set(first.dims)
        if own is None or not (same and all(np.array_equal(own[dim], first[dim]) for dim in along)):
            raise DataError(
                f"the tables do not answer the same question: {first.name} differs",
                got=f"table {k} has {_places(own)}, table 1 {_places(first)}",
                allowed="the same quantities in every table",
                do="name the values that are asked about; or ask the fit of each table, fit.of_tables[0]",
            )


def _places(values: xr.DataArray | None) -> str:
    """Say which quantities a variable has."""
    if values is None:
        return "none"
    along = [dim for dim in values.dims if dim not in ("chain", "draw")]
    return ", ".join(f"{dim} {', '.join(map(str, values[dim].to_numpy()[:5]))}" for dim in along) or "a single one"


def _joined_trees(trees: Sequence[xr.DataTree], facts: Sequence[Mapping[str, Any]], tables: ImputedTables) -> Any:
    """Join the trees of all tables into one, which has the chains of all, and the rows of each.

    Tables that an interrupt left out have their rows too, since centres, knots and priors are learned from all tables.
    """
    first = trees[0]
    groups = {name: joined_chains([tree[name].to_dataset() for tree in trees]) for name in _SAMPLED}
    groups |= {name: group.to_dataset() for name, group in first.children.items() if name not in groups}
    for k, tree in enumerate(trees):
        groups |= {f"{TABLES}/{k}/{name}": tree[name].to_dataset() for name in _OF_A_TABLE}
        groups[f"{TABLES}/{k}"] = xr.Dataset(attrs={"run": tree.attrs["run"]})
    for k, design in enumerate(tables.each[len(trees) :], start=len(trees)):
        groups[f"{TABLES}/{k}/model_table"] = frame_to_dataset(design.frame, design.rows, design.n_given)
    joined = xr.DataTree.from_dict(groups)
    joined.attrs = {**first.attrs, "run": json.dumps(_joined_facts(facts) | {"imputed": tables.imputed})}
    return joined


def _joined_facts(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the facts of all runs together: the sum of the times, and the least reliable importance weights.

    The evidence of a completed table says nothing of the model: it is left out.
    """
    weighted = [own for own in facts if own.get("log_evidence") is not None and "importance_khat" in own]
    samplers = list(dict.fromkeys(own["sampler"] for own in facts if own.get("sampler")))
    joined: dict[str, Any] = {"sampler": "; ".join(samplers), "tables": len(facts), "interrupted": False}
    if all("seconds" in own for own in facts):
        joined["seconds"] = sum(own["seconds"] for own in facts)
    if weighted:
        joined["importance_khat"] = max(own["importance_khat"] for own in weighted)
        joined["importance_largest"] = max(own["importance_largest"] for own in weighted)
        joined["importance_efficiency"] = min(own["importance_efficiency"] for own in weighted)
    return joined


def _part(tree: xr.DataTree, number: int, chains: slice) -> xr.DataTree:
    """Return the tree of one table: its chains and its rows, as a fit of that table alone has it."""
    groups = {}
    for name in _SAMPLED:
        if name in tree.children:
            own = tree[name].to_dataset().isel(chain=chains)
            groups[name] = own.assign_coords(chain=np.arange(own.sizes["chain"]))
    attrs = dict(tree.attrs)
    if COVARIANCES in tree.children:
        groups[COVARIANCES] = tree[COVARIANCES].to_dataset()
    if TABLES in tree.children:
        rows = tree[f"{TABLES}/{number}"]
        groups |= {name: rows[name].to_dataset() for name in _OF_A_TABLE}
        attrs["run"] = rows.attrs["run"]
    part = xr.DataTree.from_dict(groups)
    part.attrs = attrs
    return part
