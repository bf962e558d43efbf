import copy
import math
import pickle

import pytest

from partialpool.distributions.prior import Prior
from partialpool.distributions.table import DISTRIBUTIONS
from partialpool.errors import FileError, FormulaError, PriorError, SpecError
from partialpool.families.registry import FAMILIES
from partialpool.spec.model import ModelSpec
from partialpool.spec.terms import Group

HALF = Prior("HalfNormal", sigma=50)
NORMAL = Prior("Normal", mu=0, sigma=20)

# The same model three times: formula and options, keywords, TOML.
SPELLINGS = [
    (
        ("Reaction ~ Days + (Days | Subject)", {"priors": {"beta[Days]": NORMAL, "sd_Subject": HALF}}),
        {
            "response": "Reaction",
            "common": ["Days"],
            "groups": [Group("Subject", slopes=["Days"], correlated=True)],
            "family": "gaussian",
            "priors": {"sd_Subject": HALF, "beta[Days]": {"distribution": "Normal", "sigma": 20, "mu": 0}},
        },
        """
        [model]
        response = "Reaction"
        common = ["Days"]
        [[group]]
        factor = "Subject"
        slopes = ["Days"]
        [priors]
        "beta[Days]" = { distribution = "Normal", mu = 0, sigma = 20.0 }
        sd_Subject = { distribution = "HalfNormal", sigma = 50 }
        """,
    ),
    (
        ("y ~ 0 + x*z + (0 + x || g) + (1 | h)", {"family": "student_t"}),
        {
            "response": "y",
            "common": "x*z",
            "intercept": False,
            "groups": [Group("g", slopes="x", intercept=False, correlated=False), Group("h")],
            "family": "student_t",
        },
        """
        [model]
        response = "y"
        common = ["x", "z", "x:z"]
        intercept = false
        family = "student_t"
        [[group]]
        factor = "g"
        slopes = ["x"]
        intercept = false
        correlated = false
        [[group]]
        factor = "h"
        """,
    ),
    (
        ("strength | se(`my se`) ~ 1 + (1 | batch/cask)", {}),
        {"response": "strength", "groups": Group("batch/cask"), "se": "my se"},
        """
        [model]
        formula = "strength ~ (1 | batch) + (1 | batch:cask)"
        se = "my se"
        """,
    ),
    (
        ("incidence | trials(size) ~ period + (1 | herd)", {"family": "binomial", "link": "probit"}),
        {
            "response": "p(incidence, size)",
            "common": ["period"],
            "groups": [Group("herd")],
            "family": "binomial",
            "link": "probit",
        },
        """
        [model]
        formula = "p(incidence, size) ~ period + (1 | herd)"
        family = "binomial"
        link = "probit"
        """,
    ),
    (
        ("log( y ) ~ I((x+1)*2) + offset(log(n)) + (I(x**2) | `a b`)", {"link": "identity"}),
        {
            "response": "log(y)",
            "common": ["offset(log(n))", "I((x + 1)*2)"],
            "groups": [Group("a b", slopes=["I( x**2 )"])],
        },
        """
        [model]
        response = "log(y)"
        common = ["{(x+1)*2}", "offset( log(n) )"]
        [[group]]
        factor = "a b"
        slopes = ["I(x**2)"]
        """,
    ),
]


@pytest.mark.parametrize(("formula", "keywords", "toml"), SPELLINGS, ids=[f for (f, _), _, _ in SPELLINGS])
def test_three_spellings_are_one_model(formula, keywords, toml):
    text, options = formula
    specs = [ModelSpec.from_formula(text, **options), ModelSpec(**keywords), ModelSpec.from_toml_text(toml)]
    assert specs[0] == specs[1] == specs[2]
    assert len({hash(spec) for spec in specs}) == 1
    assert len(set(specs)) == 1


