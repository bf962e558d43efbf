"""Tables as people save them: the separator and the decimal mark are found, labels stay as they are written."""

import sys
from pathlib import Path

import pandas as pd
import pytest

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.errors import DataError, DataWarning, FileError
from partialpool.fitting.table_file import read_table_file, read_table_text

TABLE = pd.DataFrame({"plot": ["01", "02", "10"], "dose": [0.5, 1.0, 2.25], "n": [3, 4, 5]})


def text(separator, decimal=".", ending="\n"):
    rows = [["plot", "dose", "n"], *([p, str(d).replace(".", decimal), str(n)] for p, d, n in TABLE.to_numpy())]
    return ending.join(separator.join(row) for row in rows) + ending


def lines(*numbers):
    return pd.Index(numbers, name="line of the file")


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
    table = read_table_file(path, {"plot"})
    pd.testing.assert_frame_equal(table, TABLE.set_axis(lines(2, 3, 4)), check_index_type=False)


@pytest.mark.parametrize("ending", [".parquet", ".feather", ".xlsx"])
def test_other_kinds_of_file_are_read(tmp_path, ending):
    path = tmp_path / f"t{ending}"
    write = {".parquet": TABLE.to_parquet, ".feather": TABLE.to_feather}.get(
        ending, lambda to: TABLE.to_excel(to, index=False)
    )
    write(path)
    table = read_table_file(path, {"plot"})
    pd.testing.assert_frame_equal(table.reset_index(drop=True), TABLE)
    assert table.index.name == ("row of the sheet" if ending == ".xlsx" else None)
    assert table.index[0] == (2 if ending == ".xlsx" else 0)


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
    [
        *(("none.csv", None), ("empty.csv", b""), ("latin.csv", "größe\n1\n".encode("latin-1")), ("t.parquet", b"no")),
        ("long.csv", b"y\n" + b"a" * 200_000 + b"\n"),
    ],
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


@pytest.mark.parametrize("way", WAYS)
def test_a_pasted_text_is_read_like_a_file(tmp_path, way):
    text = WAYS[way].removeprefix("\ufeff")
    pd.testing.assert_frame_equal(read_table_text(text, {"plot"}), TABLE)


@pytest.mark.parametrize("text", ["", "\n\n", 'a,b\n"1,2\n', "a,b\n" + "1" * 200_000 + ",2\n"])
def test_a_text_that_is_no_table_is_an_error_in_four_parts(text):
    with pytest.raises(DataError, match="cannot read the table") as raised:
        read_table_text(text, set())
    assert all((raised.value.got, raised.value.allowed, raised.value.do))


PLACES = pd.DataFrame({"Größe": [1.5, 2.0, 3.25], "Ort": ["Zürich", "Orléans", "Málaga"]})


@pytest.mark.parametrize(
    "encoding", ["cp1252", "latin-1", "utf-16", "utf-16-le", "UTF8", "utf-8-sig", "mac-roman", "cp850"]
)
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_a_text_file_in_a_named_encoding_is_read(tmp_path, encoding, separator):
    path = tmp_path / "t.csv"
    path.write_bytes(PLACES.to_csv(sep=separator, index=False).encode(encoding))
    table = read_table_file(path, {"Ort"}, encoding=encoding)
    pd.testing.assert_frame_equal(table.reset_index(drop=True), PLACES)
    assert table.index.tolist() == [2, 3, 4]


@pytest.mark.parametrize("far", [0, 100_000])
def test_a_file_that_is_not_utf_8_names_the_remedy(tmp_path, far):
    """Also where the first such letter is far beyond the lines that show the separator."""
    path = tmp_path / "t.csv"
    path.write_bytes(("y;place\n" + "1;Bern\n" * far + "2;Zürich\n").encode("cp1252"))
    with pytest.raises(FileError, match="its text has another encoding") as raised:
        read_table_file(path, set())
    assert str(path) in raised.value.got
    assert "0xfc" in raised.value.got
    assert "--encoding cp1252 on the command line" in raised.value.do
    assert 'encoding = "cp1252" in [data] of a model file; or save it as UTF-8' in raised.value.do
    assert read_table_file(path, set(), encoding="cp1252")["place"].iloc[-1] == "Zürich"


def test_the_unicode_text_of_excel_names_its_encoding(tmp_path):
    (tmp_path / "t.txt").write_bytes(PLACES.to_csv(sep="\t", index=False).encode("utf-16"))
    with pytest.raises(FileError) as raised:
        read_table_file(tmp_path / "t.txt", set())
    assert "--encoding utf-16" in raised.value.do
    with pytest.raises(FileError, match="its text has another encoding") as raised:
        read_table_file(tmp_path / "t.txt", set(), encoding="ascii")
    assert raised.value.do == "name another encoding, or save the table as UTF-8"


