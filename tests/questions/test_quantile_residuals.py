"""Randomised quantile residuals: equal to a slow loop over scipy's distributions, uniform under the true model."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import partialpool as pp
from checks.fixed import fit_at
from partialpool.design.newdata import own_rows
from partialpool.families.links import LINKS
from partialpool.families.registry import FAMILIES
from partialpool.model import chunks as pieces
from partialpool.model.predictor import linear_predictor
from partialpool.model.response import tail_probabilities

N, DRAWS = 30, 4
CASES = [
    (family.name, link)
    for family in FAMILIES.values()
    if not family.has_predictors_of_categories
    for link in family.links
]
TRUE = {
    "gaussian": (lambda rng, eta: rng.normal(eta, 0.7), {"sigma": 0.7}),
    "poisson": (lambda rng, eta: rng.poisson(np.exp(eta)), {}),
    "negative_binomial": (lambda rng, eta: rng.poisson(np.exp(eta) * rng.gamma(2.0, 0.5, len(eta))), {"alpha": 2.0}),
    "bernoulli": (lambda rng, eta: (rng.random(len(eta)) < 1 / (1 + np.exp(-eta))).astype(float), {}),
    "cumulative": (
        lambda rng, eta: np.digitize(eta - 0.3 + rng.logistic(size=len(eta)), [-1.0, 0.5, 1.5]),
        {"cutpoints": [-1.0, 0.5, 1.5]},
    ),
    "sratio": (
        lambda rng, eta: (
            (rng.logistic(size=(len(eta), 3)) > np.subtract([0.5, -1.0, 0.2], eta[:, None] - 0.3))
            .cumprod(axis=1)
            .sum(axis=1)
        ),
        {"cutpoints": [0.5, -1.0, 0.2]},
    ),
    "acat": (
        lambda rng, eta: (
            np.outer(eta - 0.3, np.arange(4)) - [0.0, 0.5, -0.5, -0.3] + rng.gumbel(size=(len(eta), 4))
        ).argmax(axis=1),
        {"cutpoints": [0.5, -1.0, 0.2]},
    ),
}
ORDERED = [name for name, family in FAMILIES.items() if family.has_cutpoints]
OWN = {"sigma": 0.8, "nu": 5.0, "alpha": 1.7, "phi": 4.0, "zi": 0.2, "hu": 0.2}
OWN |= {"lam": 3.0, "tau": 0.9, "zoi": 0.3, "coi": 0.4}


class Above:
    """Zero-truncated counts."""

    def __init__(self, whole):
        self.whole = whole

    def cdf(self, y):
        return max(self.whole.cdf(y) - self.whole.cdf(0), 0.0) / self.whole.sf(0)


class Mixed:
    """0 with some probability, else of another distribution."""

    def __init__(self, share, other):
        self.share, self.other = share, other

    def cdf(self, y):
        return (self.share if y >= 0 else 0.0) + (1 - self.share) * self.other.cdf(y)


def table(seed=3):
    rng = np.random.default_rng(seed)
    trials = rng.integers(1, 9, N)
    return pd.DataFrame(
        {
            "x": rng.normal(size=N),
            "g": np.tile(list("abcde"), N // 5),
            "e": rng.uniform(-0.2, 0.2, N),
            "real": rng.normal(size=N) * np.where(np.arange(N) == 0, 30, 1),  # one far out
            "positive": rng.gamma(2.0, size=N),
            "proportion": rng.uniform(0.02, 0.98, size=N),
            "closed_proportion": np.clip(np.random.default_rng(seed + 1).uniform(-0.3, 1.2, size=N), 0, 1),
            "not_negative": rng.gamma(2.0, size=N) * (np.arange(N) % 3 > 0),
            "binary": rng.integers(0, 2, size=N),
            "count": np.where(np.arange(N) == 0, 60, rng.poisson(2.0, size=N)),
            "ordinal": np.arange(N) % 4,
            "hits": rng.binomial(trials, 0.5),
            "trials": trials,
        }
    )


def in_order(family, cutpoints):
    return np.sort(cutpoints, axis=1) if family == "cumulative" else cutpoints


def shares_by_hand(family, inverse, cutpoints, eta):
    """The probability of each category at one linear predictor."""
    if family == "cumulative":
        return np.diff([0, *inverse(cutpoints - eta), 1])
    if family == "sratio":
        stop = [*inverse(cutpoints - eta), 1]
        return [stop[k] * np.prod([1 - q for q in stop[:k]]) for k in range(len(stop))]
    odds = [np.exp(sum(eta - cutpoints[:k])) for k in range(len(cutpoints) + 1)]
    return np.divide(odds, sum(odds))


def fit_of(family, link, data, *, draws_seed=8, **options):
    rng = np.random.default_rng(draws_seed)
    response = "p(hits, trials)" if FAMILIES[family].kind == "successes" else FAMILIES[family].kind
    centre = {"inverse": 1.5, "sqrt": 1.5}.get(link, 0.2)
    values = {
        name: (
            in_order(family, rng.normal(size=(DRAWS, 3)))
            if name == "cutpoints"
            else OWN[name] * rng.uniform(1, 1.5, DRAWS)
        )
        for name, _ in FAMILIES[family].parameters
        if not (name == "sigma" and "se" in options)
    }
    values |= {"sd_g": np.full((DRAWS, 1), 0.3), "b_g": 0.1 * rng.normal(size=(DRAWS, 5, 1))}
    beta = 0.1 * rng.normal(size=(DRAWS, 2)) + [centre, 0.0]
    values["beta"] = beta[:, 1:] if family in ORDERED else beta
    fit = fit_at(
        f"{response} ~ x + offset(e) + (1 | g)", data, draws=DRAWS, family=family, link=link, **options, **values
    )
    return fit, values


def skew_normal(mean, sd, alpha):
    standard = stats.skewnorm(alpha)
    scale = sd / standard.std()
    return stats.skewnorm(alpha, loc=mean - scale * standard.mean(), scale=scale)


class ZeroOneInflatedBeta:
    """P(new <= y), and P(new < y) by `under`."""

    def __init__(self, mean, phi, zoi, coi):
        self.within, self.zoi, self.coi = stats.beta(mean * phi, (1 - mean) * phi), zoi, coi

    def cdf(self, y):
        return (1 - self.zoi) * self.within.cdf(y) + self.zoi * ((1 - self.coi) + self.coi * (y >= 1))

    def under(self, y):
        return (1 - self.zoi) * self.within.cdf(y) + self.zoi * (1 - self.coi) * (y > 0)


def distribution(family, mean, eta, own, trials):
    """scipy's, of one row and draw."""
    return {
        "gaussian": lambda: stats.norm(mean, own["sigma"]),
        "student_t": lambda: stats.t(own["nu"], mean, own["sigma"]),
        "lognormal": lambda: stats.lognorm(own["sigma"], scale=np.exp(eta)),
        "bernoulli": lambda: stats.bernoulli(mean),
        "binomial": lambda: stats.binom(trials, mean),
        "poisson": lambda: stats.poisson(mean),
        "negative_binomial": lambda: stats.nbinom(own["alpha"], own["alpha"] / (own["alpha"] + mean)),
        "zero_inflated_poisson": lambda: Mixed(own["zi"], stats.poisson(mean)),
        "zero_inflated_negative_binomial": lambda: Mixed(
            own["zi"], stats.nbinom(own["alpha"], own["alpha"] / (own["alpha"] + mean))
        ),
        "beta_binomial": lambda: stats.betabinom(trials, mean * own["phi"], (1 - mean) * own["phi"]),
        "hurdle_poisson": lambda: Mixed(own["hu"], Above(stats.poisson(mean))),
        "hurdle_negative_binomial": lambda: Mixed(
            own["hu"], Above(stats.nbinom(own["alpha"], own["alpha"] / (own["alpha"] + mean)))
        ),
        "hurdle_gamma": lambda: Mixed(own["hu"], stats.gamma(own["alpha"], scale=mean / own["alpha"])),
        "hurdle_lognormal": lambda: Mixed(own["hu"], stats.lognorm(own["sigma"], scale=np.exp(eta))),
        "gamma": lambda: stats.gamma(own["alpha"], scale=mean / own["alpha"]),
        "exponential": lambda: stats.expon(scale=mean),
        "beta": lambda: stats.beta(mean * own["phi"], (1 - mean) * own["phi"]),
        "weibull": lambda: stats.weibull_min(own["alpha"], scale=mean / special.gamma(1 + 1 / own["alpha"])),
        "inverse_gaussian": lambda: stats.invgauss(mean / own["lam"], scale=own["lam"]),
        "exgaussian": lambda: stats.exponnorm(own["tau"] / own["sigma"], loc=mean - own["tau"], scale=own["sigma"]),
        "skew_normal": lambda: skew_normal(mean, own["sigma"], own["alpha"]),
        "zero_one_inflated_beta": lambda: ZeroOneInflatedBeta(mean, **own),
    }[family]()


