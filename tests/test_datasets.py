import numpy as np
import pandas as pd
import pytest

from partialpool.datasets.load import dataset_names, load_dataset
from partialpool.errors import DataError

TABLES = {
    "sleepstudy": ((180, 3), {"Subject": 18}, "Reaction", 298.5078917),
    "radon": ((919, 4), {"county": 85}, "log_radon", 1.2647792),
    "eight_schools": ((8, 3), {"school": 8}, "effect", 8.75),
    "bball1970": ((18, 5), {"Player": 18}, "AB", 45),
    "dyestuff": ((30, 2), {"Batch": 6}, "Yield", 1527.5),
    "dyestuff2": ((30, 2), {"Batch": 6}, "Yield", 5.6656),
    "penicillin": ((144, 3), {"plate": 24, "sample": 6}, "diameter", 22.9722222),
    "pastes": ((60, 4), {"batch": 10, "cask": 3, "sample": 30}, "strength", 60.0533333),
    "cake": ((270, 5), {"replicate": 15, "recipe": 3, "temperature": 6}, "angle", 32.1222222),
    "cbpp": ((56, 4), {"herd": 15, "period": 4}, "incidence", 99 / 56),
    "contraception": ((1934, 6), {"woman": 1934, "district": 60, "use": 2, "livch": 4, "urban": 2}, "age", 0.0),
    "high_school": ((7185, 6), {"school": 160, "sector": 2, "sex": 2, "minority": 2}, "math", 12.7478527),
    "grouseticks": ((403, 7), {"INDEX": 403, "BROOD": 118, "YEAR": 3, "LOCATION": 63}, "TICKS", 6.369727),
    "pain_trials": ((264, 5), {"patient": 40}, "pain", 4.8568182),
    "vaccination": ((576, 5), {"district": 8, "neighbourhood": 6}, "vaccinated", 345 / 576),
    "gene_expression": (
        (240, 11),
        {"person": 120, "environment": 120, "father": 21, "mother": 21, "sex": 2},
        "gene_b",
        4.4841333,
    ),
    "species": ((480, 4), {"site": 24, "species": 20}, "count", 4.0458333),
}


def test_every_data_set_is_listed_here():
    assert set(dataset_names()) == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_shapes_levels_and_means(name):
    shape, levels, column, mean = TABLES[name]
    data = load_dataset(name)
    assert data.shape == shape
    found = {c: len(data[c].cat.categories) for c in data if isinstance(data[c].dtype, pd.CategoricalDtype)}
    assert found == levels
    np.testing.assert_allclose(data[column].mean(), mean, rtol=1e-6, atol=0.01 if column == "age" else 0)
    assert not data.isna().any(axis=None)


@pytest.mark.parametrize("name", TABLES)
def test_columns_are_numbers_or_used_text_categories(name):
    for _, column in load_dataset(name).items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            assert all(isinstance(c, str) for c in column.cat.categories)
            assert set(column) == set(column.cat.categories)
            assert not column.cat.ordered
        else:
            assert column.dtype.kind in "if"


@pytest.mark.parametrize("name", TABLES)
def test_attrs_describe_the_data_and_their_source(name):
    data = load_dataset(name)
    assert set(data.attrs) - {"truth"} == {"about", "source", "units", "descriptions"}
    assert ("truth" in data.attrs) == data.attrs["source"].startswith("simulated")
    assert len(data.attrs["about"]) > 10
    assert len(data.attrs["source"]) > 10
    assert set(data.attrs["descriptions"]) == set(data.columns)
    assert set(data.attrs["units"]) <= set(data.columns)


@pytest.mark.parametrize(
    ("name", "column", "first", "last"),
    [
        ("sleepstudy", "Subject", ["308", "309", "310"], "372"),
        ("cbpp", "herd", ["1", "2", "3"], "15"),
        ("cbpp", "period", ["1", "2", "3"], "4"),
        ("cake", "replicate", ["1", "2", "3"], "15"),
        ("pastes", "sample", ["A:a", "A:b", "A:c"], "J:c"),
        ("contraception", "livch", ["0", "1", "2"], "3+"),
        ("contraception", "woman", ["1", "2", "3"], "1934"),
        ("contraception", "use", ["N", "Y"], "Y"),
        ("grouseticks", "YEAR", ["95", "96", "97"], "97"),
        ("grouseticks", "INDEX", ["1", "2", "3"], "403"),
        ("pain_trials", "patient", ["P01", "P02", "P03"], "P40"),
        ("vaccination", "neighbourhood", ["1", "2", "3"], "6"),
        ("gene_expression", "person", ["01a", "01b", "01c"], "20f"),
        ("species", "site", ["site 01", "site 02", "site 03"], "site 24"),
    ],
)
def test_numbered_levels_are_sorted_by_value(name, column, first, last):
    categories = load_dataset(name)[column].cat.categories.tolist()
    assert categories[: len(first)] == first
    assert categories[-1] == last


def test_pastes_sample_is_batch_and_cask():
    data = load_dataset("pastes")
    assert (data["sample"].astype(str) == data["batch"].astype(str) + ":" + data["cask"].astype(str)).all()


def test_each_call_gives_a_table_of_its_own():
    first = load_dataset("sleepstudy")
    first["Reaction"] = 0.0
    first.attrs["units"]["Reaction"] = "none"
    again = load_dataset("sleepstudy")
    assert again["Reaction"].min() > 100
    assert again.attrs["units"]["Reaction"] == "ms"


@pytest.mark.parametrize("name", ["sleep_study", "Sleepstudy", "iris", "", "../index", 3, None])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(DataError) as caught:
        load_dataset(name)
    error = caught.value
    assert error.wrong == "no such data set"
    assert error.got == repr(name)
    assert "'sleepstudy'" in error.allowed
    assert "'sleepstudy' (nearest)" in error.allowed or "sleep" not in str(name).lower()
    assert "pass your own table" in error.do
