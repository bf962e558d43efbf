"""Scripts run where this package is not, and their models are those of `build_model`: variables, labels, density."""

import ast
import pickle
import re
import subprocess
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import arviz
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import partialpool as pp
from checks import without_package
from checks.fixed import fit_at
from checks.kin import sib_matrix, traits
from checks.residuals import visits
from partialpool.distributions.table import DISTRIBUTIONS
from partialpool.families.links import LINKS
from partialpool.families.registry import FAMILIES
from partialpool.fitting.model_files import read_sources
from partialpool.pymc_model.source.table import LARGEST_TEXT
from partialpool.spec.model import ModelSpec

pytestmark = pytest.mark.thorough

SLEEP = "Reaction ~ Days + (Days | Subject)"
ROOT = Path(__file__).parents[2]
PRIOR = pp.Prior


def rows(n=48):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({
        "x": rng.normal(5, 2, n), "z": rng.normal(size=n), "k": rng.integers(1, 9, n), "n": rng.integers(4, 12, n),
        "f": pd.Categorical(rng.choice(list("abc"), n)), "t": rng.integers(0, 2, n) == 1,
        "dose": pd.Categorical(rng.choice([0.5, 2.0, 10.0], n)), "g": rng.integers(0, 6, n) * 1.0,
        "h": pd.Categorical(rng.choice(list("uvwq"), n), categories=list("wquv")), "my col": rng.normal(size=n),
        "ids": rng.choice([str(i) for i in range(24)], n), "s": rng.uniform(0.5, 2, n),
        "y": rng.normal(3, 1, n), "positive": np.exp(rng.normal(size=n)), "share": rng.uniform(0.1, 0.9, n),
        "count": rng.poisson(3, n),
    })  # fmt: skip
    table["h"] = table["h"].cat.remove_unused_categories()
    table["ids"] = pd.Categorical(table["ids"], categories=sorted(set(table["ids"]), key=int))
    table["yes"] = np.where(rng.random(n) < 0.5, "yes", "no")
    table["closed"] = np.clip((table["share"] - 0.2) / 0.6, 0, 1)
    table["hits"] = rng.binomial(table["n"], 0.4)
    table["grade"] = pd.Categorical(rng.choice(["lo", "mid", "hi"], n), categories=["lo", "mid", "hi"], ordered=True)
    table["upto"] = rng.choice(["none", "right"], n)
    table["across"] = rng.integers(0, 5, n)
    table["odd"] = rng.choice(["on foot", "'quoted'", "1"], n)
    return table


TABLE = rows()
RESPONSES = {
    "gaussian": "y", "student_t": "y", "lognormal": "positive", "bernoulli": "yes[yes]", "binomial": "p(hits, n)",
    "poisson": "count", "negative_binomial": "count", "gamma": "positive", "exponential": "positive", "beta": "share",
    "cumulative": "grade", "sratio": "grade", "acat": "grade",
    "weibull": "positive", "inverse_gaussian": "positive", "exgaussian": "y", "skew_normal": "y",
    "zero_one_inflated_beta": "closed", "zero_inflated_poisson": "count", "zero_inflated_negative_binomial": "count",
    "hurdle_poisson": "count", "hurdle_negative_binomial": "count", "hurdle_gamma": "positive",
    "hurdle_lognormal": "positive", "beta_binomial": "p(hits, n)",
}  # fmt: skip
FORMULAS = [
    "y ~ 1", "y ~ x", "y ~ 0 + (1 | g)", "y ~ 0 + x + (1 | g)", "y ~ 0 + f + (1 | g)", "y ~ 0 + f + x + (1 | h)",
    "y ~ x*f + t:z + (1 | g) + (1 | h)", "y ~ x + (x || g)", "y ~ x + (0 + x | g)", "y ~ x + z + (x + z | g) + (1 | h)",
    "y ~ f + (f | g)", "y ~ f + (0 + f | g)", "y ~ x + (x | g) + (0 + z + k | g)", "y ~ x + (x + f | g) + (0 + z || g)",
    "y ~ x + (1 | g/h)", "y ~ x + (1 | h:f:t) + (1 | ids)", "y ~ log(k) + I(x**2) + (x + I(x**2) | g)",
    "y ~ poly(z, 2) + bs(x, df=4) + (poly(z, 2) | g)", "y ~ S(f) + C(k) + dose + (t | h)", "y ~ T(f, 'b') + (S(f) | g)",
    "y ~ scale(x) + center(z):f + within(k, g) + between(k, g) + (1 | g)", "y ~ `my col` + x:`my col` + (`my col` | h)",
    "y ~ x + offset(z) + offset(log(k)) + (1 | g)", "y ~ x + offset(scale(log(k))) + (1 | g)",
    "log(positive) ~ x + (t | g)", "y ~ I(x > 5) + I((x + z)*2/k) + I(2**(-x)) + I(-(x**2)) + (1 | g)",
    "y | se(s) ~ x + (1 | g)", "y ~ 0 + offset(z) + (x | g)", "y ~ x + (1 | t) + (1 | dose)",
    "y ~ s(x, k=5) + (1 | g)", "y ~ f + s(x, k=4, by=f) + s(z, k=5, bs='cc')", "y ~ f + s(x, k=4, by=f, hom=True)",
]  # fmt: skip


