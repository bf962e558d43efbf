"""The observed response of a design in its PyMC model: its family, given the linear predictor."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from partialpool.design.design import Design
from partialpool.design.labels import observed_name
from partialpool.design.truncation import ends_of_all_rows
from partialpool.families.censored import register_bounded, upper_ends
from partialpool.families.twin import TensorGiven
from partialpool.names import OBS, SIGMA
from partialpool.pymc_model.residual import given_earlier

__all__ = ["likelihood"]


def likelihood(
    design: Design, eta: pt.TensorVariable, parameters: Mapping[str, pt.TensorVariable]
) -> pt.TensorVariable:
    """Register the observed variable, under the response's name, with dims `obs`."""
    response, trials = design.response.within_bounds, None
    if design.se is not None:
        parameters = {**parameters, SIGMA: pm.Data("se_values", design.se, dims=OBS)}
    if design.residual is not None and design.residual.is_stratified:
        parameters = {**parameters, SIGMA: parameters[SIGMA][design.residual.stratum]}
    if design.precision is not None:
        precision = pm.Data("precision_values", design.precision, dims=OBS)
        parameters = {**parameters, SIGMA: parameters[SIGMA] / pt.sqrt(precision)}
    if design.residual is not None:
        located = given_earlier(design, eta, parameters[SIGMA], parameters)
        eta, parameters = located.mean, {**parameters, SIGMA: located.sd}
    if response.trials is not None:
        trials = pm.Data("trials_values", np.asarray(response.trials, dtype="int64"), dims=OBS)
    family, values = design.spec.family_record, response.values
    given = TensorGiven(observed_name(design), OBS, values, design.spec.link_record, eta, parameters, pm, pt, trials)
    if not response.is_bounded:
        return family.register(given)
    ends, low, high = response.other_ends, None, None
    if response.truncation is not None:
        low, high = (
            None if end is None else pt.as_tensor_variable(end) for end in ends_of_all_rows(response.truncation)
        )
    given = replace(given, other_end=pt.as_tensor_variable(ends), low=low, high=high)
    upper = pt.as_tensor_variable(upper_ends(values, ends))
    return register_bounded(family, replace(given, upper_end=upper), values, ends)
