"""Files are written completely or not at all."""

import os
import stat

import pytest

import partialpool as pp
from partialpool.files import whole_file
from partialpool.reporting.pagemaker import write_page


def test_the_file_replaces_the_old_one_at_the_end(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("old")
    with whole_file(path, doing="write it") as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]


def test_a_failure_does_not_change_the_old_file(tmp_path):
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
def test_a_file_that_cannot_be_written_is_refused_before_the_work(tmp_path, name, text):
    with pytest.raises(pp.FileError) as refused, whole_file(tmp_path / name, doing="write it"):
        pytest.fail("the block began")
    assert str(refused.value).startswith(text.format(tmp_path / name))


def test_a_path_is_checked_before_long_work_and_has_no_file_meanwhile(tmp_path):
    seen = []

    def render():
        seen.extend(tmp_path.iterdir())
        return "the page"

    assert write_page(tmp_path / "page.html", render, doing="write it").read_text(encoding="utf-8") == "the page"
    assert seen == []
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
    with pytest.raises(pp.FileError, match="a folder that exists"):
        write_page(tmp_path / "nowhere" / "page.html", lambda: pytest.fail("the work began"), doing="write it")


def refused(path):
    with pytest.raises(pp.FileError) as error, whole_file(path, doing="write it"):
        pytest.fail("the block began")
    return str(error.value)


def test_a_pipe_is_refused_and_stays(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert refused(path) == (
        f"cannot write it\n  got:     {path}: a device, a pipe or a socket\n"
        "  allowed: a new name, or that of an ordinary file\n  do:      name another file"
    )
    assert stat.S_ISFIFO(path.stat().st_mode)
    (tmp_path / "link").symlink_to(path)
    assert "a device, a pipe or a socket" in refused(tmp_path / "link")
    assert {p.name for p in tmp_path.iterdir()} == {"pipe", "link"}


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_followed_and_stays(tmp_path, exists):
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "note.txt", tmp_path / "link.txt"
    if exists:
        target.write_text("old")
    link.symlink_to(target)
    with whole_file(link, doing="write it") as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert (target.read_text(), target.is_symlink()) == ("new", False)
    assert [p.name for p in (tmp_path / "far").iterdir()] == ["note.txt"]


def test_a_link_to_itself_and_no_name_are_refused(tmp_path):
    link = tmp_path / "loop"
    link.symlink_to(link)
    assert f"got:     {link}: a link that points back to itself" in refused(link)
    assert link.is_symlink()
    assert refused("") == (
        "cannot write it\n  got:     an empty name\n  allowed: a file's name\n  do:      name a file"
    )
