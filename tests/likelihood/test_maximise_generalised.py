"""Maximum likelihood of counts and choices: against lme4, against the explicit density, and invariances."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

import partialpool as pp
from checks.kin import sib_matrix, traits
from checks.responses import RESPONSES, counts_successes
from marginal.glmm.test_density import CASES
from partialpool.design.build import build_design
from partialpool.design.newdata import own_rows
from partialpool.likelihood.maximise_generalised import GeneralisedLikelihood, integration_of
from partialpool.likelihood.maximum import EXACT, LAPLACE, QUADRATURE
from partialpool.marginal.gaussian.recover import original_beta
from partialpool.model.predictor import linear_predictor
from partialpool.model.response import log_density
from partialpool.names import BETA, b_name
from partialpool.spec.model import ModelSpec

REFERENCE = Path(__file__).parents[1] / "reference"
ENTRIES = json.loads((REFERENCE / "lme4.json").read_text())["glmm"]
FORMULAS = {  # formulas of lme4, and those of this package
    "cbind(incidence, size - incidence) ~ period + (1 | herd)": "p(incidence, size) ~ period + (1 | herd)",
    "use ~ age + I(age^2) + livch + urban + (1 | district)": "use ~ age + I(age**2) + livch + urban + (1 | district)",
    "use ~ age + I(age^2) + livch + urban + (urban | district)": (
        "use ~ age + I(age**2) + livch + urban + (urban | district)"
    ),
}
TABLES = ("cbpp", "contraception", "grouseticks")


def data_of(name):
    frame = pp.load_dataset(name) if name in TABLES else pd.read_csv(REFERENCE / f"{name}.csv")
    if name == "toenail":
        frame = frame.assign(treatment=frame["treatment"].astype("category"))
    if name == "grouseticks":
        frame = frame.assign(
            YEAR=frame["YEAR"].astype(str).astype("category"), cHEIGHT=frame["HEIGHT"] - frame["HEIGHT"].mean()
        )
    return frame


def likelihood_of(entry):
    """The likelihood of a reference's model, and the reference's estimates in the coordinates of the likelihood."""
    formula = FORMULAS.get(entry["formula"], entry["formula"])
    family = "bernoulli" if entry["data"] in ("contraception", "toenail") else entry["family"]
    design = build_design(ModelSpec.from_formula(formula, family=family), data_of(entry["data"]))
    with np.errstate(all="ignore"):
        likelihood = GeneralisedLikelihood.of(design, LAPLACE if entry["nAGQ"] == 1 else QUADRATURE)
    return likelihood, at_reference(likelihood, entry)


def at_reference(likelihood, entry):
    """lme4's estimates as t: T of B Sigma B', and coefficients of the algebra's columns."""
    marginal, parameters = likelihood.marginal, likelihood.parameters
    design, units = marginal.design, marginal.units
    roots = parameters.roots.padding.copy()
    for place, f in enumerate(marginal.arrangement.order):
        factor, own = design.factors[f], units.factors[f]
        rows = [r for r in entry["varcorr"] if sorted(r["grp"].split(":")) == sorted(factor.name.split(":"))]
        sd = np.array([r["sdcor"] for r in rows if "var2" not in r])
        corr = np.eye(len(sd))
        for r in (r for r in rows if "var2" in r):
            corr[0, 1] = corr[1, 0] = r["sdcor"]
        by = own.shift @ np.linalg.inv(own.to_data)
        roots[place, : len(sd), : len(sd)] = np.linalg.cholesky(by @ (corr * np.outer(sd, sd)) @ by.T)
    common = design.common
    original = np.array(list(entry["fixef"].values()))
    assert len(original) == len(common.coefs)
    delta = np.concatenate([original[:1] + original[1:] @ common.center, common.basis.root @ original[1:]])
    beta = np.linalg.solve(marginal.turn, delta)
    t = np.concatenate([parameters.roots.elements(roots), beta])
    return t / parameters.units


def saturated(entry):
    """The saturated log likelihood, which lme4 leaves out for grouped successes under quadrature."""
    if entry["nAGQ"] == 1 or entry["data"] != "cbpp":
        return 0.0
    data = data_of("cbpp")
    design = build_design(ModelSpec.from_formula("p(incidence, size) ~ 1", family="binomial"), data)
    share = np.clip(data["incidence"] / data["size"], 1e-300, 1 - 1e-16).to_numpy()
    return float(log_density(design, own_rows(design), np.log(share / (1 - share))[None], {}).sum())


