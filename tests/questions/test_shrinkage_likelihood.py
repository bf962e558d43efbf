"""Shrinkage of responses that are not normal: closed forms, quadrature, estimates at infinity, invariance."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

import partialpool as pp
from checks.fixed import fit_at

THROWS = {"hits": [2, 0, 5, 11, 9], "throws": [4, 3, 5, 20, 40], "pupil": list("abcde")}
SD = 0.8


def throws(**values):
    values = {"beta": [-0.3], "sd_pupil": [SD], "b_pupil": [[0.3], [-0.6], [0.7], [0.4], [-0.8]]} | values
    return fit_at("p(hits, throws) ~ 1 + (1 | pupil)", THROWS, family="binomial", **values)


def test_free_throws_by_hand():
    """Log odds of each pupil's own share and of all hits; W = n p (1 - p) at the posterior mean of the log odds."""
    found = pp.shrinkage(throws())
    hits, n = np.array(THROWS["hits"]), np.array(THROWS["throws"])
    own, told = found["no_pooling"].to_numpy()[:, 0], [True, False, False, True, True]
    share = (hits / n)[told]
    assert own[told] == pytest.approx(special.logit(share))
    assert found["no_pooling_se"].to_numpy()[told, 0] == pytest.approx(1 / np.sqrt(n[told] * share * (1 - share)))
    assert np.isnan(own[[1, 2]]).all()
    assert np.isnan(found["no_pooling_se"].to_numpy()[[1, 2]]).all()
    assert found["no_estimate"].to_numpy().ravel().tolist() == ["", "infinite", "infinite", "", ""]
    every = hits.sum() / n.sum()
    assert found["complete_pooling"].to_numpy() == pytest.approx([special.logit(every)])
    assert found["complete_pooling_se"].to_numpy() == pytest.approx([1 / np.sqrt(n.sum() * every * (1 - every))])
    p = special.expit(-0.3 + np.array([0.3, -0.6, 0.7, 0.4, -0.8]))
    g = n * p * (1 - p)
    assert found["weight"].to_numpy().ravel() == pytest.approx(g * SD**2 / (g * SD**2 + 1))
    assert found["trials"].to_numpy().tolist() == n.tolist()
    assert found["n"].to_numpy().tolist() == [1] * 5
    assert found.attrs["scale"] == "logit"
    assert found.attrs["mean"] == "probability of hits"
    assert found.attrs["predictor"] == "log odds of hits"


def posterior_mean(log_likelihood, sd):
    """E(b | theta, y) by the trapezoidal rule, as far out as the prior has any mass."""
    b = np.linspace(-9 * sd, 9 * sd, 4001)
    log_p = np.array([log_likelihood(at) for at in b]) + stats.norm.logpdf(b, 0, sd)
    p = np.exp(log_p - log_p.max())
    return float((b * p).sum() / p.sum())


def test_the_weight_is_that_of_the_conditional_mean_about():
    """B_j (no pooling - common) is Laplace's approximation of E(b_j | theta, y): within a tenth of the prior's sd."""
    hits, n = np.array(THROWS["hits"]), np.array(THROWS["throws"])
    exact = [posterior_mean(lambda b, h=h, k=k: stats.binom.logpmf(h, k, special.expit(b - 0.3)), SD)
             for h, k in zip(hits, n, strict=True)]  # fmt: skip
    found = pp.shrinkage(throws(b_pupil=np.array(exact)[:, None]))
    own = found["no_pooling"].to_numpy()[:, 0]
    told = np.isfinite(own)
    assert told.sum() == 3
    moved = found["weight"].to_numpy().ravel()[told] * (own[told] + 0.3)
    assert moved == pytest.approx(np.array(exact)[told], abs=0.1 * SD)
    # The approximation is worth its name: neither end of pooling is as near.
    assert np.abs(moved - np.array(exact)[told]).max() < 0.25 * np.abs(own[told] + 0.3 - np.array(exact)[told]).max()


def counts(seed=2):
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(6), [3, 5, 4, 6, 2, 8])
    x, t = rng.normal(size=len(g)), rng.uniform(0.5, 4, len(g))
    y = rng.poisson(2 * t * np.exp(0.3 * x))
    y[g == 4] = 0
    return pd.DataFrame({"y": y, "x": x, "logt": np.log(t), "t": t, "g": g})


