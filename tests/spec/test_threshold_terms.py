"""`cs(x)`: the same model by formula, keywords and TOML, and what it refuses."""

import pytest

import partialpool as pp
from partialpool.errors import FormulaError, KeywordError, PriorError, SpecError
from partialpool.spec.formula import parse_formula
from partialpool.spec.model import ModelSpec
from partialpool.spec.predictor_spec import predictor_spec

FORMULA = "rating ~ treat + cs(period) + (1 | subject)"


def spec_of(formula, family="acat", **options):
    return ModelSpec.from_formula(formula, family=family, **options)


def test_three_notations_are_one_model():
    spec = spec_of(FORMULA)
    assert spec.cs == ("period",)
    assert spec == ModelSpec("rating", ["treat"], [pp.Group("subject")], cs=["period"], family="acat")
    assert spec == ModelSpec("rating", ["treat"], [pp.Group("subject")], cs="cs(period)", family="acat")
    assert spec == ModelSpec.from_toml_text(spec.to_toml())
    assert spec == ModelSpec.from_toml_text(f'[model]\nformula = "{FORMULA}"\nfamily = "acat"')
    parts = 'response = "rating"\ncommon = ["treat"]\ncs = "period"\nfamily = "acat"'
    text = f'[model]\n{parts}\n[[group]]\nfactor = "subject"'
    assert spec == ModelSpec.from_toml_text(text)
    assert spec.to_formula() == FORMULA
    assert hash(spec) == hash(spec_of(spec.to_formula()))
    assert spec != spec_of("rating ~ treat + (1 | subject)")


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("y ~ cs(x) + cs(z)", "y ~ cs(x + z)"),
        ("y ~ cs(x*z)", "y ~ cs(x + z + x:z)"),
        ("y ~ cs( log(x) ) + z", "y ~ z + cs(log(x))"),
        ("y ~ 1 + cs(x)", "y ~ cs(x)"),
        ("y ~ cs(poly(x, 2)) + offset(v)", "y ~ cs(poly(x, 2)) + offset(v)"),
        ("y ~ cs(`my column`)", "y ~ cs(`my column`)"),
    ],
)
def test_terms_are_canonical(written, canonical):
    spec = spec_of(written, "sratio")
    assert spec.to_formula() == canonical
    assert spec_of(canonical, "sratio") == spec


def test_a_bar_inside_is_compound_symmetry_as_before():
    parsed = parse_formula("y ~ x + cs(0 + visit | g)")
    assert parsed.cs == ()
    assert parsed.groups[0].covariance == "cs"


def test_columns_of_the_terms_are_read():
    spec = spec_of("y ~ a + cs(log(b) + c:d)")
    assert spec.columns == ("y", "a", "b", "c", "d")
    assert spec.expression_columns == ("a", "b", "c", "d")


def test_changed_models_keep_the_terms():
    spec = spec_of(FORMULA, priors={"beta_cs": {"distribution": "Normal", "mu": 0, "sigma": 1}})
    assert spec.with_terms(groups=[]).to_formula() == "rating ~ treat + cs(period)"
    changed = spec.with_priors({"beta_cs2[period]": {"distribution": "Normal", "mu": 0, "sigma": 2}})
    assert changed.cs == spec.cs
    assert set(changed.priors) == {"beta_cs", "beta_cs2[period]"}
    assert set(spec.with_priors({"beta_cs": {"distribution": "Normal", "mu": 0, "sigma": 3}}).priors) == {"beta_cs"}


def test_the_predictor_of_a_threshold_has_its_priors():
    normal = {"distribution": "Normal", "mu": 0, "sigma": 1}
    priors = {"beta_cs[period]": normal, "beta_cs2[period]": {**normal, "sigma": 2}, "beta[treat]": normal}
    spec = spec_of(FORMULA, priors=priors)
    assert predictor_spec(spec, "cs1").to_formula() == "rating ~ period"
    assert {k: p.arguments["sigma"] for k, p in predictor_spec(spec, "cs1").priors.items()} == {"beta[period]": 1}
    assert {k: p.arguments["sigma"] for k, p in predictor_spec(spec, "cs2").priors.items()} == {"beta[period]": 2}


def refused(error, call, *texts):
    with pytest.raises(error) as raised:
        call()
    for text in texts:
        assert text in str(raised.value)


def test_families_without_such_coefficients_say_why():
    refused(
        SpecError,
        lambda: spec_of("y ~ z + cs(x)", "cumulative"),
        "family 'cumulative' has no coefficients for single thresholds: at some values of the predictors the cutpoints "
        "would cross, and a category would have a negative probability",
        "got:     cs(x)",
        "allowed: cs(...) with the families 'sratio' and 'acat', in which thresholds may be in any order",
        "do:      write family='acat' to compare neighbouring categories, family='sratio' for steps",
    )
    refused(
        SpecError,
        lambda: spec_of("y ~ cs(x)", "gaussian"),
        "family 'gaussian' has no thresholds between ordered categories\n",
        "do:      leave cs out, or change the family",
    )
    refused(
        SpecError,
        lambda: ModelSpec("y", cs=["x"], family="categorical"),
        "every category of 'categorical' has its own coefficients already",
    )


