"""Simulated data sets: files equal the simulation, effects have the stated sds, fits recover the true values."""

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.coverage import central, coverages, mean_coverage, table
from partialpool.datasets.simulate import gene_expression, pain_trials, species, vaccination
from partialpool.datasets.simulate.catalogue import SIMULATIONS
from write_simulated import texts

FALSE_ALARM = 1e-3


@pytest.mark.parametrize("path", texts(), ids=lambda path: path.stem)
def test_a_committed_file_is_what_its_simulation_writes(path):
    assert path.read_text(encoding="utf-8") == texts()[path]


@pytest.mark.parametrize("name", SIMULATIONS)
def test_the_index_states_the_truth(name):
    data = pp.load_dataset(name)
    assert data.attrs["source"].startswith("simulated: ")
    assert f"datasets/simulate/{name}.py" in data.attrs["source"]
    listed, true = data.attrs["truth"], SIMULATIONS[name].truth
    pairs = [(listed[gene], true[gene]) for gene in true] if name == "gene_expression" else [(listed, true)]
    for stated, drawn_from in pairs:
        assert stated == pytest.approx(drawn_from, abs=5e-5)


@pytest.mark.parametrize("name", SIMULATIONS)
def test_a_seed_gives_one_table_and_another_seed_another(name):
    simulate = SIMULATIONS[name].simulate
    assert simulate(5).text == simulate(5).text != simulate(6).text


def test_real_data_have_no_truth():
    assert {n for n in pp.dataset_names() if "truth" in pp.load_dataset(n).attrs} == set(SIMULATIONS)


def test_each_cycle_of_a_pain_trial_has_both_treatments_and_scores_stay_on_the_scale():
    data = pp.load_dataset("pain_trials")
    cycles = data.groupby(["patient", "cycle"], observed=True)["drug"].agg(list)
    assert set(map(tuple, cycles)) == {(0, 1), (1, 0)}
    assert data["pain"].between(0, 10).all()
    counts = data.groupby("patient", observed=True)["cycle"].max()
    assert set(counts) == {2, 3, 4}
    assert (data.groupby("patient", observed=True)["period"].max() == 2 * counts).all()


def test_a_neighbourhood_has_one_deprivation_and_numbers_repeat_over_districts():
    data = pp.load_dataset("vaccination")
    places = data.groupby(["district", "neighbourhood"], observed=True)["deprivation"].nunique()
    assert (places == 1).all()
    assert len(places) == data["district"].nunique() * data["neighbourhood"].nunique() == 48


def test_every_species_is_counted_at_every_site():
    data = pp.load_dataset("species")
    assert (pd.crosstab(data["site"], data["species"]) == 1).all(axis=None)
    assert (data.groupby("site", observed=True)["elevation"].nunique() == 1).all()


def moments_of(effects):
    """Sds and correlations of effects, and their standard errors under a normal distribution."""
    n = len(effects)
    sds, corr = effects.std(), effects.corr()
    return sds, sds / np.sqrt(2 * (n - 1)), corr, (1 - corr**2) / np.sqrt(n - 1)


def pooled(simulate, name, seeds=60):
    return pd.concat([simulate(seed).effects[name] for seed in range(seeds)])


@pytest.mark.parametrize(
    ("simulate", "name", "truth"),
    [
        (pain_trials.simulate, "b_patient", pain_trials.TRUTH),
        (species.simulate, "b_species", species.TRUTH),
    ],
)
def test_correlated_effects_have_the_sds_and_correlation_stated(simulate, name, truth):
    effects = pooled(simulate, name)
    sds, sd_errors, corr, corr_errors = moments_of(effects)
    second = effects.columns[1]
    for effect, sd in zip(effects.columns, (truth.sd_intercept, getattr(truth, f"sd_{second}")), strict=True):
        assert abs(sds[effect] - sd) < 4 * sd_errors[effect]
        assert abs(effects[effect].mean()) < 4 * sds[effect] / np.sqrt(len(effects))
    assert abs(corr.iloc[0, 1] - truth.corr) < 4 * corr_errors.iloc[0, 1]


