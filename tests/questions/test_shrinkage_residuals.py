"""Shrinkage and level lines of models whose residuals have several sds or are correlated, against dense matrices."""

import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at
from checks.refusals import check_refused
from checks.residuals import residual_covariance, visits
from partialpool.model.whitened_rows import residual_scale, whiten

FORMULAS = {
    "strata": "y ~ x + (x | g), sigma ~ 0 + arm",
    "weights": "y | precision(w) ~ x + (1 | h), sigma ~ 0 + arm",
    "ar": "y ~ x + (x | h) + ar(t, gr=g)",
    "ar in strata": "y ~ x + (1 | g) + ar(t, gr=g), sigma ~ 0 + late",
    "cosy": "y | precision(w) ~ x + (x | h) + cosy(gr=g), sigma ~ 0 + arm",
    "unstr": "y ~ x + (x | h) + unstr(t, gr=g)",
    "two factors": "y ~ x + (x | g) + (1 | h) + ar(t, gr=g)",
}
DRAWS = 5


def table():
    found = visits(share=0.85)
    return found.assign(late=np.where(found["t"] > 2, "late", "early"))


def a_fit(name, **numbers):
    """A fit whose draws are made up: parameters and effects vary over the draws."""
    rng = np.random.default_rng(4)
    rows, formula = table(), FORMULAS[name]
    values = {"beta": rng.normal(size=(DRAWS, 2))}
    for factor in ("g", "h"):
        if f"| {factor})" in formula:
            size = 2 if f"(x | {factor})" in formula else 1
            values[f"sd_{factor}"] = rng.uniform(0.5, 1.5, (DRAWS, size))
            if size == 2:
                rho = rng.uniform(-0.5, 0.5, (DRAWS, 1, 1))
                values[f"corr_{factor}"] = np.eye(2) + rho * (1 - np.eye(2))
            values[f"b_{factor}"] = rng.normal(size=(DRAWS, rows[factor].nunique(), size))
    strata = 5 if "unstr" in formula else 2 if "sigma ~" in formula else 0
    values["sigma"] = rng.uniform(0.5, 1.5, (DRAWS, strata) if strata else DRAWS)
    if "unstr" in formula:
        half = rng.normal(size=(DRAWS, 5, 7))
        whole = half @ half.transpose(0, 2, 1)
        sd = np.sqrt(np.diagonal(whole, axis1=1, axis2=2))
        values["residual_corr"] = whole / (sd[:, :, None] * sd[:, None])
    elif "gr=" in formula:
        values["residual_corr"] = rng.uniform(0.1, 0.8, DRAWS)
    return fit_at(formula, rows, draws=True, **(values | numbers))


def center_of(fit):
    """R at the medians of the sds and the means of the correlations."""
    posterior = fit.posterior
    sigma = posterior["sigma"].median(("chain", "draw")).to_numpy()
    given = posterior["residual_corr"].mean(("chain", "draw")).to_numpy() if "residual_corr" in posterior else None
    return residual_covariance(fit.design, sigma, given)


@pytest.fixture(scope="module", params=FORMULAS)
def fit(request):
    return a_fit(request.param)


def test_whitened_rows_have_the_products_of_the_inverse_covariance(fit):
    columns = np.random.default_rng(1).normal(size=(fit.design.n_rows, 3))
    whitened = whiten(fit.design, residual_scale(fit.posterior), columns)
    np.testing.assert_allclose(whitened.T @ whitened, columns.T @ np.linalg.solve(center_of(fit), columns), rtol=1e-10)
    one = whiten(fit.design, residual_scale(fit.posterior), columns[:, 0])
    np.testing.assert_allclose(one, whitened[:, 0], rtol=1e-12)


def test_a_levels_own_estimate_is_generalised_least_squares_of_its_rows(fit):
    factor = fit.design.factors[0]
    answer, covariance = pp.shrinkage(fit, factor.name), center_of(fit)
    means = {name: values.mean(("chain", "draw")).to_numpy() for name, values in fit.posterior.data_vars.items()}
    rest = np.zeros(fit.design.n_rows)
    if factor.names == ("Intercept",):
        rest += means["beta"][1] * (fit.design.frame["x"] - fit.design.frame["x"].mean())
    for other in fit.design.factors[1:]:
        rest += other.apply(means[f"b_{other.name}"])
    for level in range(factor.n_levels):
        rows = np.flatnonzero(factor.codes == level)
        z, own = factor.values[rows], covariance[np.ix_(rows, rows)]
        inverse = np.linalg.inv(z.T @ np.linalg.solve(own, z))
        expected = inverse @ (z.T @ np.linalg.solve(own, (fit.design.response.values - rest)[rows]))
        found = answer.isel(level=level)
        np.testing.assert_allclose(found["no_pooling"], expected, rtol=1e-9)
        np.testing.assert_allclose(found["no_pooling_se"], np.sqrt(np.diagonal(inverse)), rtol=1e-9)


