"""Leave-one-level-out: importance sampling, exact refits and evidence agree; subsets keep codings and priors."""

import json

import numpy as np
import pytest

import partialpool as pp
from partialpool import leaveout
from partialpool.design.subset import keep_rows
from partialpool.leaveout import refit_without, score_levels


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
