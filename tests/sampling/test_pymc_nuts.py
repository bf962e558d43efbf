"""The pymc engine: the PyMC model of `build_model`, sampled by nutpie and by PyMC itself."""

import pytest

import partialpool as pp
from checks.posterior import DEFAULTS, REFERENCE, check_against_reference


@pytest.mark.thorough
def test_counts_agree_with_the_reference():
    fit = pp.fit(
        "p(incidence, size) ~ period + (1 | herd)",
        pp.load_dataset("cbpp"),
        family="binomial",
        engine="pymc",
        seed=1,
        progressbar=False,
    )
    check_against_reference(fit, DEFAULTS["cbpp", "p(incidence, size) ~ period + (1 | herd)"])


@pytest.mark.thorough
def test_the_pymc_sampler_gives_the_same_variables():
    fit = pp.fit(
        "effect | se(standard_error) ~ 1 + (1 | school)",
        pp.load_dataset("eight_schools"),
        engine="pymc",
        sampler="pymc",
        seed=1,
        cores=1,
        keep_z=True,
        progressbar=False,
    )
    check_against_reference(fit, REFERENCE["eight_schools", "effect ~ 1 + (1 | school), known sd"], min_ess=400)
    assert {"diverging", "energy", "lp", "tree_depth", "n_steps"} <= set(fit.tree["sample_stats"].data_vars)
    assert "pymc" in repr(fit)
    posterior = fit.posterior
    assert posterior["z_school"].dims == posterior["b_school"].dims
    b = posterior["z_school"] * posterior["sd_school"]
    assert b.to_numpy() == pytest.approx(posterior["b_school"].to_numpy(), rel=1e-9)
