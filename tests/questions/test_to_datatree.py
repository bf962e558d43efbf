"""ArviZ's functions take the tree as it is: LOO, predictive checks, traces, prior beside posterior."""

import arviz as az
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import partialpool as pp


@pytest.fixture(scope="module")
def tree(sleepstudy_fit):
    return pp.to_datatree(sleepstudy_fit, prior=True, seed=1)


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")
def test_loo_is_that_of_the_row_densities(sleepstudy_fit, tree):
    by_hand = xr.DataTree.from_dict(
        {"posterior": sleepstudy_fit.posterior, "log_likelihood": pp.log_likelihood(sleepstudy_fit)}
    )
    assert az.loo(tree, reff=1.0).elpd == pytest.approx(az.loo(by_hand, reff=1.0).elpd)


@pytest.mark.parametrize("plot", ["plot_trace", "plot_forest", "plot_ppc_dist", "plot_prior_posterior", "plot_rank"])
def test_arviz_draws_it_without_another_argument(tree, plot):
    getattr(az, plot)(tree)
    plt.close("all")


def test_variables_are_parameters_by_default(sleepstudy_fit, tree):
    posterior = tree["posterior"].to_dataset()
    assert list(posterior.data_vars) == pp.summary(sleepstudy_fit).frame.index.tolist()
    np.testing.assert_array_equal(
        posterior["corr_Subject[Intercept, Days]"], sleepstudy_fit.posterior["corr_Subject"][..., 0, 1]
    )
    assert set(tree["prior"].data_vars) == set(posterior.data_vars)
    whole = pp.to_datatree(sleepstudy_fit, effects=True, log_likelihood=False, posterior_predictive=False)
    xr.testing.assert_identical(whole["posterior"].to_dataset(), sleepstudy_fit.posterior)
    assert set(whole.children) == set(sleepstudy_fit.tree.children)


def test_the_fits_own_tree_stays_as_it_is(sleepstudy_fit):
    before = set(sleepstudy_fit.tree.children)
    pp.to_datatree(sleepstudy_fit, seed=1)
    assert set(sleepstudy_fit.tree.children) == before


def test_counts_and_choices_have_it_too():
    data = pp.load_dataset("cbpp")
    fit = pp.fit("p(incidence, size) ~ period + (1 | herd)", data, family="binomial", seed=1, progressbar=False)
    tree = pp.to_datatree(fit, prior=True, seed=1)
    assert tree["posterior_predictive"].sizes["obs"] == len(data)
    assert "sd_herd[Intercept]" in tree["prior"]
