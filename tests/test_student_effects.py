"""Student t group effects from the prior to the answers."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.errors import DataError, EngineError
from partialpool.model.covariance import group_variance
from partialpool.model.default_priors import resolve_priors
from partialpool.model.level_precisions import level_precisions
from partialpool.model.prior import draw_prior, log_prior_density
from partialpool.names import b_name
from partialpool.reporting.describe import describe_mathematics
from partialpool.reporting.equations import write_equations
from partialpool.sampling.choose import choose_engine
from partialpool.sampling.mixing import mcse_mean
from partialpool.spec.model import ModelSpec

FORMULA = "y ~ x + (x | gr(g, dist='student_t'))"
SHORT = {"draws": 300, "chains": 2, "seed": 1, "progressbar": False}


def table(outlier=9.0, levels=15, rows=6):
    rng = np.random.default_rng(2)
    g, x = np.repeat(np.arange(levels), rows), rng.normal(size=levels * rows)
    b = rng.normal(0, 1, levels)
    b[3] = outlier
    y = 2 + 0.5 * x + b[g] + rng.normal(0, 2, len(g))
    return pd.DataFrame({"g": [f"l{k:02d}" for k in g], "x": x, "y": y})


@pytest.fixture(scope="module")
def fitted():
    return pp.fit("y ~ x + (1 | gr(g, dist='student_t'))", table(), **SHORT)


def test_a_level_far_out_is_shrunk_less(fitted):
    normal = pp.fit("y ~ x + (1 | g)", table(), **SHORT)
    means = [fit.posterior["b_g"].mean(("chain", "draw")).to_numpy()[:, 0] for fit in (fitted, normal)]
    own = table().groupby("g")["y"].mean().to_numpy()
    assert own[3] - means[0][3] - own.mean() < own[3] - means[1][3] - own.mean()
    assert np.abs(np.delete(means[0], 3)).mean() < np.abs(np.delete(means[1], 3)).mean()
    assert float(fitted.posterior["nu_g"].median()) < 10  # a priori 17


def test_engines():
    assert choose_engine(ModelSpec.from_formula(FORMULA))[0].name == "nuts"
    with pytest.raises(EngineError, match="the effects over g have a Student t distribution"):
        choose_engine(ModelSpec.from_formula(FORMULA), "collapsed")
    for family in ("gaussian", "poisson"):
        with pytest.raises(EngineError, match="there is no likelihood of this model"):
            pp.maximum_likelihood(FORMULA, table(), family=family)


def test_the_summary_shows_nu(fitted):
    assert " nu " in str(fitted)
    assert "nu_g" in set(pp.to_frame(fitted)["term"])
    assert "nu_g" in pp.log_prior(fitted)


def test_variances_are_those_of_the_distribution(fitted):
    posterior, factor = fitted.posterior, fitted.design.factors[0]
    nu, sd = posterior["nu_g"].to_numpy(), posterior["sd_g"].to_numpy()[..., 0]
    finite = nu > 2
    variance = group_variance(posterior, factor)
    np.testing.assert_allclose(variance[finite], stats.t(nu[finite], scale=sd[finite]).var(), rtol=1e-10)
    assert np.isinf(variance[~finite]).all()
    assert (~finite).any()
    icc = pp.icc(fitted)
    values = icc["icc"].to_numpy()[..., 0]
    np.testing.assert_array_equal(values[~finite], 1.0)
    sigma = posterior["sigma"].to_numpy()
    np.testing.assert_allclose(values[finite], variance[finite] / (variance + sigma**2)[finite], rtol=1e-10)
    said = f"the variance of g infinite in {int((~finite).sum())} of {nu.size} draws"
    assert said in icc.attrs["residual"]
    share = pp.variance_components(fitted)["share"].sel(part="g").to_numpy()
    np.testing.assert_array_equal(share[~finite], 1.0)
    assert str(pp.variance_components(fitted))


def test_questions_that_need_normal_effects_are_refused(fitted):
    asked = {
        "an estimate given one sd": lambda: pp.explore(fitted, "page.html"),
        "leaving a level out": lambda: pp.level_influence(fitted),
        "an ICC of the response itself": lambda: pp.icc(fitted, scale="response"),
    }
    for what, ask in asked.items():
        with pytest.raises(DataError) as error:
            ask()
        assert f"{what} needs normal group effects, and those of g have a Student t distribution" in str(error.value)
        assert "got:     gr(g, dist='student_t')" in str(error.value)


def test_weights_are_of_the_scale_mixture(fitted):
    answer = pp.shrinkage(fitted)
    assert answer.attrs["definition"].endswith("drawn from Gamma((nu + q) / 2, (nu + b_j' Sigma^-1 b_j) / 2)")
    weight = answer["weight"].to_numpy()[..., 0, 0]
    assert ((weight > 0) & (weight < 1)).all()
    far = answer["level"].to_numpy().tolist().index("l03")
    assert weight[..., far].mean() > np.delete(weight, far, axis=2).mean() + 0.1
    # n sd^2 / (n sd^2 + sigma^2 tau) with the tau of the draw.
    values = {name: fitted.posterior[name].to_numpy() for name in ("sd_g", "sigma")}
    tau = level_precisions(fitted.design.factors[0], fitted.posterior, np.random.default_rng(0))
    signal = 6 * values["sd_g"] ** 2
    np.testing.assert_allclose(weight, signal / (signal + values["sigma"][..., None] ** 2 * tau), rtol=1e-10)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_weights_average_to_the_posterior_mean_of_the_effect(seed):
    """E(b | y) = E(B) times the estimate of the level's own rows, E(b | y) by integration against the t density."""
    rng, size, nu, sd, sigma, n, own = np.random.default_rng(seed), 40_000, 3.0, 0.8, 1.5, 4, 2.5
    b = np.linspace(-40, 40, 200_001)
    density = np.exp(stats.norm(b, sigma / np.sqrt(n)).logpdf(own) + stats.t(nu, scale=sd).logpdf(b))
    expected = (b * density).sum() / density.sum()
    draws = rng.choice(b, size, p=density / density.sum())
    dims = ("chain", "draw")
    posterior = xr.Dataset(
        {
            "sd_g": ((*dims, "e"), np.full((1, size, 1), sd)),
            "b_g": ((*dims, "g", "e"), draws[None, :, None, None]),
            "nu_g": (dims, np.full((1, size), nu)),
        }
    )
    factor = build_design(ModelSpec.from_formula("y ~ 1 + (1 | gr(g, dist='student_t'))"), table(levels=5)).factors[0]
    tau = level_precisions(factor, posterior, rng)[0, :, 0]
    weight = n * sd**2 / (n * sd**2 + sigma**2 * tau)
    error = weight.std() / np.sqrt(size)
    assert weight.mean() == pytest.approx(expected / own, abs=5 * error)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_precisions_are_drawn_from_their_posterior(seed):
    """Effects drawn with their precisions from the prior: precisions drawn again have the same joint distribution."""
    rng, draws, nu, sd = np.random.default_rng(seed), 4000, 3.0, np.array([0.7, 2.0])
    corr = np.array([[1.0, 0.4], [0.4, 1.0]])
    tau = rng.gamma(nu / 2, 2 / nu, (1, draws, 1))
    noise = rng.standard_normal((1, draws, 1, 2)) @ np.linalg.cholesky(corr).T
    factor = build_design(ModelSpec.from_formula(FORMULA), table(levels=5)).factors[0]
    b = (noise * sd / np.sqrt(tau)[..., None]) @ factor.basis.to_zero.T
    sds, corrs = factor.basis.at_zero(np.tile(sd, (draws, 1)), np.tile(corr, (draws, 1, 1)))
    dims = ("chain", "draw")
    posterior = xr.Dataset(
        {
            "sd_g": ((*dims, "e"), sds[None]),
            "corr_g": ((*dims, "e", "f"), corrs[None]),
            "b_g": ((*dims, "g", "e"), b),
            "nu_g": (dims, np.full((1, draws), nu)),
        }
    )
    again = level_precisions(factor, posterior, rng)
    assert stats.ks_2samp(again.ravel(), tau.ravel()).pvalue > 1e-4
    far = (b**2).sum(axis=-1).ravel() > 20
    assert far.sum() > 100
    assert stats.ks_2samp(again.ravel()[far], tau.ravel()[far]).pvalue > 1e-4