def test_counts_with_an_exposure_by_hand():
    """Log of all counts over all exposure, at the mean log exposure; a level of zeros has none."""
    data = counts()
    fit = fit_at("y ~ 1 + offset(logt) + (1 | g)", data, family="poisson", beta=[0.7], sd_g=[0.5])
    found = pp.shrinkage(fit)
    sums = data.groupby("g")[["y", "t"]].sum()
    middle = data["logt"].mean()
    with np.errstate(divide="ignore"):
        expected = np.log(sums["y"] / sums["t"]).to_numpy() + middle
    told = np.arange(6) != 4
    assert found["no_pooling"].to_numpy()[told, 0] == pytest.approx(expected[told])
    assert found["no_pooling_se"].to_numpy()[told, 0] == pytest.approx(1 / np.sqrt(sums["y"].to_numpy()[told]))
    assert found["no_estimate"].sel(level=4).item() == "infinite"
    assert found["complete_pooling"].to_numpy() == pytest.approx([np.log(data["y"].sum() / data["t"].sum()) + middle])
    g = (np.exp(0.7) * sums["t"]).to_numpy()
    assert found["weight"].to_numpy().ravel() == pytest.approx(g * 0.25 / (g * 0.25 + 1))
    assert found.attrs["predictor"] == "log expected y"


FAMILIES = {
    "poisson": ({}, lambda y, eta: stats.poisson.logpmf(y, np.exp(eta))),
    "negative_binomial": ({"alpha": 3.0}, lambda y, eta: stats.nbinom.logpmf(y, 3.0, 3.0 / (3.0 + np.exp(eta)))),
    "gamma": ({"alpha": 4.0}, lambda y, eta: stats.gamma.logpdf(y, 4.0, scale=np.exp(eta) / 4.0)),
    "exponential": ({}, lambda y, eta: stats.expon.logpdf(y, scale=np.exp(eta))),
    "beta": ({"phi": 7.0}, lambda y, eta: stats.beta.logpdf(y, 7 * special.expit(eta), 7 * special.expit(-eta))),
    "bernoulli": ({}, lambda y, eta: np.where(y == 1, special.log_expit(eta), special.log_expit(-eta))),
    "student_t": ({"nu": 5.0, "sigma": 0.8}, lambda y, eta: stats.t.logpdf(y, 5.0, eta, 0.8)),
    "gaussian": ({"sigma": 0.8}, lambda y, eta: stats.norm.logpdf(y, np.exp(eta), 0.8)),
}


def responses(family, seed=5):
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(3), [12, 15, 20])
    x = rng.normal(size=len(g))
    eta = 0.3 + 0.5 * x + np.array([-0.3, 0.1, 0.4])[g]
    draw = {
        "poisson": lambda: rng.poisson(np.exp(eta)),
        "negative_binomial": lambda: rng.poisson(np.exp(eta) * rng.gamma(3, 1 / 3, len(g))),
        "gamma": lambda: rng.gamma(4.0, np.exp(eta) / 4),
        "exponential": lambda: rng.exponential(np.exp(eta)),
        "beta": lambda: rng.beta(7 * special.expit(eta), 7 * special.expit(-eta)),
        "bernoulli": lambda: (rng.random(len(g)) < special.expit(eta)).astype(int),
        "student_t": lambda: eta + 0.8 * rng.standard_t(5, len(g)),
        "gaussian": lambda: np.exp(eta) + rng.normal(0, 0.3, len(g)),
    }
    return pd.DataFrame({"y": draw[family](), "x": x, "g": g})


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_at_its_maximum(family):
    """The maximum that a general optimiser finds in each level's rows, and in all of them; the curvature there."""
    own, log_density = FAMILIES[family]
    data = responses(family)
    values = {"beta": [0.3, 0.5], "sd_g": [0.4, 0.2], "corr_g": np.eye(2)} | own
    link = "log" if family == "gaussian" else None
    found = pp.shrinkage(fit_at("y ~ x + (x | g)", data, family=family, link=link, **values))

    def maximum(rows):
        def deviance(c):
            return -log_density(rows["y"].to_numpy(), c[0] + c[1] * rows["x"].to_numpy()).sum()

        return optimize.minimize(deviance, [0.3, 0.5], method="BFGS", options={"gtol": 1e-7}).x

    for level, rows in data.groupby("g"):
        expected = maximum(rows)
        assert found["no_pooling"].sel(level=level).to_numpy() == pytest.approx(expected, abs=2e-5)
    assert found["complete_pooling"].to_numpy() == pytest.approx(maximum(data), abs=2e-5)
    assert np.isfinite(found["no_pooling_se"]).all()
    weight = found["weight"].to_numpy()[0, 0]
    eigen = np.linalg.eigvals(weight).real
    assert ((eigen > 0) & (eigen < 1)).all()


