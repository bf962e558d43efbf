"""Other priors: the page's posteriors are those of full fits."""

from dataclasses import replace

import numpy as np
import pytest

import partialpool as pp
from partialpool.distributions.frozen import frozen
from partialpool.errors import EngineError
from partialpool.explorer import studies
from partialpool.explorer.curves import chosen_effect
from partialpool.explorer.studies import FAMILIES, OWN, prior_scales, prior_studies


def studied(fit, effect=None, seed=1):
    about = (fit, *chosen_effect(fit.design, None, effect))
    return prior_studies(*about, prior_scales(*about), seed=seed, progressbar=False)


@pytest.fixture(scope="module")
def of_schools(schools):
    return studied(schools)


def test_the_fit_itself_comes_first_and_every_family_has_every_scale(schools, of_schools):
    own, *others = of_schools
    prior = schools.priors["sd_school[Intercept]"]
    assert own.family == "half-t(3)"
    assert FAMILIES[own.family](own.scale) == prior
    np.testing.assert_array_equal(own.sd, schools.posterior["sd_school"].to_numpy().ravel())
    np.testing.assert_array_equal(own.icc, pp.icc(schools)["icc"].to_numpy().ravel())
    for family in FAMILIES:
        sizes = sorted(s.scale for s in of_schools if s.family == family)
        np.testing.assert_allclose(sizes, own.scale * 2.0 ** np.arange(-6, 3))
    assert len(others) == len(FAMILIES) * 9 - 1
    assert all(s.good for s in of_schools)


@pytest.mark.parametrize("given", [0.1, 3.0, 1e4])
def test_scales_reach_both_sides_of_the_data_whatever_the_fits_own(given, schools):
    name, prior = "sd_school[Intercept]", pp.Prior("HalfNormal", sigma=given)
    entries = tuple(replace(e, prior=prior) if e.parameter == name else e for e in schools.priors.entries)
    fit = replace(schools, priors=replace(schools.priors, entries=entries))
    scales = prior_scales(fit, fit.design.factors[0], "Intercept")
    default = schools.priors["sd_school[Intercept]"].arguments["sigma"]
    assert scales.sizes[scales.start] == given
    assert len(scales.sizes) == 9
    assert (np.diff(scales.sizes) > 0).all()
    assert scales.sizes[0] <= default / 64 * (1 + 1e-9)
    assert scales.sizes[-1] >= default * 4 * (1 - 1e-9)
    assert scales.sizes[0] <= given / 64 * (1 + 1e-9)
    assert scales.sizes[-1] >= given * 4 * (1 - 1e-9)


@pytest.mark.parametrize("unit", [0.1, 0.7, 3.0, 11.0])
def test_a_coarse_grid_and_a_fine_one_have_the_very_same_scales_in_common(unit):
    table = pp.load_dataset("dyestuff").assign(Yield=lambda t: t["Yield"] * unit)
    fit = pp.fit("Yield ~ 1 + (1 | Batch)", table, seed=1, progressbar=False)
    coarse, fine = (prior_scales(fit, fit.design.factors[0], "Intercept", places).sizes for places in (5, 9))
    assert coarse == fine[::2]


def test_a_study_is_a_fit_under_that_prior(schools, of_schools):
    study = next(s for s in of_schools if s.family == "exponential" and s.scale < 0.3)
    prior = FAMILIES["exponential"](study.scale)
    fit = pp.fit("effect ~ 1 + (1 | school)", pp.load_dataset("eight_schools"), se="standard_error", seed=1,
                 priors={"sd_school[Intercept]": prior}, progressbar=False)  # fmt: skip
    np.testing.assert_allclose(study.sd, fit.posterior["sd_school"].to_numpy().ravel())
    np.testing.assert_allclose(study.icc, pp.icc(fit)["icc"].to_numpy().ravel())
    x = np.array([0.0, 0.1, 1.0])
    np.testing.assert_allclose(study.prior(x), frozen(prior).pdf(x))
    assert frozen(prior).mean() == pytest.approx(study.scale)


def test_a_wider_prior_gives_a_wider_posterior_where_data_are_few(of_schools):
    for family in FAMILIES:
        own = sorted((s for s in of_schools if s.family == family), key=lambda s: s.scale)
        medians = np.array([np.median(s.sd) for s in own])
        assert (np.diff(medians) > 0).all()
        assert medians[-1] > 20 * medians[0]


def test_the_prior_of_the_icc_is_that_of_its_parts(schools, of_schools):
    own = of_schools[0]
    se = np.sqrt(np.mean(schools.design.se**2))
    sd = frozen(schools.priors["sd_school[Intercept]"]).rvs(size=4000, random_state=np.random.default_rng(0))
    expected = np.mean(sd**2 / (sd**2 + se**2))
    error = own.prior_icc.std() / np.sqrt(4000)
    assert abs(own.prior_icc.mean() - expected) < 5 * np.sqrt(2) * error


def few(monkeypatch):
    """Two refits in place of 36."""
    monkeypatch.setattr(studies, "PLACES", 1)
    monkeypatch.setattr(studies, "FAMILIES", dict(list(FAMILIES.items())[:2]))


def test_a_prior_of_another_family_is_its_own(monkeypatch, gamma):
    few(monkeypatch)
    own, first, _ = studied(gamma)
    assert own.family == OWN
    assert np.isnan(own.scale)
    np.testing.assert_allclose(own.prior(np.array([10.0])), frozen(gamma.priors["sd_Batch[Intercept]"]).pdf(10.0))
    # The scale of the others is that of the default prior.
    assert first.scale == pytest.approx(gamma.design.response.values.std())


def test_a_joint_prior_of_icc_and_total_sd_gives_way_to_priors_of_the_sd(monkeypatch):
    few(monkeypatch)
    fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), seed=1,
                 priors={"icc": pp.Prior("Beta", alpha=2, beta=2)}, progressbar=False)  # fmt: skip
    own, first, second = studied(fit)
    assert own.family == OWN
    x = np.linspace(0, 2000, 1001)
    assert np.trapezoid(own.prior(x), x) == pytest.approx(1.0, abs=0.02)
    for study in (first, second):
        assert study.good
        assert len(study.sd) == 4000


def test_a_refit_that_fails_leaves_a_gap(monkeypatch, schools):
    few(monkeypatch)

    def fail(*_):
        raise EngineError("no", got="no", allowed="no", do="no")

    monkeypatch.setattr(studies, "_refitted", fail)
    own, *others = studied(schools)  # half-t(3) is the fit itself
    assert len(own.sd) == 4000
    assert [s.family for s in others] == ["half-normal"]
    assert not any(len(s.sd) or len(s.icc) or s.good for s in others)


def test_a_fit_by_the_other_engine_would_be_refitted_by_this_one(monkeypatch, schools):
    few(monkeypatch)
    monkeypatch.setitem(schools.tree.attrs, "engine", "nuts")
    monkeypatch.setattr(
        "partialpool.sampling.nuts.NutsEngine.run", lambda *_: pytest.fail("compiles for half a minute")
    )
    assert all(study.good for study in studied(schools))


def test_only_the_sd_in_question_has_another_prior(monkeypatch, sleep):
    few(monkeypatch)
    parameter = "sd_Subject[Days]"
    seen = []
    monkeypatch.setattr(studies, "_refitted", lambda design, seed: seen.append(design.spec.priors) or sleep)
    studied(sleep, "Days")
    assert [dict(priors) for priors in seen] == [{parameter: FAMILIES["half-normal"](studied(sleep, "Days")[0].scale)}]