def by_hand(family, link, data, values):
    """P(new <= y) and P(new < y), averaged over draws, row by row."""
    response = {"successes": "hits"}.get(FAMILIES[family].kind, FAMILIES[family].kind)
    out = np.zeros((2, N))
    for i, row in data.iterrows():
        for d in range(DRAWS):
            own = {name: float(values[name][d]) for name in OWN if name in values}
            own |= {"sigma": row["s"]} if "s" in data else {}
            eta = values["beta"][d, -1] * row["x"] + row["e"] + values["b_g"][d, "abcde".index(row["g"]), 0]
            y = row[response]
            if family in ORDERED:
                shares = shares_by_hand(family, LINKS[link].inverse, values["cutpoints"][d], eta)
                below = [0, *np.cumsum(shares)]
                out[:, i] += [below[y + 1], below[y]]
                continue
            eta += values["beta"][d, 0]
            known = distribution(family, LINKS[link].inverse(eta), eta, own, row["trials"])
            under = known.under(y) if hasattr(known, "under") else None
            if under is None:
                under = known.cdf(y) if FAMILIES[family].is_continuous else known.cdf(y - 1)
            if FAMILIES[family].kind == "not_negative" and y == 0:
                under = 0.0
            out[:, i] += [known.cdf(y), under]
    return out / DRAWS


