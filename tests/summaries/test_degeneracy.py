"""Singularity at given draws: masses by counting, priors by closed forms, ranks, advice, lme4's verdict."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import partialpool as pp
from checks.fixed import fit_at
from partialpool.design.build import build_design
from partialpool.design.scaling import resolve_priors
from partialpool.summaries.degeneracy import _rows_alike, singularity

SLEEP = "Reaction ~ Days + (Days | Subject)"


def at(sd, corr=0.0, *, data=None, formula=SLEEP, sigma=25.0):
    """A fit whose draws of sd and corr at mean Days are given, (draws, effects), of sleepstudy or data of its shape."""
    sd = np.atleast_2d(np.asarray(sd, float))
    n = len(sd)
    r = np.broadcast_to(np.asarray(corr, float), n)
    matrices = np.stack([np.stack([np.ones(n), r], -1), np.stack([r, np.ones(n)], -1)], -1)
    to_zero = np.array([[1, -4.5], [0, 1]])
    covariance = to_zero @ (sd[:, :, None] * matrices * sd[:, None, :]) @ to_zero.T
    sd = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    matrices = covariance / (sd[:, :, None] * sd[:, None, :])
    values = {
        "beta": np.tile([250.0, 10.0], (n, 1)), "sd_Subject": sd, "sigma": np.full(n, sigma),
        "b_Subject": np.zeros((n, 18, sd.shape[1])), "corr_Subject": matrices,
    }  # fmt: skip
    return fit_at(formula, pp.load_dataset("sleepstudy") if data is None else data, draws=n, **values)


def independent(slope):
    """Data of sleepstudy's shape, intercepts and slopes independent."""
    rng = np.random.default_rng(5)
    data = pp.load_dataset("sleepstudy")[["Days", "Subject"]].copy()
    subject = np.repeat(np.arange(18), 10)
    u, v = 20 * rng.normal(size=18), slope * rng.normal(size=18)
    data["Reaction"] = 250 + u[subject] + (10 + v[subject]) * data["Days"] + 25 * rng.normal(size=180)
    return data


def test_masses_by_counting_and_the_prior_by_its_formula():
    data, days = independent(0.0), np.std(np.arange(10))
    draws = np.stack([np.full(200, 20.0), np.linspace(0.005, 2, 200)], axis=-1)
    found = singularity(at(draws, data=data))
    # A design effect of 1.1 with ten rows a level: sd^2 = 0.1 sigma^2 / 10.
    assert found["small"].to_numpy() == pytest.approx([2.5, 2.5])
    assert found["near_zero"].to_numpy() == pytest.approx([0, (draws[:, 1] * days < 2.5).mean()])
    scale = data["Reaction"].std(ddof=0)
    prior = 2 * stats.t(3, 0, scale).cdf(2.5) - 1
    assert found["near_zero_prior"].to_numpy() == pytest.approx([prior, prior])
    assert found["supported"].to_numpy().tolist() == [True, False]
    assert found.attrs["simpler"] == "Reaction ~ Days + (1 | Subject)"
    assert found.attrs["sentence"].startswith("The data do not support that Days varies over Subject")
    # The drawn prior density is the one the masses are of.
    grid, density = found["grid"].to_numpy(), found["prior_density"].sel(term="Subject: Days").to_numpy()
    assert density == pytest.approx(2 * stats.t(3, 0, scale).pdf(grid))


def test_correlations_near_one():
    fit = at(np.tile([20.0, 6.0], (100, 1)), np.repeat([0.5, 0.99], [70, 30]), data=independent(6.0))
    found = singularity(fit)
    assert found["extreme"].to_numpy() == pytest.approx([0.3])
    assert found["extreme_prior"].to_numpy() == pytest.approx([2 * stats.beta(2, 2).cdf(0.025)])
    assert found["piled"].to_numpy().tolist() == [True]
    assert found.attrs["simpler"] == "Reaction ~ Days + (Days || Subject)"
    assert "are nearly one effect" in found.attrs["sentence"]


