"""The relationship matrix of a pedigree, compared with values computed by hand and with simulated inheritance."""

from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import partialpool as pp
from partialpool import relationship_matrix
from partialpool.datasets.simulate.gene_expression import CHILDREN, FAMILIES, kinship

# c and d are full sibs, f is their half sib. Children: e of c and d, h of c and the unrelated g, i of e and f, k of c
# by selfing.
ROWS = [
    ("k", "c", "c"),
    ("i", "e", "f"),
    ("h", "c", "g"),
    ("g", "0", "0"),
    ("f", "a", "0"),
    ("e", "c", "d"),
    ("d", "a", "b"),
    ("c", "a", "b"),
    ("b", "0", "0"),
    ("a", "0", "0"),
]
TANGLED = pd.DataFrame(ROWS, columns=["animal", "sire", "dam"])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a", "b", 0.0),
        ("a", "c", 0.5),
        ("c", "d", 0.5),
        ("c", "f", 0.25),
        ("e", "e", 1.25),
        ("a", "e", 0.5),
        ("c", "e", 0.75),
        ("e", "f", 0.25),
        ("e", "h", 0.375),
        ("d", "h", 0.25),
        ("i", "i", 1.125),
        ("k", "k", 1.5),
        ("c", "k", 1.0),
        ("g", "k", 0.0),
    ],
)
def test_values_worked_out_by_hand(one, other, expected):
    matrix = relationship_matrix(TANGLED)
    assert matrix.loc[one, other] == matrix.loc[other, one] == expected


def test_order_of_rows_is_kept_and_does_not_matter():
    matrix = relationship_matrix(TANGLED)
    assert matrix.index.tolist() == matrix.columns.tolist() == [row[0] for row in ROWS]
    turned = relationship_matrix(TANGLED.iloc[::-1])
    pd.testing.assert_frame_equal(turned.loc[matrix.index, matrix.columns], matrix)


def test_it_is_twice_the_chance_that_two_genes_drawn_at_random_are_copies_of_one():
    """By gene dropping (MacCluer et al. 1986, Zoo Biology 5:147): a parent passes one of its two genes to a child."""
    rng = np.random.default_rng(3)
    drops, genes = 40_000, {}
    for name, father, mother in reversed(ROWS):
        pair = [
            np.full(drops, 2 * len(genes) + k) if parent == "0" else np.where(rng.random(drops) < 0.5, *genes[parent])
            for k, parent in enumerate((father, mother))
        ]
        genes[name] = tuple(pair)
    matrix = relationship_matrix(TANGLED)
    for (one, own), (other, theirs) in product(genes.items(), repeat=2):
        alike = np.mean([x == y for x in own for y in theirs], axis=0)
        error = alike.std() / np.sqrt(drops)
        assert abs(2 * alike.mean() - matrix.loc[one, other]) <= 2 * 5 * error, (one, other)


def test_missing_values_and_other_marks_mean_unknown_parents():
    family = pd.DataFrame({"person": [1, 2, 3], "father": [None, None, 1], "mother": ["NA", None, "2"]})
    family["father"] = family["father"].astype("Int64")
    matrix = relationship_matrix(family, unknown="NA")
    assert matrix.loc["3"].tolist() == [0.5, 0.5, 1.0]


def test_numbers_from_a_column_with_missing_values_match_the_levels():
    """A column of integers with a missing value contains 3.0 instead of 3."""
    family = pd.DataFrame({"animal": [1, 2, 3], "sire": [np.nan, np.nan, 1], "dam": [0, 0, 2]})
    assert family["sire"].dtype == float
    matrix = relationship_matrix(family)
    assert matrix.index.tolist() == ["1", "2", "3"]
    assert matrix.loc["3"].tolist() == [0.5, 0.5, 1.0]


@pytest.mark.parametrize("convert", [pl.from_pandas, pa.Table.from_pandas])
def test_polars_and_pyarrow_tables_are_pedigrees_too(convert):
    pd.testing.assert_frame_equal(relationship_matrix(convert(TANGLED)), relationship_matrix(TANGLED))


def test_categories_and_more_columns_are_fine():
    people = pp.load_dataset("gene_expression")[["person", "father", "mother", "sex"]].drop_duplicates()
    pd.testing.assert_frame_equal(relationship_matrix(people), kinship())


def test_families_of_the_genes_are_couples_with_children():
    matrix = kinship().to_numpy()
    size = 2 + CHILDREN
    family = np.full((size, size), 0.5)
    family[0, 1] = family[1, 0] = 0
    np.fill_diagonal(family, 1)
    np.testing.assert_array_equal(matrix, np.kron(np.eye(FAMILIES), family))


@pytest.mark.parametrize(
    ("rows", "wrong", "got"),
    [
        ([("a", "0", "0"), ("a", "0", "0")], "every person of a pedigree must have exactly one row", "'a' twice"),
        ([("a", "0", "0"), (None, "a", "0")], "every person of a pedigree must have exactly one row", "none in row 1"),
        ([("a", "b", "0")], "a parent has no row", "'b', of 'a'"),
        ([("a", "b", "0"), ("b", "0", "a")], "a person must not be their own ancestor", "a cycle among a, b"),
        ([("a", "a", "0")], "a person must not be their own ancestor", "a cycle among a"),
    ],
)
def test_an_impossible_pedigree_is_refused(rows, wrong, got):
    with pytest.raises(pp.DataError) as caught:
        relationship_matrix(pd.DataFrame(rows, columns=["person", "father", "mother"]))
    assert (caught.value.wrong, caught.value.got) == (wrong, got)
    assert "correct the pedigree" in caught.value.do


@pytest.mark.parametrize(
    ("table", "got"),
    [
        (pl.from_pandas(TANGLED).lazy(), "polars.LazyFrame"),
        (TANGLED.to_numpy().tolist(), "list"),
        (TANGLED.to_dict("list"), "dict"),
        (TANGLED.to_numpy(), "numpy.ndarray"),
        (None, "NoneType"),
        (TANGLED.set_axis(["a", "b", "b"], axis=1), "'b' 2 times"),
        (pa.table([pa.array(["a"])] * 3, names=["p", "f", "f"]), "'f' 2 times"),
    ],
)
def test_objects_that_are_no_pedigree_are_refused(table, got):
    with pytest.raises(pp.DataError, match=r"this is not a pedigree|two columns with the same name") as caught:
        relationship_matrix(table)
    assert caught.value.got == got


def test_a_table_without_parents_is_refused():
    with pytest.raises(pp.DataError, match="columns for the person, the father and the mother"):
        relationship_matrix(TANGLED[["animal", "sire"]])
