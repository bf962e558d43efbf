import math
import pickle

import numpy as np
import pytest
from scipy import stats

from partialpool.distributions.frozen import frozen
from partialpool.distributions.power import power_prior
from partialpool.distributions.prior import Prior
from partialpool.distributions.table import DISTRIBUTIONS
from partialpool.errors import PriorError
from partialpool.spec.model import ModelSpec
from partialpool.spec.priortable import PriorTable, as_prior

EXAMPLES = [
    Prior("Normal", mu=3, sigma=20),
    Prior("StudentT", nu=3, mu=-2, sigma=2.5),
    Prior("Cauchy", alpha=1, beta=2.5),
    Prior("Laplace", mu=-1, b=0.5),
    Prior("Logistic", mu=2, s=3),
    Prior("Uniform", lower=-3, upper=12),
    Prior("UnitInformation", mu=-2, sigma=7),
    Prior("HalfNormal", sigma=50),
    Prior("HalfStudentT", nu=3, sigma=2.5),
    Prior("HalfCauchy", beta=4),
    Prior("HalfLogistic", s=1.5),
    Prior("Exponential", lam=0.2),
    Prior("Gamma", alpha=2, beta=0.1),
    Prior("InverseGamma", alpha=0.4, beta=0.3),
    Prior("LogNormal", mu=-0.5, sigma=1.5),
    Prior("Weibull", alpha=1.5, beta=3),
    Prior("PC", u=10, a=0.05),
    Prior("Beta", alpha=2, beta=5),
    Prior("Dirichlet", a=1),
    Prior("LKJ", eta=2),
    Prior("DiracDelta", c=4),
]
SCALAR = [p for p in EXAMPLES if p.support in ("real", "positive")]
FOREIGN = [
    p
    for p in EXAMPLES
    if p.support in ("real", "positive", "unit") and p.standard == p and not DISTRIBUTIONS[p.distribution].half_of
]
GOOD = {p.distribution: p.arguments for p in EXAMPLES}


def test_the_examples_cover_every_distribution():
    assert [p.distribution for p in EXAMPLES] == list(DISTRIBUTIONS)


@pytest.mark.parametrize("prior", EXAMPLES, ids=str)
def test_a_prior_is_a_value(prior):
    again = Prior(prior.distribution, **dict(reversed(prior.arguments.items())))
    assert again == prior
    assert hash(again) == hash(prior)
    assert pickle.loads(pickle.dumps(prior)) == prior
    assert eval(repr(prior), {"Prior": Prior}) == prior
    assert as_prior(prior) is prior
    assert as_prior({"distribution": prior.distribution, **prior.arguments}) == prior


def test_a_prior_cannot_be_changed():
    prior = Prior("Normal", mu=0, sigma=1)
    with pytest.raises(AttributeError):
        prior.distribution = "Cauchy"
    prior.arguments["mu"] = 5.0
    assert prior == Prior("Normal", mu=0, sigma=1)


@pytest.mark.parametrize("unit", [10.0, 0.37, 1.0, 1e6, 1e-6])
@pytest.mark.parametrize("prior", SCALAR, ids=str)
def test_a_change_of_units_is_a_change_of_variables(prior, unit):
    x = np.array([0.01, 0.5, 1.0, 2.7, 11.0])
    x = np.concatenate([-x[:3], x]) if prior.support == "real" else x
    rescaled = frozen(prior.in_units_of(unit)).logpdf(x / unit) - math.log(unit)
    np.testing.assert_allclose(rescaled, frozen(prior).logpdf(x), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("prior", EXAMPLES[-2:], ids=str)
def test_a_prior_without_units_does_not_change(prior):
    assert prior.in_units_of(7.0) == prior


@pytest.mark.parametrize("prior", SCALAR, ids=str)
def test_a_change_of_units_can_be_reversed(prior):
    back = prior.in_units_of(8.0).in_units_of(1 / 8.0)
    assert back.arguments == pytest.approx(prior.arguments)


@pytest.mark.parametrize("unit", [0, -1, math.nan, math.inf])
@pytest.mark.parametrize("prior", [Prior("Normal", mu=1, sigma=1), Prior("LogNormal", mu=1, sigma=1)], ids=str)
def test_a_unit_is_a_positive_number(prior, unit, refuses):
    refuses(PriorError, lambda: prior.in_units_of(unit))


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("normal", "Normal"), ("HalfNorm", "HalfNormal"), ("Student", "StudentT"), ("LKJCorr", "LKJ"), ("gamma", "Gamma")],
)
def test_an_unknown_distribution_names_the_nearest(name, suggestion, refuses):
    error = refuses(PriorError, lambda: Prior(name, mu=0, sigma=1), repr(name))
    assert f"'{suggestion}' (nearest)" in error.allowed