RESIDUALS = [
    "y ~ x + (1 | h), sigma ~ 0 + arm", "y | precision(w) ~ x + (1 | g), sigma ~ 0 + arm:h", "y ~ ar(t, gr=g)",
    "y ~ x + (1 | h) + ar(uneven, gr=g), sigma ~ 0 + visit", "y ~ x + ar(hours, gr=label)", "y ~ x + cosy(gr=label)",
    "y | precision(w) ~ cosy(gr=g), sigma ~ 0 + late", "y ~ x + unstr(t, gr=g)",
    "y ~ 0 + x + (1 | h) + unstr(visit, gr=g), sigma ~ 0 + arm", "y ~ unstr(visit, gr=label)",
]  # fmt: skip
"""Sds by stratum, and correlations of residuals."""
STRUCTURES = [
    "y ~ x + cs(0 + visit | g)", "y ~ x + cs(0 + visit | g, hom=True)", "y ~ ar1(0 + visit | g)",
    "y ~ ar1(0 + visit | g, hom=False) + (1 | h)", "y ~ diag(0 + visit | g, hom=True) + (1 | h)",
    "y ~ (1 + x | gr(g, by=arm))", "y ~ cs(0 + visit | gr(g, by=arm))", "y ~ ar1(0 + visit | gr(g, by=arm))",
    "y ~ x + cs(1 + x + I(x**2) | g)", "y ~ (1 | gr(g, by=arm)) + ar1(0 + visit | h) + ar(time, gr=g)",
]  # fmt: skip
"""Covariances of effects with a structure."""
PARAMETERS = {
    "gaussian": [
        "y ~ x, sigma ~ x", "y ~ 1, sigma ~ (1 | g)", "y ~ x + (1 | g), sigma ~ f + (1 | g)",
        "y ~ x + (1 |p| g), sigma ~ x + (1 |p| g)", "y ~ x + (x |p| g) + (1 | h), sigma ~ 1 + (z |p| g) + (f | h)",
        "y ~ 0 + f + (x || g), sigma ~ 0 + x + offset(z) + (0 + x | g) + (1 | h)",
        "y ~ poly(z, 2) + offset(x) + (1 | g/h), sigma ~ poly(z, 2) + bs(x, df=4) + log(k) + (poly(z, 2) | g)",
        "y ~ x + (1 | h:f), sigma ~ x + z + (1 | h:f)", "y ~ s(x, k=5) + (1 | g), sigma ~ s(x, k=4) + (1 | g)",
        "y ~ f + s(x, k=4, by=f, hom=True), sigma ~ f + s(x, k=4, by=f) + s(z, k=5, bs='cc')",
        "y ~ x + (x |p| g) + (1 |q| across), sigma ~ (x |q| across) + (1 |p| g)",
    ],
    "student_t": ["y ~ x + (1 |a| g), sigma ~ (1 |a| g), nu ~ x"],
    "skew_normal": ["y ~ x, alpha ~ f, sigma ~ x + (1 | g)"],
    "negative_binomial": ["count ~ x + (1 | g), alpha ~ x + (1 | g)"],
    "zero_inflated_poisson": ["count ~ x + (1 |p| g), zi ~ x + (1 |p| g)"],
    "hurdle_gamma": ["positive ~ x, hu ~ x + offset(z), alpha ~ (1 | h)"],
    "beta": ["share ~ x + (1 | g), phi ~ (x | g)"],
    "zero_one_inflated_beta": ["closed ~ x, phi ~ x, zoi ~ f + (1 | g), coi ~ z"],
    "beta_binomial": ["p(hits, n) ~ x, phi ~ x + (1 | g)"],
    "lognormal": ["positive | cens(upto) ~ x, sigma ~ f"],
    "weibull": ["positive ~ x, alpha ~ f"],
    "categorical": [
        "f ~ 1", "f ~ x", "f ~ x + z + (1 | g)", "h ~ x + (x | g) + (1 | ids)", "f ~ 0 + t + x + (z | g)",
        "h ~ poly(z, 2) + offset(x) + (1 | g)", "odd ~ x + (1 | h)", "h ~ x + (x + z || g)",
    ],
}  # fmt: skip
"""Predictors of parameters of the family, and of categories."""
THRESHOLDS = [
    ("grade ~ cs(x)", "acat", "logit"), ("grade ~ z + cs(x + f) + (1 | g)", "sratio", "probit"),
    ("grade ~ 1 + cs(poly(z, 2)) + offset(x) + (x | g) + (1 | h)", "acat", "logit"),
    ("grade ~ f + cs(x:z + t) + (1 | g)", "sratio", "cloglog"),
]  # fmt: skip
"""Coefficients of each threshold."""


