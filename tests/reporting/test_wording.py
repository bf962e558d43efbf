"""Units behind numbers, and the scale they are on."""

import numpy as np
import pandas as pd
import pytest

from checks.fixed import fit_at
from partialpool.reporting.describe import describe_words
from partialpool.reporting.wording import on_scale

VALUES = {"beta": [0, 0], "sd_g": [1.0], "sigma": 1.0}


def fit_with_units(family="gaussian", link=None, **units):
    frame = pd.DataFrame({"y": np.arange(1.0, 13), "x": np.tile([0.0, 1, 3], 4), "g": np.repeat(list("abcd"), 3)})
    frame.attrs["units"] = units
    return fit_at("y ~ x + (1 | g)", frame, family=family, link=link, **VALUES)


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ({"y": "ms", "x": "days"}, {"Intercept": "ms", "x": "ms/day"}),
        ({"y": "ms"}, {"Intercept": "ms", "x": "ms per unit of x"}),
        ({"y": "ms", "x": "0 cellar, 1 first floor"}, {"Intercept": "ms", "x": "ms per unit of x"}),
        ({"x": "days"}, {}),
    ],
)
def test_units_of_effects(units, expected):
    assert fit_with_units(**units).design.axis_units.of_effects(("Intercept", "x")) == expected


def test_another_scale_has_no_unit_and_says_which_it_is():
    for family, link in (("lognormal", None), ("gaussian", "log")):
        fit = fit_with_units(family, link, y="ms", x="days")
        assert fit.design.axis_units.linear == ""
        assert fit.design.axis_units.of_effects(("x",)) == {}
        assert on_scale(fit) == " on the log scale"
    assert on_scale(fit_with_units()) == ""


def test_a_model_without_fixed_effects_is_described():
    table = {"y": [1, 2, 3, 1], "g": list("aabb")}
    plain = fit_at("y ~ 0 + (1 | g)", table, sd_g=[1.0], sigma=1.0)
    assert describe_words(plain.design).startswith("y (family gaussian, link identity) has no fixed effects.\n")
    ordinal = fit_at("y ~ 1 + (1 | g)", table, family="cumulative", sd_g=[1.0], cutpoints=[-1.0, 1.0])
    assert "depends on its cutpoints only in the population." in describe_words(ordinal.design)
