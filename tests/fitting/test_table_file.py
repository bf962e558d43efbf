"""Tables as people save them: the separator and the decimal mark are found, labels stay as they are written."""

import sys

import pandas as pd
import pytest

from partialpool.errors import FileError
from partialpool.fitting.table_file import read_table_file

TABLE = pd.DataFrame({"plot": ["01", "02", "10"], "dose": [0.5, 1.0, 2.25], "n": [3, 4, 5]})


def text(separator, decimal=".", ending="\n"):
    rows = [["plot", "dose", "n"], *([p, str(d).replace(".", decimal), str(n)] for p, d, n in TABLE.to_numpy())]
    return ending.join(separator.join(row) for row in rows) + ending


WAYS = {
    "commas": text(","),
    "semicolons": text(";"),
    "semicolons, decimal commas": text(";", ","),
    "tabs": text("\t"),
    "tabs, decimal commas": text("\t", ","),
    "bars": text("|"),
    "a byte order mark, carriage returns": "\ufeff" + text(";", ",", "\r\n"),
}


@pytest.mark.parametrize("name", ["t.csv", "t.txt", "t.tsv"])
@pytest.mark.parametrize("way", WAYS)
def test_a_text_file_is_read_however_it_is_separated(tmp_path, way, name):
    path = tmp_path / name
    path.write_text(WAYS[way], encoding="utf-8", newline="")
    pd.testing.assert_frame_equal(read_table_file(path, {"plot"}), TABLE)


@pytest.mark.parametrize("ending", [".parquet", ".feather", ".xlsx"])
def test_other_kinds_of_file_are_read(tmp_path, ending):
    path = tmp_path / f"t{ending}"
    write = {".parquet": TABLE.to_parquet, ".feather": TABLE.to_feather}.get(
        ending, lambda to: TABLE.to_excel(to, index=False)
    )
    write(path)
    pd.testing.assert_frame_equal(read_table_file(path, {"plot"}), TABLE)


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ('y,note\n1,"a; b; c"\n2,"d; e; f"\n', ["a; b; c", "d; e; f"]),
        ("y;note\n1;3,4 and 5\n2;6\n", ["3,4 and 5", "6"]),
        ("y\n1\n2\n", None),
    ],
)
def test_marks_within_values_are_no_separators(tmp_path, content, values):
    (tmp_path / "t.csv").write_text(content)
    table = read_table_file(tmp_path / "t.csv", set())
    assert table["y"].tolist() == [1, 2]
    if values:
        assert table["note"].tolist() == values


@pytest.mark.parametrize(
    ("written", "read"),
    [(["1", "2", "3"], [1, 2, 3]), (["1", "01", "1.0"], ["1", "01", "1.0"]), (["7", "x", "9"], ["7", "x", "9"])],
)
def test_labels_of_factors_are_kept_as_written_unless_they_are_numbers(tmp_path, written, read):
    (tmp_path / "t.csv").write_text("g,y\n" + "".join(f"{label},1\n" for label in written))
    assert read_table_file(tmp_path / "t.csv", {"g"})["g"].tolist() == read


@pytest.mark.parametrize(
    ("name", "content"),
    [("none.csv", None), ("empty.csv", b""), ("latin.csv", "größe\n1\n".encode("latin-1")), ("t.parquet", b"no")],
)
def test_what_cannot_be_read_is_an_error_in_four_parts(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(FileError) as raised:
        read_table_file(tmp_path / name, set())
    assert name in raised.value.got
    assert all((raised.value.wrong, raised.value.allowed, raised.value.do))


def test_without_its_package_an_excel_file_says_what_to_install(tmp_path, monkeypatch):
    TABLE.to_excel(tmp_path / "t.xlsx", index=False)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(FileError, match="pip install openpyxl"):
        read_table_file(tmp_path / "t.xlsx", set())
