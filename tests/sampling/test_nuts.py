"""The nuts engine on real data: correct, without divergences, repeatable, and interruptible."""

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

import partialpool as pp
from checks.kin import sib_matrix
from checks.posterior import DEFAULTS, REFERENCE, check_against_reference, stated_spec, table_of
from partialpool.marginal.glmm.posterior import Posterior
from partialpool.progress import ProgressLine
from partialpool.sampling import nuts
from partialpool.sampling.nutpie_run import whole_chains
from partialpool.sampling.settings import Settings

COUNTS = [key for key, entry in REFERENCE.items() if entry["family"] != "gaussian"]


def test_sleepstudy_agrees_with_the_reference(sleepstudy_fit):
    check_against_reference(sleepstudy_fit, DEFAULTS["sleepstudy", "Reaction ~ Days + (Days | Subject)"])
    assert sleepstudy_fit.digest.verdict.good
    assert int(sleepstudy_fit.tree["sample_stats"]["diverging"].sum()) == 0


def divergences(fit):
    return int(fit.tree["sample_stats"]["diverging"].sum())


@pytest.mark.parametrize("key", COUNTS, ids=[f"{data}: {formula}" for data, formula in COUNTS])
def test_counts_and_choices_agree_with_the_references(key):
    fit = pp.fit(stated_spec(REFERENCE[key]), table_of(REFERENCE[key]), seed=1, progressbar=False)
    assert fit.run.engine == "nuts"
    assert divergences(fit) == 0
    check_against_reference(fit, REFERENCE[key])


def test_default_priors_agree_with_the_reference():
    fit = pp.fit(
        "p(incidence, size) ~ period + (1 | herd)",
        pp.load_dataset("cbpp"),
        family="binomial",
        engine="nuts",
        seed=1,
        progressbar=False,
    )
    check_against_reference(fit, DEFAULTS["cbpp", "p(incidence, size) ~ period + (1 | herd)"])
    assert {"diverging", "energy", "lp", "tree_depth", "n_steps"} <= set(fit.tree["sample_stats"].data_vars)


def test_known_standard_errors_need_no_sigma():
    fit = pp.fit(
        "effect | se(standard_error) ~ 1 + (1 | school)",
        pp.load_dataset("eight_schools"),
        engine="nuts",
        seed=1,
        keep_z=True,
        progressbar=False,
    )
    check_against_reference(fit, REFERENCE["eight_schools", "effect ~ 1 + (1 | school), known sd"])
    assert divergences(fit) == 0
    posterior = fit.posterior
    assert "sigma" not in posterior
    assert posterior["z_school"].dims == posterior["b_school"].dims
    b = posterior["z_school"] * posterior["sd_school"]
    assert b.to_numpy() == pytest.approx(posterior["b_school"].to_numpy(), rel=1e-9)


def test_relatives_are_sampled_without_a_compiled_model():
    kinship = sib_matrix(30, 4)
    rng = np.random.default_rng(2)
    b = 1.5 * np.linalg.cholesky(kinship.to_numpy()) @ rng.normal(size=len(kinship))
    animal = np.repeat(np.arange(len(kinship)), 4)
    table = {"y": rng.poisson(np.exp(0.5 + b[animal])), "animal": kinship.index.to_numpy()[animal]}
    fit = pp.fit("y ~ 1 + (1 | animal)", table, family="poisson", cov={"animal": kinship}, seed=1, progressbar=False)
    assert fit.run.engine == "nuts"
    assert fit.digest.verdict.good
    drawn = fit.posterior["beta"] + fit.posterior["b_animal"].squeeze()
    truth = xr.DataArray(0.5 + b, coords={"animal": kinship.index.to_numpy()}, dims="animal")
    z = ((drawn.mean(("chain", "draw")) - truth) / drawn.std(("chain", "draw"))).to_numpy()
    assert np.abs(z).max() < 5
    assert 0.7 < np.sqrt((z**2).mean()) < 1.3
    sd = fit.posterior["sd_animal"]
    assert abs(float(sd.mean()) - 1.5) < 4 * float(sd.std())


NO_PYMC = """
import sys
import partialpool as pp
fit = pp.fit("p(incidence, size) ~ period + (1 | herd)", pp.load_dataset("cbpp"), family="binomial", seed=1,
             draws=50, tune=50, progressbar=False)
assert fit.run.engine == "nuts"
assert "pytensor" not in sys.modules and "pymc" not in sys.modules, "the PyMC model was built"
heavy = {"scipy.stats", "arviz", "arviz_stats", "matplotlib"} & set(sys.modules)
assert not heavy, f"a fresh process waits for {heavy}"
"""