@pytest.mark.parametrize("entry", ENTRIES, ids=[f"{e['data']}: {e['formula']}" for e in ENTRIES])
def test_log_likelihoods_are_those_of_lme4(entry):
    """At lme4's estimates; at ours the log likelihood is not lower.

    For toenail lme4's rule with 50 nodes has an error of 1.7e-4, so that its value is compared with the same rule.
    """
    likelihood, t = likelihood_of(entry)
    theirs = entry["logLik"] + saturated(entry)
    ours = -0.5 * likelihood.deviance.value(t)
    if entry["data"] == "toenail":
        assert gauss_hermite(likelihood, t, 50) == pytest.approx(theirs, abs=1e-5)
        assert gauss_hermite(likelihood, t, 200) == pytest.approx(ours, abs=1e-5)
    else:
        assert ours == pytest.approx(theirs, abs=1e-4)
    design = likelihood.marginal.design
    fit = pp.maximum_likelihood(design.spec, data_of(entry["data"]), laplace=entry["nAGQ"] == 1)
    assert fit.maximum.method == likelihood.method
    assert fit.log_likelihood >= ours - 1e-7
    assert fit.log_likelihood == pytest.approx(ours, abs=3e-4)
    sds = [r["sdcor"] for r in entry["varcorr"] if "var2" not in r]
    assert np.sort(np.concatenate(fit.maximum.sd)) == pytest.approx(np.sort(sds), rel=2e-3)
    errors = fit.coefficients["std_error"].to_numpy()
    assert np.abs(fit.coefficients["estimate"].to_numpy() - list(entry["fixef"].values())).max() < 0.02 * errors.max()


def gauss_hermite(likelihood, t, nodes):
    """log p(y | t) by Gauss-Hermite rules about each level's mode, as lme4 integrates a single effect."""
    rows, parameters = likelihood.deviance.rows, likelihood.parameters
    point = parameters.point(t)
    sd, total = point.roots[0, 0, 0], 0.0
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    w = w * np.exp(0.5 * x**2 - np.log(np.sqrt(2 * np.pi)))
    for first, last in zip(rows.first[:-1], rows.first[1:], strict=True):
        y, z = rows.y[first:last, None], rows.effects[0, first:last, None] * sd
        base = (rows.start[first:last] + point.beta @ rows.columns[:, first:last])[:, None]

        def f(v, base=base, y=y, z=z):
            eta = base + z * v
            return (y * eta - np.logaddexp(0, eta)).sum(axis=0) - 0.5 * v**2

        v = 0.0
        for _ in range(100):
            p = 1 / (1 + np.exp(-(base + z * v)))
            v -= float((-(z * (y - p)).sum() + v) / (1 + (z**2 * p * (1 - p)).sum()))
        p = 1 / (1 + np.exp(-(base + z * v)))
        scale = 1 / np.sqrt(1 + (z**2 * p * (1 - p)).sum())
        total += np.log((w * np.exp(f(v + scale * x[None]))).sum() * scale)
    return total


def simulated(family, link, *, crossed, seed=2):
    """Few rows of every family: 5 levels, or 5 crossed with 4."""
    rng = np.random.default_rng(seed)
    g, h = np.repeat(np.arange(5), 8), np.tile(np.arange(4), 10)
    frame = {"y": RESPONSES[family](rng, 40), "x": rng.normal(size=40), "g": g, "h": h, "n": np.full(40, 7)}
    response = "p(y, n)" if counts_successes(family) else "y"
    formula = f"{response} ~ x + (x | g)" + (" + (1 | h)" if crossed else "")
    return build_design(ModelSpec.from_formula(formula, family=family, link=link), frame)


