"""The verdict: each failing diagnostic is named, with a cure; a good fit has none."""

import json

import numpy as np
import pytest
import xarray as xr

from partialpool.fitting.convergence import alarm, judge


def tree(beta, *, diverging=0, energy=None, draws=1000):
    rng = np.random.default_rng(9)
    chains = beta.shape[0]
    flags = np.zeros((chains, draws), bool)
    flags.flat[:diverging] = True
    stats = {
        "diverging": (("chain", "draw"), flags),
        "energy": (("chain", "draw"), rng.normal(size=(chains, draws)) if energy is None else energy),
    }
    corr = np.broadcast_to(np.eye(2), (chains, draws, 2, 2)).copy()
    posterior = {"beta": (("chain", "draw"), beta), "corr_g": (("chain", "draw", "a", "b"), corr)}
    return xr.DataTree.from_dict({"posterior": xr.Dataset(posterior), "sample_stats": xr.Dataset(stats)})


@pytest.fixture
def good():
    return np.random.default_rng(1).normal(size=(4, 1000))


def failures(verdict):
    return {finding.check for finding in verdict.findings if not finding.good}


def test_good_draws_are_good_and_a_constant_diagonal_does_no_harm(good):
    verdict = judge(tree(good))
    assert verdict.good
    assert str(verdict).startswith("Diagnostics: good (no divergences; R-hat up to 1.00")


@pytest.mark.parametrize(
    ("spoil", "check", "cure"),
    [
        (lambda d: {"beta": d + np.arange(4)[:, None]}, "R-hat", "raise tune and draws"),
        (lambda d: {"beta": np.repeat(d[:, :20], 50, axis=1)}, "bulk ESS", "raise draws"),
        (lambda d: {"beta": d, "diverging": 3}, "divergences", "raise target_accept"),
        (lambda d: {"beta": d, "energy": np.cumsum(d, axis=1)}, "E-BFMI", "raise tune"),
        (lambda d: {"beta": d[:1]}, "R-hat", "chains=4"),
    ],
)
def test_each_failure_is_named_with_its_cure(good, spoil, check, cure):
    verdict = judge(tree(**spoil(good)))
    assert check in failures(verdict)
    text = str(verdict)
    assert "do not rely on these draws yet" in text
    assert cure in text


@pytest.mark.parametrize(
    ("settings", "cure"),
    [
        ({"target_accept": 0.9, "parametrization": {}}, "raise target_accept to 0.99; or use a tighter prior"),
        (
            {"target_accept": 0.99, "parametrization": {"g": "noncentered"}},
            "use a tighter prior on the sds, or a simpler",
        ),
        ({"target_accept": 0.9, "parametrization": {"g": "centered"}}, "leave out parametrization={'g': 'centered'}"),
    ],
)
def test_the_cure_of_divergences_is_one_that_was_not_tried(good, settings, cure):
    draws = tree(good, diverging=3)
    draws.attrs["settings"] = json.dumps(settings)
    (finding,) = (f for f in judge(draws).findings if f.check == "divergences")
    assert finding.cure.startswith(cure)
    assert alarm(draws) == f"{finding.found}: {finding.cure}"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: {"beta": d + np.arange(4)[:, None]},
        lambda d: {"beta": np.repeat(d[:, :20], 50, axis=1)},
        lambda d: {"beta": d, "diverging": 3},
        lambda d: {"beta": d, "energy": np.cumsum(d, axis=1)},
    ],
)
def test_cures_name_settings_of_the_engine_in_use(good, spoil):
    """The collapsed engine has a warm-up of its own, and no parametrization."""
    draws = tree(**spoil(good))
    draws.attrs |= {"engine": "collapsed", "settings": json.dumps({"parametrization": {"g": "centered"}})}
    cures = " ".join(f.cure for f in judge(draws).findings if not f.good)
    assert cures
    assert "tune" not in cures
    assert "parametrization" not in cures
    assert "tune" not in alarm(draws)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_draws_that_are_no_numbers_are_named(good, wrong):
    good[2, 7] = wrong
    assert "finite" in failures(judge(tree(good)))
    assert "draws of beta are not finite" in alarm(tree(good))


def test_what_cannot_wait(good):
    assert alarm(tree(good)) == ""
    assert "R-hat up to" in alarm(tree(good + np.arange(4)[:, None]))
    assert alarm(tree(good[:1])) == "", "one chain is a wish; the verdict says what it lacks"
    few = np.random.default_rng(4).normal(size=(4, 20))
    assert alarm(tree(few + np.arange(4)[:, None], draws=20)) == "", "few draws are a wish as well"
    # A little apart (R-hat 1.02): in the verdict, and no alarm.
    apart = good + 0.18 * np.arange(4)[:, None]
    assert "R-hat" in failures(judge(tree(apart)))
    assert alarm(tree(apart)) == ""


def test_bfmi_by_hand(good):
    energy = np.cumsum(good, axis=1) + 3
    expected = min(np.mean(np.diff(e) ** 2) / e.var() for e in energy)
    finding = next(f for f in judge(tree(good, energy=energy)).findings if f.check == "E-BFMI")
    assert f"from {expected:.2f}" in finding.found


def test_the_worst_parameter_is_named(good):
    draws = tree(good)
    effects = np.random.default_rng(2).normal(size=(4, 1000, 3))
    effects[..., 1] += np.arange(4)[:, None]
    posterior = (
        draws["posterior"]
        .to_dataset()
        .assign(b_g=xr.DataArray(effects, dims=("chain", "draw", "g"), coords={"g": ["u", "v", "w"]}))
    )
    verdict = judge(xr.DataTree.from_dict({"posterior": posterior, "sample_stats": draws["sample_stats"].to_dataset()}))
    assert "(b_g[v])" in str(verdict)


def test_two_draws_are_too_few_to_judge():
    verdict = judge(tree(np.zeros((2, 2)), draws=2, energy=np.zeros((2, 2))))
    assert not verdict.good
    assert "raise draws to 1000" in str(verdict)
