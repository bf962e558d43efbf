"""Leave-one-level-out: importance sampling, exact refits and evidence agree; subsets keep codings and priors."""

import json

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import partialpool as pp
from partialpool.design.subset import keep_rows
from partialpool.questions import cross_validation as leaveout
from partialpool.questions.cross_validation import leave_one_out, refit_without, score_levels, score_rows


def evidence(fit):
    run = json.loads(fit.tree.attrs["run"])
    return run["log_evidence"], run["log_evidence_se"]


@pytest.fixture(scope="module")
def slopes(sleepstudy):
    return pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, seed=1, progressbar=False)


def test_a_subset_keeps_codings_centres_and_units(slopes):
    design = slopes.design
    part = keep_rows(design, design.factors[0].codes != 3)
    assert part.n_rows == 170
    assert part.factors[0].n_levels == 17
    assert [part.factors[0].levels.labels[c] for c in part.factors[0].codes] == [
        design.factors[0].levels.labels[c] for c in design.factors[0].codes if c != 3
    ]
    assert part.common.center is design.common.center
    assert part.units == design.units
    assert len(part.frame) == 170


def test_importance_sampling_agrees_with_exact_refits(slopes):
    """log p(y_j | y_-j) = log p(y) - log p(y_-j), where k-hat is good: within five Monte Carlo errors."""
    codes = slopes.design.factors[0].codes
    scores = score_levels(slopes, codes, seed=1).loo
    whole, whole_se = evidence(slopes)
    joint = leaveout.joint_log_density(slopes.design, codes, slopes.stacked())
    for level in np.argsort(scores.pareto_k.to_numpy())[:4]:
        without, se = evidence(refit_without(slopes, codes == level, seed=3))
        ratios = np.exp(-(joint[:, level] - joint[:, level].max()))
        mine = ratios.std() / ratios.mean() / np.sqrt(len(ratios) / 4)  # draws are nearly independent
        assert abs(scores.elpd_i.to_numpy()[level] - (whole - without)) < 5 * np.sqrt(whole_se**2 + se**2 + mine**2)


def test_levels_whose_weights_fail_are_refitted(slopes, monkeypatch):
    codes = slopes.design.factors[0].codes
    plain = score_levels(slopes, codes, seed=1)
    monkeypatch.setattr(leaveout, "MAX_KHAT", 0.3)
    strict = score_levels(slopes, codes, seed=1)
    high = plain.loo.pareto_k.to_numpy() > 0.3
    assert (strict.refitted | plain.refitted)[high].all()
    assert np.isnan(strict.loo.pareto_k.to_numpy()[strict.refitted]).all()
    assert not strict.loo.warning
    both = strict.refitted & ~plain.refitted
    assert both.any()
    gap = strict.loo.elpd_i.to_numpy()[both] - plain.loo.elpd_i.to_numpy()[both]
    assert np.abs(gap).max() < 0.5
    assert strict.loo.elpd == pytest.approx(strict.loo.elpd_i.to_numpy().sum())


def test_a_refit_without_evidence_averages_over_its_draws(slopes, monkeypatch):
    """A level, and a row: mean density under the refit's draws, within five errors of the difference of evidences."""
    for rows in (slopes.design.factors[0].codes == 8, np.arange(180) == 57):
        exact, exact_se = leaveout._exactly(rows, 3, slopes)
        with monkeypatch.context() as patched:
            patched.setattr(leaveout, "_evidence", lambda _: None)
            found, se = leaveout._exactly(rows, 4, slopes)
        assert 0 < se < 0.3
        assert abs(found - exact) < 5 * np.hypot(se, np.hypot(exact_se, evidence(slopes)[1]))


def test_refits_on_request(slopes, monkeypatch):
    plain, again = score_rows(slopes), score_rows(slopes, refit=True, seed=1)
    high = plain.loo.pareto_k.to_numpy() > 0.7
    assert high.any()
    assert not plain.refitted.any()
    assert again.refitted.tolist() == high.tolist()
    assert not again.loo.warning
    assert again.loo.elpd_i.to_numpy()[~high] == pytest.approx(plain.loo.elpd_i.to_numpy()[~high])
    whole, _ = evidence(slopes)
    for row in np.flatnonzero(high)[:2]:
        without, se = evidence(refit_without(slopes, np.arange(180) == row, seed=9))
        assert again.loo.elpd_i.to_numpy()[row] == pytest.approx(whole - without, abs=10 * se)
    # Levels of an engine without evidence are refitted on request alone.
    monkeypatch.setattr(leaveout, "_evidence", lambda _: None)
    codes = slopes.design.factors[0].codes
    weights = score_levels(slopes, codes)
    assert weights.loo.warning
    assert not weights.refitted.any()
    assert score_levels(slopes, codes, refit=True, seed=1).refitted.sum() == (weights.loo.pareto_k > 0.7).sum()