def written_out(likelihood, t):
    """Laplace's approximation from the family's own density: the mode of all effects, and a dense Hessian."""
    marginal, parameters = likelihood.marginal, likelihood.parameters
    design, rows = marginal.design, likelihood.laplace._rows
    point = parameters.point(t)
    own = parameters.own.named((t * parameters.units)[parameters.of_own][None])
    columns = []
    for place, (levels, width) in enumerate(zip(rows.levels, rows.widths, strict=True)):
        first = sum(rows.levels[:place] * rows.widths[:place])
        for level in range(levels):
            here = rows.places[place] == first + level * width
            z = np.where(here[:, None], rows.effects[place, :width].T, 0.0)
            columns.append(z @ point.roots[place, :width, :width])
        among = design.factors[marginal.arrangement.order[place]].root
        if among is not None:
            columns[-levels:] = [np.concatenate(columns[-levels:], axis=1) @ among]
    z = np.concatenate(columns, axis=1)
    base = rows.start + point.beta @ rows.columns

    def density(eta):
        return log_density(design, own_rows(design), eta[None], own)[0]

    def h(u):
        return -(density(base + z @ u).sum() - 0.5 * u @ u)

    def slope(u, step=1e-5):
        eta = base + z @ u
        return -(z.T @ ((density(eta + step) - density(eta - step)) / (2 * step)) - u)

    found = optimize.minimize(
        h, np.zeros(z.shape[1]), jac=slope, method="BFGS", options={"gtol": 1e-6, "maxiter": 2000}
    )
    eta = base + z @ found.x
    spec, step = design.spec, 1e-4
    if spec.link in spec.family_record.log_concave_links:  # W is the observed information
        information = (2 * density(eta) - density(eta + step) - density(eta - step)) / step**2
    else:  # the expected information, which the tests of the row kernels check
        _, information = likelihood.laplace.response.curvature(eta, parameters.point(t).own)
    hessian = np.eye(z.shape[1]) + z.T @ (information[:, None] * z)
    return -found.fun - 0.5 * np.linalg.slogdet(hessian)[1]


@pytest.mark.parametrize(("family", "link"), [case for case in CASES if case[1] != "inverse"])
def test_laplace_agrees_with_the_mode_and_a_dense_determinant(family, link):
    with np.errstate(all="ignore"):
        likelihood = GeneralisedLikelihood.of(simulated(family, link, crossed=True), LAPLACE)
    check_laplace(likelihood, likelihood.start)


def check_laplace(likelihood, t):
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = written_out(likelihood, t)
    assert -0.5 * likelihood.deviance.value(t) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("formula", ["y ~ x + (1 | animal)", "y ~ x + (1 | animal) + (x | litter)"])
def test_laplace_with_relatives_agrees_with_a_dense_determinant(formula):
    kinship = sib_matrix(4, 3)
    frame, _ = traits(kinship, sd=1, sigma=1, rows=30, seed=3)
    frame["y"] = (frame["y"] > frame["y"].median()).astype(int)
    design = build_design(ModelSpec.from_formula(formula, family="bernoulli", cov={"animal": kinship}), frame)
    assert integration_of(design) == LAPLACE
    likelihood = GeneralisedLikelihood.of(design, LAPLACE)
    check_laplace(likelihood, likelihood.start)
    # The modes are on the scale of the data: they give the linear predictor.
    rows, point = own_rows(design), likelihood.parameters.point(likelihood.start)
    modes = likelihood.laplace.modes(likelihood.start)
    eta = likelihood.laplace._mode(point).eta
    beta = original_beta(likelihood.marginal, point.beta[None])
    draws = {b_name(f.name): b[None] for f, b in zip(design.factors, modes, strict=True)} | {BETA: beta}
    np.testing.assert_allclose(linear_predictor(design, rows, draws)[0], eta, atol=1e-9)


@pytest.mark.parametrize("method", [LAPLACE, QUADRATURE])
@pytest.mark.parametrize(("family", "link"), [case for case in CASES if case[1] != "inverse"])
def test_the_gradient_is_that_of_differences(family, link, method):
    with np.errstate(all="ignore"):
        likelihood = GeneralisedLikelihood.of(simulated(family, link, crossed=method == LAPLACE), method)
    rng = np.random.default_rng(1)
    t = likelihood.start + 0.1 * rng.normal(size=len(likelihood.start))
    _, gradient = likelihood.deviance.slope(t)
    value, h = likelihood.deviance.value, 1e-3
    for k, step in enumerate(h * np.eye(len(t))):
        assert gradient[k] == pytest.approx((value(t + step) - value(t - step)) / (2 * h), rel=2e-4, abs=2e-4)


