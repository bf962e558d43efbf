"""Keywords of other packages: every function that takes a model states what to write instead."""

import pytest

import partialpool as pp

FUNCTIONS = [pp.fit, pp.priors, pp.build_model, pp.pymc_source, pp.maximum_likelihood, pp.lrt, pp.prior_predictive]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_an_unknown_keyword_is_refused_in_four_parts(function, refuses):
    error = refuses(pp.KeywordError, lambda: function("y ~ x + (1 | g)", {}, prios={}), f"{function.__name__}()")
    assert error.got == "prios={}"
    with pytest.raises(TypeError):  # as Python's own error is
        function("y ~ x + (1 | g)", {}, prios={})


@pytest.mark.parametrize(
    ("keyword", "instead"),
    [
        ("iter", "draws="),
        ("warmup", "tune="),
        ("prior", "priors="),
        ("random_seed", "seed="),
        ("control", "target_accept="),
        ("offset", "offset(log(n))"),
        ("weights", "se(s)"),
        ("REML", "maximum_likelihood"),
        ("na_action", "missing="),
    ],
)
def test_the_error_states_what_to_write_instead(keyword, instead, refuses):
    error = refuses(pp.KeywordError, lambda: pp.fit("y ~ x + (1 | g)", {}, **{keyword: 1}), keyword)
    assert instead in error.do


def test_a_long_value_is_not_repeated(refuses):
    error = refuses(pp.KeywordError, lambda: pp.fit("y ~ x", {}, weights=list(range(1000))))
    assert error.got == "weights=..."