def test_a_weight_is_that_of_the_definition_under_each_draw(fit):
    factor = fit.design.factors[0]
    answer, values = pp.shrinkage(fit, factor.name), fit.stacked()
    for draw in range(DRAWS):
        given = values["residual_corr"][draw] if "residual_corr" in values else None
        covariance = residual_covariance(fit.design, values["sigma"][draw], given)
        sd = values[f"sd_{factor.name}"][draw]
        corr = values[f"corr_{factor.name}"][draw] if factor.correlated else np.eye(1)
        sigma = sd[:, None] * corr * sd
        for level in range(factor.n_levels):
            rows = np.flatnonzero(factor.codes == level)
            z = factor.values[rows]
            v = z @ sigma @ z.T + covariance[np.ix_(rows, rows)]
            expected = sigma @ z.T @ np.linalg.solve(v, z)
            np.testing.assert_allclose(answer["weight"][0, draw, level], expected, rtol=1e-8, atol=1e-10)
    assert "R the covariance of the residuals" in answer.attrs["definition"]


def test_complete_pooling_is_generalised_least_squares_of_all_rows(fit):
    design, covariance = fit.design, center_of(fit)
    answer = pp.shrinkage(fit, design.factors[0].name)
    x, y = np.column_stack([np.ones(design.n_rows), design.common.values]), design.response.values
    inverse = np.linalg.inv(x.T @ np.linalg.solve(covariance, x))
    beta = inverse @ x.T @ np.linalg.solve(covariance, y)
    left = y - x @ beta
    error = np.sqrt(left @ np.linalg.solve(covariance, left) / (design.n_rows - 2) * np.diagonal(inverse))
    if len(design.factors[0].names) == 2:
        np.testing.assert_allclose(answer["complete_pooling"], beta, rtol=1e-9)
        np.testing.assert_allclose(answer["complete_pooling_se"], error, rtol=1e-9)
    else:
        expected = beta[0] + beta[1] * design.frame["x"].mean()
        assert answer["complete_pooling"].item() == pytest.approx(expected, rel=1e-9)


def test_lines_go_through_the_same_estimates():
    fit = a_fit("ar")
    lines, pulls = pp.level_lines(fit, "x", points=2), pp.shrinkage(fit)
    for name in ("no_pooling", "complete_pooling"):
        expected = pulls[name].sel(effect="Intercept") + lines["grid"] * pulls[name].sel(effect="x")
        np.testing.assert_allclose(lines[name], expected.transpose(*lines[name].dims), rtol=1e-9)
    assert lines.attrs["definition"].startswith("generalised least squares per level")


def test_with_one_sd_and_no_correlation_it_is_least_squares():
    """The special case of all residual structures: equal sds, correlation 0."""
    plain = pp.shrinkage(fit_at("y ~ x + (1 | g)", table(), beta=[3, 0], sd_g=[1], sigma=0.8))
    for formula, more in (("ar(t, gr=g)", {}), ("cosy(gr=g)", {"sigma": [0.8, 0.8]})):
        strata = ", sigma ~ 0 + arm" if more else ""
        values = {"beta": [3, 0], "sd_g": [1], "sigma": 0.8, "residual_corr": 0.0} | more
        found = pp.shrinkage(fit_at(f"y ~ x + (1 | g) + {formula}{strata}", table(), **values))
        for name in ("no_pooling", "no_pooling_se", "complete_pooling", "complete_pooling_se", "weight"):
            np.testing.assert_allclose(found[name], plain[name], rtol=1e-9)


def test_series_across_levels_are_refused_with_the_reason():
    rows = table()
    rows = rows.assign(pair=rows["g"] // 2, t=range(len(rows)))
    values = {"beta": [3, 0], "sd_arm": [1], "sigma": 1, "residual_corr": 0.3}
    fit = fit_at("y ~ x + (1 | arm) + ar(t, gr=pair)", rows, **values)
    for ask in (lambda: pp.shrinkage(fit), lambda: pp.level_lines(fit, "x"), lambda: pp.explore(fit, "page.html")):
        check_refused(pp.DataError, ask, "each pair within one level of arm", "rows of other levels tell something")
