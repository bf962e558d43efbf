"""Places in the space of the predictors, and which factors are nested in which."""

import numpy as np
import pandas as pd
import pytest

from partialpool.design.build import build_design
from partialpool.design.grid import covariate_points
from partialpool.design.nesting import nesting
from partialpool.errors import DataError
from partialpool.spec.model import ModelSpec

ROWS = 24
TABLE = pd.DataFrame(
    {
        "y": np.random.default_rng(0).normal(size=ROWS),
        "x": np.random.default_rng(1).normal(3, 2, ROWS),
        "w": np.random.default_rng(2).normal(size=ROWS),
        "c": np.tile(["u", "v"], ROWS // 2),
        "school": np.repeat([0, 1, 2], 8),
        "pupil": np.repeat(np.arange(12), 2),
        "day": np.tile(np.arange(4), 6),
    }
)


def design_of(formula):
    return build_design(ModelSpec.from_formula(formula), TABLE)


def test_a_grid_varies_its_first_column_slowest():
    points = covariate_points(
        design_of("y ~ x + w + (x | school)"), {"x": [1.0, 2.0], "w": [0.0, 5.0, 7.0]}, common=True
    )
    assert points.dims == ("x", "w")
    assert points.shape == (2, 3)
    assert points.common[:, 0].tolist() == [1, 1, 1, 2, 2, 2]
    assert points.common[:, 1].tolist() == [0, 5, 7, 0, 5, 7]
    assert points.effects[0].tolist() == [[1, 1]] * 3 + [[1, 2]] * 3


def test_predictors_that_are_not_named_are_held_at_their_mean():
    points = covariate_points(design_of("y ~ x + I(w**2) + (x | school)"), {"x": [0.0]}, common=True)
    assert points.held == {"w": pytest.approx(TABLE["w"].mean())}
    assert points.common[0] == pytest.approx([0.0, TABLE["w"].mean() ** 2])


def test_only_columns_that_are_needed_are_held():
    points = covariate_points(design_of("y ~ x + c + w + (x | school)"), {"x": 2.0}, common=False)
    assert points.held == {}
    assert points.common is None


def test_categories_and_expressions_keep_their_coding():
    points = covariate_points(design_of("y ~ c + log(x + 9) + (1 | school)"), {"c": "v", "x": [1.0]}, common=True)
    assert points.common[0] == pytest.approx([1.0, np.log(10.0)])


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ({"z": [1]}, "does not read this column"),
        ({"school": [1]}, "does not read this column"),
        ({"x": [[1, 2]]}, "must be a list"),
        ({"x": [1.0]}, "cannot be set to its mean"),
        ({"x": [1.0], "c": ["z"]}, "has not seen"),
    ],
)
def test_invalid_places_are_refused(at, text):
    with pytest.raises(DataError, match=text):
        covariate_points(design_of("y ~ x + c + (1 | school)"), at, common=True)


def test_a_predictor_named_like_a_variable_of_the_answer_is_renamed_there():
    spec = ModelSpec.from_formula("y ~ variance + (1 | school)")
    points = covariate_points(build_design(spec, TABLE.assign(variance=TABLE["x"])), {"variance": [1.0]}, common=True)
    assert (points.columns, points.dims) == (("variance",), ("variance_column",))
    assert points.labels["variance_column"][2] == {"long_name": "variance"}


def test_nesting_is_determined_from_the_rows():
    assert nesting(design_of("y ~ 1 + (1 | school) + (1 | pupil) + (1 | day)")) == {
        "school": (),
        "pupil": ("school",),
        "day": (),
    }
