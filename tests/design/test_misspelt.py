"""Labels near in spelling to a much more frequent one give a warning; ids, numbered and similar names give none."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest

from partialpool.design.build import build_design
from partialpool.design.misspelt import _distance, find_misspelt
from partialpool.design.odd_labels import CountedLabels, find_odd_labels
from partialpool.errors import DataWarning
from partialpool.spec.model import ModelSpec

HABITATS = ["forest"] * 90 + ["hedgerow"] * 88 + ["meadow"] * 91 + ["wetland"] * 87


def found(labels):
    return {one.label: one.frequent for one in find_misspelt(counted(labels))}


def counted(labels):
    return CountedLabels.of(pd.Series(labels, name="v", dtype="category")).rows


def test_misspelt_habitats_are_named_with_the_frequent_one():
    wrong = ["forrest"] * 3 + ["Forrest"] + ["hedge row"] * 5 + ["meadw"] * 4 + ["wetlnd"] * 6 + ["forset"]
    table = pd.DataFrame({"v": [*HABITATS, *wrong]})
    table = table.assign(y=np.random.default_rng(1).normal(size=len(table)), g=np.arange(len(table)) % 9)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        design = build_design(ModelSpec.from_formula("y ~ v + (1 | g)"), table)
    (text,) = [str(one.message) for one in caught if "misspelt" in str(one.message)]
    assert text == (
        "labels of 'v' may be misspelt: got 'Forrest' (1 row; 'forest': 90), 'forrest' (3 rows; 'forest': 90), "
        "'forset' (1 row; 'forest': 90), 'hedge row' (5 rows; 'hedgerow': 88), 'meadw' (4 rows; 'meadow': 91), "
        "'wetlnd' (6 rows; 'wetland': 87); allowed, but each is a separate category: correct it if it means the "
        "frequent one (data['v'].replace({'Forrest': 'forest'}))"
    )
    (_, in_file) = find_odd_labels(design.frame.set_axis(pd.RangeIndex(2, 378, name="line of the file")), {})
    assert in_file.do == "each is a separate category: correct it in the file if it means the frequent one"
    shuffled = table.sample(frac=1, random_state=1)
    assert find_misspelt(counted(shuffled["v"])) == find_misspelt(counted(design.frame["v"]))


def test_a_grouping_factor_s_misspelt_level_is_named():
    table = pd.DataFrame({"site": np.repeat(["Ashford", "Bexley", "Camden"], 20), "y": np.arange(60.0) % 7})
    table.loc[3, "site"] = "Ashfrod"
    text = r"labels of 'site' may be misspelt: got 'Ashfrod' \(1 row; 'Ashford': 19\); "
    with pytest.warns(DataWarning, match=text):
        build_design(ModelSpec.from_formula("y ~ 1 + (1 | site)"), table)


@pytest.mark.parametrize(
    "labels",
    [
        ["site1"] * 40 + ["site2"],
        ["forest1"] * 40 + ["forest11"],
        ["Plot A"] * 40 + ["Plot B"],
        ["plotA"] * 40 + ["plotB"],
        ["north"] * 40 + ["south"],
        ["northern"] * 40 + ["southern"],
        ["male"] * 40 + ["female"] * 2,
        ["treated"] * 40 + ["untreated"] * 2,
        ["cat"] * 40 + ["car"],
        ["forest"] * 40 + ["forrest"] * 6,
        ["upper wood"] * 40 + ["lower wood"],
        ["Larus canus"] * 40 + ["Larus fuscus"],
        ["Hansen"] * 40 + ["Hanssen"] * 30 + ["Jansen"] * 2,
        ["forest"] * 40 + ["Forest"],
    ],
    ids=lambda labels: f"{labels[0]} {labels[-1]}",
)
def test_ordinary_labels_are_left_alone(labels):
    assert found(labels) == {}


@pytest.mark.parametrize("wrong", ["forrest", "foest", "forset", "forezt", "fo-rest", "FORREST", "forests"])
def test_one_error_is_found(wrong):
    assert found(["forest"] * 40 + ["bog"] * 40 + [wrong] * 2) == {wrong: "forest"}


def test_two_errors_are_found_in_long_words_alone():
    assert found(["grassland edge"] * 40 + ["graslandd edge"]) == {}
    assert found(["broadleaved"] * 40 + ["brodleavd"]) == {}
    assert found(["broadleaved wood"] * 40 + ["brroadleavedd wood"]) == {"brroadleavedd wood": "broadleaved wood"}


def test_the_distance_is_that_of_the_fewest_edits():
    """Within distance two, by trying every edit of short words."""

    def edits(word):
        places = range(len(word) + 1)
        yield from (word[:k] + word[k + 1 :] for k in places if k < len(word))
        yield from (word[:k] + c + word[k:] for k in places for c in "ab")
        yield from (word[:k] + c + word[k + 1 :] for k in places if k < len(word) for c in "ab")
        yield from (word[:k] + word[k + 1] + word[k] + word[k + 2 :] for k in places if k + 1 < len(word))

    words = ["".join(letters) for n in range(5) for letters in itertools.product("ab", repeat=n)]
    for word in words:
        one = set(edits(word)) - {word}
        for other in words:
            assert (_distance(word, other) == 0) == (word == other)
            assert (_distance(word, other) == 1) == (other in one)
