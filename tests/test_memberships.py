"""Rows that belong to several levels: notations, lme4, the PyMC twin, answers, invariance, calibration, wrong uses."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import partialpool as pp
from checks.calibration import check_uniform
from checks.r_values import REFERENCE
from checks.refusals import check_refused
from partialpool.design.build import build_design
from partialpool.design.newdata import new_rows
from partialpool.model.default_priors import resolve_priors
from partialpool.pymc_model.build import build_pymc_model
from partialpool.sampling.mixing import mcse_mean

MM = "mm(school1+school2)"
WEIGHTED = "y ~ x + (1 + x | mm(school1, school2, weights=(w1, w2)))"
LME4 = {
    "intercept": "y ~ x + (1 | mm(school1, school2, weights=(w1, w2)))",
    "slope": WEIGHTED,
    "crossed": WEIGHTED + " + (1 | class)",
}
SETTINGS = {"seed": 1, "draws": 200, "progressbar": False}


@pytest.fixture(scope="module")
def schools():
    return pd.read_csv(REFERENCE / "memberships.csv")


@pytest.fixture(scope="module")
def fit(schools):
    return pp.fit(WEIGHTED, schools, **SETTINGS)


def long_table(schools):
    parts = [
        pd.DataFrame({"pupil": schools.index, "school": schools[f"school{k}"], "share": schools[f"w{k}"]})
        for k in (1, 2)
    ]
    return pd.concat(parts)


def by_table(schools, **options):
    members = pp.Members(long_table(schools), row="pupil", member="school", weight="share", **options)
    return pp.ModelSpec("y", ["x"], [pp.Group(members, slopes=["x"])])


def test_three_notations_are_one_model():
    by_formula = pp.ModelSpec.from_formula(WEIGHTED)
    members = pp.Members("school1", "school2", weights=("w1", "w2"))
    by_groups = pp.ModelSpec("y", ["x"], [pp.Group(members, slopes=["x"])])
    assert by_formula == by_groups == pp.ModelSpec.from_toml_text(by_formula.to_toml())
    assert pp.ModelSpec.from_formula(by_formula.to_formula()) == by_formula
    assert by_formula.columns == ("y", "x", "w1", "w2", "school1", "school2")
    assert by_formula.factors == (MM,)


@pytest.mark.parametrize(
    "term", ["mm(a, b)", "mm(a, b, c, weights=(u, v, w))", "mm(a, `b c`, scale=False)", "mm(a, b, weights=cbind(u, v))"]
)
def test_formulas_are_read_and_written(term):
    spec = pp.ModelSpec.from_formula(f"y ~ x + (x || {term})")
    assert pp.ModelSpec.from_formula(spec.to_formula()) == spec
    assert pp.ModelSpec.from_toml_text(spec.to_toml()) == spec
    assert spec.to_formula() == f"y ~ x + (x || {term.replace('cbind', '')})"


def test_a_table_of_memberships_is_the_same_model(schools, fit):
    spec = by_table(schools)
    assert pp.ModelSpec.from_toml_text(spec.to_toml()) == spec
    assert spec.factors == ("mm(school row=pupil)",)
    other = pp.fit(spec, schools.assign(pupil=schools.index), **SETTINGS)
    assert np.allclose(other.posterior["sigma"], fit.posterior["sigma"], rtol=1e-6)
    assert np.allclose(other.posterior["b_mm(school row=pupil)"], fit.posterior[f"b_{MM}"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", ["ml", "reml"])
@pytest.mark.parametrize("name", LME4)
def test_maxima_are_those_of_lme4_with_a_replaced_zt(name, method, schools):
    wanted = json.loads((REFERENCE / "memberships.json").read_text())[f"{name}_{method}"]
    found = pp.maximum_likelihood(LME4[name], schools, reml=method == "reml")
    assert found.log_likelihood == pytest.approx(wanted["log_likelihood"], abs=1e-5)
    assert found.maximum.beta == pytest.approx(wanted["beta"], abs=1e-4)
    assert found.maximum.sd[0] == pytest.approx(np.atleast_1d(wanted["sd"]), rel=1e-3)
    assert found.maximum.sigma == pytest.approx(wanted["sigma"], rel=1e-4)
    if name != "intercept":
        assert found.maximum.corr[0][0, 1] == pytest.approx(wanted["corr"], abs=2e-3)


@pytest.mark.parametrize("name", LME4)
def test_the_pymc_model_has_the_density_of_the_weighted_sums(name, schools):
    design = build_design(pp.ModelSpec.from_formula(LME4[name]), schools)
    model = build_pymc_model(design, resolve_priors(design))
    rng = np.random.default_rng(3)
    point = {key: value + rng.normal(0, 0.2, np.shape(value)) for key, value in model.initial_point().items()}
    names = ["beta", "sigma", *(f"b_{f.name}" for f in design.factors)]
    wanted = model.replace_rvs_by_values([model[one] for one in names])
    values = dict(zip(names, model.compile_fn(wanted, on_unused_input="ignore")(point), strict=True))
    eta = values["beta"][0] + schools["x"].to_numpy() * values["beta"][1]
    share = schools[["w1", "w2"]].to_numpy() / schools[["w1", "w2"]].to_numpy().sum(axis=1, keepdims=True)
    for k in (1, 2):
        b = values[f"b_{MM}"][schools[f"school{k}"] - 1]
        eta += share[:, k - 1] * (b[:, 0] + (b[:, 1] * schools["x"] if b.shape[1] > 1 else 0))
    if name == "crossed":
        eta += values["b_class"][schools["class"] - 1, 0]
    expected = stats.norm(eta, values["sigma"]).logpdf(schools["y"]).sum()
    assert model.compile_logp(vars=[model["y"]])(point) == pytest.approx(expected, rel=1e-10)


@pytest.mark.thorough
def test_posteriors_agree_with_pymc(schools):
    table = schools.head(150)
    fits = [pp.fit(WEIGHTED, table, seed=k, engine=e, progressbar=False) for k, e in ((1, "auto"), (2, "pymc"))]
    assert [one.run.engine for one in fits] == ["collapsed", "pymc"]
    for variable in ("sigma", "beta", f"sd_{MM}", f"b_{MM}"):
        draws = [one.posterior[variable].to_numpy().reshape(4, 1000, -1) for one in fits]
        error = np.hypot(*([mcse_mean(one[..., k]) for k in range(one.shape[2])] for one in draws))
        gap = draws[0].mean(axis=(0, 1)) - draws[1].mean(axis=(0, 1))
        assert (np.abs(gap) <= 5 * error).all(), variable


def test_predictions_are_weighted_sums(schools, fit):
    rows = schools.head(5).assign(w1=[1, 0, 1, 2, 3], w2=[0, 1, 1, 2, 1])
    found = pp.predict(fit, rows)["linear_predictor"].to_numpy()
    posterior, share = fit.posterior, rows[["w1", "w2"]].to_numpy() / rows[["w1", "w2"]].sum(axis=1).to_numpy()[:, None]
    labels = list(posterior[MM].to_numpy())
    for i in range(5):
        x = rows["x"].iloc[i]
        eta = posterior["beta"][:, :, 0] + posterior["beta"][:, :, 1] * x
        for k in (1, 2):
            b = posterior[f"b_{MM}"][:, :, labels.index(rows[f"school{k}"].iloc[i])]
            eta = eta + share[i, k - 1] * (b[:, :, 0] + b[:, :, 1] * x)
        assert found[:, :, i] == pytest.approx(eta.to_numpy(), rel=1e-10, abs=1e-10)


def test_new_levels(schools, fit):
    rows = schools.head(1).assign(school1=[901], school2=[902], w1=[1.0], w2=[3.0])
    check_refused(pp.DataError, lambda: pp.predict(fit, rows), "levels of 'mm(school1+school2)'", "901, 902")
    rows = pd.concat([rows] * 200)
    typical = pp.predict(fit, rows, new_levels="population")["linear_predictor"].to_numpy()[:, :, 0]
    sampled = pp.predict(fit, rows, new_levels="sample", seed=2)["linear_predictor"].to_numpy()[:, :, 0]
    posterior, x = fit.posterior, rows["x"].iloc[0]
    sd, corr = posterior[f"sd_{MM}"].to_numpy(), posterior[f"corr_{MM}"].to_numpy()[:, :, 0, 1]
    variance = (sd[:, :, 0] ** 2 + 2 * x * corr * sd[:, :, 0] * sd[:, :, 1] + x**2 * sd[:, :, 1] ** 2) * (1 + 9) / 16
    z = (sampled - typical) / np.sqrt(variance)
    assert z.mean() == pytest.approx(0, abs=5 / np.sqrt(z.size))
    assert (z**2).mean() == pytest.approx(1, abs=5 * np.sqrt(2 / z.size))


def test_the_icc_has_the_mean_sum_of_squared_weights(schools):
    fit = pp.fit(LME4["intercept"], schools, **SETTINGS)
    share = schools[["w1", "w2"]].to_numpy() / schools[["w1", "w2"]].to_numpy().sum(axis=1, keepdims=True)
    same = schools["school1"] == schools["school2"]
    squares = np.where(same, 1, (share**2).sum(axis=1)).mean()
    between = fit.posterior[f"sd_{MM}"][:, :, 0] ** 2 * squares
    expected = between / (between + fit.posterior["sigma"] ** 2)
    assert pp.icc(fit)["icc"].to_numpy().ravel() == pytest.approx(expected.to_numpy().ravel(), rel=1e-10)


def test_the_design_effect_is_that_of_the_covariance_of_rows(schools):
    fit = pp.fit(LME4["intercept"], schools, **SETTINGS)
    weights = fit.design.factors[0].weights.toarray()
    sd, sigma = fit.posterior[f"sd_{MM}"].to_numpy()[0, 0, 0], fit.posterior["sigma"].to_numpy()[0, 0]
    covariance = sd**2 * weights @ weights.T + sigma**2 * np.eye(len(schools))
    expected = covariance.sum() / np.trace(covariance)
    assert pp.design_effect(fit)["design_effect"].to_numpy()[0, 0, 0] == pytest.approx(expected, rel=1e-8)


def test_saving_and_loading(schools, fit, tmp_path):
    fit.save(tmp_path / "fit.nc")
    again = pp.load_fit(tmp_path / "fit.nc")
    assert again.spec == fit.spec
    one, other = (pp.predict(f, schools.head(3))["expectation"].to_numpy() for f in (fit, again))
    assert np.array_equal(one, other)


def test_the_report_and_the_words_of_the_model(schools, fit, tmp_path):
    pp.report(fit, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "a row has the weighted sum of the effects of its levels" in text
    assert "30 levels, 1.96 of them in a row" in str(fit)
    assert "the mean sum of a row's squared weights" in str(fit.priors)


def maximum(formula, table):
    found = pp.maximum_likelihood(formula, table)
    return np.array([found.log_likelihood, *found.maximum.beta, *found.maximum.sd[0], found.maximum.sigma])


def test_nothing_depends_on_the_order_of_columns_or_rows_or_on_the_scale_of_weights(schools):
    usual = maximum(WEIGHTED, schools)
    exchanged = "y ~ x + (1 + x | mm(school2, school1, weights=(w2, w1)))"
    assert maximum(exchanged, schools) == pytest.approx(usual, rel=1e-6)
    assert maximum(WEIGHTED, schools.sample(frac=1, random_state=1)) == pytest.approx(usual, rel=1e-6)
    scaled = schools.assign(w1=7 * schools["w1"], w2=7 * schools["w2"])
    assert maximum(WEIGHTED, scaled) == pytest.approx(usual, rel=1e-6)


def test_default_priors_follow_the_scale_of_weights_that_are_not_scaled(schools):
    """Weights ten times as large: sds a tenth as large, in the prior and in the posterior."""
    formula = LME4["intercept"].replace("(w1, w2)", "(w1, w2), scale=False")
    fits = [
        pp.fit(formula, schools.assign(w1=c * schools["w1"], w2=c * schools["w2"]), **SETTINGS) for c in (1.0, 10.0)
    ]
    one, other = (f.posterior[f"sd_{MM}"].to_numpy() for f in fits)
    assert other * 10 == pytest.approx(one, rel=1e-5)
    assert fits[0].run.log_evidence == pytest.approx(fits[1].run.log_evidence, abs=1e-6)


def test_a_member_named_twice_has_its_weights_added(schools):
    twice = schools.assign(school2=schools["school1"])
    design = build_design(pp.ModelSpec.from_formula(WEIGHTED), twice)
    once = build_design(pp.ModelSpec.from_formula("y ~ x + (1 + x | school1)"), twice)
    assert design.factors[0].weights.toarray() == pytest.approx(once.factors[0].membership.toarray())
    usual = maximum("y ~ x + (1 + x | school1)", twice)
    assert maximum(WEIGHTED, twice) == pytest.approx(usual, rel=1e-5)


def test_a_member_of_weight_0_may_be_missing(schools):
    blank = schools.assign(w2=np.where(schools.index < 50, 0, schools["w2"]))
    told = maximum(WEIGHTED, blank)
    blank["school2"] = blank["school2"].where(blank.index >= 50)
    assert maximum(WEIGHTED, blank) == pytest.approx(told, rel=1e-9)
    blank.loc[60, "school2"] = np.nan
    with pytest.warns(pp.DataWarning, match=r"dropped 1 of 400 rows with missing values, in school2 \(1\)"):
        assert pp.maximum_likelihood(WEIGHTED, blank).design.n_rows == 399
    rows = new_rows(build_design(pp.ModelSpec.from_formula(WEIGHTED), schools), blank.head(3))
    assert np.diff(rows.groups[0].codes.indptr).tolist() == [1, 1, 1]


def test_levels_are_those_of_all_columns_with_weight(schools):
    table = schools.assign(school1=schools["school1"] % 15 + 1, school2=schools["school2"] % 7 + 40)
    table.loc[0, ["school2", "w2"]] = [99, 0]
    levels = build_design(pp.ModelSpec.from_formula(WEIGHTED), table).factors[0].levels.labels
    assert levels == (*range(1, 16), *range(40, 47))


def test_the_memberships_of_rows_add_up_to_their_weights(schools):
    table = schools.assign(school3=schools["school1"] % 30 + 1, w3=np.arange(400) % 2)
    formula = "y ~ x + (1 | mm(school1, school2, school3, weights=(w1, w2, w3))) + (1 | class)"
    for factor in build_design(pp.ModelSpec.from_formula(formula), table).factors:
        found = np.zeros((400, factor.n_levels))
        for level, weight in factor.memberships:
            found[np.arange(400), level] += weight
        np.testing.assert_allclose(found, factor.membership.toarray(), rtol=1e-12)


def test_rows_can_be_left_out(schools):
    from partialpool.design.subset import keep_rows

    design = build_design(pp.ModelSpec.from_formula(WEIGHTED), schools)
    kept = keep_rows(design, np.arange(400) < 20)
    whole = design.factors[0].weights.toarray()[:20]
    used = whole.any(axis=0)
    assert kept.factors[0].weights.toarray() == pytest.approx(whole[:, used])
    assert kept.factors[0].levels.labels == tuple(np.array(design.factors[0].levels.labels)[used].tolist())


WRONG = {
    "negative": (LME4["slope"], {"w1": -0.5}, pp.DataError, ["negative weights", "correct these weights"]),
    "zero": (LME4["slope"], {"w1": 0.0, "w2": 0.0}, pp.DataError, ["rows without any weight above 0"]),
    "text": (LME4["slope"], {"w1": "much"}, pp.DataError, ["must be numbers"]),
    "kinds": ("y ~ x + (1 | mm(school1, school2))", {"school2": "north"}, pp.DataError, ["labels of different kinds"]),
    "lengths": ("y ~ x + (1 | mm(school1, school2, weights=(w1)))", {}, pp.SpecError, ["2 columns of members, 1 of"]),
    "one column": ("y ~ x + (1 | mm(school1))", {}, pp.SpecError, ["two columns of members or more", "(1 | school)"]),
    "twice": ("y ~ x + (1 | mm(school1, school1))", {}, pp.SpecError, ["two columns of members or more, each once"]),
    "argument": ("y ~ x + (1 | mm(school1, school2, by=x))", {}, pp.FormulaError, ["argument of mm(...)", "by=x"]),
    "expression": ("y ~ x + (1 | mm(school1, log(x)))", {}, pp.SpecError, ["needs names of columns"]),
    "no column": ("y ~ x + (1 | mm(school1, school3))", {}, pp.DataError, ["no column 'school3'"]),
    "different weights": (
        "y ~ x + (1 | mm(school1, school2)) + (0 + x | mm(school1, school2, weights=(w1, w2)))",
        {},
        pp.SpecError,
        ["two different weights of the members"],
    ),
    "residuals": ("y ~ x + (1 | mm(school1, school2)), sigma ~ 0 + class", {}, pp.SpecError, ["cannot have residuals"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_uses_are_refused(name, schools):
    formula, change, kind, mentions = WRONG[name]
    check_refused(kind, lambda: build_design(pp.ModelSpec.from_formula(formula), schools.assign(**change)), *mentions)


def test_wrong_tables_of_memberships_are_refused(schools):
    lines, data = long_table(schools), schools.assign(pupil=schools.index)

    def members(table=lines, **names):
        return pp.Members(table, **{"row": "pupil", "member": "school", "weight": "share"} | names)

    check_refused(pp.SpecError, lambda: members(weight="w"), "has no column 'w'")
    check_refused(pp.SpecError, lambda: members(member=None), "member of a table of memberships must be the name")
    check_refused(pp.SpecError, lambda: members(lines.assign(share=-1)), "not numbers from 0 on")
    check_refused(pp.SpecError, lambda: members(lines.assign(school=None)), "has missing values", "800 of 800 lines")
    check_refused(pp.SpecError, lambda: members("school1"), "is given with the names of its columns")
    spec = by_table(schools)
    check_refused(pp.DataError, lambda: build_design(spec, data.head(300)), "rows that are not in the data", "300, 301")
    check_refused(
        pp.DataError, lambda: build_design(spec, pd.concat([data, data.head(1).assign(pupil=999)])), "no member of"
    )
    text = spec.to_toml().replace("lines", "line")
    check_refused(pp.SpecError, lambda: pp.ModelSpec.from_toml_text(text), "unknown key in members")


@pytest.mark.parametrize(
    "ask",
    [
        lambda fit: pp.shrinkage(fit),
        lambda fit: pp.level_lines(fit, "x"),
        lambda fit: pp.residual_trends(fit, "x"),
        lambda fit: pp.level_influence(fit, progressbar=False),
        lambda fit: pp.explore(fit, "page.html"),
    ],
)
def test_questions_about_rows_of_one_level_are_refused(ask, fit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_refused(pp.DataError, lambda: ask(fit), "needs rows of one level each", "factors without mm(...)")


def test_there_is_no_script(fit):
    check_refused(pp.EngineError, lambda: pp.pymc_source(fit), "rows belong to several levels", "pp.build_model")


def test_other_families_have_no_maximum_likelihood(schools):
    counts = schools.assign(y=np.arange(400) % 5)
    check_refused(pp.EngineError, lambda: pp.maximum_likelihood(WEIGHTED, counts, family="poisson"), "several levels")


def test_other_families_are_for_nuts(schools):
    rng = np.random.default_rng(5)
    effects, share = rng.normal(0, 0.8, 31), schools[["w1", "w2"]].to_numpy()
    share = share / share.sum(axis=1, keepdims=True)
    eta = 0.5 + share[:, 0] * effects[schools["school1"]] + share[:, 1] * effects[schools["school2"]]
    counts = schools.assign(y=rng.poisson(np.exp(eta)))
    fit = pp.fit(LME4["intercept"], counts, family="poisson", seed=1, progressbar=False)
    assert fit.run.engine == "nuts"
    levels = fit.posterior[MM].to_numpy()
    draws = fit.posterior[f"b_{MM}"].to_numpy()[..., 0].reshape(-1, len(levels))
    z = (draws.mean(axis=0) - effects[levels]) / draws.std(axis=0)
    assert (z**2).mean() < 2.5
    assert pp.predict(fit)["expectation"].mean().item() == pytest.approx(counts["y"].mean(), rel=0.1)
    with_more = fit.update(counts.head(20).assign(school1=99), seed=2, progressbar=False)
    assert with_more.posterior.sizes[MM] == len(levels) + 1


@pytest.mark.slow
def test_posteriors_of_counts_agree_with_pymc(schools):
    counts = schools.head(150).assign(y=np.random.default_rng(6).poisson(3, 150))
    fits = [
        pp.fit(WEIGHTED, counts, family="poisson", seed=k, engine=e, progressbar=False)
        for k, e in ((1, "auto"), (2, "pymc"))
    ]
    assert [one.run.engine for one in fits] == ["nuts", "pymc"]
    for variable in ("beta", f"sd_{MM}", f"b_{MM}"):
        draws = [one.posterior[variable].to_numpy().reshape(4, 1000, -1) for one in fits]
        error = np.hypot(*([mcse_mean(one[..., k]) for k in range(one.shape[2])] for one in draws))
        gap = draws[0].mean(axis=(0, 1)) - draws[1].mean(axis=(0, 1))
        assert (np.abs(gap) <= 5 * error).all(), variable


PRIORS = {
    "beta[Intercept]": pp.Prior("Normal", mu=1, sigma=2),
    "beta[x]": pp.Prior("Normal", mu=0.5, sigma=1),
    f"sd_{MM}": pp.Prior("HalfNormal", sigma=1),
    "sigma": pp.Prior("Exponential", lam=1),
}


def calibration(data_sets, formula, effects):
    """True values and draws of a model whose parameters come from the priors."""
    rng = np.random.default_rng(8)
    table = pd.DataFrame({"school1": rng.integers(0, 12, 60), "school2": rng.integers(0, 12, 60)})
    table["w1"], table["w2"] = rng.uniform(0, 1, (2, 60))
    table["x"] = rng.normal(0, 1, 60)
    table["x"] -= table["x"].mean()
    share = table[["w1", "w2"]].to_numpy() / table[["w1", "w2"]].to_numpy().sum(axis=1, keepdims=True)
    truths, draws = [], []
    for seed in range(data_sets):
        alpha, slope, sigma = rng.normal(1, 2), rng.normal(0.5, 1), rng.exponential(1)
        sd, b = abs(rng.normal(0, 1, effects)), rng.normal(0, 1, (12, effects))
        own = [(b * sd)[table[f"school{k}"]] @ np.ones(effects) for k in (1, 2)]
        if effects == 2:
            own = [
                (b * sd)[table[f"school{k}"], 0] + (b * sd)[table[f"school{k}"], 1] * table["x"].to_numpy()
                for k in (1, 2)
            ]
        eta = alpha + slope * table["x"].to_numpy() + share[:, 0] * own[0] + share[:, 1] * own[1]
        y = rng.normal(eta, sigma)
        fit = pp.fit(formula, table.assign(y=y), priors=PRIORS, draws=250, seed=seed, progressbar=False)
        some = {name: values[::5] for name, values in fit.stacked().items()}
        mean = pp.predict(fit)["linear_predictor"].stack(s=("chain", "draw")).transpose("s", ...).to_numpy()[::5]
        log = stats.norm(mean, some["sigma"][:, None]).logpdf(y).sum(axis=1)
        draws.append(values_of(some["beta"], some[f"sd_{MM}"], some[f"b_{MM}"], some["sigma"], log))
        true_log = np.array([stats.norm(eta, sigma).logpdf(y).sum()])
        truths.append(values_of(np.array([[alpha, slope]]), sd[None], (b * sd)[None], np.array([sigma]), true_log))
    return (
        {name: np.concatenate([t[name] for t in truths]) for name in truths[0]},
        {name: np.stack([d[name] for d in draws]) for name in draws[0]},
    )


def values_of(beta, sd, b, sigma, log_likelihood):
    out = {"Intercept": beta[:, 0], "x": beta[:, 1], "sigma": sigma, "log likelihood": log_likelihood}
    for k in range(sd.shape[1]):
        out |= {f"sd {k}": sd[:, k], f"b[0, {k}]": b[:, 0, k], f"b[7, {k}]": b[:, 7, k]}
    return out


@pytest.mark.slow
@pytest.mark.parametrize(("formula", "effects"), [(LME4["intercept"], 1), (WEIGHTED.replace("1 + x |", "x ||"), 2)])
def test_true_values_rank_uniformly(formula, effects):
    check_uniform(*calibration(300, formula, effects), false_alarm=1e-3 / 2)
