"""Power scaling: against refits under the scaled prior, closed forms, the other engine; what is scaled."""

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy import stats

import partialpool as pp
from checks.fixed import fit_at
from partialpool.fitting.refit import repeat_fit
from partialpool.questions import power_scale as power
from partialpool.questions.power_scale import NEAR, NEAR_LIKELIHOOD, ROBUST, power_scale, scaled_priors
from partialpool.questions.quantities import follow
from partialpool.questions.sensitivity_error import blocks_of, jackknifed_error, sensitivities
from partialpool.sampling.mixing import mcse_mean

MODELS = {
    "sleepstudy": ("Reaction ~ Days + (Days | Subject)", {}),
    "eight_schools": ("effect ~ 1 + (1 | school)", {"se": "standard_error"}),
    "dyestuff2": ("Yield ~ 1 + (1 | Batch)", {}),
}


@pytest.fixture(scope="module", params=MODELS)
def fit(request):
    formula, options = MODELS[request.param]
    return pp.fit(formula, pp.load_dataset(request.param), seed=1, progressbar=False, draws=2000, **options)


@pytest.mark.parametrize("alpha", [0.8, 1.25])
def test_weights_agree_with_refits_under_the_scaled_prior(fit, alpha):
    """Means of sds, ICC and fixed effects, within five combined Monte Carlo errors."""
    found = power_scale(fit).shifts
    assert float(found["khat"].sel(component="prior", alpha=alpha)) < 0.7
    again = repeat_fit(fit, priors=scaled_priors(fit.priors, "prior", alpha), seed=3)
    columns = follow(again, {})
    for name, column in columns.items():
        weighted = float(found["mean"].sel(component="prior", alpha=alpha, quantity=name))
        # The weighted mean's error is that of a sample a little smaller than the whole.
        error = np.hypot(mcse_mean(column), 1.5 * mcse_mean(column))
        assert abs(column.mean() - weighted) < 5 * error, name
        assert column.std() == pytest.approx(
            float(found["sd"].sel(component="prior", alpha=alpha, quantity=name)), rel=0.12
        )


def test_a_normal_mean_in_closed_form():
    """Known errors and a normal prior: precision and mean under the prior to a power, and the distance's gradient."""
    y, se = np.array([3.0, 5.0, 4.0, 6.5]), np.array([1.0, 2.0, 1.5, 1.0])
    prior_mean, prior_sd = 1.0, 1.2
    fit = pp.fit(
        "y ~ 1", {"y": y, "s": se}, se="s", seed=2, draws=5000, progressbar=False,
        priors={"beta[Intercept]": pp.Prior("Normal", mu=prior_mean, sigma=prior_sd)},
    )  # fmt: skip

    def posterior(of_prior, of_rows):
        precision = of_prior / prior_sd**2 + of_rows * (1 / se**2).sum()
        mean = (of_prior * prior_mean / prior_sd**2 + of_rows * (y / se**2).sum()) / precision
        return stats.norm(mean, precision**-0.5)

    found = power_scale(fit, seed=1)
    draws = fit.posterior["beta"].to_numpy()
    size, ends = draws.size, (draws.min(), draws.max())
    for component, powers in (("prior", lambda a: (a, 1.0)), ("likelihood", lambda a: (1.0, a))):
        for alpha in (0.8, 1.25):
            expected = posterior(*powers(alpha))
            shift = found.shifts.sel(component=component, alpha=alpha).isel(quantity=0)
            assert abs(float(shift["mean"]) - expected.mean()) < 5 * expected.std() / np.sqrt(size / 2)
            assert float(shift["sd"]) == pytest.approx(expected.std(), rel=0.05)
        gradient = np.mean(
            [_distance(posterior(1, 1), posterior(*powers(a)), ends) / abs(np.log2(a)) for a in (0.99, 1.01)]
        )
        assert found.frame[component].iloc[0] == pytest.approx(gradient, rel=0.1)


