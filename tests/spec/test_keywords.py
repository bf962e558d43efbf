"""Arguments that a function does not have: four-part errors, with what to write instead of others' keywords."""

import pytest

import partialpool as pp
from partialpool.spec.keywords import explains_keywords

OTHERS = [
    *(pp.check, pp.compare, pp.contrast, pp.design_effect, pp.elicit, pp.fit_file, pp.group_effects, pp.hypothesis),
    *(pp.level_effects, pp.level_influence, pp.level_lines, pp.level_ranks, pp.level_statistics, pp.load_fit),
    *(
        pp.log_likelihood,
        pp.log_prior,
        pp.naive_errors,
        pp.posterior_checks,
        pp.posterior_predictive,
        pp.power_scale,
        pp.predict,
    ),
    *(pp.prior_grid, pp.quantile_residuals, pp.recenter, pp.residual_trends, pp.shrinkage, pp.summary),
    *(pp.to_datatree, pp.variance_components, pp.variance_function),
]
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
        ("ziformula", "write family='zero_inflated_poisson'"),
        ("dispformula", "write predictors of the family's parameter in the formula"),
    ],
)
def test_the_error_states_what_to_write_instead(keyword, instead, refuses):
    error = refuses(pp.KeywordError, lambda: pp.fit("y ~ x + (1 | g)", {}, **{keyword: 1}), keyword)
    assert instead in error.do


def test_a_long_value_is_not_repeated(refuses):
    error = refuses(pp.KeywordError, lambda: pp.fit("y ~ x", {}, weights=list(range(1000))))
    assert error.got == "weights=..."


@pytest.mark.parametrize(
    ("call", "mentions"),
    [
        (lambda: pp.compare(1, 2), ["compare() has 1 argument that needs no name", "{'slopes': fit,"]),
        (
            lambda: pp.fit("y ~ x", {}, "poisson"),
            ["fit() has 2 arguments", "after data, for instance family='poisson'"],
        ),
        (lambda: pp.fit("y ~ x", {}, "poisson", family="normal"), ["for instance link='poisson'"]),
        (lambda: pp.level_effects(1, "x", "g"), ["for instance factor='g'"]),
        (lambda: pp.variance_components(1, "g"), ["['sd'].sel(factor='g')"]),
        (lambda: pp.group_effects(1, "g", "x"), ["group_effects(fit, factor, parameter=...)", "parameter='x'"]),
        (lambda: pp.fit("y ~ x"), ["fit() is called without 'data'", "pass data too"]),
        (lambda: pp.compare(), ["compare() is called without 'fits'", "nothing"]),
        (lambda: pp.elicit("Gamma"), ["elicit() is called without 'between'"]),
        (lambda: pp.predict(1, 2, data=3), ["pass data once"]),
        (lambda: pp.predict(1, newdata=2), ["as the second argument: pp.predict(fit, newdata)"]),
        (lambda: pp.posterior_predictive(1, newdata=2), ["pp.posterior_predictive(fit, newdata)"]),
        (lambda: pp.predict(1, re_formula=None), ["kind='typical' (re_formula=NA"]),
        (lambda: pp.predict(1, include_group_specific=False), ["kind='typical'"]),
        (lambda: pp.predict(1, type="response"), ["['linear_predictor'] on the link's"]),
        (lambda: pp.predict(1, allow_new_levels=True), ["new_levels='sample'"]),
        (lambda: pp.predict(1, prob=0.9), ["pp.summary(answer, prob=0.9)"]),
        (lambda: pp.summary(1, hdi_prob=0.9), ["write prob=0.9"]),
        (lambda: pp.check(1, random_seed=3), ["write seed=1"]),
        (lambda: pp.level_effects(1, "x", group="g"), ["write factor='g'"]),
        (lambda: pp.maximum_likelihood("y ~ x", {}, REML=True), ["write reml=True"]),
    ],
)
def test_arguments_that_do_not_fit_are_answered(call, mentions, refuses):
    error = refuses(pp.KeywordError, call, *mentions)
    assert "{function}" not in str(error)


@pytest.mark.parametrize("function", OTHERS, ids=lambda f: f.__name__)
def test_every_question_refuses_wrong_arguments_in_four_parts(function, refuses):
    open_ended = function in (pp.elicit, pp.fit_file, pp.prior_grid, pp.recenter)
    wrong = (lambda: function(*range(20))) if open_ended else (lambda: function("fit", nothing_like_it=1))
    if function is pp.fit_file:
        assert hasattr(function, "__wrapped__")
    refuses(pp.KeywordError, wrong, f"{function.__name__}()")


def test_what_a_function_raises_itself_is_unchanged():
    @explains_keywords
    def broken(x, *rest, flag=False):
        return x + None

    with pytest.raises(TypeError, match="unsupported operand"):
        broken(1, 2, 3, flag=True)
