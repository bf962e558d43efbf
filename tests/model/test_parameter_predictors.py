"""Predictors of a family's parameters: priors, draws, predictions and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.design.joined_factors import joined_factors
from partialpool.design.newdata import as_new_levels, new_rows, own_rows
from partialpool.design.subset import keep_rows
from partialpool.errors import DataError, EngineError, SpecError
from partialpool.families.helmert import differences_of_contrasts, helmert
from partialpool.model.default_priors import resolve_priors
from partialpool.model.marginal_effects import draw_marginal_effects, marginal_parameters, population_mean
from partialpool.model.parameter_values import family_parameters
from partialpool.model.predictor import linear_predictor, with_new_levels
from partialpool.model.prior import draw_prior, log_prior_density
from partialpool.spec.model import ModelSpec
from partialpool.spec.options import as_spec

JOINED = ["y ~ x + (x |p| g)", "sigma ~ x + (1 |p| g)"]
CURVES = "y ~ s(x, k=5) + (1 | g), sigma ~ arm + s(x, k=4, by=arm) + (1 | g)"


def table(n=120, levels=12, seed=1):
    rng = np.random.default_rng(seed)
    g = np.arange(n) % levels
    return pd.DataFrame(
        {
            "y": rng.normal(50, 7, n),
            "count": rng.poisson(2, n) * (rng.random(n) < 0.7),
            "x": rng.normal(3, 2, n),
            "arm": np.where(rng.random(n) < 0.5, "a", "b"),
            "g": [f"g{level:02d}" for level in g],
            "mode": np.array(["bus", "car", "walk"])[rng.integers(0, 3, n)],
        }
    )


def design_of(model, frame=None, **options):
    return build_design(as_spec(model, **options), table() if frame is None else frame)


@pytest.mark.parametrize(
    "model",
    [
        JOINED,
        ["y ~ x", "sigma ~ 0 + arm + x"],
        ["y ~ 1", "sigma ~ 1 + offset(x) + (x || g)"],
        "y ~ x, sigma ~ arm",
        CURVES,
    ],
)
def test_formulas_keywords_and_toml_are_one_specification(model):
    spec = as_spec(model)
    assert ModelSpec.from_formula(spec.to_formula()) == spec
    assert ModelSpec.from_toml_text(spec.to_toml()) == spec
    parts = {name: f"~ {predictor}" for name, predictor in spec.parameters.items()}
    options = {"intercept": spec.intercept, "smooths": spec.smooths, "parameters": parts}
    assert ModelSpec(spec.response, [*spec.common], spec.groups, **options) == spec


def test_an_sd_for_each_category_is_still_one_without_a_predictor():
    for spec in (as_spec("y ~ x, sigma ~ 0 + arm"), ModelSpec("y", ["x"], parameters={"sigma": "~ 0 + arm"})):
        assert (spec.sigma, dict(spec.parameters)) == (("arm",), {})


@pytest.mark.parametrize(
    ("model", "options", "wrong"),
    [
        ("y ~ x, nu ~ x", {}, "the family 'gaussian' has no parameter 'nu' that could have a predictor"),
        ("count ~ x, alpha ~ x", {"family": "poisson"}, "has no parameter 'alpha'"),
        ("y ~ x, sigma ~ x, sigma ~ arm", {}, "cannot read the formula of a parameter"),
        ("y ~ x, x + z", {}, "cannot read the formula of a parameter"),
        ("y ~ x, sigma ~ ar(x, gr=g)", {}, "the predictor of sigma has a term that only the mean may have"),
        ("y ~ x, sigma ~ 0 + s(x)", {}, "a smooth needs an intercept, around which its curve is centred"),
        ("y ~ x, sigma ~ s(x, by=arm)", {}, "the curves of s(x, by=arm) are centred, so that arm must be a fixed"),
        ("y ~ x, sigma ~ s(x) + s(x, k=5)", {}, "a smooth occurs twice"),
        ("y ~ x, sigma ~ cs(0 + arm | g)", {}, "group effects of sigma have a structure"),
        ("y ~ x + (1 |p| g), sigma ~ (1 | g)", {}, "the tag 'p' does not join groups of two predictors"),
        ("y ~ x + (1 |p| g)", {}, "the tag 'p' does not join groups of two predictors"),
        ("y ~ x + (1 |p| g), sigma ~ (1 |p| arm)", {}, "the tag 'p' does not join groups of two predictors"),
        ("y ~ x + ar(x, gr=g), sigma ~ arm", {}, "predictors of a family's parameters do not go with this part"),
        ("y | precision(x) ~ 1, sigma ~ arm", {}, "predictors of a family's parameters do not go with this part"),
        ("mode ~ x + (1 | g) + (0 + x | g)", {"family": "categorical"}, "family 'categorical' does not take this term"),
    ],
)
def test_what_does_not_go_together_is_refused(model, options, wrong):
    with pytest.raises(SpecError) as caught:
        as_spec(model, **options)
    assert wrong in str(caught.value)


@pytest.mark.parametrize(
    ("priors", "wrong"),
    [
        ({"sigma": pp.Prior("HalfNormal", sigma=1)}, "sigma has a predictor, and a prior as if it were one number"),
        ({"beta_sigma[w]": pp.Prior("Normal", mu=0, sigma=1)}, "does not exist in the predictor of sigma"),
        ({"sd_sigma_g": pp.Prior("Normal", mu=0, sigma=1)}, "this prior does not fit sd_g"),
        ({"corr_g": pp.Prior("LKJ", eta=1)}, "a prior is given for a parameter that does not exist"),
        ({"icc": pp.Prior("Beta", alpha=1, beta=1)}, "a joint prior of the variances needs the same residual variance"),
    ],
)
def test_priors_that_do_not_fit_are_refused(priors, wrong):
    with pytest.raises(SpecError) as caught:
        resolve_priors(design_of(JOINED, priors=priors))
    assert wrong in str(caught.value)


def test_priors_of_a_log_sd_do_not_have_the_unit_of_the_response():
    first = resolve_priors(design_of(JOINED))
    other = resolve_priors(design_of(JOINED, table().assign(y=lambda t: 1000 * t["y"] - 3)))
    for name in ("beta_sigma[x]", "sd_sigma_g[Intercept]", "corr_across_g"):
        assert first[name] == other[name]
    moved = {key: other["beta_sigma[Intercept]"].arguments[key] for key in ("mu", "sigma")}
    here = first["beta_sigma[Intercept]"].arguments
    assert moved == pytest.approx({"mu": here["mu"] + np.log(1000), "sigma": here["sigma"]})


def test_priors_do_not_depend_on_where_zero_is():
    first = resolve_priors(design_of(JOINED))
    moved = resolve_priors(design_of(JOINED, table().assign(x=lambda t: t["x"] + 1e4)))
    for name in first:
        assert moved[name].arguments == pytest.approx(first[name].arguments, rel=1e-6)


def test_the_intercept_s_prior_has_median_and_width_of_the_parameter_s_own():
    for family, name, to_link in [("negative_binomial", "alpha", np.log), ("gaussian", "sigma", np.log)]:
        response = "y" if family == "gaussian" else "count"
        alone = resolve_priors(design_of(f"{response} ~ x", family=family))[name]
        prior = resolve_priors(design_of(f"{response} ~ x, {name} ~ 1", family=family))[f"beta_{name}[Intercept]"]
        from partialpool.distributions.frozen import frozen

        low, middle, high = to_link(frozen(alone).ppf([0.16, 0.5, 0.84]))
        assert (prior.arguments["mu"], prior.arguments["sigma"]) == pytest.approx((middle, (high - low) / 2))


def test_prior_draws_follow_the_stated_priors():
    design = design_of(JOINED)
    priors = resolve_priors(design)
    draws = draw_prior(design, priors, 6000, seed=1)
    center = design.parameters["sigma"].common.center[0]
    at_means = draws["beta_sigma"][:, 0] + draws["beta_sigma"][:, 1] * center
    stated = priors["beta_sigma[Intercept]"].arguments
    assert stats.kstest(at_means, stats.norm(stated["mu"], stated["sigma"]).cdf).pvalue > 1e-4
    sd = stats.t(3, scale=priors["sd_sigma_g[Intercept]"].arguments["sigma"])
    assert stats.kstest(draws["sd_sigma_g"][:, 0], lambda v: 2 * sd.cdf(v) - 1).pvalue > 1e-4
    # Under LKJ(2) of 3 effects (r + 1) / 2 ~ Beta(2.5, 2.5), also for the slope and the effect on sigma.
    r = draws["corr_across_g"][:, 1, 2]
    assert stats.kstest((r + 1) / 2, stats.beta(2.5, 2.5).cdf).pvalue > 1e-4
    assert all(np.isfinite(values).all() for values in log_prior_density(design, priors, draws).values())


def joined_draws(size=40_000):
    """Draws under which effects on the mean and on log sigma have known covariances."""
    corr = np.array([[1, 0.3, -0.6], [0.3, 1, 0.2], [-0.6, 0.2, 1]])
    ones = np.ones((size, 1))
    levels = 12
    return {
        "beta": ones * [50.0, 1.0],
        "beta_sigma": ones * [1.0, 0.1],
        "sd_g": ones * [2.0, 0.5],
        "sd_sigma_g": ones * [0.4],
        "corr_g": np.tile(corr[:2, :2], (size, 1, 1)),
        "corr_across_g": np.tile(corr, (size, 1, 1)),
        "b_g": np.zeros((size, levels, 2)),
        "b_sigma_g": np.zeros((size, levels, 1)),
    }


def test_effects_of_new_levels_are_correlated_across_predictors():
    design, draws = design_of(JOINED), joined_draws()
    rows = new_rows(design, {"x": [0.0], "g": ["new"]}, new_levels="sample")
    whole = with_new_levels(design, rows, draws, seed=1)
    mean = linear_predictor(design, rows, whole)[:, 0] - 50
    log_sigma = np.log(family_parameters(design, rows, whole)["sigma"][:, 0]) - 1
    assert [mean.std(), log_sigma.std()] == pytest.approx([2.0, 0.4], rel=0.03)
    assert np.corrcoef(mean, log_sigma)[0, 1] == pytest.approx(-0.6, abs=0.02)
    assert as_new_levels(design).parameters["sigma"].groups[0].new_labels


def test_marginal_sigma_is_its_mean_over_the_population_of_levels():
    design, draws = design_of(JOINED), joined_draws()
    rows = new_rows(design, {"x": [2.0]}, factors=())
    assert marginal_parameters(design, rows, draws, ["g"])["sigma"][0, 0] == pytest.approx(np.exp(1.2 + 0.08))
    added = draw_marginal_effects(design, rows, draws, ["g"], np.random.default_rng(1))
    of_mean = np.array([1.0, 2.0]) @ [[4, 0.3], [0.3, 0.25]] @ [1.0, 2.0]
    assert added[""].var() == pytest.approx(of_mean, rel=0.03)
    assert added["sigma"].var() == pytest.approx(0.16, rel=0.03)
    cross = 1 * 2 * 0.4 * -0.6 + 2 * 0.5 * 0.4 * 0.2
    assert np.cov(added[""][:, 0], added["sigma"][:, 0])[0, 1] == pytest.approx(cross, abs=0.02)


def test_a_mean_over_levels_counts_zeros_that_vary_with_them():
    model = "count ~ x + (1 | g), zi ~ (1 | g)"
    design = design_of(model, family="zero_inflated_poisson")
    draws = draw_prior(design, resolve_priors(design), 3, seed=2)
    rows = new_rows(design, {"x": [2.0]}, factors=())
    eta = linear_predictor(design, rows, draws)
    found = population_mean(design, rows, eta, draws, ["g"])[:, 0]
    for k in range(3):
        nodes, weights = np.polynomial.hermite_e.hermegauss(60)
        zi = weights @ (1 / (1 + np.exp(-(draws["beta_zi"][k, 0] + draws["sd_zi_g"][k, 0] * nodes)))) / weights.sum()
        rate = np.exp(eta[k, 0] + draws["sd_g"][k, 0] ** 2 / 2)
        assert found[k] == pytest.approx((1 - zi) * rate, rel=1e-5)


def test_a_mean_over_levels_without_a_closed_form_is_refused():
    design = design_of("count ~ x + (1 |p| g), zi ~ (1 |p| g)", family="zero_inflated_poisson")
    draws = draw_prior(design, resolve_priors(design), 2, seed=2)
    rows = new_rows(design, {"x": [2.0]}, factors=())
    with pytest.raises(DataError) as caught:
        population_mean(design, rows, linear_predictor(design, rows, draws), draws, ["g"])
    assert str(caught.value).startswith("the mean over levels of g is not available: it depends on zi, which varies")
    assert "pass kind='conditional' with new_levels='sample'" in str(caught.value)


def test_rows_that_are_left_out_are_left_out_of_every_predictor():
    design = design_of(JOINED)
    keep = design.frame["g"].to_numpy() != "g03"
    part = keep_rows(design, keep)
    assert part.parameters["sigma"].n_rows == keep.sum()
    assert "g03" not in part.parameters["sigma"].factors[0].levels.labels
    assert own_rows(part).parameters["sigma"].common == pytest.approx(own_rows(design).parameters["sigma"].common[keep])


def test_contrasts_make_the_prior_of_categories_independent_of_the_reference():
    for categories in (2, 3, 7):
        h, m = helmert(categories), differences_of_contrasts(categories)
        assert h.T @ h == pytest.approx(np.eye(categories - 1))
        assert h.sum(axis=0) == pytest.approx(0)
        # Differences to any reference have variance 2 and correlation 1/2.
        assert m @ m.T == pytest.approx(np.eye(categories - 1) + 1)


def test_prior_draws_of_categories_are_differences_to_the_reference():
    design = design_of("mode ~ x + (1 | g)", family="categorical")
    draws = draw_prior(design, resolve_priors(design), 20_000, seed=1)
    center = next(iter(design.parameters.values())).common.center[0]
    at_means = [draws[f"beta_{name}"][:, 0] + center * draws[f"beta_{name}"][:, 1] for name in ("car", "walk")]
    assert np.std(at_means, axis=1) == pytest.approx([2.5, 2.5], rel=0.03)
    assert np.corrcoef(at_means)[0, 1] == pytest.approx(0.5, abs=0.02)
    sd = draws["sd_car_g"][:, 0]
    assert draws["b_car_g"][:, 0, 0] / sd == pytest.approx(draws["b_car_g"][:, 0, 0] / sd)
    scaled = draws["b_car_g"][:, :, 0] / sd[:, None]
    assert scaled.std() == pytest.approx(1, rel=0.02)


def test_under_two_bars_effects_on_categories_are_correlated_with_the_same_effect_on_others_alone():
    design = design_of("mode ~ x + (x || g)", family="categorical")
    (joined,), priors = joined_factors(design), resolve_priors(design)
    assert joined.blocks == ((0, 2), (1, 3))
    assert joined.pairs == ((2, 0), (3, 1))
    draws = draw_prior(design, priors, 20_000, seed=2)
    corr = draws["corr_across_g"]
    assert (corr[:, [0, 0, 1, 2], [1, 3, 2, 3]] == 0).all()
    sd = np.concatenate([draws["sd_car_g"], draws["sd_walk_g"]], axis=1)
    b = np.concatenate([draws["b_car_g"], draws["b_walk_g"]], axis=2)[:, 0] / sd
    found, expected = np.corrcoef(b.T), corr.mean(axis=0)
    np.testing.assert_allclose(found, expected, atol=5 / np.sqrt(len(b)))
    # Each block has the density of a model whose factor has this effect alone.
    density = log_prior_density(design, priors, draws)["corr_across_g"]
    alone = design_of("mode ~ x + (1 | g)", family="categorical")
    own = resolve_priors(alone)
    parts = []
    for first, second in joined.blocks:
        of_one = {"corr_across_g": corr[:, [first, second]][:, :, [first, second]]}
        of_one |= {"sd_car_g": sd[:, [first]], "sd_walk_g": sd[:, [second]]}
        of_one |= {name: draws[name] for name in ("beta_car", "beta_walk")}
        parts.append(log_prior_density(alone, own, of_one)["corr_across_g"])
    np.testing.assert_allclose(density, np.sum(parts, axis=0), rtol=1e-8, atol=1e-8)


def test_probabilities_of_categories_over_levels_are_averages():
    design = design_of("mode ~ 1 + (1 | g)", family="categorical")
    draws = draw_prior(design, resolve_priors(design), 4, seed=3)
    rows = new_rows(design, {"x": [0.0]}, factors=())
    eta = linear_predictor(design, rows, draws)
    found = population_mean(design, rows, eta, draws, ["g"])[:, 0]
    rng = np.random.default_rng(1)
    for k in range(4):
        covariance = draws["corr_across_g"][k] * np.outer(*[[draws[f"sd_{c}_g"][k, 0] for c in ("car", "walk")]] * 2)
        u = rng.multivariate_normal([draws[f"beta_{c}"][k, 0] for c in ("car", "walk")], covariance, 200_000)
        p = np.exp(np.column_stack([np.zeros(len(u)), u]))
        assert found[k] == pytest.approx((p / p.sum(axis=1, keepdims=True)).mean(axis=0), abs=0.01)


def test_questions_that_need_one_parameter_for_all_rows_say_so():
    frame = table()
    fit = pp.fit(JOINED, frame, seed=1, draws=50, chains=2, progressbar=False)
    for ask in (pp.shrinkage, pp.naive_errors):
        with pytest.raises(DataError, match="not available where parameters of the family have predictors"):
            ask(fit)
    with pytest.raises(EngineError, match="sigma has a predictor"):
        pp.fit(JOINED, frame, engine="collapsed", progressbar=False)


def test_a_fit_is_saved_with_its_predictors_and_takes_new_rows(tmp_path):
    frame = table()
    fit = pp.fit(JOINED, frame, seed=1, draws=100, chains=2, progressbar=False)
    again = pp.load_fit(fit.save(tmp_path / "fit.nc"))
    assert again.spec == fit.spec
    assert again.posterior["b_sigma_g"].dims == ("chain", "draw", "sigma_g", "sigma_g_effect")
    both = fit.update(frame.iloc[:5].assign(g="new"), seed=1, progressbar=False)
    assert both.design.parameters["sigma"].n_rows == len(frame) + 5
    assert both.posterior.sizes["sigma_g"] == 13
