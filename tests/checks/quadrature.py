"""Means over a normal distribution by adaptive quadrature: slow, but simple."""

import math

from scipy import integrate


def normal_density(t):
    """The standard normal density of one number; SciPy's takes a hundred times as long."""
    return math.exp(-t * t / 2) / math.sqrt(2 * math.pi)


def by_quadrature(function, centre, sd):
    """Integrate a function over N(centre, sd^2)."""
    if sd == 0:
        return function(centre)
    value, error = integrate.quad(
        lambda t: function(centre + sd * t) * normal_density(t), -14, 14, limit=2000, epsabs=1e-12, epsrel=1e-12,
        points=[-centre / sd] if abs(centre / sd) < 14 else None,
    )  # fmt: skip
    assert error < 1e-9 * max(1.0, abs(value))
    return value