CORR = Prior("LKJ", eta=1.5)
ROUND_TRIPS = [
    ("y ~ 1", {}),
    ("y ~ 0", {}),
    ("y ~ x", {}),
    ("y ~ 0 + x + (1 | g)", {}),
    ("y ~ x + (x | g)", {"priors": {"corr_g": CORR, "sd_g": HALF, "sd_g[x]": HALF, "sigma": HALF, "beta": NORMAL}}),
    ("y ~ x + (x || g)", {"priors": {"beta[Intercept]": Prior("Cauchy", alpha=1e-3, beta=1 / 3)}}),
    ("y ~ (0 + x | g) + (1 | g)", {}),
    ("y ~ (0 + x || g)", {}),
    ("y ~ (1 | a/b/c)", {"priors": {"sd_a:b": HALF}}),
    ("y ~ x*z + (x*z | a:b) + (1 | c)", {}),
    ("y ~ (a + b)**2 + (a + b || g)", {}),
    ("y | se(s) ~ 1 + (1 | study)", {}),
    ("y | se(`my se`) ~ x + (1 | study)", {"family": "student_t"}),
    ("y ~ offset(x)", {}),
    ("y ~ 0 + offset(x)", {}),
    ("y ~ z + offset(log(x)) + offset(z) + (1 | g)", {"family": "poisson"}),
    ("y ~ x", {"family": "poisson", "link": "sqrt"}),
    ("y ~ x", {"family": "negative_binomial", "priors": {"alpha": Prior("Exponential", lam=1)}}),
    ("y ~ x", {"family": "zero_inflated_poisson", "priors": {"zi": Prior("Beta", alpha=2, beta=5)}}),
    ("y ~ x", {"family": "zero_inflated_negative_binomial", "priors": {"zi": Prior("Uniform", lower=0, upper=0.5)}}),
    ("y ~ x", {"family": "hurdle_poisson"}),
    ("y ~ x", {"family": "hurdle_negative_binomial", "priors": {"hu": Prior("Beta", alpha=1, beta=3)}}),
    ("y ~ x", {"family": "hurdle_gamma"}),
    ("y ~ x", {"family": "hurdle_lognormal", "priors": {"sigma": HALF}}),
    ("p(s, n) ~ x", {"family": "beta_binomial", "link": "probit"}),
    ("y ~ x", {"family": "gamma", "link": "inverse"}),
    ("y ~ x", {"family": "exponential"}),
    ("y ~ x", {"family": "beta", "priors": {"phi": Prior("Gamma", alpha=0.01, beta=0.01)}}),
    ("y ~ x", {"family": "lognormal"}),
    ("y ~ x + (1 | g)", {"family": "weibull", "priors": {"alpha": Prior("Gamma", alpha=2, beta=1)}}),
    ("y ~ x", {"family": "inverse_gaussian", "priors": {"lam": HALF}}),
    ("y ~ x + (1 | g)", {"family": "exgaussian", "link": "log", "priors": {"tau": HALF, "sigma": HALF}}),
    ("y ~ x", {"family": "skew_normal", "priors": {"alpha": NORMAL}}),
    (
        "y ~ x + (1 | g)",
        {
            "family": "zero_one_inflated_beta",
            "link": "probit",
            "priors": {"zoi": Prior("Uniform", lower=0.1, upper=0.5)},
        },
    ),
    ("y ~ x", {"family": "student_t", "link": "log", "priors": {"nu": Prior("Gamma", alpha=2, beta=0.1)}}),
    ("use[Y] ~ x + (1 | g)", {"family": "bernoulli", "link": "cloglog"}),
    ("p(s, n) ~ x + (1 | g)", {"family": "binomial"}),
    ("p(s, 10) ~ x", {"family": "binomial"}),
    ("y ~ x + (1 | g)", {"family": "cumulative", "priors": {"cutpoints": Prior("Dirichlet", a=2)}}),
    ("y ~ 0 + x", {"family": "cumulative"}),
    ("y ~ x + (x | g)", {"family": "categorical"}),
    ("y ~ x + (x |p| g), sigma ~ x + (1 |p| g)", {}),
    ("y ~ x + (1 | g)", {"family": "sratio", "link": "cloglog", "priors": {"cutpoints": Prior("Dirichlet", a=2)}}),
    ("y ~ x + (x | g)", {"family": "acat"}),
    ("log(y) ~ I((x+z)*2) + I(x-(y-z)) + (I(x/(y*z)) | g)", {}),
    ("y ~ I(-(x**2)) + I((x**2)**3)", {}),
    ("y ~ {x+1} + within(x, g) + between(x, g) + (within(x, g) | g)", {}),
    ("y ~ C(g, Treatment) + T(h, 'a b') + poly(x, 2) + bs(x, df=4)", {}),
    ("`my y` ~ `a b`*`c:d` + (`a b` | `my g`:h)", {}),
    ("log(`my y`) ~ offset(log(`my n`))", {}),
    ("p(`a b`, `c d`) ~ 1", {"family": "binomial"}),
    ("y ~ (1 | `my-group`) + (1 | `g (kg)`)", {}),
]
ROUND_IDS = [f"{f} {' '.join(map(str, o.values()))}"[:70] for f, o in ROUND_TRIPS]


