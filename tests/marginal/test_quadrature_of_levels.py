"""Effects integrated out by adaptive quadrature, against a rule with very many nodes on the scale of the prior."""

import re

import numpy as np
import pytest
from scipy import special, stats

import partialpool as pp
from checks.fixed import fit_at
from partialpool.design.newdata import own_rows
from partialpool.marginal import group_log_density as joint
from partialpool.marginal.group_log_density import joint_log_density
from partialpool.model.predictor import linear_predictor
from partialpool.model.response import log_density_of

SDS = np.array([0.0, 1e-12, 1e-6, 1e-3, 0.1, 1.0, 5.0, 30.0])
FAMILIES = {
    "bernoulli": ({}, [0, 1, 0, 1, 1, 1]),
    "binomial": ({}, [3, 18, 7, 20, 12, 1]),
    "poisson": ({}, [0, 7, 2, 5, 11, 3]),
    "negative_binomial": ({"alpha": 1.5}, [0, 7, 2, 5, 11, 3]),
    "gamma": ({"alpha": 2.0}, [0.3, 1.1, 2.5, 0.9, 4.0, 1.7]),
    "beta": ({"phi": 5.0}, [0.3, 0.6, 0.2, 0.9, 0.4, 0.7]),
    "cumulative": ({"cutpoints": [-1.0, 1.0]}, [0, 1, 2, 1, 0, 2]),
    "student_t": ({"sigma": 1.0, "nu": 4.0}, [0.3, 1.1, -2.5, 0.9, 4.0, 1.7]),
}
ALIKE = {"bernoulli": 1, "binomial": 20, "poisson": 0, "gamma": 0.01, "cumulative": 2}
"""Responses at an end of their range: with a large sd the integrand is far from normal."""


def fit_of(family, formula, y, sd, **more):
    """A fit whose draws have the given sds and effects that do not matter; the last six rows are another level."""
    own, spare = FAMILIES[family]
    n, draws = len(y), len(sd)
    data = {
        "y": [*y, *spare],
        "g": np.repeat(["here", "there"], [n, 6]),
        "a": np.repeat(["in", "out", "far"], [n, 3, 3]),
    }
    rng = np.random.default_rng(4)
    data |= {"x": rng.normal(size=n + 6), "w": rng.normal(size=n + 6), "t": np.full(n + 6, 20)}
    if family == "binomial":
        formula = formula.replace("y ~", "p(y, t) ~")
    beta = [0.4] if family == "cumulative" else [0.2, 0.4]
    values = {name: np.repeat([value], draws, axis=0) for name, value in {"beta": beta, **own}.items()}
    levels = {"g": 2, "a": 3}
    effects = {f"b_{name.removeprefix('sd_')}": rng.normal(size=(draws, levels[name[3:]], value.shape[1]))
               for name, value in more.items() if name.startswith("sd_")}  # fmt: skip
    return fit_at(formula, data, family=family, draws=draws, **values, **more, **effects)


def many_nodes(fit, z, root, nodes):
    """The integral over v ~ N(0, I) by a plain product rule, u = L v, rows of the first level."""
    grid = np.stack(np.meshgrid(*[nodes] * z.shape[1], indexing="ij"), -1).reshape(-1, z.shape[1])
    weight = stats.norm.logpdf(grid).sum(axis=1) + z.shape[1] * np.log(nodes[1] - nodes[0])
    rows = own_rows(fit.design).take(np.arange(len(z)))
    draws, y = fit.stacked(), fit.design.response.values[: len(z)]
    eta = linear_predictor(fit.design, rows.with_levels_of([]), draws)
    out = []
    for d in range(len(root)):
        own = {name: np.repeat(values[d : d + 1], len(grid), axis=0)
               for name, values in draws.items() if name in ("alpha", "phi", "sigma", "nu", "cutpoints")}  # fmt: skip
        with np.errstate(over="ignore"):
            density = log_density_of(y, fit.design, rows, eta[d] + grid @ root[d].T @ z.T, own).sum(axis=1)
        out.append(special.logsumexp(density + weight))
    return np.array(out)


def score(fit, factor="g"):
    return joint_log_density(fit.design, fit.design.factor_named(factor).codes, fit.stacked())[:, 0]


def check(found, expected, usual=1e-5):
    """The error is below 5e-3 in every draw, and its median far smaller."""
    gap = np.abs(found - expected)
    assert gap.max() < 5e-3
    assert np.median(gap) < usual


