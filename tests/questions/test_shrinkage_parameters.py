"""Shrinkage of normal responses whose sigma has a predictor, against dense matrices."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import optimize

import partialpool as pp
from checks.fixed import fit_at
from checks.refusals import check_refused
from partialpool.explorer.curves import pooling_curves
from partialpool.explorer.page import render_explorer
from partialpool.explorer.studies import PriorChoice
from partialpool.fitting.pooling_ends import check_pooling_ends

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


ACROSS = {
    "beta": [1.0, 0.4], "sd_g": [1.0], "beta_sigma": [0.0], "sd_sigma_g": [0.3], "corr_across_g": np.eye(2),
    "b_g": RNG.normal(size=(LEVELS, 1)), "b_sigma_g": RNG.normal(0, 0.3, (LEVELS, 1)),
}  # fmt: skip


def test_what_has_no_weights_says_why():
    across = fit_at("y ~ x + (1 |p| g), sigma ~ 1 + (1 |p| g)", TABLE, **ACROSS)
    check_refused(pp.DataError, lambda: pp.shrinkage(across), "effects on sigma are correlated with the other effects")
    with pytest.raises(pp.DataError, match="effects on sigma are correlated"):
        render_explorer(across)
    table, own = TABLE.assign(k=TABLE["h"]), {"corr_across_g": np.eye(2)}
    for name in "bc":
        own |= {f"beta_{name}": [0.0, 0.0], f"sd_{name}_g": [1.0], f"b_{name}_g": np.zeros((LEVELS, 1))}
    categories = fit_at("k ~ x + (1 | g)", table, family="categorical", **own)
    with pytest.raises(pp.DataError) as caught:
        check_pooling_ends(categories)
    assert "a level's own rows would have to determine its effects on every category" in str(caught.value)


SHAPES = RNG.normal(0, 0.5, (DRAWS, 2))


def gamma_fit(formula="y ~ x + (1 | g), alpha ~ z"):
    values = {
        "beta": np.array([1.0, 0.1]) + RNG.normal(0, 0.1, (DRAWS, 2)),
        "sd_g": RNG.uniform(0.2, 0.6, (DRAWS, 1)),
        "b_g": RNG.normal(0, 0.3, (DRAWS, LEVELS, 1)),
    }
    own = {"beta_alpha": SHAPES} if "~ z" in formula else {"beta_alpha": np.full((DRAWS, 1), np.log(2.0))}
    own = own if "alpha" in formula else {"alpha": np.full(DRAWS, 2.0)}
    return fit_at(formula, TABLE, family="gamma", draws=DRAWS, **values, **own), values


def test_both_ends_and_weights_of_gamma_responses_with_a_shape_of_each_row():
    """log p = -alpha (eta + y exp(-eta)) up to a constant, whose information is alpha y exp(-eta)."""
    fit, values = gamma_fit()
    y, x, z = (TABLE[name].to_numpy() for name in "yxz")
    alpha = np.exp(SHAPES.mean(axis=0) @ [np.ones(len(z)), z])
    codes, slope = fit.design.factors[0].codes, values["beta"].mean(axis=0)[1]
    answer = pp.shrinkage(fit)
    for level in range(LEVELS):
        rows = codes == level
        eta = values["beta"].mean(axis=0) @ [np.ones(len(x)), x] + values["b_g"].mean(axis=0)[codes, 0]
        total = (alpha * y * np.exp(-eta))[rows].sum()
        weight = values["sd_g"][:, 0] ** 2 * total / (values["sd_g"][:, 0] ** 2 * total + 1)
        np.testing.assert_allclose(answer["weight"][0, :, level, 0, 0], weight, rtol=1e-6)
        # d log p / d eta = alpha (y exp(-eta) - 1): the maximum is a weighted mean.
        own = np.log(np.average(y[rows] * np.exp(-slope * (x[rows] - x.mean())), weights=alpha[rows]))
        assert float(answer["no_pooling"][level, 0]) == pytest.approx(own, rel=1e-6)
        assert float(answer["no_pooling_se"][level, 0]) == pytest.approx(alpha[rows].sum() ** -0.5, rel=1e-5)

    def deviance(beta):
        eta = beta[0] + beta[1] * (x - x.mean())
        return (alpha * (eta + y * np.exp(-eta))).sum()

    both = optimize.minimize(deviance, [1.0, 0.0], method="BFGS", options={"gtol": 1e-8}).x
    assert float(answer["complete_pooling"][0]) == pytest.approx(both[0], rel=1e-5)
    lines = pp.level_lines(fit, "x", points=3)
    places = lines["grid"].to_numpy()
    np.testing.assert_allclose(lines["complete_pooling"], np.exp(both[0] + both[1] * (places - x.mean())), rtol=1e-5)
    expected = np.exp(answer["no_pooling"].to_numpy() + slope * (places - x.mean()))
    np.testing.assert_allclose(lines["no_pooling"], expected, rtol=1e-6)


@pytest.mark.parametrize("family", ["gaussian", "gamma"])
def test_lines_and_the_explorer_s_curves_of_a_constant_predictor_are_those_of_one_number(family):
    if family == "gamma":
        one, constant = (gamma_fit(formula)[0] for formula in ("y ~ x + (1 | g)", "y ~ x + (1 | g), alpha ~ 1"))
        one = fit_at("y ~ x + (1 | g)", TABLE, family="gamma", draws=DRAWS, alpha=np.full(DRAWS, 2.0),
                     **{name: constant.stacked()[name] for name in ("beta", "sd_g", "b_g")})  # fmt: skip
    else:
        values = {"beta": RNG.normal(size=(DRAWS, 2)), "sd_g": RNG.uniform(0.5, 1, (DRAWS, 1)),
                  "b_g": RNG.normal(size=(DRAWS, LEVELS, 1))}  # fmt: skip
        log_sigma = np.full((DRAWS, 1), np.log(0.7))
        one = fit_at("y ~ x + (1 | g)", TABLE, draws=DRAWS, sigma=np.full(DRAWS, 0.7), **values)
        constant = fit_at("y ~ x + (1 | g), sigma ~ 1", TABLE, draws=DRAWS, beta_sigma=log_sigma, **values)
    expected, found = pp.level_lines(one, "x"), pp.level_lines(constant, "x")
    for name in ("no_pooling", "complete_pooling", "partial_pooling", "adjusted"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-7, err_msg=name)
    sds = np.array([0.0, 0.3, 1.0, np.inf])
    expected, found = (pooling_curves(fit, fit.design.factors[0], "Intercept", sds) for fit in (one, constant))
    for name in ("values", "shares", "population", "own_errors"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-6, err_msg=name)


def test_curves_of_the_explorer_weigh_each_row_by_its_sigma():
    fit = a_fit("levels too")
    sigma = np.median(sigmas(fit), axis=0)
    y, x = TABLE["y"].to_numpy(), np.column_stack([np.ones(len(TABLE)), TABLE["x"]])
    indicator = np.eye(LEVELS)[fit.design.factors[0].codes]
    sd = 0.8
    v = sd**2 * indicator @ indicator.T + np.diag(sigma**2)
    beta = np.linalg.solve(x.T @ np.linalg.solve(v, x), x.T @ np.linalg.solve(v, y))
    b = sd**2 * indicator.T @ np.linalg.solve(v, y - x @ beta)
    found = pooling_curves(fit, fit.design.factors[0], "Intercept", np.array([0.0, sd]))
    np.testing.assert_allclose(found.values[1], beta[0] + beta[1] * TABLE["x"].mean() + b, rtol=1e-8)


def test_lines_of_levels_whose_sigmas_are_correlated_with_their_means():
    """Each row counts by its sigma; the effects on sigma do not enter otherwise."""
    fit = fit_at("y ~ x + (1 |p| g), sigma ~ 1 + (1 |p| g)", TABLE, **ACROSS)
    lines = pp.level_lines(fit, "x", points=2)
    y, x, codes = TABLE["y"].to_numpy(), TABLE["x"].to_numpy(), fit.design.factors[0].codes
    for level in range(LEVELS):  # sigma is the same in all rows of a level
        own = (y - 0.4 * x)[codes == level].mean()
        np.testing.assert_allclose(lines["no_pooling"][level], own + 0.4 * lines["grid"].to_numpy(), rtol=1e-9)


@pytest.mark.thorough
def test_the_explorer_is_written():
    fit = pp.fit("y ~ x + (1 | g), sigma ~ z", TABLE, seed=1, progressbar=False)
    page = render_explorer(fit, choice=PriorChoice(families=("half-normal",), places=2), progressbar=False)
    assert "Partial pooling" in page
