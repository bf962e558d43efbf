"""Joint densities of whole levels by dense multivariate normals and by numerical integration."""

import numpy as np
import pytest
from scipy import special, stats

import partialpool as pp
from checks.fixed import fit_at
from partialpool.marginal.group_log_density import joint_log_density


def of(fit, codes):
    return joint_log_density(fit.design, codes, fit.stacked())


def sigma_of(sd, corr):
    return np.diag(sd) @ np.asarray(corr) @ np.diag(sd)


@pytest.mark.parametrize("family", ["gaussian", "lognormal"])
def test_the_density_of_one_factor_with_a_slope_is_that_of_a_dense_normal(family):
    data = pp.load_dataset("sleepstudy")
    values = {"beta": [250.0, 10.0], "sd_Subject": [20.0, 5.0], "corr_Subject": [[1, 0.4], [0.4, 1]], "sigma": 25.0}
    if family == "lognormal":
        values |= {"beta": [5.5, 0.03], "sd_Subject": [0.1, 0.02], "sigma": 0.1}
    # The drawn effects of the levels do not matter: they are integrated out.
    b = np.random.default_rng(0).normal(size=(18, 2))
    fit = fit_at("Reaction ~ Days + (Days | Subject)", data, family=family, b_Subject=b, **values)
    found = of(fit, fit.design.factors[0].codes)
    z = np.column_stack([np.ones(10), np.arange(10)])
    v = z @ sigma_of(values["sd_Subject"], values["corr_Subject"]) @ z.T + values["sigma"] ** 2 * np.eye(10)
    y = data["Reaction"].to_numpy().reshape(18, 10)
    if family == "lognormal":
        expected = stats.multivariate_normal(z @ values["beta"], v).logpdf(np.log(y)) - np.log(y).sum(axis=1)
    else:
        expected = stats.multivariate_normal(z @ values["beta"], v).logpdf(y)
    assert found == pytest.approx(expected[None], rel=1e-10)


def test_nested_factors_are_integrated_out_with_their_level_and_outer_ones_are_given():
    data = pp.load_dataset("pastes")
    rng = np.random.default_rng(1)
    b = {"b_batch": rng.normal(size=(10, 1)), "b_batch:cask": rng.normal(size=(30, 1))}
    values = {"beta": [60.0], "sd_batch": [1.3], "sd_batch:cask": [2.9], "sigma": 0.8}
    fit = fit_at("strength ~ 1 + (1 | batch/cask)", data, **values, **b)
    batch, cask = fit.design.factors
    y = fit.design.response.values
    whole = of(fit, batch.codes)[0]
    inner = of(fit, cask.codes)[0]
    for k in range(10):
        rows = batch.codes == k
        same = cask.codes[rows][:, None] == cask.codes[rows]
        v = 1.3**2 + 2.9**2 * same + 0.64 * np.eye(rows.sum())
        assert whole[k] == pytest.approx(stats.multivariate_normal(np.full(rows.sum(), 60.0), v).logpdf(y[rows]))
    for k in range(30):
        rows = cask.codes == k
        centre = 60.0 + b["b_batch"][batch.codes[rows], 0]
        v = 2.9**2 + 0.64 * np.eye(rows.sum())
        assert inner[k] == pytest.approx(stats.multivariate_normal(centre, v).logpdf(y[rows]))


def test_crossed_effects_are_given_unless_they_occur_only_in_the_level():
    data = pp.load_dataset("penicillin").head(40).copy()
    data["sample"] = data["sample"].astype(str)
    data.loc[:3, "sample"] = "only here"
    rng = np.random.default_rng(1)
    plates, samples = data["plate"].nunique(), data["sample"].nunique()
    b = {"b_plate": rng.normal(size=(plates, 1)), "b_sample": rng.normal(size=(samples, 1))}
    values = {"beta": [23.0], "sd_plate": [0.8], "sd_sample": [1.9], "sigma": 0.5}
    fit = fit_at("diameter ~ 1 + (1 | plate) + (1 | sample)", data, **values, **b)
    plate, sample = fit.design.factors
    alone = list(sample.levels.labels).index("only here")
    assert set(plate.codes[sample.codes == alone]) == {plate.codes[0]}
    rows = plate.codes == plate.codes[0]
    own = sample.codes[rows] == alone
    centre = 23.0 + np.where(own, 0.0, b["b_sample"][sample.codes[rows], 0])
    v = 0.8**2 + 1.9**2 * np.outer(own, own) + 0.25 * np.eye(rows.sum())
    expected = stats.multivariate_normal(centre, v).logpdf(fit.design.response.values[rows])
    assert of(fit, plate.codes)[0, plate.codes[0]] == pytest.approx(expected)


