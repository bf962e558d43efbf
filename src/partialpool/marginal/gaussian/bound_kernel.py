"""The kernel of `given_theta` that suits a system, with its arguments that do not depend on theta."""

from dataclasses import dataclass
from typing import Any, Final

import numba as nb
import numpy as np

from partialpool.lent_record import LentRecord, lend
from partialpool.marginal.gaussian.given_theta import (
    NestedFactors,
    OtherFactors,
    by_level_given_theta,
    nested_given_theta,
)
from partialpool.marginal.gaussian.nest import Nest
from partialpool.marginal.gaussian.ordering import Leaf, System
from partialpool.marginal.gaussian.parameters import Normals
from partialpool.marginal.gaussian.tail_kernel import tail_address
from partialpool.marginal.gaussian.unpacked import NO_THETAS, Unpacked

__all__ = ["BoundKernel", "Factors", "bind_by_level", "bind_nested"]

Factors = tuple[np.ndarray, np.ndarray, Normals]
"""Effects and levels of each factor, in elimination order; priors of the integrated common columns."""
_NOTHING: Final = np.empty((0, 0))
"""The noise where nothing is drawn."""


@dataclass(frozen=True, eq=False)
class BoundKernel:
    """A kernel of `given_theta`, and what it is given beside the thetas."""

    kernel: Any
    given: LentRecord

    def draw(self, unpacked: Unpacked, noise: np.ndarray, effects: np.ndarray, out: np.ndarray) -> None:
        """Write log densities, and draw effects; see `given_theta`."""
        self.kernel(tail_address(), self.given, unpacked, noise, effects, out)

    def evaluate(self, unpacked: Unpacked, out: np.ndarray) -> None:
        """Write log densities."""
        self.draw(unpacked, _NOTHING, _NOTHING, out)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """Numba's types of the kernel's arguments."""
        return tuple(map(nb.typeof, (0, self.given, NO_THETAS, _NOTHING, _NOTHING, np.empty(0))))

    def without_effects(self) -> "BoundKernel":
        """Return the same without factors whose effects are written."""
        none = np.zeros(0, np.int64)
        return BoundKernel(self.kernel, lend(self.given.value._replace(widths=none, levels=none)))


def bind_nested(system: System, nest: Nest, factors: Factors) -> BoundKernel:
    """Return the kernel for a system whose leaf and branch are replaced by a nest."""
    return BoundKernel(nested_given_theta, lend(NestedFactors(system.tail, nest, system.rows, *factors)))


def bind_by_level(system: System, leaf: Leaf, factors: Factors) -> BoundKernel:
    """Return the kernel for any system; `leaf` has the leaf's levels one by one where effects are drawn."""
    return BoundKernel(by_level_given_theta, lend(OtherFactors(system, leaf, *factors)))
