"""The cells of a study: every combination once, labels that no two share."""

import numpy as np
import pytest

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.questions.grid_cells import make_cells

SCHOOLS = pp.ModelSpec.from_formula("effect ~ 1 + (1 | school)", se="standard_error")


@pytest.fixture(scope="module")
def design():
    return build_design(SCHOOLS, pp.load_dataset("eight_schools"))


def labels(design, *priors):
    return [cell.label for cell in make_cells(SCHOOLS, design, {"sd_school": priors})]


def test_labels_have_as_many_digits_as_tell_them_apart(design):
    scales = (10, 10.00001, 10.00002)
    assert labels(design, *(pp.Prior("HalfNormal", sigma=s) for s in scales)) == [
        "sd_school ~ HalfNormal(sigma=10)",
        "sd_school ~ HalfNormal(sigma=10.00001)",
        "sd_school ~ HalfNormal(sigma=10.00002)",
    ]
    neighbours = (1 / 3, np.nextafter(1 / 3, 1))
    assert len(set(labels(design, *(pp.Prior("HalfNormal", sigma=s) for s in neighbours)))) == 2
    assert labels(design, pp.Prior("HalfNormal", sigma=1 / 3)) == ["sd_school ~ HalfNormal(sigma=0.3333)"]


def test_equal_combinations_are_one(design):
    ten = pp.Prior("HalfNormal", sigma=10)
    again = {"distribution": "HalfNormal", "sigma": 10}
    assert len(labels(design, ten, pp.Prior("HalfNormal", sigma=10.0), again)) == 1
    # Another family, however alike its density, is another cell.
    assert len(labels(design, ten, pp.Prior("PC", u=10, a=0.1))) == 2


def test_combinations_keep_their_order_whichever_way_they_are_written(design):
    one, two = pp.Prior("HalfNormal", sigma=1), pp.Prior("HalfNormal", sigma=2)
    wide, tight = pp.Prior("Normal", mu=0, sigma=50), pp.Prior("Normal", mu=0, sigma=5)
    crossed = make_cells(SCHOOLS, design, {"sd_school": [one, two], "beta[Intercept]": [wide, tight]})
    listed = [{"sd_school": s, "beta[Intercept]": b} for s in (one, two) for b in (wide, tight)]
    listed[1] = dict(reversed(listed[1].items()))
    assert make_cells(SCHOOLS, design, listed) == crossed
    assert [cell.changed[0][1] for cell in crossed] == [f"HalfNormal(sigma={s})" for s in (1, 1, 2, 2)]
    assert crossed[0].resolved["beta[Intercept]"] == wide


@pytest.mark.parametrize(
    "choices",
    [{}, {"sd_school": []}, [], [{}], {"sd_school": pp.Prior("HalfNormal", sigma=1)},
     [{"sd_school": pp.Prior("HalfNormal", sigma=1)}, {"beta[Intercept]": pp.Prior("Normal", mu=0, sigma=1)}]],
)  # fmt: skip
def test_a_study_needs_priors_to_try(design, choices):
    with pytest.raises(pp.PriorError, match="a study needs priors to try"):
        make_cells(SCHOOLS, design, choices)