@pytest.mark.parametrize("encoding", ["cp1253x", "", "rot13", "base64", "a\0b"])
def test_an_encoding_that_does_not_exist_is_refused(tmp_path, encoding):
    (tmp_path / "t.csv").write_text("y\n1\n")
    with pytest.raises(FileError, match="this encoding does not exist") as raised:
        read_table_file(tmp_path / "t.csv", set(), encoding=encoding)
    assert raised.value.got == repr(encoding)
    assert "cp1252" in raised.value.allowed
    assert raised.value.do == "check the spelling"


@pytest.mark.parametrize("ending", [".parquet", ".feather", ".arrow", ".xlsx", ".XLSX"])
def test_a_file_that_is_not_text_has_no_encoding(tmp_path, ending):
    path = tmp_path / f"t{ending}"
    with pytest.raises(FileError, match="only a text file has an encoding") as raised:
        read_table_file(path, set(), encoding="cp1252")
    assert raised.value.got == f"encoding 'cp1252' with {path}"
    assert ".csv" in raised.value.allowed
    assert raised.value.do == "leave the encoding out: the file states its own"


def test_a_mark_of_utf_8_contradicts_another_encoding(tmp_path):
    (tmp_path / "t.csv").write_text("größe\n1\n", encoding="utf-8-sig")
    with pytest.raises(FileError, match="states that it is in UTF-8") as raised:
        read_table_file(tmp_path / "t.csv", set(), encoding="cp1252")
    assert raised.value.do == "leave the encoding out"
    assert list(read_table_file(tmp_path / "t.csv", set(), encoding="utf-8")) == ["größe"]


UNEVEN = {
    "a name with a comma": ("name,hits,shots\nSchmidt, Anna,3,3\nBen,2,3\n",
                            "line 2 'Schmidt, Anna,3,3' has 4 parts, the first line has 3"),
    "a value is missing": ("name,hits,shots\nBen,2,3\n\nAnna,3\n", "line 4 'Anna,3' has 2 parts, the first line has 3"),
    "commas at the ends": ("name;hits\nAnna;3;\nBen;2;\n", "line 2 'Anna;3;' has 3 parts, the first line has 2"),
    "one part": ("name\thits\nAnna\t3\nBen\n", "line 3 'Ben' has 1 part, the first line has 2"),
    "far below": ("a,b\n" + "1,2\n" * 80 + "3\n", "line 82 '3' has 1 part, the first line has 2"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNEVEN)
def test_a_line_of_another_length_is_named_with_both_counts(tmp_path, name):
    """pandas would fill it with missing values, or take the first values of all lines as row names."""
    text, told = UNEVEN[name]
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(FileError, match="the lines of the data file do not have the same number of columns") as raised:
        read_table_file(tmp_path / "t.csv", set())
    assert raised.value.got == f"{tmp_path / 't.csv'}: {told}"
    with pytest.raises(DataError, match="the lines of the table do not have the same number of columns") as raised:
        read_table_text(text, set())
    assert raised.value.got == told
    assert raised.value.allowed == "as many parts in every line as in the first one, which has the names of the columns"
    assert "put quotation marks around a value that has a separator in it" in raised.value.do


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("y\n3,4\n5\n", (2, 1)),
        ("note\na; b\nc\n", (2, 1)),
        ('"a, b",y\n"1\n2",3\n', (1, 2)),
        ("\na,b\n\n1,2\n  \n3,\n", (2, 2)),
    ],
)
def test_even_lines_are_read(text, shape):
    assert read_table_text(text, set()).shape == shape


@pytest.mark.parametrize("rows", [["1,250", "980", "1,100"], ["12,500", "-7,125"]])
def test_commas_that_may_separate_thousands_are_refused(tmp_path, rows):
    path = tmp_path / "t.csv"
    path.write_text("name;km\n" + "\n".join(f"a{k};{row}" for k, row in enumerate(rows)), encoding="utf-8")
    with pytest.raises(DataError, match="before decimals or between thousands") as raised:
        read_table_file(path, ())
    assert repr(rows[0]) in raised.value.got
    assert rows[0].replace(",", "") in raised.value.do


@pytest.mark.parametrize("deciding", ["0,250", "1,25", "1250,125"])
def test_one_certain_decimal_comma_decides_for_the_table(tmp_path, deciding):
    path = tmp_path / "t.csv"
    path.write_text(f"km;kg\n1,250;{deciding}\n980;1\n", encoding="utf-8")
    assert read_table_file(path, ())["km"].tolist() == [1.25, 980.0]