@pytest.mark.parametrize(("family", "link"), CASES)
def test_it_equals_a_loop_over_scipys_distributions(family, link):
    data, discrete = table(), not FAMILIES[family].is_continuous or bool(FAMILIES[family].support.atoms)
    parts = []
    for seed in (8, 9):  # two posteriors, the same table and seed
        fit, values = fit_of(family, link, data, draws_seed=seed)
        found = pp.quantile_residuals(fit, seed=1)
        u, z = found["u"].to_numpy(), found["z"].to_numpy()
        upto, below = by_hand(family, link, data, values)
        if discrete:
            parts.append((u - below) / np.maximum(upto - below, 1e-300))
        else:
            np.testing.assert_allclose(u, upto, rtol=1e-12, atol=1e-14)
        inside = (u > 1e-10) & (u < 1 - 1e-10)
        np.testing.assert_allclose(z[inside], stats.norm.ppf(u[inside]), rtol=1e-5)
        assert np.isfinite(z).all()
    if discrete:  # the same place between P(new < y) and P(new <= y), from 0 to 1
        told = upto - below > 1e-3
        np.testing.assert_allclose(parts[0][told], parts[1][told], atol=1e-9)
        assert ((parts[1] > -1e-9) & (parts[1] < 1 + 1e-9))[told].all()