def test_the_density_with_known_errors_and_without_groups():
    schools = pp.load_dataset("eight_schools")
    fit = fit_at("effect ~ 1 + (1 | school)", schools, se="standard_error", beta=[8.0], sd_school=[6.0])
    y, se = fit.design.response.values, fit.design.se
    expected = stats.norm(8, np.sqrt(36 + se**2)).logpdf(y)
    codes = fit.design.factors[0].codes
    assert of(fit, codes)[0][codes] == pytest.approx(expected)
    plain = fit_at("effect ~ 1", schools, beta=[8.0], sigma=3.0)
    assert of(plain, np.repeat([0, 1], 4))[0] == pytest.approx(stats.norm(8, 3).logpdf(y).reshape(2, 4).sum(axis=1))


def on_a_grid(formula, sd, corr):
    """The exact density of each level on a fine grid of its effects, and a fit whose effects are drawn given theta."""
    data = pp.load_dataset("contraception")
    data = data[data["district"].isin(data["district"].unique()[:4])]
    q, n, rng = len(sd), 600, np.random.default_rng(2)
    values = {"beta": [-0.6, 0.5], "sd_district": sd} | ({"corr_district": corr} if q > 1 else {})
    one = fit_at(formula, data, family="bernoulli", **values).design
    axis = np.linspace(-4, 4, 241)
    u = np.stack(np.meshgrid(*[axis] * q, indexing="ij"), -1).reshape(-1, q)
    prior = stats.multivariate_normal(np.zeros(q), sigma_of(sd, corr)).logpdf(u)
    sign, z = np.where(one.response.values == 1, 1.0, -1.0), one.factors[0].values
    eta = -0.6 + 0.5 * (data["urban"] == "Y").to_numpy()
    exact, b = [], np.empty((n, 4, q))
    for k in range(4):
        rows = one.factors[0].codes == k
        log_p = prior + sum(
            special.log_expit(s * (m + u @ x)) for s, m, x in zip(sign[rows], eta[rows], z[rows], strict=True)
        )
        mass = np.exp(log_p - log_p.max())
        exact.append(np.log(mass.sum()) + log_p.max() + q * np.log(axis[1] - axis[0]))
        b[:, k] = u[rng.choice(len(u), n, p=mass / mass.sum())]
    stacked = {name: np.repeat([value], n, axis=0) for name, value in values.items()}
    return exact, fit_at(formula, data, family="bernoulli", draws=n, b_district=b, **stacked)


@pytest.mark.parametrize(
    ("formula", "sd", "corr", "error"),
    [("use ~ urban + (1 | district)", [0.7], [[1]], 1e-6),
     ("use ~ urban + (urban | district)", [0.7, 0.6], [[1, -0.5], [-0.5, 1]], 1e-3)],
)  # fmt: skip
def test_the_density_of_a_binary_response_is_that_of_a_fine_grid(formula, sd, corr, error):
    exact, fit = on_a_grid(formula, sd, corr)
    found = of(fit, fit.design.factors[0].codes)
    assert found == pytest.approx(np.tile(exact, (600, 1)), abs=error)


def test_few_large_levels_whose_effects_follow_the_intercept():
    """Given the intercept, an effect is known far more precisely: nodes must be placed for each draw."""
    rng = np.random.default_rng(2)
    levels, n, size = 4, 2000, 200
    g = np.repeat(np.arange(levels), n)
    y = (rng.random(levels * n) < special.expit(rng.normal(size=levels)[g])).astype(int)
    successes = np.array([y[g == k].sum() for k in range(levels)])
    share = successes / n
    own = special.logit(share) + rng.normal(size=(size, levels)) / np.sqrt(n * share * (1 - share))
    beta = own.mean(axis=1) + 0.5 * rng.normal(size=size)
    fit = fit_at(
        "y ~ 1 + (1 | g)", {"y": y, "g": g}, family="bernoulli", draws=size, beta=beta[:, None],
        sd_g=np.ones((size, 1)), b_g=(own - beta[:, None])[:, :, None],
    )  # fmt: skip
    found = of(fit, fit.design.factors[0].codes)
    place = np.linspace(-6, 6, 20_001)
    for k in range(levels):
        log_p = successes[k] * special.log_expit(place) + (n - successes[k]) * special.log_expit(-place)
        expected = [
            special.logsumexp(log_p + stats.norm(m, 1).logpdf(place)) + np.log(place[1] - place[0]) for m in beta
        ]
        assert found[:, k] == pytest.approx(expected, abs=2e-3)


