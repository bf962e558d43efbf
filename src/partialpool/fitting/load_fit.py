"""Read a saved fit, and rebuild its design and priors."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import xarray as xr

from partialpool.design.append_rows import append_rows
from partialpool.design.archive import dataset_to_covariances, dataset_to_frame
from partialpool.design.build import build_design
from partialpool.design.design import Design
from partialpool.design.imputed_tables import build_imputed_designs
from partialpool.design.left_out import LeftOut
from partialpool.errors import DataWarning, FileError, warn
from partialpool.fitting.fit import Fit
from partialpool.fitting.imputed import TABLES, ImputedFit
from partialpool.model.default_priors import resolve_priors
from partialpool.model.prior_set import PriorSet
from partialpool.names import COEF, OBS
from partialpool.sampling.pack import COVARIANCES, FORMAT, prior_texts
from partialpool.sampling.run_record import RunRecord
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec

__all__ = ["fit_of_tree", "load_fit"]


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
    return fit_of_tree(tree)


def fit_of_tree(tree: xr.DataTree) -> Fit:
    """Rebuild a fit from its tree, which contains the rows and columns that the model used."""
    stored = tree[COVARIANCES].to_dataset() if COVARIANCES in tree.children else None
    spec = ModelSpec.from_toml_text(tree.attrs["spec"], cov={} if stored is None else dataset_to_covariances(stored))
    spec = spec.with_units(spec.units)  # the stored table has the model's columns only
    if TABLES in tree.children:
        return _imputed_fit(spec, tree)
    if "model_table" not in tree.children:
        raise FileError(
            "a fit of a table that was read in batches cannot be rebuilt from a file: its rows are not in it",
            got=f"a tree of {', '.join(tree.children)}",
            allowed="fits of tables in memory",
            do="read the draws with arviz.from_netcdf, or fit again with the same seed",
        )
    table = tree["model_table"].to_dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # already given when the model was fitted
        design, resolved = _rebuilt(spec, tree, table)
    if stored is None:
        _check_sds_of_cov(design)
    design = _with_origin(design, tree, table)
    _check_same_model(tree, design, resolved)
    return Fit(spec, design, resolved, tree)


def _imputed_fit(spec: ModelSpec, tree: xr.DataTree) -> ImputedFit:
    """Rebuild the fit of several completed tables, each of which the tree contains."""
    tables = [tree[f"{TABLES}/{k}/model_table"].to_dataset() for k in range(len(tree[TABLES].children))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # already given when the model was fitted
        rebuilt = build_imputed_designs(spec, [dataset_to_frame(table) for table in tables])
        resolved = resolve_priors(rebuilt.whole)
    fitted = zip(rebuilt.each[: RunRecord.of(tree).tables], tables, strict=False)
    designs = tuple(_with_origin(design, tree, table) for design, table in fitted)
    _check_same_model(tree, designs[0], resolved)
    return ImputedFit(spec, designs[0], resolved, tree, designs=designs)


def _with_origin(design: Design, tree: xr.DataTree, table: xr.Dataset) -> Design:
    """Return the design with the row numbers, units and rows left out of the table that was fitted."""
    design = design.with_origin(table[OBS].to_numpy(), int(table.attrs["n_given"]), json.loads(tree.attrs["units"]))
    if "left_out" in tree.attrs:
        design = replace(design, left_out=LeftOut.from_text(tree.attrs["left_out"]))
    return design


def _check_same_model(tree: xr.DataTree, design: Design, resolved: PriorSet) -> None:
    """Refuse draws of other coefficients, and warn of other priors."""
    _check_same_coefficients(tree, design)
    if json.loads(tree.attrs["priors"]) != prior_texts(resolved):
        warn(
            "this fit was drawn with other priors than the same model has now: its draws are unchanged, but answers "
            "that use priors (pp.power_scale, pp.singularity, pp.log_prior) use the present ones; drawn with "
            f"{tree.attrs['priors']}; fit again, or state these priors",
            DataWarning,
        )


def _rebuilt(spec: ModelSpec, tree: xr.DataTree, table: xr.Dataset) -> tuple[Design, PriorSet]:
    """Build the design of the first rows, resolve its priors, and add the rows of the updates."""
    frame = dataset_to_frame(table)
    first, *more = [rows for rows, _ in RunRecord.of(tree).batches] or [len(frame)]
    design = build_design(spec, frame.iloc[:first])
    resolved = resolve_priors(design)
    for rows in more:
        design = append_rows(design, frame.iloc[design.n_rows : design.n_rows + rows]).whole
    return design, resolved


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
