"""The gibbs engine against the collapsed engine, whose draws have another algorithm and the same posterior."""

import os
import signal

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.marginal.gaussian import block_factors
from partialpool.progress import ProgressLine
from partialpool.sampling.choose import choose_engine, weigh_engines
from partialpool.sampling.forecast import forecast_gibbs
from partialpool.sampling.mixing import mixing
from partialpool.sampling.settings import Settings
from partialpool.spec.model import ModelSpec

FORMULA = "y ~ x + (1 | g) + (1 | h) + (1 | k)"
QUIET = {"progressbar": False, "seed": 4}


def table(rows=400, seed=3):
    rng = np.random.default_rng(seed)
    levels = {"g": 30, "h": 20, "k": 4}
    frame = pd.DataFrame({name: rng.integers(0, n, rows) for name, n in levels.items()})
    frame["x"] = rng.normal(3, 2, rows)
    frame["w"] = rng.uniform(0.5, 2, rows)
    frame["c"] = np.array(["v1", "v2", "v3"])[rng.integers(0, 3, rows)]
    effects = sum(sd * rng.normal(size=levels[f])[frame[f]] for f, sd in (("g", 6.0), ("h", 1.0), ("k", 4.0)))
    frame["y"] = 200 + 3 * frame["x"] + effects + 8 * rng.normal(size=rows) / np.sqrt(frame["w"])
    return frame


@pytest.fixture
def every_factor_a_block(monkeypatch):
    """Of small tables as of large ones."""
    monkeypatch.setattr(block_factors, "_MOST_TAIL", 0)


def standard_errors_apart(first, second):
    """Differences of means and of mean squares, of every variable but z, in combined Monte Carlo standard errors."""
    found = {}
    for name in first.posterior.data_vars:
        one, other = (fit.posterior[name].to_numpy() for fit in (first, second))
        one, other = (values.reshape(*values.shape[:2], -1) for values in (one, other))
        varies = np.ptp(one, axis=(0, 1)) > 1e-12  # a correlation of an effect with itself does not
        one, other = one[:, :, varies], other[:, :, varies]
        center, spread = one.mean(axis=(0, 1)), one.std(axis=(0, 1))
        for power in (1, 2):
            moments = [((values - center) / spread) ** power for values in (one, other)]
            errors = [values.var(axis=(0, 1)) / mixing(list(np.moveaxis(values, 2, 0))).bulk_ess for values in moments]
            gap = (moments[0].mean(axis=(0, 1)) - moments[1].mean(axis=(0, 1))) / np.sqrt(sum(errors))
            found |= {f"{name}[{k}]^{power}": value for k, value in enumerate(gap)}
    return found


MODELS = {
    "three blocks": (FORMULA, {}),
    "stated priors": (
        FORMULA,
        {
            "priors": {
                "beta[Intercept]": pp.Prior("Normal", mu=150, sigma=30),
                "beta[x]": pp.Prior("Normal", mu=0, sigma=0.5),
                "sd_g": pp.Prior("Exponential", lam=0.5),
                "sd_h": pp.Prior("Gamma", alpha=2, beta=0.5),
                "sigma": pp.Prior("HalfNormal", sigma=5),
            }
        },
    ),
    "precisions": ("y | precision(w) ~ x + (1 | g) + (1 | h)", {}),
    "lognormal": ("y ~ x + (1 | g) + (1 | h)", {"family": "lognormal"}),
    "known errors": ("y | se(w) ~ x + (1 | g) + (1 | h)", {}),
    "slopes": ("y ~ x + (x | g) + (1 | h) + (1 | k)", {}),
    "independent slopes of both": ("y ~ x + (x || g) + (x || h)", {}),
    "one correlation": ("y ~ x + c + cs(0 + c | g) + (1 | h)", {}),
    "correlated slopes of both": ("y ~ x + (x | g) + (x | h)", {}),
    "known errors and slopes": ("y | se(w) ~ x + (x | g) + (1 | h)", {}),
    "lognormal slopes": ("y ~ x + (x | g) + (1 | h)", {"family": "lognormal"}),
    "shares and slopes": ("y ~ x + (x | g) + (1 | h)", {"priors": {"total_sd": pp.Prior("HalfNormal", sigma=20)}}),
    "shares of the variance": ("y ~ x + (1 | g) + (1 | h)", {"priors": {"icc": pp.Prior("Beta", alpha=2, beta=2)}}),
}


@pytest.mark.thorough
@pytest.mark.usefixtures("every_factor_a_block")
@pytest.mark.parametrize("name", MODELS)
def test_the_posterior_is_that_of_the_collapsed_engine(name):
    formula, options = MODELS[name]
    fits = [pp.fit(formula, table(), engine=engine, **options, **QUIET) for engine in ("gibbs", "collapsed")]
    assert [fit.run.engine for fit in fits] == ["gibbs", "collapsed"]
    assert fits[0].posterior.sizes == fits[1].posterior.sizes
    apart = standard_errors_apart(*fits)
    worst = max(apart, key=lambda at: abs(apart[at]))
    assert abs(apart[worst]) < 5, worst
    assert np.sqrt(np.mean(np.square(list(apart.values())))) < 1.5


@pytest.mark.usefixtures("every_factor_a_block")
def test_small_sds_mix_too():
    """The effects of a factor whose sd may be 0 are integrated out where the sd is drawn: there is no funnel."""
    frame = table().assign(y=lambda t: t["y"] - t["y"].groupby(t["h"]).transform("mean"))
    fit = pp.fit("y ~ x + (1 | g) + (1 | h)", frame, engine="gibbs", **QUIET)
    sizes = mixing([fit.posterior["sd_h"].to_numpy()[:, :, 0]])
    assert float(fit.posterior["sd_h"].quantile(0.05)) < 0.2
    assert sizes.bulk_ess[0] > 1000
    assert fit.digest.verdict.good


