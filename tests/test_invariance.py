"""Answers do not depend on origins and units of columns, on the reference category, or on how a model is written."""

import json

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.design.newdata import own_rows
from partialpool.families.registry import FAMILIES
from partialpool.model.default_priors import resolve_priors
from partialpool.model.predictor import linear_predictor
from partialpool.model.prior import draw_parameters, log_prior_density
from partialpool.model.response import log_density
from partialpool.names import BETA, corr_name, sd_name
from partialpool.sampling.mixing import bulk_ess, mcse_mean
from partialpool.spec.model import ModelSpec

LEVELS, ROWS = 12, 12


def _table():
    rng = np.random.default_rng(3)
    g, n = np.repeat(np.arange(LEVELS), ROWS), LEVELS * ROWS
    x, z = rng.normal(1, 2, n), rng.normal(0.5, 1, n)
    kind, arm = rng.choice(list("abc"), n), rng.choice(["p", "q"], n)
    mean = 3 + 0.5 * x + (kind == "b") + 0.3 * x * (arm == "q") + rng.normal(size=LEVELS)[g]
    y = mean + 0.4 * rng.normal(size=LEVELS)[g] * x + rng.normal(size=n)
    table = pd.DataFrame({"y": y, "x": x, "z": z, "kind": kind, "arm": arm, "g": [f"g{level}" for level in g]})
    return table.assign(
        known=0.3 * x + 7,
        y_rest=y - 0.3 * x - 7,
        x_years=x + 2010,
        z_kelvin=z + 295,
        x_milli=1000 * x,
        x_centred=x - x.mean(),
        kind_other=table.kind.map({"a": "z", "b": "b", "c": "c"}),
        arm_other=table.arm.map({"p": "z", "q": "q"}),
        arm_sum=np.where(arm == "q", 1.0, -1.0),
        count=rng.poisson(np.exp(0.2 * mean)),
        trials=20,
        yes=rng.binomial(20, 1 / (1 + np.exp(-0.3 * (mean - 3)))),
        one=(mean > 3).astype(int),
        share=1 / (1 + np.exp(-0.3 * (y - 3))),
        size=np.exp(0.2 * y),
        grade=pd.cut(y, [-np.inf, 2, 4, np.inf], labels=["low", "mid", "high"]),
    )


TABLE = _table()

# Formulas of one model each; all but the first are another way to write it.
SAME = {
    "intercepts": ["y ~ x + (1 | g)", "y ~ x_years + (1 | g)", "y ~ x_milli + (1 | g)", "y ~ x_centred + (1 | g)"],
    "interaction": [
        "y ~ x * arm + (1 | g)",
        "y ~ x_years * arm + (1 | g)",
        "y ~ x_milli * arm_other + (1 | g)",
        "y ~ x_years * arm_sum + (1 | g)",
        "y ~ x + arm + x_centred:arm_sum + (1 | g)",
    ],
    "categories": ["y ~ x + kind + (1 | g)", "y ~ x + kind_other + (1 | g)", "y ~ 0 + kind + x_years + (1 | g)"],
    "cells": ["y ~ kind * arm + (1 | g)", "y ~ kind_other * arm_sum + (1 | g)", "y ~ 0 + kind:arm + (1 | g)"],
    "powers": [
        "y ~ x + I(x**2) + (1 | g)",
        "y ~ x_years + I(x_years**2) + (1 | g)",
        "y ~ poly(x_years, 2) + (1 | g)",
    ],
    "slopes": ["y ~ x + (x | g)", "y ~ x_years + (x_years | g)", "y ~ x_milli + (x_milli | g)"],
    "slopes of two": [
        "y ~ x + arm + (x + arm | g)",
        "y ~ arm + x_years + (x_years + arm | g)",
        "y ~ x_milli + arm_sum + (x_milli + arm_sum | g)",
    ],
    "interactions that vary": ["y ~ x * z + (x * z | g)", "y ~ x_years * z_kelvin + (x_years * z_kelvin | g)"],
    "quadratics that vary": [
        "y ~ x + I(x**2) + (x + I(x**2) | g)",
        "y ~ x_years + I(x_years**2) + (x_years + I(x_years**2) | g)",
        "y ~ poly(x_years, 2) + (poly(x_years, 2) | g)",
    ],
    "slope alone": ["y ~ x + (0 + x | g)", "y ~ x_milli + (0 + x_milli | g)", "y ~ x_years + (0 + x | g)"],
    "independent": ["y ~ x + (x || g)", "y ~ x_milli + (x_milli || g)", "y ~ x_years + (x || g)"],
}


def fit_of(formula, response="y"):
    return pp.fit(formula.replace("y ~", f"{response} ~", 1), TABLE, seed=1, progressbar=False)


def evidence_of(fit):
    return json.loads(fit.tree.attrs["run"])["log_evidence"]


