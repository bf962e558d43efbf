import tomllib

import pytest

from partialpool.errors import PriorError, SpecError
from partialpool.spec.model import ModelSpec
from partialpool.spec.toml import parse_toml, read_spec_tables

BASE = '[model]\nresponse = "y"\n'


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        (BASE, "y ~ 1"),
        ('model = { formula = "y ~ x" }', "y ~ x"),
        (BASE + 'common = "x + z"', "y ~ x + z"),
        (BASE + "intercept = false", "y ~ 0"),
        (BASE + '[[group]]\nfactor = "a/b"', "y ~ 1 + (1 | a) + (1 | a:b)"),
        (BASE + '[[group]]\nfactor = "g"\nslopes = ["x"]\ncorrelated = false', "y ~ 1 + (x || g)"),
        ('[model]\nformula = "y | se(s) ~ 1"\nse = "s"', "y | se(s) ~ 1"),
        ('title = "t"\n[data]\ndataset = "d"\n[sampling]\ndraws = 5\n' + BASE, "y ~ 1"),
        (BASE + "group = []", None),
    ],
)
def test_a_model_in_toml(text, formula, refuses):
    if formula is None:  # a key of [model], not the file's array
        refuses(SpecError, lambda: ModelSpec.from_toml_text(text), "'group'")
    else:
        assert ModelSpec.from_toml_text(text).to_formula() == formula


def test_what_is_written_is_plain_toml():
    spec = ModelSpec.from_formula("y ~ 0 + x + (x || g)", priors={"sigma": {"distribution": "HalfNormal", "sigma": 2}})
    assert tomllib.loads(spec.to_toml()) == {
        "model": {"response": "y", "common": ["x"], "intercept": False, "family": "gaussian", "link": "identity"},
        "group": [{"factor": "g", "slopes": ["x"], "intercept": True, "correlated": False}],
        "priors": {"sigma": {"distribution": "HalfNormal", "sigma": 2.0}},
    }


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("this is not toml", ["not TOML"]),
        ("[model", ["not TOML"]),
        ("a = 1\na = 2", ["not TOML"]),
        ("\ufeff[model]", ["not TOML"]),
        ("[models]", ["'models'", "'model' (nearest)"]),
        ("[prior]", ["'prior'", "'priors' (nearest)"]),
        ("[[groups]]", ["'groups'", "'group' (nearest)"]),
        ("", ["names no response"]),
        ("[model]", ["names no response"]),
        ('[model]\nfamily = "poisson"', ["names no response", "family"]),
        ("model = 3", ["[model] must be a table"]),
        ("[[model]]", ["[model] must be a table"]),
        (BASE + 'comon = ["x"]', ["'comon'", "'common' (nearest)"]),
        (BASE + "common = [1]", ["common", "a list of terms"]),
        (BASE + "common = 1", ["common", "a list of terms"]),
        (BASE + "intercept = 1", ["intercept", "true or false"]),
        (BASE + 'intercept = "no"', ["intercept", "true or false"]),
        (BASE + "family = 1", ["family", "text"]),
        (BASE + 'family = ["poisson"]', ["family", "text"]),
        (BASE + "se = true", ["se", "text"]),
        (BASE + "link = 2020-01-01", ["link", "text"]),
        ("[model]\nresponse = 1", ["response", "text"]),
        ("[model]\nformula = ['y ~ x']", ["formula", "text"]),
        ('[model]\nformula = "y ~ x"\nresponse = "y"', ["given twice", "response"]),
        ('[model]\nformula = "y ~ x"\ncommon = []', ["given twice", "common"]),
        ('[model]\nformula = "y ~ x"\n[[group]]\nfactor = "g"', ["given twice", "[[group]]"]),
        ('[model]\nformula = "y | se(s) ~ x"\nse = "t"', ["given twice"]),
        (BASE + '[group]\nfactor = "g"', ["array of tables", "[[group]]"]),
        ('group = "g"\n' + BASE, ["array of tables"]),
        ('group = ["g"]\n' + BASE, ["array of tables"]),
        (BASE + "[[group]]", ["names no factor"]),
        (BASE + '[[group]]\nslopes = ["x"]', ["names no factor", "slopes"]),
        (BASE + "[[group]]\nfactor = 3", ["grouping factor", "3"]),
        (BASE + '[[group]]\nfactor = "g"\nslope = ["x"]', ["'slope'", "'slopes' (nearest)"]),
        (BASE + '[[group]]\nfactor = "g"\nslopes = "x"', ["slopes must be a list"]),
        (BASE + '[[group]]\nfactor = "g"\nslopes = [1]', ["slopes must be a list"]),
        (BASE + '[[group]]\nfactor = "g"\ncorrelated = "no"', ["correlated", "true or false"]),
        (BASE + '[[group]]\nfactor = "g"\nintercept = 0', ["intercept", "true or false"]),
        (BASE + '[[group]]\nfactor = "g"\nintercept = false', ["no effect"]),
        (BASE + 'family = "poison"', ["'poisson' (nearest)"]),
        (BASE + 'link = "logit"', ["'logit'"]),
    ],
)
def test_a_broken_model_in_toml_is_refused(text, mentions, refuses):
    refuses(SpecError, lambda: ModelSpec.from_toml_text(text), *mentions)


@pytest.mark.parametrize(
    "prior",
    [
        '"HalfNormal"',
        "3",
        "{}",
        "{ sigma = 1 }",
        "[{ distribution = 'HalfNormal', sigma = 1 }]",
        "{ distribution = 'Normal', mu = 0, sigma = 1 }",
        "{ distribution = 'HalfNormal' }",
        "{ distribution = 'HalfNormal', sigma = 0 }",
        "{ distribution = 'HalfNormal', sigma = -1 }",
        "{ distribution = 'HalfNormal', sigma = inf }",
        "{ distribution = 'HalfNormal', sigma = nan }",
        "{ distribution = 'HalfNormal', sigma = true }",
        "{ distribution = 'HalfNormal', sigma = '1' }",
        "{ distribution = 'HalfNormal', sigma = [1] }",
        "{ distribution = 'HalfNormal', sigma = 2020-01-01 }",
        "{ distribution = 'HalfNormal', sigma = { distribution = 'HalfNormal', sigma = 1 } }",
        "{ distribution = 'HalfNormal', sigma = 1" + "0" * 400 + " }",
        "{ distribution = 'HalfNormal', self = 1 }",
        "{ distribution = ['HalfNormal'], sigma = 1 }",
        "{ distribution = '__import__', sigma = 1 }",
    ],
)
def test_a_broken_prior_in_toml_is_refused(prior, refuses):
    refuses(PriorError, lambda: ModelSpec.from_toml_text(f"{BASE}[priors]\nsigma = {prior}"))


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "{ a = " * 5000, "[" + "a." * 5000 + "a]\nb = 1"])
def test_deep_toml_is_refused(text, refuses):
    refuses(SpecError, lambda: parse_toml(text))


@pytest.mark.parametrize("text", [None, b"a = 1", 3])
def test_toml_is_text(text, refuses):
    refuses(SpecError, lambda: read_spec_tables(text))