@pytest.mark.usefixtures("every_factor_a_block")
def test_the_seed_alone_decides_the_draws():
    def draws(**changed):
        options = QUIET | {"draws": 20, "tune": 10, "engine": "gibbs"} | changed
        return pp.fit(FORMULA, table(), **options).posterior

    first = draws(cores=1)
    assert first.equals(draws(cores=2))
    assert not first.equals(draws(seed=5))


@pytest.mark.usefixtures("every_factor_a_block")
def test_offsets_are_kept_on_request():
    formula = "y ~ x + (x || g) + (1 | h) + (1 | k)"
    fit = pp.fit(formula, table(), engine="gibbs", keep_z=True, draws=50, tune=50, **QUIET).posterior
    for f in "hk":
        np.testing.assert_allclose(fit[f"z_{f}"] * fit[f"sd_{f}"], fit[f"b_{f}"], rtol=1e-10)
    z, b = (fit[f"{name}_g"].stack(at=("chain", "draw")).transpose("at", ...).to_numpy() for name in "zb")
    for drawn, found in zip(z, b, strict=True):  # one matrix turns the offsets of all levels into effects
        turn = np.linalg.lstsq(drawn, found, rcond=None)[0]
        np.testing.assert_allclose(drawn @ turn, found, rtol=1e-8, atol=1e-8)


def test_new_rows_add_their_moments():
    rows = table()
    first = pp.fit(FORMULA, rows.iloc[:300], engine="gibbs", **QUIET)
    both = first.update(rows.iloc[300:], **QUIET)
    whole = pp.fit(FORMULA, rows, engine="gibbs", **QUIET)
    assert both.run.engine == "gibbs"
    assert float(both.posterior["sigma"].mean()) == pytest.approx(float(whole.posterior["sigma"].mean()), rel=0.02)


def test_a_table_that_is_read_in_batches_has_the_same_posterior(tmp_path):
    rows, path = table(), tmp_path / "rows.parquet"
    rows.to_parquet(path)
    whole, batches = (pp.fit(FORMULA, data, engine="gibbs", **QUIET) for data in (rows, str(path)))
    assert batches.run.engine == "gibbs"
    for name in ("sd_g", "sigma"):
        assert float(batches.posterior[name].mean()) == pytest.approx(float(whole.posterior[name].mean()), rel=0.02)


@pytest.mark.filterwarnings("ignore:do not rely on these draws")
def test_ctrl_c_keeps_the_draws_of_every_chain(monkeypatch):
    pressed = []

    def count(self, done, total):
        if done > 200 and not pressed:
            pressed.append(done)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(ProgressLine, "count", count)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.warns(pp.SamplingWarning, match=r"got \d+ of 100000 draws from each of 2 of 2 chains"):
            fit = pp.fit(FORMULA, table(), engine="gibbs", chains=2, draws=100_000, tune=10, **QUIET)
    finally:
        signal.signal(signal.SIGINT, before)
    assert 0 < fit.posterior.sizes["draw"] < 100_000
    few = min(20, fit.posterior.sizes["draw"])
    same = pp.fit(FORMULA, table(), engine="gibbs", chains=2, draws=few, tune=10, **QUIET).posterior
    xr.testing.assert_equal(fit.posterior.isel(draw=slice(few)).drop_attrs(), same.drop_attrs())
    assert all(np.isfinite(values).all() for values in fit.posterior.data_vars.values())
    assert fit.run.interrupted


def test_noise_that_rounding_hides_is_refused():
    frame = table().assign(y=lambda t: 3.0 * t["x"] + t["g"] + 1e-9 * t["w"])
    with pytest.raises(pp.EngineError, match="the noise is too small"):
        pp.fit("y ~ x + (1 | g) + (1 | h)", frame, engine="gibbs", **QUIET)


def test_draws_that_do_not_fit_into_memory_are_refused():
    with pytest.raises(pp.EngineError, match="the draws of the group effects do not fit into memory"):
        pp.fit(FORMULA, table(), engine="gibbs", draws=10**10, **QUIET)


def crossed(levels, rows):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"y": rng.normal(size=rows)} | {f: rng.integers(0, n, rows) for f, n in levels.items()})
    return build_design(ModelSpec.from_formula("y ~ 1 + " + " + ".join(f"(1 | {f})" for f in levels)), frame)


def test_large_crossed_factors_are_drawn_in_blocks_with_a_reason():
    design = crossed({"g": 5000, "h": 3000}, 40_000)
    engine, reason = weigh_engines(*choose_engine(design.spec), design, Settings())
    assert engine.name == "gibbs"
    assert "predicted to take about" in reason
    assert "and collapsed" in reason
    assert "crossed factors make a dense matrix of 3000 columns" in reason


def test_other_designs_are_not_drawn_in_blocks_unasked():
    small, few = crossed({"g": 50, "h": 40}, 2000), crossed({"g": 5000, "h": 50}, 20_000)
    assert weigh_engines(*choose_engine(small.spec), small, Settings())[0].name == "collapsed"
    assert forecast_gibbs(few, Settings()) is None  # h is a part of the tail: all is drawn in one block
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"y": rng.normal(size=20_000), "g": rng.integers(0, 2000, 20_000)})
    nested = build_design(ModelSpec.from_formula("y ~ 1 + (1 | g) + (1 | h)"), frame.assign(h=frame["g"] // 8))
    assert forecast_gibbs(nested, Settings()) is None