@pytest.mark.parametrize(
    ("family", "y"), [(f, y) for f, (_, y) in FAMILIES.items()] + [(f, [end] * 8) for f, end in ALIKE.items()]
)
def test_one_effect_with_sds_from_0_to_30(family, y):
    fit = fit_of(family, "y ~ x + (1 | g)", y, SDS, sd_g=SDS[:, None])
    check(score(fit), many_nodes(fit, np.ones((len(y), 1)), SDS[:, None, None], np.linspace(-9, 9, 12_001)))


@pytest.mark.parametrize("family", ["bernoulli", "binomial", "poisson", "gamma", "cumulative"])
@pytest.mark.parametrize("alike", [False, True])
def test_a_correlated_slope(family, alike):
    y = [ALIKE[family]] * 4 if alike else FAMILIES[family][1][:4]
    sd = np.array([[1.0, 0.5], [1e-12, 3.0], [3.0, 1e-9], [1e-12, 1e-12], [5.0, 8.0], [10.0, 3.0]])
    r = np.array([-0.9, 0.3, 0.999999, 0.0, 0.999999, 0.5])
    corr = np.eye(2) + r[:, None, None] * (1 - np.eye(2))
    fit = fit_of(family, "y ~ x + (x | g)", y, sd, sd_g=sd, corr_g=corr)
    root = sd[:, :, None] * np.linalg.cholesky(corr + 1e-12 * np.eye(2))
    check(score(fit), many_nodes(fit, fit.design.factors[0].values[:4], root, np.linspace(-7, 7, 501)), usual=1e-4)


@pytest.mark.filterwarnings("ignore:.* not identified:partialpool.DataWarning")
@pytest.mark.parametrize("family", ["bernoulli", "poisson"])
def test_a_level_and_the_one_level_nested_in_it(family):
    y = FAMILIES[family][1][:5]
    sd = np.array([[1.0, 1e-12], [1e-10, 2.0], [3.0, 6.0], [0.2, 0.1]])
    fit = fit_of(family, "y ~ x + (1 | g) + (1 | a)", y, sd, sd_g=sd[:, :1], sd_a=sd[:, 1:])
    root = sd[:, :, None] * np.eye(2)
    check(score(fit), many_nodes(fit, np.ones((5, 2)), root, np.linspace(-7, 7, 401)), usual=1e-4)


def test_three_correlated_effects():
    sd = np.array([[1.0, 0.7, 0.4], [1e-12, 2.0, 1.0]])
    corr = np.eye(3) + 0.6 * (1 - np.eye(3))
    fit = fit_of("bernoulli", "y ~ x + (x + w | g)", [1, 1, 0, 1], sd, sd_g=sd, corr_g=np.repeat([corr], 2, axis=0))
    root = sd[:, :, None] * np.linalg.cholesky(corr)
    check(score(fit), many_nodes(fit, fit.design.factors[0].values[:4], root, np.linspace(-6, 6, 61)), usual=1e-4)


def test_two_modes_are_both_counted():
    """Under the square root link a count is as likely at -eta as at eta; a t has a mode for each of two far values."""
    for family, link, y, own in (
        ("poisson", "sqrt", [9, 12, 10], {}),
        ("student_t", None, [-9.0, 9.0], {"sigma": [0.5], "nu": [2.5]}),
    ):
        data = {"y": [*y, 1, 4], "g": [*["here"] * len(y), "there", "there"]}
        fit = fit_at("y ~ 1 + (1 | g)", data, family=family, link=link, draws=1, beta=[[0.3]], sd_g=[[6.0]],
                     b_g=np.zeros((1, 2, 1)), **own)  # fmt: skip
        check(score(fit), many_nodes(fit, np.ones((len(y), 1)), np.array([[[6.0]]]), np.linspace(-9, 9, 40_001)))


def test_a_rule_that_does_not_converge_is_an_error(monkeypatch):
    fit = fit_of("bernoulli", "y ~ x + (1 | g)", [0, 1, 1], SDS, sd_g=SDS[:, None])
    monkeypatch.setattr(joint, "_MOST_ERROR", 0.0)
    message = "effects of a level cannot be integrated out.*an integral over 1 effects, 3 rows"
    with pytest.raises(pp.EngineError, match=re.compile(message, re.S)):
        score(fit)


def test_a_density_that_is_not_finite_is_an_error():
    data = {"y": [1.0, 2.0, 3.0, 4.0], "g": [0, 0, 1, 1]}
    fit = fit_at("y ~ 1 + (1 | g)", data, draws=2, beta=[[1.0], [np.nan]], sd_g=[[1.0], [1.0]], sigma=[1.0, 1.0],
                 b_g=np.zeros((2, 2, 1)))  # fmt: skip
    with pytest.raises(pp.EngineError, match="is not a finite number"):
        score(fit)
