"""The reference category that a command or a model file states."""

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.cli import main
from partialpool.fitting.model_files import read_sources
from partialpool.fitting.reference_categories import with_references

FORMULA = "y ~ habitat + (1 | site)"


@pytest.fixture
def birds(tmp_path):
    rng = np.random.default_rng(1)
    table = pd.DataFrame({
        "y": rng.normal(size=60).round(3), "habitat": np.resize(["wood", "bog", "meadow"], 60),
        "year": np.resize(np.repeat([2001, 2002, 2003], 4), 60), "site": np.repeat(list("abcdef"), 10),
    })  # fmt: skip
    table.to_csv(tmp_path / "birds.csv", index=False)
    return tmp_path / "birds.csv"


def coefs(path):
    return list(pp.load_fit(path).design.common.coefs)


def test_the_command_line_states_it(birds, tmp_path):
    out = tmp_path / "out"
    arguments = ["fit", FORMULA, str(birds), "--seed", "1", "--quiet", "--out", str(out)]
    assert main([*arguments, "--reference", "habitat=meadow"]) == 0
    assert coefs(out / "fit.nc") == ["Intercept", "habitat[bog]", "habitat[wood]"]
    fit = pp.load_fit(out / "fit.nc")
    table = pd.read_csv(birds)
    table["habitat"] = pd.Categorical(table["habitat"], ["meadow", "bog", "wood"])
    expected = pp.fit(FORMULA, table, seed=1, progressbar=False)
    np.testing.assert_allclose(fit.posterior["beta"], expected.posterior["beta"], rtol=1e-6, atol=1e-9)
    assert main(arguments) == 0
    assert coefs(out / "fit.nc") == ["Intercept", "habitat[meadow]", "habitat[wood]"]


def test_a_model_file_states_it(birds, tmp_path):
    path = tmp_path / "model.toml"
    path.write_text(
        f'[data]\nfile = "birds.csv"\nreference = {{ habitat = "wood", year = 2002 }}\n'
        f'[model]\nformula = "{FORMULA} + C(year)"\n[sampling]\nseed = 1\n'
    )
    model = pp.read_model_file(path)
    assert dict(model.data.reference) == {"habitat": "wood", "year": "2002"}
    assert read_sources(model.data, model.spec)[0]["year"].cat.categories.tolist() == [2002, 2001, 2003]
    fit = pp.fit_file(path, progressbar=False)
    assert list(fit.design.common.coefs) == [
        "Intercept", "habitat[bog]", "habitat[meadow]", "C(year)[2001]", "C(year)[2003]",
    ]  # fmt: skip


def test_a_declared_order_is_kept_behind_the_reference():
    size = pd.Categorical(["s", "l", "m"], ["s", "m", "l"], ordered=True)
    table = pd.DataFrame({"y": [1.0, 2, 3], "size": size, "wet": [True, False, True]})
    spec = pp.ModelSpec.from_formula("y ~ size + wet")
    found = with_references(table, {"size": "m", "wet": "True"}, spec)
    assert found["size"].cat.categories.tolist() == ["m", "s", "l"]
    assert found["wet"].cat.categories.tolist() == [True, False]
    assert found["size"].astype(str).tolist() == ["s", "l", "m"]
    assert table["size"].cat.categories.tolist() == ["s", "m", "l"]


@pytest.mark.parametrize(
    ("formula", "reference", "told"),
    [
        (FORMULA, "habitat=medow", ["the column does not have this category", "'meadow' (nearest)"]),
        (FORMULA, "hbitat=bog", ["for a column that the model does not use", "'habitat'"]),
        (FORMULA, "year=2001", ["for a column that the model does not use"]),
        ("y ~ year + (1 | site)", "year=2001", ["a column of numbers has no reference category", "write C(year)"]),
        ("y ~ T(habitat, ref='bog')", "habitat=wood", ["both say how a column is coded", "one of the two"]),
        (FORMULA, "habitat", ["--reference takes pairs of a name", "habitat=meadow"]),
    ],
)
def test_what_is_refused_says_why(birds, capsys, formula, reference, told):
    assert main(["fit", formula, str(birds), "--quiet", "--reference", reference]) == 2
    message = capsys.readouterr().err
    for words in told:
        assert words in message


def test_a_saved_fit_or_a_model_file_takes_no_reference(birds, tmp_path, capsys):
    (tmp_path / "model.toml").write_text(f'[data]\nfile = "birds.csv"\n[model]\nformula = "{FORMULA}"\n')
    assert main(["fit", str(tmp_path / "model.toml"), "--reference", "habitat=bog"]) == 2
    assert "--reference with" in capsys.readouterr().err
    (tmp_path / "model.toml").write_text(
        f'[data]\nfile = "birds.csv"\nreference = "bog"\n[model]\nformula = "{FORMULA}"\n'
    )
    with pytest.raises(pp.SpecError, match=r"reference in \[data\] must name a category for each column"):
        pp.read_model_file(tmp_path / "model.toml")
