"""Maximum likelihood and scores of levels where categories or thresholds have predictors of their own.

Integrals over a level's effects are written out as sums over a grid of all of them, with densities of NumPy.
"""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import partialpool as pp
from checks.fixed import fit_at
from likelihood.test_maximise_parameters import Explicit, root_of
from partialpool.design.build import build_design
from partialpool.design.newdata import own_rows
from partialpool.likelihood.maximum import EXACT, OBSERVED, QUADRATURE
from partialpool.marginal.group_log_density import joint_log_density
from partialpool.model.predictor import linear_predictor
from partialpool.model.response import log_density
from partialpool.names import BETA, b_name, names_of_predictor
from partialpool.questions.cross_validation import _at_all_levels

MODES = ["car", "bus", "walk", "bike"]
GRADES = ["low", "mid", "high"]


@cache
def table(levels=8, rows=12, seed=2, modes=3):
    rng = np.random.default_rng(seed)
    n = levels * rows
    g, x, arm = np.repeat(np.arange(levels), rows), rng.normal(2, 1.5, n), np.arange(n) % 2
    taste = rng.normal(0, 0.8, (levels, modes))[g]
    utilities = taste + np.outer(x - 2, np.linspace(0, 0.8, modes)) + np.outer(arm, np.linspace(0.3, -0.3, modes))
    chosen = (utilities + rng.gumbel(size=utilities.shape)).argmax(axis=1)
    steps = np.column_stack([0.6 + 0.5 * x, 0.2 + 0.0 * x]) + taste[:, :1]
    leaves = rng.logistic(size=(n, 2)) > steps
    grade = np.where(leaves.any(axis=1), leaves.argmax(axis=1), 2)
    return pd.DataFrame({
        "mode": pd.Categorical.from_codes(chosen, MODES[:modes]),
        "grade": pd.Categorical.from_codes(grade, GRADES, ordered=True),
        "x": x, "arm": np.where(arm, "b", "a"), "g": [f"g{k}" for k in g],
    })  # fmt: skip


def shares_of(response, data):
    counts = pd.crosstab(data["arm"], data[response]).to_numpy()
    return counts, counts / counts.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("response", "model", "family"),
    [
        ("mode", "mode ~ arm", "categorical"),
        ("grade", "grade ~ cs(arm)", "acat"),
        ("grade", "grade ~ cs(arm)", "sratio"),
    ],
)
def test_two_arms_have_the_shares_of_their_responses(response, model, family):
    """As many coefficients as shares: log likelihood, estimates and standard errors have closed forms."""
    data = table()
    counts, p = shares_of(response, data)
    found = pp.maximum_likelihood(model, data, family=family)
    assert found.log_likelihood == pytest.approx((counts * np.log(p)).sum(), abs=1e-7)
    assert (found.n_parameters, found.maximum.method) == (4, EXACT)
    if family == "sratio":
        passed = counts[:, ::-1].cumsum(axis=1)[:, ::-1]
        yes, no = passed[:, 1:], counts[:, :-1]
    else:
        yes, no = counts[:, 1:], (counts[:, :1] if family == "categorical" else counts[:, :-1])
    odds, variance = np.log(yes / no), 1 / yes + 1 / no
    own = list(found.maximum.parameters.values())
    assert [one.beta[-1] for one in own] == pytest.approx(odds[1] - odds[0], abs=1e-4)
    assert [one.covariance[-1, -1] for one in own] == pytest.approx(variance.sum(axis=0), rel=1e-3)
    if family == "categorical":
        assert [one.beta[0] for one in own] == pytest.approx(odds[0], abs=1e-4)
        assert [one.covariance[0, 0] for one in own] == pytest.approx(variance[0], rel=1e-3)
    else:
        assert -found.maximum.own["cutpoints"][0] == pytest.approx(odds[0], abs=1e-4)


def covariances(fit):
    """Variable, predictor and covariance of the effects of each factor, of all predictors together."""
    design, maximum = fit.design, fit.maximum
    if not design.spec.family_record.has_predictors_of_categories:
        (sd,), (corr,) = maximum.sd, maximum.corr
        return [b_name("g")], corr * np.outer(sd, sd)
    names = [names_of_predictor(name, ("g",))[b_name("g")] for name in design.parameters]
    sd = np.concatenate([one.sd[0] for one in maximum.parameters.values()])
    return names, maximum.across["g"] * np.outer(sd, sd)


