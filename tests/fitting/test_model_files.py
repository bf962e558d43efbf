"""Every worked model reads, says what it shows, and (slowly) samples to its reference posterior."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.posterior import DEFAULTS, REFERENCE, check_against_reference, stated_spec, table_of
from checks.truths import check_held
from partialpool.datasets.simulate.catalogue import SIMULATIONS
from partialpool.design.build import build_design
from partialpool.fitting.model_files import read_sources
from partialpool.sampling.mixing import bulk_ess, mcse_mean
from partialpool.spec.model import ModelSpec
from partialpool.spec.modelfile import DataSource

MODELS = sorted((Path(__file__).parents[2] / "models").glob("*.toml"))
REFERENCES = {
    "sleepstudy": DEFAULTS["sleepstudy", "Reaction ~ Days + (Days | Subject)"],
    "radon": DEFAULTS["radon", "log_radon ~ floor + log_uranium + (floor | county)"],
    "penicillin": REFERENCE["penicillin", "diameter ~ 1 + (1 | plate) + (1 | sample)"],
    "pastes": REFERENCE["pastes", "strength ~ 1 + (1 | batch/cask)"],
    "eight_schools": REFERENCE["eight_schools", "effect ~ 1 + (1 | school), known sd"],
    "cbpp": DEFAULTS["cbpp", "p(incidence, size) ~ period + (1 | herd)"],
    "contraception": REFERENCE["contraception", "use[Y] ~ age + I(age**2) + livch + urban + (1 | district)"],
}
STATED = ("contraception",)
"""Whose reference has a prior for each coefficient: it is stated here."""
GAUSSIAN = ("sleepstudy", "radon", "penicillin", "pastes", "eight_schools")


def test_the_gallery_is_whole():
    assert {p.stem for p in MODELS} >= {*REFERENCES, *SIMULATIONS, "grouseticks"}


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_a_worked_model_says_what_it_shows_and_builds(path):
    model = pp.read_model_file(path)
    assert model.title
    assert model.source
    assert model.shows.endswith(".")
    design = build_design(model.spec, read_sources(model.data, model.spec)[0])
    assert design.n_rows == design.n_given
    assert pp.ModelSpec.from_toml_text(model.spec.to_toml()) == model.spec


@pytest.mark.parametrize(
    "name",
    ["pain_trials", "gene_expression", *(pytest.param(n, marks=pytest.mark.slow) for n in ("vaccination", "species"))],
)
def test_a_simulated_model_finds_what_it_was_made_from(name):
    path = next(p for p in MODELS if p.stem == name)
    fit = pp.fit_file(path, progressbar=False)
    assert fit.digest.verdict.good, str(fit.digest.verdict)
    made = SIMULATIONS[name]
    truth, effects = made.truth, made.simulate(made.seed).effects
    if name == "gene_expression":
        gene = fit.spec.response
        truth, given = truth[gene], effects[gene]
        effects = {f"b_{factor}": given[[factor]].set_axis(["Intercept"], axis=1) for factor in given}
    check_held(fit, truth, effects)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(REFERENCES))
def test_a_worked_model_agrees_with_its_reference(name):
    path = next(p for p in MODELS if p.stem == name)
    fit = pp.fit_file(path, engine="nuts", progressbar=False)
    assert (fit.posterior.sizes["chain"], fit.posterior.sizes["draw"]) == (4, 1000)
    if name in STATED:
        spec = stated_spec(REFERENCES[name])
        assert spec.with_priors({}).to_formula() == fit.spec.to_formula()
        fit = pp.fit(spec, pp.load_dataset(name), engine="nuts", seed=1, progressbar=False)
    check_against_reference(fit, REFERENCES[name])
    if name in GAUSSIAN:
        assert int(fit.tree["sample_stats"]["diverging"].sum()) == 0
    assert fit.digest.verdict.good, str(fit.digest.verdict)


@pytest.mark.slow
def test_dyestuff2_near_its_boundary_agrees_with_the_reference():
    fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff2"), engine="nuts", seed=1, progressbar=False)
    check_against_reference(fit, REFERENCE["dyestuff2", "Yield ~ 1 + (1 | Batch)"])
    assert int(fit.tree["sample_stats"]["diverging"].sum()) == 0


@pytest.mark.slow
def test_grouseticks_samples_and_finds_lme4s_ballpark():
    path = next(p for p in MODELS if p.stem == "grouseticks")
    fit = pp.fit_file(path, engine="nuts", progressbar=False)
    assert fit.digest.verdict.good, str(fit.digest.verdict)
    height = fit.posterior["beta"].sel(coef="cHEIGHT")
    # Ticks fall with height: -0.0236 (se 0.0027) in lme4's help page for grouseticks.
    assert -0.0236 - 0.006 < float(height.mean()) < -0.0236 + 0.006


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "change", "units"),
    [
        ("response times 1e6", lambda d: d.assign(Reaction=d.Reaction * 1e6), {"Intercept": 1e6, "Days": 1e6}),
        ("predictor times 1e-6", lambda d: d.assign(Days=d.Days * 1e-6), {"Intercept": 1.0, "Days": 1e6}),
    ],
)
def test_posteriors_change_in_units_only(sleepstudy_fit, sleepstudy, what, change, units):
    fit = pp.fit("Reaction ~ Days + (Days | Subject)", change(sleepstudy), engine="nuts", seed=5, progressbar=False)
    assert fit.digest.verdict.good
    for coef, unit in units.items():
        for name, dim in (("beta", "coef"), ("sd_Subject", "Subject_effect")):
            ours = (fit.posterior[name].sel({dim: coef}) / unit).to_numpy()
            theirs = sleepstudy_fit.posterior[name].sel({dim: coef}).to_numpy()
            assert bulk_ess(ours) > 400
            error = np.hypot(mcse_mean(ours), mcse_mean(theirs))
            assert abs(ours.mean() - theirs.mean()) < 5 * error, (what, name, coef)


@pytest.mark.slow
def test_every_family_recovers_what_it_was_given():
    """One data set per family, simulated from known parameters: each within 5 posterior sds of the truth."""
    from checks.simulate import SIMULATED

    for family, (formula, table, truth) in SIMULATED.items():
        fit = pp.fit(formula, table, family=family, engine="nuts", seed=1, progressbar=False)
        assert fit.digest.verdict.good, (family, str(fit.digest.verdict))
        frame = fit.digest.frame
        for parameter, value in truth.items():
            mean, sd = frame.loc[parameter, ["mean", "sd"]]
            assert abs(mean - value) < 5 * sd, (family, parameter, mean, sd, value)


@pytest.mark.slow
def test_a_varying_slope_of_a_binary_response_agrees_with_its_reference_under_the_defaults():
    (entry,) = [e for e in DEFAULTS.values() if e["data"] == "contraception"]
    fit = pp.fit(entry["formula"], pp.load_dataset("contraception"), family="bernoulli", seed=1, progressbar=False)
    check_against_reference(fit, entry)


@pytest.mark.slow
@pytest.mark.parametrize("data", ["mmmec", "toenail"])
def test_counts_and_choices_agree_with_their_references_under_stated_priors(data):
    (entry,) = [e for e in REFERENCE.values() if e["data"] == data]
    fit = pp.fit(stated_spec(entry), table_of(entry), seed=1, progressbar=False)
    check_against_reference(fit, entry, min_ess=300)


def source_of(folder, text, name="table.csv"):
    path = folder / name
    path.write_text(text)
    return DataSource(None, (path,))


def test_labels_in_a_file_stay_apart(tmp_path):
    spec = ModelSpec.from_formula("y ~ zip + (1 | code) + (1 | site:plot)")
    rows = ["1,7,1,02139,0.5", "01,8,2,10001,1.5", "001,9,1,00001,2.50", "1.0,7,2,02139,3"]
    table = read_sources(source_of(tmp_path, "\n".join(["code,site,plot,zip,y", *rows])), spec)[0]
    assert table["code"].tolist() == ["1", "01", "001", "1.0"]
    assert table["site"].tolist() == [7, 8, 9, 7]  # whole numbers, as a data frame would have them
    assert table["zip"].tolist() == ["02139", "10001", "00001", "02139"]
    assert table["y"].tolist() == [0.5, 1.5, 2.5, 3.0]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["0.5", "1.0", "2.0", "10.0"], [0.5, 1.0, 2.0, 10.0]),
        (["1", "2.5", "-3", "0"], [1.0, 2.5, -3.0, 0.0]),
        (["1", "1.0", "2", "2.5"], ["1", "1.0", "2", "2.5"]),
        (["01", "2", "3", "4"], ["01", "2", "3", "4"]),
        (["1e2", "2e2", "3", "4"], ["1e2", "2e2", "3", "4"]),
    ],
)
def test_a_factor_is_numbers_where_no_two_labels_are_one_number(tmp_path, written, read):
    """Else the slope of a dose that is a factor too would become a coefficient per category."""
    spec = ModelSpec.from_formula("y ~ dose + (1 | dose)")
    table = read_sources(source_of(tmp_path, "\n".join(["dose,y", *(f"{d},1" for d in written)])), spec)[0]
    assert table["dose"].tolist() == read


def test_a_measurement_padded_with_a_zero_stays_a_number(tmp_path):
    spec = ModelSpec.from_formula("y ~ x + (1 | g)")
    table = read_sources(source_of(tmp_path, "x,g,y\n05.2,a,1\n11.3,b,2\n"), spec)[0]
    assert table["x"].tolist() == [5.2, 11.3]


def test_tabs_and_parquet_by_the_ending(tmp_path):
    spec = ModelSpec.from_formula("y ~ 1 + (1 | g)")
    frame = pd.DataFrame({"g": ["a", "b"], "y": [1.0, 2.0]})
    frame.to_parquet(tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(
        read_sources(DataSource(None, (tmp_path / "table.parquet",)), spec)[0], frame, check_dtype=False
    )
    found = read_sources(source_of(tmp_path, frame.to_csv(sep="\t", index=False), "table.TSV"), spec)[0]
    pd.testing.assert_frame_equal(found.reset_index(drop=True), frame, check_dtype=False)


def test_semicolons_and_decimal_commas_of_a_model_files_table_are_read(tmp_path):
    spec = ModelSpec.from_formula("y ~ 1 + (1 | g)")
    table = read_sources(source_of(tmp_path, "g;y\na;1,5\n"), spec)[0]
    assert table.to_dict("list") == {"g": ["a"], "y": [1.5]}


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    spec = ModelSpec.from_formula("y ~ 1 + (1 | g)")
    (tmp_path / "latin.csv").write_bytes("g,y\nZürich,1\n".encode("latin-1"))
    with pytest.raises(pp.FileError, match="cannot read the data file") as error:
        read_sources(DataSource(None, (tmp_path / "latin.csv",)), spec)[0]
    assert "save it as UTF-8" in error.value.do


def test_a_model_file_names_the_encoding_of_its_table(tmp_path):
    (tmp_path / "latin.csv").write_bytes("g,y\nZürich,1\n".encode("cp1252"))
    (tmp_path / "m.toml").write_text(
        '[data]\nfile = "latin.csv"\nencoding = "cp1252"\n[model]\nformula = "y ~ 1 + (1 | g)"\n'
    )
    model = pp.read_model_file(tmp_path / "m.toml")
    assert model.data == DataSource(files=(tmp_path / "latin.csv",), encoding="cp1252")
    assert read_sources(model.data, model.spec)[0]["g"].tolist() == ["Zürich"]


@pytest.mark.parametrize(
    "data", ['dataset = "sleepstudy"\nencoding = "cp1252"', 'encoding = "cp1252"', 'file = "t.csv"\nencoding = 3']
)
def test_an_encoding_is_that_of_a_file(tmp_path, data):
    (tmp_path / "m.toml").write_text(f'[data]\n{data}\n[model]\nformula = "y ~ 1 + (1 | g)"\n')
    with pytest.raises(pp.SpecError, match=r"\[data\] must name one table") as raised:
        pp.read_model_file(tmp_path / "m.toml")
    assert "encoding = 'cp1252' if the text is not UTF-8" in raised.value.allowed