def test_the_sensitivity_and_its_error_are_arvizs_and_that_of_other_draws():
    """Independent posteriors: the jackknife's error, averaged, is the sd of the sensitivity over the posteriors."""
    alphas, blocks, found, errors = (0.99, 1.01), blocks_of(4, 500), [], []
    for seed in range(100):
        draws = np.random.default_rng(seed).normal(size=2000)
        density = -0.5 * ((draws - 1) / 2) ** 2
        weights = np.exp([[array_stats.psislw((1 - alpha) * density)[0] for alpha in alphas]])
        (one,) = sensitivities(draws, weights, alphas)
        if seed < 3:
            lower, upper = (own.reshape(4, 500) for own in weights[0])
            arviz = array_stats.power_scale_sense(draws.reshape(4, 500), lower, upper, *alphas)
            assert one == pytest.approx(float(arviz), rel=1e-9)
        found.append(one)
        errors.append(jackknifed_error(draws, weights, alphas, blocks)[0])
    # An sd of 100 values is known to 7 %, an average of jackknifes to less.
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.35)


def test_the_jackknife_leaves_out_one_block_at_a_time():
    rng = np.random.default_rng(1)
    draws, weights, alphas = rng.normal(size=200), rng.uniform(0.9, 1.1, size=(2, 2, 200)), (0.99, 1.01)
    blocks = blocks_of(2, 100)
    assert np.bincount(blocks).tolist() == [10] * 20
    without = np.stack([sensitivities(draws[blocks != b], weights[..., blocks != b], alphas) for b in range(20)])
    expected = np.sqrt(19 / 20 * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    assert jackknifed_error(draws, weights, alphas, blocks) == pytest.approx(expected)


def test_near_the_threshold_is_no_verdict(monkeypatch):
    fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), seed=1, progressbar=False)
    plain = power_scale(fit, alphas=())
    name = "sd_Batch[Intercept]"
    value, error = plain.frame.loc[name, "prior"], plain.errors.loc[name, "prior"]
    assert 0 < error < 0.3 * value
    for threshold, diagnosis in (
        (value - 1.9 * error, NEAR),
        (value + 1.9 * error, NEAR),
        (value - 2.1 * error, None),
        (value + 2.1 * error, ROBUST),
    ):
        monkeypatch.setattr(power, "THRESHOLD", threshold)
        found = power_scale(fit, alphas=())
        told = found.frame.loc[name, "diagnosis"]
        assert told == diagnosis if diagnosis else told not in (NEAR, ROBUST)
        said = f"{name}, prior {value:.3f} +- {error:.3f}"
        assert (said in str(found)) == (diagnosis == NEAR) == (name in found.near)
    of_rows, its_error = plain.frame.loc[name, "likelihood"], plain.errors.loc[name, "likelihood"]
    monkeypatch.setattr(power, "ERRORS", abs(of_rows - 0.5 * value) / its_error + 0.1)
    monkeypatch.setattr(power, "THRESHOLD", 0.5 * value)
    both = power_scale(fit, alphas=())
    expected = NEAR if 0.5 * value <= power.ERRORS * error else NEAR_LIKELIHOOD
    assert both.frame.loc[name, "diagnosis"] == expected


def _distance(first, second, ends):
    """Cumulative Jensen-Shannon distance of two normals (Nguyen & Vreeken 2015), the larger of both tails.

    It is an integral over the range of the draws, as ArviZ has it: beyond, a distribution function is 1 for ever.
    """
    x = np.linspace(*ends, 40_001)
    both = []
    for p, q in ((first.cdf(x), second.cdf(x)), (first.sf(x), second.sf(x))):
        middle = np.log2((p + q) / 2)
        both.append(np.sqrt((p * (np.log2(p) - middle) + q * (np.log2(q) - middle)).sum() / (p + q).sum()))
    return max(both)


