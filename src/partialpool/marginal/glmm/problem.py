"""What the compiled density of a generalised model reads beside the point; it is lent to kernels as one record."""

from typing import NamedTuple

import numpy as np

from partialpool.marginal.gaussian.nest import Nest
from partialpool.marginal.gaussian.ordering import System
from partialpool.marginal.gaussian.parameters import Layout, Normals
from partialpool.marginal.glmm.axes import Axes
from partialpool.marginal.glmm.heavy_effects import HeavyEffects
from partialpool.marginal.glmm.information_scale import InformationScale
from partialpool.marginal.glmm.kinship_turn import Turns
from partialpool.marginal.glmm.own_priors import OwnPriors
from partialpool.marginal.glmm.row_density import RowDensity
from partialpool.marginal.glmm.weighted_rows import Rows

__all__ = ["Problem"]


class Problem(NamedTuple):
    """All that `evaluate` needs beside x.

    Attributes
    ----------
    system, nest
        The stand-in's, from `arrange_by_level`.
    layout, normals
        The stand-in's.
    known
        What is taken off the response for each integrated column, (integrated,).
    own, rows, turns, heavy
        The family's own parameters, the rows, the rotations of levels with a known covariance, and the factors whose
        effects have a Student t distribution.
    information
        How the rows' information grows with the own parameters.
    constant
        What the family's row kernel leaves out of the log density.
    row_density
        How rows are evaluated.
    forward, backward
        Addresses of the kernels of `given_theta` for the system.
    axes
        The map from z, the first elements of x, to (theta, own).
    """

    system: System
    nest: Nest
    layout: Layout
    normals: Normals
    known: np.ndarray
    own: OwnPriors
    rows: Rows
    turns: Turns
    heavy: HeavyEffects
    information: InformationScale
    constant: float
    row_density: RowDensity
    forward: int
    backward: int
    axes: Axes
