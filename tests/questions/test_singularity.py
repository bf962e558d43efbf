"""Singularity at given draws: masses by counting, priors by closed forms, ranks, advice, lme4's verdict."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import partialpool as pp
from checks.fixed import fit_at
from partialpool.design.build import build_design
from partialpool.model.level_information import information_alike
from partialpool.questions.singularity import singularity
from partialpool.reporting.reported import Reported
from partialpool.reporting.sections.singularity import singularity_section

SLEEP = "Reaction ~ Days + (Days | Subject)"


def at(sd, corr=0.0, *, data=None, formula=SLEEP, sigma=25.0):
    """A fit whose draws of sd at the mean of Days are given, (draws, effects), of sleepstudy or data of its shape."""
    sd = np.atleast_2d(np.asarray(sd, float))
    n = len(sd)
    r = np.broadcast_to(np.asarray(corr, float), n)
    matrices = np.stack([np.stack([np.ones(n), r], -1), np.stack([r, np.ones(n)], -1)], -1)
    data = pp.load_dataset("sleepstudy") if data is None else data
    basis = build_design(pp.ModelSpec.from_formula(formula), data).factors[0].basis
    at_zero, corr_at_zero = basis.at_zero(sd, matrices)
    values = {
        "beta": np.tile([250.0, 10.0], (n, 1)), "sd_Subject": at_zero, "sigma": np.full(n, sigma),
        "b_Subject": np.zeros((n, 18, sd.shape[1])), "corr_Subject": corr_at_zero,
    }  # fmt: skip
    return fit_at(formula, data, draws=n, **values)


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
    # At the mean day, 4.5; the slope in sds of Days.
    first = np.sqrt(sd[0] ** 2 + 9 * r * sd[0] * sd[1] + 4.5**2 * sd[1] ** 2)
    shared = r * sd[0] * sd[1] + 4.5 * sd[1] ** 2
    second = np.sqrt(sd[1] ** 2 - shared**2 / first**2) * np.std(np.arange(10))
    assert fine["ml_relative"].to_numpy() == pytest.approx([first, second])
    fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff2"), seed=1, progressbar=False)
    singular = singularity(fit)
    assert singular.attrs["ml_singular"] == singular.attrs["reml_singular"] == "yes"
    assert float(singular["ml_relative"][0]) < 1e-4
    # The batches structure the data: their intercept is small, and stays.
    assert not singular["supported"].item()
    assert singular.attrs["simpler"] == ""
    assert singular.attrs["sentence"].endswith("Keep it if the design has it.")


def test_ml_and_reml_may_differ_and_the_sentence_says_which():
    """Three balanced groups: Var_ML = ((1 - 1/3) MSB - MSW) / 4 is negative, Var_REML = (MSB - MSW) / 4 is not."""
    within, means = np.array([-1.0, 1, -1, 1]), 0.632 * np.array([-1.0, 0, 1])
    msb, msw = 4 * (means**2).sum() / 2, 3 * (within**2).sum() / 9
    assert (1 - 1 / 3) * msb < msw < msb
    data = {"y": np.add.outer(means, within).ravel(), "g": np.repeat(list("abc"), 4)}
    fit = fit_at("y ~ 1 + (1 | g)", data, beta=[0.0], sd_g=[0.2], sigma=1.0)
    found = singularity(fit)
    assert (found.attrs["ml_singular"], found.attrs["reml_singular"]) == ("yes", "no")
    assert "the fit by maximum likelihood (ML) is singular, that by REML is not" in found.attrs["finding"]
    (note, why) = singularity_section(Reported(fit)).prose
    assert note.text == found.attrs["sentence"]
    assert why.endswith(
        "REML, the default of lme4, estimates variances a little larger: with few levels it may differ."
    )


def test_the_subjects_of_a_trial_are_never_advised_away():
    """Rows of a subject are not independent rows, however small the subjects' sd is estimated."""
    rng = np.random.default_rng(4)
    subject = np.repeat(np.arange(24), 4)
    data = {"y": rng.normal(size=96), "arm": np.repeat(["a", "b"], 48), "subject": subject}
    found = singularity(pp.fit("y ~ arm + (1 | subject)", data, seed=1, progressbar=False))
    assert float(found["near_zero"][0]) > 0.2
    assert found.attrs["simpler"] == ""
    assert bool(found["good"])


def test_a_wide_prior_does_not_make_an_effect_unsupported():
    """Lindley's paradox: a prior with no mass near zero says nothing against an effect that the data prefer."""
    data = independent(1.6)
    table = pp.load_dataset("sleepstudy")[["Days", "Subject"]].assign(Reaction=data["Reaction"])
    wide = {"sd_Subject[Days]": pp.Prior("HalfNormal", sigma=1e4)}
    found = [
        singularity(pp.fit(SLEEP, table, priors=priors, seed=1, progressbar=False)).sel(term="Subject: Days")
        for priors in ({}, wide)
    ]
    assert float(found[1]["near_zero_prior"]) < 0.01 * float(found[0]["near_zero_prior"])
    assert bool(found[0]["supported"]) == bool(found[1]["supported"])