@pytest.mark.thorough
def test_nothing_is_compiled_for_a_model():
    """PyTensor, which compiles PyMC models, is not loaded."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", NO_PYMC], check=True, timeout=300)


def test_a_sampler_or_parametrization_of_the_pymc_model_chooses_it(monkeypatch):
    engines_run = []

    def stop(*_):
        engines_run.append("pymc")
        raise KeyboardInterrupt

    monkeypatch.setattr("partialpool.sampling.pymc_nuts.PyMCEngine.run", stop)
    data = pp.load_dataset("cbpp")
    for setting in ({"sampler": "pymc"}, {"parametrization": {"herd": "centered"}}):
        with pytest.raises(KeyboardInterrupt):
            pp.fit("p(incidence, size) ~ period + (1 | herd)", data, family="binomial", **setting)
    assert engines_run == ["pymc", "pymc"]


@pytest.mark.parametrize("sd", [0.0, 5.0])
def test_groups_that_are_alike_or_far_apart_are_sampled_without_divergences(sd):
    """At sd 0 the map is the non-centred one, at sd 5 the centred one: no funnel either way."""
    rng = np.random.default_rng(11)
    g = np.repeat(np.arange(40), 8)
    y = (rng.random(320) < 1 / (1 + np.exp(-rng.normal(0, 1, 40)[g] * sd))).astype(int)
    fit = pp.fit("y ~ 1 + (1 | g)", {"y": y, "g": g}, family="bernoulli", seed=1, progressbar=False)
    assert divergences(fit) == 0
    assert fit.digest.verdict.good, str(fit.digest.verdict)


@pytest.mark.filterwarnings("ignore:do not rely on these draws")
def test_a_longer_warm_up_is_not_advised_for_slow_mixing():
    """Warm-up takes at most 150 draws, whatever `tune` is; levels of all 0 or all 1 make the sd's tail long."""
    rng = np.random.default_rng(11)
    g = np.repeat(np.arange(40), 8)
    y = (rng.random(320) < 1 / (1 + np.exp(-rng.normal(0, 30, 40)[g]))).astype(int)
    fit = pp.fit("y ~ 1 + (1 | g)", {"y": y, "g": g}, family="bernoulli", seed=1, draws=100, progressbar=False)
    assert not fit.digest.verdict.good
    assert "raise draws" in str(fit.digest.verdict)
    assert "tune" not in str(fit.digest.verdict)


def test_a_model_without_a_starting_point_is_an_error(monkeypatch):
    monkeypatch.setattr(Posterior, "linear_predictor", lambda self, theta: np.full(len(self.rows.y), np.nan))
    with pytest.raises(pp.EngineError, match="no starting point was found for this model") as error:
        pp.fit("y ~ 1 + (1 | g)", {"y": [0, 1, 2, 1] * 5, "g": list("aabb") * 5}, family="poisson", progressbar=False)
    assert "engine='pymc'" in error.value.do


def test_the_same_seed_repeats_the_draws_and_another_does_not(sleepstudy):
    def draw(seed, cores):
        return pp.fit(
            "Reaction ~ Days + (Days | Subject)",
            sleepstudy,
            engine="nuts",
            seed=seed,
            draws=50,
            tune=100,
            chains=2,
            cores=cores,
            progressbar=False,
        ).posterior

    first, again, other = draw(3, 2), draw(3, 1), draw(4, 2)
    assert first.identical(again)
    assert not np.array_equal(first["beta"], other["beta"])


@pytest.fixture
def interrupt_after(monkeypatch):
    """Press Ctrl-C once a number of draws is made; the sampler reports draws from its own thread."""

    def arm(draws):
        pressed = []

        def count(self, done, total):
            if done > draws and not pressed:
                pressed.append(done)
                os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(ProgressLine, "count", count)

    # A test run in the background may ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield arm
    signal.signal(signal.SIGINT, before)


ENDLESS = {"engine": "nuts", "chains": 2, "cores": 2, "seed": 1, "progressbar": False}


@pytest.mark.filterwarnings("ignore:do not rely on these draws")  # so few draws may fail the diagnostics
def test_ctrl_c_keeps_the_draws_made_so_far(sleepstudy, interrupt_after):
    interrupt_after(2 * (50 + 100))
    message = r"interrupted: got \d+ of 1000000 draws from each of [12] of 2 chains; they are kept"
    with pytest.warns(pp.SamplingWarning, match=message):
        fit = pp.fit("Reaction ~ Days + (1 | Subject)", sleepstudy, draws=1_000_000, tune=50, **ENDLESS)
    assert 0 < fit.posterior.sizes["draw"] < 1_000_000
    assert all(np.isfinite(v).all() for v in fit.posterior.data_vars.values())
    assert "(interrupted)" in repr(fit)


@pytest.mark.filterwarnings("ignore:do not rely on these draws")  # so few draws may fail the diagnostics
def test_ctrl_c_keeps_the_chains_that_ran_when_others_had_not_started(sleepstudy, interrupt_after):
    """Four chains on two cores: the last two wait for a free core when Ctrl-C comes.

    Where another process slows one of the two that ran, keeping the other alone keeps more draws.
    """
    interrupt_after(2 * (50 + 100))
    message = r"interrupted: got \d+ of 1000000 draws from each of [12] of 4 chains; they are kept"
    with pytest.warns(pp.SamplingWarning, match=message):
        fit = pp.fit(
            "Reaction ~ Days + (1 | Subject)", sleepstudy, draws=1_000_000, tune=50, **(ENDLESS | {"chains": 4})
        )
    assert fit.posterior.sizes["chain"] in (1, 2)
    assert fit.posterior.sizes["draw"] > 0
    assert all(np.isfinite(v).all() for v in fit.posterior.data_vars.values())