def test_the_engine_does_not_matter(sleepstudy_fit, sleepstudy):
    collapsed = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, seed=1, progressbar=False, keep_z=True)
    one, other = power_scale(collapsed), power_scale(sleepstudy_fit)
    assert one.frame.index.tolist() == other.frame.index.tolist()
    assert one.frame.columns.tolist() == other.frame.columns.tolist()
    clear = [name for name in one.frame.index if name not in (*one.near, *other.near)]
    assert one.frame.loc[clear, "diagnosis"].tolist() == other.frame.loc[clear, "diagnosis"].tolist()
    assert len(clear) >= 4
    # The distance is an integral over the range of the draws, and so is noisy; moments are less.
    fits = (collapsed, sleepstudy_fit)
    columns, densities = [follow(fit, {}) for fit in fits], [power._components(fit) for fit in fits]
    for component in one.shifts["component"].to_numpy():
        for alpha in (0.8, 1.25):
            lost = [weights_cost((alpha - 1) * density[component]) for density in densities]
            at = {"component": component, "alpha": alpha}
            for name in columns[0]:
                for moment, error in (("mean", mcse_mean), ("sd", mcse_sd)):
                    gap = float((one.shifts[moment] - other.shifts[moment]).sel(quantity=name, **at))
                    allowed = 5 * np.hypot(*(cost * error(own[name]) for cost, own in zip(lost, columns, strict=True)))
                    assert abs(gap) < allowed, (component, alpha, name, moment)


def weights_cost(log_weights):
    """By how much weights make Monte Carlo errors larger: the root of n sum(w^2) / sum(w)^2."""
    weights = np.exp(log_weights - log_weights.max())
    return np.sqrt(weights.size * (weights**2).sum()) / weights.sum()


def mcse_sd(draws):
    """Monte Carlo standard error of an sd, by the delta method on squared deviations."""
    return mcse_mean((draws - draws.mean()) ** 2) / (2 * draws.std())


def test_group_effects_are_never_scaled():
    """Draws that differ in b and z alone have the same prior components."""
    data = pp.load_dataset("dyestuff")
    step = np.array([[1.0], [2.0]])
    values = {"beta": 1500 * step, "sd_Batch": 40 * step, "sigma": 50 * step[:, 0]}
    one, other = (power._components(fit_at("Yield ~ 1 + (1 | Batch)", data, draws=2, b_Batch=b, **values))
                  for b in (np.zeros((2, 6, 1)), 100 * np.ones((2, 6, 1))))  # fmt: skip
    assert set(one) == {"beta", "sd_Batch", "sigma", "prior", "likelihood"}
    for name in set(one) - {"likelihood"}:
        assert one[name] == pytest.approx(other[name])
    assert one["likelihood"] != pytest.approx(other["likelihood"])


def test_failed_weights_are_replaced_by_refits(monkeypatch):
    fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff2"), seed=1, progressbar=False)
    plain = power_scale(fit, alphas=(0.8,)).shifts
    monkeypatch.setattr(power, "MAX_KHAT", -10.0)
    found = power_scale(fit, alphas=(0.8,), seed=2)
    refitted = found.shifts["refitted"].sel(alpha=0.8)
    assert refitted.sel(component="likelihood").item() is False
    assert refitted.sel(component=["beta", "sd_Batch", "sigma", "prior"]).all()
    assert "fitted again: beta to the power 0.8" in str(found)
    gap = (found.shifts["mean"] - plain["mean"]) / plain["sd"]
    assert float(np.abs(gap).max()) < 0.15


def test_other_answers_are_followed(sleepstudy):
    fit = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, seed=1, progressbar=False)
    asked = {"slope": lambda f: pp.level_effects(f, "Days")["effect"].sel(level=["308", "335"])}
    frame = power_scale(fit, asked).frame
    assert {"slope[308]", "slope[335]"} <= set(frame.index)
    with pytest.raises(pp.SpecError, match="is not labelled draws"):
        power_scale(fit, {"icc": lambda f: pp.icc(f)})
    with pytest.raises(pp.SpecError, match="powers must be above 0"):
        power_scale(fit, alphas=(-1.0,))


def test_a_uniform_prior_is_no_component(sleepstudy):
    flat = {"corr_Subject": pp.Prior("LKJ", eta=1)}
    fit = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, priors=flat, seed=1, progressbar=False)
    frame = power_scale(fit).frame
    assert "corr_Subject" not in frame
    assert "sd_Subject" in frame


def test_a_factor_keeps_its_priors_apart_from_one_whose_name_begins_like_it():
    data = {"y": np.arange(8.0) ** 2, "a": [0, 0, 1, 1, 2, 2, 3, 3], "a1": [0, 1, 2, 3, 0, 1, 2, 3]}
    fit = pp.fit("y ~ 1 + (1 | a) + (1 | a1)", data, draws=100, seed=1, progressbar=False)
    for component, moved in (("sd_a", "sd_a[Intercept]"), ("sd_a1", "sd_a1[Intercept]")):
        scaled = scaled_priors(fit.priors, component, 4.0)
        assert [e.parameter for e, old in zip(scaled.entries, fit.priors.entries, strict=True) if e != old] == [moved]