@pytest.mark.parametrize("name", ["", None, 3, ["Normal"], {"a": 1}, "Poisson", "os.system"])
def test_what_is_not_a_distribution_is_refused(name, refuses):
    error = refuses(PriorError, lambda: Prior(name))
    assert error.wrong == "unknown distribution for a prior"
    assert error.got == repr(name)


@pytest.mark.parametrize(
    ("given", "instead"),
    [
        (("normal", 0, 1), "pp.Prior('Normal', mu=0, sigma=1)"),
        (("Normal", 0, 1), "pp.Prior('Normal', mu=0, sigma=1)"),
        (("Normal", 0), "pp.Prior('Normal', mu=..., sigma=...)"),
        (("half_normal", 2.5), "pp.Prior('HalfNormal', sigma=2.5)"),
        (("student_t(3, 0, 2.5)",), "pp.Prior('StudentT', nu=3, mu=0, sigma=2.5)"),
        (("exponential(1)",), "pp.Prior('Exponential', lam=1)"),
        (("halfnormal",), "write 'HalfNormal': names are case-sensitive"),
    ],
)
def test_arguments_without_names_and_other_spellings_are_answered(given, instead, refuses):
    error = refuses(PriorError, lambda: Prior(*given))
    assert instead in error.do


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_distribution_without_its_arguments_is_refused(name, refuses):
    error = refuses(PriorError, lambda: Prior(name), *(f"{argument}=..." for argument in GOOD[name]))
    assert error.wrong == f"wrong arguments for {name}"
    assert error.got == "none"


@pytest.mark.parametrize(
    "arguments", [{}, {"mu": 0}, {"mu": 0, "sigma": 1, "nu": 3}, {"mu": 0, "tau": 1}, {"Mu": 0, "sigma": 1}]
)
def test_arguments_are_complete_and_known(arguments, refuses):
    refuses(PriorError, lambda: Prior("Normal", **arguments), "wrong arguments for Normal", "mu, sigma", "mu=...")


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        True,
        False,
        [1.0],
        [],
        (1,),
        "1",
        None,
        1j,
        {},
        10**400,
        np.array([1.0, 2.0]),
        np.nan,
        np.bool_(True),
        np.array([]),
        Prior("HalfNormal", sigma=1),
    ],
    ids=repr,
)
@pytest.mark.parametrize("name", ["mu", "sigma"])
def test_an_argument_is_one_finite_number(name, value, refuses):
    arguments = {"mu": 0, "sigma": 1, name: value}
    refuses(PriorError, lambda: Prior("Normal", **arguments), "finite number")


@pytest.mark.parametrize("value", [0, -1, -0.0, -1e-300])
@pytest.mark.parametrize(
    ("distribution", "name"),
    [(d, a) for d, r in DISTRIBUTIONS.items() for a in r.roles if a not in r.unbounded],
)
def test_scales_rates_and_shapes_are_above_zero(distribution, name, value, refuses):
    arguments = GOOD[distribution] | {name: value}
    refuses(PriorError, lambda: Prior(distribution, **arguments), f"{name} of {distribution}", f"{name}={value:g}")