def test_a_text_file_is_read_from_disk_once(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    path.write_text("code;y\n01;0,5\n02;1,25\n")
    opened, read = [], Path.open
    monkeypatch.setattr(Path, "open", lambda self, *args, **kwargs: opened.append(self) or read(self, *args, **kwargs))
    table = read_table_file(path, set())
    assert opened == [path]
    assert table.to_dict("list") == {"code": ["01", "02"], "y": [0.5, 1.25]}


def test_small_numbers_with_exponents_stand_among_decimal_commas(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("y;n\n0,5;1\n3e-06;2\n-1,5E+2;3\n")
    assert read_table_file(path, set()).to_dict("list") == {"y": [0.5, 3e-06, -150.0], "n": [1, 2, 3]}


def test_columns_of_one_name_are_told_apart_as_before(tmp_path):
    """The design refuses such a table; until then both columns are there."""
    path = tmp_path / "t.csv"
    path.write_text("x,g,x\n1,01,a\n2,02,b\n")
    assert read_table_file(path, {"g"}).to_dict("list") == {"x": [1, 2], "g": ["01", "02"], "x.1": ["a", "b"]}


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_rows_are_named_by_the_lines_on_which_they_begin(tmp_path, ending):
    written = ["note,y", "", "a,1", "   ", '"b', 'and c",2', "", "d,3", "", ""]
    (tmp_path / "t.csv").write_bytes(ending.join(written).encode())
    assert read_table_file(tmp_path / "t.csv", set()).index.equals(lines(3, 5, 8))


def test_words_for_missing_values_are_read_as_missing(tmp_path):
    words = ("?", "ca. 2", "-99")
    (tmp_path / "t.csv").write_text("g;x;n\nA;?;3\nB;1,5;-99\n?;2,25;4\nC;ca. 2;5\n")
    table = read_table_file(tmp_path / "t.csv", {"g"}, na_values=words)
    assert table["x"].fillna(0).tolist() == [0, 1.5, 2.25, 0]
    assert table["n"].fillna(0).tolist() == [3, 0, 4, 5]
    assert table["g"].isna().tolist() == [False, False, True, False]
    sheet = pd.DataFrame({"g": ["A", "B", "?", "C"], "x": ["?", 1.5, 2.25, "ca. 2"], "n": [3, -99, 4, 5]})
    sheet.to_excel(tmp_path / "t.xlsx", index=False)
    again = read_table_file(tmp_path / "t.xlsx", {"g"}, na_values=words)
    pd.testing.assert_frame_equal(again.reset_index(drop=True), table.reset_index(drop=True), check_dtype=False)
    TABLE.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(FileError, match="missing values of its own"):
        read_table_file(tmp_path / "t.parquet", set(), na_values=words)


def test_advice_on_a_file_names_the_options_of_its_reader_and_the_lines(tmp_path):
    """Of a table that pandas read, it names pandas and positions."""
    rows = [f"{k % 3},{0.5 + k / 8},s{k % 4}" for k in range(40)]
    rows[11] = "1,?,s1"
    rows[20] = rows[30] = "1,ca. 2,s1"
    (tmp_path / "t.csv").write_text("\n".join(["y,hours,site", *rows]) + "\n")
    spec = pp.ModelSpec.from_formula("y ~ 1 + offset(log(hours)) + (1 | site)", family="poisson")
    with pytest.raises(DataError) as error:
        build_design(spec, read_table_file(tmp_path / "t.csv", {"site"}))
    assert error.value.got == "'?' in line 13, 'ca. 2' in lines 22, 32 of the file; the other 37 are numbers"
    assert error.value.do == (
        'read them as missing values: --na-values "?" "ca. 2" on the command line, na_values = ["?", "ca. 2"] in '
        "[data] of a model file; or correct the cells"
    )
    with pytest.raises(DataError) as error:
        build_design(spec, pd.read_csv(tmp_path / "t.csv"))
    assert error.value.got == "'?' in row 11, 'ca. 2' in rows 20, 30 (counted from 0); the other 37 are numbers"
    assert error.value.do == "pd.read_csv(..., na_values=['?', 'ca. 2']), or correct the cells"
    with pytest.warns(DataWarning, match="dropped 3 of 40 rows"):
        design = build_design(spec, read_table_file(tmp_path / "t.csv", {"site"}, na_values=["?", "ca. 2"]))
    assert design.rows.tolist() == [k for k in range(40) if k not in (11, 20, 30)]
    table = read_table_file(tmp_path / "t.csv", {"site"}, na_values=["?", "ca. 2"])
    table.loc[9, "hours"] = 0.0
    with pytest.warns(DataWarning), pytest.raises(DataError, match=r"-inf in line 9 of the file, 1 such row"):
        build_design(spec, table)