def test_the_round_trips_cover_every_family():
    assert {options.get("family", "gaussian") for _, options in ROUND_TRIPS} == set(FAMILIES)


@pytest.mark.parametrize(("formula", "options"), ROUND_TRIPS, ids=ROUND_IDS)
def test_a_spec_is_unchanged_by_every_round_trip(formula, options):
    spec = ModelSpec.from_formula(formula, **options)
    options = {"family": spec.family, "link": spec.link, "priors": spec.priors}
    parts = {name: getattr(spec, name) for name in ("response", "groups", "intercept", "se", "parameters", *options)}
    copies = {
        "formula": ModelSpec.from_formula(spec.to_formula(), **options),
        "toml": ModelSpec.from_toml_text(spec.to_toml()),
        "pickle": pickle.loads(pickle.dumps(spec)),
        "deepcopy": copy.deepcopy(spec),
        "keywords": ModelSpec(common=[*spec.common, *(f"offset({o})" for o in spec.offsets)], **parts),
    }
    for way, again in copies.items():
        assert again == spec, way
        assert hash(again) == hash(spec), way
    assert copies["formula"].to_formula() == spec.to_formula()
    assert str(spec).startswith(spec.to_formula())


@pytest.mark.parametrize(("family", "link"), [(f.name, link) for f in FAMILIES.values() for link in f.links])
def test_every_family_takes_each_of_its_links(family, link):
    spec = ModelSpec("y", family=family, link=link)
    assert (spec.family, spec.link) == (family, link)
    assert ModelSpec.from_toml_text(spec.to_toml()) == spec
    assert (link in str(spec)) == (link != FAMILIES[family].default_link)


NAMES = ["a b", "a.b", "_g", "1g", "my-group", "f(x)", "a+b", "a*b", "a|b", "a~b", "a[1]", "a{b}", "True"]
NAMES += ["None", "नाम", "x·y", "a'b", 'a"b', "a`b", "`a b`", "os.getpid()", "Treatment", "a\nb", "#", "lambda", "é"]
NAMES += ["e\u0301"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "build",
    [
        lambda n: ModelSpec("y", groups=Group(n)),
        lambda n: ModelSpec("y", se=n),
        lambda n: ModelSpec("y", common=[f"`{n}`"], groups=Group("g", slopes=[f"`{n}`"])),
        lambda n: ModelSpec(f"`{n}`"),
        lambda n: ModelSpec(f"p(y, `{n}`)", family="binomial"),
    ],
    ids=["factor", "se", "common", "response", "trials"],
)
def test_a_column_name_round_trips_or_is_refused_at_once(name, build):
    try:
        spec = build(name)
    except SpecError:
        # A backquote cannot be quoted; sd_x[u] is the sd of effect u over x. Every other name can be a column's.
        assert "`" in name or "[" in name
        assert "`" in name or build(name.strip("[1]"))
        return
    assert ModelSpec.from_toml_text(spec.to_toml()) == spec
    assert ModelSpec.from_formula(spec.to_formula(), family=spec.family) == spec
    assert name.strip("`") in spec.columns


def test_a_spec_cannot_be_changed():
    spec = ModelSpec.from_formula("y ~ x + (1 | g)", priors={"sigma": HALF})
    for name in ("response", "common", "groups", "family", "priors", "se", "offsets", "new"):
        with pytest.raises(AttributeError):
            setattr(spec, name, None)
    with pytest.raises(AttributeError):
        del spec.response
    assert isinstance(spec.common, tuple)
    assert isinstance(spec.groups, tuple)


