import numpy as np
import pandas as pd
import pytest

from partialpool.design.factors import Levels, learn_levels

SINGLE = {
    "text is sorted": (["b", "a", "c", "a"], ("a", "b", "c"), [1, 0, 2, 0]),
    "integers by value": ([10, 2, 1, 10], (1, 2, 10), [2, 1, 0, 2]),
    "whole floats are integers": ([10.0, 2.0, 2.0], (2, 10), [1, 0, 0]),
    "other floats stay": ([0.5, 2.0, 0.5], (0.5, 2.0), [0, 1, 0]),
    "booleans": ([True, False, True], (False, True), [1, 0, 1]),
    "categoricals keep their order": (
        pd.Categorical(["lo", "hi", "lo"], categories=["lo", "unused", "hi"]),
        ("lo", "hi"),
        [0, 1, 0],
    ),
    "categories of numbers": (pd.Categorical([3.0, 1.0, 3.0]), (1, 3), [1, 0, 1]),
    "long integers": ([2**60 + 1, 2**60, 2**60 + 1], (2**60, 2**60 + 1), [1, 0, 1]),
}


@pytest.mark.parametrize("case", SINGLE)
def test_levels_and_codes(case):
    values, labels, codes = SINGLE[case]
    frame = pd.DataFrame({"g": values})
    levels, found = learn_levels("g", frame)
    assert levels.labels == labels
    assert [type(label) for label in levels.labels] == [type(label) for label in labels]
    assert found.tolist() == codes
    assert np.issubdtype(found.dtype, np.integer)
    again, unseen = levels.encode(frame)
    assert again.tolist() == codes
    assert unseen == ()


def test_a_combination_has_a_level_for_each_pair_that_occurs():
    frame = pd.DataFrame({"a": list("BBAAB"), "b": [2, 1, 1, 1, 2]})
    levels, codes = learn_levels("a:b", frame)
    assert levels.labels == ("A:1", "B:1", "B:2")
    assert codes.tolist() == [2, 1, 0, 0, 2]


def test_a_combination_of_three():
    frame = pd.DataFrame({"a": list("AAB"), "b": list("xyx"), "c": [1, 1, 2]})
    levels, codes = learn_levels("a:b:c", frame)
    assert levels.labels == ("A:x:1", "A:y:1", "B:x:2")
    assert codes.tolist() == [0, 1, 2]


def test_combinations_of_labels_with_a_colon_stay_apart():
    frame = pd.DataFrame({"a": ["x:y", "x", "x:y", "x"], "b": ["z", "y:z", "z", "y:z"]})
    levels, codes = learn_levels("a:b", frame)
    assert len(set(levels.labels)) == 2
    np.testing.assert_array_equal(levels.encode(frame)[0], codes)


def test_new_labels_are_coded_after_the_known_in_order_of_appearance():
    codes, unseen = Levels("g", ("a", "b")).encode(pd.DataFrame({"g": list("bzaqz")}))
    assert codes.tolist() == [1, 2, 0, 3, 2]
    assert unseen == ("z", "q")


def test_whole_floats_find_integer_levels_even_beside_a_fraction():
    levels = Levels("g", (1, 2))
    assert levels.encode(pd.DataFrame({"g": [2.0, 1.0]}))[0].tolist() == [1, 0]
    assert levels.encode(pd.DataFrame({"g": [2.0, 1.0, 2.5]}))[0].tolist() == [1, 0, 2]


def test_whole_floats_find_combined_levels_even_beside_a_fraction():
    known = pd.DataFrame({"a": ["A", "A"], "b": [1, 2]})
    levels, _ = learn_levels("a:b", known)
    codes, unseen = levels.encode(pd.DataFrame({"a": ["A"] * 3, "b": [1.0, 2.0, 2.5]}))
    assert codes.tolist() == [0, 1, 2]
    assert unseen == ("A:2.5",)


def test_numbers_are_not_taken_for_text():
    codes, unseen = Levels("g", ("1", "2")).encode(pd.DataFrame({"g": [1, 2]}))
    assert codes.tolist() == [2, 3]
    assert unseen == (1, 2)