def repeated_visits():
    """Series with gaps: whole times, times with uneven gaps, visits in an order of their own, and labels as text."""
    table = visits(share=0.8)
    order = ["base", "early", "mid", "late", "end"]
    return table.assign(
        visit=pd.Categorical([order[t] for t in table["t"]], categories=order), late=table["t"] > 2,
        hours=table["t"] * 0.25 + 0.1, uneven=table["t"] ** 1.5, label=[f"p {g}" for g in table["g"]],
    )  # fmt: skip


def structured_panel():
    """Two rows for each person and visit, people in two arms."""
    rng = np.random.default_rng(4)
    person, visit = (np.repeat(grid.ravel(), 2) for grid in np.meshgrid(range(10), range(4), indexing="ij"))
    n = len(person)
    return pd.DataFrame({
        "y": 3 + rng.normal(size=10)[person] + rng.normal(size=n), "x": rng.normal(2, 1, n), "h": person % 3,
        "g": [f"p{k}" for k in person], "visit": [f"v{k}" for k in visit], "arm": np.where(person % 2, "new", "old"),
        "time": visit + np.tile([0.0, 0.5], n // 2),
    })  # fmt: skip


BAD = (
    "'", '"', "\\", "\n", "\r", "\t", "#", "{", "}", "%", ",", ";", " ", "", "'''", '"""', "\\N", "\x00", "\x1b",
    "\u2028", "\u202e", "é", "Ωμέγα", "ﬁ", "身長", "\N{SNOWMAN}", '"""\nimport os\nos._exit(1)\n"""', "NA",
    "nan", "1", "01", "1.0", "True", "x" * 100, "# fmt: off", "TABLE", "*/", "'); raise SystemExit(", "${x}", "..",
)  # fmt: skip
"""Parts of labels and names that end a text, start a comment, or are read as something else."""


def awkward(rng):
    """Text of such parts."""
    return "".join(rng.choice(BAD, rng.integers(1, 4)))


def awkward_table(rng, n=24):
    """Three columns with such names, two of them with such labels."""
    group, category, number = (f"{awkward(rng)}{k}".replace(":", "") for k in range(3))
    labels = [f"{awkward(rng)}{k % 3}" for k in range(5)]
    two = [f"{k}{awkward(rng)}" for k in range(2)]
    return (group, category, number), pd.DataFrame({
        group: pd.Series(rng.choice(np.array(labels, dtype=object), n), dtype=object),
        category: pd.Series(np.array(two, dtype=object)[np.arange(n) % 2], dtype=object),
        number: rng.normal(size=n), "y": rng.normal(size=n),
    })  # fmt: skip


def awkward_formula(group, category, number):
    return f"y ~ `{category}`*`{number}` + (`{number}` | `{group}`)"


def refused_or_written(formula, table):
    """The script; None where the package refuses the names or labels."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pp.DataWarning)
            return pp.pymc_source(formula, table)
    except pp.PartialPoolError:
        return None


@dataclass(frozen=True)
class Case:
    """A model, its table, and options."""

    model: Any
    table: Any = field(default_factory=lambda: TABLE, repr=False)
    options: dict = field(default_factory=dict)


def priors(formula, family="gaussian", link=None, **own):
    return Case(formula, options={"family": family, "link": link, "priors": own})


def relatives(formula):
    kinship = sib_matrix()
    table, _ = traits(kinship, sd=2, sigma=1, rows=100, seed=1)
    return Case(formula, table, {"cov": {"animal": kinship}})


def cases_of_thresholds():
    for at, (formula, family, link) in enumerate(THRESHOLDS):
        yield f"thresholds_{at}", Case(formula, options={"family": family, "link": link})
    own = {"beta_cs": PRIOR("UnitInformation", mu=0, sigma=2), "beta_cs2[x]": PRIOR("Laplace", mu=0.3, b=1)}
    yield "thresholds_own", Case("grade ~ 1 + cs(x + z)", options={"family": "acat", "priors": own})


def cases():
    for family in FAMILIES.values():
        if family.has_predictors_of_categories:
            continue  # see PARAMETERS
        for link in family.links:
            formula = f"{RESPONSES[family.name]} ~ x + (1 | g)"
            yield f"{family.name}_{link}", Case(formula, options={"family": family.name, "link": link})
    for at, formula in enumerate(FORMULAS):
        yield f"formula_{at}", Case(formula)
    half, beta, even = PRIOR("HalfLogistic", s=2), PRIOR("Beta", alpha=2, beta=5), PRIOR("Dirichlet", a=2)
    shape = PRIOR("DiracDelta", c=2.5)
    named = {
        "own": priors("y ~ x + z + f + (x | g)", **{"beta[x]": PRIOR("Normal", mu=1, sigma=2)}, sd_g=half,
                      corr_g=PRIOR("LKJ", eta=3.5), sigma=PRIOR("HalfCauchy", beta=2)),
        "mixed": priors("y ~ x + z + f + (x | g)", **{"beta[x]": PRIOR("Laplace", mu=1, b=2)},
                        **{"sd_g[x]": PRIOR("PC", u=1, a=0.05), "sd_g[Intercept]": PRIOR("HalfNormal", sigma=1.7)}),
        "each": priors("y ~ x + z + f + (1 | g)", beta=PRIOR("StudentT", nu=4, mu=0.5, sigma=2)),
        "locations": priors("y ~ x + z + (1 | g)", **{"beta[x]": PRIOR("Uniform", lower=-4, upper=5)},
                            **{"beta[z]": PRIOR("Cauchy", alpha=0.1, beta=1)},
                            **{"beta[Intercept]": PRIOR("Logistic", mu=3, s=2)}, sd_g=PRIOR("Exponential", lam=2)),
        "positive": priors("y ~ x + z + (1 | g)", **{"beta[x]": PRIOR("Gamma", alpha=2, beta=3)},
                           **{"beta[z]": PRIOR("LogNormal", mu=0.3, sigma=0.4)},
                           sd_g=PRIOR("InverseGamma", alpha=2, beta=3), sigma=PRIOR("Weibull", alpha=2, beta=3)),
        "whole_numbers": priors("y ~ x + (1 | g) + (1 | h)", sd_g=PRIOR("HalfStudentT", nu=100, sigma=60),
                                sigma=PRIOR("InverseGamma", alpha=60, beta=100), sd_h=PRIOR("HalfCauchy", beta=60),
                                beta=PRIOR("Uniform", lower=-100, upper=100)),
        "whole_icc": priors("y ~ x + (1 | g)", icc=PRIOR("Beta", alpha=60, beta=100)),
        "halves": priors("y ~ x + (1 | g)", beta=half, sigma=PRIOR("HalfStudentT", nu=4, sigma=3)),
        "together": priors("y ~ x + z + (1 | g)", beta=PRIOR("UnitInformation", mu=0, sigma=3)),
        "with_a_mean": priors("y ~ 0 + f + x + (1 | g)", beta=PRIOR("UnitInformation", mu=2.5, sigma=3),
                              **{"beta[x]": PRIOR("Normal", mu=0.3, sigma=1)}),
        "icc": priors("y ~ x + (x || g) + (1 | h)", icc=beta, total_sd=PRIOR("HalfNormal", sigma=2),
                      share_g=PRIOR("Dirichlet", a=3)),
        "icc_correlated": priors("y ~ x + (x | g)", icc=beta),
        "icc_alone": priors("y ~ x + (1 | g)", icc=beta),
        "icc_latent": priors("yes ~ x + (1 | g) + (1 | h)", "bernoulli", icc=beta),
        "icc_probit": priors("grade ~ x + (x | g)", "cumulative", "probit", icc=beta, cutpoints=even),
        "truncated": priors("y ~ x + (1 | g)", "student_t", nu=PRIOR("Gamma", alpha=2, beta=0.1, lower=1)),
        "fixed": priors("y ~ x + (1 | g)", "student_t", nu=PRIOR("DiracDelta", c=4)),
        "fixed_shape": priors("count ~ offset(log(k)) + (1 | g)", "negative_binomial", alpha=shape),
        "se_of_t": Case("y | se(s) ~ x + (1 | g)", options={"family": "student_t"}),
        "cutpoints_alone": Case("grade ~ 1", options={"family": "cumulative", "link": "cloglog"}),
        "numbers_in_order": Case("k ~ f + offset(z) + (1 | g)", options={"family": "cumulative"}),
        "twenty_trials": Case("p(count, 20) ~ x + (1 | g)", options={"family": "binomial"}),
        "truth": Case("t ~ x + (1 | g)", options={"family": "bernoulli"}),
        "the_other_one": Case("yes[no] ~ x + (1 | g)", options={"family": "bernoulli"}),
        "names_alike": Case("y ~ x + (1 | g:h) + (x | g_h)", TABLE.assign(g_h=TABLE["k"])),
        "names_of_python": Case(
            "y ~ lambda + I(lambda**2) + (lambda | if)",
            TABLE.assign(**{"lambda": TABLE["x"], "if": [["None", "if", "2.0"][k % 3] for k in TABLE["k"]]}),
        ),
        "at_zero": Case(ModelSpec.from_formula("y ~ x + (x | g)", origin={"g": "zero"})),
        "related": relatives("y ~ x + (1 | animal) + (1 | litter)"),
        "related_slopes": relatives("y ~ x + (x | animal)"),
        "incomplete": Case("y ~ x + (1 | h)", TABLE.assign(x=TABLE["x"].where(TABLE["k"] > 2))),
        "large": Case("y ~ x + (x | ids)", pd.concat([TABLE] * 60, ignore_index=True).eval("y = y + x * z")),
    }  # fmt: skip
    yield from named.items()
    repeated = repeated_visits()
    panel = structured_panel()
    for at, formula in enumerate(RESIDUALS):
        yield f"residual_{at}", Case(formula, repeated)
    for family, formulas in PARAMETERS.items():
        for at, formula in enumerate(formulas):
            yield f"parameters_{family}_{at}", Case(formula, options={"family": family})
    yield from cases_of_thresholds()
    own = {"beta_sigma[x]": PRIOR("Laplace", mu=0.1, b=2), "sd_sigma_g": PRIOR("HalfNormal", sigma=0.7),
           "corr_across_g": PRIOR("LKJ", eta=5), "beta_sigma[z]": PRIOR("Uniform", lower=-3, upper=2)}  # fmt: skip
    yield "parameters_own", Case("y ~ x + (1 |p| g), sigma ~ x + z + (1 |p| g)", options={"priors": own})
    own = {"beta": PRIOR("UnitInformation", mu=0, sigma=2), "corr_across_g": PRIOR("LKJ", eta=3)}
    yield "categories_own", Case("f ~ x + z + (1 | g)", options={"family": "categorical", "priors": own})
    for at, formula in enumerate(STRUCTURES):
        yield f"structure_{at}", Case(formula, panel)
    own = {"corr_g": PRIOR("Uniform", lower=0, upper=1), "sd_g": PRIOR("HalfNormal", sigma=2)}
    yield "structure_own", Case("y ~ ar1(0 + visit | g)", panel, {"priors": own})
    own = {"residual_corr": PRIOR("Uniform", lower=0, upper=0.9), "sigma[b]": PRIOR("HalfNormal", sigma=2)}
    yield "residual_own", Case("y ~ x + ar(t, gr=g), sigma ~ 0 + arm", repeated, {"priors": own})
    for path in sorted((ROOT / "models").glob("*.toml")):
        gallery = pp.read_model_file(path)
        yield path.stem, Case(gallery.spec, read_sources(gallery.data, gallery.spec)[0])

    for seed in range(8):
        names, table = awkward_table(np.random.default_rng(seed))
        if refused_or_written(awkward_formula(*names), table):
            yield f"awkward_{seed}", Case(awkward_formula(*names), table)


CASES = dict(cases())
STARTS = ("own", "halves", "truncated", "fixed", "icc", "whole_numbers", "cumulative_logit", "positive", "sleepstudy")
"""Cases of distributions whose start depends on their arguments."""


def quiet(function, case):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pp.DataWarning)
        return function(case.model, case.table, **case.options)


def points_of(model, case, count=2):
    """Random points of the value variables, near the start where a mean must be above 0."""
    link = case.options.get("link")
    width = 0.3 if link is None or LINKS[link].takes_any_predictor else 0.02
    rng = np.random.default_rng(0)
    return [
        {name: np.asarray(value + width * rng.normal(size=np.shape(value))) for name, value in start.items()}
        for start in [model.initial_point()] * count
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Every script, with points at which its model is evaluated."""
    place = tmp_path_factory.mktemp("scripts")
    for name, case in CASES.items():
        (place / f"{name}.py").write_text(quiet(pp.pymc_source, case), encoding="utf-8")
        points = points_of(quiet(pp.build_model, case), case)
        (place / f"{name}.points").write_bytes(pickle.dumps(points))
    return place


@pytest.fixture(scope="module")
def alone(folder):
    """What each script's model is where this package cannot be imported."""
    return without_package.run(folder, STARTS)


@pytest.mark.parametrize("name", CASES)
def test_a_script_has_the_model_of_build_model(name, folder, alone):
    twin = quiet(pp.build_model, CASES[name])
    expected = without_package.evaluate(twin, pickle.loads((folder / f"{name}.points").read_bytes()))
    found = alone[name]
    for part in ("free", "observed"):
        assert found[part] == expected[part]
    assert {name: found["dims"][name] for name in expected["dims"]} == expected["dims"]
    assert found["coords"] == expected["coords"]
    np.testing.assert_allclose(found["density"], expected["density"], rtol=1e-8)
    assert np.isfinite(expected["density"]).all()
    for mine, theirs in zip(found["reported"], expected["reported"], strict=True):
        for variable, values in theirs.items():
            size = np.abs(values).max(initial=0.0)
            np.testing.assert_allclose(mine[variable], values, rtol=1e-7, atol=1e-8 * size, err_msg=variable)


@pytest.mark.parametrize("name", STARTS)
def test_a_script_starts_where_build_model_does(name, alone):
    expected, found = quiet(pp.build_model, CASES[name]).initial_point(), alone[name]["start"]
    assert found.keys() == expected.keys()
    for variable, value in expected.items():
        assert np.isfinite(value).all()
        np.testing.assert_allclose(found[variable], value, rtol=1e-7, atol=1e-7)


def test_every_distribution_of_priors_is_among_the_cases():
    stated = {prior.distribution for case in CASES.values() for prior in case.options.get("priors", {}).values()}
    assert stated | {prior.distribution for prior in pp.priors("y ~ x + (1 | g)", TABLE).values()} == set(DISTRIBUTIONS)


def test_scripts_are_formatted_and_clean(folder):
    """Names as long as a line are written too, but broken differently than a formatter breaks them."""
    ordinary = [str(path) for path in folder.glob("*.py") if not path.name.startswith("awkward")]
    for rule, scripts in (("check", [str(folder)]), ("format", ["--check", *ordinary])):
        command = [sys.executable, "-m", "ruff", rule, "--isolated", "--no-cache", *scripts]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_long_tables_are_compressed(folder):
    text = (folder / "large.py").read_text("utf-8")
    assert "zlib.decompress(base64.b64decode(TABLE))" in text
    assert len(text) < LARGEST_TEXT
    assert "zlib" not in (folder / "contraception.py").read_text("utf-8")


def test_a_fit_and_its_model_have_one_script(sleepstudy):
    fit = pp.fit(SLEEP, sleepstudy, seed=1, draws=50, progressbar=False)
    text = pp.pymc_source(fit)
    assert text == pp.pymc_source(SLEEP, sleepstudy) == pp.pymc_source(fit.spec, sleepstudy)
    assert text.startswith(
        f"# {SLEEP}\n# Family gaussian, link identity; 180 rows. Written by partialpool {pp.__version__}"
    )


def test_the_fit_of_a_file_has_the_script_of_the_fit(sleepstudy, tmp_path):
    table = sleepstudy.assign(Days=sleepstudy["Days"].where(sleepstudy["Days"] != 3))
    with pytest.warns(pp.DataWarning, match="dropped 18 of 180 rows"):
        fit = pp.fit(SLEEP, table, seed=1, draws=50, progressbar=False)
    fit.save(tmp_path / "fit.nc")
    assert pp.pymc_source(pp.load_fit(tmp_path / "fit.nc")) == pp.pymc_source(fit)


def identifiers(text):
    """Everything in a script that is not the text of a label or a comment."""
    tree = ast.parse(text)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return {re.sub(r"^(level|levels|Z|T|sd|sds|L|half|z|b|rows)_.*", r"\1", name) for name in names} | imported


def read_back(text):
    """The table of a script, read by its own function; the model is not built."""
    tree = ast.parse(text)
    kept = [node for node in tree.body if isinstance(node, ast.Import | ast.FunctionDef)]
    kept += [node for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "TABLE"]
    names = {}
    exec(compile(ast.Module(kept, []), "script", "exec"), names)
    return names["read_table"]()


def test_no_name_and_no_label_becomes_code():
    allowed = identifiers(pp.pymc_source("y ~ t*x + (x | h)", TABLE))
    allowed |= {"labels", "np", "object", "factorize", "rows", "base64", "zlib", "BytesIO"}
    written = 0
    for seed in range(120):
        (group, category, number), table = awkward_table(np.random.default_rng(seed))
        text = refused_or_written(awkward_formula(group, category, number), table)
        if text is None:
            continue
        written += 1
        assert identifiers(text) <= allowed
        read = read_back(text)
        for name in (group, category, number):
            assert read[name].tolist() == table[name].tolist()
        assert text.encode().decode() == text
        assert all(line.isprintable() for line in text.split("\n"))
    assert written > 60


def test_the_file_is_whole_or_not_there(sleepstudy, tmp_path):
    path = tmp_path / "sleepstudy.py"
    assert pp.pymc_source(SLEEP, sleepstudy, path=path) == path
    assert path.read_text("utf-8") == pp.pymc_source(SLEEP, sleepstudy)
    with pytest.raises(pp.FileError, match="cannot write the PyMC script"):
        pp.pymc_source(SLEEP, sleepstudy, path=tmp_path / "nowhere" / "script.py")
    with pytest.raises(pp.DataError):
        pp.pymc_source("Reaction ~ absent", sleepstudy, path=tmp_path / "other.py")
    assert [one.name for one in tmp_path.iterdir()] == ["sleepstudy.py"]


def test_a_fit_is_given_alone(sleepstudy):
    fit = fit_at("Reaction ~ 1 + (1 | Subject)", sleepstudy, beta=[300.0], sd_Subject=[30.0], sigma=40.0)
    with pytest.raises(pp.SpecError, match="a fit has its own model and table") as refused:
        pp.pymc_source(fit, "model.py")
    assert refused.value.got == "data along with a fit"
    assert refused.value.do == "write pp.pymc_source(fit, path='model.py')"
    with pytest.raises(pp.SpecError) as refused:
        pp.pymc_source(fit, sleepstudy, family="poisson")
    assert (refused.value.got, refused.value.do) == ("data, family along with a fit", "leave these out")


def test_a_model_needs_its_table():
    with pytest.raises(pp.SpecError, match="a model without a table has no script") as refused:
        pp.pymc_source(SLEEP)
    assert refused.value.do == "write pp.pymc_source(formula, data)"
    with pytest.raises(pp.SpecError, match="this is not a model"):
        pp.pymc_source(3, TABLE)


@pytest.mark.slow
def test_sampling_a_script_gives_the_posterior_of_the_fit(sleepstudy, tmp_path):
    """Posterior means, within five Monte Carlo standard errors of both."""
    fit = pp.fit(SLEEP, sleepstudy, seed=1, progressbar=False)
    path = pp.pymc_source(fit, path=tmp_path / "script.py")
    program = f"""
import runpy, sys
sys.path.insert(0, {str(Path(without_package.__file__).parent)!r})
import without_package
sys.meta_path.insert(0, without_package.Blocked())
draws = runpy.run_path({str(path)!r}, run_name="__main__")["idata"]["posterior"].to_dataset()
draws.to_netcdf({str(tmp_path / "draws.nc")!r}, engine="h5netcdf")
"""
    subprocess.run([sys.executable, "-I", "-c", program], check=True, capture_output=True, cwd=tmp_path)
    draws = xr.load_dataset(tmp_path / "draws.nc", engine="h5netcdf")
    for name, theirs in fit.posterior.data_vars.items():
        mine = draws[name]
        assert mine.dims == theirs.dims
        for dim in theirs.dims[2:]:
            assert mine[dim].to_numpy().tolist() == theirs[dim].to_numpy().tolist()
        error = np.sqrt(sum(arviz.mcse(one.to_dataset(name=name))[name] ** 2 for one in (mine, theirs)))
        away = np.abs(mine.mean(("chain", "draw")) - theirs.mean(("chain", "draw")))
        assert (away <= 5 * error + 1e-9).all(), name