@pytest.mark.parametrize(("family", "link"), CASES)
def test_tails_and_the_middle_are_scipys_and_leave_nothing_out(family, link):
    data = table()
    fit, values = fit_of(family, link, data)
    rows, draws = own_rows(fit.design), fit.stacked()
    below, at, above = (
        part.mean(axis=0)
        for part in tail_probabilities(fit.design, rows, linear_predictor(fit.design, rows, draws), draws)
    )
    upto, under = by_hand(family, link, data, values)
    np.testing.assert_allclose(below, under, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(at, upto - under, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(below + at + above, 1, rtol=1e-12)


def test_far_out_a_residual_keeps_its_size():
    """1 - P has no digits left where P(new > y) has them all."""
    data = pd.DataFrame({"y": [0.0, 12.0, -12.0, 50.0]})
    z = pp.quantile_residuals(fit_at("y ~ 1", data, beta=[0.0], sigma=1.0), seed=1)["z"].to_numpy()
    np.testing.assert_allclose(z[:3], [0, 12, -12], rtol=1e-12)
    assert 37 < z[3] < 38  # what is left of a number
    counts = pd.DataFrame({"y": [0, 100]})
    z = pp.quantile_residuals(fit_at("y ~ 1", counts, family="poisson", beta=[0.0]), seed=1)["z"].to_numpy()
    above, upto = stats.poisson(1).sf([100, 99])
    assert stats.norm.isf(upto) - 1e-9 < z[1] < stats.norm.isf(above) + 1e-9


def test_known_errors_and_expected_responses():
    data = table().assign(s=np.random.default_rng(1).uniform(0.5, 2, N))
    fit, values = fit_of("gaussian", "identity", data, se="s")
    found = pp.quantile_residuals(fit, seed=1)
    np.testing.assert_allclose(found["u"], by_hand("gaussian", "identity", data, values)[0], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found["expected"], pp.predict(fit)["expectation"].mean(("chain", "draw")), rtol=1e-12)
    assert found.attrs["expected"] == "mean of real"
    ordinal = fit_of("cumulative", "logit", table())[0]
    found = pp.quantile_residuals(ordinal, seed=1)
    shares = pp.predict(ordinal)["expectation"].mean(("chain", "draw")).to_numpy()
    np.testing.assert_allclose(found["expected"], shares @ [1, 2, 3, 4], rtol=1e-12)
    binomial = fit_of("binomial", "logit", table())[0]
    assert pp.quantile_residuals(binomial, seed=1).attrs["expected"] == "share of successes of hits"


@pytest.mark.parametrize("family", TRUE)
def test_residuals_of_the_true_model_are_uniform(family):
    """Kolmogorov-Smirnov p-values of 40 data sets at the true parameters are uniform themselves."""
    draw, own = TRUE[family]
    x = np.random.default_rng(0).normal(size=200)
    p = []
    for seed in range(40):
        data = pd.DataFrame({"y": draw(np.random.default_rng(seed), 0.3 + 0.5 * x), "x": x})
        beta = [0.5] if family in ORDERED else [0.3, 0.5]
        found = pp.quantile_residuals(fit_at("y ~ x", data, family=family, beta=beta, **own), seed=seed)
        p.append(stats.kstest(found["u"], "uniform").pvalue)
    assert stats.kstest(p, "uniform").pvalue > 1e-5
    assert (np.array(p) < 0.1).sum() <= stats.binom.isf(1e-5, 40, 0.1)


def test_a_bend_that_was_left_out_shows_along_the_predictor():
    rng = np.random.default_rng(2)
    x = rng.uniform(-2, 2, 300)
    data = pd.DataFrame({"y": 0.5 + 0.5 * x**2 + 0.5 * rng.normal(size=300), "x": x})
    right = pp.fit("y ~ x + I(x**2)", data, seed=1, progressbar=False)
    wrong = pp.fit("y ~ x", data, seed=1, progressbar=False)
    middle, ends = np.abs(x) < 0.7, np.abs(x) > 1.5
    differences = []
    for fit in (right, wrong):
        z = pp.quantile_residuals(fit, seed=1)["z"].to_numpy()
        differences.append(stats.ttest_ind(z[ends], z[middle]).statistic)
    assert abs(differences[0]) < 5
    assert differences[1] > 8


def test_levels_of_their_own_and_new_ones():
    """An effect of each row takes all that is left, u near 1/2; drawn anew, residuals are as wide as they should be."""
    rng = np.random.default_rng(4)
    eta = 1 + 0.8 * rng.normal(size=300)
    data = pd.DataFrame({"y": rng.poisson(np.exp(eta)), "row": np.arange(300)})
    effects = {"b_row": (eta - 1)[None, :, None], "sd_row": [0.8], "beta": [1.0]}
    effects["b_row"] = np.broadcast_to(effects["b_row"], (500, 300, 1))
    values = {name: np.broadcast_to(v, (500, *np.shape(v)[-1:])) for name, v in effects.items() if name != "b_row"}
    fit = fit_at("y ~ 1 + (1 | row)", data, draws=500, family="poisson", b_row=effects["b_row"], **values)
    assert stats.kstest(pp.quantile_residuals(fit, seed=1)["u"], "uniform").pvalue > 1e-4
    anew = pp.quantile_residuals(fit, levels="new", seed=1)
    assert anew.attrs["levels"] == "new"
    assert stats.kstest(anew["u"], "uniform").pvalue > 1e-4
    own = fit.posterior["b_row"].to_numpy().mean(axis=(0, 1))[:, 0]
    assert stats.spearmanr(own, anew["u"]).statistic > 0.7  # what a level has shows, against what levels are like
    with pytest.raises(pp.DataError, match="unknown kind of levels"):
        pp.quantile_residuals(fit, levels="mine")


def test_the_order_of_rows_and_other_columns_do_not_matter():
    data = table()
    order = np.random.default_rng(6).permutation(N)
    fit = fit_of("poisson", "log", data)[0]
    turned = data.iloc[order].reset_index(drop=True).assign(more=1.0)
    found = pp.quantile_residuals(fit, seed=1)
    again = pp.quantile_residuals(fit_of("poisson", "log", turned)[0], seed=1)
    np.testing.assert_allclose(again["z"], found["z"].to_numpy()[order], rtol=1e-12)
    assert np.abs(pp.quantile_residuals(fit, seed=2)["z"] - found["z"]).max() > 0.1
    assert (pp.quantile_residuals(fit, seed=1)["z"] == found["z"]).all()


def test_predictors_and_levels_are_coordinates():
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"y": rng.normal(size=24), "u": rng.normal(size=24), "batch": np.repeat(list("ab"), 12)})
    data["cask"] = np.tile(np.repeat([1, 2, 3], 4), 2)
    data.loc[3, "u"] = np.nan
    values = {"beta": [0.0, 0.0], "sd_batch": [1.0], "sd_batch:cask": [1.0], "sigma": 1.0}
    with pytest.warns(pp.DataWarning):
        fit = fit_at("y ~ u + (1 | batch/cask)", data, **values)
    found = pp.quantile_residuals(fit, seed=1)
    assert set(found.coords) == {"obs", "u_column", "batch", "cask", "batch:cask"}
    assert found["u_column"].attrs == {"long_name": "u"}
    assert found["batch:cask"].attrs["kind"] == found["cask"].attrs["kind"] == "category"
    assert 3 not in found["obs"].values
    with_more = found.assign_coords(age=("obs", data["cask"].loc[found["obs"]]))
    assert with_more["age"].sizes == {"obs": 23}


def test_memory_is_that_of_a_piece(monkeypatch):
    """4,000 draws of 2,000 rows are 64 MB, and several arrays of that size are needed at once."""
    monkeypatch.setattr(pieces, "_AT_ONCE", 100_000)
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"y": rng.poisson(3.0, 2000), "x": rng.normal(size=2000)})
    fit = fit_at("y ~ x", data, draws=4000, family="poisson", beta=np.tile([1.0, 0.0], (4000, 1)))
    pp.quantile_residuals(fit, seed=1)
    tracemalloc.start()
    pp.quantile_residuals(fit, seed=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
