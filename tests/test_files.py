"""Files are whole or not there."""

import stat

import pytest

import partialpool as pp
from partialpool.files import whole_file


def test_the_file_replaces_the_old_one_at_the_end(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("old")
    with whole_file(path, doing="write it") as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]


def test_a_failure_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("old")

    def fail():
        with whole_file(path, doing="write it") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]


def test_a_new_file_has_the_permissions_of_any_other(tmp_path):
    (tmp_path / "other").touch()
    with whole_file(tmp_path / "note", doing="write it") as temporary:
        temporary.write_text("x")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("note", "other")}
    assert len(modes) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nowhere/note", "cannot write it\n  got:     {}: No such file or directory\n  allowed: a folder that exists"),
        ("", "cannot write it\n  got:     {}: a folder\n  allowed: a file's name"),
    ],
)
def test_what_cannot_be_written_is_said_before_the_work(tmp_path, name, text):
    with pytest.raises(pp.FileError) as refused, whole_file(tmp_path / name, doing="write it"):
        pytest.fail("the block began")
    assert str(refused.value).startswith(text.format(tmp_path / name))