def test_a_term_is_inside_or_outside():
    refused(
        SpecError,
        lambda: spec_of("y ~ x + cs(x + z)"),
        "x has one coefficient, and one for each threshold",
        "got:     x + cs(x + z)",
        "allowed: each term once, inside or outside of cs",
        "do:      write x inside of cs only: its coefficients include what the thresholds have in common",
    )


@pytest.mark.parametrize("term", ["cs(x):z", "cs(x, z)", "cs()", "cs(x)*2"])
def test_it_must_be_a_term_by_itself(term):
    refused(
        FormulaError,
        lambda: spec_of(f"y ~ {term}"),
        "cs(...) must be a term by itself, with predictors inside",
        f"got:     '{term}'",
        "allowed: y ~ z + cs(x) + (1 | g), cs(x + z), cs(x:z)",
        "do:      put an interaction into it: cs(x:z) for cs(x):z; compound symmetry is written cs(0 + visit | g)",
    )


def test_inside_another_term_it_is_refused():
    refused(FormulaError, lambda: spec_of("y ~ z:cs(x)"), "a formula may not call 'cs'", "write it as a term by itself")
    refused(FormulaError, lambda: spec_of("y ~ x - cs(x)"), "a formula may not call 'cs'")


def test_intercepts_and_offsets_are_not_predictors():
    refused(
        SpecError,
        lambda: spec_of("y ~ cs(1)"),
        "cs(...) must have predictors",
        "got:     cs(1)",
        "do:      leave it out: the cutpoints are the intercepts of the thresholds",
    )
    refused(SpecError, lambda: spec_of("y ~ cs(x + offset(z))"), "do:      add an offset outside of cs")


@pytest.mark.parametrize(("term", "got"), [("(cs(1) | g)", "(cs(1) | g)"), ("(1 + cs(z) || g)", "(1 + cs(z) | g)")])
def test_effects_of_thresholds_do_not_vary_over_levels(term, got):
    refused(
        FormulaError,
        lambda: spec_of(f"y ~ cs(x) + {term}"),
        "effects of single thresholds cannot vary over the levels of a factor",
        f"got:     {got}",
        "allowed: (1 | g): effects that are the same at every threshold, beside cs(x)",
        "do:      leave cs out: (1 | g); where levels use the categories differently, compare",
    )


def test_the_parameter_of_a_family_has_no_thresholds():
    refused((FormulaError, SpecError), lambda: spec_of("y ~ x, sigma ~ cs(z)", "gaussian"), "sigma ~ cs(z)")


@pytest.mark.parametrize("term", ["s(z)", "cs(0 + z | g)", "(1 | mm(a, b))", "(1 | gr(g, by=arm))"])
def test_parts_of_a_model_that_do_not_go_with_it(term):
    refused(
        SpecError,
        lambda: spec_of(f"y ~ cs(x) + {term}"),
        "coefficients for each threshold do not go with this part of the model",
        "got:     cs(x) and ",
        "allowed: fixed terms, offsets, and grouping terms (effects | factor) and (effects || factor)",
        "do:      leave one of the two out; a curve may be written as poly(x, 3) or bs(x, df=5)",
    )


def test_priors_that_do_not_fit_are_named_as_the_user_names_them():
    refused(
        PriorError,
        lambda: spec_of(FORMULA, priors={"beta_cs[period]": {"distribution": "LKJ", "eta": 2}}),
        "this prior does not fit beta_cs[period]",
        "allowed: a real distribution, for instance Normal(mu=0, sigma=1)",
    )


def test_types_of_the_keyword_and_of_toml():
    refused(SpecError, lambda: ModelSpec("y", cs=3, family="acat"), "cs must be a list of terms", "allowed: ['x', 'z']")
    text = '[model]\nresponse = "y"\nfamily = "acat"\ncs = 3'
    refused(SpecError, lambda: ModelSpec.from_toml_text(text), "cs in [model] has the wrong type", "a list of terms")
    both = f'[model]\nformula = "{FORMULA}"\nfamily = "acat"\ncs = ["z"]'
    refused(SpecError, lambda: ModelSpec.from_toml_text(both), "the model is given twice", "formula and cs")
    refused(
        KeywordError,
        lambda: pp.fit("y ~ x", {}, family="acat", cs=["z"]),
        "fit() does not have the keyword 'cs'",
        "do:      write it in the formula: y ~ z + cs(x)",
    )