def test_the_method_suits_all_models_compared():
    one = build_design(ModelSpec.from_formula("y ~ (1 | g)", family="poisson"), {"y": [1, 2, 3, 0], "g": [1, 1, 2, 2]})
    none = build_design(ModelSpec.from_formula("y ~ 1", family="poisson"), {"y": [1, 2, 3, 0]})
    crossed = simulated("poisson", "log", crossed=True)
    assert integration_of(none) == EXACT
    assert integration_of(one) == integration_of(one, none) == QUADRATURE
    assert integration_of(one, crossed) == LAPLACE
    nested = {"y": [1, 2, 3, 0, 4, 1], "a": [1, 1, 1, 2, 2, 2], "c": [1, 1, 2, 1, 2, 2]}
    two = build_design(ModelSpec.from_formula("y ~ (1 | a/c)", family="poisson"), nested)
    assert integration_of(two, one, none) == QUADRATURE
    slopes = build_design(ModelSpec.from_formula("y ~ (y | a) + (1 | a:c)", family="poisson"), nested)
    assert integration_of(slopes) == LAPLACE
    many = build_design(
        ModelSpec.from_formula("y ~ (1 | a/c)", family="poisson"), {k: np.tile(v, 400) for k, v in nested.items()}
    )
    assert integration_of(many) == LAPLACE
    several_modes = build_design(ModelSpec.from_formula("y ~ (1 | a/c)", family="student_t"), nested)
    assert integration_of(several_modes) == LAPLACE


def test_nested_factors_are_integrated_exactly():
    """The maximum by quadrature has derivative 0 and is not that of Laplace, whose error is large here."""
    rng = np.random.default_rng(1)
    school, pupil = np.repeat(np.arange(12), 12), np.repeat(np.arange(36), 4)
    eta = -0.3 + rng.normal(0, 1, 12)[school] + rng.normal(0, 1.5, 36)[pupil]
    table = pd.DataFrame({"y": (rng.random(144) < 1 / (1 + np.exp(-eta))).astype(int), "s": school, "p": pupil})
    fits = [
        pp.maximum_likelihood("y ~ 1 + (1 | s/p)", table, family="bernoulli", laplace=laplace) for laplace in (0, 1)
    ]
    assert [fit.maximum.method for fit in fits] == [QUADRATURE, LAPLACE]
    assert fits[0].log_likelihood > fits[1].log_likelihood + 0.1
    swapped = table.sample(frac=1.0, random_state=3)
    again = pp.maximum_likelihood("y ~ 1 + (1 | s:p) + (1 | s)", swapped, family="bernoulli")
    assert again.log_likelihood == pytest.approx(fits[0].log_likelihood, abs=1e-6)


def poisson_table(seed=4):
    rng = np.random.default_rng(seed)
    g = np.repeat([f"g{k}" for k in range(15)], 6)
    x, arm = rng.normal(size=90), np.tile(["a", "b", "c"], 30)
    effect = dict(zip(np.unique(g), rng.normal(0, 0.6, 15), strict=True))
    y = rng.poisson(np.exp(0.4 + 0.5 * x + np.array([effect[k] for k in g])))
    return pd.DataFrame({"y": y, "x": x, "arm": arm, "g": g})


@pytest.mark.parametrize("family", ["poisson", "negative_binomial"])
def test_units_origins_order_and_references_do_not_matter(family):
    data = poisson_table()
    formula = "y ~ x + arm + (x | g)"
    base = pp.maximum_likelihood(formula, data, family=family)
    moved = data.assign(x=1000 * (data["x"] + 50)).sample(frac=1, random_state=3)
    moved["arm"] = pd.Categorical(moved["arm"], categories=["c", "a", "b"])
    moved["g"] = pd.Categorical(moved["g"], categories=sorted(set(data["g"]), reverse=True))
    other = pp.maximum_likelihood(formula, moved, family=family)
    assert other.log_likelihood == pytest.approx(base.log_likelihood, abs=1e-5)
    assert other.maximum.relative[0] == pytest.approx(base.maximum.relative[0], abs=2e-3)
    assert other.coefficients.loc["x", "estimate"] * 1000 == pytest.approx(
        base.coefficients.loc["x", "estimate"], abs=1e-2 * base.coefficients.loc["x", "std_error"]
    )
    assert other.coefficients.loc["x", "std_error"] * 1000 == pytest.approx(
        base.coefficients.loc["x", "std_error"], rel=1e-2
    )


def test_without_groups_it_is_the_generalised_linear_model():
    """Closed form: the log odds of every category, and the inverse of its information."""
    data = pp.load_dataset("cbpp")
    fit = pp.maximum_likelihood("p(incidence, size) ~ 0 + period", data, family="binomial")
    sums = data.groupby("period", observed=True)[["incidence", "size"]].sum()
    share = (sums["incidence"] / sums["size"]).to_numpy()
    assert fit.coefficients["estimate"].to_numpy() == pytest.approx(np.log(share / (1 - share)), abs=1e-6)
    errors = 1 / np.sqrt(sums["size"].to_numpy() * share * (1 - share))
    assert fit.coefficients["std_error"].to_numpy() == pytest.approx(errors, rel=1e-4)
    assert fit.maximum.method == EXACT


