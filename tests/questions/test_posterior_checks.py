"""Posterior-predictive checks of the response: wrong families fail with the right advice, right ones rarely."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import partialpool as pp
from checks.fixed import fit_at
from partialpool.model import chunks as pieces
from partialpool.questions import posterior_checks as module
from partialpool.questions.check import judge_response, response_checks

DRAWS = 200
N = 300


def at(y, family, **values):
    """A fit at known parameters: of the fixed effects only, so that p-values of a right model are uniform."""
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"y": y, "x": rng.normal(size=len(y))})
    values = {name: np.repeat([v], DRAWS, axis=0) for name, v in values.items()}
    return fit_at("y ~ x", data, draws=DRAWS, family=family, **values)


def p_values(fit, seed=1):
    found = pp.posterior_checks(fit, seed=seed)["checks"]
    return found["p_value"].to_series().to_dict()


def counts(seed, *, alpha=np.inf, zeros=0.0):
    rng = np.random.default_rng(seed)
    x = np.random.default_rng(0).normal(size=N)
    mean = np.exp(1.0 + 0.3 * x)
    mean = mean if np.isinf(alpha) else mean * rng.gamma(alpha, 1 / alpha, N)
    return rng.poisson(mean) * (rng.random(N) >= zeros)


def test_a_poisson_fit_of_negative_binomial_counts_with_more_zeros_fails_with_advice():
    """The parameters are those of maximum likelihood for a Poisson of these counts."""
    y = counts(1, alpha=1.5, zeros=0.15)
    x = np.column_stack([np.ones(N), np.random.default_rng(0).normal(size=N)])
    beta = np.zeros(2)
    for _ in range(50):
        mu = np.exp(x @ beta)
        beta += np.linalg.solve(x.T @ (x * mu[:, None]), x.T @ (y - mu))
    findings = {f.check: f for f in judge_response(pp.posterior_checks(at(y, "poisson", beta=beta), seed=1))}
    assert not findings["dispersion"].good
    assert "negative_binomial" in findings["dispersion"].cure
    assert not findings["zeros"].good
    assert "'zero_inflated_poisson'" in findings["zeros"].cure
    assert "'hurdle_poisson'" in findings["zeros"].cure
    assert findings["zeros"].found.startswith(f"share of zeros {np.mean(y == 0):.3g}, new responses")


def test_statistics_by_hand():
    y = counts(2)
    fit = at(y, "poisson", beta=[1.0, 0.3])
    checks = pp.posterior_checks(fit, seed=1)["checks"]
    found = checks["data"].isel(chain=0, draw=0).to_series()
    mean = np.exp(1.0 + 0.3 * np.random.default_rng(0).normal(size=N))
    assert found["dispersion"] == pytest.approx(np.mean((y - mean) ** 2 / mean))
    assert found["zeros"] == np.mean(y == 0)
    assert found["largest"] == y.max()
    groups = np.array_split(np.argsort(mean), 10)
    by_hand = np.mean([(y[k] - mean[k]).sum() ** 2 / mean[k].sum() for k in groups])
    assert found["fitted"] == pytest.approx(by_hand)
    new = checks["new"].sel(statistic="dispersion").to_numpy().ravel()  # of mean 1
    assert abs(new.mean() - 1) < 5 * new.std() / np.sqrt(DRAWS)


RIGHT = {
    "poisson": (lambda rng, mu: rng.poisson(np.exp(mu)), {}),
    "negative_binomial": (lambda rng, mu: rng.poisson(np.exp(mu) * rng.gamma(2.0, 0.5, N)), {"alpha": 2.0}),
    "gaussian": (lambda rng, mu: rng.normal(mu, 0.7), {"sigma": 0.7}),
    "student_t": (lambda rng, mu: mu + 0.7 * rng.standard_t(4, N), {"sigma": 0.7, "nu": 4.0}),
    "lognormal": (lambda rng, mu: rng.lognormal(mu, 0.7), {"sigma": 0.7}),
    "gamma": (lambda rng, mu: rng.gamma(3.0, np.exp(mu) / 3.0), {"alpha": 3.0}),
    "bernoulli": (lambda rng, mu: (rng.random(N) < 1 / (1 + np.exp(-mu))).astype(float), {}),
    "beta": (lambda rng, mu: rng.beta(5 / (1 + np.exp(-mu)), 5 / (1 + np.exp(mu))), {"phi": 5.0}),
}


@pytest.mark.parametrize("family", RIGHT)
def test_a_right_model_fails_as_often_as_the_threshold_says(family):
    """At the true parameters p-values are uniform, discrete ones above: of 40 fits at p < 0.1, binomially many."""
    draw, own = RIGHT[family]
    mu = 1.0 + 0.3 * np.random.default_rng(0).normal(size=N)
    seeds = range(40)
    found = pd.DataFrame(
        [p_values(at(draw(np.random.default_rng(s), mu), family, beta=[1.0, 0.3], **own)) for s in seeds]
    )
    for name in found:
        assert (found[name] < 0.1).sum() <= stats.binom.isf(1e-5, 40, 0.1), name


def test_proportions_and_categories():
    rng = np.random.default_rng(3)
    p = rng.beta(0.6, 0.6, size=120)
    data = pd.DataFrame({"k": rng.binomial(12, p), "n": 12})
    fit = fit_at("p(k, n) ~ 1", data, draws=DRAWS, family="binomial", beta=np.zeros((DRAWS, 1)))
    found = {f.check: f for f in judge_response(pp.posterior_checks(fit, seed=1))}
    assert not found["dispersion"].good
    assert not found["none or all"].good
    assert "(1 | row)" in found["dispersion"].cure
    order = pd.DataFrame({"a/y": pd.Categorical(["a"] * 60 + ["b/b"] * 60 + ["b/b_p"] * 60, ordered=True)})
    cutpoints = np.repeat([[-2.0, 2.0]], DRAWS, axis=0)  # which makes the middle far too large
    fit = fit_at("`a/y` ~ 1", order, draws=DRAWS, family="cumulative", cutpoints=cutpoints)
    assert p_values(fit)["category_b/b"] < 0.01


def test_a_response_is_returned_as_arviz_takes_it():
    tree = pp.posterior_checks(at(counts(4), "poisson", beta=[1.0, 0.3]), seed=1)
    assert tree["posterior_predictive"]["y"].dims == ("chain", "draw", "obs")
    assert tree["observed_data"]["y"].dims == ("obs",)


def test_new_responses_of_some_draws_are_kept_and_statistics_of_all(monkeypatch):
    monkeypatch.setattr(pieces, "_AT_ONCE", 7 * N)
    data = pd.DataFrame({"y": counts(5), "x": np.random.default_rng(0).normal(size=N)})
    fit = fit_at("y ~ x", data, draws=3000, family="poisson", beta=np.tile([1.0, 0.3], (3000, 1)))
    tree = pp.posterior_checks(fit, seed=1)
    kept = tree["posterior_predictive"]["y"]
    assert kept.shape == (1, 400, N)
    assert tree["checks"]["new"].sizes["draw"] == 3000
    assert kept["draw"].to_numpy()[[0, -1]].tolist() == [0, 2999]
    assert np.diff(kept["draw"]).max() - np.diff(kept["draw"]).min() <= 1
    zeros = tree["checks"]["new"].sel(statistic="zeros", draw=kept["draw"])
    np.testing.assert_array_equal((kept == 0).mean("obs"), zeros)
    monkeypatch.setattr(module, "_MOST_KEPT", 30 * N)
    assert pp.posterior_checks(fit, seed=1)["posterior_predictive"].sizes["draw"] == 30
    monkeypatch.setattr(module, "_MOST_KEPT", 1)
    assert pp.posterior_checks(fit, seed=1)["posterior_predictive"].sizes["draw"] == 20


def uncertain(draws=4000):
    """A fit at uncertain coefficients, so that draws differ in the order of their rows' means."""
    data = pd.DataFrame({"y": counts(6), "x": np.random.default_rng(0).normal(size=N)})
    data["z"] = np.random.default_rng(7).normal(size=N)
    beta = np.random.default_rng(8).normal([1.0, 0.3, 0.0], 0.3, size=(draws, 3))
    return fit_at("y ~ x + z", data, draws=draws, family="poisson", beta=beta)


