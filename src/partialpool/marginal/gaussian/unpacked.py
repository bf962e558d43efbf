"""Every row of thetas unpacked: parameters, scales and log prior.

It is a kernel by itself, which the kernels that read the data (`given_theta.py`) do not contain: theta's layout is
compiled once for all of them, and while another process compiles those.
"""

from typing import Final, NamedTuple

import numpy as np

from partialpool.kernels import kernel, part
from partialpool.marginal.gaussian.cholesky import Scales
from partialpool.marginal.gaussian.density import log_prior
from partialpool.marginal.gaussian.parameters import Layout, Parameters, scales_of, unpack

__all__ = ["NO_THETAS", "Unpacked", "parameters_at", "scales_at", "unpack_many"]


class Unpacked(NamedTuple):
    """`Parameters` and `Scales` of many thetas, with thetas as first dimension.

    Attributes
    ----------
    prior
        Log prior density on the real line, (n,).
    sd, corr, sigma, kept
        See `Parameters`.
    relative, combine
        See `Scales`.
    """

    prior: np.ndarray
    sd: np.ndarray
    corr: np.ndarray
    sigma: np.ndarray
    kept: np.ndarray
    relative: np.ndarray
    combine: np.ndarray


def _no_thetas() -> Unpacked:
    one, two, four = (np.empty((0,) * dimensions) for dimensions in (1, 2, 4))
    return Unpacked(one, np.empty((0, 0, 0)), four, one, two, four, two)


NO_THETAS: Final = _no_thetas()


@kernel
def unpack_many(layout: Layout, thetas: np.ndarray) -> Unpacked:
    """Unpack every row of thetas (n, elements); the layout is lent."""
    n, factors, most = len(thetas), layout.shifts.shape[0], layout.shifts.shape[1]
    shape = (n, factors, most, most)
    prior, sigma, sd = np.empty(n), np.empty(n), np.empty((n, factors, most))
    corr, relative = np.empty(shape), np.empty(shape)
    kept = np.empty((n, thetas.shape[1] - layout.kept))
    combine = np.empty((n, kept.shape[1] + 1))
    for i in range(n):
        prior[i] = log_prior(layout, thetas, i)
        parameters = unpack(layout, thetas, i)
        scales = scales_of(layout, parameters)
        sigma[i] = parameters.sigma
        for k in range(kept.shape[1]):
            kept[i, k] = parameters.kept[k]
        for k in range(combine.shape[1]):
            combine[i, k] = scales.combine[k]
        for f in range(factors):
            for a in range(most):
                sd[i, f, a] = parameters.sd[f, a]
                for c in range(most):
                    corr[i, f, a, c] = parameters.corr[f, a, c]
                    relative[i, f, a, c] = scales.relative[f, a, c]
    return Unpacked(prior, sd, corr, sigma, kept, relative, combine)


@part
def parameters_at(unpacked: Unpacked, i: int) -> Parameters:
    """Return the parameters of row i."""
    return Parameters(unpacked.sd[i], unpacked.corr[i], unpacked.sigma[i], unpacked.kept[i])


@part
def scales_at(unpacked: Unpacked, i: int) -> Scales:
    """Return Lambda of row i relative to sigma, and the right-hand side's combination."""
    return Scales(unpacked.relative[i], unpacked.sigma[i], unpacked.combine[i])