def test_no_variance_is_singular():
    """Counts that vary less than Poisson: the sd is exactly 0, and the rest is the model without levels."""
    g = np.repeat(np.arange(8), 5)
    y = np.tile([1, 2, 3, 2, 2], 8)
    fit = pp.maximum_likelihood("y ~ 1 + (1 | g)", {"y": y, "g": g}, family="poisson")
    assert fit.singular
    assert fit.maximum.sd[0][0] == 0
    assert fit.coefficients["estimate"].item() == pytest.approx(np.log(2), abs=1e-6)
    assert fit.coefficients["std_error"].item() == pytest.approx(1 / np.sqrt(80), rel=1e-4)
    assert "The fit is singular" in str(fit)


def test_without_variance_there_is_no_correlation():
    """A balanced table in which every level has the same counts: sds are 0 and the correlation is not a number."""
    table = {"y": np.tile([1, 3, 2, 3, 4, 4], 10), "x": np.tile(np.arange(6), 10), "g": np.repeat(np.arange(10), 6)}
    fit = pp.maximum_likelihood("y ~ x + (x | g)", table, family="poisson")
    assert fit.singular
    np.testing.assert_array_equal(fit.variance_components["estimate"], [0, 0, np.nan])


def test_separation_is_an_error():
    g = np.repeat(np.arange(6), 10)
    x = np.tile([0.0] * 5 + [1.0] * 5, 6)
    rng = np.random.default_rng(1)
    y = np.where(x == 1, 1, rng.integers(0, 2, 60))
    with pytest.raises(pp.EngineError, match="the likelihood has no maximum at finite coefficients"):
        pp.maximum_likelihood("y ~ x + (1 | g)", {"y": y, "x": x, "g": g}, family="bernoulli")


def test_a_shape_without_a_maximum_does_not_stop_the_fit():
    """Counts that are not overdispersed: the negative binomial's shape diverges, and the rest is the Poisson model."""
    g = np.repeat(np.arange(10), 6)
    rng = np.random.default_rng(8)
    y = rng.binomial(20, 0.2, 60)
    fits = [
        pp.maximum_likelihood("y ~ 1 + (1 | g)", {"y": y, "g": g}, family=family)
        for family in ("poisson", "negative_binomial")
    ]
    assert fits[1].log_likelihood == pytest.approx(fits[0].log_likelihood, abs=1e-3)
    assert fits[1].maximum.at_end == ("alpha",)
    assert "alpha is at the end of its range" in str(fits[1])
    assert fits[1].coefficients["std_error"].item() == pytest.approx(fits[0].coefficients["std_error"].item(), rel=1e-2)


def test_conditional_modes_maximise_and_simulated_responses_follow_the_estimates():
    """The score of each level is 0 at its mode; the mean of simulated responses is that of the model."""
    data = poisson_table()
    fit = pp.maximum_likelihood("y ~ x + (1 | g)", data, family="poisson")
    modes, sd = fit.conditional_modes("g")["Intercept"], fit.maximum.sd[0][0]
    at = fit.coefficients["estimate"]
    for level, mode in modes.items():
        rows = data[data["g"] == level]
        mean = np.exp(at["Intercept"] + at["x"] * rows["x"] + mode)
        assert (rows["y"] - mean).sum() == pytest.approx(mode / sd**2, abs=1e-5)
    drawn = np.array([fit.draw_response(np.random.default_rng(s)) for s in range(300)])
    mean = np.exp(at["Intercept"] + at["x"] * data["x"].to_numpy() + sd**2 / 2)
    error = drawn.mean(axis=1).std() / np.sqrt(300)
    assert abs(drawn.mean() - mean.mean()) < 5 * error


def test_ordered_categories_state_their_cutpoints():
    """Cutpoints are counted and printed, and stated at zero; the tests above check their likelihood."""
    rng = np.random.default_rng(11)
    g = np.repeat(np.arange(12), 10)
    x = rng.normal(size=120)
    latent = 0.8 * x + rng.normal(0, 0.7, 12)[g] + rng.logistic(size=120)
    y = pd.Categorical(
        np.array(["low", "mid", "high"])[np.searchsorted([-0.5, 1.0], latent)], ["low", "mid", "high"], ordered=True
    )
    fit = pp.maximum_likelihood("y ~ x + (1 | g)", pd.DataFrame({"y": y, "x": x, "g": g}), family="cumulative")
    assert fit.n_parameters == 4
    assert "cutpoints[2]" in str(fit)
    cutpoints = fit.maximum.own["cutpoints"][0]
    assert cutpoints == pytest.approx([-0.5, 1.0], abs=4 * 0.3)
    assert fit.coefficients.loc["x", "estimate"] == pytest.approx(0.8, abs=4 * fit.coefficients.loc["x", "std_error"])


