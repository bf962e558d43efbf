"""Prior densities and prior draws, against PyMC, closed forms and each other."""

import numpy as np
import pandas as pd
import pymc as pm
import pytest
from scipy import stats

from partialpool.design.build import build_design
from partialpool.distributions.frozen import frozen
from partialpool.distributions.prior import Prior
from partialpool.distributions.table import DISTRIBUTIONS
from partialpool.families.links import LINKS
from partialpool.families.registry import FAMILIES
from partialpool.model.default_priors import resolve_priors
from partialpool.model.lkj import lkj_log_density, sample_lkj
from partialpool.model.prior import draw_prior, log_prior_density
from partialpool.pymc_model.random import random_vector, scalar_random
from partialpool.spec.model import ModelSpec

ARGUMENTS = {"location": 0.4, "scale": 1.7, "rate": 0.6, "log_location": 0.2, "shape": 2.3}
SCALAR = [name for name, d in DISTRIBUTIONS.items() if d.support in ("real", "positive", "unit")]


def example(name):
    arguments = {a: ARGUMENTS[role] for a, role in DISTRIBUTIONS[name].roles.items()}
    bounded = {"Uniform": {"lower": -1.0, "upper": 3.0}, "PC": {"a": 0.2}}
    return Prior(name, **(arguments | bounded.get(name, {})))


@pytest.mark.parametrize("name", SCALAR)
def test_density_equals_pymc(name):
    prior = example(name)
    x = np.linspace(0.1, 0.9 if prior.support == "unit" else 2.9, 7)
    with pm.Model():
        pymc = pm.logp(scalar_random("v", prior), x).eval()
    # PyMC 6.4 computes constants such as log(2) in single precision.
    np.testing.assert_allclose(frozen(prior).logpdf(x), pymc, rtol=1e-7)


@pytest.mark.parametrize("name", [name for name in SCALAR if DISTRIBUTIONS[name].support == "positive"])
def test_a_vector_of_one_distribution_is_one_variable_with_its_density(name):
    prior, x = example(name), np.array([0.4, 1.1, 2.0])
    with pm.Model(coords={"k": range(3)}):
        density = pm.logp(random_vector("v", [prior] * 3, "abc", dims="k"), x).eval()
    np.testing.assert_allclose(frozen(prior).logpdf(x), density, rtol=1e-7)


@pytest.mark.parametrize("name", SCALAR)
def test_draws_follow_the_density(name):
    prior = example(name)
    draws = np.asarray(frozen(prior).rvs(size=4000, random_state=np.random.default_rng(2)))
    grid = np.linspace(*np.quantile(draws, [0.02, 0.98]), 4001)
    density = np.exp(frozen(prior).logpdf(grid))
    mass = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(grid))])
    inside = draws[(draws >= grid[0]) & (draws <= grid[-1])]
    assert stats.kstest(inside, lambda v: np.interp(v, grid, mass / mass[-1])).pvalue > 1e-4


@pytest.mark.parametrize(("n", "eta"), [(2, 1.0), (2, 2.0), (3, 1.0), (3, 2.0), (4, 1.0), (4, 2.0)])
def test_lkj_marginal_variance_by_forward_sampling(n, eta):
    """A correlation's marginal variance is 1 / (2 eta + n - 1), the same for every pair."""
    size = 40_000
    factor = sample_lkj(n, eta, size, np.random.default_rng(4))
    corr = factor @ factor.transpose(0, 2, 1)
    expected = 1 / (2 * eta + n - 1)
    np.testing.assert_allclose(np.diagonal(corr, axis1=1, axis2=2), 1.0, atol=1e-12)
    for i in range(n):
        for j in range(i):
            r = corr[:, i, j]
            fourth = np.mean(r**4)
            standard_error = np.sqrt((fourth - expected**2) / size)
            assert abs(np.mean(r**2) - expected) < 5 * standard_error
            assert abs(r.mean()) < 5 * np.sqrt(expected / size)


@pytest.mark.parametrize("eta", [1.0, 2.0, 3.5])
def test_lkj_density_integrates_to_one(eta):
    r = np.linspace(-1, 1, 20001)[1:-1]
    matrices = np.moveaxis(np.array([[np.ones_like(r), r], [r, np.ones_like(r)]]), 2, 0)
    assert np.trapezoid(np.exp(lkj_log_density(matrices, eta)), r) == pytest.approx(1.0, abs=2e-3)
    # Three effects: importance sampling over the cube; matrices that are not positive definite have no mass.
    rng = np.random.default_rng(1)
    a, b, c = rng.uniform(-1, 1, (3, 200_000))
    one = np.ones_like(a)
    cube = np.moveaxis(np.array([[one, a, b], [a, one, c], [b, c, one]]), 2, 0)
    inside = np.linalg.det(cube) > 1e-12
    weights = np.where(inside, np.exp(lkj_log_density(np.where(inside[:, None, None], cube, np.eye(3)), eta)), 0.0) * 8
    assert abs(weights.mean() - 1) < 5 * weights.std() / np.sqrt(len(a))