def separated():
    """By level: outcomes that x separates; some that it does not; one outcome only; two rows of each outcome at one x;
    separated but for one x at which both occur."""
    x = {"s": [1, 2, 3, 4], "o": [1, 2, 3, 4], "f": [1, 2, 3, 4], "c": [2, 2, 2, 2], "q": [1, 2, 2, 3]}
    y = {"s": [0, 0, 1, 1], "o": [0, 1, 0, 1], "f": [0, 0, 0, 0], "c": [0, 1, 1, 0], "q": [0, 0, 1, 1]}
    return pd.DataFrame([(g, a, b) for g in x for a, b in zip(x[g], y[g], strict=True)], columns=["g", "x", "y"])


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_separation_in_a_slope_is_found_and_said(link):
    values = {"beta": [0.0, 0.1], "sd_g": [1, 1], "corr_g": np.eye(2)}
    found = pp.shrinkage(fit_at("y ~ x + (x | g)", separated(), family="bernoulli", link=link, **values))
    reasons = found["no_estimate"].sel(effect="x").to_series().to_dict()
    told = "not identified by the level's rows"
    assert reasons == {"c": told, "f": "infinite", "o": "", "q": "infinite", "s": "infinite"}
    assert np.isfinite(found["no_pooling"]).all("effect").to_series().to_dict() == {k: k == "o" for k in "cfoqs"}
    assert (found["no_pooling"].isnull() == (found["no_estimate"] != "")).all()
    assert np.isfinite(found["complete_pooling"]).all()


def test_only_the_effects_that_separate_are_infinite():
    """Of cell means, that of a cell of failures is infinite; the other is its own log odds, with its own error."""
    table = {"y": [0, 1, 1, 0, 0, 0, 0, 1, 0, 1], "c": list("uuuvvvvuvv"), "g": list("aaaaaaabbb")}
    values = {"beta": [0.0, 0.0], "sd_g": [1, 1], "corr_g": np.eye(2)}
    fit = fit_at("y ~ 0 + c + (0 + c | g)", table, family="bernoulli", **values)
    found = pp.shrinkage(fit).sel(level="a")
    assert found["no_estimate"].to_numpy().tolist() == ["", "infinite"]
    assert found["no_pooling"].to_numpy()[0] == pytest.approx(np.log(2))
    assert found["no_pooling_se"].to_numpy()[0] == pytest.approx(np.sqrt(1 / 1 + 1 / 2))
    fit = fit_at("y ~ c + (c | g)", table, family="bernoulli", **values)
    as_difference = pp.shrinkage(fit).sel(level="a")
    assert as_difference["no_estimate"].to_numpy().tolist() == ["", "infinite"]
    assert as_difference["no_pooling"].to_numpy()[0] == pytest.approx(np.log(2))


def test_complete_pooling_that_is_infinite_has_no_estimate():
    table = separated().query("g in ('s', 'q')")
    values = {"beta": [0.0, 0.1], "sd_g": [1.0]}
    found = pp.shrinkage(fit_at("y ~ x + (1 | g)", table, family="bernoulli", **values))
    assert np.isnan(found["complete_pooling"]).all()
    assert np.isnan(found["complete_pooling_se"]).all()
    with pytest.raises(pp.DataError, match="no maximum of the likelihood"):
        pp.naive_errors(fit_at("y ~ x + (1 | g)", table, family="bernoulli", **values))


def slopes(data, formula="y ~ x + c + (x | g)", turn=None, **values):
    """A fit at values that are the same model in every column's units: only the names and units differ."""
    values = {"beta": [-0.2, 0.6, 0.4], "sd_g": [0.7, 0.4], "corr_g": [[1, 0.3], [0.3, 1]]} | values
    return pp.shrinkage(fit_at(formula, data, family="bernoulli", **values))


def binary(seed=11):
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(7), [9, 14, 12, 4, 20, 11, 2])
    x = rng.normal(0.5, 1, size=len(g))
    c = rng.choice(["u", "v"], len(g))
    y = rng.random(len(g)) < special.expit(-0.2 + 0.6 * x + 0.4 * (c == "v") + rng.normal(0, 0.7, 7)[g])
    return pd.DataFrame({"y": y.astype(int), "x": x, "c": c, "g": [f"l{k}" for k in g]})


def same(one, other, scale=(1.0, 1.0)):
    for name in ("no_pooling", "no_pooling_se", "complete_pooling"):
        np.testing.assert_allclose(other[name], one[name] * np.array(scale), rtol=1e-6, atol=1e-8, err_msg=name)
    assert (one["no_estimate"].to_numpy() == other["no_estimate"].to_numpy()).all()


def test_units_of_a_predictor_change_units_only():
    data, b = binary(), np.random.default_rng(1).normal(size=(7, 2)) * [0.5, 0.3]
    one = slopes(data, b_g=b)
    assert (one["no_estimate"] == "infinite").any()
    assert (one["no_estimate"] == "").all("effect").sum() >= 4
    k = 1e-4
    units = {"beta": [-0.2, 0.6 / k, 0.4], "sd_g": [0.7, 0.4 / k], "b_g": b / [1, k]}
    other = slopes(data.assign(x=data["x"] * k), **units)
    same(one, other, (1.0, 1 / k))
    ratio = np.array([1.0, k])
    np.testing.assert_allclose(other["weight"], one["weight"] * ratio / ratio[:, None], rtol=1e-6)


