"""The pm.Model: its log density by hand, its labels, its invariance to units, its parametrizations."""

import numpy as np
import pandas as pd
import pytensor
import pytest
from scipy import stats

import partialpool as pp
from checks.kin import sib_matrix, traits
from partialpool.design.build import build_design
from partialpool.model.default_priors import resolve_priors
from partialpool.pymc_model.build import build_pymc_model
from partialpool.spec.model import ModelSpec

SLEEP = "Reaction ~ Days + (Days | Subject)"


def at(model, names, point):
    """Evaluate named variables and the observed log density at a point of the value variables."""
    outputs = model.replace_rvs_by_values([model[n] for n in names])
    outputs.append(model.logp(vars=model.observed_RVs, sum=True))
    function = pytensor.function(model.value_vars, outputs, mode="FAST_COMPILE", on_unused_input="ignore")
    return function(*[point[v.name] for v in model.value_vars])


def random_point(model, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: np.asarray(value + 0.3 * rng.normal(size=np.shape(value)))
        for name, value in model.initial_point().items()
    }


def test_a_readable_model_with_labelled_dims(sleepstudy):
    model = pp.build_model(SLEEP, sleepstudy)
    assert {v.name for v in model.free_RVs} == {
        "beta_scaled",
        "sd_Subject_at_means",
        "corr_Subject_partial",
        "z_Subject",
        "sigma",
    }
    dims = {
        name: model.named_vars_to_dims[name] for name in ("beta", "sd_Subject", "corr_Subject", "b_Subject", "Reaction")
    }
    assert dims == {
        "beta": ("coef",),
        "sd_Subject": ("Subject_effect",),
        "corr_Subject": ("Subject_effect", "Subject_effect_bis"),
        "b_Subject": ("Subject", "Subject_effect"),
        "Reaction": ("obs",),
    }
    assert model.coords["Subject"][:2] == ("308", "309")
    assert model.coords["coef"] == ("Intercept", "Days")


def test_log_density_by_hand(sleepstudy):
    model = pp.build_model(SLEEP, sleepstudy)
    names = ["beta", "sd_Subject", "corr_Subject", "b_Subject", "sigma"]
    beta, _, corr, b, sigma, density = at(model, names, random_point(model))
    x, y = sleepstudy["Days"].to_numpy(dtype=float), sleepstudy["Reaction"].to_numpy()
    codes = sleepstudy["Subject"].cat.codes.to_numpy()
    mean = beta[0] + beta[1] * x + b[codes, 0] + b[codes, 1] * x
    assert density == pytest.approx(stats.norm(mean, sigma).logpdf(y).sum())
    assert corr[0, 0] == pytest.approx(1)
    assert corr[0, 1] == pytest.approx(corr[1, 0])


def test_group_effects_have_the_stated_covariance(sleepstudy):
    model = pp.build_model(SLEEP, sleepstudy)
    point = random_point(model, seed=2)
    sd, corr, b, there, _ = at(model, ["sd_Subject", "corr_Subject", "b_Subject", "sd_Subject_at_means"], point)
    covariance = sd[:, None] * corr * sd
    z = point["z_Subject"]
    # The offsets are those of the effects at the mean of Days, where the priors are.
    at_means = np.array([[1.0, sleepstudy["Days"].mean()], [0.0, 1.0]])
    moved = at_means @ covariance @ at_means.T
    np.testing.assert_allclose(b @ at_means.T, z @ np.linalg.cholesky(moved).T, rtol=1e-8)
    np.testing.assert_allclose(there, np.sqrt(np.diagonal(moved)), rtol=1e-10)


def test_with_origin_zero_the_priors_of_a_group_are_stated_there(sleepstudy):
    spec = ModelSpec.from_formula(SLEEP, origin={"Subject": "zero"})
    model = pp.build_model(spec, sleepstudy)
    assert "sd_Subject" in {v.name for v in model.free_RVs}
    point = random_point(model, seed=2)
    sd, corr, b, _ = at(model, ["sd_Subject", "corr_Subject", "b_Subject"], point)
    covariance = sd[:, None] * corr * sd
    np.testing.assert_allclose(b, point["z_Subject"] @ np.linalg.cholesky(covariance).T, rtol=1e-10)


@pytest.mark.parametrize(
    ("what", "change", "unit"),
    [
        ("response times 1e6", lambda d: d.assign(Reaction=d.Reaction * 1e6), 1e6),
        ("predictor times 1e-6", lambda d: d.assign(Days=d.Days * 1e-6), 1.0),
        ("predictor plus 1e4", lambda d: d.assign(Days=d.Days + 1e4), 1.0),
    ],
)
def test_only_units_change_with_the_scale_of_the_data(sleepstudy, what, change, unit):
    """The log density, as a function of the sampler's own variables, moves by a constant only.

    sd and sigma are sampled on the log scale, where a unit is a shift of the start.
    """
    models = [pp.build_model(SLEEP, table) for table in (sleepstudy, change(sleepstudy))]
    functions = [pytensor.function(m.value_vars, m.logp(), mode="FAST_COMPILE") for m in models]
    starts = [m.initial_point() for m in models]
    assert [v.name for v in models[0].value_vars] == [v.name for v in models[1].value_vars]
    rng = np.random.default_rng(1)
    differences = []
    for _ in range(4):
        moves = {name: 0.3 * rng.normal(size=np.shape(value)) for name, value in starts[0].items()}
        logp = [
            float(f(*[start[v.name] + moves[v.name] for v in m.value_vars]))
            for f, start, m in zip(functions, starts, models, strict=True)
        ]
        differences.append(logp[1] - logp[0])
    constant = -len(sleepstudy) * np.log(unit)
    np.testing.assert_allclose(differences, constant, atol=1e-6)