def test_later_changes_of_its_sources_do_not_change_a_spec():
    common, groups, priors = ["x"], [Group("g")], {"sigma": HALF}
    spec = ModelSpec("y", common, groups, priors=priors)
    common.append("z")
    groups.append(Group("h"))
    priors["beta"] = NORMAL
    assert spec == ModelSpec("y", ["x"], [Group("g")], priors={"sigma": HALF})


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("y ~ x", "y ~ z"),
        ("y ~ x", "y ~ 0 + x"),
        ("y ~ (x | g)", "y ~ (x || g)"),
        ("y ~ (x | g)", "y ~ (0 + x | g)"),
        ("y ~ (1 | a:b)", "y ~ (1 | a/b)"),
        ("y ~ I((x+z)*2)", "y ~ I(x+z*2)"),
        ("y ~ I(x-(y-z))", "y ~ I(x-y-z)"),
        ("y ~ offset(x)", "y ~ x"),
        ("y | se(x) ~ 1", "y ~ 1"),
    ],
)
def test_different_models_differ(a, b):
    assert ModelSpec.from_formula(a) != ModelSpec.from_formula(b)


@pytest.mark.parametrize(
    ("formula", "columns"),
    [
        ("y ~ 1", ("y",)),
        ("log(y) ~ x*z + offset(log(n)) + (w | a/b)", ("y", "x", "z", "n", "w", "a", "b")),
        ("p(s, n) ~ x", ("s", "x", "n")),
        ("p(s, 10) ~ x", ("s", "x")),
        ("y | se(s) ~ x", ("y", "x", "s")),
        ("`my y` ~ `a b` + (1 | `c d`)", ("my y", "a b", "c d")),
        ("y ~ C(g, Treatment) + (1 | g)", ("y", "g")),
        ("y ~ Treatment + (Sum | g)", ("y", "Treatment", "Sum", "g")),
        ("y ~ within(x, g)", ("y", "x", "g")),
    ],
)
def test_columns_are_those_that_the_model_uses(formula, columns):
    assert ModelSpec.from_formula(formula).columns == columns


def test_factors_are_listed_once():
    assert ModelSpec.from_formula("y ~ (1 | b) + (0 + x | b) + (1 | a/c)").factors == ("b", "a", "a:c")


@pytest.mark.parametrize(
    ("call", "mentions"),
    [
        (lambda: ModelSpec("y", family="gauss"), ["'gaussian' (nearest)"]),
        (lambda: ModelSpec("y", family="gaussian", link="logit"), ["'logit'", "'identity', 'log'"]),
        (lambda: ModelSpec("y", family="poisson", link="identity"), ["poisson", "'identity'"]),
        (lambda: ModelSpec("y", se="s", family="poisson"), ["se='s'", "'poisson'"]),
        (lambda: ModelSpec.from_formula("y | se(s) ~ 1", se="t"), ["given twice", "se(s)", "se='t'"]),
        (lambda: ModelSpec("y", groups=["g"]), ["Group objects", "'g'"]),
        (lambda: ModelSpec("y", groups="g"), ["Group objects"]),
        (lambda: ModelSpec("y", groups=[Group("g"), Group("g", slopes="x")]), ["Intercept varies twice over g", "0 +"]),
        (lambda: ModelSpec("y", groups=[Group("g", slopes=["x"])] * 2), ["varies twice over g"]),
        (lambda: ModelSpec("y", groups=[Group("a/b"), Group("a:b")]), ["varies twice over a:b"]),
        (lambda: ModelSpec("y", groups=Group("g", slopes=["0"])), ["no effect"]),
        (lambda: ModelSpec("y", groups=Group("g", slopes=["offset(x)", "z"])), ["offset"]),
    ],
)
def test_a_contradiction_is_refused(call, mentions, refuses):
    refuses(SpecError, call, *mentions)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ModelSpec(None),
        lambda: ModelSpec(3),
        lambda: ModelSpec(["y"]),
        lambda: ModelSpec("y", common=3),
        lambda: ModelSpec("y", common=[3]),
        lambda: ModelSpec("y", common=[None]),
        lambda: ModelSpec("y", common=[["x"]]),
        lambda: ModelSpec("y", groups=3),
        lambda: ModelSpec("y", groups=[None]),
        lambda: ModelSpec("y", groups={"factor": "g"}),
        lambda: ModelSpec("y", family=["gaussian"]),
        lambda: ModelSpec("y", family=None),
        lambda: ModelSpec("y", link=["log"]),
        lambda: ModelSpec("y", link=3),
        lambda: ModelSpec("y", se=3),
        lambda: ModelSpec("y", se=""),
        lambda: ModelSpec("y", se=["s"]),
        lambda: ModelSpec("y", priors=[HALF]),
        lambda: ModelSpec("y", priors=HALF),
        lambda: ModelSpec("y", priors={1: HALF, "sigma": HALF}),
        lambda: ModelSpec("y", priors={"sigma": 1}),
        lambda: ModelSpec("y", priors={"sigma": None}),
        lambda: ModelSpec("y", intercept="no"),
        lambda: ModelSpec("y", groups=Group("g", slopes="x", correlated="no")),
        lambda: ModelSpec("y", common=["I(x", "z)"]),
        lambda: ModelSpec("y", common=["x -", "z"]),
        lambda: ModelSpec("y", common=["x) + (z"]),
        lambda: ModelSpec("y", common=["x ~ z"]),
        lambda: ModelSpec("y", common=["(1 | g)"]),
        lambda: ModelSpec("y", common=[""]),
        lambda: ModelSpec("y ~ x"),
    ],
)
def test_a_part_of_the_wrong_kind_is_refused(call, refuses):
    refuses(SpecError, call)


