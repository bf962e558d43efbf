"""Axes fitted to slices of a posterior: along them the posterior is nearly standard normal."""

import numpy as np
import pytest
from scipy import stats

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.marginal.glmm.axes import axes_about, bend
from partialpool.marginal.glmm.predictors import lay_out
from partialpool.model.default_priors import resolve_priors
from partialpool.sampling.skewed_axes import _shape, _slice, axes_of_draws, skewed_axes
from partialpool.sampling.working_response import find_mode
from partialpool.spec.model import ModelSpec

SKEWED = {
    "log of an exponential": stats.gumbel_l(),
    "log of a half-normal": stats.loggamma(0.5, loc=np.log(2) / 2, scale=0.5),
    "heavy on the right": stats.gumbel_r(),
}


def distance(slice_, z, h):
    """The largest distance of the distribution of z from the standard normal, over its middle 99 %."""
    return np.abs(slice_.cdf(h) - stats.norm.cdf(z)).max()


@pytest.mark.parametrize("name", SKEWED)
def test_quantiles_become_those_of_the_normal(name):
    """The error is less than a fifth of that of the mode and its curvature; the modes are at 0."""
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


def grouse_ticks():
    """The posterior about its mode, and the peak; beside broods, the sd between locations is weakly identified."""
    formula = "TICKS ~ YEAR + scale(HEIGHT) + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION)"
    design = build_design(ModelSpec.from_formula(formula, family="poisson"), pp.load_dataset("grouseticks"))
    priors = resolve_priors(design)
    return find_mode(design, priors, lay_out(design, priors))


def test_an_sd_that_may_be_0_is_stretched_on_the_left():
    """Along its axis the log density departs from -z^2 / 2 by less than half as much as along a straight one."""
    posterior, peak = grouse_ticks()
    axes = skewed_axes(posterior, peak)
    straight = axes_about(peak.theta, peak.covariance)
    np.testing.assert_array_equal(axes.factor, straight.factor)
    of_location = int(axes.left.argmax())
    z = np.linspace(-2.5, 2.5, 11)[:, None] * np.eye(posterior.size)[of_location]

    def departure(of):
        values = np.array([posterior.along(of).gradient(at)[0] for at in z])
        return np.ptp(values + 0.5 * (z**2).sum(axis=1))

    assert axes.left[of_location] > 0.5
    assert departure(axes) < 0.5 * departure(straight)


def test_slices_include_the_mode_and_end_where_the_density_is_negligible():
    posterior, peak = grouse_ticks()
    along = posterior.along(axes_about(peak.theta, peak.covariance))
    for k in range(posterior.size):
        places, values = _slice(along, k)
        assert (np.diff(places) > 0).all()
        here = places == 0.0
        np.testing.assert_allclose(values[here], posterior.gradient(peak.theta)[0])
        inner = values[1:-1]
        assert (inner > values.max() - 8.0).all()
        assert values.max() - values[here] < 0.1


@pytest.mark.parametrize("elements", [1, 3])
def test_axes_of_draws_make_the_draws_normal(elements):
    """Logs of exponential variables, mixed: z found from the axes is standard normal up to the error of 4,000 draws."""
    rng = np.random.default_rng(1)
    mixing = np.tril(rng.normal(size=(elements, elements))) + 2 * np.eye(elements)
    draws = np.log(rng.exponential(size=(4000, elements))) @ mixing.T + 5.0
    axes = axes_of_draws(draws)
    grid = np.linspace(-6, 6, 2001)
    h = np.linalg.solve(axes.factor, (draws - axes.center).T)
    for k in range(elements):
        curve = axes.middle[k] + axes.scale[k] * grid - axes.left[k] * bend(-grid) + axes.right[k] * bend(grid)
        z = np.interp(h[k], curve, grid)
        assert stats.kstest(z, "norm").statistic < 0.05
        assert stats.kstest(h[k], "norm").statistic > stats.kstest(z, "norm").statistic


def test_a_far_mode_of_a_slice_does_not_move_the_axis_far():
    places = np.linspace(-4, 24, 60)
    values = np.logaddexp(stats.norm.logpdf(places), 3 + stats.norm(20, 1).logpdf(places))
    assert abs(_shape(places, values)[0]) <= 3.0


def test_no_elements_have_no_axes():
    assert axes_of_draws(np.zeros((50, 0))).factor.shape == (0, 0)
