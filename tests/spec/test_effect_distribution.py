"""Group effects with a Student t distribution, stated in a formula, by keywords and in TOML."""

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.errors import FormulaError, PriorError, SpecError
from partialpool.spec.effect_distribution import heavy_factors, why_not_normal
from partialpool.spec.model import ModelSpec
from partialpool.spec.terms import Group


@pytest.mark.parametrize("name", ["student_t", "student"])
@pytest.mark.parametrize("quote", ["'", '"'])
def test_three_notations_are_one_model(name, quote):
    nu = {"nu_g": pp.Prior("Gamma", alpha=3, beta=0.2, lower=2)}
    text = f"y ~ x + (x | gr(g, dist={quote}{name}{quote}))"
    spec = ModelSpec.from_formula(text, priors=nu)
    assert spec == ModelSpec("y", ["x"], [Group("g", slopes=["x"], dist=name)], priors=nu)
    assert spec == ModelSpec.from_toml_text(spec.to_toml())
    assert spec == ModelSpec.from_formula(spec.to_formula(), priors=nu)
    assert 'dist = "student_t"' in spec.to_toml()
    assert spec.to_formula() == "y ~ x + (x | gr(g, dist='student_t'))"
    assert repr(spec.groups[0]).endswith("dist='student_t')")
    assert heavy_factors(spec.groups) == ("g",)
    assert why_not_normal(spec) == "the effects over g have a Student t distribution"


def test_nested_and_independent_effects():
    spec = ModelSpec.from_formula("y ~ 1 + (x || gr(a/b, dist='student_t'))")
    assert spec.to_formula() == "y ~ 1 + (x || gr(a, dist='student_t')) + (x || gr(a:b, dist='student_t'))"


def test_normal_effects_are_written_as_before():
    spec = ModelSpec.from_formula("y ~ 1 + (1 | gr(g, dist='gaussian'))")
    assert spec == ModelSpec.from_formula("y ~ 1 + (1 | g)")
    assert spec.to_formula() == "y ~ 1 + (1 | g)"
    assert "dist" not in spec.to_toml()
    assert not why_not_normal(spec)


STRUCTURED = "effects with a Student t distribution have independent levels and no structure"
REFUSED = {
    "y ~ (1 | gr(g, dist=student))": "cannot read gr",
    "y ~ (1 | gr(g, dist='cauchy'))": "unknown distribution of a group's effects",
    "y ~ (1 | gr(g, dist='student')) + (0 + x | g)": "the effects over g have two distributions",
    "y ~ (1 | gr(mm(a, b), dist='student'))": STRUCTURED,
    "y ~ cs(1 + x | gr(g, dist='student'))": STRUCTURED,
    "y ~ ar1(0 + x | gr(g, dist='student'))": STRUCTURED,
    "y ~ (1 | gr(g, by=arm, dist='student'))": STRUCTURED,
    "y ~ (1 |p| gr(g, dist='student')), sigma ~ (1 |p| g)": STRUCTURED,
    "y ~ (1 | gr(g, dist='student')), sigma ~ (1 | g)": "effects over g with a Student t distribution are those of one",
    "y ~ 1, sigma ~ (1 | gr(g, dist='student'))": "group effects of sigma have a structure",
}


@pytest.mark.parametrize("formula", REFUSED)
def test_what_has_no_one_chi_square_for_each_level_is_refused(formula):
    with pytest.raises((SpecError, FormulaError)) as error:
        ModelSpec.from_formula(formula)
    assert str(error.value).startswith(REFUSED[formula])
    assert all(part in str(error.value) for part in ("got:", "allowed:", "do:"))


def test_related_levels_categories_and_joint_priors_are_refused():
    text = "y ~ 1 + (1 | gr(g, dist='student'))"
    cov = pd.DataFrame(np.eye(2), index=["a", "b"], columns=["a", "b"])
    with pytest.raises(SpecError, match=r"independent levels and no structure[\s\S]*with cov"):
        ModelSpec.from_formula(text, cov={"g": cov})
    with pytest.raises(SpecError, match="family 'categorical' has normal group effects only"):
        ModelSpec.from_formula(text, family="categorical")
    with pytest.raises(PriorError, match="a joint prior of the variances needs normal group effects"):
        ModelSpec.from_formula(text, priors={"icc": pp.Prior("Beta", alpha=1, beta=1)})


def test_priors_of_nu():
    text = "y ~ 1 + (1 | gr(g, dist='student'))"
    fixed = ModelSpec.from_formula(text, priors={"nu_g": pp.Prior("DiracDelta", c=4)})
    assert fixed.priors["nu_g"].support == "fixed"
    with pytest.raises(PriorError, match="this prior does not fit nu_g"):
        ModelSpec.from_formula(text, priors={"nu_g": pp.Prior("Normal", mu=0, sigma=1)})
    with pytest.raises(PriorError, match="the prior of sd_g cannot be truncated"):
        ModelSpec.from_formula(text, priors={"sd_g": pp.Prior("Gamma", alpha=2, beta=1, lower=1)})
