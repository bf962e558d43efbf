"""The curves of responses that are not normal: the two ends of shrinkage, and penalised maxima between them."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

import partialpool as pp
from checks.fixed import fit_at
from partialpool.explorer.curves import Pull, chosen_effect, pooling_curves

THROWS = {"hits": [2, 0, 5, 11, 9, 7], "throws": [4, 3, 5, 20, 40, 9], "pupil": list("abcdef")}


def throws():
    values = {"beta": [-0.3], "sd_pupil": [0.8], "b_pupil": [[0.3], [-0.6], [0.7], [0.4], [-0.8], [0.6]]}
    return fit_at("p(hits, throws) ~ 1 + (1 | pupil)", THROWS, family="binomial", **values)


def curves_of(fit, sds, effect=None, factor=None):
    return pooling_curves(fit, *chosen_effect(fit.design, factor, effect), np.array(sds))


def test_the_ends_are_those_of_shrinkage():
    fit = throws()
    found, expected = curves_of(fit, [0.0, 0.5, np.inf]), pp.shrinkage(fit)
    assert found.values[0] == pytest.approx(np.full(6, float(expected["complete_pooling"][0])))
    own = expected["no_pooling"].to_numpy()[:, 0]
    np.testing.assert_allclose(found.values[2], own, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(found.own_errors, expected["no_pooling_se"].to_numpy()[:, 0], rtol=1e-5)
    assert found.infinite.tolist() == [False, True, True, False, False, False]
    assert np.isnan(found.values[2]).tolist() == found.infinite.tolist()
    assert found.rows.tolist() == THROWS["throws"]


@pytest.mark.parametrize("sd", [0.05, 0.8, 6.0])
def test_between_them_is_the_penalised_maximum(sd):
    """The mode of (mean, effects) given the sd under a flat prior of the mean, by a general optimiser."""
    hits, n = np.array(THROWS["hits"]), np.array(THROWS["throws"])

    def penalised(c):
        eta = c[0] + c[1:]
        return -(hits * eta + n * special.log_expit(-eta)).sum() + (c[1:] ** 2).sum() / (2 * sd**2)

    best = optimize.minimize(penalised, np.zeros(7), method="BFGS", options={"gtol": 1e-8}).x
    found = curves_of(throws(), [0.0, sd])
    assert found.values[1] == pytest.approx(best[0] + best[1:], abs=1e-5)
    assert found.population[1] == pytest.approx(np.full(6, best[0]), abs=1e-5)
    p = special.expit(best[0] + best[1:])
    g = n * p * (1 - p)
    assert found.pull is Pull.WEIGHT
    assert found.shares[1] == pytest.approx(g * sd**2 / (g * sd**2 + 1), abs=1e-4)


def visits(seed=4):
    rng = np.random.default_rng(seed)
    g, h = np.repeat(np.arange(5), 8), np.tile(np.arange(4), 10)
    x, t = rng.normal(size=40), rng.uniform(0.5, 3, 40)
    y = rng.poisson(t * np.exp(0.5 + 0.3 * x + rng.normal(0, 0.5, 5)[g] + rng.normal(0, 0.3, 4)[h]))
    return pd.DataFrame({"y": y, "x": x, "logt": np.log(t), "g": g, "h": h})


@pytest.mark.parametrize(("effect", "sd"), [("Intercept", 0.4), ("x", 0.15)])
def test_slopes_and_another_factor_move_along(effect, sd):
    """Counts with an exposure: the mode of all effects; the slope's sd in proportion, the other factor's fixed."""
    data, corr = visits(), np.array([[1, 0.4], [0.4, 1]])
    fit = fit_at("y ~ x + offset(logt) + (x | g) + (1 | h)", data, family="poisson", beta=[0.5, 0.3],
                 sd_g=[0.5, 0.2], corr_g=corr, sd_h=[0.3])  # fmt: skip
    factor = fit.design.factors[0]
    assert factor.basis.is_plain or np.allclose(factor.basis.to_means, np.array([[1, data["x"].mean()], [0, 1]]))
    found = curves_of(fit, [0.0, sd, np.inf], effect, "g")
    # At the mean of x, where the explorer states effects, the covariance is T Sigma T'.
    turn = np.array([[1, data["x"].mean()], [0, 1]])
    sigma = turn @ (np.diag([0.5, 0.2]) @ corr @ np.diag([0.5, 0.2])) @ turn.T
    at = factor.names.index(effect)
    sigma = sigma * sd**2 / sigma[at, at]
    z = np.column_stack([np.ones(40), data["x"] - data["x"].mean()])

    def penalised(c):
        beta, b, r = c[:2], c[2:12].reshape(5, 2), c[12:]
        eta = data["logt"] + z @ beta + (z * b[data["g"]]).sum(axis=1) + r[data["h"]]
        quad = np.einsum("ji,ik,jk->", b, np.linalg.inv(sigma), b) + (r**2).sum() / 0.3**2
        return -stats.poisson.logpmf(data["y"], np.exp(eta)).sum() + quad / 2

    best = optimize.minimize(penalised, np.zeros(16), method="BFGS", options={"gtol": 1e-7, "maxiter": 2000}).x
    middle = data["logt"].mean() if effect == "Intercept" else 0.0
    assert found.values[1] == pytest.approx(middle + best[at] + best[2:12].reshape(5, 2)[:, at], abs=2e-5)
    assert found.pull is Pull.MATRIX
    assert np.isfinite(found.values).all()


@pytest.mark.parametrize("family", ["negative_binomial", "gamma", "student_t", "beta", "exponential"])
def test_every_family_reaches_both_ends(family):
    rng = np.random.default_rng(2)
    g = np.repeat(np.arange(4), 15)
    eta = 0.2 + np.array([-0.4, 0.0, 0.2, 0.5])[g]
    own, y = {
        "negative_binomial": ({"alpha": 3.0}, lambda: rng.poisson(np.exp(eta) * rng.gamma(3, 1 / 3, 60))),
        "gamma": ({"alpha": 4.0}, lambda: rng.gamma(4.0, np.exp(eta) / 4)),
        "student_t": ({"nu": 5.0, "sigma": 0.8}, lambda: eta + 0.8 * rng.standard_t(5, 60)),
        "beta": ({"phi": 7.0}, lambda: rng.beta(7 * special.expit(eta), 7 * special.expit(-eta))),
        "exponential": ({}, lambda: rng.exponential(np.exp(eta))),
    }[family]
    fit = fit_at("y ~ 1 + (1 | g)", {"y": y(), "g": g}, family=family, beta=[0.2], sd_g=[0.4], **own)
    found, expected = curves_of(fit, [0.0, 0.3, 5.0, np.inf]), pp.shrinkage(fit)
    assert found.values[0] == pytest.approx(np.full(4, float(expected["complete_pooling"][0])), abs=1e-6)
    assert found.values[-1] == pytest.approx(expected["no_pooling"].to_numpy()[:, 0], abs=1e-6)
    between = np.abs(found.values - found.values[0])
    assert (np.diff(between, axis=0) > -1e-9).all()


def test_units_and_order_change_nothing():
    data = visits()
    values = {"family": "poisson", "beta": [0.5, 0.3], "sd_g": [0.5, 0.2], "corr_g": np.eye(2), "sd_h": [0.3]}
    formula, sds = "y ~ x + offset(logt) + (x || g) + (1 | h)", [0.0, 0.3, np.inf]
    del values["corr_g"]
    one = curves_of(fit_at(formula, data, **values), sds, "Intercept", "g")
    scaled = values | {"beta": [0.5, 3e-4], "sd_g": [0.5, 2e-4]}
    other = curves_of(fit_at(formula, data.assign(x=1000 * data["x"]), **scaled), sds, "Intercept", "g")
    np.testing.assert_allclose(other.values, one.values, rtol=1e-6)
    mixed = data.sample(frac=1, random_state=1)
    np.testing.assert_allclose(curves_of(fit_at(formula, mixed, **values), sds, "Intercept", "g").values, one.values,
                               rtol=1e-6)  # fmt: skip
