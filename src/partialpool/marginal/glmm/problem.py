"""What the compiled density of a generalised model reads beside the point, kept as one record."""

from collections.abc import Hashable
from typing import Any, Final, NamedTuple

import numba as nb
import numpy as np
from numba.experimental import structref

from partialpool.kernels import kernel
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

__all__ = ["Given", "Problem", "make_problem", "type_of_given", "type_of_problem"]


class Given(NamedTuple):
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


@structref.register
class ProblemType(nb.types.StructRef):
    """numba's type of a `Problem`."""


class Problem(structref.StructRefProxy):
    """A `Given`, as one reference: unpacking dozens of arrays at each call takes longer than a small model does."""


structref.define_proxy(Problem, ProblemType, ["given"])


@kernel
def make_problem(given: Given) -> Any:
    """Keep what is given as one reference."""
    return Problem(given)


def type_of_problem(given: Any) -> Any:
    """Return numba's type of the problem that `make_problem` would make, given that of a `Given`."""
    return ProblemType((("given", given),))


def type_of_given(given: Given) -> Any:
    """Return numba's type of a `Given`, found once for each form: finding it takes a millisecond."""
    form = _form(given)
    if form not in _TYPES:
        _TYPES[form] = nb.typeof(given)
    return _TYPES[form]


_TYPES: Final[dict[Hashable, Any]] = {}


def _form(value: Any) -> Any:
    """Return all that numba's type of a number, an array, or a tuple of such depends on."""
    if isinstance(value, tuple):
        return (type(value), *map(_form, value))
    if isinstance(value, np.ndarray):
        return value.dtype, value.ndim, value.flags.num
    return type(value)