def test_a_small_sd_that_large_levels_tell_stays():
    """A level of 1,500 rows tells an sd of 0.07 sigma; without it the standard error would be a third."""
    rng = np.random.default_rng(0)
    g = np.repeat(np.arange(50), 1500)
    fit = pp.fit("y ~ 1 + (1 | g)", {"y": 0.07 * rng.normal(size=50)[g] + rng.normal(size=75_000), "g": g}, seed=1,
                 progressbar=False)  # fmt: skip
    found = singularity(fit)
    assert found.attrs["simpler"] == ""
    assert float(found["near_zero"][0]) < 0.01


@pytest.mark.parametrize("formula", ["y ~ x + (x | g)", "y ~ within(x, g) + (within(x, g) | g)"])
def test_effects_that_are_truly_one_are_said_to_be_and_stay(formula):
    rng = np.random.default_rng(1)
    g, x, u = np.repeat(np.arange(30), 20), rng.normal(size=600), rng.normal(size=30)
    y = u[g] * (1 + 0.9 * x) + 0.3 * rng.normal(size=600)
    found = singularity(pp.fit(formula, {"y": y, "x": x, "g": g}, seed=1, progressbar=False))
    assert found["piled"].to_numpy().tolist() == [True]
    assert found.attrs["simpler"] == ""
    assert found.attrs["sentence"].endswith("No simpler model is advised.")
    # Independent effects are far worse, which is why they are not advised.
    slope = formula[4 : formula.index(" + (")]
    full, other = (
        pp.maximum_likelihood(f, {"y": y, "x": x, "g": g}) for f in (formula, f"y ~ {slope} + ({slope} || g)")
    )
    assert other.deviance > full.deviance + 20


def test_groups_in_another_order_are_no_simpler_model():
    rng = np.random.default_rng(2)
    g, h, x = np.repeat(np.arange(20), 20), np.tile(np.arange(10), 40), rng.normal(size=400)
    y = rng.normal(size=20)[g] + rng.normal(size=10)[h] + rng.normal(size=20)[g] * x + rng.normal(size=400)
    fit = pp.fit("y ~ x + (1 | g) + (1 | h) + (0 + x | g)", {"y": y, "x": x, "g": g, "h": h}, seed=1, progressbar=False)
    found = singularity(fit)
    assert found.attrs["simpler"] == ""
    assert found.attrs["sentence"] == "The data support every effect that varies."


def test_effective_rank():
    days = np.std(np.arange(10))
    equal = singularity(at([[20.0, 20 / days]]))["effective_rank"].item()
    assert equal == pytest.approx(2)
    assert singularity(at([[20.0, 20 / days]], 1.0))["effective_rank"].item() == pytest.approx(1, abs=1e-6)
    sizes = np.array([400, (6 * days) ** 2])
    share = sizes / sizes.sum()
    expected = np.exp(-(share * np.log(share)).sum())
    assert singularity(at([[20.0, 6.0]]))["effective_rank"].item() == pytest.approx(expected)


def test_the_ml_fit_is_judged_as_lme4_does():
    fine = singularity(at([[20.0, 6.0]]))
    assert fine.attrs["ml_singular"] == "no"
    ml = pp.maximum_likelihood(SLEEP, pp.load_dataset("sleepstudy")).maximum
    sd, r = ml.sd[0] / ml.sigma, ml.corr[0][0, 1]
    assert fine["ml_relative"].to_numpy() == pytest.approx([sd[0], sd[1] * np.sqrt(1 - r**2)])
    fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff2"), seed=1, progressbar=False)
    singular = singularity(fit)
    assert singular.attrs["ml_singular"] == "yes"
    assert float(singular["ml_relative"][0]) < 1e-4
    assert singular.attrs["simpler"] == ""
    assert singular.attrs["sentence"].startswith("The sd of Intercept over Batch is estimated small")
    assert singular.attrs["sentence"].endswith(singular.attrs["advice"])
    advice = "Keep Batch if the design has it: without it rows of one level count as independent."
    assert singular.attrs["advice"] == advice