def check_same_draws(first, other, what):
    """Means and sds within five Monte Carlo standard errors, of labelled draws with equal dimensions."""
    pairs = (draws.transpose("chain", "draw", ...).to_numpy() for draws in (first, other))
    a, b = (values.reshape(*values.shape[:2], -1) for values in pairs)
    for k in range(a.shape[-1]):
        pair = a[..., k], b[..., k]
        if max(map(np.ptp, pair)) < 1e-9:
            continue
        assert min(map(bulk_ess, pair)) > 1000, what
        assert abs(pair[0].mean() - pair[1].mean()) < 5 * np.hypot(*map(mcse_mean, pair)), what
        squares = [(values - values.mean()) ** 2 for values in pair]
        assert abs(squares[0].mean() - squares[1].mean()) < 5 * np.hypot(*map(mcse_mean, squares)), what


@pytest.mark.parametrize("name", SAME)
def test_answers_of_one_model_do_not_depend_on_how_it_is_written(name):
    first = fit_of(SAME[name][0])
    assert first.digest.verdict.good
    for formula in SAME[name][1:]:
        other = fit_of(formula)
        assert evidence_of(other) == pytest.approx(evidence_of(first), abs=1e-6), formula
        for ask in (
            lambda fit: pp.predict(fit, TABLE.iloc[::9], kind="conditional")["expectation"],
            lambda fit: pp.predict(fit, TABLE.iloc[::9].assign(g="new"), kind="typical")["expectation"],
            lambda fit: pp.icc(fit)["icc"],
            lambda fit: pp.variance_components(fit)["r2_marginal"],
            lambda fit: pp.variance_components(fit)["r2_conditional"],
            lambda fit: fit.posterior["sigma"],
        ):
            check_same_draws(ask(first), ask(other), formula)


def test_an_offset_equals_its_subtraction_from_the_response():
    with_offset, by_hand = fit_of("y ~ z + offset(known) + (1 | g)"), fit_of("y ~ z + (1 | g)", "y_rest")
    assert evidence_of(with_offset) == pytest.approx(evidence_of(by_hand), abs=1e-9)
    for name in ("beta", "sd_g", "b_g", "sigma"):
        np.testing.assert_allclose(with_offset.posterior[name], by_hand.posterior[name], rtol=1e-9, atol=1e-9)


def test_the_order_of_effects_does_not_matter():
    fits = [fit_of("y ~ x + arm + (x + arm | g)"), fit_of("y ~ arm_other + x + (arm_other + x | g)")]
    error = np.hypot(*(json.loads(fit.tree.attrs["run"])["log_evidence_se"] for fit in fits))
    assert abs(evidence_of(fits[0]) - evidence_of(fits[1])) < 5 * error
    check_same_draws(*(pp.icc(fit)["icc"] for fit in fits), "order")


RESPONSES = {
    "gaussian": "y",
    "student_t": "y",
    "lognormal": "size",
    "bernoulli": "one",
    "binomial": "p(yes, trials)",
    "poisson": "count",
    "negative_binomial": "count",
    "zero_inflated_poisson": "count",
    "zero_inflated_negative_binomial": "count",
    "beta_binomial": "p(yes, trials)",
    "hurdle_poisson": "count",
    "hurdle_negative_binomial": "count",
    "hurdle_gamma": "size",
    "hurdle_lognormal": "size",
    "gamma": "size",
    "exponential": "size",
    "beta": "share",
    "weibull": "size",
    "inverse_gaussian": "size",
    "zero_one_inflated_beta": "share",
    "exgaussian": "y",
    "skew_normal": "y",
    "cumulative": "grade",
    "sratio": "grade",
    "acat": "grade",
}
WRITTEN = [
    ("x * arm + I(x**2) + (x | g)", "x_years * arm_other + I(x_years**2) + (x_years | g)"),
    ("x + kind + (x * z | g)", "x_milli + kind_other + (x_milli * z_kelvin | g)"),
    ("x * arm_sum + (arm | g)", "x_years * arm + (arm_other | g)"),
]


@pytest.mark.parametrize(("one", "other"), WRITTEN)
@pytest.mark.parametrize("family", [name for name, f in FAMILIES.items() if not f.has_predictors_of_categories])
def test_the_prior_of_a_predictor_does_not_depend_on_its_columns(family, one, other):
    """The densities of one function of the rows, written twice, differ by a constant: that of a change of variables."""
    designs = [
        build_design(ModelSpec.from_formula(f"{RESPONSES[family]} ~ {text}", family=family), TABLE)
        for text in (one, other)
    ]
    priors = [resolve_priors(design) for design in designs]
    draws = draw_parameters(designs[0], priors[0], 200, seed=1)
    densities = []
    for design, prior, parameters in zip(designs, priors, (draws, rewritten(*designs, draws)), strict=True):
        parts = log_prior_density(design, prior, parameters)
        densities.append(sum(values.reshape(len(values), -1).sum(axis=1) for values in parts.values()))
    # Correlations drawn from the prior may round to 1.
    usual = np.isfinite(densities).all(axis=0)
    assert usual.mean() > 0.95
    gap = densities[0][usual] - densities[1][usual]
    np.testing.assert_allclose(gap, np.median(gap), atol=1e-4)


