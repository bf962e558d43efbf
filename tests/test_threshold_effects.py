"""Coefficients for each threshold, `cs(x)`: what questions, priors, predictions and texts make of them, by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import partialpool as pp
from checks.fixed import fit_at
from partialpool.design.build import build_design
from partialpool.design.newdata import own_rows
from partialpool.model.default_priors import resolve_priors
from partialpool.model.predictor import linear_predictor
from partialpool.model.prior import draw_parameters, log_prior_density
from partialpool.model.response import log_density
from partialpool.reporting.describe import describe_mathematics, describe_words
from partialpool.reporting.equations import write_equations
from partialpool.spec.model import ModelSpec

FAMILIES = ["acat", "sratio"]
LABELS = ["none", "some", "much", "most"]
FORMULA = "y ~ z + cs(x + arm) + (1 | g)"
CUTPOINTS, BETA, SD = [0.3, -0.5, 0.9], [0.4], [0.7]
OWN = {"beta_cs1": [0.8, -0.2], "beta_cs2": [-0.3, 0.5], "beta_cs3": [0.1, 1.1]}
"""Of x and of arm[b] at each threshold."""
LEVELS = 6


def table(rows=90, seed=2):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "y": pd.Categorical.from_codes(np.arange(rows) % 4, LABELS, ordered=True),
            "x": rng.normal(2, 1.5, rows),
            "z": rng.normal(-1, 1, rows),
            "arm": np.where(rng.random(rows) < 0.4, "a", "b"),
            "g": [f"g{k}" for k in rng.integers(0, LEVELS, rows)],
        }
    )


def at_values(family, data=None, formula=FORMULA, **values):
    b = np.linspace(-0.8, 0.9, LEVELS)[:, None]
    given = {"cutpoints": CUTPOINTS, "beta": BETA, "sd_g": SD, "b_g": b, **OWN, **values}
    return fit_at(formula, table() if data is None else data, family=family, **given)


def with_draws(family, draws=40):
    """The same values with a little noise, so that they have sds."""
    rng = np.random.default_rng(8)
    values = {"cutpoints": CUTPOINTS, "beta": BETA, "sd_g": SD, "b_g": np.zeros((LEVELS, 1)), **OWN}
    noisy = {name: v + rng.normal(0, 0.01, (draws, *np.shape(v))) for name, v in values.items()}
    return fit_at(FORMULA, table(), family=family, draws=draws, **noisy)


def shares(family, steps):
    """Probabilities of categories, given eta + x' b_k - cutpoint k, (rows, thresholds)."""
    if family == "acat":
        return special.softmax(np.column_stack([np.zeros(len(steps)), np.cumsum(steps, axis=1)]), axis=1)
    stop = special.expit(-steps)
    reached = np.column_stack([np.ones(len(steps)), np.cumprod(1 - stop, axis=1)])
    return reached * np.column_stack([stop, np.ones(len(steps))])


def steps_by_hand(data, level=None):
    """The linear predictor at each threshold less its cutpoint, (rows, thresholds)."""
    level = np.linspace(-0.8, 0.9, LEVELS)[[int(g[1:]) for g in data["g"]]] if level is None else level
    eta = BETA[0] * data["z"].to_numpy() + level
    own = np.column_stack([data["x"], data["arm"] == "b"]).astype(float) @ np.array(list(OWN.values())).T
    return eta[:, None] + own - np.array(CUTPOINTS)


@pytest.mark.parametrize("family", FAMILIES)
def test_log_likelihood_and_predictions_are_those_written_out(family):
    data = table()
    fit, p = at_values(family), shares(family, steps_by_hand(data))
    log_p = np.log(p[np.arange(len(data)), data["y"].cat.codes])
    assert pp.log_likelihood(fit)["y"].to_numpy()[0, 0] == pytest.approx(log_p, rel=1e-10)
    found = pp.predict(fit, seed=1)
    np.testing.assert_allclose(found["expectation"].to_numpy()[0, 0], p, rtol=1e-10)
    eta, own = (found[name].to_numpy()[0, 0] for name in ("linear_predictor", "threshold_effects"))
    assert found["threshold_effects"].dims == ("chain", "draw", "obs", "cutpoint")
    assert list(found["cutpoint"].to_numpy()) == ["none|some", "some|much", "much|most"]
    np.testing.assert_allclose(eta[:, None] + own - CUTPOINTS, steps_by_hand(data), rtol=1e-10)
    assert not [name for name in found if name.startswith("cs")]


