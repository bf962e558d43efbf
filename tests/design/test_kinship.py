"""Levels are matched by name to the rows of a stated covariance."""

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


def test_order_and_number_of_levels_are_those_of_the_data():
    labels = ["a7", "a1", "a0", "a5", "a1"]
    design = design_of(labels)
    own = list(design.factors[0].levels.labels)
    assert own == ["a0", "a1", "a5", "a7"]
    np.testing.assert_allclose(covariance(design), KINSHIP.loc[own, own])
    shuffled = KINSHIP.sample(frac=1, random_state=1)
    np.testing.assert_allclose(covariance(design_of(labels, shuffled[shuffled.index])), KINSHIP.loc[own, own])


def test_numbers_are_matched_by_their_text():
    kinship = KINSHIP.set_axis([str(k) for k in range(12)]).set_axis(range(12), axis=1)
    design = design_of([0, 5, 11, 5], kinship)
    np.testing.assert_allclose(covariance(design), KINSHIP.iloc[[0, 5, 11], [0, 5, 11]])


def test_the_matrix_is_not_rescaled():
    """As in brms and MCMCglmm; default priors use its diagonal entries, averaged over the rows."""
    labels = ["a0", "a1", "a5", "a5", "a7"]
    design, scaled = design_of(labels), design_of(labels, 6.25 * KINSHIP)
    np.testing.assert_allclose(covariance(scaled), 6.25 * covariance(design))
    assert scaled.factors[0].how_many == "4 related levels (mean diagonal entry of cov 6.25)"
    inbred = KINSHIP + np.diag([1.0 if label == "a5" else 0.0 for label in KINSHIP.index])
    design = design_of(labels, inbred)
    np.testing.assert_allclose(np.diagonal(covariance(design)), [1, 1, 2, 1])
    np.testing.assert_allclose(design.factors[0].own, [1, 1, 2, 2, 1])
    assert design.factors[0].mean_own == pytest.approx(7 / 5)
    assert (design_of(labels).factors[0].how_many, design_of(labels).factors[0].mean_own) == ("4 related levels", 1)


@pytest.mark.parametrize(
    ("formula", "size"), [("y ~ 1 + (1 | animal)", 1.0), ("y ~ 1 + (0 + x | animal)", np.sqrt(7 / 3))]
)
def test_default_priors_are_scaled_by_the_contribution_of_an_effect_to_a_row(formula, size):
    """s_y over the root mean square of the column and the root of the mean diagonal entry; the reason states both."""
    inbred = KINSHIP + np.diag([1.0 if label == "a1" else 0.0 for label in KINSHIP.index])
    table = pd.DataFrame({"animal": ["a0", "a1", "a2"] * 2, "y": [1.0, 2, 4, 3, 1, 7], "x": [1.0, 2, -1, 2, 0, 2]})
    priors = pp.priors(formula, table, cov={"animal": inbred})
    (name,) = [parameter for parameter in priors if parameter.startswith("sd_")]
    assert priors[name].arguments["sigma"] == pytest.approx(table["y"].std(ddof=0) / (size * np.sqrt(4 / 3)))
    reason = next(entry.reason for entry in priors.entries if entry.parameter == name)
    assert reason.endswith("k = 1.333, the mean diagonal entry of cov")
    assert "/ sqrt(k)" in reason


def test_one_row_per_level_is_enough_with_relatives():
    assert design_of(list(KINSHIP.index)).factors[0].n_levels == 12
    strangers = pd.DataFrame(np.eye(12), index=KINSHIP.index, columns=KINSHIP.index)
    with pytest.raises(pp.DataError, match="has one row"):
        design_of(list(KINSHIP.index), strangers)
    with pytest.raises(pp.DataError, match="has one row"):
        build_design(ModelSpec.from_formula("y ~ 1 + (1 | animal)"), design_of(list(KINSHIP.index)).frame)


def test_fewer_rows_have_their_part_of_the_matrix():
    design = design_of(["a0", "a1", "a2", "a2", "a8", "a0"])
    kept = keep_rows(design, design.factors[0].codes != 1)
    np.testing.assert_allclose(covariance(kept), KINSHIP.loc[["a0", "a2", "a8"], ["a0", "a2", "a8"]])


def test_the_error_names_levels_that_do_not_match():
    with pytest.raises(pp.DataError) as error:
        design_of(["a0", "b1", "b2", "a0"])
    assert error.value.got == "b1, b2"
    clones = KINSHIP.copy()
    clones.loc["a1"], clones["a1"] = clones.loc["a0"], clones["a0"]
    clones.loc["a1", "a1"] = 1.0
    with pytest.raises(pp.DataError, match="not positive definite") as error:
        design_of(["a0", "a1", "a2", "a0"], clones)
    assert "a0 and a1" in error.value.got