def log_likelihood_by_hand(fit, nodes):
    """Integrate over all effects of a level by trapezoidal rules within 7 prior sds: every node is a draw."""
    design, maximum = fit.design, fit.maximum
    names, covariance = covariances(fit)
    at = np.linspace(-7, 7, nodes)
    u = np.stack(np.meshgrid(*[at] * len(covariance)), axis=-1).reshape(-1, len(covariance))
    b, width = u @ root_of(covariance).T, len(covariance) // len(names)
    codes, levels = pd.factorize(design.frame["g"])[0], design.frame["g"].nunique()
    values = {BETA: maximum.beta, **{name: own[0] for name, own in maximum.own.items()}}
    values |= {names_of_predictor(name, ())[BETA]: one.beta for name, one in maximum.parameters.items()}
    draws = {name: np.broadcast_to(value, (len(u), *value.shape)) for name, value in values.items()}
    for k, name in enumerate(names):
        draws[name] = np.broadcast_to(b[:, None, k * width : (k + 1) * width], (len(u), levels, width))
    rows = own_rows(design)
    each = log_density(design, rows, linear_predictor(design, rows, draws), draws)
    joint = np.stack([each[:, codes == level].sum(axis=1) for level in range(levels)], axis=1)
    log_weight = stats.norm.logpdf(u).sum(axis=1) + len(covariance) * np.log(at[1] - at[0])
    return special.logsumexp(joint + log_weight[:, None], axis=0).sum()


@pytest.mark.parametrize(
    ("model", "family", "nodes"),
    [
        ("mode ~ x + (1 | g)", "categorical", 57),
        pytest.param("mode ~ x + (0 + x | g)", "categorical", 57, marks=pytest.mark.thorough),
        ("grade ~ cs(x) + (1 | g)", "acat", 99),
        ("grade ~ x + cs(arm) + (1 | g)", "sratio", 99),
    ],
)
def test_the_likelihood_is_the_integral_over_a_level_s_effects(model, family, nodes):
    found = pp.maximum_likelihood(model, table(), family=family)
    assert found.maximum.method == QUADRATURE
    assert found.log_likelihood == pytest.approx(log_likelihood_by_hand(found, nodes), abs=1e-6)
    assert f"g {len(set(table()['g']))} levels" in str(found)


@pytest.mark.slow
def test_three_effects_of_four_categories_are_integrated_too():
    data = table(levels=4, rows=8, seed=5, modes=4)
    found = pp.maximum_likelihood("mode ~ 1 + (1 | g)", data, family="categorical")
    assert found.maximum.method == QUADRATURE
    assert found.log_likelihood == pytest.approx(log_likelihood_by_hand(found, 31), abs=1e-5)
    assert found.n_parameters == 3 + 6


@pytest.mark.thorough
def test_more_effects_are_integrated_by_laplace_s_approximation():
    data = table(levels=6, rows=10)
    found = pp.maximum_likelihood("mode ~ x + (x | g)", data, family="categorical")
    assert found.maximum.method == OBSERVED
    assert found.log_likelihood == pytest.approx(Explicit(found).log_likelihood(), abs=2e-4)
    assert found.n_parameters == 4 + 10


@pytest.mark.thorough
def test_under_two_bars_effects_are_independent_of_each_other():
    data = table(levels=6, rows=10)
    found = pp.maximum_likelihood("mode ~ x + (x || g)", data, family="categorical")
    assert found.log_likelihood == pytest.approx(Explicit(found).log_likelihood(), abs=2e-4)
    assert found.n_parameters == 4 + 6
    pairs = found.variance_components.query("`with` != ''")[["effect", "with"]].to_numpy().tolist()
    assert pairs == [["bus: Intercept", "walk: Intercept"], ["bus: x", "walk: x"]]
    test = pp.lrt("mode ~ x + (x | g)", "mode ~ x + (x || g)", data, family="categorical")
    assert test.naive_df == 4
    assert "a correlation of bus: Intercept and bus: x over g" in str(test)