@pytest.mark.parametrize("family", FAMILIES)
def test_new_rows_typical_and_marginal(family):
    fit = at_values(family)
    new = pd.DataFrame({"x": [0.0, 3.0], "z": [1.0, -1.0], "arm": ["b", "a"], "g": ["g1", "g4"]})
    typical = pp.predict(fit, new, kind="typical", seed=1)["expectation"].to_numpy()[0, 0]
    np.testing.assert_allclose(typical, shares(family, steps_by_hand(new, np.zeros(2))), rtol=1e-10)
    marginal = pp.predict(fit, new, kind="marginal", seed=1)["expectation"].to_numpy()[0, 0]
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    by_hand = sum(
        w * shares(family, steps_by_hand(new, np.full(2, SD[0] * node)))
        for node, w in zip(nodes, weights / weights.sum(), strict=True)
    )
    np.testing.assert_allclose(marginal, by_hand, atol=2e-7)


@pytest.mark.parametrize("family", FAMILIES)
def test_new_responses_have_their_probabilities(family):
    data, draws = table(rows=12), 4000
    levels = [int(name[1:]) for name in sorted(set(data["g"]))]
    b = np.linspace(-0.8, 0.9, LEVELS)[levels, None]
    values = {"cutpoints": CUTPOINTS, "beta": BETA, "sd_g": SD, "b_g": b, **OWN}
    values = {name: np.broadcast_to(np.array(v, float), (draws, *np.shape(v))) for name, v in values.items()}
    fit = fit_at(FORMULA, data, family=family, draws=draws, **values)
    new = pp.predict(fit, seed=3)["response"].to_numpy()[0]
    for i, p in enumerate(shares(family, steps_by_hand(data))):
        counts = np.bincount(new[:, i].astype(int), minlength=4)
        assert stats.chisquare(counts, draws * p).pvalue > 1e-4
    again = pp.posterior_predictive(fit, seed=4)["y"].to_numpy()[0]
    assert np.abs(again.mean(axis=0) - new.mean(axis=0)).max() < 5 * np.sqrt(2 * 2.25 / draws)


@pytest.mark.parametrize("family", FAMILIES)
def test_equal_coefficients_of_all_thresholds_are_the_common_effect(family):
    both = {"beta_cs1": [0.6, -0.4], "beta_cs2": [0.6, -0.4], "beta_cs3": [0.6, -0.4]}
    own = at_values(family, **both)
    names = {"cutpoints": CUTPOINTS, "sd_g": SD, "b_g": np.linspace(-0.8, 0.9, LEVELS)[:, None]}
    common = fit_at("y ~ z + x + arm + (1 | g)", table(), family=family, beta=[0.4, 0.6, -0.4], **names)
    ours, theirs = (pp.log_likelihood(fit)["y"].to_numpy() for fit in (own, common))
    np.testing.assert_allclose(ours, theirs, rtol=1e-11)
    for kind in ("conditional", "typical", "marginal"):
        ours, theirs = (pp.predict(fit, kind=kind, seed=1)["expectation"] for fit in (own, common))
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def design_of(formula, data, family, **options):
    return build_design(ModelSpec.from_formula(formula, family=family, **options), data)


def total_prior(design, draws):
    parts = log_prior_density(design, resolve_priors(design), draws)
    return sum(values.reshape(len(values), -1).sum(axis=1) for values in parts.values())


def likelihood(design, draws):
    rows = own_rows(design)
    return log_density(design, rows, linear_predictor(design, rows, draws), draws)


@pytest.mark.parametrize("family", FAMILIES)
def test_default_priors_do_not_depend_on_units_origins_references_and_order(family):
    """A change of columns changes log densities by a constant, and the likelihood of the same rows not at all."""
    data = table()
    other = data.assign(x=1000 * data["x"] + 2010, arm=data["arm"].map({"a": "z", "b": "b"})).iloc[::-1]
    one, two = (design_of("y ~ z + cs(x + arm)", d, family) for d in (data, other))
    draws = draw_parameters(one, resolve_priors(one), 200, seed=1)
    moved = {"beta": draws["beta"]}
    shift = np.zeros((200, 3))
    for k in range(3):
        x, b = draws[f"beta_cs{k + 1}"].T
        moved[f"beta_cs{k + 1}"] = np.column_stack([x / 1000, -b])
        shift[:, k] = 2010 * x / 1000 - b
    moved["cutpoints"] = draws["cutpoints"] + shift
    np.testing.assert_allclose(likelihood(one, draws), likelihood(two, moved)[:, ::-1], rtol=1e-6, atol=1e-8)
    gap = total_prior(one, draws) - total_prior(two, moved)
    usual = np.isfinite(gap)
    assert usual.mean() > 0.95
    np.testing.assert_allclose(gap[usual], np.median(gap[usual]), atol=1e-6)


