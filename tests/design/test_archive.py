import numpy as np
import pandas as pd
import pytest
import xarray as xr

from partialpool.datasets.load import dataset_names, load_dataset
from partialpool.design.archive import dataset_to_frame, frame_to_dataset
from partialpool.design.table import read_table

COLUMNS = {
    "int64": np.array([1, 2**62, -3, 4]),
    "int8": np.array([1, 2, -3, 4], dtype="int8"),
    "uint16": np.array([1, 2, 3, 65535], dtype="uint16"),
    "float64": np.array([0.1, -np.pi, 1e300, 5e-324]),
    "float32": np.array([0.1, 2, 3, 4], dtype="float32"),
    "bool": np.array([True, False, False, True]),
    "text": pd.Categorical(["b", "a", "b", "ü/ñ 日"]),
    "ordered": pd.Categorical(["lo", "hi", "mid", "lo"], categories=["lo", "mid", "hi"], ordered=True),
    "numbered": pd.Categorical([3, 1, 2, 3]),
    "ordered numbers": pd.Categorical([3.5, 1, 2, 3], categories=[3.5, 3, 2, 1], ordered=True),
    "booleans as categories": pd.Categorical([True, False, True, False]),
    "cut": pd.cut(pd.Series([1.0, 2, 3, 4]), 2),
    "dates as categories": pd.Categorical(pd.date_range("2020-01-01", periods=2).repeat(2)),
}
NAMES = ["a/b", "my column", "1", "obs", "columns", "x.y", "ü", "(x | g)", "column_0", "", "n_given", "`q`"]


def round_trip(frame, path=None, **about):
    dataset = frame_to_dataset(frame, **about)
    if path is not None:
        dataset.to_netcdf(path, engine="h5netcdf")
        with xr.open_dataset(path, engine="h5netcdf") as opened:
            dataset = opened.load()
    return dataset, dataset_to_frame(dataset)


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("saved", [False, True], ids=["memory", "file"])
def test_every_kind_of_column_is_restored(kind, saved, tmp_path):
    frame = read_table({"v": COLUMNS[kind]}, ("v",)).frame
    path = tmp_path / "frame.nc" if saved else None
    dataset, back = round_trip(frame, path, rows=np.array([0, 2, 5, 9]), n_given=11)
    pd.testing.assert_frame_equal(back, frame.set_axis([0, 2, 5, 9]), check_exact=True)
    assert dataset["obs"].values.tolist() == [0, 2, 5, 9]
    assert dataset.attrs["n_given"] == 11


@pytest.mark.parametrize("saved", [False, True], ids=["memory", "file"])
def test_columns_may_have_any_name(saved, tmp_path):
    frame = pd.DataFrame({name: [i, i + 0.5] for i, name in enumerate(NAMES)})
    path = tmp_path / "frame.nc" if saved else None
    _, back = round_trip(frame, path, rows=np.arange(2), n_given=2)
    pd.testing.assert_frame_equal(back, frame)


@pytest.mark.parametrize("name", dataset_names())
def test_embedded_data_are_restored(name, tmp_path):
    data = load_dataset(name)
    table = read_table(data, tuple(data.columns))
    _, back = round_trip(table.frame, tmp_path / "frame.nc", rows=table.rows, n_given=table.n_given)
    pd.testing.assert_frame_equal(back, table.frame)


def test_a_design_is_rebuilt_from_its_archive(table, build):
    design = build("y ~ x * f + (x | g/h) + (0 + z | g)", table)
    _, back = round_trip(design.frame, rows=design.rows, n_given=design.n_given)
    again = build("y ~ x * f + (x | g/h) + (0 + z | g)", back)
    np.testing.assert_array_equal(again.common.values, design.common.values)
    for a, b in zip(again.factors, design.factors, strict=True):
        assert a.levels.labels == b.levels.labels
        np.testing.assert_array_equal(a.codes, b.codes)
