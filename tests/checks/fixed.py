"""Fits whose posterior is given: formulas are tested at known parameters, without a sampler."""

import numpy as np
import xarray as xr

from partialpool.design.build import build_design
from partialpool.design.labels import variable_dims
from partialpool.fitting.fit import Fit
from partialpool.model.default_priors import resolve_priors
from partialpool.sampling.pack import label_draws
from partialpool.spec.model import ModelSpec
from partialpool.spec.options import as_spec


def fit_at(formula, data, *, draws=None, family="gaussian", link=None, se=None, **values):
    """Return a fit of one chain at given values of its variables: constant over draws, or of shape (draws, ...).

    `b_<f>` are 0 unless given. Names with a colon are given by a dictionary: `**{"sd_batch:cask": [2.9]}`.
    """
    spec = formula if isinstance(formula, ModelSpec) else as_spec(formula, family=family, link=link, se=se)
    design = build_design(spec, data)
    shapes = {f"b_{f.name}": (f.n_levels, len(f.names)) for f in design.factors}
    arrays = {}
    for name, dims in variable_dims(design).items():
        value = np.asarray(values.get(name, np.zeros(shapes.get(name, ()))), float)
        assert name in values or name in shapes, f"{name} {dims} is not given"
        arrays[name] = value[None] if draws else np.broadcast_to(value, (1, 1, *value.shape)).copy()
    tree = xr.DataTree.from_dict({"posterior": label_draws(design, arrays)})
    return Fit(spec, design, resolve_priors(design), tree)