def test_reversed_categories_of_acat_have_the_same_prior_with_signs_changed():
    data = table()
    other = data.assign(y=data["y"].cat.reorder_categories(LABELS[::-1], ordered=True))
    one, two = (design_of("y ~ z + cs(x + arm)", d, "acat") for d in (data, other))
    draws = draw_parameters(one, resolve_priors(one), 300, seed=2)
    moved = {"beta": -draws["beta"], "cutpoints": -draws["cutpoints"][:, ::-1]}
    moved |= {f"beta_cs{k}": -draws[f"beta_cs{4 - k}"] for k in (1, 2, 3)}
    np.testing.assert_allclose(likelihood(one, draws), likelihood(two, moved), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(total_prior(one, draws), total_prior(two, moved), rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("family", FAMILIES)
def test_default_priors_are_on_the_coefficient_s_own_scale_and_say_why(family):
    data = table()
    priors = pp.priors("y ~ z + cs(x) + (1 | g)", data, family=family)
    for k in (1, 2, 3):
        prior = priors[f"beta_cs{k}[x]"]
        assert prior.distribution == "Normal"
        assert prior.arguments["sigma"] == pytest.approx(2.5 / data["x"].std(ddof=0), rel=1e-5)
    reasons = {entry.parameter: entry.reason for entry in priors.entries}
    assert reasons["beta_cs2[x]"].startswith("2.5 on the logit scale / sd(x), sd(x) = ")
    assert (
        "Thresholds: beta_cs1 at none|some, beta_cs2 at some|much, beta_cs3 at much|most. Their coefficients are "
        "independent; beta_cs states all of them." in str(priors)
    )


def test_priors_are_stated_for_all_thresholds_or_for_one():
    normal = {s: pp.Prior("Normal", mu=0, sigma=s) for s in (1, 2, 3)}
    stated = {"beta_cs": normal[1], "beta_cs[x]": normal[2], "beta_cs3[x]": normal[3]}
    priors = pp.priors(FORMULA, table(), family="acat", priors=stated)
    sigmas = {name: priors[name].arguments["sigma"] for name in ("beta_cs1[x]", "beta_cs3[x]", "beta_cs2[arm[b]]")}
    assert sigmas == {"beta_cs1[x]": 2, "beta_cs3[x]": 3, "beta_cs2[arm[b]]": 1}
    reasons = {entry.parameter: entry.reason for entry in priors.entries}
    assert reasons["beta_cs1[x]"] == "given as beta_cs[x]"
    assert reasons["beta_cs3[x]"] == "given as beta_cs3[x]"
    assert reasons["beta_cs2[arm[b]]"] == "given as beta_cs"


@pytest.mark.parametrize("name", ["beta_cs[w]", "beta_cs2[w]", "beta_cs7[x]", "beta[x]"])
def test_a_prior_of_no_parameter_is_refused_with_the_names_there_are(name):
    with pytest.raises(pp.PriorError) as raised:
        pp.priors(FORMULA, table(), family="acat", priors={name: pp.Prior("Normal", mu=0, sigma=1)})
    assert f"got:     '{name}'" in str(raised.value)
    assert "'beta_cs[x]'" in str(raised.value)


def test_fixed_effects_that_are_combinations_of_such_columns_are_refused():
    with pytest.raises(pp.DataError) as raised:
        pp.priors("y ~ z + I(2 * x + 3) + cs(x)", table(), family="acat")
    for text in (
        "I(2 * x + 3) cannot be distinguished from effects of the single thresholds",
        "got:     fixed effects z, I(2 * x + 3) beside cs(x)",
        "allowed: fixed effects that are no combination of the columns inside of cs(...)",
        "do:      leave I(2 * x + 3) out: coefficients inside of cs include what the thresholds have in common",
    ):
        assert text in str(raised.value)


def test_prior_predictive_draws_the_coefficients_and_the_cutpoints_at_the_means():
    data = table()
    drawn = pp.prior_predictive("y ~ z + cs(x)", data, family="sratio", draws=4000, seed=1)["prior"]
    x, z = data["x"].mean(), data["z"].mean()
    own = np.column_stack([drawn[f"beta_cs{k}"].to_numpy()[0, :, 0] for k in (1, 2, 3)])
    assert np.abs(own.std(axis=0) * data["x"].std(ddof=0) / 2.5 - 1).max() < 5 / np.sqrt(2 * 4000)
    assert np.abs(np.corrcoef(own.T)[np.triu_indices(3, 1)]).max() < 5 / np.sqrt(4000)
    steps = drawn["beta"].to_numpy()[0] * z + own * x - drawn["cutpoints"].to_numpy()[0]
    at_means = shares("sratio", steps)
    assert (np.abs(at_means.mean(axis=0) - 0.25) < 5 * np.sqrt(3 / 80 / len(at_means))).all()


def test_names_in_the_summary_the_table_and_the_equations():
    fit = with_draws("acat")
    labels = [line.labels[0] for line in fit.digest._common_lines]
    assert labels == [
        *("none|some", "some|much", "much|most", "z"),
        *("x[none|some]", "x[some|much]", "x[much|most]"),
        *("arm[b][none|some]", "arm[b][some|much]", "arm[b][much|most]"),
    ]
    assert "beta_cs2[arm[b]]" in fit.digest.frame.index
    assert fit.posterior["beta_cs2"].attrs["long_name"] == (
        "fixed effects at the threshold some|much on the logit scale, at the predictors' original zero"
    )
    words = describe_words(fit.design)
    assert (
        "Each threshold between categories has its own coefficient of x, arm[b]: cs1 at none|some, cs2 at some|much, "
        "cs3 at much|most." in words
    )
    written = describe_mathematics(fit.design, fit.priors)
    assert "P(y = k | k <= y <= k + 1) = F(cutpoint[k] - eta[i] - cs[i, k])" in written
    assert "cs[i, k] = beta_cs[k, x] x[i] + beta_cs[k, arm[b]] arm[b][i]" in written
    mathml = write_equations(fit.design, fit.priors).mathml
    assert mathml.count("<mtext>cs</mtext>") == 2
    assert "cs1" not in mathml


def test_hypotheses_and_frames_name_them():
    fit = with_draws("acat")
    assert pp.hypothesis(fit, "beta_cs1[x] > beta_cs2[x]")["probability"].iloc[0] == 1.0
    assert "beta_cs3[arm[b]]" in pp.draws_frame(fit).columns
    assert set(pp.log_prior(fit)) == {"beta", "sd_g", "cutpoints", "beta_cs1", "beta_cs2", "beta_cs3"}


@pytest.mark.parametrize(
    ("ask", "texts"),
    [
        (pp.icc, ["categories of family 'acat' have no variance"]),
        (pp.shrinkage, ["an ordinal model has cutpoints in place of an intercept"]),
        (
            pp.naive_errors,
            [
                "naive_errors is not available where the thresholds have effects of their own",
                "allowed: a model without cs(...)",
                "do:      fit the model without its grouping terms",
            ],
        ),
        (lambda fit: pp.group_effects(fit, parameter="cs1"), ["this model has no groups"]),
    ],
)
def test_questions_that_do_not_apply_say_why(ask, texts):
    with pytest.raises(pp.PartialPoolError) as raised:
        ask(at_values("acat"))
    for text in texts:
        assert text in str(raised.value)


def test_a_level_has_no_single_effect_that_thresholds_have_each():
    formula = "y ~ z + cs(x) + (1 + x | g)"
    values = {"cutpoints": CUTPOINTS, "beta": BETA, "sd_g": [1.0, 0.5], "corr_g": np.eye(2)}
    own = {f"beta_cs{k}": [0.5] for k in (1, 2, 3)}
    fit = fit_at(formula, table(), family="acat", b_g=np.zeros((LEVELS, 2)), **values, **own)
    with pytest.raises(
        pp.DataError, match="a level has no single effect of 'x': every threshold has a coefficient of it"
    ):
        pp.level_effects(fit, "x")
    intercepts = pp.level_effects(fit, "Intercept")
    assert intercepts.sizes["level"] == LEVELS
    assert intercepts.attrs["definition"].endswith("the level's own effect; those of single thresholds are left out")


def test_ranks_by_an_effect_of_each_threshold_are_those_of_deviations():
    formula = "y ~ z + cs(x) + (1 + x | g)"
    values = {"cutpoints": CUTPOINTS, "beta": BETA, "sd_g": [1.0, 0.5], "corr_g": np.eye(2)}
    own = {f"beta_cs{k}": [0.5 * k] for k in (1, 2, 3)}
    b = np.stack([np.zeros(LEVELS), np.array([0.3, -0.2, 0.6, 0.1, -0.5, 0.0])], axis=1)
    fit = fit_at(formula, table(), family="acat", b_g=b, **values, **own)
    ranks = pp.level_ranks(fit, "x")
    assert ranks["expected"].to_numpy().tolist() == [2, 5, 1, 3, 6, 4]
    assert ranks.attrs["definition"] == (
        "rank, in each draw, of the level's own effect, a deviation from the coefficients of all thresholds"
    )
    assert "those of single thresholds are left out" in pp.level_ranks(fit, "Intercept").attrs["definition"]