def test_a_design_effect_has_the_variance_of_the_distribution(fitted):
    answer = pp.design_effect(fitted)
    found = answer["design_effect"].to_numpy()[..., 0]
    nu, sd, sigma = (fitted.posterior[name].to_numpy() for name in ("nu_g", "sd_g", "sigma"))
    variance = sd[..., 0] ** 2 * nu / (nu - 2)
    icc = np.where(nu > 2, variance / (variance + sigma**2), 1.0)  # Kish: 1 + (m - 1) ICC
    np.testing.assert_allclose(found, 1 + 5 * icc, rtol=1e-9)
    assert "infinite in" in answer.attrs["residual"]


def test_means_over_levels(fitted):
    typical = pp.predict(fitted, kind="typical")["expectation"].to_numpy()
    marginal = pp.predict(fitted, kind="marginal")["expectation"].to_numpy()
    np.testing.assert_allclose(marginal, typical)
    counts = table().assign(y=lambda t: np.random.default_rng(1).poisson(3, len(t)))
    other = pp.fit("y ~ x + (1 | gr(g, dist='student_t'))", counts, family="poisson", **SHORT)
    with pytest.raises(DataError, match="the mean over levels of g is not available"):
        pp.predict(other, kind="marginal")
    with pytest.raises(DataError, match="the variance of a response that depends on its mean needs normal group"):
        pp.icc(other)


def test_a_fit_is_saved_and_loaded(fitted, tmp_path):
    path = fitted.save(tmp_path / "fit.nc")
    loaded = pp.load_fit(path)
    assert loaded.spec == fitted.spec
    assert loaded.design.factors[0].is_heavy
    np.testing.assert_array_equal(loaded.posterior["nu_g"], fitted.posterior["nu_g"])


