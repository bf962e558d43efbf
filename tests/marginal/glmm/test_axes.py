"""Axes of (theta, own): the density along them, its gradient, and the effect of a stretched axis on a tail."""

import numpy as np
from scipy import integrate, stats

from marginal.glmm.test_density import problem, spread
from partialpool.marginal.glmm.axes import Axes, axes_about, bend, places_along


def stretched(center, covariance, rng):
    """Axes about a center, each with a different shape."""
    size = len(center)
    shapes = rng.normal(size=size), rng.uniform(0.5, 2, size), rng.uniform(0, 2, size), rng.uniform(0, 2, size)
    return Axes(*axes_about(center, covariance)[:2], *shapes)


def poisson_posterior():
    rng = np.random.default_rng(2)
    g, x = np.repeat(np.arange(6), 4), rng.normal(size=24)
    _, _, posterior = problem("y ~ x + (x | g)", {"y": rng.poisson(3, 24), "x": x, "g": g}, family="poisson")
    return posterior


def test_bend_is_the_integral_of_a_ramp():
    """P' rises from 0 to z: P(0) = 0, P grows like z^2 / 2, and P' is (z + sqrt(z^2 + 1)) / 2."""
    for z in (-8.0, -1.0, 0.3, 5.0):
        area, _ = integrate.quad(lambda t: (t + np.sqrt(t * t + 1)) / 2, 0, z)
        np.testing.assert_allclose(bend(np.array(z)), area, rtol=1e-9)


def test_the_density_along_axes_is_that_of_theta_and_the_jacobian():
    """With straight axes about 0 of unit scale x is (theta, own) itself; gradients by differences."""
    posterior, rng = poisson_posterior(), np.random.default_rng(5)
    size = posterior.size
    root = np.eye(size) + 0.3 * rng.normal(size=(size, size))
    axes = stretched(rng.normal(-0.7, 0.2, size), 0.1 * root @ root.T, rng)
    along = posterior.along(axes)
    x = spread(posterior, rng)
    x[:size] = rng.normal(size=size)
    at = places_along(axes, x[None, :size])[0]
    h = 1e-6
    moved = places_along(axes, np.concatenate([x[:size] + h * np.eye(size), x[:size] - h * np.eye(size)]))
    log_volume = np.linalg.slogdet((moved[:size] - moved[size:]) / (2 * h))[1]
    log_volume -= np.log(np.diagonal(axes.factor)).sum()
    value, slope = along.evaluator()(x)
    plain, _ = posterior.evaluator()(np.concatenate([at, x[size:]]))
    np.testing.assert_allclose(value, plain + log_volume, atol=1e-7)
    steps = 1e-5 * np.eye(len(x))
    density = along.evaluator()
    differences = [(density(x + step)[0] - density(x - step)[0]) / 2e-5 for step in steps]
    np.testing.assert_allclose(slope, differences, rtol=1e-5, atol=1e-5)


def test_straight_axes_are_those_of_the_covariance():
    center, covariance = np.array([1.0, -2.0]), np.array([[0.5, 0.3], [0.3, 2.0]])
    z = np.random.default_rng(1).normal(size=(5, 2))
    places = places_along(axes_about(center, covariance), z)
    np.testing.assert_allclose(places, center + z @ np.linalg.cholesky(covariance).T)


def test_an_exponential_tail_becomes_that_of_a_normal():
    """If P(h < -t) = exp(-t), and the axis of h is stretched by 1 on the left, log P(z < -t) is about -t^2 / 2."""
    axes = Axes(np.zeros(1), np.eye(1), np.zeros(1), np.zeros(1) + 0.1, np.ones(1), np.zeros(1))
    z = np.array([[-4.0], [-8.0], [-16.0]])
    log_tail = places_along(axes, z)[:, 0]
    normal = stats.norm.logcdf(z[:, 0])
    assert (np.abs(log_tail / normal - 1) < [0.3, 0.15, 0.08]).all()
