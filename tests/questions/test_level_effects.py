"""Coefficients level by level."""

import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at

DATA = {"y": np.arange(8.0), "x": np.tile([0.0, 1, 3, 4], 2), "g": np.repeat([0, 1], 4), "h": np.tile([0, 1], 4)}
DRAWS = {
    "beta": [[1.0, 2.0], [1.0, 3.0]],
    "sd_g": [[1.0, 1.0]] * 2,
    "b_g": [[[0.1, -4.0], [0.2, 1.0]], [[0.1, -1.0], [0.2, -1.0]]],
    "sigma": [1.0, 1.0],
}


def test_common_effect_plus_own():
    found = pp.level_effects(fit_at("y ~ x + (x || g)", DATA, draws=2, **DRAWS), "x", threshold=1.5)
    assert found["effect"].to_numpy().tolist() == [[[-2.0, 3.0], [2.0, 2.0]]]
    assert found["population"].to_numpy().tolist() == [[2.0, 3.0]]
    assert found["above"].to_numpy().tolist() == [0.5, 1.0]


def test_an_effect_without_a_common_one():
    values = DRAWS | {"beta": [[1.0], [1.0]]}
    found = pp.level_effects(fit_at("y ~ 1 + (x || g)", DATA, draws=2, **values), "x")
    assert found["effect"].to_numpy().tolist() == [[[-4.0, 1.0], [-1.0, -1.0]]]


def test_wrong_questions():
    fit = fit_at("y ~ x + (x || g)", DATA, draws=2, **DRAWS)
    with pytest.raises(pp.DataError, match="name one coefficient that varies"):
        pp.level_effects(fit, "w")
    for threshold in ("2", np.nan, None):
        with pytest.raises(pp.DataError, match="a threshold must be a number"):
            pp.level_effects(fit, "x", threshold=threshold)
    both = fit_at("y ~ 1 + (1 | g) + (1 | h)", DATA, beta=[0.0], sd_g=[1.0], sd_h=[1.0], sigma=1.0)
    with pytest.raises(pp.DataError, match="several factors"):
        pp.level_effects(both, "Intercept")
    assert pp.level_effects(both, "Intercept", factor="h")["effect"].shape == (1, 1, 2)