def test_the_only_row_of_a_level_is_left_out_with_its_level():
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(7), [1, 4, 4, 4, 4, 4, 4])
    data = {"y": rng.normal(size=7)[g] + rng.normal(size=25), "g": g}
    fit = pp.fit("y ~ 1 + (1 | g)", data, seed=1, progressbar=False)
    rows = np.arange(25) == 0
    exact, exact_se = leaveout._exactly(rows, 3, fit)
    draws = leaveout._at_all_levels(fit, refit_without(fit, rows, seed=4))
    sd = np.hypot(draws["sd_g"][:, 0], draws["sigma"])
    density = stats.norm.pdf(data["y"][0], draws["beta"][:, 0], sd)
    error = density.std() / density.mean() / np.sqrt(len(density) / 4)
    assert abs(np.log(density.mean()) - exact) < 5 * np.hypot(error, np.hypot(exact_se, evidence(fit)[1]))


def test_the_monte_carlo_error_is_that_over_seeds():
    """The sd of the score over 20 seeds, itself known to a fifth, beside the errors that are reported."""
    rng = np.random.default_rng(2)
    g = np.repeat(np.arange(12), 6)
    data = {"y": rng.normal(size=12)[g] + rng.normal(size=72), "g": g}
    found = []
    for seed in range(20):
        fit = pp.fit("y ~ 1 + (1 | g)", data, seed=seed, draws=250, progressbar=False)
        found.append([(s.loo.elpd, s.mcse) for s in (score_levels(fit, g, seed=seed), score_rows(fit))])
    for values, errors in np.array(found).transpose(1, 2, 0):
        assert 0.4 < values.std(ddof=1) / np.sqrt((errors**2).mean()) < 2.0


def test_a_response_without_density_is_an_error(slopes):
    values = np.zeros((4, 1000, 3))
    values[0, :5, 1] = -np.inf
    with pytest.raises(pp.EngineError, match="a response has no density under some draws") as caught:
        leave_one_out(slopes, xr.Dataset({"rows": (("chain", "draw", "row"), values)}))
    assert caught.value.got == "1 of 3 rows, 5 draws"


def test_a_refit_leaves_the_priors_as_they_were(slopes):
    without = refit_without(slopes, slopes.design.factors[0].codes == 0, seed=1)
    assert without.priors is slopes.priors
    assert without.posterior.sizes["Subject"] == 17
    assert without.posterior.sizes["draw"] == 1000
    assert json.loads(without.tree.attrs["priors"]) == json.loads(slopes.tree.attrs["priors"])


def test_a_level_without_which_an_outer_one_is_gone(sleepstudy):
    data = pp.load_dataset("pastes")
    fit = pp.fit("strength ~ 1 + (1 | batch/cask)", data, seed=1, progressbar=False)
    without = refit_without(fit, fit.design.factor_named("batch").codes == 0, seed=1)
    assert without.design.factor_named("batch:cask").n_levels == 27


@pytest.mark.slow
def test_refits_by_nuts_score_what_a_grid_scores():
    """Counts of one mean, a level far out: importance weights fail, a refit is right. log p(y_j | y_-j) on a grid."""
    g = np.repeat(np.arange(8), 6)
    y = np.random.default_rng(3).poisson(np.exp(0.5 + 0.8 * np.random.default_rng(4).normal(size=8)[g]))
    y[5] = 40
    fit = pp.fit("y ~ 1", {"y": y}, family="poisson", seed=1, progressbar=False)
    again = score_levels(fit, g, refit=True, seed=2)
    assert again.refitted[0]
    prior = fit.priors["beta[Intercept]"].arguments
    grid = np.linspace(-3, 5, 20_001)
    rows = stats.poisson.logpmf(y[:, None], np.exp(grid))
    before = stats.norm.logpdf(grid, prior["mu"], prior["sigma"])
    every = np.array(
        [np.logaddexp.reduce(before + rows[use].sum(axis=0)) for use in [g >= 0, *(g != j for j in range(8))]]
    )
    exact = every[0] - every[1:]
    # The refit averages densities over 4,000 draws, worth 1,000 at least: its error by 20 such batches of the grid.
    without = np.exp(before + rows[g != 0].sum(axis=0) - every[1])
    draws = np.random.default_rng(5).choice(grid, size=(20, 1000), p=without / without.sum())
    batches = [np.logaddexp.reduce(np.interp(d, grid, rows[g == 0].sum(axis=0))) - np.log(len(d)) for d in draws]
    assert abs(float(again.loo.elpd_i[0]) - exact[0]) < 5 * np.std(batches, ddof=1)
