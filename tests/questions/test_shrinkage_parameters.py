"""Shrinkage of normal responses whose sigma has a predictor, against dense matrices."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.fixed import fit_at
from checks.refusals import check_refused

DRAWS, LEVELS, EACH = 6, 5, 7
RNG = np.random.default_rng(3)
TABLE = pd.DataFrame(
    {
        "y": np.exp(RNG.normal(1, 0.3, LEVELS * EACH)),
        "x": RNG.normal(2, 1, LEVELS * EACH),
        "z": RNG.normal(size=LEVELS * EACH),
        "g": np.repeat([f"g{k}" for k in range(LEVELS)], EACH),
        "h": np.tile(list("abc"), LEVELS * EACH)[: LEVELS * EACH],
    }
)
FORMULAS = {
    "slope": ("y ~ x + (x | g), sigma ~ z", "gaussian"),
    "levels too": ("y ~ x + (1 | g), sigma ~ z + (1 | g)", "gaussian"),
    "other levels": ("y ~ x + (1 | g) + (1 | h), sigma ~ (1 | h)", "lognormal"),
}


def a_fit(name):
    """A fit whose draws are made up."""
    formula, family = FORMULAS[name]
    rng = np.random.default_rng(4)
    mean, sigma = formula.split(", ")
    values = {"beta": rng.normal(size=(DRAWS, 2)), "beta_sigma": rng.normal(0, 0.5, (DRAWS, 2 if "z" in sigma else 1))}
    for part, prefix in ((mean, ""), (sigma, "sigma_")):
        for factor, levels in (("g", LEVELS), ("h", 3)):
            if f"| {factor})" in part:
                size = 2 if f"(x | {factor})" in part else 1
                values[f"sd_{prefix}{factor}"] = rng.uniform(0.5, 1.5, (DRAWS, size))
                values[f"b_{prefix}{factor}"] = rng.normal(0, 0.5, (DRAWS, levels, size))
                if size == 2:
                    rho = rng.uniform(-0.5, 0.5, (DRAWS, 1, 1))
                    values[f"corr_{factor}"] = np.eye(2) + rho * (1 - np.eye(2))
    return fit_at(formula, TABLE, family=family, draws=DRAWS, **values)


def sigmas(fit):
    """The sd of each row under every draw, (draws, rows), by hand."""
    values, design = fit.stacked(), fit.design
    eta = np.repeat(values["beta_sigma"][:, :1], len(TABLE), axis=1)
    if values["beta_sigma"].shape[1] == 2:
        eta = eta + values["beta_sigma"][:, 1:] * TABLE["z"].to_numpy()
    for factor in design.parameters["sigma"].factors:
        eta = eta + values[f"b_sigma_{factor.name}"][:, factor.codes, 0]
    return np.exp(eta)


@pytest.fixture(params=FORMULAS)
def fit(request):
    return a_fit(request.param)


def test_a_weight_is_that_of_the_definition_under_each_draw(fit):
    factor, values, sd_of_rows = fit.design.factors[0], fit.stacked(), sigmas(fit)
    answer = pp.shrinkage(fit, "g")
    for draw in range(DRAWS):
        sd = values["sd_g"][draw]
        corr = values["corr_g"][draw] if factor.correlated else np.eye(1)
        sigma = sd[:, None] * corr * sd
        for level in range(LEVELS):
            rows = np.flatnonzero(factor.codes == level)
            z = factor.values[rows]
            v = z @ sigma @ z.T + np.diag(sd_of_rows[draw, rows] ** 2)
            expected = sigma @ z.T @ np.linalg.solve(v, z)
            np.testing.assert_allclose(answer["weight"][0, draw, level], expected, rtol=1e-8, atol=1e-10)
    assert "R the covariance of the residuals" in answer.attrs["definition"]


def test_both_ends_are_weighted_least_squares(fit):
    design, factor = fit.design, fit.design.factors[0]
    weight = 1 / np.median(sigmas(fit), axis=0) ** 2
    y = design.response.values
    y = np.log(y) if fit.spec.family == "lognormal" else y
    answer = pp.shrinkage(fit, "g")
    x = np.column_stack([np.ones(len(y)), design.common.values])
    beta = np.linalg.solve(x.T @ (weight[:, None] * x), x.T @ (weight * y))
    if factor.names == ("Intercept",):
        beta = np.array([beta[0] + beta[1] * TABLE["x"].mean()])
    np.testing.assert_allclose(np.ravel(answer["complete_pooling"]), beta, rtol=1e-9)
    means = {name: values.mean(("chain", "draw")).to_numpy() for name, values in fit.posterior.data_vars.items()}
    rest = np.zeros(len(y))
    if factor.names == ("Intercept",):
        rest += means["beta"][1] * (TABLE["x"] - TABLE["x"].mean()).to_numpy()
    for other in design.factors[1:]:
        rest += other.apply(means[f"b_{other.name}"])
    for level in range(LEVELS):
        rows = np.flatnonzero(factor.codes == level)
        z, w = factor.values[rows], weight[rows, None]
        inverse = np.linalg.inv(z.T @ (w * z))
        found = answer.isel(level=level)
        np.testing.assert_allclose(found["no_pooling"], inverse @ (z.T @ (w[:, 0] * (y - rest)[rows])), rtol=1e-9)
        np.testing.assert_allclose(found["no_pooling_se"], np.sqrt(np.diagonal(inverse)), rtol=1e-9)


def test_a_constant_predictor_is_one_sigma():
    values = {
        "beta": RNG.normal(size=(DRAWS, 2)),
        "sd_g": np.ones((DRAWS, 1)),
        "b_g": RNG.normal(size=(DRAWS, LEVELS, 1)),
    }
    log_sigma = np.full((DRAWS, 1), np.log(0.7))
    one = fit_at("y ~ x + (1 | g)", TABLE, draws=DRAWS, sigma=np.full(DRAWS, 0.7), **values)
    constant = fit_at("y ~ x + (1 | g), sigma ~ 1", TABLE, draws=DRAWS, beta_sigma=log_sigma, **values)
    expected, found = pp.shrinkage(one), pp.shrinkage(constant)
    for name in ("weight", "no_pooling", "no_pooling_se", "complete_pooling", "complete_pooling_se", "partial_pooling"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, err_msg=name)


def test_the_picture_is_drawn():
    figure = pp.plot_shrinkage(a_fit("levels too"))
    assert figure.axes
    plt.close(figure)


def test_what_has_no_weights_says_why():
    across = fit_at(
        "y ~ 1 + (1 |p| g), sigma ~ 1 + (1 |p| g)", TABLE, beta=[1.0], sd_g=[1.0], beta_sigma=[0.0], sd_sigma_g=[0.3],
        b_sigma_g=np.zeros((LEVELS, 1)), corr_across_g=np.eye(2),
    )  # fmt: skip
    check_refused(pp.DataError, lambda: pp.shrinkage(across), "effects on sigma are correlated with the other effects")
    shape = fit_at("y ~ 1 + (1 | g), alpha ~ z", TABLE, family="gamma", beta=[1.0], sd_g=[1.0], beta_alpha=[0.0, 0.0])
    check_refused(pp.DataError, lambda: pp.shrinkage(shape), "a level's own rows do not determine a parameter")
    check_refused(pp.DataError, lambda: pp.level_lines(a_fit("slope"), "x"), "not available where parameters")