SCALED = {
    "gamma": {},
    "weibull": {},
    "inverse_gaussian": {"lam": 1000.0},
    "exgaussian": {"sigma": 1000.0, "tau": 1000.0},
    "skew_normal": {"sigma": 1000.0},
}
"""Own parameters that are multiplied with the response."""


@pytest.mark.parametrize("family", SCALED)
def test_the_posterior_does_not_depend_on_the_unit_of_the_response(family):
    """Prior and likelihood of one set of parameters, in two units, differ by the same constant."""
    tables = TABLE, TABLE.assign(size=1000 * TABLE["size"], y=1000 * TABLE["y"])
    spec = ModelSpec.from_formula(f"{RESPONSES[family]} ~ x + (1 | g)", family=family)
    designs = [build_design(spec, table) for table in tables]
    priors = [resolve_priors(design) for design in designs]
    one = draw_parameters(designs[0], priors[0], 100, seed=1)
    one["b_g"] = one["sd_g"][:, None, :] * np.random.default_rng(2).normal(size=(100, LEVELS, 1))
    other = {name: value * SCALED[family].get(name, 1.0) for name, value in one.items()}
    if spec.link_record.is_identity:
        other |= {name: 1000 * one[name] for name in (BETA, "sd_g", "b_g")}
    else:
        other[BETA] = one[BETA] + [np.log(1000), 0]
    densities = []
    for design, prior, draws in zip(designs, priors, (one, other), strict=True):
        parts = log_prior_density(design, prior, draws)
        rows = own_rows(design)
        fitted = log_density(design, rows, linear_predictor(design, rows, draws), draws).sum(axis=1)
        densities.append(fitted + sum(values.reshape(len(values), -1).sum(axis=1) for values in parts.values()))
    usual = np.isfinite(densities).all(axis=0) & (np.abs(densities[0]) < 1e6)
    assert usual.mean() > 0.5
    gap = densities[0][usual] - densities[1][usual]
    np.testing.assert_allclose(gap, np.median(gap), atol=1e-4)


def rewritten(design, other, draws):
    """The parameters of another design that make the same linear predictor and covariances of it."""
    out = dict(draws)
    ours, theirs = (columns_of(d) for d in (design, other))
    turn = turning(theirs, ours)
    np.testing.assert_allclose(theirs @ turn, ours, atol=1e-6)
    beta = draws[BETA] @ turn.T if design.common.intercept else draws[BETA]
    if not design.common.intercept:  # the constant is moved into the cutpoints
        beta = np.column_stack([np.zeros(len(beta)), beta]) @ turn.T
        out["cutpoints"] = draws["cutpoints"] - beta[:, :1]
        beta = beta[:, 1:]
    out[BETA] = beta
    for f, h in zip(design.factors, other.factors, strict=True):
        turn = turning(h.values, f.values)
        sd, corr = draws[sd_name(f.name)], draws[corr_name(f.name)]
        half = turn * sd[:, None, :]
        covariance = half @ corr @ half.transpose(0, 2, 1)
        sds = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
        out[sd_name(f.name)] = sds
        out[corr_name(f.name)] = covariance / sds[:, :, None] / sds[:, None, :]
    return out


def turning(theirs, ours):
    """Coefficients of columns in terms of others, (theirs, ours): in units of each column, refined once.

    Calendar years squared are four million beside a constant of one: plain least squares loses ten digits.
    """
    size = np.abs(theirs).max(axis=0)
    turn = np.linalg.lstsq(theirs / size, ours, rcond=1e-15)[0]
    turn += np.linalg.lstsq(theirs / size, ours - (theirs / size) @ turn, rcond=1e-15)[0]
    return turn / size[:, None]


def columns_of(design):
    return np.column_stack([np.ones(design.n_rows), design.common.values])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "response"), [("poisson", "count"), ("bernoulli", "one"), ("cumulative", "grade"), ("gamma", "size")]
)
def test_answers_by_nuts_do_not_depend_on_how_a_model_is_written(family, response):
    quiet = {"family": family, "seed": 1, "draws": 2000, "target_accept": 0.95, "progressbar": False}
    first = pp.fit(f"{response} ~ x * arm + (x | g)", TABLE, **quiet)
    other = pp.fit(f"{response} ~ x_years * arm_other + (x_years | g)", TABLE, **quiet)
    for ask in (
        lambda fit: pp.predict(fit, TABLE.iloc[::29], kind="conditional")["expectation"],
        lambda fit: fit.posterior["sd_g"].isel(g_effect=1),
    ):
        check_same_draws(ask(first), ask(other), family)
