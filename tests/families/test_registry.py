import pytest

from partialpool.errors import SpecError
from partialpool.families.registry import _ADVICE, _ELSEWHERE, FAMILIES, family_named
from partialpool.names import FAMILY_PARAMETERS, RESERVED


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_found_by_its_own_name_and_starts_with_its_default_link(name):
    family = family_named(name)
    assert family.name == name
    assert family.default_link == family.links[0]
    assert len(set(family.links)) == len(family.links)


@pytest.mark.parametrize("name", FAMILIES)
def test_names_of_family_parameters_are_reserved(name):
    names = {parameter for parameter, _ in FAMILIES[name].parameters}
    assert names <= set(FAMILY_PARAMETERS) <= RESERVED
    assert FAMILIES[name].in_response_units <= names


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("Gaussian", "gaussian"), ("poison", "poisson"), ("negative_binom", "negative_binomial"), ("studen", "student_t")],
)
def test_an_unknown_family_names_the_nearest(name, suggestion, refuses):
    error = refuses(SpecError, lambda: family_named(name), repr(name))
    assert f"'{suggestion}' (nearest)" in error.allowed


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("negbinomial", "'negative_binomial'"),
        ("nbinom2", "'negative_binomial'"),
        ("ordinal", "'cumulative'"),
        ("sequential", "'sratio'"),
        ("adjacent", "'acat'"),
        ("cratio", "write family='sratio', P(y = k | y >= k) = F(cutpoint_k - eta): under logit and probit it is the"),
        ("Normal", "'gaussian'"),
        ("Student-t", "'student_t'"),
        ("POISSON", "'poisson'"),
        ("logistic", "'bernoulli'"),
        ("zip", "'zero_inflated_poisson'"),
        ("betabinomial", "'beta_binomial'"),
        ("quasibinomial", "'beta_binomial'"),
        ("zinb", "'zero_inflated_negative_binomial'"),
        ("hurdle_negbinomial", "'hurdle_negative_binomial'"),
        ("ziplss", "family='hurdle_poisson' or 'hurdle_negative_binomial'"),
        ("tweedie", "family='hurdle_gamma' or 'hurdle_lognormal'"),
        ("wald", "'inverse_gaussian'"),
        ("inverse.gaussian", "'inverse_gaussian'"),
        ("zoib", "'zero_one_inflated_beta'"),
        ("ex_gaussian", "'exgaussian'"),
        ("skewnormal", "'skew_normal'"),
        (
            "survival",
            "write family='weibull', 'exponential', 'gamma' or 'lognormal'; events that have not happened yet",
        ),
        ("zero_inflated_beta", "family='zero_one_inflated_beta'"),
        ("nbinom1", "variance is proportional to the mean is not available; write family='negative_binomial'"),
        ("quasipoisson", "pp.plot_quantile_residuals(pp.quantile_residuals(fit))"),
        ("unheard of", "one of these families"),
    ],
)
def test_names_of_other_packages_get_advice(name, instead, refuses):
    assert instead in refuses(SpecError, lambda: family_named(name), repr(name)).do


@pytest.mark.parametrize("name", sorted({*_ELSEWHERE, *_ADVICE}))
def test_a_name_of_another_package_marks_no_nearest_spelling(name, refuses):
    error = refuses(SpecError, lambda: family_named(name), repr(name))
    assert error.allowed == ", ".join(map(repr, FAMILIES))


def test_what_is_recommended_exists():
    assert set(_ELSEWHERE.values()) <= set(FAMILIES)
    assert not {*_ELSEWHERE, *_ADVICE} & set(FAMILIES)


@pytest.mark.parametrize("name", ["", None, 3, FAMILIES["poisson"], ["gaussian"], {"family": "poisson"}])
def test_what_is_not_a_family_name_is_refused(name, refuses):
    refuses(SpecError, lambda: family_named(name), "unknown family")


def test_the_table_of_families_cannot_be_changed():
    with pytest.raises(TypeError):
        FAMILIES["mine"] = FAMILIES["poisson"]
    with pytest.raises(AttributeError):
        FAMILIES["poisson"].name = "mine"