def test_prior_density_by_hand(sleepstudy):
    spec = ModelSpec.from_formula("Reaction ~ Days + (Days | Subject)")
    design = build_design(spec, sleepstudy)
    priors = resolve_priors(design)
    corr = np.array([[1.0, 0.3], [0.3, 1.0]])
    y, x = sleepstudy["Reaction"].to_numpy(), sleepstudy["Days"].to_numpy(dtype=float)
    # At the mean of Days the sds are 20 and 5, the correlation 0.3.
    half = np.array([[1.0, -x.mean()], [0.0, 1.0]]) * [20, 5]
    covariance = half @ corr @ half.T
    sd = np.sqrt(np.diagonal(covariance))
    draws = {
        "beta": np.array([[250.0, 10.0]]),
        "sd_Subject": sd[None],
        "corr_Subject": (covariance / sd[:, None] / sd)[None],
        "sigma": np.array([25.0]),
    }
    ours = log_prior_density(design, priors, draws)
    s_y = y.std()
    intercept = stats.norm(y.mean(), 2.5 * s_y).logpdf(250 + 10 * x.mean())
    assert ours["beta"][0] == pytest.approx([intercept, stats.norm(0, 2.5 * s_y / x.std()).logpdf(10)])
    half_t = [np.log(2) + stats.t(3, 0, scale).logpdf(v) for v, scale in ((20, s_y), (5, s_y / x.std()))]
    assert ours["sd_Subject"][0] == pytest.approx(half_t)
    # LKJ(2) for two effects: (3 / 4) (1 - r^2)
    assert ours["corr_Subject"][0] == pytest.approx(np.log(0.75 * (1 - 0.09)))
    assert ours["sigma"][0] == pytest.approx(np.log(2) + stats.t(3, 0, s_y).logpdf(25))
    assert set(ours) == {"beta", "sd_Subject", "corr_Subject", "sigma"}


def shares_in_steps(link, probabilities):
    left = np.cumsum(probabilities[:, ::-1], axis=1)[:, ::-1]
    return LINKS[link].forward(probabilities[:, :-1] / left[:, :-1])


CUTPOINTS_OF = {
    "cumulative": lambda link, p: LINKS[link].forward(np.cumsum(p, axis=1)[:, :-1]),
    "sratio": shares_in_steps,
    "acat": lambda link, p: np.log(p[:, :-1] / p[:, 1:]),
}


@pytest.mark.parametrize(("family", "link"), [(name, link) for name in CUTPOINTS_OF for link in FAMILIES[name].links])
def test_cutpoint_density_is_the_dirichlet_of_the_categories(family, link):
    """The prior is stated for the probabilities at the predictors' means, under every family and link."""
    table = pd.DataFrame({"y": np.arange(30) % 3, "x": np.arange(30) % 7, "g": np.arange(30) % 5})
    prior = {"cutpoints": Prior("Dirichlet", a=2.5)}
    spec = ModelSpec.from_formula("y ~ x + (1 | g)", family=family, link=link, priors=prior)
    design = build_design(spec, table)
    probabilities = np.random.default_rng(3).dirichlet([2, 3, 4], 10)
    slope = np.linspace(-1, 1, 10)
    cutpoints = CUTPOINTS_OF[family](link, probabilities) + (slope * table["x"].mean())[:, None]
    draws = {"cutpoints": cutpoints, "beta": slope[:, None], "sd_g": np.ones((10, 1))}
    ours = log_prior_density(design, resolve_priors(design), draws)["cutpoints"]
    np.testing.assert_allclose(ours, stats.dirichlet([2.5] * 3).logpdf(probabilities.T))


def test_prior_draws_have_the_posteriors_shapes_and_moments(sleepstudy):
    design = build_design(ModelSpec.from_formula("Reaction ~ Days + (Days | Subject)"), sleepstudy)
    priors = resolve_priors(design)
    draws = draw_prior(design, priors, 20_000, seed=8)
    assert {k: v.shape[1:] for k, v in draws.items()} == {
        "beta": (2,),
        "sd_Subject": (2,),
        "corr_Subject": (2, 2),
        "b_Subject": (18, 2),
        "sigma": (),
    }
    slope = draws["beta"][:, 1]
    scale = priors["beta[Days]"].arguments["sigma"]
    assert abs(slope.mean()) < 5 * scale / np.sqrt(len(slope))
    assert abs(slope.std() - scale) < 5 * scale / np.sqrt(2 * len(slope))
    # b / sd is standard normal with the drawn correlation.
    z = draws["b_Subject"] / draws["sd_Subject"][:, None, :]
    assert abs(z.std() - 1) < 5 / np.sqrt(2 * len(slope))
    product = (z[:, 0, 0] * z[:, 0, 1]) - draws["corr_Subject"][:, 0, 1]
    assert abs(product.mean()) < 5 * product.std() / np.sqrt(len(slope))
    again = draw_prior(design, priors, 20_000, seed=8)
    assert all(np.array_equal(draws[k], again[k]) for k in draws)


def test_pymc_and_numpy_agree_on_truncated_and_fixed_priors():
    cut, four = Prior("Gamma", alpha=2, beta=0.1, lower=2), Prior("DiracDelta", c=4)
    with pm.Model() as model:
        scalar_random("cut", cut)
        scalar_random("four", four)
    logp = model.compile_logp(jacobian=False)
    for x in (2.5, 30.0):
        assert float(logp({"cut_interval__": np.log(x - 2)})) == pytest.approx(float(frozen(cut).logpdf(x)))
    assert float(model["four"].eval()) == 4
