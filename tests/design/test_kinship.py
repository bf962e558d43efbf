"""Levels find their rows in a stated covariance, by name."""

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.kin import sib_matrix
from partialpool.design.build import build_design
from partialpool.design.subset import keep_rows
from partialpool.spec.model import ModelSpec

KINSHIP = sib_matrix(3, 4)


def design_of(labels, kinship=KINSHIP, formula="y ~ 1 + (1 | animal)"):
    table = pd.DataFrame({"animal": labels, "y": np.arange(len(labels)) % 5 + 0.5 * np.arange(len(labels))})
    return build_design(ModelSpec.from_formula(formula, cov={"animal": kinship}), table)


def covariance(design):
    root = design.factors[0].root
    return root @ root.T


def test_order_and_number_of_levels_are_the_datas():
    labels = ["a7", "a1", "a0", "a5", "a1"]
    design = design_of(labels)
    own = list(design.factors[0].levels.labels)
    assert own == ["a0", "a1", "a5", "a7"]
    np.testing.assert_allclose(covariance(design), KINSHIP.loc[own, own])
    shuffled = KINSHIP.sample(frac=1, random_state=1)
    np.testing.assert_allclose(covariance(design_of(labels, shuffled[shuffled.index])), KINSHIP.loc[own, own])


def test_numbers_are_found_by_their_text():
    kinship = KINSHIP.set_axis([str(k) for k in range(12)]).set_axis(range(12), axis=1)
    design = design_of([0, 5, 11, 5], kinship)
    np.testing.assert_allclose(covariance(design), KINSHIP.iloc[[0, 5, 11], [0, 5, 11]])


def test_units_of_the_matrix_do_not_matter():
    """Its mean own entry over the rows is taken out: sds, shares and default priors are those of an average level."""
    labels = ["a0", "a1", "a5", "a5", "a7"]
    design, scaled = design_of(labels), design_of(labels, 6.25 * KINSHIP)
    np.testing.assert_allclose(covariance(scaled), covariance(design))
    assert scaled.factors[0].kinship.unit == pytest.approx(6.25)
    assert scaled.factors[0].how_many == "4 related levels (cov divided by its mean own entry 6.25)"
    inbred = KINSHIP + np.diag([1.0 if label == "a5" else 0.0 for label in KINSHIP.index])
    own = np.diagonal(covariance(design_of(labels, inbred)))
    np.testing.assert_allclose(own, np.array([1, 1, 2, 1]) / 1.4)


def test_one_row_a_level_is_enough_with_relatives():
    assert design_of(list(KINSHIP.index)).factors[0].n_levels == 12
    strangers = pd.DataFrame(np.eye(12), index=KINSHIP.index, columns=KINSHIP.index)
    with pytest.raises(pp.DataError, match="seen once"):
        design_of(list(KINSHIP.index), strangers)
    with pytest.raises(pp.DataError, match="seen once"):
        build_design(ModelSpec.from_formula("y ~ 1 + (1 | animal)"), design_of(list(KINSHIP.index)).frame)


def test_fewer_rows_have_their_part_of_the_matrix():
    design = design_of(["a0", "a1", "a2", "a2", "a8", "a0"])
    kept = keep_rows(design, design.factors[0].codes != 1)
    np.testing.assert_allclose(covariance(kept), KINSHIP.loc[["a0", "a2", "a8"], ["a0", "a2", "a8"]])


def test_what_does_not_match_is_told():
    with pytest.raises(pp.DataError) as error:
        design_of(["a0", "b1", "b2", "a0"])
    assert error.value.got == "b1, b2"
    clones = KINSHIP.copy()
    clones.loc["a1"], clones["a1"] = clones.loc["a0"], clones["a0"]
    clones.loc["a1", "a1"] = 1.0
    with pytest.raises(pp.DataError, match="not positive definite") as error:
        design_of(["a0", "a1", "a2", "a0"], clones)
    assert "a0 and a1" in error.value.got
