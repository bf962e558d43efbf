"""The statement of a known covariance among levels."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xarray as xr

import partialpool as pp
from checks.kin import sib_matrix
from partialpool.spec.relationship import as_relationship

LABELS = ["ann", "bob", "cem"]
MATRIX = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 0.25], [0.0, 0.25, 1.5]])
TABLE = pd.DataFrame(MATRIX, index=LABELS, columns=LABELS)
LOWER = [1.0, 0.5, 1.0, 0.0, 0.25, 1.5]


def test_one_matrix_in_many_forms(tmp_path):
    path = tmp_path / "kinship.csv"
    TABLE.to_csv(path)
    array = xr.DataArray(MATRIX, dims=("a", "b"), coords={"a": LABELS, "b": LABELS})
    known = as_relationship(TABLE)
    assert known.lower == tuple(LOWER)
    forms = [path, str(path), array, known, {"levels": LABELS, "lower": LOWER}, TABLE[LABELS[::-1]]]
    assert {as_relationship(form) for form in forms} == {known}


def test_labels_may_be_numbers():
    known = as_relationship(pd.DataFrame(MATRIX, index=[1, 2, 3], columns=[1, 2, 3]))
    assert known.levels == ("1", "2", "3")
    zero = pd.DataFrame(MATRIX, index=[0, 1, 2], columns=[0, 1, 2])
    assert as_relationship(zero).levels == ("0", "1", "2")


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (MATRIX, "needs their labels"),
        (pd.DataFrame(MATRIX), "needs their labels"),
        (MATRIX.tolist(), "needs their labels"),
        (pl.from_pandas(TABLE.reset_index()), "needs their labels"),
        (pl.from_pandas(TABLE.reset_index()).lazy(), "got:     polars.LazyFrame"),
        (TABLE.set_axis(["ann", "ann", "cem"], axis=1), "same labels"),
        (TABLE.set_axis(["ann", "ann", "cem"]).set_axis(["ann", "ann", "cem"], axis=1), "each level must have one row"),
        (TABLE.rename(columns={"cem": "dan"}), "same labels"),
        (TABLE.iloc[:2], "same labels"),
        (TABLE.set_axis(["ann", "ann", "cem"]), "each level must have one row"),
        (TABLE.where(TABLE != 0.25, np.nan), "finite numbers"),
        (TABLE + np.triu(np.full((3, 3), 0.1), 1), "symmetric"),
        (TABLE - np.eye(3), "diagonal entries of a covariance must be above 0"),
        (pd.DataFrame(), "each level must have one row"),
        ({"levels": LABELS}, "not a covariance among levels"),
        ({"levels": LABELS, "lower": LOWER[:-1]}, "wrong length"),
        ({"levels": LABELS, "lower": [*LOWER[:-1], "x"]}, "finite numbers"),
    ],
)
def test_objects_that_are_no_covariance_are_refused(value, what):
    with pytest.raises(pp.SpecError, match=what):
        pp.Group("animal", cov=value)


@pytest.mark.parametrize("text", [",a,b\na,1,x\nb,0,1\n", "", ",a\n"])
def test_a_file_that_is_no_matrix_is_refused(tmp_path, text):
    path = tmp_path / "k.csv"
    path.write_text(text)
    with pytest.raises(pp.PartialPoolError):
        as_relationship(path)


def test_a_missing_file_is_an_error():
    with pytest.raises(pp.FileError, match="cannot read the covariance"):
        pp.Group("animal", cov="no such file.csv")


def test_three_notations_are_equal(tmp_path):
    TABLE.to_csv(tmp_path / "kinship.csv")
    by_group = pp.ModelSpec("y", ["x"], [pp.Group("animal", cov=TABLE)])
    by_factor = pp.ModelSpec.from_formula("y ~ x + (1 | animal)", cov={"animal": TABLE})
    grouped = '[model]\nresponse = "y"\ncommon = ["x"]\n[[group]]\nfactor = "animal"\ncov = "kinship.csv"\n'
    written = '[model]\nformula = "y ~ x + (1 | animal)"\n[cov]\nanimal = "kinship.csv"\n'
    specs = [by_group, by_factor]
    for number, text in enumerate((grouped, written)):
        path = tmp_path / f"model{number}.toml"
        path.write_text(text)
        specs.append(pp.ModelSpec.from_toml(path))
    specs.append(pp.ModelSpec.from_toml_text(by_group.to_toml()))
    assert set(specs) == {by_group}
    assert by_group != pp.ModelSpec.from_formula("y ~ x + (1 | animal)")
    assert by_group.to_formula() == "y ~ x + (1 | animal)"
    assert by_group.with_priors({"sigma": pp.Prior("HalfNormal", sigma=1)}).groups == by_group.groups


def test_a_covariance_belongs_to_the_factor():
    spec = pp.ModelSpec.from_formula("y ~ x + (1 | animal) + (0 + x | animal)", cov={"animal": TABLE})
    assert len({group.cov for group in spec.groups}) == 1
    with pytest.raises(pp.SpecError, match="two different covariances among the levels of animal"):
        pp.ModelSpec("y", groups=[pp.Group("animal", cov=TABLE)], cov={"animal": 2 * TABLE})
    with pytest.raises(pp.SpecError, match="a factor that the model does not have"):
        pp.ModelSpec.from_formula("y ~ x + (1 | animal)", cov={"anmal": TABLE})
    with pytest.raises(pp.SpecError, match="by factor"):
        pp.ModelSpec.from_formula("y ~ x + (1 | animal)", cov=TABLE.to_numpy())
    with pytest.raises(pp.SpecError, match="can only be given for one factor"):
        pp.Group("family/animal", cov=TABLE)


def test_the_covariance_of_a_specification_cannot_be_given_again():
    data = pd.DataFrame({"animal": LABELS, "y": [1.0, 2.0, 3.0]})
    spec = pp.ModelSpec.from_formula("y ~ 1 + (1 | animal)", cov={"animal": TABLE})
    with pytest.raises(pp.SpecError, match="already has these options"):
        pp.priors(spec, data, cov={"animal": TABLE})


def test_a_large_matrix_has_a_short_repr():
    spec = pp.ModelSpec.from_formula("y ~ x + (1 | animal)", cov={"animal": sib_matrix(60, 6)})
    assert repr(spec.groups[0]).endswith("cov=Relationship of 360 levels)")
    assert hash(spec) == hash(pp.ModelSpec.from_toml_text(spec.to_toml()))


@pytest.mark.parametrize("cov", [TABLE, [TABLE], pl.from_pandas(TABLE.reset_index()).lazy(), LABELS])
def test_covariances_are_given_by_factor(cov):
    with pytest.raises(pp.SpecError, match="given by factor") as error:
        pp.ModelSpec.from_formula("y ~ 1 + (1 | animal)", cov=cov)
    assert "\n" not in error.value.got
    data = pd.DataFrame({"animal": LABELS * 2, "y": range(6)})
    with pytest.raises(pp.SpecError, match="already has these options"):
        pp.maximum_likelihood(pp.ModelSpec.from_formula("y ~ 1 + (1 | animal)"), data, cov=cov)


def test_covariances_may_be_left_out_of_the_text():
    priors = {"sigma": pp.Prior("HalfNormal", sigma=2)}
    spec = pp.ModelSpec.from_formula("y ~ x + (1 | animal) + (1 | h)", cov={"animal": TABLE}, priors=priors)
    text = spec.to_toml(covariances=False)
    assert "lower" not in text
    assert pp.ModelSpec.from_toml_text(text, cov={"animal": TABLE}) == spec
    assert pp.ModelSpec.from_toml_text(spec.to_toml()) == spec
