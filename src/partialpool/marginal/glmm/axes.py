"""Axes of (theta, own) along which their posterior is nearly standard normal, also where it is skewed.

    (theta, own) = center + factor h,    h_k = middle_k + scale_k z_k - left_k P(-z_k) + right_k P(z_k),

    P(z) = (z^2 + z sqrt(z^2 + 1) + asinh z) / 4,    P'(z) = (z + sqrt(z^2 + 1)) / 2,

and z is what is sampled. P is about z^2 / 2 for large z, and only of the order of log |z| for large -z. With `left` the
axis is stretched on the left, and a tail of h that falls like exp(h), as that of a log sd does which may be near 0, is
that of a normal z.
"""

from typing import NamedTuple

import numpy as np

from partialpool.kernels import kernel, part

__all__ = ["Axes", "axes_about", "bend", "place_along", "places_along", "pull_along"]


class Axes(NamedTuple):
    """The map from z to (theta, own).

    Attributes
    ----------
    center, factor
        Shapes (elements,) and (elements, elements), lower triangular.
    middle, scale, left, right
        The shape of each axis, (elements,) each; scales are positive, left and right are not negative.
    """

    center: np.ndarray
    factor: np.ndarray
    middle: np.ndarray
    scale: np.ndarray
    left: np.ndarray
    right: np.ndarray


def axes_about(center: np.ndarray, covariance: np.ndarray) -> Axes:
    """Return straight axes in units of a covariance (elements, elements) about a center (elements,)."""
    size = len(center)
    factor = np.ascontiguousarray(np.linalg.cholesky(covariance)) if size else np.eye(0)
    return Axes(np.ascontiguousarray(center), factor, np.zeros(size), np.ones(size), np.zeros(size), np.zeros(size))


def bend(z: np.ndarray) -> np.ndarray:
    """Evaluate P."""
    return (z * z + z * np.sqrt(z * z + 1.0) + np.arcsinh(z)) / 4.0


@part(inlined=True)
def _axis(axes: Axes, k: int, z: float) -> tuple[float, float, float]:
    """Return h of z on axis k, and its first and second derivative."""
    root = np.sqrt(z * z + 1.0)
    even, odd = z * z / 4.0, (z * root + np.arcsinh(z)) / 4.0
    left, right = axes.left[k], axes.right[k]
    h = axes.middle[k] + axes.scale[k] * z - left * (even - odd) + right * (even + odd)
    slope = axes.scale[k] + left * (root - z) / 2.0 + right * (root + z) / 2.0
    return h, slope, left * (z / root - 1.0) / 2.0 + right * (z / root + 1.0) / 2.0


@part
def place_along(axes: Axes, x: np.ndarray, at: np.ndarray) -> float:
    """Write (theta, own) into at (elements,), z being the first elements of x; return sum_k log dh_k / dz_k.

    The Jacobian of `factor` is left out: it is a constant.
    """
    center, factor = axes.center, axes.factor
    total = 0.0
    for i in range(len(at)):
        at[i] = center[i]
    for k in range(len(at)):
        h, slope, _ = _axis(axes, k, x[k])
        total += np.log(slope)
        for i in range(k, len(at)):
            at[i] += factor[i, k] * h
    return total


@part
def pull_along(axes: Axes, x: np.ndarray, slopes: np.ndarray, out: np.ndarray) -> None:
    """Write derivatives in z into out, given those in (theta, own), (elements,); the Jacobian's are counted."""
    factor = axes.factor
    for k in range(len(slopes)):
        _, slope, second = _axis(axes, k, x[k])
        s = 0.0
        for i in range(k, len(slopes)):
            s += factor[i, k] * slopes[i]
        out[k] = slope * s + second / slope


@kernel
def places_along(axes: Axes, z: np.ndarray) -> np.ndarray:
    """Map z (draws, elements) to (theta, own), same shape."""
    out = np.empty(z.shape)
    for d in range(len(z)):
        place_along(axes, z[d], out[d])
    return out