@pytest.mark.parametrize(
    ("simulate", "name", "sd"),
    [
        (species.simulate, "b_site", species.TRUTH.sd_site),
        (vaccination.simulate, "b_district", vaccination.TRUTH.sd_district),
        (vaccination.simulate, "b_district:neighbourhood", vaccination.TRUTH.sd_neighbourhood),
    ],
)
def test_effects_of_one_kind_have_the_sd_stated(simulate, name, sd):
    sds, errors, _, _ = moments_of(pooled(simulate, name))
    assert abs(sds["Intercept"] - sd) < 4 * errors["Intercept"]


@pytest.mark.parametrize("gene", gene_expression.TRUTH)
def test_inherited_effects_covary_according_to_the_pedigree(gene):
    """Sums of squares of whitened effects are chi-square; two samples differ by the residual alone."""
    truth, root = gene_expression.TRUTH[gene], np.linalg.cholesky(gene_expression.kinship().to_numpy())
    draws = [gene_expression.simulate(seed) for seed in range(30)]
    inherited = np.concatenate([np.linalg.solve(root, d.effects[gene]["person"].to_numpy()) for d in draws])
    lasting = np.concatenate([d.effects[gene]["environment"].to_numpy() for d in draws])
    samples = np.stack([d.table[gene].to_numpy().reshape(-1, 2) for d in draws])
    differences = np.diff(samples, axis=-1).ravel() / np.sqrt(2)
    for values, variance in (
        (inherited, truth.inherited),
        (lasting, truth.lasting),
        (differences, truth.residual),
    ):
        assert abs(values.var() / variance - 1) < 4 * np.sqrt(2 / len(values))


def test_counts_vary_as_a_negative_binomial_does():
    """Given the mean m, (count - m)^2 - m - m^2 / alpha averages to 0."""
    truth, excess = species.TRUTH, []
    for seed in range(60):
        made = species.simulate(seed)
        rows, of_species, of_site = made.table, made.effects["b_species"], made.effects["b_site"]
        slopes = truth.elevation + of_species.loc[rows["species"], "elevation"].to_numpy()
        eta = truth.intercept + of_species.loc[rows["species"], "Intercept"].to_numpy()
        eta += slopes * rows["elevation"].to_numpy() + of_site.loc[rows["site"], "Intercept"].to_numpy()
        mean = np.exp(eta)
        variance = mean + mean**2 / truth.alpha
        excess.append(((rows["count"] - mean) ** 2 / variance - 1).mean())
    assert abs(np.mean(excess)) < 4 * np.std(excess, ddof=1) / np.sqrt(len(excess))


def test_fits_recover_the_true_values_of_pain_trials():
    """Coverage of parameters and of patients' simulated effects, over 30 seeds.

    True parameters are not drawn from the default priors, which are weak, so that their coverage is near 0.9 but need
    not be equal to it. Effects are drawn from the model.
    """
    truth = dict(pain_trials.TRUTH.parameters)
    inside, known, ends = [], [], []
    for seed in range(30):
        made = pain_trials.simulate(seed)
        fit = pp.fit(
            "pain ~ drug + (drug | patient)", made.table, draws=250, engine="collapsed", seed=seed, progressbar=False
        )
        b = fit.posterior["b_patient"].stack(sample=("chain", "draw")).transpose("sample", ...)
        low, high = central(b.to_numpy(), 0.9)
        given = made.effects["b_patient"].loc[b["patient"].to_numpy(), b["patient_effect"].to_numpy()].to_numpy()
        inside.append(((low <= given) & (given <= high)).mean())
        frame = fit.digest.with_prob(0.9).frame.loc[list(truth)]
        known.append(list(truth.values()))
        ends.append(frame[["conf_low", "conf_high"]].to_numpy())
    known, ends = np.array(known), np.array(ends)
    by_parameter = {name: known[:, k] for k, name in enumerate(truth)}
    found = coverages(
        by_parameter,
        {name: ends[:, k] for k, name in enumerate(truth)},
        nominal=(0.87, 0.93),
        false_alarm=FALSE_ALARM,
    )
    assert not any(one.outside for one in found.values()), table(found)
    error = np.std(inside, ddof=1) / np.sqrt(len(inside))
    assert error < 0.02
    assert abs(np.mean(inside) - 0.9) < 4 * error
    assert mean_coverage(by_parameter, {name: ends[:, k] for k, name in enumerate(truth)})[0] > 0.8
