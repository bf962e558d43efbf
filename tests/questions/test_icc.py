"""ICC by closed forms, by numerical integration, and at lme4's estimates against insight and performance."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special

import partialpool as pp
from checks.fixed import fit_at
from checks.quadrature import normal_density
from checks.r_values import SUMMARIES, fit_at_estimates
from partialpool.families.links import LINKS


def table(n=60, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "positive": rng.gamma(2, size=n),
            "count": rng.poisson(3, n),
            "binary": rng.integers(0, 2, n),
            "share": rng.beta(2, 3, n),
            "x": rng.normal(1, 2, n),
            "c": np.where(rng.random(n) < 0.5, "u", "v"),
            "g": np.arange(n) % 6,
            "h": np.arange(n) % 5,
        }
    )


def value(array):
    return array.to_numpy()[0, 0]


def test_the_worked_case():
    """sd_u^2 = 12 and sigma^2 = 48: two neighbours correlate at 0.20."""
    fit = fit_at("y ~ x + (1 | g)", table(), beta=[1, 0.5], sd_g=[12**0.5], sigma=48**0.5)
    answer = pp.icc(fit)
    assert value(answer["icc"]) == pytest.approx([0.2])
    assert value(answer["total"]) == pytest.approx(0.2)
    spread = 0.25 * table()["x"].var()
    assert value(answer["unadjusted"]) == pytest.approx([12 / (60 + spread)])


def test_nested_factors_share_what_they_are_nested_in():
    values = {"beta": [60.0], "sd_batch": [1.3], "sd_batch:cask": [2.9], "sigma": 0.8}
    fit = fit_at("strength ~ 1 + (1 | batch/cask)", pp.load_dataset("pastes"), **values)
    answer = pp.icc(fit)
    total = 1.3**2 + 2.9**2 + 0.8**2
    assert value(answer["icc"]) == pytest.approx([1.3**2 / total, 2.9**2 / total])
    assert value(answer["same"]) == pytest.approx([1.3**2 / total, (1.3**2 + 2.9**2) / total])


def test_crossed_factors_share_nothing_of_each_other():
    fit = fit_at("y ~ 1 + (1 | g) + (1 | h)", table(), beta=[0.0], sd_g=[1.0], sd_h=[2.0], sigma=3.0)
    answer = pp.icc(fit)
    assert value(answer["same"]) == pytest.approx([1 / 14, 4 / 14])
    assert value(answer["total"]) == pytest.approx(5 / 14)


SLOPES = {"beta": [1.0, 0.5], "sd_g": [1.5, 0.4], "corr_g": [[1, -0.3], [-0.3, 1]], "sigma": 1.2}


def test_along_a_predictor_and_between_two_places():
    fit = fit_at("y ~ x + (x | g)", table(), **SLOPES)
    at = np.array([-1.0, 0.0, 2.5])

    def covariance(x, w):
        return 1.5**2 - 0.3 * 1.5 * 0.4 * (x + w) + 0.16 * x * w

    answer = pp.icc(fit, at={"x": at})
    assert answer["icc"].dims == ("chain", "draw", "factor", "x")
    assert value(answer["icc"])[0] == pytest.approx(covariance(at, at) / (covariance(at, at) + 1.44))
    between = pp.icc(fit, at={"x": at}, other={"x": 4.0})
    root = np.sqrt((covariance(at, at) + 1.44) * (covariance(4.0, 4.0) + 1.44))
    assert value(between["icc"])[0] == pytest.approx(covariance(at, 4.0) / root)


def test_averaged_over_the_rows():
    data = table()
    fit = fit_at("y ~ x + (x | g)", data, **SLOPES)
    z = np.column_stack([np.ones(len(data)), data["x"]])
    sigma = np.array([[2.25, -0.18], [-0.18, 0.16]])
    mean = np.einsum("ni,ij,nj->n", z, sigma, z).mean()
    assert value(pp.icc(fit)["icc"]) == pytest.approx([mean / (mean + 1.44)])


def test_never_negative_and_never_missing_at_the_boundary():
    for sd, sigma in ((0.0, 1.0), (1e-200, 1.0), (1.0, 1e-200)):
        answer = pp.icc(fit_at("y ~ 1 + (1 | g)", table(), beta=[0.0], sd_g=[sd], sigma=sigma))
        assert 0 <= value(answer["icc"])[0] <= 1


GIVEN = [i for i, s in enumerate(SUMMARIES) if s["family"] != "poisson" and isinstance(s["icc_adjusted"], float)]


@pytest.mark.parametrize("index", GIVEN)
def test_at_lme4s_estimates_it_is_insights(index):
    """performance::icc, adjusted and unadjusted; for counts insight takes the mean of a refitted null model."""
    reference = SUMMARIES[index]
    answer = pp.icc(fit_at_estimates(reference))
    assert value(answer["total"]) == pytest.approx(reference["icc_adjusted"], rel=1e-6)
    assert value(answer["unadjusted"].sum("factor")) == pytest.approx(reference["icc_unadjusted"], rel=1e-6)


def test_where_performance_gives_none():
    """dyestuff2: the estimate of the sd is 0, and so is the ICC."""
    reference = next(s for s in SUMMARIES if s["data"] == "dyestuff2")
    assert not isinstance(reference["icc_adjusted"], float)
    assert value(pp.icc(fit_at_estimates(reference))["icc"]) == pytest.approx([0.0])


LATENT = {
    "bernoulli logit": ("binary ~ x + (1 | g)", "bernoulli", None, {}, np.pi**2 / 3),
    "bernoulli probit": ("binary ~ x + (1 | g)", "bernoulli", "probit", {}, 1.0),
    "bernoulli cloglog": ("binary ~ x + (1 | g)", "bernoulli", "cloglog", {}, np.pi**2 / 6),
    "gamma log": ("positive ~ x + (1 | g)", "gamma", None, {"alpha": 2.5}, np.log1p(1 / 2.5)),
    "lognormal": ("positive ~ x + (1 | g)", "lognormal", None, {"sigma": 0.7}, 0.49),
    "student_t": ("y ~ x + (1 | g)", "student_t", None, {"sigma": 0.7, "nu": 6.0}, 0.49 * 6 / 4),
    "poisson sqrt": ("count ~ x + (1 | g)", "poisson", "sqrt", {}, 0.25),
}


@pytest.mark.parametrize("case", LATENT)
def test_latent_variances(case):
    formula, family, link, own, variance = LATENT[case]
    fit = fit_at(formula, table(), family=family, link=link, beta=[0.2, 0.1], sd_g=[0.6], **own)
    assert value(pp.icc(fit)["icc"]) == pytest.approx([0.36 / (0.36 + variance)])


@pytest.mark.parametrize(("family", "own"), [("poisson", {}), ("negative_binomial", {"alpha": 1.7})])
def test_counts_use_the_populations_mean(family, own):
    """ln(1 + 1/lambda + 1/alpha), lambda = E exp(eta) over rows and groups."""
    data = table()
    fit = fit_at("count ~ x + (1 | g)", data, family=family, beta=[0.2, 0.1], sd_g=[0.6], **own)
    rate = np.exp(0.2 + 0.1 * data["x"] + 0.18).mean()
    variance = np.log1p(1 / rate + (1 / own["alpha"] if own else 0))
    assert value(pp.icc(fit)["icc"]) == pytest.approx([0.36 / (0.36 + variance)])


@pytest.mark.parametrize(("family", "own", "noise"), [
    ("gaussian", {"sigma": 0.7}, 0.49), ("student_t", {"sigma": 0.7, "nu": 6.0}, 0.49 * 6 / 4)
])  # fmt: skip
def test_locations_under_a_log_link_use_the_populations_mean(family, own, noise):
    """Delta method: Var(y) / mean^2, the mean E exp(eta) over rows and groups (a Student t had a mean of 1)."""
    data = table()
    fit = fit_at("positive ~ x + (1 | g)", data, family=family, link="log", beta=[0.2, 0.1], sd_g=[0.6], **own)
    mean = np.exp(0.2 + 0.1 * data["x"] + 0.18).mean()
    assert value(pp.icc(fit)["icc"]) == pytest.approx([0.36 / (0.36 + noise / mean**2)])


RESPONSE = {
    "bernoulli": ("binary", "logit", special.expit, lambda m: m * (1 - m), {}),
    "poisson": ("count", "log", np.exp, lambda m: m, {}),
    "negative_binomial": ("count", "log", np.exp, lambda m: m + m**2 / 1.7, {"alpha": 1.7}),
    "zero_inflated_poisson": ("count", "log", lambda e: 0.7 * np.exp(e), lambda m: m + m**2 * 3 / 7, {"zi": 0.3}),
    "hurdle_gamma": (
        "positive",
        "log",
        lambda e: 0.8 * np.exp(e),
        lambda m: m**2 * (1.4 / 0.8 - 1),
        {"alpha": 2.5, "hu": 0.2},
    ),
    "gamma": ("positive", "log", np.exp, lambda m: m**2 / 2.5, {"alpha": 2.5}),
    "beta": ("share", "logit", special.expit, lambda m: m * (1 - m) / 5, {"phi": 4.0}),
}


@pytest.mark.parametrize("family", RESPONSE)
def test_on_the_scale_of_the_response(family):
    """Two factors of sd 0.7 and 0.5: correlations of observed responses by adaptive quadrature."""
    column, link, mean, variance, own = RESPONSE[family]
    formula = f"{column} ~ x + (1 | g) + (1 | h)"
    fit = fit_at(formula, table(), family=family, link=link, beta=[-0.3, 0.4], sd_g=[0.7], sd_h=[0.5], **own)
    answer = pp.icc(fit, at={"x": [0.0, 1.5]}, scale="response")

    def expectation(f, center, sd):
        return integrate.quad(lambda u: f(center + sd * u) * normal_density(u), -9, 9, epsabs=1e-12, epsrel=1e-10)[0]

    for k, x in enumerate([0.0, 1.5]):
        eta, spread = -0.3 + 0.4 * x, np.sqrt(0.74)
        first = expectation(mean, eta, spread)
        total = expectation(lambda e: mean(e) ** 2 + variance(mean(e)), eta, spread) - first**2
        shared = expectation(lambda e: expectation(mean, e, 0.5) ** 2, eta, 0.7) - first**2
        assert value(answer["icc"])[0, k] == pytest.approx(shared / total, rel=1e-6)
        both = expectation(lambda e: mean(e) ** 2, eta, spread) - first**2
        assert value(answer["total"])[k] == pytest.approx(both / total, rel=1e-6)


def test_a_normal_response_has_one_scale():
    fit = fit_at("y ~ x + (x | g)", table(), **SLOPES)
    latent, response = (pp.icc(fit, at={"x": [0.0, 3.0]}, scale=scale) for scale in ("latent", "response"))
    assert value(response["icc"]) == pytest.approx(value(latent["icc"]), rel=1e-9)


def test_what_it_says_of_itself():
    fit = fit_at(
        "count ~ x + c + (x | g)",
        table(),
        family="poisson",
        beta=[0, 0, 0],
        **{k: SLOPES[k] for k in SLOPES if k not in ("beta", "sigma")},
    )
    answer = pp.icc(fit, at={"c": ["u", "v"]})
    assert answer["icc"].dims == ("chain", "draw", "factor", "c")
    assert answer.attrs["held"].startswith("x=")
    assert "lognormal approximation" in answer.attrs["residual"]
    one_mean = "at one mean over all rows: other covariates in the model change it"
    assert one_mean not in answer.attrs["residual"]
    averaged = pp.icc(fit)
    assert averaged.attrs["residual"].endswith(one_mean)
    assert one_mean in pp.plot_icc(averaged).axes[0].get_xlabel()
    plt.close("all")


WRONG = {
    "no groups": ("y ~ x", {}, {"at": None}, "needs groups"),
    "unknown predictor": ("y ~ x + (x | g)", SLOPES, {"at": {"w": [1]}}, "does not read this column"),
    "unknown scale": ("y ~ x + (x | g)", SLOPES, {"scale": "observed"}, "unknown scale"),
    "other alone": ("y ~ x + (x | g)", SLOPES, {"other": {"x": 1}}, "needs at="),
    "no value": ("y ~ x + (x | g)", SLOPES, {"at": {"x": []}}, "must be a list"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_questions(case):
    formula, values, arguments, text = WRONG[case]
    values = values or {"beta": [0, 0], "sigma": 1.0}
    with pytest.raises(pp.DataError, match=text):
        pp.icc(fit_at(formula, table(), **values), **arguments)


def test_a_category_must_be_named():
    fit = fit_at("y ~ x + c + (c | g)", table(), beta=[0, 0, 0], sd_g=[1, 1], corr_g=np.eye(2), sigma=1.0)
    with pytest.raises(pp.DataError, match="has categories"):
        pp.icc(fit, at={"x": [0]})


@pytest.mark.parametrize("unit", [1.0, 7.0, 168.0])
def test_the_icc_of_a_rate_does_not_depend_on_the_unit_of_exposure(unit):
    """Four visits of two weeks each: ln(1 + 1 / mean) with the mean of a visit, counted in weeks, days or hours."""
    weeks = np.full(60, 2.0)
    data = table().assign(t=weeks * unit)
    beta = 0.3 - np.log(unit)
    fit = fit_at("count ~ 1 + offset(log(t)) + (1 | g)", data, family="poisson", beta=[beta], sd_g=[0.9])
    mean = 2 * np.exp(0.3 + 0.81 / 2)
    latent = 0.81 / (0.81 + np.log1p(1 / mean))
    assert value(pp.icc(fit)["icc"]) == pytest.approx([latent])
    assert value(pp.icc(fit, at={})["icc"]) == pytest.approx([latent])
    assert pp.icc(fit, at={}).attrs["offset"] == f"log(t) = {np.log(2 * unit):.4g}"
    half = pp.icc(fit, at={"t": [unit, 2 * unit]})["icc"]
    assert value(half)[0] == pytest.approx([0.81 / (0.81 + np.log1p(2 / mean)), latent])
    between = mean**2 * np.expm1(0.81)
    assert value(pp.icc(fit, at={}, scale="response")["icc"]) == pytest.approx([between / (between + mean)])
    function = pp.variance_function(fit, {"t": [2 * unit]})
    assert value(function["variance"]) == pytest.approx([0.81 + np.log1p(1 / mean)])
    assert value(function["mean"]) == pytest.approx([0.3 + np.log(2)])


@pytest.mark.parametrize("sd", [0.1, 3.0, 10.0, 30.0])
@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_on_the_scale_of_the_response_however_much_levels_differ(link, sd):
    """Two factors, one of sd 2: on a dense grid."""
    inverse = LINKS[link].inverse
    x = np.linspace(-9, 9, 1801)
    weight = np.exp(-(x**2) / 2) / np.exp(-(x**2) / 2).sum()
    fit = fit_at(
        "binary ~ 1 + (1 | g) + (1 | h)", table(), family="bernoulli", link=link, beta=[-0.4], sd_g=[sd], sd_h=[2.0]
    )
    with np.errstate(over="ignore"):
        eta = -0.4 + sd * x[:, None] + 2 * x
        inner = inverse(eta) @ weight
        mean = inner @ weight
        expected = ((inner - mean) ** 2 @ weight) / (mean * (1 - mean))
    answer = pp.icc(fit, scale="response")
    assert value(answer["icc"].sel(factor="g")) == pytest.approx(expected, abs=2e-8)


def test_draws_of_a_student_t_without_a_variance_are_counted_and_said():
    nu = np.array([1.5, 2.0, 3.0, 6.0])
    given = {"beta": np.zeros((4, 2)), "sd_g": np.ones((4, 1)), "b_g": np.zeros((4, 6, 1)), "sigma": np.full(4, 0.7)}
    fit = fit_at("y ~ x + (1 | g)", table(), family="student_t", draws=4, nu=nu, **given)
    expected = [0, 0, 1 / (1 + 0.49 * 3), 1 / (1 + 0.49 * 6 / 4)]
    for answer in (pp.icc(fit), pp.icc(fit, at={}), pp.icc(fit, scale="response")):
        assert answer["icc"].to_numpy().ravel() == pytest.approx(expected)
        assert "infinite in 2 of 4 draws" in answer.attrs["residual"]
    parts = pp.variance_components(fit)
    assert parts["share"].sel(part="residual").to_numpy().ravel() == pytest.approx(1 - np.array(expected))
    assert parts["r2_conditional"].to_numpy().ravel() == pytest.approx(expected)
    assert pp.design_effect(fit)["design_effect"].to_numpy().ravel()[:2] == pytest.approx([1, 1])


@pytest.mark.parametrize(
    ("at", "wrong"),
    [
        ({"arm": ["zzz"]}, "values of 'arm' include categories that the model has not seen"),
        ({"x": [np.nan]}, "values of 'x' must be finite numbers"),
        ({"x": ["text"]}, "values of 'x' must be finite numbers"),
        (3, "values of predictors must be given by column"),
    ],
)
def test_places_are_checked_also_where_the_answer_does_not_depend_on_them(at, wrong):
    rng = np.random.default_rng(1)
    y, x = rng.normal(size=(2, 48))
    table = {"g": np.repeat(np.arange(8), 6), "x": x, "arm": ["a", "b"] * 24, "y": y}
    fit = pp.fit("y ~ x + arm + (1 | g)", table, seed=1, draws=20, progressbar=False)
    with pytest.raises(pp.DataError, match=wrong):
        pp.icc(fit, at=at)
    assert pp.icc(fit, at={"x": [0, 1], "arm": ["b"]})["icc"].sizes["x"] == 2
    with pytest.raises(pp.DataError, match="unknown treatment of new levels"):
        pp.predict(fit, new_levels="zero")


def test_ordered_categories_have_no_icc_of_the_response():
    """It would depend on the scores of the categories; the error says what answers such questions."""
    data = pd.DataFrame({"y": pd.Categorical(list("abcabcab"), ordered=True), "g": list("ppqqrrss")})
    fit = fit_at("y ~ 1 + (1 | g)", data, family="cumulative", cutpoints=[-1.0, 1.0], sd_g=[1.0])
    with pytest.raises(pp.DataError) as error:
        pp.icc(fit, scale="response")
    assert str(error.value) == (
        "ordered categories have no ICC on the scale of the response: it would depend on the number that is given to "
        "each category\n"
        "  got:     family 'cumulative', scale='response'\n"
        "  allowed: scale='latent': the ICC of the variable that the cutpoints divide into categories\n"
        "  do:      report the latent ICC, pp.icc(fit), as performance::icc of R does; how levels differ in the "
        "probability of each category is in pp.predict(fit)['expectation']; for a correlation of observed responses, "
        "fit whether a response is above one of the cutpoints, yes or no, with family 'bernoulli'"
    )


@pytest.mark.parametrize("family", ["sratio", "acat"])
def test_categories_without_a_latent_variable_have_no_variance(family):
    """Neither on the latent scale nor on that of the response: the error says what answers such questions."""
    data = pd.DataFrame({"y": pd.Categorical(list("abcabcab"), ordered=True), "g": list("ppqqrrss"), "x": range(8)})
    fit = fit_at("y ~ x + (1 | g)", data, family=family, cutpoints=[1.0, -1.0], sd_g=[1.0], beta=[0.2])
    for ask in (
        lambda: pp.icc(fit),
        lambda: pp.icc(fit, at={"x": [0, 1]}),
        lambda: pp.icc(fit, scale="response"),
        lambda: pp.variance_components(fit),
        lambda: pp.variance_function(fit, {"x": [0, 1]}),
        lambda: pp.design_effect(fit),
    ):
        with pytest.raises(pp.DataError) as error:
            ask()
        assert str(error.value) == (
            f"categories of family '{family}' have no variance with which that between levels could be compared: they "
            "have no mean, and are not those of one latent variable\n"
            f"  got:     family '{family}'\n"
            "  allowed: a family whose response has a variance; for ordered categories 'cumulative', whose cutpoints "
            "divide one latent variable\n"
            "  do:      report the sds of the group effects on the logit scale: print(fit); how levels differ in the "
            "probability of each category is in pp.predict(fit)['expectation']"
        )


@pytest.mark.parametrize(("link", "own"), [("logit", np.pi**2 / 3), ("probit", 1.0)])
def test_the_latent_icc_of_ordered_categories_is_that_of_performance(link, own):
    """performance::icc divides by the variance of a standard logistic or normal variable, pi^2 / 3 or 1."""
    data = pd.DataFrame({"y": pd.Categorical(list("abcabcab"), ordered=True), "g": list("ppqqrrss")})
    fit = fit_at("y ~ 1 + (1 | g)", data, family="cumulative", link=link, cutpoints=[-1.0, 1.0], sd_g=[1.5])
    assert value(pp.icc(fit)["icc"]) == pytest.approx(1.5**2 / (1.5**2 + own))


def test_of_two_infinite_variances_the_one_of_the_heavier_tails_is_everything():
    """Nu of 2 or less in both factors of some draws: the second moment below c grows as c^(2 - nu)."""
    data = {"y": np.arange(8.0), "g": np.repeat(["a", "b"], 4), "h": np.tile(["c", "d"], 4)}
    nu_g, nu_h = np.array([1.5, 1.9, 1.5, 6.0]), np.array([1.8, 1.2, 4.0, 4.0])
    once = np.ones((4, 1))
    fit = fit_at(
        "y ~ 1 + (1 | gr(g, dist='student_t')) + (1 | gr(h, dist='student_t'))", data, draws=4, beta=once, sd_g=once,
        sd_h=once, nu_g=nu_g, nu_h=nu_h, sigma=np.ones(4), b_g=np.zeros((4, 2, 1)), b_h=np.zeros((4, 2, 1)),
    )  # fmt: skip
    found = pp.icc(fit)
    shares = found["icc"].to_numpy()[0]
    assert shares[:3].tolist() == [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    assert shares[3] == pytest.approx(np.array([1.5, 2.0]) / 4.5)
    assert found["total"].to_numpy()[0] == pytest.approx([1.0, 1.0, 1.0, 3.5 / 4.5])
    assert "in which its share, or that of a factor with a smaller nu, is 1" in found.attrs["residual"]
