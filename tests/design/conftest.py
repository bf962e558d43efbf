import copy

import numpy as np
import pandas as pd
import pytest

from partialpool.design.build import build_design
from partialpool.errors import DataError
from partialpool.spec.model import ModelSpec


def same(left, right):
    if isinstance(left, pd.DataFrame):
        pd.testing.assert_frame_equal(left, right)
    elif isinstance(left, dict):
        assert list(left) == list(right)
        for name in left:
            np.testing.assert_array_equal(left[name], right[name])
    elif hasattr(left, "equals"):
        assert left.equals(right)


@pytest.fixture
def table():
    rng = np.random.default_rng(20)
    n = 48
    return pd.DataFrame(
        {
            "y": rng.normal(10, 2, n),
            "x": rng.normal(size=n),
            "z": rng.normal(5, 3, n),
            "pos": rng.uniform(0.1, 0.9, n),
            "count": rng.integers(0, 9, n),
            "trials": np.full(n, 10),
            "g": np.repeat(list("abcdefgh"), 6),
            "h": np.tile([1, 2, 3, 4], 12),
            "f": np.tile(list("uvwwvu"), 8),
        }
    )


@pytest.fixture
def build():
    """Return a function that builds a design, and asserts that the given table is unchanged."""

    def run(formula, data, *, missing="drop", **options):
        before = copy.deepcopy(data)
        try:
            return build_design(ModelSpec.from_formula(formula, **options), data, missing=missing)
        finally:
            same(data, before)

    return run


@pytest.fixture
def refused(build):
    """Return a function that asserts that a table is refused, and what the four parts of the error contain."""

    def run(formula, data, *parts, kind=DataError, **options):
        with pytest.raises(kind) as caught:
            build(formula, data, **options)
        check_parts(caught.value, *parts)

    return run


def check_parts(error, wrong, got, allowed, do):
    for part, text in (("wrong", wrong), ("got", got), ("allowed", allowed), ("do", do)):
        assert text in getattr(error, part), f"{part}: {getattr(error, part)!r} does not contain {text!r}"
        assert getattr(error, part) in str(error)


@pytest.fixture(name="check_parts")
def check_parts_fixture():
    return check_parts
