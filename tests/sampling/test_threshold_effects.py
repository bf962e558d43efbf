"""Coefficients for each threshold: recovered from simulations, equal to PyMC's twin and to brms; fits are complete."""

import json

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.r_values import REFERENCE
from partialpool.families.given import Given
from partialpool.families.links import LINKS
from partialpool.families.registry import FAMILIES
from partialpool.sampling.mixing import mcse_mean
from sampling.test_ordered_families import CASES, CUTPOINTS, LABELS, SD, SLOPE, alike

OWN = [0.9, -0.4, 0.2]
"""Coefficients of w at each threshold."""
FORMULA = "y ~ x + cs(w) + (1 | g)"


def simulated(name, link, rows=1200, levels=40, seed=5):
    rng, family = np.random.default_rng(seed), FAMILIES[name]
    level, x, w = rng.integers(0, levels, rows), rng.normal(0, 1, rows), rng.normal(1, 1, rows)
    eta = SLOPE * x + rng.normal(0, SD, levels)[level]
    cutpoints = np.array(CUTPOINTS) - np.outer(w, OWN)
    y = family.draw(Given(LINKS[link], eta[None], {"cutpoints": cutpoints[None]}), rng)[0].astype(int)
    rating = pd.Categorical.from_codes(y, LABELS, ordered=True)
    return pd.DataFrame({"y": rating, "x": x, "w": w, "g": [f"g{k:02d}" for k in level]})


def parameters(fit):
    posterior = fit.posterior
    found = {"x": posterior["beta"].sel(coef="x"), "sd": posterior["sd_g"].squeeze()}
    found |= {f"c{k}": posterior["cutpoints"].isel(cutpoint=k) for k in range(len(CUTPOINTS))}
    return found | {f"w{k + 1}": posterior[f"beta_cs{k + 1}"].squeeze() for k in range(len(OWN))}


TABLE = simulated("acat", "logit", rows=400, levels=20)


@pytest.fixture(scope="module")
def fit():
    return pp.fit(FORMULA, TABLE, family="acat", seed=1, draws=500, progressbar=False)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "link"), [c if "acat" in c else pytest.param(*c, marks=pytest.mark.slow) for c in CASES]
)
def test_parameters_are_recovered(name, link):
    found = pp.fit(FORMULA, simulated(name, link), family=name, link=link, seed=1, progressbar=False)
    assert found.run.engine == "nuts"
    true = {"x": SLOPE, "sd": SD} | {f"c{k}": c for k, c in enumerate(CUTPOINTS)}
    true |= {f"w{k + 1}": b for k, b in enumerate(OWN)}
    for parameter, draws in parameters(found).items():
        assert abs(float(draws.mean()) - true[parameter]) < 4 * float(draws.std()), parameter
    assert not found.tree["sample_stats"]["diverging"].any()


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "link", "priors"),
    [
        ("acat", "logit", {}),
        pytest.param("sratio", "logit", {"beta_cs2[w]": pp.Prior("Laplace", mu=0, b=0.3)}, marks=pytest.mark.slow),
        pytest.param("sratio", "probit", {}, marks=pytest.mark.slow),
        pytest.param("sratio", "cloglog", {"cutpoints": pp.Prior("Dirichlet", a=4)}, marks=pytest.mark.slow),
    ],
)
def test_the_posterior_is_that_of_pymc_s_twin(name, link, priors):
    """Few rows, so that the priors count."""
    options = {"family": name, "link": link, "seed": 1, "progressbar": False, "priors": priors}
    table = simulated(name, link, rows=70, levels=10)
    ours, twin = (
        parameters(pp.fit(FORMULA, table, engine=engine, draws=1500, target_accept=0.95, **options))
        for engine in ("nuts", "pymc")
    )
    for parameter, draws in ours.items():
        pairs = [np.asarray(one.transpose("chain", "draw")) for one in (draws, twin[parameter])]
        assert alike(*pairs), parameter