@pytest.mark.thorough
def test_laplace_may_be_asked_for():
    model, data = "mode ~ x + (1 | g)", table()
    found = pp.maximum_likelihood(model, data, family="categorical", laplace=True)
    assert found.maximum.method == OBSERVED
    assert found.log_likelihood == pytest.approx(Explicit(found).log_likelihood(), abs=2e-4)
    exact = pp.maximum_likelihood(model, data, family="categorical")
    assert 1e-3 < abs(exact.log_likelihood - found.log_likelihood) < 0.5


@pytest.mark.thorough
def test_another_reference_gives_the_same_model():
    data = table()
    other = data.assign(mode=data["mode"].cat.reorder_categories(["walk", "car", "bus"]))
    one, two = (pp.maximum_likelihood("mode ~ x + (1 | g)", d, family="categorical") for d in (data, other))
    assert one.log_likelihood == pytest.approx(two.log_likelihood, abs=1e-6)
    bus, walk = (one.maximum.parameters[name] for name in ("bus", "walk"))
    car, difference = (two.maximum.parameters[name] for name in ("car", "bus"))
    np.testing.assert_allclose(car.beta, -walk.beta, atol=1e-4)
    np.testing.assert_allclose(difference.beta, bus.beta - walk.beta, atol=1e-4)
    np.testing.assert_allclose(car.covariance, walk.covariance, rtol=1e-3)
    assert car.sd[0] == pytest.approx(walk.sd[0], rel=1e-3)
    np.testing.assert_allclose(car.modes[0], -walk.modes[0], atol=1e-3)
    np.testing.assert_allclose(difference.modes[0], bus.modes[0] - walk.modes[0], atol=1e-3)
    variance = bus.sd[0] ** 2 + walk.sd[0] ** 2 - 2 * one.maximum.across["g"][0, 1] * bus.sd[0] * walk.sd[0]
    assert difference.sd[0] == pytest.approx(np.sqrt(variance), rel=1e-3)


@pytest.mark.thorough
def test_one_coefficient_is_tested_against_one_for_each_threshold():
    full, reduced = "grade ~ cs(x) + (1 | g)", "grade ~ x + (1 | g)"
    test = pp.lrt(full, reduced, table(), family="sratio")
    each = [pp.maximum_likelihood(model, table(), family="sratio").log_likelihood for model in (full, reduced)]
    assert test.statistic == pytest.approx(2 * (each[0] - each[1]), abs=1e-6)
    assert (test.naive_df, test.mixture) == (1, ((1, 1.0),))
    assert "Likelihood-ratio test of the fixed effect cs2: x\n" in str(test)
    several = pp.lrt("grade ~ cs(x + arm)", "grade ~ arm", table(), family="acat")
    assert several.naive_df == 3
    assert str(several.added) == "the fixed effects x at each threshold (2 coefficients) and cs2: arm[b]"
    with pytest.raises(pp.SpecError, match="the models are in the wrong order"):
        pp.lrt(reduced, full, table(), family="sratio")
    with pytest.raises(pp.SpecError, match="the reduced model is not nested in the full one"):
        pp.lrt(full, "grade ~ arm + (1 | g)", table(), family="sratio")


@pytest.mark.thorough
def test_effects_on_categories_are_tested_and_their_null_may_be_simulated():
    full, reduced = "mode ~ x + (1 | g)", "mode ~ x"
    test = pp.lrt(full, reduced, table(levels=5, rows=8), family="categorical", simulations=2, seed=1)
    assert (test.naive_df, test.mixture, len(test.null)) == (3, None, 2)
    assert "bus: Intercept and walk: Intercept varying over g" in str(test)


def test_responses_are_drawn_with_the_probabilities_of_the_estimates():
    data = table()
    found = pp.maximum_likelihood("mode ~ arm", data, family="categorical")
    rng, draws = np.random.default_rng(3), 400
    _, p = shares_of("mode", data)
    drawn = np.array([found.draw_response(rng) for _ in range(draws)])
    for arm, own in zip(("a", "b"), p, strict=True):
        chosen = drawn[:, (data["arm"] == arm).to_numpy()]
        for code, share in enumerate(own):
            error = np.sqrt(share * (1 - share) / chosen.size)
            assert abs((chosen == code).mean() - share) < 5 * error