POSITIVE = [("gamma", "log"), ("gamma", "inverse"), ("exponential", "log"), ("lognormal", "identity")]
REAL = [("student_t", "identity"), ("student_t", "log"), ("gaussian", "log")]


def unit_table(family, seed=0):
    rng = np.random.default_rng(seed)
    g, x = np.repeat(np.arange(12), 10), rng.normal(size=120)
    mean = 1 / (1 + 0.2 * np.tanh(x) + 0.3 * np.tanh(rng.normal(0, 0.5, 12)[g]))
    y = 5 * mean + rng.standard_t(3, 120) if family in ("student_t", "gaussian") else rng.gamma(5, mean / 5)
    return {"y": y, "x": x, "g": g}


@pytest.mark.parametrize(("family", "link"), POSITIVE + REAL)
def test_the_unit_of_the_response_does_not_matter(family, link):
    """In another unit the density of y is divided by the unit; groups do not lower the maximum."""
    data = unit_table(family)
    options = {"family": family, "link": link}
    base = pp.maximum_likelihood("y ~ x + (1 | g)", data, **options)
    for unit in (1e-4, 0.01, 1e4):
        other = pp.maximum_likelihood("y ~ x + (1 | g)", data | {"y": data["y"] * unit}, **options)
        assert other.log_likelihood + 120 * np.log(unit) == pytest.approx(base.log_likelihood, abs=2e-3)
    without = pp.maximum_likelihood("y ~ x", data, **options)
    assert base.log_likelihood >= without.log_likelihood - 1e-4


def test_negative_responses_are_possible_under_a_log_link():
    rng = np.random.default_rng(1)
    g, x = np.repeat(np.arange(12), 10), rng.normal(size=120)
    y = np.exp(0.2 * x) + 2 * rng.normal(size=120)
    assert y.min() < -1
    fit = pp.maximum_likelihood("y ~ x + (1 | g)", {"y": y, "x": x, "g": g}, family="gaussian", link="log")
    resid = y - np.exp(fit.coefficients["estimate"]["Intercept"] + fit.coefficients["estimate"]["x"] * x)
    assert fit.maximum.own["sigma"].item() == pytest.approx(resid.std(), rel=0.1)


def test_a_search_that_does_not_reach_a_maximum_is_an_error():
    """With an inverse link and predictors near 0 the search stops where the density ends."""
    rng = np.random.default_rng(0)
    g, x = np.repeat(np.arange(12), 10), rng.normal(size=120)
    y = rng.exponential(1 / (0.02 + 0.5 * (x - x.min())))
    with pytest.raises(pp.EngineError, match="the likelihood could not be maximised"):
        pp.maximum_likelihood("y ~ x + (1 | g)", {"y": y, "x": x, "g": g}, family="exponential", link="inverse")


def test_large_counts_are_maximised():
    """Rounding of a log likelihood of 1e12 hides its maximum, but not the zero of its slope."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=120)
    fit = pp.maximum_likelihood("y ~ x", {"y": rng.poisson(np.exp(20 + 0.3 * x)), "x": x}, family="poisson")
    errors = fit.coefficients["std_error"]
    assert (np.abs(fit.coefficients["estimate"] - [20, 0.3]) < 5 * errors).all()
    assert errors["Intercept"] == pytest.approx(np.exp(-10) / np.sqrt(120), rel=0.1)


def test_parameters_that_the_model_fixes_stay_fixed():
    data = unit_table("student_t")
    fixed, free = (
        pp.maximum_likelihood("y ~ x + (1 | g)", data, family="student_t", priors=priors)
        for priors in ({"nu": pp.Prior("DiracDelta", c=30)}, {})
    )
    assert fixed.maximum.own["nu"].item() == 30
    assert fixed.n_parameters == free.n_parameters - 1
    assert free.log_likelihood > fixed.log_likelihood
    full, reduced = (
        pp.ModelSpec.from_formula(formula, family="student_t", priors={"nu": pp.Prior("DiracDelta", c=c)})
        for formula, c in (("y ~ x + (1 | g)", 4), ("y ~ x", 30))
    )
    with pytest.raises(pp.SpecError, match="the two models fix different parameters"):
        pp.lrt(full, reduced, data, simulations=0)
