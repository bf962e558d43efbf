"""The linear predictor against a dense loop, and the effects of new levels."""

import numpy as np
import pandas as pd
import pytest

from partialpool.design.build import build_design
from partialpool.design.newdata import new_rows, own_rows
from partialpool.model.default_priors import resolve_priors
from partialpool.model.predictor import linear_predictor, with_new_levels
from partialpool.model.prior import draw_prior
from partialpool.spec.model import ModelSpec


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    n = 60
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(size=n),
            "f": rng.choice(["u", "v", "w"], size=n),
            "n": rng.uniform(1, 2, size=n),
            "g": rng.integers(0, 6, size=n),
            "h": rng.integers(0, 4, size=n),
        }
    )


def test_the_predictor_equals_a_loop_over_rows(table):
    design = build_design(ModelSpec.from_formula("y ~ x * f + offset(n) + (x | g) + (0 + f | h)"), table)
    draws = draw_prior(design, resolve_priors(design), 3, seed=1)
    eta = linear_predictor(design, own_rows(design), draws)
    for d in range(3):
        for i, row in table.iterrows():
            v, w = row.f == "v", row.f == "w"
            x = np.array([1, row.x, v, w, row.x * v, row.x * w])
            expected = row.n + draws["beta"][d] @ x
            expected += draws["b_g"][d, row.g] @ np.array([1, row.x])
            expected += draws["b_h"][d, row.h] @ np.array([row.f == "u", v, w])
            assert eta[d, i] == pytest.approx(expected)


def test_new_levels_draw_their_own_effects_from_the_population(table):
    design = build_design(ModelSpec.from_formula("y ~ 1 + (x | g)"), table)
    size = 20_000
    sd, r = np.array([2.0, 0.5]), 0.6
    corr = np.array([[1, r], [r, 1]])
    draws = {
        "beta": np.zeros((size, 1)),
        "sd_g": np.tile(sd, (size, 1)),
        "corr_g": np.tile(corr, (size, 1, 1)),
        "b_g": np.full((size, 6, 2), 7.0),
    }
    fresh = pd.DataFrame({"x": [0.0, 3.0, 0.0, 0.0], "g": [100, 100, 200, 1]})
    rows = new_rows(design, fresh, new_levels="sample")
    eta = linear_predictor(design, rows, with_new_levels(design, rows, draws, seed=3))
    variance = np.array([1, 3.0]) @ (sd[:, None] * corr * sd) @ np.array([1, 3.0])
    assert abs(eta[:, 0].var() - sd[0] ** 2) < 5 * sd[0] ** 2 * np.sqrt(2 / size)
    assert abs(eta[:, 1].var() - variance) < 5 * variance * np.sqrt(2 / size)
    # Rows of one new level share its effects; two new levels do not; a known level keeps its own.
    assert np.corrcoef(eta[:, 0], eta[:, 1])[0, 1] > 0.8
    assert abs(np.corrcoef(eta[:, 0], eta[:, 2])[0, 1]) < 5 / np.sqrt(size)
    assert np.all(eta[:, 3] == 7.0)
    rows = new_rows(design, fresh, new_levels="population")
    typical = linear_predictor(design, rows, with_new_levels(design, rows, draws))
    assert np.all(typical[:, :3] == 0.0)