def test_trials_may_be_added_up_into_rows_or_not():
    """Twenty studies of 5,000: chi-square 1,589 on 19 degrees of freedom, in a row each or in ten."""
    rng = np.random.default_rng(5)
    u, names = rng.normal(0, 0.3, 20), np.array([f"s{j:02d}" for j in range(20)])
    parts = rng.binomial(500, 1 / (1 + np.exp(1 - u))[:, None], (20, 10))
    tables = (
        {"study": names, "k": parts.sum(axis=1), "n": np.full(20, 5000)},
        {"study": np.repeat(names, 10), "k": parts.ravel(), "n": np.full(200, 500)},
    )
    found, effects = [], []
    for table in tables:
        fit = fit_at(
            "p(k, n) ~ 1 + (1 | study)", table, family="binomial", draws=2, beta=np.full((2, 1), -1.0),
            sd_study=np.array([[0.25], [0.35]]), b_study=np.zeros((2, 20, 1)),
        )  # fmt: skip
        found.append(singularity(fit))
        effects.append(pp.design_effect(fit))
    assert found[0]["small"].item() == pytest.approx(np.sqrt(np.pi**2 / 3 * 0.1 / 5000))
    assert found[0]["small"].item() == pytest.approx(found[1]["small"].item())
    assert bool(found[0]["supported"].item())
    icc = np.array([0.25, 0.35]) ** 2 / (np.array([0.25, 0.35]) ** 2 + np.pi**2 / 3)
    for answer in effects:
        assert answer["design_effect"].to_numpy().ravel() == pytest.approx(1 + 4999 * icc)
        assert answer.attrs["counted"] == "trials"
        assert answer.attrs["rows"] == 100_000


def test_contributions_are_root_mean_squares_where_no_intercept_varies():
    """A slope alone, in calendar years: what it adds is its sd times 2,000."""
    data = {"y": np.random.default_rng(1).normal(size=40), "year": 1998.0 + np.arange(40) % 4, "g": np.arange(40) % 5}
    fit = fit_at(
        "y ~ year + (0 + year | g)", data, draws=2, beta=np.zeros((2, 2)), sd_g=np.full((2, 1), 0.001),
        sigma=np.ones(2), b_g=np.zeros((2, 5, 1)),
    )  # fmt: skip
    assert singularity(fit)["contribution"].to_numpy() == pytest.approx(0.001 * np.sqrt(np.mean(data["year"] ** 2)))


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


def test_other_families_have_a_likelihood_too():
    data = pp.load_dataset("contraception")
    fit = fit_at("use ~ urban + (1 | district)", data, family="bernoulli", beta=[-0.7, 0.7], sd_district=[0.5])
    found = singularity(fit)
    assert found.attrs["ml_singular"] == "no"
    assert found.attrs["reml_singular"] == "no REML: it is for normal responses"
    (_, why) = singularity_section(Reported(fit)).prose
    assert (
        "by maximum likelihood (ML), because AIC is defined by the maximum of the likelihood. REML is for normal" in why
    )
    ml = pp.maximum_likelihood("use ~ urban + (1 | district)", data, family="bernoulli")
    assert found["ml_relative"].item() == pytest.approx(ml.maximum.sd[0][0], rel=1e-6)
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
    assert information_alike(factor, np.ones(len(codes))) == 2.0


def test_a_mass_above_zero_supports_an_effect():
    """84 % of the posterior above the threshold, while the AIC gains nothing by the slope."""
    slope = np.where(np.arange(100) < 16, 0.1, 5.0)
    found = singularity(at(np.stack([np.full(100, 20.0), slope], axis=-1), data=independent(0.0)))
    assert found["near_zero"].to_numpy() == pytest.approx([0, 0.16])
    assert found["supported"].to_numpy().all()


def test_a_student_t_without_a_variance_has_information():
    """(nu + 1) / ((nu + 3) sigma^2), Lange, Little & Taylor (1989)."""
    data = {"y": np.sin(np.arange(24)), "g": np.repeat(np.arange(6), 4)}
    fit = fit_at("y ~ 1 + (1 | g)", data, family="student_t", beta=[0.0], sd_g=[1.0], sigma=0.7, nu=1.5)
    assert singularity(fit)["small"].item() == pytest.approx(np.sqrt(0.1 * 0.49 * 4.5 / 2.5 / 4))