@pytest.mark.parametrize(("lower", "upper"), [(1, 1), (2, 1), (0.0, -0.0)])
def test_a_uniform_prior_needs_lower_below_upper(lower, upper, refuses):
    refuses(PriorError, lambda: Prior("Uniform", lower=lower, upper=upper), "lower < upper")


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int64(2), np.array(2.0), np.array([2.0])], ids=repr)
def test_numbers_of_other_libraries_are_numbers(value):
    assert Prior("HalfNormal", sigma=value) == Prior("HalfNormal", sigma=2)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "Normal",
        "Normal(0, 1)",
        5,
        [],
        {},
        {"mu": 0, "sigma": 1},
        {"distribution": 5},
        Prior,
        object(),
        math.nan,
        {"distribution": "HalfNormal", "self": 1},
        {"distribution": "HalfNormal", "sigma": 1, "a b": 2},
    ],
    ids=lambda value: repr(value).split(" at 0x")[0],
)
def test_what_is_not_a_prior_is_refused(value, refuses):
    refuses(PriorError, lambda: as_prior(value))


def test_a_table_of_priors_is_an_immutable_mapping():
    a, b = Prior("Normal", mu=0, sigma=1), {"distribution": "HalfNormal", "sigma": 2}
    table = PriorTable({"sigma": b, "beta": a})
    assert table == PriorTable({"beta": a, "sigma": b}) == {"beta": a, "sigma": Prior("HalfNormal", sigma=2)}
    assert hash(table) == hash(PriorTable({"beta": a, "sigma": b}))
    assert list(table) == ["beta", "sigma"]
    assert pickle.loads(pickle.dumps(table)) == table
    with pytest.raises(AttributeError):
        table._items = {}
    with pytest.raises(TypeError):
        table["sigma"] = a
    with pytest.raises(TypeError):
        table._items["sigma"] = a


def test_later_changes_of_its_source_do_not_change_a_table():
    source = {"sigma": Prior("HalfNormal", sigma=1)}
    table = PriorTable(source)
    source["beta"] = Prior("Normal", mu=0, sigma=1)
    assert list(table) == ["sigma"]


# pymc_extras 0.15 imports names that pytensor and better_optimize have deprecated; nothing here can change that.
from_pymc_extras = [
    pytest.mark.filterwarnings("ignore:Importing '(IfElse|ifelse)' from 'pytensor.ifelse':DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:better_optimize.constants:DeprecationWarning"),
]


def marked(function):
    for mark in from_pymc_extras:
        function = mark(function)
    return function


@marked
@pytest.mark.parametrize("prior", FOREIGN, ids=str)
def test_a_pymc_extras_prior_is_converted(prior):
    from pymc_extras.prior import Prior as Foreign

    assert as_prior(Foreign(prior.distribution, **prior.arguments)) == prior


@marked
@pytest.mark.parametrize(
    "build",
    [
        lambda p: p.Prior("Normal", mu=p.Prior("Normal", mu=0, sigma=1), sigma=1),
        lambda p: p.Prior("Normal", mu=0, sigma=p.Prior("HalfNormal", sigma=1)),
        lambda p: p.Prior("Normal", mu=np.array([0.0, 1.0]), sigma=1, dims="g"),
        lambda p: p.Prior("Normal"),
        lambda p: p.Prior("Normal", mu=0, tau=1),
        lambda p: p.Prior("VonMises", mu=0, kappa=1),
        lambda p: p.Prior("Normal", mu=0, sigma=1, transform="exp"),
        lambda p: p.Censored(p.Prior("Normal", mu=0, sigma=1), lower=0),
        lambda p: p.Scaled(p.Prior("HalfNormal", sigma=1), factor=2),
    ],
    ids=["nested mu", "nested sigma", "array", "defaults", "tau", "VonMises", "transform", "Censored", "Scaled"],
)
def test_a_pymc_extras_prior_that_cannot_be_converted_is_refused(build, refuses):
    from pymc_extras import prior

    foreign = build(prior)
    refuses(PriorError, lambda: as_prior(foreign))


@pytest.mark.parametrize("prior", FOREIGN, ids=str)
def test_a_preliz_distribution_is_converted(prior, preliz):
    assert as_prior(getattr(preliz, prior.distribution)(**prior.arguments)) == prior


