"""The page of the worked models agrees with the model files, and shows a picture of each model."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image

import partialpool as pp
from partialpool.datasets.simulate.catalogue import SIMULATIONS

MODELS = Path(__file__).parents[1] / "models"
PAGE = (MODELS / "README.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.S | re.M))
PATHS = {path.stem: path for path in sorted(MODELS.glob("*.toml"))}
LARGEST = 120_000


@pytest.fixture(scope="module")
def make():
    location = importlib.util.spec_from_file_location("make_model_pictures", MODELS / "make_pictures.py")
    module = importlib.util.module_from_spec(location)
    location.loader.exec_module(module)
    return module


def section(name):
    return SECTIONS[pp.read_model_file(PATHS[name]).title]


def anchor(title):
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def test_every_model_has_a_section_and_every_section_a_model(make):
    assert set(SECTIONS) == {pp.read_model_file(path).title for path in PATHS.values()}
    assert {*make.DRAWN, "gene_expression"} == set(PATHS)


@pytest.mark.parametrize("name", PATHS)
def test_a_section_states_file_formula_family_field_and_picture(name):
    model = pp.read_model_file(PATHS[name])
    text = section(name)
    assert f"[{name}.toml]({name}.toml)" in text
    (formula,) = re.findall(r"```text\n(.*?)\n```", text)
    family = re.search(r"family (\w+)\*", text)
    stated = pp.ModelSpec.from_formula(
        formula,
        family=family[1] if family else "gaussian",
        cov={group.factor: group.cov for group in model.spec.groups if group.cov is not None},
    )
    assert stated.with_units(model.spec.units) == model.spec
    row = re.search(rf"^\| \[{name}\]\(#(.+?)\) \|.*\| (real|simulated) \|$", PAGE, re.M)
    assert row[1] == anchor(model.title)
    assert (row[2] == "simulated") == (name in SIMULATIONS) == model.source.startswith("simulated")
    assert ("Simulated" in text) == (name in SIMULATIONS)
    assert f"](pictures/{name}.png)" in text


@pytest.mark.parametrize("name", PATHS)
def test_a_picture_is_small_and_not_empty(name):
    path = MODELS / "pictures" / f"{name}.png"
    assert path.stat().st_size < LARGEST
    pixels = image.imread(path)
    assert min(pixels.shape[:2]) > 200
    assert pixels[..., :3].std() > 0.02


def test_links_have_a_target():
    for target in re.findall(r"\]\((?!http|#)([^)#]+)", PAGE):
        assert (MODELS / target).exists(), target


def rows_of(name):
    table = re.search(rf"<!-- {name}: begin -->\n\n(.*?)\n\n<!-- {name}: end -->", PAGE, re.S)[1]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()[2:]]


@pytest.mark.parametrize("name", sorted(set(SIMULATIONS) - {"gene_expression"}))
def test_the_table_of_a_simulated_model_states_the_truth(name, make):
    truth = SIMULATIONS[name].truth
    label, function, of = make.FOLLOWING[name]
    expected = {f"`{parameter}`": value for parameter, value in truth.items()}
    expected[label] = function(*(truth[parameter] for parameter in of))
    rows = rows_of(name)
    assert {row[0]: float(row[1]) for row in rows} == pytest.approx(expected, rel=0.01)
    for _, _, mean, interval in rows:
        low, high = map(float, interval.split(" to "))
        assert low < float(mean) < high


def test_the_table_of_the_genes_states_the_truth():
    rows = rows_of("gene_expression")
    truth = {f"`{gene}`": of["icc[person]"] for gene, of in SIMULATIONS["gene_expression"].truth.items()}
    assert {row[0]: float(row[1]) for row in rows} == truth
    contained = []
    for _, true, *cells in rows:
        (mean, *right), (too_high, *wrong) = (list(map(float, re.findall(r"[\d.]+", cell))) for cell in cells)
        assert mean < too_high
        contained.append([low <= float(true) <= high for low, high in (right, wrong)])
    with_it, without = np.sum(contained, axis=0)
    assert with_it >= len(rows) - 2
    assert without == 2
    assert "four of six no longer contain the true value" in " ".join(PAGE.split())


def test_the_table_of_a_collapsed_fit_agrees_with_a_new_fit(make):
    fit = pp.fit_file(PATHS["pain_trials"], progressbar=False)
    assert fit.digest.verdict.good
    again = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in make.truths_table("pain_trials", fit).splitlines()[2:]
    ]
    for ours, shown in zip(again, rows_of("pain_trials"), strict=True):
        assert ours[:2] == shown[:2]
        low, high = map(float, shown[3].split(" to "))
        # The draws repeat on one machine; on another, rounding may make the chains diverge, so estimates are compared.
        assert abs(float(ours[2]) - float(shown[2])) < 0.2 * (high - low) / 3.3