def test_units_of_a_predictor_do_not_matter():
    rng = np.random.default_rng(3)
    data = {"y": rng.integers(0, 2, 40), "x": rng.normal(size=40), "g": np.repeat(np.arange(4), 10)}
    b = rng.normal(size=(1, 4, 2)) * [0.3, 0.2]
    scores = []
    for unit in (1.0, 1e7):
        fit = fit_at(
            "y ~ x + (x | g)", data | {"x": data["x"] * unit}, family="bernoulli", beta=[0.1, 0.5 / unit],
            sd_g=[0.6, 0.4 / unit], corr_g=[[1, 0.3], [0.3, 1]], b_g=b[0] / [1, unit],
        )  # fmt: skip
        scores.append(of(fit, fit.design.factors[0].codes))
    assert scores[0] == pytest.approx(scores[1], rel=1e-9)


def test_more_than_three_effects_are_refused_where_the_response_is_not_normal():
    ticks = pp.load_dataset("grouseticks")
    sizes = {f: ticks[f].nunique() for f in ("BROOD", "LOCATION")}
    fit = fit_at(
        "TICKS ~ 1 + (1 | LOCATION) + (1 | BROOD)", ticks, family="poisson", beta=[0.5],
        sd_LOCATION=[0.5], sd_BROOD=[0.5], **{f"b_{f}": np.zeros((n, 1)) for f, n in sizes.items()},
    )  # fmt: skip
    with pytest.raises(pp.DataError, match="integrated over at most three effects"):
        of(fit, fit.design.factor_named("LOCATION").codes)


@pytest.mark.parametrize("tag", ["", "p"])
def test_effects_on_a_parameter_are_integrated_out_with_those_on_the_mean(tag):
    rng, rows = np.random.default_rng(5), 7
    data = {"y": rng.normal(size=3 * rows), "x": rng.normal(size=3 * rows), "g": np.repeat(["a", "b", "c"], rows)}
    group = f"(1 |{tag}| g)" if tag else "(1 | g)"
    values = {"beta": [0.3], "beta_sigma": [-0.2, 0.4], "sd_g": [0.8], "sd_sigma_g": [0.6]}
    corr = 0.7 if tag else 0.0
    if tag:
        values["corr_across_g"] = [[1, corr], [corr, 1]]
    fit = fit_at(
        [f"y ~ 1 + {group}", f"sigma ~ x + {group}"], data, b_g=rng.normal(size=(3, 1)),
        b_sigma_g=rng.normal(size=(3, 1)), **values,
    )  # fmt: skip
    found = of(fit, fit.design.factors[0].codes)[0]
    axis = np.linspace(-7, 7, 701)
    v = np.stack(np.meshgrid(axis, axis, indexing="ij"))
    of_mean, of_sigma = 0.8 * v[0], 0.6 * (corr * v[0] + np.sqrt(1 - corr**2) * v[1])
    for k in range(3):
        log_p = stats.norm.logpdf(v).sum(axis=0) + 2 * np.log(axis[1] - axis[0])
        for i in range(k * rows, (k + 1) * rows):
            log_p += stats.norm(0.3 + of_mean, np.exp(-0.2 + 0.4 * data["x"][i] + of_sigma)).logpdf(data["y"][i])
        assert found[k] == pytest.approx(special.logsumexp(log_p), abs=1e-4)


def test_own_parameters_of_a_row_are_those_of_its_draw():
    """A predictor of zi, whose rows are below those of the mean, and alpha, which has none."""
    data = {"y": [0, 3, 0, 1, 0, 0, 5, 2], "x": np.linspace(-1, 1, 8), "g": np.repeat(["a", "b"], 4)}
    values = {"beta": [[0.5], [0.9]], "beta_zi": [[-1.0, 0.5], [0.3, 0.0]], "alpha": [2.0, 5.0], "sd_g": [[0.7], [1.4]]}
    fit = fit_at(["y ~ 1 + (1 | g)", "zi ~ x"], data, family="zero_inflated_negative_binomial", draws=2,
                 b_g=np.ones((2, 2, 1)), **values)  # fmt: skip
    found = of(fit, fit.design.factors[0].codes)
    v = np.linspace(-9, 9, 4001)
    for d, k in np.ndindex(2, 2):
        log_p = stats.norm.logpdf(v) + np.log(v[1] - v[0])
        for i in range(4 * k, 4 * k + 4):
            mean, alpha = np.exp(values["beta"][d][0] + values["sd_g"][d][0] * v), values["alpha"][d]
            zi = special.expit(values["beta_zi"][d][0] + values["beta_zi"][d][1] * data["x"][i])
            counts = stats.nbinom.pmf(data["y"][i], alpha, alpha / (alpha + mean))
            log_p += np.log(zi * (data["y"][i] == 0) + (1 - zi) * counts)
        assert found[d, k] == pytest.approx(special.logsumexp(log_p), abs=1e-4)
