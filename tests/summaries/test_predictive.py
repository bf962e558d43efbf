"""What the prior says of derived quantities and of tables, and the warning when it says too much; the picture."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import partialpool as pp


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_the_priors_icc_is_that_of_its_draws():
    tree = pp.prior_predictive("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), draws=300, seed=1)
    prior, derived = tree["prior"].to_dataset(), tree["derived"].to_dataset()
    sd, sigma = prior["sd_Batch"].to_numpy()[..., 0], prior["sigma"].to_numpy()
    assert derived["icc"].to_numpy()[..., 0] == pytest.approx(sd**2 / (sd**2 + sigma**2))
    assert derived["sd"].to_numpy() == pytest.approx(np.hypot(sd, sigma))


def test_default_priors_are_quiet_and_absurd_ones_warn():
    data = pp.load_dataset("contraception")
    formula = "use ~ age + urban + (1 | district)"
    quiet = pp.prior_predictive(formula, data, family="bernoulli", draws=200, seed=1)
    assert quiet.attrs["implausible"] < 0.2
    absurd = {"beta[Intercept]": pp.Prior("Normal", mu=0, sigma=200)}
    with pytest.warns(pp.DataWarning, match="the priors put .* % of their mass on tables in which everybody fails"):
        loud = pp.prior_predictive(formula, data, family="bernoulli", priors=absurd, draws=200, seed=1)
    assert loud.attrs["implausible"] > 0.5


def test_the_picture_has_tables_spread_and_icc():
    tree = pp.prior_predictive("strength ~ 1 + (1 | batch/cask)", pp.load_dataset("pastes"), draws=200, seed=1)
    axes = pp.plot_prior_predictive(tree, unit="%").axes
    assert [panel.get_title(loc="left") for panel in axes] == [
        "Tables", "How far responses scatter", "How alike members of a group are",
    ]  # fmt: skip
    assert axes[0].get_xlabel() == "strength (%)"
    assert [t.get_text() for t in axes[2].get_legend().get_texts()] == ["batch", "batch:cask"]
    plain = pp.prior_predictive("Reaction ~ Days", pp.load_dataset("sleepstudy"), draws=100, seed=1)
    assert len(pp.plot_prior_predictive(plain).axes) == 2
