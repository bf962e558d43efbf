"""Files appear under their name only when they are whole."""

import errno
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from partialpool.errors import FileError

__all__ = ["check_place", "made_folder", "whole_file"]


@contextmanager
def whole_file(path: str | Path, *, doing: str) -> Iterator[Path]:
    """Give a temporary path in the same folder, which takes the file's name when the block ends well.

    Parameters
    ----------
    path
        The file to make, or to replace. Of a link the file it leads to is made or replaced; the link stays.
    doing
        What is done, for the error: `"save the fit"`.

    Raises
    ------
    FileError
        The folder is not there or cannot be written to, or a folder, a device or a pipe has this name; before the
        block begins.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with whole_file(folder / "note.txt", doing="write the note") as temporary:
    ...     _ = temporary.write_text("whole")
    >>> [path.name for path in folder.iterdir()]
    ['note.txt']
    """
    path, temporary = _begun(path, doing)
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def check_place(path: str | Path, *, doing: str) -> None:
    """Refuse what `whole_file` would refuse, before long work whose end alone writes.

    Nothing stands in the folder meanwhile, whatever becomes of the work.

    Parameters
    ----------
    path, doing
        As `whole_file` will get them.

    Raises
    ------
    FileError
        As `whole_file`.
    """
    _begun(path, doing)[1].unlink()


def _begun(path: str | Path, doing: str) -> tuple[Path, Path]:
    """Return the file to make, behind a link the one it leads to, and an empty one beside it to begin with."""
    _check_name(path, doing)
    path = Path(path)
    if path.is_symlink():
        path = path.resolve()
    # Made by its name, not by tempfile: the file keeps the permissions that any new file has here.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise FileError(
            f"cannot {doing}",
            got=f"{path}: {error.strerror}",
            allowed="a folder that exists",
            do="make the folder first",
        ) from error
    return path, temporary


def made_folder(path: str | Path, *, what: str, do: str) -> Path:
    """Make a folder, and those above it, where it is not there.

    Parameters
    ----------
    path
        The folder.
    what, do
        For the error: which folder it is, and what to do.

    Raises
    ------
    FileError
        It cannot be made.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make {what}", got=f"{folder}: {error.strerror}", allowed="a folder", do=do) from error
    return folder


def _check_name(path: str | Path, doing: str) -> None:
    """Refuse what a file cannot replace: it may not take a folder's, a device's or a pipe's place."""
    if not str(path):
        raise FileError(f"cannot {doing}", got="an empty name", allowed="a file's name", do="name a file")
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno != errno.ELOOP:
            return  # It is not there, or cannot be looked at: writing beside it will tell.
        mode, kind = 0, "a link that leads back to itself"
    else:
        kind = "a device, a pipe or a socket"
    if stat.S_ISDIR(mode):
        raise FileError(
            f"cannot {doing}",
            got=f"{path}: a folder",
            allowed="a file's name",
            do=f"name a file in it, for instance {path / 'name'}",
        )
    if not stat.S_ISREG(mode):
        raise FileError(
            f"cannot {doing}",
            got=f"{path}: {kind}",
            allowed="a new name, or that of an ordinary file",
            do="name another file",
        )
