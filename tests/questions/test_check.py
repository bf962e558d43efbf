"""The checklist: what it asks to be looked at, with which cure, and what it leaves alone."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import partialpool as pp
from partialpool.questions.check import _decided, _far, _judged


def simulated(seed, *, slope=0.0, far=0.0, uneven=0.0):
    """Twenty levels of twelve rows; optionally slopes that vary, one level far out, spreads that differ."""
    rng = np.random.default_rng(seed)
    g, x = np.repeat(np.arange(20), 12), np.tile(np.linspace(-1, 1, 12), 20)
    u = rng.normal(size=20)
    u[3] += far
    sd = np.exp(uneven * rng.normal(size=20))
    y = 2 + x + u[g] + slope * rng.normal(size=20)[g] * x + sd[g] * rng.normal(size=240)
    return pd.DataFrame({"y": y, "x": x, "g": g})


def looked_at(data, formula="y ~ x + (1 | g)"):
    fit = pp.fit(formula, data, seed=1, progressbar=False)
    return {f.check: f for f in pp.check(fit, seed=1).findings if not f.good}


def test_a_good_model_of_good_data_passes():
    assert looked_at(simulated(1)) == {}


@pytest.mark.parametrize(
    ("fault", "finding", "cure"),
    [({"slope": 1.5}, "trend of x in g", "fit y ~ x + (x | g)"),
     ({"far": 25.0}, "means of g", "look at the rows of 3, whose mean is 3."),
     ({"uneven": 0.8}, "spreads within g", "the levels differ in variance: try an sd for each level, 'sigma ~")],
)  # fmt: skip
def test_each_fault_is_found_with_its_cure(fault, finding, cure):
    found = looked_at(simulated(2, **fault))
    assert finding in found
    assert found[finding].cure.startswith(cure)


def of_low_baseline():
    """Twenty levels; one with a predictor far from all others, and a response as the model implies."""
    data = simulated(1)
    low = data["g"] == 7
    return data.assign(x=data["x"] - 12.0 * low, y=data["y"] - 12.0 * low)


def test_a_level_is_compared_with_what_its_predictors_imply():
    data = of_low_baseline()
    assert data.groupby("g")["y"].mean().idxmin() == 7  # by its raw mean it is far out
    fit = pp.fit("y ~ x + (1 | g)", data, seed=1, progressbar=False)
    finding = {f.check: f for f in pp.check(fit, seed=1).findings}["means of g"]
    assert finding.good
    assert "the most extreme level, 7:" not in finding.found
    tree = pp.level_statistics(fit, "g", seed=5)
    new = tree["posterior_predictive"]["mean"].to_numpy().reshape(-1, 20)
    real = tree["observed_data"]["mean"].to_numpy()
    z = [(real[k] - new[:, k].mean()) / new[:, k].std() for k in range(20)]
    extreme = max(abs(v - np.mean(z)) for v in z) / np.std(z)
    count = 0
    for row in new:
        drawn = [(row[k] - new[:, k].mean()) / new[:, k].std() for k in range(20)]
        count += max(abs(v - np.mean(drawn)) for v in drawn) / np.std(drawn) >= extreme
    level, distance, p = _far(tree)
    assert (level, p) == (str(int(np.argmax(np.abs(np.array(z) - np.mean(z))))), count / len(new))
    assert distance == pytest.approx(z[int(level)])


@pytest.mark.parametrize(
    ("some", "every", "asked", "near"),
    [(0.013, 0.030, [1000, 4000], False), (0.013, 0.012, [1000, 4000], True), (0.20, 0.01, [1000], False)],
)
def test_a_p_value_near_the_threshold_is_computed_from_all_draws(sleepstudy_fit, some, every, asked, near):
    counts = []

    def ask(fit):
        counts.append(fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"])
        return some if counts[-1] == 1000 else every

    p = _decided(sleepstudy_fit, ask, lambda found: [found])
    assert counts == asked
    assert p == (some if len(asked) == 1 else every)
    finding = _judged("tails", "largest", p, "look", counts[-1])
    assert finding.good
    assert finding.found.endswith(", near the threshold of 0.01") == near


@pytest.mark.thorough
def test_false_alarms_are_rare():
    """Seven checks at 1 % each on 20 good data sets: seven alarms or more have a chance below 1 in 1,000."""
    alarms = sum(len([c for c in looked_at(simulated(seed)) if c not in ("effects",)]) for seed in range(100, 120))
    assert alarms <= 6


@pytest.mark.filterwarnings("ignore:.* not identified:partialpool.DataWarning")
def test_what_is_not_identified_is_asked_to_be_looked_at():
    found = looked_at(simulated(3).assign(twin=lambda t: "t" + t["g"].astype(str)), "y ~ x + (1 | g) + (1 | twin)")
    assert found["identified"].found == (
        "sd_g[Intercept] and sd_twin[Intercept] are not identified: (1 | g) and (1 | twin), whose levels are the same "
        "groups of rows, so that only the priors separate them"
    )
    assert found["identified"].cure == "leaving one of them out"


def test_bad_draws_are_found_and_a_factor_s_only_intercept_is_never_advised_away():
    fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff2"), draws=20, seed=1, progressbar=False)
    found = pp.check(fit, seed=1)
    assert not found.good
    frame = found.frame.set_index("check")
    assert frame.loc["effects", "good"]
    assert not frame.loc["bulk ESS", "good"]
    text = str(found)
    assert "LOOK" in text
    assert "a simpler model" not in text
    assert "<table" in found._repr_html_()


def test_singletons_and_sparse_predictors_leave_no_level_out():
    """A predictor that varies in two levels only, and a hundred levels of one row, one of them far out."""
    data = simulated(3, far=25.0).assign(rare=0.0)
    data.loc[[0, 12], "rare"] = 1.0
    assert "means of g" in looked_at(data, "y ~ x + rare + (1 | g)")
    rng = np.random.default_rng(4)
    few = pd.DataFrame({"g": np.repeat(np.arange(105), [4] * 5 + [1] * 100), "y": rng.normal(size=120)})
    few.loc[119, "y"] = 60.0
    fit = pp.fit("y ~ 1 + (1 | g)", few, seed=1, progressbar=False)
    found = {f.check: f for f in pp.check(fit, seed=1).findings}
    assert not found["means of g"].good
    assert "5 levels of two rows or more" in found["spreads within g"].found


def test_no_groups_has_draws_and_the_response_to_check():
    fit = pp.fit("Reaction ~ Days", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    of_rows = {"skewness", "tails", "spread", "fitted"}
    assert of_rows <= set(pp.check(fit).frame["check"]) <= {"importance", "R-hat", "bulk ESS", "tail ESS"} | of_rows


def counts(kind):
    """Twenty sites of fifteen counts: Poisson; negative binomial with 15 % extra zeros; Poisson without its zeros."""
    rng = np.random.default_rng(12)
    site, x = np.repeat(np.arange(20), 15), rng.normal(size=300)
    mean = np.exp(0.4 + 0.4 * x + 0.4 * rng.normal(size=20)[site])
    if kind == "more zeros":
        y = rng.poisson(mean * rng.gamma(1.5, 1 / 1.5, 300)) * (rng.random(300) >= 0.15)
    elif kind == "no zeros":
        y = stats.poisson(mean).ppf(rng.uniform(stats.poisson(mean).pmf(0), 1)).astype(int)
    else:
        y = rng.poisson(mean)
    return pd.DataFrame({"y": y, "x": x, "site": site})


@pytest.fixture(scope="module", params=["right", "more zeros", "no zeros"])
def checked_counts(request):
    fit = pp.fit("y ~ x + (1 | site)", counts(request.param), family="poisson", draws=500, seed=1, progressbar=False)
    draws = {finding.check for finding in fit.digest.verdict.findings}
    return request.param, {f.check: f for f in pp.check(fit, seed=1).findings if f.check not in draws}


def test_counts_of_the_wrong_family_are_found_with_advice_for_counts(checked_counts):
    kind, found = checked_counts
    wrong = {name for name, finding in found.items() if not finding.good}
    if kind == "right":
        assert wrong == set()
        return
    assert {"dispersion", "zeros"} <= wrong
    assert not any("student_t" in found[name].cure or "lognormal" in found[name].cure for name in wrong)
    if kind == "more zeros":
        assert found["dispersion"].cure == "the counts are overdispersed: use family 'negative_binomial'"
        assert "use family 'zero_inflated_poisson'" in found["zeros"].cure
        # A slope that varies is no cure for overdispersed counts.
        assert found["trend of x in site"].cure.startswith("first the dispersion's remedy")
    else:
        assert found["zeros"].cure.startswith("fewer zeros than the family implies: check whether zeros could be")
        assert found["zeros"].found.startswith("share of zeros 0, new responses 0.1")
        assert "counts vary less than the family implies" in found["dispersion"].cure


def test_what_was_not_judged_is_not_called_good():
    data = pp.load_dataset("sleepstudy")
    fit = pp.fit("Reaction ~ 1 + (1 | Subject)", data, draws=20, seed=1, progressbar=False)  # too few for p-values
    found = pp.check(fit, seed=1)
    assert found.frame.set_index("check")["good"].isna().loc["new data"]
    assert [row[1] for row in found.table.rows if row[0] == "new data"] == ["-"]


@pytest.mark.filterwarnings("ignore::partialpool.SamplingWarning")  # few draws are enough
def test_the_header_says_which_outcome_of_a_binary_response_is_modelled():
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"g": np.repeat(np.arange(10), 12), "status": rng.choice(["Dead", "Alive"], 120)})
    fit = pp.fit(
        "status ~ 1 + (1 | g)", data, family="bernoulli", draws=20, tune=100, chains=2, seed=1, progressbar=False
    )
    found = pp.check(fit, seed=1)
    assert str(found).splitlines()[:2] == ["Checks", "modelled: probability of status = Dead"]
    assert "modelled: probability of status = Dead" in str(fit)
    assert "modelled: probability of status = Dead" in found._repr_html_()
    gaussian = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff2"), draws=20, seed=1, progressbar=False)
    assert "modelled" not in str(pp.check(gaussian, seed=1))


def test_zeros_that_make_alpha_small_lead_to_zero_inflation():
    """A negative binomial fits extra zeros by a small alpha, so that its counts above 0 vary too much."""
    rng = np.random.default_rng(1)
    y = np.where(rng.random(600) < 0.4, 0, rng.poisson(15, 600))
    table = pd.DataFrame({"y": y, "g": np.arange(600) % 20})
    checks = {}
    for family in ("negative_binomial", "zero_inflated_poisson"):
        fit = pp.fit("y ~ 1 + (1 | g)", table, family=family, seed=1, progressbar=False)
        checks[family] = {finding.check: finding for finding in pp.check(fit).findings}
    for name in ("dispersion", "largest"):
        assert "'zero_inflated_negative_binomial'" in checks["negative_binomial"][name].cure
        assert checks["zero_inflated_poisson"][name].good


def test_levels_that_differ_in_variance_lead_to_a_predictor_of_sigma():
    fit = pp.fit("y ~ x + (1 | g), sigma ~ (1 | g)", simulated(2, uneven=0.8), seed=1, progressbar=False)
    assert "spreads within g" not in {f.check for f in pp.check(fit, seed=1).findings if not f.good}