def test_cell_means_leave_their_intercept_behind():
    rng = np.random.default_rng(0)
    data = {"y": rng.normal(size=60), "c": np.tile(list("uvw"), 20), "g": np.repeat(np.arange(6), 10)}
    fit = fit_at("y ~ c + (0 + c | g)", data, beta=np.zeros(3), sd_g=np.full(3, 1e-4), corr_g=np.eye(3), sigma=1.0)
    assert singularity(fit).attrs["simpler"] == "y ~ c + (1 | g)"


def test_known_errors_tell_the_noise_of_levels_with_one_row():
    schools = pp.load_dataset("eight_schools")
    fit = fit_at("effect | se(standard_error) ~ 1 + (1 | school)", schools, beta=[8.0], sd_school=[10.0])
    precision = schools["standard_error"] ** -2.0
    assert singularity(fit)["small"].item() == pytest.approx(np.sqrt(0.1 * precision.sum() / (precision**2).sum()))


def test_what_no_data_can_divide_is_not_supported_by_them():
    """Six samples, one operator: sample and sample:operator are the same groups of rows."""
    y = [0.92, 0.99, 2.08, 2.05, 3.04, 3.01, 4.13, 4.08, 5.12, 5.11, 6.08, 6.24]
    table = pd.DataFrame({"sample": np.repeat(list("abcdef"), 2), "operator": "SCF", "y": y})
    with pytest.warns(pp.DataWarning, match="not identified"):
        fit = pp.fit("y ~ (1 | sample) + (1 | sample:operator)", table, seed=1, progressbar=False)
    found = pp.singularity(fit)
    assert not found["good"]
    assert found.attrs["sentence"].startswith(
        "With this design sd_sample[Intercept] and sd_sample:operator[Intercept] are not identified: (1 | sample) and "
        "(1 | sample:operator), whose levels are the same groups of rows"
    )
    assert "Consider leaving one of them out." in found.attrs["sentence"]


@pytest.mark.parametrize("zero", [0.0, 2000.0, 19_000.0])
def test_where_zero_is_makes_no_fit_singular(zero):
    rng = np.random.default_rng(5)
    g, t = np.repeat(np.arange(12), 12), np.tile(np.arange(12.0), 12)
    y = rng.normal(size=12)[g] + (0.1 + 0.2 * rng.normal(size=12)[g]) * (t - 5.5) + 0.3 * rng.normal(size=144)
    ml = pp.maximum_likelihood("y ~ t + (t | g)", {"y": y, "t": t + zero, "g": g})
    plain = pp.maximum_likelihood("y ~ t + (t | g)", {"y": y, "t": t, "g": g})
    assert not ml.singular
    np.testing.assert_allclose(ml.maximum.relative[0], plain.maximum.relative[0], rtol=1e-3)


def test_two_levels_that_do_not_differ_support_nothing():
    """The likelihood has its maximum at an sd of 0; two levels cannot tell more."""
    y = np.random.default_rng(100).normal(size=80)
    fit = pp.fit("y ~ 1 + (1 | g)", {"y": y, "g": np.repeat(["A", "B"], 40)}, seed=1, progressbar=False)
    found = pp.singularity(fit)
    assert found["good"]
    assert found["undecided"].item()
    assert found.attrs["sentence"].startswith(
        "The data do not determine whether Intercept varies over g (near zero with pro"
    )
    assert found.attrs["sentence"].endswith(
        "the fits by maximum likelihood (ML) and by REML are singular. Keep it if the design has it."
    )


def test_two_levels_that_differ_support_it():
    y = np.random.default_rng(100).normal(size=80) + np.repeat([0.0, 3.0], 40)
    fit = pp.fit("y ~ 1 + (1 | g)", {"y": y, "g": np.repeat(["A", "B"], 40)}, seed=1, progressbar=False)
    found = pp.singularity(fit)
    assert not found["undecided"].item()
    assert found.attrs["sentence"] == "The data support every effect that varies."


@pytest.mark.parametrize(
    ("family", "cutpoints", "information"),
    [("acat", [0.0, 0.0], 2 / 3), ("sratio", [np.log(1 / 2), 0.0], 2 / 9 + 2 / 3 / 4)],
)
def test_the_information_of_categories_in_steps_is_that_at_the_predictors_means(family, cutpoints, information):
    """Three equally likely categories: the variance of their number; q (1 - q) of each step, of those who reach it."""
    data = pd.DataFrame({"y": [0, 1, 2, 1] * 3, "x": np.arange(12.0), "g": np.repeat(list("abc"), 4)})
    at_zero = [c + 0.3 * data["x"].mean() for c in cutpoints]
    fit = fit_at("y ~ x + (1 | g)", data, family=family, beta=[0.3], sd_g=[0.5], cutpoints=at_zero)
    assert singularity(fit)["small"].item() == pytest.approx(np.sqrt(0.1 / (4 * information)))