NEEDS = {"sd_g": "positive", "sd_g[x]": "positive", "corr_g": "correlation", "sigma": "positive", "nu": "positive"}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("name", NEEDS)
def test_a_prior_fits_its_parameter_or_is_refused(name, distribution, refuses):
    record = DISTRIBUTIONS[distribution]
    values = {"PC": (1.0, 0.1)}.get(distribution, (1.0, 2.0, 3.0))
    prior = Prior(distribution, **dict(zip(record.roles, values, strict=False)))

    def build():
        return ModelSpec("y", groups=Group("g", slopes="x"), family="student_t", priors={name: prior})

    if record.support == NEEDS[name] or (name == "nu" and record.support == "fixed"):
        assert build().priors[name] == prior
    else:
        refuses(PriorError, build, f"does not fit {name}", str(prior), NEEDS[name])


@pytest.mark.parametrize(
    ("priors", "family", "mentions"),
    [
        ({"sd_g": NORMAL}, "gaussian", ["HalfNormal instead of Normal", "HalfNormal(sigma=1)"]),
        ({"sigma": NORMAL}, "gaussian", ["HalfNormal instead of Normal"]),
        ({"corr_g": HALF}, "gaussian", ["LKJ(eta=2)"]),
        ({"beta[x]": CORR}, "gaussian", ["Normal(mu=0, sigma=1)"]),
        ({"beta": Prior("Dirichlet", a=1)}, "gaussian", ["beta"]),
        ({"cutpoints": NORMAL}, "cumulative", ["Dirichlet(a=1)"]),
        ({"phi": NORMAL}, "beta", ["phi"]),
        ({"alpha": CORR}, "gamma", ["alpha"]),
    ],
)
def test_a_refused_prior_comes_with_an_example(priors, family, mentions, refuses):
    refuses(PriorError, lambda: ModelSpec.from_formula("y ~ x + (x | g)", family=family, priors=priors), *mentions)


def test_a_positive_prior_on_a_common_effect_is_allowed():
    assert ModelSpec("y", common="x", priors={"beta[x]": HALF}).priors["beta[x]"] == HALF


@pytest.mark.parametrize("name", ["sd_a", "sd_a:b"])
def test_priors_of_nested_factors_are_checked(name, refuses):
    refuses(PriorError, lambda: ModelSpec("y", groups=Group("a/b"), priors={name: NORMAL}), name)


@pytest.mark.parametrize("value", [math.pi, 1e-300, 1.7976931348623157e308, 0.1 + 0.2])
def test_priors_keep_every_digit(value):
    spec = ModelSpec("y", priors={"sigma": Prior("HalfNormal", sigma=value)})
    assert ModelSpec.from_toml_text(spec.to_toml()).priors["sigma"].arguments == {"sigma": value}


def test_a_toml_file_is_read(tmp_path):
    path = tmp_path / "model.toml"
    spec = ModelSpec.from_formula("`été` ~ `नाम 1` + (1 | g)")
    path.write_text(spec.to_toml(), encoding="utf-8")
    assert ModelSpec.from_toml(path) == ModelSpec.from_toml(str(path)) == spec


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00binary"])
def test_a_file_that_cannot_be_read_is_a_file_error(content, tmp_path, refuses):
    path = tmp_path / "model.toml"
    if content is not None:
        path.write_bytes(content)
    refuses(FileError, lambda: ModelSpec.from_toml(path), "model.toml")


def test_a_response_keyword_is_a_response_only(refuses):
    refuses(FormulaError, lambda: ModelSpec("y | se(s)"))
