"""NUTS on the collapsed density: it samples many elements of theta at little cost, and can be interrupted."""

import json
import os
import signal

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.progress import ProgressLine
from partialpool.sampling.mixing import bulk_ess

QUIET = {"progressbar": False, "seed": 1}
MAXIMAL = "y ~ a*b + (a*b | subj) + (a*b | item)"


def crossed(subjects, items, seed=7):
    """A two-by-two design within subjects and items, each with four correlated effects."""
    rng = np.random.default_rng(seed)
    sizes = np.array([80, 20, 20, 15])
    by_subject, by_item = rng.normal(size=(subjects, 4)) * sizes, rng.normal(size=(items, 4)) * sizes / 2
    s, i = np.divmod(np.arange(subjects * items), items)
    cell = (s + i) % 4
    a, b = cell % 2 - 0.5, cell // 2 - 0.5
    z = np.column_stack([np.ones(len(s)), a, b, a * b])
    y = 600 + 20 * a - 10 * b + (z * (by_subject[s] + by_item[i])).sum(axis=1) + rng.normal(0, 100, len(s))
    return pd.DataFrame({"subj": s, "item": i, "a": a, "b": b, "y": y})


@pytest.fixture(scope="module")
def maximal():
    return pp.fit(MAXIMAL, crossed(24, 12), engine="collapsed", draws=500, **QUIET)


@pytest.mark.thorough
def test_a_maximal_crossed_model_is_sampled_well(maximal):
    """21 elements of theta: importance sampling is abandoned at once, and NUTS has no divergences and few steps."""
    run = json.loads(maximal.tree.attrs["run"])
    assert run["sampler"].startswith("NUTS on the collapsed density: importance ESS is")
    assert maximal.digest.verdict.good
    assert not maximal.tree["sample_stats"]["diverging"].any()
    assert maximal.tree["sample_stats"]["n_steps"].mean() < 20
    values = np.concatenate([maximal.posterior[f"sd_{f}"].to_numpy().reshape(4, 500, -1) for f in ("subj", "item")], -1)
    assert min(bulk_ess(values[..., k]) for k in range(8)) > 750


@pytest.mark.slow
def test_it_draws_from_the_posterior_of_the_other_engine(maximal):
    nuts = pp.fit(MAXIMAL, crossed(24, 12), engine="nuts", draws=500, **QUIET).posterior
    for name in ("beta", "sd_subj", "sd_item", "corr_subj", "corr_item", "sigma", "b_subj"):
        a, b = (v.to_numpy().reshape(4, 500, -1) for v in (maximal.posterior[name], nuts[name]))
        for i in range(a.shape[2]):
            if np.ptp(a[..., i]) > 1e-9:
                error = np.hypot(*(v[..., i].std() / bulk_ess(v[..., i]) ** 0.5 for v in (a, b)))
                assert abs(a[..., i].mean() - b[..., i].mean()) < 5 * error, (name, i)


@pytest.mark.thorough
def test_seven_effects_over_four_levels_are_sampled_well():
    """More correlations than levels: most of theta is prior."""
    rng = np.random.default_rng(3)
    camp, trt = rng.integers(0, 7, 400), rng.integers(0, 4, 400)
    y = (
        rng.normal(size=400)
        + rng.normal(size=7)[camp]
        + rng.normal(size=4)[trt]
        + 0.3 * rng.normal(size=(7, 4))[camp, trt]
    )
    table = pd.DataFrame({"y": y, "camp": [f"c{c}" for c in camp], "trt": [f"t{t}" for t in trt]})
    fit = pp.fit("y ~ camp + (camp | trt)", table, draws=500, **QUIET)
    assert "NUTS on the collapsed density" in repr(fit)
    assert fit.digest.verdict.good


@pytest.fixture
def interrupt_after(monkeypatch):
    """Press Ctrl-C once a number of draws is counted while sampling; see tests/sampling/test_nuts.py."""

    def arm(draws):
        pressed, stage = [], []
        monkeypatch.setattr(ProgressLine, "say", lambda self, what: stage.append(what))

        def count(self, done, total):
            if stage and stage[-1] == "sampling" and done > draws and not pressed:
                pressed.append(done)
                os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(ProgressLine, "count", count)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield arm
    signal.signal(signal.SIGINT, before)


ENDLESS = {"chains": 2, "cores": 2, "draws": 1_000_000, "engine": "collapsed", **QUIET}


@pytest.fixture
def rejected_weights(monkeypatch):
    monkeypatch.setattr("partialpool.sampling.chains.MAX_KHAT", -10.0)
    monkeypatch.setattr("partialpool.sampling.chains.EVEN_WEIGHT", 0.0)
    monkeypatch.setattr("partialpool.sampling.collapsed._MOST_READAPTATIONS", 0)


@pytest.mark.filterwarnings("ignore:do not rely on these draws")  # so few draws may fail the diagnostics
def test_ctrl_c_keeps_the_draws_made_so_far(sleepstudy, interrupt_after, rejected_weights):
    interrupt_after(2 * (300 + 100))
    with pytest.warns(pp.SamplingWarning, match=r"interrupted: got \d+ of 30000 draws from each of \d of 2 chains"):
        fit = pp.fit("Reaction ~ Days + (1 | Subject)", sleepstudy, **(ENDLESS | {"draws": 30_000}))
    assert 0 < fit.posterior.sizes["draw"] < 30_000
    assert all(np.isfinite(v).all() for v in fit.posterior.data_vars.values())
    assert "(interrupted)" in repr(fit)


def test_ctrl_c_during_warm_up_is_a_keyboard_interrupt(sleepstudy, interrupt_after, rejected_weights, monkeypatch):
    monkeypatch.setattr("partialpool.sampling.settings._SHORT_WARM_UP", 1_000_000)
    interrupt_after(10)
    with pytest.raises(KeyboardInterrupt):
        pp.fit("Reaction ~ Days + (1 | Subject)", sleepstudy, **(ENDLESS | {"draws": 10, "tune": 1_000_000}))