def test_an_elicited_preliz_distribution_is_converted(preliz):
    elicited = preliz.Normal()
    preliz.maxent(elicited, -1, 1, 0.9, plot=False)
    converted = as_prior(elicited)
    assert converted.distribution == "Normal"
    assert converted.arguments["sigma"] == pytest.approx(1 / 1.6449, rel=1e-3)


@pytest.mark.parametrize(
    "build",
    [
        lambda p: p.Normal(),
        lambda p: p.Normal(mu=0, tau=1),
        lambda p: p.Gamma(mu=2, sigma=1),
        lambda p: p.Normal([0, 1], 1),
        lambda p: p.VonMises(0, 1),
        lambda p: p.Truncated(p.Normal(0, 1), 0, 10),
        lambda p: p.Dirichlet([1, 1]),
        lambda p: p.Normal,
    ],
    ids=["unset", "tau", "mu and sigma", "array", "VonMises", "Truncated", "Dirichlet", "class"],
)
def test_a_preliz_distribution_that_cannot_be_converted_is_refused(build, refuses, preliz):
    foreign = build(preliz)
    refuses(PriorError, lambda: as_prior(foreign))


NU = Prior("Gamma", alpha=2, beta=0.1, lower=2)


def test_a_prior_may_be_truncated():
    prior = Prior("Gamma", alpha=2, beta=0.1, lower=2)
    assert repr(prior) == "Prior('Gamma', alpha=2, beta=0.1, lower=2)"
    assert prior.arguments == {"alpha": 2, "beta": 0.1}
    assert prior != Prior("Gamma", alpha=2, beta=0.1)
    assert prior.in_units_of(2) == Prior("Gamma", alpha=2, beta=0.2, lower=1)
    with pytest.raises(PriorError, match="must be above 0"):
        Prior("Gamma", alpha=2, beta=0.1, lower=0)
    with pytest.raises(PriorError, match="wrong arguments for Normal"):
        Prior("Normal", mu=0, sigma=1, lower=0)


def test_only_priors_of_a_familys_own_shape_may_be_truncated():
    spec = ModelSpec.from_formula("y ~ 1 + (1 | g)", family="student_t", priors={"nu": NU})
    assert ModelSpec.from_toml_text(spec.to_toml()) == spec
    for name in ("sigma", "sd_g"):
        with pytest.raises(PriorError, match=f"the prior of {name} cannot be truncated"):
            ModelSpec.from_formula(
                "y ~ 1 + (1 | g)", family="student_t", priors={name: Prior("HalfNormal", sigma=1, lower=0.1)}
            )


def test_the_density_of_a_truncated_prior_is_rescaled():
    whole, cut = stats.gamma(2, scale=10), frozen(NU)
    x = np.array([1.0, 2.5, 30.0])
    expected = np.where(x > 2, whole.pdf(x) / whole.sf(2), 0)
    assert cut.pdf(x) == pytest.approx(expected)
    assert cut.cdf(x) == pytest.approx(np.maximum(whole.cdf(x) - whole.cdf(2), 0) / whole.sf(2))
    assert cut.ppf(cut.cdf(x[1:])) == pytest.approx(x[1:])
    assert cut.rvs(100, np.random.default_rng(0)).min() > 2
    assert power_prior(NU, 0.5) == Prior("Gamma", alpha=1.5, beta=0.05, lower=2)


def test_only_a_familys_own_shape_may_be_fixed():
    four = Prior("DiracDelta", c=4)
    spec = ModelSpec.from_formula("y ~ 1 + (1 | g)", family="student_t", priors={"nu": four})
    assert ModelSpec.from_toml_text(spec.to_toml()) == spec
    assert frozen(four).rvs(3, np.random.default_rng(0)).tolist() == [4, 4, 4]
    assert frozen(four).logpdf(np.array([4.0])).tolist() == [0]
    for name in ("sigma", "sd_g", "beta"):
        with pytest.raises(PriorError, match="does not fit"):
            ModelSpec.from_formula("y ~ 1 + (1 | g)", family="student_t", priors={name: four})