def test_too_few_draws_and_bad_quantities(sleepstudy):
    fit = pp.fit("Reaction ~ Days", sleepstudy, draws=10, chains=1, seed=1, progressbar=False)
    with pytest.raises(pp.DataError, match="cannot be judged from so few draws"):
        power_scale(fit)
    fit = pp.fit("Reaction ~ Days", sleepstudy, seed=1, progressbar=False)
    with pytest.raises(pp.SpecError, match="draws that are not finite numbers"):
        power_scale(
            fit, {"holes": lambda f: f.posterior["sigma"].where(f.posterior["sigma"] > f.posterior["sigma"].mean())}
        )
    with pytest.raises(pp.SpecError, match="is taken"):
        power_scale(fit, {"sigma": lambda f: f.posterior["sigma"]})


def test_the_known_story_of_the_data_sets():
    # Of 4,000 draws one seed in twelve has a sensitivity to the likelihood above 0.05; of 16,000 none comes near it.
    schools = pp.fit("effect ~ 1 + (1 | school)", pp.load_dataset("eight_schools"), se="standard_error", seed=1,
                     draws=4000, progressbar=False)  # fmt: skip
    found = power_scale(schools)
    assert found.frame.loc["sd_school[Intercept]", "diagnosis"] == "strong prior / weak likelihood"
    assert found.frame.loc["beta[Intercept]", "diagnosis"] == "robust"
    assert "strong prior / weak likelihood" in str(found)
    assert "<table" in found._repr_html_()


def test_few_levels_are_no_conflict():
    """Six levels, well apart, under default priors: prior and likelihood both move the ICC, and nothing contradicts."""
    rng = np.random.default_rng(4)
    g = np.repeat(np.arange(6), 10)
    y = 3 * stats.norm.ppf((np.arange(6) + 0.5) / 6)[g] + rng.normal(size=60)
    fit = pp.fit("y ~ 1 + (1 | g)", {"y": y, "g": g}, seed=1, progressbar=False)
    frame = power_scale(fit, alphas=()).frame
    row = frame.loc["icc[g]"]
    assert row["prior"] > 0.05
    assert row["likelihood"] > 0.05
    assert row["diagnosis"] == "prior and likelihood both move it (few levels: 6 of g)"
    assert not frame["diagnosis"].str.contains("conflict").any()


def test_a_conflict_is_an_answer_that_the_prior_did_not_expect(sleepstudy):
    """ICC between 0.05 and 0.3 by a stated prior, 0.6 by the data: outside the prior's central 95 %."""
    stated = {"icc": pp.elicit("Beta", between=(0.05, 0.3)), "total_sd": pp.Prior("HalfNormal", sigma=100)}
    fit = pp.fit("Reaction ~ Days + (1 | Subject)", sleepstudy, priors=stated, seed=1, progressbar=False)
    found = power_scale(fit, alphas=()).frame
    assert found.loc["icc[Subject]", "diagnosis"] == "prior-data conflict"
    # A coefficient: N(0, 1) where the data say 10.5 with an error of 0.8.
    stated = {"beta[Days]": pp.Prior("Normal", mu=0, sigma=1)}
    fit = pp.fit("Reaction ~ Days + (1 | Subject)", sleepstudy, priors=stated, seed=1, progressbar=False)
    assert power_scale(fit, alphas=()).frame.loc["beta[Days]", "diagnosis"] == "prior-data conflict"


def test_names_may_hold_a_slash(sleepstudy):
    """A tree reads one as a path."""
    fit = pp.fit("Reaction ~ I(Days / 10) + (1 | Subject)", sleepstudy, seed=1, progressbar=False)
    frame = power_scale(fit, {"a/b": lambda f: f.posterior["sigma"]}, alphas=()).frame
    (slope,) = (name for name in frame.index if "/ 10" in name or "/10" in name)
    assert frame.loc[slope, "diagnosis"] == "robust"
    assert frame.loc["a/b", "likelihood"] == frame.loc["sigma", "likelihood"] > 0.05