def test_prior_draws_have_the_distribution():
    spec = ModelSpec.from_formula(FORMULA, priors={"nu_g": pp.Prior("DiracDelta", c=3)})
    design = build_design(spec, table())
    priors = resolve_priors(design)
    draws = draw_prior(design, priors, 4000, seed=1)
    sd, b = draws["sd_g"], draws[b_name("g")]
    standard = b[:, :, 1] / sd[:, None, 1]
    assert stats.kstest(standard[:, 0], stats.t(3).cdf).pvalue > 1e-3
    both = (np.abs(standard[:, 0]) > 5).mean()
    assert 0.005 < both < 0.03  # a normal has 6e-7
    free = build_design(ModelSpec.from_formula(FORMULA), table())
    drawn = draw_prior(free, resolve_priors(free), 500, seed=1)
    assert drawn["nu_g"].min() >= 1
    density = log_prior_density(free, resolve_priors(free), drawn)["nu_g"]
    whole = stats.gamma(2, scale=10)
    np.testing.assert_allclose(density, whole.logpdf(drawn["nu_g"]) - whole.logsf(1), rtol=1e-10)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.assign(x=100 * t["x"]),
        lambda t: t.assign(y=1000 * t["y"]),
        lambda t: t.assign(x=t["x"] + 50),
        lambda t: t.sample(frac=1, random_state=1),
        lambda t: t.assign(g=t["g"].map({g: f"z{99 - k}" for k, g in enumerate(sorted(t["g"].unique()))})),
    ],
)
def test_the_prior_of_nu_does_not_depend_on_units_zero_or_order(change):
    entry = {e.parameter: e for e in pp.priors(FORMULA, change(table())).entries}["nu_g"]
    assert str(entry.prior) == "Gamma(alpha=2, beta=0.1, lower=1)"
    assert entry.reason == "weak, unit-free; from levels far out (nu of 1 to 5) to nearly normal effects (30 and more)"


def test_equations_and_words():
    design = build_design(ModelSpec.from_formula(FORMULA), table())
    text = describe_mathematics(design, resolve_priors(design))
    assert "b_g[g] ~ MvStudentT(nu_g, 0, diag(sd_g) corr_g diag(sd_g))" in text
    assert "MvStudentT" in write_equations(design, resolve_priors(design)).mathml
    alone = build_design(ModelSpec.from_formula("y ~ x + (1 | gr(g, dist='student_t'))"), table())
    assert "b_g[g] ~ StudentT(nu_g, 0, sd_g)" in describe_mathematics(alone, resolve_priors(alone))


@pytest.mark.thorough
@pytest.mark.parametrize("formula", [FORMULA, "y ~ x + (x || gr(g, dist='student_t'))"])
@pytest.mark.parametrize("parametrization", ["noncentered", "centered"])
def test_the_pymc_model_has_the_same_density(formula, parametrization):
    model = pp.build_model(formula, table(), parametrization={"g": parametrization})
    point = model.initial_point()
    rng = np.random.default_rng(1)
    point = {name: value + rng.normal(0, 0.2, np.shape(value)) for name, value in point.items()}
    name = next(one.name for one in model.free_RVs if one.name in ("z_g", "b_g_scaled"))
    variable = next(one for one in model.free_RVs if one.name == name)
    found = model.compile_logp(vars=[variable])(point)
    outputs = model.replace_rvs_by_values([model["nu_g"], model["z_g"]])
    evaluated = model.compile_fn(outputs, inputs=model.value_vars, on_unused_input="ignore")
    nu, z = evaluated(point)
    expected = stats.multivariate_t(shape=np.eye(2), df=float(nu)).logpdf(z).sum()
    if name == "z_g":
        assert found == pytest.approx(expected, rel=1e-8)
    else:
        shape = np.linalg.lstsq(z, point[name], rcond=None)[0]
        assert found == pytest.approx(expected - len(z) * np.linalg.slogdet(shape)[1], rel=1e-6)


def _mcse(draws):
    flat = draws.reshape(*draws.shape[:2], -1)
    found = [mcse_mean(np.ascontiguousarray(flat[..., k])) for k in range(flat.shape[2])]
    return np.reshape(found, draws.shape[2:])


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::partialpool.errors.SamplingWarning")  # PyMC's chains may diverge a few times
def test_the_posterior_is_that_of_the_pymc_model():
    text = "y ~ x + (1 | gr(g, dist='student_t'))"
    options = {"seed": 1, "progressbar": False, "target_accept": 0.98}
    ours, theirs = (pp.fit(text, table(6.0), engine=engine, **options) for engine in ("nuts", "pymc"))
    for name in ("sd_g", "nu_g", "sigma", "beta", "b_g"):
        parts = [fit.posterior[name].to_numpy() for fit in (ours, theirs)]
        parts = [np.log(p) if name in ("sd_g", "nu_g") else p for p in parts]
        mcse = np.sqrt(sum(_mcse(part) ** 2 for part in parts))
        np.testing.assert_array_less(np.abs(parts[0].mean((0, 1)) - parts[1].mean((0, 1))), 5 * mcse)