def test_centred_and_noncentred_models_have_one_density(sleepstudy):
    """p(b | sd, corr) of the centred model equals p(z) / |db/dz| of the non-centred one."""
    one = pp.build_model(SLEEP, sleepstudy)
    two = pp.build_model(SLEEP, sleepstudy, parametrization={"Subject": "centered"})
    assert {v.name for v in two.free_RVs} == {
        "beta_scaled",
        "sd_Subject_at_means",
        "corr_Subject_partial",
        "b_Subject_scaled",
        "sigma",
    }
    point = random_point(one, seed=4)
    sd, corr, b, _ = at(one, ["sd_Subject", "corr_Subject", "b_Subject"], point)
    design = build_design(ModelSpec.from_formula(SLEEP), sleepstudy)
    units = sleepstudy["Reaction"].to_numpy().std() / design.factors[0].basis.scale
    at_means = np.array([[1.0, sleepstudy["Days"].mean()], [0.0, 1.0]])
    same = {k: v for k, v in point.items() if k != "z_Subject"} | {"b_Subject_scaled": b @ at_means.T / units}
    densities = [
        float(pytensor.function(m.value_vars, m.logp(), mode="FAST_COMPILE")(*[p[v.name] for v in m.value_vars]))
        for m, p in ((one, point), (two, same))
    ]
    covariance = at_means @ (sd[:, None] * corr * sd) @ at_means.T
    log_jacobian = 18 * np.linalg.slogdet(np.linalg.cholesky(covariance) / units[:, None])[1]
    assert densities[0] - log_jacobian == pytest.approx(densities[1], rel=1e-9)
    # Its offsets are those of the non-centred model.
    assert at(two, ["z_Subject"], same)[0] == pytest.approx(point["z_Subject"], rel=1e-9)


def test_user_priors_are_those_of_the_model(sleepstudy):
    priors = {"beta[Days]": pp.Prior("Laplace", mu=0, b=20), "sd_Subject[Days]": pp.Prior("Exponential", lam=0.1)}
    model = pp.build_model(SLEEP, sleepstudy, priors=priors)
    names = {v.name for v in model.free_RVs}
    sds = {f"sd_Subject_at_means[{effect}]" for effect in ("Intercept", "Days")}
    assert {"beta_scaled[Intercept]", "beta_scaled[Days]", *sds} <= names
    point = random_point(model)
    terms = dict(
        zip([v.name for v in model.free_RVs], model.logp(vars=model.free_RVs, sum=False, jacobian=False), strict=True)
    )
    f = pytensor.function(model.value_vars, terms["beta_scaled[Days]"], mode="FAST_COMPILE", on_unused_input="ignore")
    scaled = point["beta_scaled[Days]"]
    unit = sleepstudy["Reaction"].to_numpy().std() / sleepstudy["Days"].to_numpy().std()
    expected = stats.laplace(0, 20).logpdf(scaled * unit) + np.log(unit)
    assert float(f(*[point[v.name] for v in model.value_vars])) == pytest.approx(expected)


def test_a_half_distribution_starts_where_it_has_mass(sleepstudy):
    """PyMC starts a truncated distribution at the whole one's mean, which is the end of the half: log sd = -inf."""
    half = pp.Prior("HalfLogistic", s=20)
    model = pp.build_model(SLEEP, sleepstudy, priors={"sd_Subject": half, "sigma": half})
    point = model.initial_point()
    assert all(np.isfinite(value).all() for value in point.values())
    sds, sigma, density = at(model, ["sd_Subject_at_means", "sigma"], point)
    np.testing.assert_allclose([*sds, sigma], 20)
    assert np.isfinite(density)


def test_parametrization_errors_state_what_is_allowed(sleepstudy):
    with pytest.raises(pp.SpecError) as error:
        pp.build_model(SLEEP, sleepstudy, parametrization={"Sbject": "centered"})
    assert (error.value.got, error.value.allowed) == ("'Sbject'", "'Subject' (nearest)")
    with pytest.raises(pp.SpecError) as error:
        pp.build_model(SLEEP, sleepstudy, parametrization={"Subject": "centred"})
    assert error.value.allowed == "'noncentered' or 'centered'"