@pytest.mark.parametrize(
    ("counts", "chains", "draws"),
    [([5, 5, 5], [0, 1, 2], 5), ([90, 0, 100], [0, 2], 90), ([100, 2, 100], [0, 2], 100), ([0, 0], [], 0)],
)
def test_the_chains_kept_have_the_most_draws(counts, chains, draws):
    energy = np.full((len(counts), 100), np.nan)
    for chain, count in enumerate(counts):
        energy[chain, :count] = 1.0
    kept, whole = whole_chains(xr.Dataset({"energy": (("chain", "draw"), energy)}))
    assert (kept.tolist(), whole) == (chains, draws)


def test_ctrl_c_during_warm_up_is_a_keyboard_interrupt(sleepstudy, interrupt_after, monkeypatch):
    for name in ("_SHORT_WARM_UP", "_SHORTEST_WARM_UP"):
        monkeypatch.setattr(f"partialpool.sampling.settings.{name}", 1_000_000)
    interrupt_after(10)
    with pytest.raises(KeyboardInterrupt):
        pp.fit("Reaction ~ Days + (1 | Subject)", sleepstudy, draws=10, tune=1_000_000, **ENDLESS)


def drawn(diverged, *, heavy=False, interrupted=False):
    """A run of two elements and three noise variables, whose noise may have tails of a Student t with 1 df."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4, 100, 5))
    if heavy:
        x[:, :, 4] = rng.standard_t(1, size=(4, 100))
    rows = x.reshape(-1, 5)
    stats = {"diverging": np.arange(400).reshape(4, 100) < diverged}
    return nuts._Drawn(SimpleNamespace(own=SimpleNamespace(nu=())), x, rows[:, :1], rows[:, 1:2], stats, interrupted)


def stopped():
    raise KeyboardInterrupt


def again(monkeypatch, first, second, target_accept=None):
    """Call `_again_if_needed`: return the run that is kept, its description, and the arguments of the second run."""
    given = []
    monkeypatch.setattr(nuts, "_sample", lambda posterior, settings, line: given.append(settings) or second())

    def about(center, spread, axes):
        given.append((center, spread, axes))

    line, settings = SimpleNamespace(say=lambda text: None), Settings(target_accept=target_accept)
    return *nuts._again_if_needed(first, about, settings, line), given


INTERRUPTED = "nutpie, a second run was interrupted"


@pytest.mark.parametrize(
    ("first", "second", "kept", "description"),
    [
        (drawn(0), stopped, 0, "nutpie"),
        (drawn(3), lambda: drawn(1), 1, "nutpie, second run at target_accept 0.995: 3 divergences in the first"),
        (
            drawn(0, heavy=True),
            lambda: drawn(0),
            0,
            "nutpie, second run at target_accept 0.995: heavy tails in the coordinates of the first",
        ),
        (drawn(3), lambda: drawn(9), 3, "nutpie, a second run diverged more often"),
        (drawn(3, interrupted=True), stopped, 3, "nutpie"),
        (drawn(3), stopped, 3, INTERRUPTED),
        (drawn(3), lambda: drawn(0, interrupted=True), 3, INTERRUPTED),
    ],
)
def test_a_run_with_problems_is_repeated_once(monkeypatch, first, second, kept, description):
    found, how, _ = again(monkeypatch, first, second)
    assert (int(found.stats["diverging"].sum()), how) == (kept, description)


def test_a_second_run_uses_axes_from_the_draws_of_the_first(monkeypatch):
    first = drawn(1)
    *_, ((center, spread, axes), _) = again(monkeypatch, first, lambda: drawn(0))
    elements = first.x.reshape(-1, 5)[:, :2]
    np.testing.assert_allclose(center, elements.mean(axis=0))
    np.testing.assert_allclose(spread, elements.std(axis=0))
    np.testing.assert_allclose(axes.factor @ axes.factor.T, np.cov(elements.T))


@pytest.mark.parametrize(("stated", "second"), [(None, 0.995), (0.9, 0.9)])
def test_a_second_run_has_smaller_steps_unless_they_are_stated(monkeypatch, stated, second):
    *_, (_, settings) = again(monkeypatch, drawn(1), lambda: drawn(0), stated)
    assert settings.target_accept == second


def test_a_run_whose_draws_do_not_vary_is_kept(monkeypatch):
    stuck = drawn(3)
    stuck.theta[:] = 0.0
    found, how, _ = again(monkeypatch, stuck, stopped)
    assert found is stuck
    assert how == "nutpie, a second run could not start"