def test_the_checklist_judges_the_same_statistics_with_the_same_seed():
    data = pd.DataFrame({"y": counts(6), "x": np.random.default_rng(0).normal(size=N)})
    fit = pp.fit("y ~ x", data, family="poisson", seed=1, progressbar=False)
    by_name = pp.posterior_checks(fit, seed=1)["checks"].to_dataset()
    checked = response_checks(fit, seed=1)["checks"].to_dataset()
    xr.testing.assert_identical(by_name, checked)
    found = pp.check(fit, seed=1).frame.set_index("check").loc["fitted", "found"]
    assert f"response {float(by_name['data'].sel(statistic='fitted').mean()):.3g}," in found


def test_classes_are_those_of_all_draws_where_statistics_are_of_some(monkeypatch):
    """By hand: the classes of the mean linear predictor of every draw; the first draw's residuals in them."""
    fit = uncertain()
    real = pp.posterior_checks(fit, seed=1)["checks"]["data"].sel(statistic="fitted")
    np.testing.assert_array_equal(real, pp.posterior_checks(fit, seed=2)["checks"]["data"].sel(statistic="fitted"))
    monkeypatch.setattr(module, "_MOST_JUDGED", 1)
    some = pp.posterior_checks(fit, seed=1)["checks"]["data"].sel(statistic="fitted")
    assert some.sizes["draw"] == 1000
    np.testing.assert_allclose(some, real.sel(draw=some["draw"]), rtol=1e-12)
    x = np.column_stack([np.ones(N), fit.design.frame[["x", "z"]].to_numpy(float)])
    beta = fit.posterior["beta"].to_numpy()[0]
    groups, mean, y = np.array_split(np.argsort(x @ beta.mean(0)), 10), np.exp(x @ beta[0]), fit.design.response.values
    by_hand = np.mean([(y[k] - mean[k]).sum() ** 2 / mean[k].sum() for k in groups])
    assert float(some[0, 0]) == pytest.approx(by_hand)