def test_data_that_support_everything_say_so(sleepstudy):
    found = singularity(pp.fit(SLEEP, sleepstudy, seed=1, progressbar=False))
    assert found.attrs["sentence"] == "The data support every effect that varies."
    assert found.attrs["simpler"] == ""


def test_a_term_goes_when_all_its_categories_do():
    rng = np.random.default_rng(0)
    data = {
        "y": rng.normal(size=60),
        "c": np.tile(list("uvw"), 20),
        "x": rng.normal(size=60),
        "g": np.repeat(np.arange(6), 10),
    }
    n, tiny = 100, 1e-4
    for sds, expected in (
        ([1, tiny, tiny, 1], "y ~ c + x + (x | g)"),
        ([1, tiny, 1, tiny], "y ~ c + x + (c | g)"),
        ([tiny, 1, 1, tiny], "y ~ c + x + (c | g)"),
        ([tiny, tiny, tiny, tiny], "y ~ c + x + (1 | g)"),
    ):
        fit = fit_at(
            "y ~ c + x + (c + x | g)", data, draws=n, beta=np.zeros((n, 4)), sd_g=np.tile(sds, (n, 1)),
            corr_g=np.tile(np.eye(4), (n, 1, 1)), sigma=np.ones(n), b_g=np.zeros((n, 6, 4)),
        )  # fmt: skip
        assert singularity(fit).attrs["simpler"] == expected


def test_other_families_have_no_exact_likelihood_and_say_why():
    data = pp.load_dataset("contraception")
    fit = fit_at("use ~ urban + (1 | district)", data, family="bernoulli", beta=[-0.7, 0.7], sd_district=[0.5])
    found = singularity(fit)
    assert "no exact likelihood" in found.attrs["ml_singular"]
    assert np.isnan(found["ml_relative"].to_numpy()).all()
    assert found["small"].item() == pytest.approx(
        np.pi / np.sqrt(3) * np.sqrt(0.1 / (np.bincount(fit.design.factors[0].codes) ** 2).sum() * fit.design.n_rows)
    )
    assert found.attrs["sentence"] == "The data support every effect that varies."


def test_no_groups():
    fit = fit_at("y ~ x", {"y": [1.0, 2, 4, 3], "x": [0.0, 1, 2, 3]}, beta=[0, 1], sigma=1.0)
    with pytest.raises(pp.DataError, match="only effects that vary"):
        singularity(fit)


def test_many_unrelated_levels_need_no_matrix_of_them():
    """Rows that tell of one level: 60,000 levels squared would be 29 GB."""
    codes = np.repeat(np.arange(60_000), 2)
    table = {"y": np.arange(len(codes)) % 7, "g": codes}
    factor = build_design(pp.ModelSpec.from_formula("y ~ 1 + (1 | g)"), table).factors[0]
    assert _rows_alike(factor, np.ones(len(codes))) == 2.0


def test_a_slope_without_an_intercept_contributes_at_its_root_mean_square():
    """Years far from zero: the sd of the column is 2.2, what the effect adds is 2001 sds of it."""
    year = np.tile([1998.0, 2000, 2002, 2004], 27)
    data = {"y": np.sin(np.arange(108)), "year": year, "g": np.repeat(np.arange(27), 4)}
    fit = fit_at("y ~ year + (0 + year | g)", data, beta=[0.0, 0.1], sd_g=[1e-3], sigma=1.4)
    found = singularity(fit)
    assert found["contribution"].item() == pytest.approx(1e-3 * np.sqrt((year**2).mean()))
    assert bool(found["supported"].item())


