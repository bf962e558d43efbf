"""Axes fitted to slices of a posterior: along them it is nearly standard normal."""

import numpy as np
import pytest
from scipy import stats

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.marginal.glmm.axes import axes_about, bend
from partialpool.model.default_priors import resolve_priors
from partialpool.sampling.skewed_axes import _shape, skewed_axes
from partialpool.sampling.working_response import find_mode
from partialpool.spec.model import ModelSpec

SKEWED = {
    "log of an exponential": stats.gumbel_l(),
    "log of a half-normal": stats.loggamma(0.5, scale=0.5),
    "heavy on the right": stats.gumbel_r(),
}


def distance(slice_, z, h):
    """The largest distance of the distribution of z from the standard normal, over its middle 99 %."""
    return np.abs(slice_.cdf(h) - stats.norm.cdf(z)).max()


@pytest.mark.parametrize("name", SKEWED)
def test_quantiles_become_those_of_the_normal(name):
    """To a fifth of what the mode and the curvature there give; the modes are at 0."""
    slice_ = SKEWED[name]
    places, z = np.linspace(*slice_.ppf([1e-7, 1 - 1e-7]), 40), np.linspace(-2.5, 2.5, 101)
    middle, scale, left, right = _shape(places, slice_.logpdf(places))
    bent = distance(slice_, z, middle + scale * z - left * bend(-z) + right * bend(z))
    step = 1e-3
    curvature = -(slice_.logpdf(step) + slice_.logpdf(-step) - 2 * slice_.logpdf(0)) / step**2
    assert bent < 0.2 * distance(slice_, z, z / np.sqrt(curvature))


def test_a_normal_slice_has_a_straight_axis():
    places = np.linspace(-5, 5, 30)
    np.testing.assert_allclose(_shape(places, stats.norm.logpdf(places)), [0, 1, 0, 0], atol=0.02)


def test_an_sd_that_may_be_0_is_stretched_on_the_left():
    """Grouse ticks: of locations little is known beside broods. Differences of slopes along z show the shape."""
    design = build_design(
        ModelSpec.from_formula(
            "TICKS ~ YEAR + scale(HEIGHT) + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION)", family="poisson"
        ),
        pp.load_dataset("grouseticks"),
    )
    posterior, peak = find_mode(design, resolve_priors(design))
    axes = skewed_axes(posterior, peak)
    straight = axes_about(peak.theta, peak.covariance)
    np.testing.assert_array_equal(axes.factor, straight.factor)
    z = np.linspace(-2.5, 2.5, 11)[:, None] * np.eye(posterior.size)[2]

    def departure(of):
        values = np.array([posterior.along(of).gradient(at)[0] for at in z])
        normal = values + 0.5 * (z**2).sum(axis=1)
        return np.ptp(normal)

    assert axes.left.max() > 0.5
    assert departure(axes) < 0.5 * departure(straight)