def fit_of_categories(draws, data=None):
    data = table() if data is None else data
    rng = np.random.default_rng(4)
    corr = np.array([[1, 0.5], [0.5, 1]])
    values = {
        "beta_bus": rng.normal(0, 1, (draws, 2)), "beta_walk": rng.normal(0, 1, (draws, 2)),
        "sd_bus_g": np.array([0.9]) + 0.1 * rng.random((draws, 1)), "sd_walk_g": 0.6 + rng.random((draws, 1)),
        "corr_across_g": np.broadcast_to(corr, (draws, 2, 2)),
    }  # fmt: skip
    levels = len(set(data["g"]))
    values |= {name: rng.normal(0, 1, (draws, levels, 1)) for name in ("b_bus_g", "b_walk_g")}
    return fit_at("mode ~ x + (1 | g)", data, family="categorical", draws=draws, **values)


@pytest.mark.thorough
def test_scores_of_whole_levels_integrate_the_effects_on_all_categories():
    draws = 3
    fit = fit_of_categories(draws)
    codes, stacked = fit.design.parameters["bus"].factors[0].codes, fit.stacked()
    found = joint_log_density(fit.design, codes, stacked)
    at = np.linspace(-7, 7, 57)
    v, w = np.meshgrid(at, at), np.outer(stats.norm.pdf(at), stats.norm.pdf(at)) * (at[1] - at[0]) ** 2
    x, y = table()["x"].to_numpy(), table()["mode"].cat.codes.to_numpy()
    for d in range(draws):
        sds = np.array([stacked["sd_bus_g"][d, 0], stacked["sd_walk_g"][d, 0]])
        root = np.linalg.cholesky(stacked["corr_across_g"][d] * np.outer(sds, sds))
        b = np.stack(v, axis=-1) @ root.T
        beta = np.stack([stacked["beta_bus"][d], stacked["beta_walk"][d]])
        utilities = beta[:, 0] + np.outer(x, beta[:, 1])
        for level in range(codes.max() + 1):
            rows = np.flatnonzero(codes == level)
            own = b[:, :, None, :] + utilities[rows]
            every = special.log_softmax(np.concatenate([np.zeros((*own.shape[:3], 1)), own], axis=3), axis=3)
            joint = every[:, :, np.arange(len(rows)), y[rows]].sum(axis=2)
            assert found[d, level] == pytest.approx(special.logsumexp(joint, b=w), abs=1e-4)


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_models_of_categories_are_compared_by_new_levels():
    one, other = fit_of_categories(150), fit_of_categories(151)
    found = pp.compare({"one": one, "other": other}, progressbar=False)
    assert (found.factor, found.criteria) == ("g", ("rows", "levels"))
    assert "elpd, g: predicts all rows of a new level together, its effects integrated out" in found.notes


def test_effects_that_a_refit_lacks_are_0():
    """Those of every category; they are integrated out."""
    whole = fit_of_categories(2)
    part = fit_of_categories(2, table()[table()["g"] != "g3"].reset_index(drop=True))
    draws, theirs = _at_all_levels(whole, part), part.stacked()
    for name in ("b_bus_g", "b_walk_g"):
        assert draws[name].shape == whole.stacked()[name].shape
        assert (draws[name][:, 3] == 0).all()
        np.testing.assert_array_equal(np.delete(draws[name], 3, axis=1), theirs[name])


def test_more_than_three_effects_of_a_level_are_refused():
    design = build_design(pp.ModelSpec.from_formula("mode ~ x + (x | g)", family="categorical"), table())
    draws = {"beta_bus": np.zeros((1, 2))}
    with pytest.raises(pp.DataError) as raised:
        joint_log_density(design, design.parameters["bus"].factors[0].codes, draws)
    for text in (
        "at most three effects",
        "got:     4 effects",
        "intercepts of three or four categories",
    ):
        assert text in str(raised.value)
