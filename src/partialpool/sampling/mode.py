"""Modes of the collapsed posterior, with heights and covariances: the starting point of a proposal."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from partialpool.sampling.target import Target
from partialpool.workers import map_pieces

__all__ = ["Peak", "find_peaks", "widths"]

_STEP = 1e-4
"""Step of first differences: log and atanh coordinates are all of order 1."""
_SECOND_STEP = 3e-3
"""Step of second differences."""
_SLOPE = 1e-3
"""Slope at which a mode is found, where the curvature is of order 1."""
_LARGEST_SLOPE = 1.0
"""The same whatever the curvature: less is lost among the rounding errors of a log density of millions."""
_STEEP = 1e4
"""Slope at the start above which a log density is divided by it."""
_SAME_VALUE, _SAME_PLACE = 0.05, 0.25
"""Difference in log density, and squared distance in sds, up to which a point belongs to a peak."""
_NEGLIGIBLE = 9.0
"""Peaks with less than exp(-9) of the largest one's mass are dropped."""
_NEAR = 50.0
_FLATTEST = 0.04
"""Smallest curvature used: beyond 5 units of a log or atanh coordinate the mode is not informative about the mass."""


@dataclass(frozen=True, eq=False)
class Peak:
    """A mode with the covariance of its Gaussian approximation.

    Attributes
    ----------
    theta
        Shape (elements,).
    value
        Log density at the mode.
    covariance
        Inverse of the negative Hessian, with flat directions limited to a finite width, (elements, elements).
    """

    theta: np.ndarray
    value: float
    covariance: np.ndarray

    @property
    def log_mass(self) -> float:
        """Laplace's approximation of the log of its share of p(y), up to a constant common to all peaks."""
        return self.value + 0.5 * float(np.linalg.slogdet(self.covariance)[1])

    def holds(self, theta: np.ndarray, value: float) -> bool:
        """Whether a point belongs to this peak: within half an sd, and as high as its curvature implies."""
        gap = theta - self.theta
        distance = float(gap @ np.linalg.solve(self.covariance, gap))
        return distance < _SAME_PLACE and abs(value - self.value + distance / 2) < _SAME_VALUE


def find_peaks(target: Target, points: np.ndarray, *, workers: int = 1) -> tuple[Peak, ...]:
    """Climb by BFGS from every start, and keep the peaks that have mass, the largest first.

    If an evaluation takes milliseconds, there are so many levels that distant modes are rare, and searches are
    expensive: a start other than the first is used only if its density is already near that of the peak.

    For a proposal the accuracy of differences is enough, and for few elements they cost no more than the exact
    gradient; for many elements or many levels they cost more, and so do second differences. If BFGS does not move (a
    truncated prior), the covariance there is wide, and the proposal adapts.
    """
    values = target.log_densities(points, workers=workers)
    peaks: list[Peak] = []
    for point, at_start in zip(points, values, strict=True):
        if peaks and not (at_start > peaks[0].value - (np.inf if target.is_cheap else _NEAR)):
            continue
        theta, value, slopes = _climb(target, point, workers, peaks)
        if not np.isfinite(value) or any(peak.holds(theta, value) for peak in peaks):
            continue
        peaks.append(_highest(target, theta, value, slopes, _covariance(target, theta, workers)))
    peaks.sort(key=lambda peak: -peak.log_mass)
    return tuple(peak for peak in peaks if peak.log_mass > peaks[0].log_mass - _NEGLIGIBLE)


def _climb(target: Target, start: np.ndarray, workers: int, known: list[Peak]) -> tuple[np.ndarray, float, np.ndarray]:
    """Climb to the mode, or until it is clear that the path leads to a known peak; return what slope is left too.

    BFGS takes every curvature to be 1 until it has learned it, and the curvature of a log density grows with the rows:
    with a million of them most evaluations were of steps that were too long. A dear and steep density is therefore
    divided by the size c of its gradient at the start, which is of the order of its curvature. Its sds are of the order
    1 / sqrt(c), so that a slope of 1e-3 sqrt(c) is a thousandth of an sd from the mode. A density may be steep at the
    start only, or along some elements: the slope is limited too, and `_highest` takes what is left.
    """
    first = _slopes(target, start, workers)
    steepness = float(np.linalg.norm(first[1]))
    size = steepness if _STEEP < steepness < np.inf and not target.is_cheap else 1.0

    def descend(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, slopes = first if np.array_equal(theta, start) else _slopes(target, theta, workers)
        if not (np.isfinite(value) and np.isfinite(slopes).all()):
            return 1e300, np.zeros_like(theta)
        return -value / size, -slopes / size

    def stop(intermediate_result: OptimizeResult) -> None:
        if any(peak.holds(intermediate_result.x, -intermediate_result.fun * size) for peak in known):
            raise StopIteration

    options = {"gtol": min(_SLOPE * np.sqrt(size), _LARGEST_SLOPE) / size, "maxiter": 200}
    found = minimize(descend, start, jac=True, method="BFGS", options=options, callback=stop)
    left = -np.asarray(found.jac) * size if size > 1 else np.zeros_like(start)
    return np.asarray(found.x), -float(found.fun) * size, left


def _highest(target: Target, theta: np.ndarray, value: float, slopes: np.ndarray, covariance: np.ndarray) -> Peak:
    """Take a Newton step up the slopes that are left, if there are any and it leads upwards."""
    if slopes.any():
        moved = theta + covariance @ slopes
        there = float(target.log_densities(moved[None])[0])
        if there > value:
            theta, value = moved, there
    return Peak(theta, value, covariance)


def _slopes(target: Target, theta: np.ndarray, workers: int) -> tuple[float, np.ndarray]:
    """Return the log density and its gradient: exact, or by differences that are evaluated in parallel."""
    if target.has_cheap_gradient:
        return target.gradient(theta)
    steps = _STEP * np.eye(len(theta))
    values = target.log_densities(np.concatenate([theta[None], theta + steps, theta - steps]), workers=workers)
    ahead, behind = values[1:].reshape(2, -1)
    with np.errstate(invalid="ignore"):
        return float(values[0]), (ahead - behind) / (2 * _STEP)


def _covariance(target: Target, theta: np.ndarray, workers: int) -> np.ndarray:
    d, h = len(theta), _SECOND_STEP
    steps = h * np.eye(d)
    if target.has_cheap_gradient:
        ahead_and_behind = np.concatenate([theta + steps, theta - steps])
        slopes = np.empty((2 * d, d))

        def differentiate(at: int) -> None:
            slopes[at] = target.gradient(ahead_and_behind[at])[1]

        map_pieces(differentiate, range(2 * d), workers)
        across = slopes[:d] - slopes[d:]
        return widths(-(across + across.T) / (4 * h), _FLATTEST)
    first, second = np.tril_indices(d)
    corners = [theta + s * steps[first] + t * steps[second] for s in (1, -1) for t in (1, -1)]
    values = target.log_densities(np.concatenate(corners), workers=workers).reshape(4, -1)
    with np.errstate(invalid="ignore"):
        entries = (values[0] - values[1] - values[2] + values[3]) / (4 * h * h)
    hessian = np.zeros((d, d))
    hessian[first, second] = hessian[second, first] = np.where(np.isfinite(entries), -entries, 0.0)
    return widths(hessian, _FLATTEST)


def widths(hessian: np.ndarray, flattest: float) -> np.ndarray:
    """Invert a negative Hessian (elements, elements), with curvatures below `flattest` raised to it."""
    curvature, axes = np.linalg.eigh(hessian)
    return (axes / np.maximum(curvature, flattest)) @ axes.T