def test_nested_factors_equal_explicit_ones():
    pastes = pp.load_dataset("pastes")
    specs = [
        ModelSpec.from_formula(f"strength ~ 1 + {g}") for g in ("(1 | batch/cask)", "(1 | batch) + (1 | batch:cask)")
    ]
    assert specs[0] == specs[1]
    explicit = build_design(ModelSpec.from_formula("strength ~ 1 + (1 | batch) + (1 | sample)"), pastes)
    nested = build_design(specs[0], pastes)
    np.testing.assert_array_equal(nested.factors[1].codes, explicit.factors[1].codes)


def test_an_ordinal_model_reports_cutpoints_on_the_original_scale():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"y": rng.integers(0, 4, 60), "x": rng.normal(5, 2, 60), "g": rng.integers(0, 6, 60)})
    design = build_design(ModelSpec.from_formula("y ~ x + (1 | g)", family="cumulative"), table)
    model = build_pymc_model(design, resolve_priors(design))
    point = random_point(model)
    beta, cutpoints, _ = at(model, ["beta", "cutpoints"], point)
    assert model.coords["cutpoint"] == ("0|1", "1|2", "2|3")
    assert np.all(np.diff(cutpoints) > 0)
    probability = model.replace_rvs_by_values([model["cutpoints_probability"]])
    p = pytensor.function(model.value_vars, probability, mode="FAST_COMPILE", on_unused_input="ignore")(
        *[point[v.name] for v in model.value_vars]
    )[0]
    centred = cutpoints - beta[0] * table["x"].mean()
    np.testing.assert_allclose(1 / (1 + np.exp(-centred)), np.cumsum(p)[:-1], rtol=1e-8)


@pytest.mark.parametrize("family", ["gaussian", "bernoulli"])
def test_a_joint_prior_has_the_density_of_its_parts(family):
    """Free variables are icc, total_sd and shares as stated; sds and sigma follow."""
    rng = np.random.default_rng(6)
    table = pd.DataFrame({"g": np.arange(24) % 6, "h": np.arange(24) % 4, "x": rng.normal(size=24)})
    table["y"] = rng.normal(size=24) if family == "gaussian" else rng.integers(0, 2, 24)
    own = {"icc": pp.Prior("Beta", alpha=2, beta=5), "share_g": pp.Prior("Dirichlet", a=3)}
    own |= {"total_sd": pp.Prior("HalfNormal", sigma=2)} if family == "gaussian" else {}
    model = pp.build_model("y ~ 1 + (x || g) + (1 | h)", table, family=family, priors=own)
    whole = {"total_sd"} if family == "gaussian" else set()
    assert {v.name for v in model.free_RVs} == {"beta_scaled", "icc", "shares", "z_g", "z_h", *whole}
    named = ["icc", "shares", "sd_g", "sd_h", *sorted(whole), *(["sigma"] if whole else [])]
    icc, shares, sd_g, sd_h, *rest = at(model, named, random_point(model))[:-1]
    total = rest[0] if whole else np.pi / np.sqrt(3 * (1 - icc))
    np.testing.assert_allclose(sd_g, total * np.sqrt(icc * shares[:2] / [1, (table["x"] ** 2).mean()]))
    np.testing.assert_allclose(sd_h, total * np.sqrt(icc * shares[2:]))
    if whole:
        assert rest[1] == pytest.approx(total * np.sqrt(1 - icc))
    terms = dict(
        zip([v.name for v in model.free_RVs], model.logp(vars=model.free_RVs, sum=False, jacobian=False), strict=True)
    )
    point = random_point(model)
    f = pytensor.function(
        model.value_vars, [terms["icc"], terms["shares"]], mode="FAST_COMPILE", on_unused_input="ignore"
    )
    density = f(*[point[v.name] for v in model.value_vars])
    assert density[0] == pytest.approx(stats.beta(2, 5).logpdf(icc))
    assert density[1] == pytest.approx(stats.dirichlet([3, 3, 1]).logpdf(shares))


@pytest.mark.parametrize("formula", ["y ~ x + (1 | animal)", "y ~ x + (x | animal)"])
def test_related_levels_have_the_stated_covariance(formula):
    """b = L z (diag(sd) L_corr)': rows of z mixed by the root of K, columns by that of Sigma."""
    kinship = sib_matrix()
    data, _ = traits(kinship, sd=2, sigma=1, rows=100, seed=1)
    model = pp.build_model(formula, data, cov={"animal": kinship})
    point = random_point(model)
    sd, b, _ = at(model, ["sd_animal", "b_animal"], point)
    half = np.diag(sd)
    if "(x |" in formula:
        corr, _ = at(model, ["corr_animal"], point)
        at_zero = np.array([[1.0, -data["x"].mean()], [0.0, 1.0]])
        moved = np.linalg.inv(at_zero) @ (sd[:, None] * corr * sd) @ np.linalg.inv(at_zero).T
        half = at_zero @ np.linalg.cholesky(moved)
    own = list(model.coords["animal"])
    root = np.linalg.cholesky(kinship.loc[own, own].to_numpy())
    np.testing.assert_allclose(b, root @ point["z_animal"] @ half.T, rtol=1e-8)
    with pytest.raises(pp.SpecError, match="sampled non-centred"):
        pp.build_model(formula, data, cov={"animal": kinship}, parametrization={"animal": "centered"})
