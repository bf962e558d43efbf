"""Kish's design effect against the variance of a mean worked out by matrices."""

import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at


def test_it_is_the_ratio_of_the_variances_of_a_mean():
    g = np.repeat(np.arange(5), [2, 3, 1, 6, 9])
    fit = fit_at("y ~ 1 + (1 | g)", {"y": np.arange(21.0), "g": g}, beta=[0.0], sd_g=[1.5], sigma=2.0)
    found = pp.design_effect(fit).isel(chain=0, draw=0, factor=0)
    v = 1.5**2 * (g[:, None] == g) + 4 * np.eye(21)
    ratio = v.sum() / 21**2 / (v[0, 0] / 21)
    assert float(found["design_effect"]) == pytest.approx(ratio)
    assert float(found["effective_sample_size"]) == pytest.approx(21 / ratio)
    assert float(found["overconfidence"]) == pytest.approx(np.sqrt(ratio))
    assert found.attrs["rows"] == 21


def test_groups_are_needed():
    with pytest.raises(pp.DataError, match="needs groups"):
        pp.design_effect(fit_at("y ~ x", {"y": [1.0, 2, 3], "x": [0.0, 1, 3]}, beta=[0, 1], sigma=2))
