from pathlib import Path

import pytest

from partialpool.errors import FileError, SpecError
from partialpool.spec.model import ModelSpec
from partialpool.spec.modelfile import DataSource, read_model_file

MODEL = '[model]\nformula = "y ~ x + (1 | g)"\n'
DATA = '[data]\ndataset = "sleepstudy"\n'


@pytest.fixture
def read(tmp_path):
    def from_text(text):
        path = tmp_path / "pastes.toml"
        path.write_text(text, encoding="utf-8")
        return read_model_file(path)

    return from_text


def test_all_entries_of_a_model_file_are_read(read, tmp_path):
    read_file = read(
        'title = "T"\nsource = "S"\nshows = "W"\n[sampling]\ndraws = 500\nseed = 1\n[data]\nfile = "a/b.csv"\n' + MODEL
    )
    assert read_file.spec == ModelSpec.from_formula("y ~ x + (1 | g)")
    assert read_file.data == DataSource(files=(tmp_path / "a" / "b.csv",))
    assert read_file.sampling == {"draws": 500, "seed": 1}
    assert (read_file.title, read_file.source, read_file.shows) == ("T", "S", "W")


def test_several_files_are_completed_tables(read, tmp_path):
    found = read("[data]\nfiles = ['1.csv', '2.csv']\nna_values = ['?']\n" + MODEL).data
    assert found == DataSource(files=(tmp_path / "1.csv", tmp_path / "2.csv"), na_values=("?",))


def test_missing_entries_have_defaults(read):
    read_file = read(DATA + MODEL)
    assert read_file.data == DataSource(dataset="sleepstudy")
    assert (read_file.title, read_file.source, read_file.shows) == ("pastes", "", "")
    assert dict(read_file.sampling) == {}


def test_a_model_file_cannot_be_changed(read):
    read_file = read(DATA + MODEL)
    with pytest.raises(AttributeError):
        read_file.title = "mine"
    with pytest.raises(TypeError):
        read_file.sampling["draws"] = 1


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        (MODEL, ["[data] must name one table", "sleepstudy"]),
        ("[data]\n" + MODEL, ["[data] must name one table"]),
        ('[data]\ndataset = "a"\nfile = "b"\n' + MODEL, ["give one of dataset, file and files"]),
        ("[data]\ndataset = 3\n" + MODEL, ["[data]", "3"]),
        ("[data]\nfile = ['a.csv']\n" + MODEL, ["[data]", "a.csv"]),
        ("[data]\nfiles = ['a.csv']\n" + MODEL, ["several completed ones", "files = ['a.csv', 'b.csv']"]),
        ("[data]\nfiles = ['a.csv', 3]\n" + MODEL, ["several completed ones", "3"]),
        ("[data]\nfile = 'a.csv'\nfiles = ['a.csv', 'b.csv']\n" + MODEL, ["give one of dataset, file and files"]),
        ("[data]\nfile = 'a.csv'\nna_values = '?'\n" + MODEL, ["na_values in [data] must be a list", "'?'"]),
        ("[data]\ndataset = 'a'\nna_values = ['?']\n" + MODEL, ["[data] must name one table", "na_values = ['?']"]),
        ('[data]\ndatset = "a"\n' + MODEL, ["'datset'", "'dataset' (nearest)"]),
        ('data = "a"\n' + MODEL, ["[data] must be a table"]),
        ("[[data]]\n" + MODEL, ["[data] must be a table"]),
        (DATA, ["names no response"]),
        (DATA + "[sampling]\ndraw = 5\n" + MODEL, ["[sampling]", "'draw'", "'draws' (nearest)"]),
        ("sampling = 5\n" + DATA + MODEL, ["[sampling] must be a table"]),
        (DATA + "[modell]\n", ["'modell'", "'model' (nearest)"]),
        ("title = 3\n" + DATA + MODEL, ["must be text", "3"]),
        ("[title]\na = 1\n" + DATA + MODEL, ["must be text"]),
        ("source = ['a']\n" + DATA + MODEL, ["must be text"]),
        (DATA + MODEL + 'response = "y"\n', ["given twice"]),
        (DATA + MODEL + '[[group]]\nfactor = "g"\n', ["given twice", "[[group]]"]),
        (DATA + '[model]\nformula = "y ~ os.getpid()"\n', ["os.getpid"]),
        ("not toml", ["not TOML"]),
        ("", ["response"]),
    ],
)
def test_a_broken_model_file_is_refused(text, mentions, read, refuses):
    refuses(SpecError, lambda: read(text), *mentions)


def test_a_file_that_cannot_be_read_is_named(tmp_path, refuses):
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\x80\xff\x00")
    for path in (tmp_path / "missing.toml", str(tmp_path / "missing.toml"), tmp_path, binary):
        refuses(FileError, lambda path=path: read_model_file(path), str(path))


def test_a_path_that_no_system_has_is_a_file_error(refuses):
    refuses(FileError, lambda: read_model_file("a\0b.toml"))


def test_model_files_of_the_gallery_are_read():
    gallery = sorted((Path(__file__).parents[2] / "models").glob("*.toml"))
    assert len(gallery) >= 8
    for path in gallery:
        model = read_model_file(path)
        assert model.title
        assert model.shows
