"""Cutpoints of ordered categories in a PyMC model, from probabilities of the categories at the predictors' means."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from partialpool.design.design import Design
from partialpool.model.prior_set import PriorSet
from partialpool.names import CUTPOINT, CUTPOINTS

__all__ = ["cutpoints"]


def cutpoints(design: Design, priors: PriorSet, shift: pt.TensorVariable) -> pt.TensorVariable:
    """Create the cutpoints; return them at the predictors' means, and report them on the original scale.

    Parameters
    ----------
    design, priors
        As for `build_pymc_model`.
    shift
        What the predictors' means add to the linear predictor, a scalar or one for each cutpoint.
    """
    concentration = np.full(len(design.response.categories), priors[CUTPOINTS].arguments["a"])
    probability = pm.Dirichlet("cutpoints_probability", a=concentration)
    centred = design.spec.family_record.cutpoints.tensor_at_shares(design.spec.probability_link, probability, pt)
    pm.Deterministic(CUTPOINTS, centred + shift, dims=CUTPOINT)
    return centred
