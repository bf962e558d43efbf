"""Adjusted means: averages by hand over all combinations, equal weights, and what is refused."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import partialpool as pp
from checks.fixed import fit_at

RNG = np.random.default_rng(4)
TABLE = pd.DataFrame(
    {
        "arm": RNG.choice(["B", "A", "C"], 60, p=[0.6, 0.3, 0.1]),
        "sex": RNG.choice(["m", "f"], 60, p=[0.8, 0.2]),
        "x": RNG.normal(3, 1, 60),
        "g": np.arange(60) % 6,
    }
)


def trial(family="gaussian", **values):
    """y ~ arm * sex + x + (1 | g), at stated coefficients."""
    y = {"gaussian": RNG.normal(size=60), "bernoulli": np.arange(60) % 2, "poisson": np.arange(60) % 4}[family]
    own = {"sigma": 1.0} if family == "gaussian" else {}
    beta = [0.3, 1.0, -0.5, 0.4, 0.2, 0.7, -0.3]
    return fit_at(
        "y ~ arm * sex + x + (1 | g)", TABLE.assign(y=y), family=family, beta=beta, sd_g=[0.8], **own, **values
    )


def by_hand(fit, arm, inverse):
    """The average over the sexes of the mean at the mean of x, group effects 0."""
    beta = fit.posterior["beta"].isel(chain=0, draw=0)
    names = beta["coef"].to_numpy().tolist()
    total = []
    for sex in ("f", "m"):
        eta = 0.0
        for name, value in zip(names, beta.to_numpy(), strict=True):
            parts = {"Intercept": 1.0, f"arm[{arm}]": 1.0, f"sex[{sex}]": 1.0, "x": TABLE["x"].mean()}
            eta += value * np.prod([parts.get(part, 0.0) for part in name.split(":")])
        total.append(inverse(eta))
    return np.mean(total)


@pytest.mark.parametrize(("family", "inverse"), [("gaussian", float), ("bernoulli", expit), ("poisson", np.exp)])
def test_other_categories_are_averaged_with_equal_weights(family, inverse):
    fit = trial(family)
    means = pp.adjusted_means(fit, "arm")
    assert means["arm"].to_numpy().tolist() == ["A", "B", "C"]
    for arm in "ABC":
        found = means["subject_specific"].sel(arm=arm).to_numpy()
        np.testing.assert_allclose(found, by_hand(fit, arm, inverse))
    assert means.attrs["averaged"] == "sex (2 values)"
    assert means.attrs["held"] == f"x={TABLE['x'].mean():.4g}"


def test_group_effects_are_integrated_out_of_the_population_average():
    """A log link: the mean is that of the typical level times exp(sd^2 / 2); a linear model: the same."""
    counts, linear = trial("poisson"), trial()
    for fit, ratio in ((counts, np.exp(0.8**2 / 2)), (linear, 1.0)):
        means = pp.adjusted_means(fit, "arm", "sex")
        assert means["population_average"].dims == ("chain", "draw", "arm", "sex")
        np.testing.assert_allclose(means["population_average"], ratio * means["subject_specific"])


def test_they_are_averages_of_predictions():
    fit = trial("bernoulli")
    grid = pp.datagrid(fit, arm=["A", "B", "C"], sex=["f", "m"])
    rows = pp.predict(fit, grid, kind="marginal")["expectation"]
    expected = rows.to_numpy().reshape(*rows.shape[:2], 3, 2).mean(axis=3)
    np.testing.assert_allclose(pp.adjusted_means(fit, "arm")["population_average"], expected)


def test_values_may_be_given():
    fit = trial()
    at_x = pp.adjusted_means(fit, "x", at={"x": [0, 10], "sex": "f"})["population_average"]
    slope = fit.posterior["beta"].sel(coef="x", drop=True)
    np.testing.assert_allclose(at_x.isel(x=1) - at_x.isel(x=0), 10 * slope)
    only = pp.adjusted_means(fit, "arm", at={"sex": "f"})
    assert only.attrs["averaged"] == "nothing"
    assert "sex=f" in only.attrs["held"]


def test_an_ordered_response_has_probabilities_of_each_category():
    y = pd.Categorical.from_codes(np.arange(60) % 3, ["low", "mid", "high"], ordered=True)
    fit = fit_at(
        "y ~ arm + (1 | g)", TABLE.assign(y=y), family="cumulative", beta=[0.4, -0.2], sd_g=[0.5], cutpoints=[-1.0, 1.0]
    )
    means = pp.adjusted_means(fit, "arm")["population_average"]
    assert means.dims == ("chain", "draw", "arm", "category")
    np.testing.assert_allclose(means.sum("category"), 1.0)


def test_the_order_of_rows_and_of_predictors_does_not_matter():
    fit = trial()
    first, second = pp.adjusted_means(fit, "arm", "sex"), pp.adjusted_means(fit, "sex", "arm")
    for view in ("population_average", "subject_specific"):
        np.testing.assert_allclose(first[view], second[view].transpose("chain", "draw", "arm", "sex"))


def test_means_are_compared_and_tabulated():
    means = pp.adjusted_means(trial(), "arm")
    table = pp.to_frame(means["population_average"])
    assert table["arm"].tolist() == ["A", "B", "C"]
    difference = pp.contrast(means["population_average"], "arm")["population_average"]
    assert difference.sizes["arm"] == len(list(itertools.combinations("ABC", 2)))


@pytest.mark.parametrize(
    ("predictors", "at", "said"),
    [
        ((), {}, "name each predictor whose means are wanted once"),
        (("arm", "arm"), {}, "name each predictor whose means are wanted once"),
        (("Arm",), {}, "the model reads no such column"),
        (("g",), {}, "the model reads no such column"),
        (("arm",), {"dose": 1}, "the model reads no such column"),
        (("x",), {}, "'x' is a number, whose values must be given"),
        (("arm",), {"sex": "d"}, "categories that the model has not seen"),
        (("arm",), {"sex": []}, "no value of 'sex' is given"),
        (("arm",), ["sex"], "values of predictors must be given by column"),
    ],
)
def test_wrong_arguments(predictors, at, said):
    with pytest.raises(pp.DataError, match=said) as raised:
        pp.adjusted_means(trial(), *predictors, at=at)
    assert all(part.strip() for part in (raised.value.got, raised.value.allowed, raised.value.do))


def test_too_many_combinations_are_refused():
    table = TABLE.assign(
        y=RNG.normal(size=60), **{f"f{k}": [f"c{c}" for c in RNG.permutation(60) % 13] for k in range(3)}
    )
    fit = pp.fit("y ~ arm + f0 + f1 + f2 + (1 | g)", table, seed=1, draws=50, progressbar=False)
    with pytest.raises(pp.DataError, match="too many combinations"):
        pp.adjusted_means(fit, "arm")


def test_too_many_values_are_refused():
    with pytest.raises(pp.DataError, match="too many combinations of values"):
        pp.adjusted_means(trial(), "x", at={"x": np.linspace(0, 1, 3000)})
