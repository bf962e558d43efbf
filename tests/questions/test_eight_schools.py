"""Eight schools under 25 priors: the sd between schools follows its prior, the mean does not.

Gelman (2006), Bayesian Analysis 1:515, section 5. The oracle is quadrature over the sd alone: given it, effects y_j
with known standard errors s_j and a mean with a normal prior are jointly normal, so that

    p(sd | y) is proportional to p(sd) N(y; m 1, diag(s^2 + sd^2) + v 1 1'),

and the mean given the sd is normal. Nothing of the package goes into it but the prior of the mean, which is stated.
"""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import stats

import partialpool as pp
from partialpool.sampling.mixing import bulk_ess, mcse_mean

SCALES = np.array([1.0, 2.5, 5.0, 10.0, 25.0])
FAMILIES = {
    "HalfNormal": (lambda s: {"sigma": s}, lambda s: stats.halfnorm(scale=s)),
    "HalfCauchy": (lambda s: {"beta": s}, lambda s: stats.halfcauchy(scale=s)),
    "HalfStudentT": (lambda s: {"nu": 3, "sigma": s}, lambda s: _Folded(3, s)),
    "Exponential": (lambda s: {"lam": 1 / s}, lambda s: stats.expon(scale=s)),
    "PC": (lambda s: {"u": s, "a": 0.1}, lambda s: stats.expon(scale=-s / np.log(0.1))),
}
CELLS = [(family, scale) for family in FAMILIES for scale in SCALES]
MEAN, SPREAD = 8.0, 25.0
"""Of the normal prior of the mean over schools."""
QUANTILES = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
FAR = 3
"""Scales of a prior beyond which is its tail."""


class _Folded:
    """|t|: twice the density of a t above 0."""

    def __init__(self, nu, scale):
        self.whole = stats.t(nu, scale=scale)

    def pdf(self, x):
        return 2 * self.whole.pdf(x)

    def sf(self, x):
        return 2 * self.whole.sf(x)


class Oracle:
    """The posterior under one prior of the sd, on a fine grid of its logarithm."""

    def __init__(self, data, prior):
        y, s = data["effect"].to_numpy(float), data["standard_error"].to_numpy(float)
        self.log_sd = np.linspace(np.log(1e-6), np.log(1e5), 20_001)
        self.sd = np.exp(self.log_sd)
        total = s**2 + self.sd[:, None] ** 2
        precision = (1 / total).sum(axis=1) + 1 / SPREAD**2
        self.mean = ((y / total).sum(axis=1) + MEAN / SPREAD**2) / precision
        self.variance = 1 / precision
        # N(y; m 1, D + v 1 1') by completing the square in the mean.
        square = (y**2 / total).sum(axis=1) + MEAN**2 / SPREAD**2 - self.mean**2 * precision
        log_density = -0.5 * (np.log(total).sum(axis=1) + np.log(precision) + square) + self.log_sd
        density = prior.pdf(self.sd) * np.exp(log_density - log_density.max())
        self.weights = density / density.sum()

    def quantiles(self, probabilities):
        return np.exp(np.interp(probabilities, np.cumsum(self.weights), self.log_sd))

    def above(self, limit):
        return self.weights[self.sd > limit].sum()

    def moments_of_mean(self):
        mean = self.weights @ self.mean
        return mean, np.sqrt(self.weights @ (self.variance + (self.mean - mean) ** 2))


@pytest.fixture(scope="module")
def schools():
    return pp.load_dataset("eight_schools")


@pytest.fixture(scope="module")
def study(schools):
    spec = pp.ModelSpec.from_formula(
        "effect ~ 1 + (1 | school)", se="standard_error",
        priors={"beta[Intercept]": pp.Prior("Normal", mu=MEAN, sigma=SPREAD)},
    )  # fmt: skip
    priors = [pp.Prior(family, **FAMILIES[family][0](scale)) for family, scale in CELLS]
    return pp.prior_grid(spec, schools, {"sd_school": priors}, seed=1, jobs=1, progressbar=False)


@pytest.fixture(scope="module")
def oracles(schools):
    return [Oracle(schools, FAMILIES[family][1](scale)) for family, scale in CELLS]


def by_family(values):
    """One row per family, scales along it."""
    return np.asarray(values).reshape(len(FAMILIES), len(SCALES))


