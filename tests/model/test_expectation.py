"""Means of the response against numerical integration, sums over categories, and simulation."""

import numpy as np
import pytest
from scipy import special

from checks.quadrature import by_quadrature
from partialpool.design.build import build_design
from partialpool.design.newdata import own_rows
from partialpool.errors import DataError
from partialpool.model.expectation import expectation
from partialpool.model.response import replicate
from partialpool.spec.model import ModelSpec

INVERSE = {
    "logit": special.expit,
    "cloglog": lambda eta: -np.expm1(-np.exp(eta)),
    "probit": special.ndtr,
    "log": np.exp,
    "sqrt": np.square,
    "identity": lambda eta: eta,
}
RESPONSES = {
    "bernoulli": [0, 1, 1, 0],
    "poisson": [0, 1, 3, 2],
    "gaussian": [0.1, 0.2, 0.5, 0.4],
    "gamma": [0.1, 0.2, 0.5, 0.4],
    "lognormal": [0.1, 0.2, 0.5, 0.4],
    "cumulative": [0, 1, 2, 1],
}


def model(family, link=None, formula="y ~ 1 + (1 | g)"):
    spec = ModelSpec.from_formula(formula, family=family, link=link)
    return build_design(spec, {"y": RESPONSES[family], "g": [0, 0, 1, 1]})


@pytest.mark.parametrize(
    ("family", "link"),
    [("bernoulli", "logit"), ("bernoulli", "probit"), ("bernoulli", "cloglog"), ("poisson", "log"),
     ("poisson", "sqrt"), ("gaussian", "identity"), ("gaussian", "log")],
)  # fmt: skip
def test_means_under_every_link_agree_with_adaptive_quadrature(family, link):
    design = model(family, link)
    eta, spread = np.array([[-1.0, 0.0, 0.4, 1.1]]), np.array([[0.0, 0.5, 1.0, 2.0]])
    found = expectation(design, own_rows(design), eta, spread, {"sigma": np.array([0.7])})
    expected = [by_quadrature(INVERSE[link], m, np.sqrt(v)) for m, v in zip(eta[0], spread[0], strict=True)]
    assert found[0] == pytest.approx(expected, abs=2e-8)
    assert expectation(design, own_rows(design), eta, None, {"sigma": np.array([0.7])}) == pytest.approx(
        INVERSE[link](eta)
    )


@pytest.mark.parametrize("family", ["lognormal", "gamma", "cumulative"])
def test_means_are_those_of_replicates(family):
    """Within five standard errors of 200,000 replicates, each with its own draw of the effects."""
    size, rng = 200_000, np.random.default_rng(4)
    design = model(family)
    draws = {"sigma": np.array([0.4]), "alpha": np.array([2.0]), "cutpoints": np.array([[-0.5, 1.0]])}
    eta, spread = np.array([[-0.3, 0.2, 0.0, 0.5]]), np.array([[0.2, 0.2, 0.0, 0.4]])
    found = expectation(design, own_rows(design), eta, spread, draws)[0]
    many = {name: np.repeat(values, size, axis=0) for name, values in draws.items()}
    y = replicate(design, own_rows(design), eta + np.sqrt(spread) * rng.standard_normal((size, 4)), many, seed=5)
    if family != "cumulative":
        assert (np.abs(y.mean(axis=0) - found) < 5 * y.std(axis=0) / np.sqrt(size)).all()
        return
    for k in range(3):
        share = (y == k).mean(axis=0)
        assert (np.abs(share - found[:, k]) < 5 * np.sqrt(found[:, k] * (1 - found[:, k]) / size)).all()
    assert found.sum(axis=1) == pytest.approx(np.ones(4))


def test_the_inverse_link_has_no_mean_over_groups():
    design = model("gamma", "inverse")
    eta = np.ones((1, 4))
    assert expectation(design, own_rows(design), 2 * eta, None, {}) == pytest.approx(0.5 * eta)
    with pytest.raises(DataError, match="does not exist under the inverse link"):
        expectation(design, own_rows(design), eta, eta, {})