def test_the_reference_category_changes_nothing():
    """Estimates are at the average over categories: coded from the other one, the numbers are the same."""
    data, b = binary(), np.random.default_rng(1).normal(size=(7, 2)) * [0.5, 0.3]
    one = slopes(data, b_g=b)
    turned = data.assign(c=pd.Categorical(data["c"], ["v", "u"]))
    same(one, slopes(turned, b_g=b, beta=[0.2, 0.6, -0.4]))


def test_the_order_of_rows_and_levels_changes_nothing():
    data, b = binary(), np.random.default_rng(1).normal(size=(7, 2)) * [0.5, 0.3]
    one = slopes(data, b_g=b)
    mixed = data.sample(frac=1, random_state=4).reset_index(drop=True)
    same(one, slopes(mixed, b_g=b))
    names = {f"l{k}": f"m{9 - k}" for k in range(7)}
    other = slopes(data.replace({"g": names}), b_g=b[::-1])
    same(one, other.sel(level=[names[level] for level in one["level"].to_numpy()]))


def test_without_fixed_effects_and_under_links_with_a_domain():
    """No fixed effect: complete pooling is the offset alone. The inverse link: 1 / mean, in any units."""
    data = counts().query("g != 4")
    found = pp.shrinkage(fit_at("y ~ 0 + offset(logt) + (1 | g)", data, family="poisson", sd_g=[0.5]))
    assert found["complete_pooling"].to_numpy() == pytest.approx([data["logt"].mean()])
    assert np.isfinite(found["no_pooling"]).all()
    table = {"y": [1.0, 2.0, 4.0, 3.0, 8.0, 5.0], "g": list("aabbbb")}
    for unit in (1.0, 1e6):
        fit = fit_at("y ~ 1 + (1 | g)", {"y": unit * np.array(table["y"]), "g": table["g"]}, family="gamma",
                     link="inverse", beta=[0.3 / unit], sd_g=[0.05 / unit], alpha=3.0)  # fmt: skip
        found = pp.shrinkage(fit)
        assert found["no_pooling"].to_numpy()[:, 0] * unit == pytest.approx([1 / 1.5, 1 / 5])
        assert found["complete_pooling"].to_numpy() * unit == pytest.approx([6 / 23])


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_negative_mean_has_no_logarithm():
    """Rows below 0 under a log link: the mean falls for ever, and the level says so."""
    table = {"y": [-3.0, -2.5, -1.0, 2.0, 3.0, 2.5], "g": list("aaabbb")}
    fit = fit_at("y ~ 1 + (1 | g)", table, link="log", beta=[0.1], sd_g=[0.5], sigma=1.0)
    found = pp.shrinkage(fit)
    assert found["no_estimate"].to_numpy().ravel().tolist() == ["infinite", ""]
    assert found["no_pooling"].to_numpy()[1, 0] == pytest.approx(np.log(2.5))


def test_an_ordinal_response_is_refused():
    data = {"y": [1, 2, 3, 1, 2, 3], "g": list("aaabbb")}
    fit = fit_at("y ~ 1 + (1 | g)", data, family="cumulative", sd_g=[1.0], cutpoints=[-1.0, 1.0])
    with pytest.raises(pp.DataError, match="cutpoints in place of an intercept"):
        pp.shrinkage(fit)


def test_a_level_without_trials_has_no_estimate_and_says_so():
    """0 of 0: the likelihood is flat, not rising to infinity; the others are as without the level."""
    table = {"hits": [2, 0, 5, 0], "throws": [4, 0, 6, 3], "pupil": list("abcd")}
    values = {"family": "binomial", "beta": [0.1], "sd_pupil": [1.0]}
    found = pp.shrinkage(fit_at("p(hits, throws) ~ 1 + (1 | pupil)", table, **values))
    assert found["no_estimate"].to_numpy().ravel().tolist() == ["", "no trials", "", "infinite"]
    assert np.isnan(found["no_pooling"].to_numpy()[1, 0])
    assert np.isnan(found["own_mean"].to_numpy()[1])
    kept = {name: [v for k, v in enumerate(column) if k != 1] for name, column in table.items()}
    without = pp.shrinkage(fit_at("p(hits, throws) ~ 1 + (1 | pupil)", kept, **values))
    for name in ("no_pooling", "no_pooling_se", "own_mean"):
        np.testing.assert_allclose(found[name].sel(level=list("acd")), without[name], rtol=1e-9)
    np.testing.assert_allclose(found["weight"].sel(level="b"), 0, atol=1e-9)