@pytest.mark.parametrize("name", ["acat", "sratio"])
def test_the_posterior_is_that_of_brms(name):
    """Its inhaler data; see `reference/threshold_effects.R`. brms's thresholds are at the mean of period."""
    reference = json.loads((REFERENCE / "threshold_effects.json").read_text(encoding="utf-8"))
    table = pd.read_csv(REFERENCE / "inhaler.csv")
    table["period"] -= reference["mean_period"]
    normal = pp.Prior("Normal", mu=0, sigma=2)
    priors = {"beta": normal, "beta_cs": normal, "sd_subject": pp.Prior("HalfStudentT", nu=3, sigma=1)}
    found = pp.fit(
        "rating ~ treat + cs(period) + (1 | subject)", table, family=name, priors=priors, seed=1, progressbar=False
    ).posterior
    ours = {"b_treat": found["beta"].sel(coef="treat"), "sd_subject__Intercept": found["sd_subject"].squeeze()}
    for k in (1, 2, 3):
        ours[f"bcs_period[{k}]"] = found[f"beta_cs{k}"].squeeze()
        ours[f"b_Intercept[{k}]"] = found["cutpoints"].isel(cutpoint=k - 1)
    assert set(ours) == set(reference[name])
    for parameter, draws in ours.items():
        values, theirs = draws.transpose("chain", "draw").to_numpy(), reference[name][parameter]
        error = np.hypot(mcse_mean(values), theirs["mcse_mean"])
        assert abs(values.mean() - theirs["mean"]) < 5 * error, parameter
        assert values.std() == pytest.approx(theirs["sd"], rel=0.08), parameter


@pytest.mark.parametrize("name", ["acat", "sratio"])
def test_the_evidence_does_not_depend_on_units_and_order_of_rows(name):
    table = simulated(name, "logit", rows=200, levels=10)
    other = table.assign(w=100 * table["w"] + 30).iloc[::-1]
    fits = [pp.fit(FORMULA, d, family=name, seed=1, draws=500, progressbar=False) for d in (table, other)]
    (first, error), (second, another) = (one.run.evidence for one in fits)
    assert abs(first - second) < 5 * np.hypot(error, another)


def test_a_fit_is_saved_with_its_terms(fit, tmp_path):
    again = pp.load_fit(fit.save(tmp_path / "fit.nc"))
    assert again.spec == fit.spec
    assert again.design.thresholds == ("cs1", "cs2", "cs3")
    np.testing.assert_array_equal(pp.log_likelihood(again)["y"], pp.log_likelihood(fit)["y"])
    new = {"x": [0.5], "w": [2.0], "g": ["g01"]}
    np.testing.assert_array_equal(
        pp.predict(again, new, seed=1)["expectation"], pp.predict(fit, new, seed=1)["expectation"]
    )


def test_printing_names_coefficient_and_threshold(fit):
    text = str(fit)
    for label in ("w[never|rarely]", "w[rarely|often]", "w[often|always]"):
        assert label in text
    table = str(pp.table(fit.with_labels({"w": "Dose", "rarely|often": "step 2"})))
    assert "Dose, at never | rarely" in table
    assert "Dose, at step 2" in table


@pytest.mark.thorough
def test_the_comparison_prefers_the_model_that_simulated_the_data():
    options = {"family": "acat", "seed": 1, "draws": 500, "progressbar": False}
    formulas = {"thresholds": FORMULA, "common": "y ~ x + w + (1 | g)"}
    fits = {name: pp.fit(f, simulated("acat", "logit"), **options) for name, f in formulas.items()}
    compared = pp.compare(fits).frame
    assert compared.index[0] == "thresholds"
    assert compared["evidence"]["thresholds"] > compared["evidence"]["common"] + 5


def test_effects_on_probabilities_are_differences_of_predictions(fit):
    effect = pp.average_effect(fit, "w")
    low, high = (
        pp.predict(fit, TABLE.assign(w=TABLE["w"] + step), kind="marginal", seed=1)["expectation"].mean("obs")
        for step in (0, 1)
    )
    np.testing.assert_allclose(
        effect["population_average"].squeeze().transpose("chain", "draw", "category"), high - low, atol=1e-6
    )


@pytest.mark.slow
def test_an_update_adds_rows(fit):
    whole = pd.concat([TABLE, TABLE.iloc[:100]], ignore_index=True)
    updated = fit.update(whole.iloc[400:], seed=2, progressbar=False)
    again = pp.fit(FORMULA, whole, family="acat", seed=3, progressbar=False)
    for name, draws in parameters(again).items():
        other = parameters(updated)[name]
        assert abs(float(draws.mean() - other.mean())) < 0.25 * float(draws.std()), name


@pytest.mark.thorough
def test_the_report_has_them(fit, tmp_path):
    text = pp.report(fit, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "w[never|rarely]" in text
    assert "Effects with a coefficient for each threshold between categories: w." in text
    assert "Each threshold between categories has its own coefficient of w" in text