def test_where_zero_is_changes_nothing():
    data = pp.load_dataset("sleepstudy")
    given = {"beta": [250.0, 10.0], "sigma": 25.0, "sd_Subject": [24.0, 6.0], "corr_Subject": [[1, 0.1], [0.1, 1]]}
    here = singularity(fit_at(SLEEP, data, **given))
    later = data.assign(Days=data["Days"] + 2000)
    moved = np.array([[1, -2000], [0, 1]])
    sigma = moved @ (np.outer([24, 6], [24, 6]) * np.array([[1, 0.1], [0.1, 1]])) @ moved.T
    sd = np.sqrt(np.diagonal(sigma))
    given |= {"beta": [250.0 - 20_000, 10.0], "sd_Subject": sd, "corr_Subject": sigma / np.outer(sd, sd)}
    there = singularity(fit_at(SLEEP, later, **given))
    for name in ("contribution", "small", "near_zero", "near_zero_prior", "correlation", "effective_rank"):
        assert there[name].to_numpy() == pytest.approx(here[name].to_numpy(), rel=1e-5), name


def test_a_mass_above_zero_is_supported_whatever_the_prior():
    """84 % of the posterior above the threshold, a prior so wide that it has next to nothing below it (Lindley)."""
    data = independent(3.0)
    slope = np.where(np.arange(100) < 16, 0.1, 5.0)
    fit = at(np.stack([np.full(100, 20.0), slope], axis=-1), data=data)
    priors = {name: pp.Prior("HalfNormal", sigma=1e6) for name in ("sd_Subject[Intercept]", "sd_Subject[Days]")}
    wide = replace(fit, priors=resolve_priors(build_design(fit.spec.with_priors(priors), data)))
    for one in (fit, wide):
        found = singularity(one)
        assert found["near_zero"].to_numpy() == pytest.approx([0, 0.16])
        assert found["supported"].to_numpy().all()


def test_trials_count_however_they_are_added_up():
    rng = np.random.default_rng(5)
    k = rng.binomial(250, 0.3, (40, 10))
    study, x = np.repeat(np.arange(20), 2), rng.normal(size=40)
    whole = {"k": k.sum(1), "n": np.full(40, 2500), "study": study, "x": x}
    parts = {"k": k.ravel(), "n": np.full(400, 250), "study": np.repeat(study, 10), "x": np.repeat(x, 10)}
    given = {"beta": [-1.0, 0.2], "sd_study": [0.3, 0.1], "corr_study": [[1, 0.2], [0.2, 1]]}
    one, ten = (fit_at("p(k, n) ~ x + (x | study)", data, family="binomial", **given) for data in (whole, parts))
    for name in ("contribution", "small", "near_zero", "supported", "effective_rank"):
        assert singularity(one)[name].to_numpy() == pytest.approx(singularity(ten)[name].to_numpy()), name
    assert singularity(one)["small"].to_numpy() == pytest.approx(np.full(2, np.sqrt(0.1 * np.pi**2 / 3 / 5000)))
    for name in ("design_effect", "effective_sample_size", "rows_per_level"):
        assert pp.design_effect(one)[name].to_numpy() == pytest.approx(pp.design_effect(ten)[name].to_numpy()), name
    assert pp.design_effect(one).attrs["counted"] == "trials"
    plain = fit_at("p(k, n) ~ 1 + (1 | study)", whole, family="binomial", beta=[-1.0], sd_study=[0.3])
    kish = 1 + 4999 * 0.09 / (0.09 + np.pi**2 / 3)
    assert pp.design_effect(plain)["design_effect"].item() == pytest.approx(kish)


def test_known_errors_tell_the_noise_of_levels_with_one_row():
    schools = pp.load_dataset("eight_schools")
    fit = fit_at("effect | se(standard_error) ~ 1 + (1 | school)", schools, beta=[8.0], sd_school=[10.0])
    precision = schools["standard_error"] ** -2.0
    assert singularity(fit)["small"].item() == pytest.approx(np.sqrt(0.1 * precision.sum() / (precision**2).sum()))
