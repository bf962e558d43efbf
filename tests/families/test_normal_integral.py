"""Means over normal distributions by the trapezoidal rule, against adaptive quadrature."""

import numpy as np
import pytest
from scipy import special

from checks.quadrature import by_quadrature
from partialpool.families.normal_integral import mean_over_normal

INVERSE = {"logit": special.expit, "cloglog": lambda eta: -np.expm1(-np.exp(eta))}


@pytest.mark.parametrize("sd", [0.0, 0.3, 1.0, 2.4, 2.6, 7.0, 30.0])
@pytest.mark.parametrize(("link", "strip"), [("logit", np.pi), ("cloglog", 1.3)])
def test_the_trapezoidal_rule_agrees_with_adaptive_quadrature(link, strip, sd):
    centres = np.array([-5.0, -1.2, 0.0, 0.7, 4.0])
    found = mean_over_normal(INVERSE[link], centres, np.full(5, sd**2), strip=strip)
    assert found == pytest.approx([by_quadrature(INVERSE[link], m, sd) for m in centres], abs=2e-8)


def test_the_mean_is_nan_if_the_variance_is_not_finite():
    assert np.isnan(mean_over_normal(special.expit, np.zeros(2), np.array([np.nan, np.inf]), strip=np.pi)).all()