def test_memory_is_that_of_what_is_kept(monkeypatch):
    """All new responses of 4,000 draws and 2,000 rows are 64 MB; what is kept of them is a tenth."""
    monkeypatch.setattr(pieces, "_AT_ONCE", 100_000)
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"y": rng.poisson(3.0, 2000), "x": rng.normal(size=2000)})
    fit = fit_at("y ~ x", data, draws=4000, family="poisson", beta=np.tile([1.0, 0.0], (4000, 1)))
    tracemalloc.start()
    tree = pp.posterior_checks(fit, seed=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert tree["posterior_predictive"]["y"].nbytes == 8 * 2000 * 400
    assert peak < 3 * 8 * 2000 * 400 + 15e6


def counts_with_an_effect_of_each_row(n=200):
    """Poisson counts whose rate has a lognormal factor of its own in each row; the model `(1 | row)` holds."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=n)
    return pd.DataFrame(
        {"y": rng.poisson(np.exp(0.5 + 0.5 * x + 0.7 * rng.normal(size=n))), "x": x, "row": np.arange(n)}
    )


@pytest.mark.parametrize("response", ["y", "y | trials(n)"])
def test_effects_of_single_rows_do_not_order_the_rows_by_their_own_responses(response):
    """Their expectations follow the responses: in such an order every right model would fail."""
    data = counts_with_an_effect_of_each_row()
    data["n"] = data["y"].max() + 5
    family = "poisson" if response == "y" else "binomial"
    fit = pp.fit(f"{response} ~ x + (1 | row)", data, family=family, seed=1, progressbar=False)
    order = np.argsort(data["x"].to_numpy())
    classes = module._classes(fit)
    assert (np.diff(classes[order]) >= 0).all()
    np.testing.assert_array_equal(np.bincount(classes), np.full(10, 20))
    if family == "poisson":
        assert p_values(fit)["fitted"] > 0.01


def test_effects_of_levels_with_several_rows_order_the_rows():
    data = pp.load_dataset("sleepstudy")
    fit = pp.fit("Reaction ~ 1 + (1 | Subject)", data, seed=1, progressbar=False)
    found = pd.DataFrame({"class": module._classes(fit), "subject": data["Subject"]})
    assert (found.groupby("subject")["class"].nunique() == 1).all()
    assert found["class"].nunique() == 10