def test_the_oracles_marginal_is_the_dense_normals(schools):
    """Two ways to the same density, one of them slow and plain."""
    y, s = schools["effect"].to_numpy(float), schools["standard_error"].to_numpy(float)
    oracle = Oracle(schools, stats.expon(scale=5))
    at = [np.searchsorted(oracle.sd, sd) for sd in (0.01, 1.0, 7.0, 40.0)]
    dense = [
        stats.multivariate_normal.logpdf(y, np.full(8, MEAN), np.diag(s**2 + sd**2) + SPREAD**2)
        + stats.expon.logpdf(sd, scale=5)
        for sd in oracle.sd[at]
    ]
    ours = np.log(oracle.weights[at]) - oracle.log_sd[at]
    assert np.diff(ours) == pytest.approx(np.diff(dense), abs=1e-8)


def test_pc_is_the_prior_whose_tail_is_stated():
    assert [FAMILIES["PC"][1](scale).sf(scale) for scale in SCALES] == pytest.approx([0.1] * len(SCALES))


@pytest.mark.parametrize("cell", range(len(CELLS)), ids=[f"{family} {scale:g}" for family, scale in CELLS])
def test_every_cell_agrees_with_quadrature(study, oracles, cell):
    draws = study.isel(prior=cell)
    sd, mean = draws["sd_school[Intercept]"].to_numpy(), draws["beta[Intercept]"].to_numpy()
    assert study["good"].to_numpy()[cell]
    assert bulk_ess(mean) > 1000
    # The oracle's quantiles cut the draws into shares that are known.
    for probability, cut in zip(QUANTILES, oracles[cell].quantiles(QUANTILES), strict=True):
        below = (sd < cut).astype(float)
        assert bulk_ess(below) > 400
        assert below.mean() == pytest.approx(probability, abs=5 * mcse_mean(below))
    expected, spread = oracles[cell].moments_of_mean()
    assert mean.mean() == pytest.approx(expected, abs=5 * mcse_mean(mean))
    square = (mean - expected) ** 2
    assert square.mean() == pytest.approx(spread**2, abs=5 * mcse_mean(square))


def test_the_sd_follows_its_prior(study, oracles):
    found = by_family(study["sd_school[Intercept]"].median(("chain", "draw")))
    exact = by_family([oracle.quantiles(0.5) for oracle in oracles])
    for medians in (found, exact):
        assert (np.diff(medians, axis=1) > 0).all()
        assert (medians[:, -1] > 4 * medians[:, 0]).all()
    # What no prior hides: whichever is chosen, the data know little of sds below 2 and rule out those above 30.
    assert max(oracle.above(30) for oracle in oracles) < 0.02


def test_heavier_tails_of_the_prior_are_heavier_tails_of_the_posterior(study, oracles):
    normal, cauchy = (list(FAMILIES).index(family) for family in ("HalfNormal", "HalfCauchy"))
    exact = by_family([oracle.above(FAR * scale) for oracle, (_, scale) in zip(oracles, CELLS, strict=True)])
    assert (exact[cauchy] > 1.5 * exact[normal]).all()
    assert (exact[cauchy][:3] > 20 * exact[normal][:3]).all()
    limits = np.array([FAR * scale for _, scale in CELLS])[:, None, None]
    found = by_family((study["sd_school[Intercept]"].to_numpy() > limits).mean(axis=(1, 2)))
    assert (found[cauchy][:3] > 10 * found[normal][:3]).all()


def test_the_mean_hardly_moves(study, oracles):
    means = study["beta[Intercept]"].mean(("chain", "draw"))
    spread = study["beta[Intercept]"].std(("chain", "draw"))
    assert np.ptp(means.to_numpy()) < spread.min() / 4
    exact = np.array([oracle.moments_of_mean() for oracle in oracles])
    assert np.ptp(exact[:, 0]) < exact[:, 1].min() / 4


def test_the_picture_has_a_staircase_per_family(study):
    figure = pp.plot_prior_grid(study, "sd_school[Intercept]", unit="points")
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(FAMILIES)
    for axes in figure.axes:
        (marks,) = [line for line in axes.lines if line.get_marker() == "o"]
        assert (np.diff(marks.get_xdata()) > 0).all()
    plt.close(figure)
