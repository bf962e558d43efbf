"""Smooths: the collapsed likelihood against mgcv, the dense normal, and changes of units, origins and orders."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.design.smooth_basis import cardinal, learn_basis
from partialpool.spec.model import ModelSpec

REFERENCE = Path(__file__).parents[1] / "reference"
MGCV = json.loads((REFERENCE / "smooths.json").read_text())
GAMM4 = json.loads((REFERENCE / "smooths_gamm4.json").read_text())
FORMULAS = {
    "cr": "y ~ s(x)",
    "cc": "y ~ s(x, k=8, bs='cc')",
    "by": "y ~ f + s(x, by=f, k=6)",
    "by_hom": "y ~ f + s(x, by=f, k=6, hom=True)",
}


@pytest.fixture(scope="module")
def table():
    return pd.read_csv(REFERENCE / "smooths.csv")


@pytest.mark.parametrize("name", FORMULAS)
def test_maximum_likelihood_is_that_of_mgcv(table, name):
    found = pp.maximum_likelihood(FORMULAS[name], table)
    assert found.log_likelihood == pytest.approx(MGCV[name]["log_likelihood"], abs=1e-5)


@pytest.mark.parametrize("name", FORMULAS)
def test_restricted_likelihood_is_that_of_mgcv(table, name):
    """With the columns of the fixed effects made orthonormal: half a log determinant more, in both.

    The restricted likelihood integrates over the coefficients of X, and over those of X T where the same space is
    described by other columns: the two differ by log |det T|. mgcv's are orthonormal combinations of all of its
    coefficients (`smooths.R`).
    """
    found = pp.maximum_likelihood(FORMULAS[name], table, reml=True)
    x = np.column_stack([np.ones(len(table)), found.design.common.values])
    free = found.log_likelihood + np.linalg.slogdet(x.T @ x)[1] / 2
    assert free == pytest.approx(MGCV[name]["reml_log_likelihood"] + MGCV[name]["half_log_det"], abs=1e-5)
    assert found.maximum.sigma == pytest.approx(MGCV[name]["reml_sigma"], rel=1e-4)


@pytest.mark.parametrize("reml", [False, True])
@pytest.mark.parametrize("name", FORMULAS)
def test_fitted_values_are_those_of_mgcv(table, name, reml):
    found = pp.maximum_likelihood(FORMULAS[name], table, reml=reml)
    fitted = np.column_stack([np.ones(len(table)), found.design.common.values]) @ found.maximum.beta
    fitted += found.design.factors[0].apply(found.maximum.modes[0])
    # The likelihood is flat at its maximum, so that the fitted values are known to fewer digits.
    assert fitted[:20] == pytest.approx(np.array(MGCV[name]["reml_fitted" if reml else "fitted"]), abs=1e-4)


@pytest.mark.parametrize("name", FORMULAS)
def test_log_likelihood_is_that_of_the_dense_normal(table, name):
    found = pp.maximum_likelihood(FORMULAS[name], table)
    design, maximum = found.design, found.maximum
    smooth = design.factors[0]
    z = smooth.values * maximum.sd[0]
    same = smooth.codes[:, None] == smooth.codes
    covariance = same * (z @ z.T) + maximum.sigma**2 * np.eye(len(z))
    rest = design.response.values - np.column_stack([np.ones(len(z)), design.common.values]) @ maximum.beta
    log_det = np.linalg.slogdet(covariance)[1]
    dense = -0.5 * (len(z) * np.log(2 * np.pi) + log_det + rest @ np.linalg.solve(covariance, rest))
    assert found.log_likelihood == pytest.approx(dense, abs=1e-9)


def test_sd_is_the_root_mean_square_of_the_departures(table):
    smooth = build_design(ModelSpec.from_formula("y ~ s(x)"), table).factors[0]
    assert (smooth.values**2).sum(axis=1).mean() == pytest.approx(1.0)
    assert smooth.basis.scale == pytest.approx(np.ones(8))


def test_beyond_the_knots_the_curve_is_a_straight_line():
    basis = learn_basis(np.linspace(0, 1, 40), 6)
    at = basis.of(np.array([1.0, 2.0, 3.0, -1.0, -2.0, -3.0]))
    assert at[2] - at[1] == pytest.approx(at[1] - at[0])
    assert at[5] - at[4] == pytest.approx(at[4] - at[3])


def test_a_cyclic_curve_meets_at_its_ends():
    knots = np.array([0.0, 0.2, 0.5, 0.8, 1.0])
    assert cardinal(knots, np.array([0.1]), cyclic=True) == pytest.approx(
        cardinal(knots, np.array([7.1]), cyclic=True), abs=1e-9
    )


@pytest.mark.parametrize("name", FORMULAS)
def test_units_origin_and_order_change_nothing(table, name):
    found = pp.maximum_likelihood(FORMULAS[name], table)
    other = table.assign(x=table["x"] * 365.25 - 1000, f=pd.Categorical(table["f"], ["c", "a", "b"]))
    again = pp.maximum_likelihood(FORMULAS[name], other.sample(frac=1, random_state=1))
    assert again.log_likelihood == pytest.approx(found.log_likelihood, abs=1e-7)
    first = [sorted(set(one.maximum.sd[0])) for one in (again, found)]
    assert first[0] == pytest.approx(first[1], rel=1e-4)


def test_notations_are_equal():
    spec = ModelSpec("y", ["f"], smooths=[pp.Smooth("x", k=6, by="f")])
    assert spec == ModelSpec.from_formula("y ~ f + s(x, k=6, by=f)")
    assert spec == ModelSpec.from_formula(spec.to_formula()) == ModelSpec.from_toml_text(spec.to_toml())


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("y ~ s(x, k=500)", "more knots than the predictor has distinct values"),
        ("y ~ s(f)", "a smooth needs a numeric predictor, and 'f' has categories"),
        ("y ~ s(x, by=f)", "f must be a fixed effect too"),
        ("y ~ y2 + s(x, by=y2)", "by of a smooth must have categories, and 'y2' has numbers"),
        ("y ~ s(x, bs='tp')", "unknown basis of a smooth"),
        ("y ~ s(x, bs='qq')", "unknown basis of a smooth"),
        ("y ~ s(x, k=2)", "k of a smooth must be a number of knots"),
        ("y ~ s(x, y2)", "cannot read s(...)"),
        ("y ~ s(x, by=x)", "a smooth cannot be by its own predictor"),
        ("y ~ 0 + s(x)", "a smooth needs an intercept"),
        ("y ~ s(x) + s(x)", "a smooth occurs twice"),
        ("y ~ s(x):f", "a smooth must be a term by itself"),
        ("y ~ q + s(x, by=q)", "the table has no column 'q'"),
        ("y ~ s(q)", "the table has no column 'q'"),
        ("y ~ s(x, k='many')", "k of a smooth must be a number of knots"),
        ("y ~ s(x, bs='cc', k=3)", "from 4 on for bs='cc'"),
        ("y ~ s(x, knots=5)", "cannot read s(...)"),
        ("y ~ f + s(x, by=f, id=1)", "s(x, by=f, hom=True)"),
        ("y ~ s(x, k=)", "cannot read the formula"),
        ("y ~ s(log(x))", "cannot read s(...)"),
        ("y ~ s()", "cannot read s(...)"),
        ("y ~ x + (s(x) | f)", "a curve cannot vary over the levels of a factor"),
        ("y ~ x + (1 + s(x) || f)", "a curve cannot vary over the levels of a factor"),
        ("y ~ s(x, hom=True)", "hom of a smooth says whether the curves of all categories share one sd"),
        ("y ~ f + s(x, by=f, hom=3)", "hom of a smooth says whether the curves of all categories share one sd"),
        ("y ~ f*s(x)", "write it as a term by itself"),
        ("y ~ s(one)", "the predictor 'one' does not vary"),
    ],
)
def test_wrong_uses_are_refused_in_four_parts(table, formula, message):
    with pytest.raises(pp.PartialPoolError) as refused:
        pp.maximum_likelihood(formula, table.assign(y2=np.arange(len(table)) % 7, one=1.0))
    text = str(refused.value)
    assert message in text
    assert all(part in text for part in ("got:", "allowed:", "do:"))


@pytest.mark.parametrize(
    ("name", "formula", "family"),
    [
        ("poisson", "count ~ s(x)", "poisson"),
        ("poisson_groups", "count ~ s(x) + (1 | f)", "poisson"),
        ("poisson_by", "count ~ f + s(x, by=f, k=6)", "poisson"),
        ("poisson_few_knots", "count ~ s(x, k=5)", "poisson"),
        ("bernoulli", "yes ~ s(x)", "bernoulli"),
    ],
)
def test_the_likelihood_of_counts_and_choices_is_that_of_gamm4(table, name, formula, family):
    frame = table.assign(count=np.floor(np.abs(table["y"])).astype(int), yes=(table["y"] > 3).astype(int))
    found = pp.maximum_likelihood(formula, frame, family=family)
    assert found.maximum.method == "by Laplace's approximation"
    assert found.log_likelihood == pytest.approx(GAMM4[name]["log_likelihood"], abs=1e-4)


def test_the_likelihood_beside_a_predictor_of_sigma_is_that_of_the_dense_normal(table):
    found = pp.maximum_likelihood(["y ~ s(x)", "sigma ~ f"], table)
    design, maximum = found.design, found.maximum
    z = design.factors[0].values * maximum.sd[0]
    of_sigma = design.parameters["sigma"].common
    log_sigma = np.column_stack([np.ones(len(z)), of_sigma.values]) @ maximum.parameters["sigma"].beta
    covariance = z @ z.T + np.diag(np.exp(2 * log_sigma))
    rest = design.response.values - np.column_stack([np.ones(len(z)), design.common.values]) @ maximum.beta
    dense = -0.5 * (len(z) * np.log(2 * np.pi) + np.linalg.slogdet(covariance)[1])
    dense -= 0.5 * rest @ np.linalg.solve(covariance, rest)
    assert found.log_likelihood == pytest.approx(dense, abs=1e-8)


def test_a_curve_of_a_parameter_has_a_likelihood(table):
    whole, line = (pp.maximum_likelihood(["y ~ x", f"sigma ~ {of_sigma}"], table) for of_sigma in ("s(x)", "x"))
    assert whole.log_likelihood > line.log_likelihood - 1e-6
    assert whole.n_parameters == line.n_parameters + 1
    assert "curves integrated out by Laplace's approximation" in str(whole)


def test_a_curve_is_compared_with_a_line(table):
    frame = table.assign(count=np.floor(np.abs(table["y"])).astype(int))
    found = pp.lrt("count ~ s(x)", "count ~ x", frame, family="poisson", simulations=40, seed=1)
    ends = [pp.maximum_likelihood(f"count ~ {term}", frame, family="poisson").log_likelihood for term in ("x", "s(x)")]
    assert found.statistic == pytest.approx(2 * (ends[1] - ends[0]), abs=1e-6)
    assert found.p_mixture < 0.01
    assert "integrated out" not in str(found.reduced)


def test_draws_predictions_and_a_file_follow_the_curve(table, tmp_path):
    fit = pp.fit("y ~ f + s(x, by=f, k=6)", table, seed=1, progressbar=False)
    truth = 2 + 0.3 * table["x"] + np.sin(table["x"]) + (table["f"] == "b") * np.cos(table["x"])
    expected = pp.predict(fit)["expectation"].mean(("chain", "draw")).to_numpy()
    assert np.sqrt(np.mean((expected - truth) ** 2)) < 0.2
    own = pp.predict(fit, table[["x", "f"]])["expectation"].mean(("chain", "draw")).to_numpy()
    assert own == pytest.approx(expected)
    fit.save(tmp_path / "fit.nc")
    again = pp.load_fit(tmp_path / "fit.nc")
    new = {"x": [-1.0, 5.0, 12.0], "f": ["a", "b", "c"]}
    assert pp.predict(again, new)["expectation"].to_numpy() == pytest.approx(
        pp.predict(fit, new)["expectation"].to_numpy()
    )
    names = pp.to_frame(fit)["term"]
    assert list(names[names.str.startswith("sd_")]) == [f"sd_s(x):f[{label}]" for label in "abc"]


def test_a_prior_of_the_sd(table):
    prior = pp.Prior("HalfNormal", sigma=2)
    fit = pp.fit("y ~ f + s(x, k=6)", table, priors={"sd_s(x)": prior}, seed=1, progressbar=False, draws=400, tune=200)
    assert prior in fit.priors.values()
    assert pp.log_prior(fit)["sd_s(x)"].sizes["s(x)_effect"] == 4
    assert pp.check(fit) is not None
    with pytest.raises(pp.DataError, match="no groups"):
        pp.shrinkage(fit)
    with pytest.raises(pp.DataError, match="needs groups"):
        pp.icc(fit)


def test_a_straight_line_is_seen_to_do(table):
    """Where it is the truth, the maximum of the likelihood is that of the line; where it is not, it is far above."""
    rng, x = np.random.default_rng(4), np.linspace(0, 1, 80)
    for y, curved in ((2 * x, False), (np.sin(6 * x), True)):
        data = pd.DataFrame({"x": x, "y": y + rng.normal(0, 0.5, len(x))})
        found = pp.lrt("y ~ s(x, k=6)", "y ~ x", data, seed=1, simulations=200, progressbar=False)
        assert (found.p_simulated < 0.05) == curved
        assert found.p_mixture == pytest.approx(found.p_naive / 2 if found.statistic > 0 else 1.0)
