"""The compiled densities of priors equal SciPy's, and coordinates are maps with the stated derivatives."""

import numpy as np
import pytest

from distributions.test_prior import EXAMPLES
from partialpool.distributions.density_kernel import encode, log_density, place, placed, unplaced
from partialpool.distributions.frozen import frozen
from partialpool.distributions.prior import Prior
from partialpool.distributions.table import DISTRIBUTIONS
from partialpool.kernels import kernel

SHARES = [Prior("Beta", alpha=a, beta=b) for a, b in [(1, 1), (2, 5), (0.5, 0.5), (30, 1)]]
COMPILED = [p for p in EXAMPLES if DISTRIBUTIONS[p.standard.distribution].kernel is not None and p.lower is None]
EVERY = pytest.mark.parametrize("prior", [*COMPILED, *SHARES], ids=str)


@kernel
def evaluate(kind, coordinate, arguments, x):
    v, slope, log_slope, bend = place(coordinate, arguments, 0, x)
    log_p, steep = log_density(kind, arguments, 0, v)
    return v, slope, log_slope, bend, log_p, steep


def at(prior, x):
    kind, coordinate, arguments = encode(prior)
    return evaluate(kind, coordinate, arguments[None], x)


@EVERY
def test_the_density_is_scipys(prior):
    for x in (-2.0, -0.3, 0.4, 1.7):
        v, *_, log_p, steep = at(prior, x)
        assert log_p == pytest.approx(frozen(prior).logpdf(v), rel=1e-10)
        h = 1e-6 * max(abs(v), 1e-3)
        difference = (frozen(prior).logpdf(v + h) - frozen(prior).logpdf(v - h)) / (2 * h)
        assert steep == pytest.approx(difference, rel=1e-5, abs=1e-6)


@EVERY
def test_coordinates_are_inverted_and_differentiated(prior):
    _, coordinate, arguments = encode(prior)
    for x in (-3.0, 0.2, 1.1):
        v, slope, log_slope, bend, *_ = at(prior, x)
        assert unplaced(coordinate, arguments, v) == pytest.approx(x, abs=1e-9)
        assert placed(coordinate, arguments, np.array([x]))[0] == pytest.approx(v)
        h = 1e-5
        assert slope == pytest.approx((at(prior, x + h)[0] - at(prior, x - h)[0]) / (2 * h), rel=1e-6)
        assert log_slope == pytest.approx(np.log(slope))
        assert bend == pytest.approx((at(prior, x + h)[2] - at(prior, x - h)[2]) / (2 * h), abs=1e-6)


@pytest.mark.parametrize("prior", SHARES, ids=str)
def test_a_share_that_rounds_to_its_bounds_has_no_density(prior):
    for x in (40.0, 800.0, -800.0):
        *_, log_p, steep = at(prior, x)
        assert (log_p, steep) == (-np.inf, 0.0)
    assert np.isfinite(at(prior, -600.0)).all()
