"""Pack draws into a DataTree that ArviZ reads directly."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version

import numpy as np
import xarray as xr

from partialpool.design.archive import covariances_to_dataset, frame_to_dataset
from partialpool.design.design import Design
from partialpool.design.labels import coordinates, observed_name, offset_dims, variable_attrs, variable_dims
from partialpool.design.streamed.streamed_design import StreamedDesign
from partialpool.marginal.gaussian.level_summaries import STATISTICS, LevelDraws
from partialpool.model.prior_set import PriorSet
from partialpool.names import OBS, b_name
from partialpool.sampling.engine import RawDraws
from partialpool.sampling.kept_levels import kept_levels
from partialpool.sampling.settings import Settings

__all__ = [
    "KEPT_LEVELS",
    "LEVEL_SUMMARIES",
    "label_draws",
    "label_observed",
    "label_responses",
    "label_rows",
    "pack",
    "prior_texts",
    "unit_attrs",
]

FORMAT = "partialpool-fit-1"
COVARIANCES = "model_covariances"
"""Group of a fit's tree with the known covariances among levels."""
KEPT_LEVELS, LEVEL_SUMMARIES = "kept_levels", "level_summaries"
"""Groups with the draws of the levels that were kept, and with summaries of all levels of these factors."""


def label_draws(design: Design, arrays: Mapping[str, np.ndarray]) -> xr.Dataset:
    """Label arrays of shape (chains, draws, ...) with the design's dimensions and coordinates."""
    dims, attrs, coords = variable_dims(design) | offset_dims(design), variable_attrs(design), coordinates(design)
    variables = {name: (("chain", "draw", *dims[name]), arrays[name], attrs[name]) for name in dims if name in arrays}
    used = {dim for name in variables for dim in dims[name]}
    chains, draws = next(iter(arrays.values())).shape[:2]
    every = {"chain": np.arange(chains), "draw": np.arange(draws)} | {d: coords[d] for d in coords if d in used}
    return xr.Dataset(variables, coords=every)


def label_rows(name: str, values: np.ndarray, index: np.ndarray) -> xr.Dataset:
    """Label an array of shape (chains, draws, rows) as one variable over rows."""
    coords = {"chain": np.arange(values.shape[0]), "draw": np.arange(values.shape[1]), OBS: index}
    return xr.Dataset({name: (("chain", "draw", OBS), values)}, coords=coords)


def label_responses(design: Design, values: np.ndarray, index: np.ndarray) -> xr.Dataset:
    """Label draws of the response, (chains, draws, rows), under its name; codes with their categories."""
    name = observed_name(design)
    labelled = label_rows(name, values, index)
    labelled[name].attrs |= design.response.attrs
    return labelled


def label_observed(design: Design) -> xr.Dataset:
    """Label the response, (rows,), with the name and labels that its predictive draws also have."""
    name = observed_name(design)
    return xr.Dataset({name: (OBS, design.response.values, design.response.attrs)}, coords={OBS: design.rows})


def pack(
    raw: RawDraws, design: Design, priors: PriorSet, settings: Settings, *, engine: str, reason: str
) -> xr.DataTree:
    """Pack draws, data and the record of the run into one tree.

    Groups: `posterior`, `sample_stats`, `observed_data`, `constant_data`, and `model_table`, the rows and
    columns that the model uses, from which the design is rebuilt; `model_covariances`, if levels have known ones. Where
    the table was read in batches, there are only the draws.
    """
    stats = xr.Dataset({name: (("chain", "draw"), values) for name, values in raw.sample_stats.items()})
    groups = {
        "posterior": label_draws(design, raw.posterior),
        "sample_stats": stats.assign_coords(chain=np.arange(stats.sizes["chain"]), draw=np.arange(stats.sizes["draw"])),
    }
    if raw.levels is not None:
        groups |= _some_levels(raw, raw.levels, design, settings)
    if not isinstance(design, StreamedDesign):
        groups |= {
            "observed_data": label_observed(design),
            "constant_data": _constant_data(design),
            "model_table": frame_to_dataset(design.frame, design.rows, design.n_given),
        }
    if any(group.cov for group in design.spec.groups):
        groups[COVARIANCES] = covariances_to_dataset(design.spec.groups)
    left_out = {} if design.left_out is None else {"left_out": design.left_out.as_text()}
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = {
        "format": FORMAT,
        "formula": design.spec.to_formula(),
        "family": design.spec.family,
        "engine": engine,
        "engine_reason": reason,
        "seed": -1 if settings.seed is None else settings.seed,
        "settings": json.dumps(settings.as_record()),
        **unit_attrs(design),
        **left_out,
        "priors": json.dumps(prior_texts(priors)),
        "prior_reasons": json.dumps({entry.parameter: entry.reason for entry in priors.entries}),
        "run": json.dumps(dict(raw.facts)),
        "versions": json.dumps(_versions()),
        "inference_library": "partialpool",
    }
    return tree


def _some_levels(raw: RawDraws, levels: LevelDraws, design: Design, settings: Settings) -> dict[str, xr.Dataset]:
    """Label the draws of the levels that were kept, and the summaries of all levels of their factors."""
    dims, attrs, coords = variable_dims(design), variable_attrs(design), coordinates(design)
    kept, summaries = xr.Dataset(), xr.Dataset()
    chains, draws_each = next(iter(raw.sample_stats.values())).shape[:2]
    places = kept_levels(design, settings.keep_levels)
    for factor, own, draws, summary in zip(design.factors, places, levels.kept, levels.summaries, strict=True):
        if own is None or summary is None:
            continue
        name = b_name(factor.name)
        level, effect = dims[name]
        shaped = draws.reshape(chains, draws_each, *draws.shape[1:])
        labels = [coords[level][at] for at in own]
        kept[name] = xr.DataArray(
            shaped,
            dims=("chain", "draw", level, effect),
            coords={
                "chain": np.arange(chains),
                "draw": np.arange(draws_each),
                level: np.array(labels, dtype=np.asarray(coords[level][:1]).dtype if not labels else None),
                effect: coords[effect],
            },
            attrs=attrs[name],
        )
        summaries[name] = xr.DataArray(
            summary,
            dims=(level, effect, "statistic"),
            coords={level: coords[level], effect: coords[effect], "statistic": list(STATISTICS)},
            attrs=attrs[name],
        )
    return {KEPT_LEVELS: kept, LEVEL_SUMMARIES: summaries}


def unit_attrs(design: Design) -> dict[str, str]:
    """Write what a saved fit says of units: the model as TOML, which states them, and those of all columns."""
    return {"spec": design.spec.to_toml(covariances=False), "units": json.dumps(dict(design.units))}


@cache
def _versions() -> dict[str, str]:
    """Versions of this package and of those that it computes with; cached, since metadata are read from files."""
    return {name: version(name) for name in ("partialpool", "pymc", "arviz", "nutpie", "numpy")}


def prior_texts(priors: PriorSet) -> dict[str, str]:
    """Write every prior by parameter, as stored in a saved fit."""
    return {entry.parameter: str(entry.prior) for entry in priors.entries}


def _constant_data(design: Design) -> xr.Dataset:
    known = {"offset": design.offset, "se": design.se, "precision": design.precision, "trials": design.response.trials}
    variables = {name: (OBS, values) for name, values in known.items() if values is not None}
    for factor in design.factors:
        variables[f"{factor.name}_level"] = (
            OBS,
            factor.labels_of_rows,
        )
    return xr.Dataset(variables, coords={OBS: design.rows})
