"""The share of implausible replicates, by counting."""

import numpy as np
import pytest

from partialpool.design.build import build_design
from partialpool.spec.model import ModelSpec


def share(family, y, replicates, formula="y ~ 1 + (1 | g)", **columns):
    spec = ModelSpec.from_formula(formula, family=family)
    design = build_design(spec, {"y": y, "g": [0, 0, 1, 1], **columns})
    support, response = design.spec.family_record.support, design.response
    return support.implausible_share(response.values, np.asarray(replicates, float), response.trials)[0]


def test_implausible_replicates_are_counted_for_each_kind_of_response():
    y = [0.0, 1, 2, 3]
    far = 1.5 + 11 * np.std(y)
    assert share("gaussian", y, [[0, 1, far, -far], [1, 1, 1, 1]]) == pytest.approx(2 / 8)
    assert share("poisson", [0, 1, 2, 3], [[301, 300, 0, 1], [400, 1, 1, 1]]) == pytest.approx(2 / 8)
    assert share("gamma", [0.5, 1, 2, 3], [[301, 0.004, 1, 1]]) == pytest.approx(2 / 4)
    assert share("bernoulli", [0, 1, 1, 0], [[0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 0]]) == pytest.approx(2 / 3)
    assert share("cumulative", [0, 1, 2, 1], [[1, 1, 1, 1], [0, 1, 1, 1]]) == pytest.approx(1 / 2)
    counts = {"n": [100, 100, 100, 100]}
    assert share("binomial", [10, 40, 20, 30], [[0, 0, 0, 0], [5, 5, 5, 5]], "p(y, n) ~ 1 + (1 | g)", **counts) == 0.5
