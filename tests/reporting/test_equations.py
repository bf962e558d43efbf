"""The mathematics of the page: every family, every kind of factor, and text that cannot become markup."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.families.registry import FAMILIES
from partialpool.model.default_priors import resolve_priors
from partialpool.reporting.describe import describe_mathematics
from partialpool.reporting.equations import write_equations

DATA = {
    "y": np.tile([0.2, 0.6, 0.4, 0.7], 6),
    "n": np.tile([1, 3, 2, 4], 6),
    "binary": np.tile([0, 1, 1, 0], 6),
    "rank": pd.Categorical(np.tile(["a", "b", "c", "b"], 6), ordered=True),
    "x": np.arange(24.0),
    "se": np.full(24, 0.5),
    "g": np.repeat(list("uvwxyz"), 4),
}
RESPONSE = {"count": "n", "binary": "binary", "successes": "p(n, 9)", "ordinal": "rank"}


def lines_of(formula, data=None, **options):
    """The equations as lines of text, spaces left out."""
    spec = pp.ModelSpec.from_formula(formula, **options)
    design = build_design(spec, DATA if data is None else data)
    equations = write_equations(design, resolve_priors(design))
    root = ET.fromstring(equations.mathml)
    assert root.get("alttext") == equations.text
    return ["".join(line.itertext()).replace(" ", "") for line in root.iter("mtr")]


@pytest.mark.parametrize("family", [name for name, f in FAMILIES.items() if not f.has_predictors_of_categories])
def test_every_family_is_written(family):
    kind = FAMILIES[family].kind
    first, *_ = lines_of(f"{RESPONSE.get(kind, 'y')} ~ x + (1 | g)", family=family)
    if kind == "ordinal":
        events = {
            "cumulative": "ranki≤k",
            "sratio": "ranki=k|ranki≥k",
            "acat": "ranki=k|k≤ranki≤k+1",
        }
        assert first == f"P({events[family]})=logit−1(ck−ηi)"
        return
    spec = pp.ModelSpec.from_formula(f"{RESPONSE.get(kind, 'y')} ~ x + (1 | g)", family=family)
    design = build_design(spec, DATA)
    name = describe_mathematics(design, resolve_priors(design)).split("~")[1].split("(")[0].strip()
    assert f"∼{name}(" in first
    assert "ηi" in first


def test_random_slopes():
    assert lines_of("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy")) == [
        "Reactioni∼Normal(ηi,σ)",
        "ηi=βIntercept+βDaysDaysi",
        "+bSubject[i],Intercept",
        "+bSubject[i],DaysDaysi",
        "bSubject=g∼MvNormal(0,ΣSubject)",
        "ΣSubject=DSubjectRSubjectDSubject",
        "DSubject=diag(sdSubject,Intercept,sdSubject,Days)",
    ]


def test_coefficients_with_one_prior_together():
    assert lines_of("y ~ x + rank + (1 | g)", priors={"beta": pp.Prior("UnitInformation", mu=0, sigma=7)})[-1] == (
        "β∼MvNormal(0,72(Xc⊤Xc/n)−1)"
    )
    design = build_design(pp.ModelSpec.from_formula("y ~ x + I(x**2) + (1 | g)"), DATA)
    text = describe_mathematics(design, resolve_priors(design))
    assert text.splitlines()[-1].endswith("(X'X / n)^-1), X the columns of x, I(x**2), centred")


def test_uncorrelated_effects_offsets_and_known_errors():
    lines = lines_of("y | se(se) ~ 1 + offset(x) + (x || g)")
    assert lines[0] == "yi∼Normal(ηi,sei)"
    assert lines[1:3] == ["ηi=βIntercept+xi", "+bg[i],Intercept+bg[i],xxi"]
    assert "Σg=Dg2" in lines


def test_an_intercept_alone_and_nothing_at_all():
    assert lines_of("y ~ 1 + (1 | g)")[-1] == "bg=g∼Normal(0,sdg,Intercept)"
    assert lines_of("y ~ 0")[1] == "ηi=0"


def test_trials_are_a_number_or_a_column():
    assert lines_of("p(n, 9) ~ 1", family="binomial")[0] == "ni∼Binomial(9,logit−1(ηi))"
    columns = {**DATA, "of": np.full(24, 5)}
    assert lines_of("p(n, of) ~ 1", columns, family="binomial")[0].startswith("ni∼Binomial(ofi,")


def test_names_cannot_become_markup():
    columns = {**DATA, "a<b & c": DATA["x"]}
    spec = pp.ModelSpec.from_formula("y ~ `a<b & c`")
    design = build_design(spec, columns)
    equations = write_equations(design, resolve_priors(design))
    assert "a&lt;b &amp; c" in equations.mathml
    assert "a<b" not in equations.mathml


@pytest.mark.parametrize(
    ("formula", "spreads"),
    [("y ~ x + (1 | g)", {"Normal": ("sigma", "sd_g")}),
     ("y ~ x + (x || g)", {"Normal": ("sigma",), "MvNormal": ("diag(sd_g)^2",)})],
)  # fmt: skip
def test_a_normal_distribution_has_an_sd_and_a_multivariate_one_a_covariance(formula, spreads):
    design = build_design(pp.ModelSpec.from_formula(formula), DATA)
    text = describe_mathematics(design, resolve_priors(design))
    found = re.findall(r"~ (\w+)\(.*?, (.*)\)$", text, flags=re.MULTILINE)
    for name, given in spreads.items():
        assert tuple(spread for distribution, spread in found if distribution == name)[: len(given)] == given
    in_math = "".join(lines_of(formula))
    assert ("Normal(0,sdg,Intercept)" in in_math) == ("MvNormal" not in spreads)


@pytest.mark.parametrize(
    ("formula", "line", "text"),
    [
        ("y ~ x + ar(t, gr=g)", "Corr(yi,yj)=ρ|ti−tj|/2withinoneg", "rho^(|t[i] - t[j]| / 2) within one g, 0 between"),
        ("y ~ x + cosy(gr=g)", "Corr(yi,yj)=ρwithinoneg", "Corr(y[i], y[j] | eta) = rho within one g"),
        ("y ~ x + unstr(t, gr=g)", "Corr(yi,yj)=Rti,tjwithinoneg", "= R[t[i], t[j]] within one g"),
    ],
)
def test_correlated_residuals_are_an_equation(formula, line, text):
    data = DATA | {"t": np.tile([1, 3, 5, 7], 6)}
    assert line in lines_of(formula, data)
    design = build_design(pp.ModelSpec.from_formula(formula), data)
    assert text in describe_mathematics(design, resolve_priors(design))
