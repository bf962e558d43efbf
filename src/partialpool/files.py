"""Write files that appear under their name only when they are complete."""

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
    """Yield a temporary path in the same folder, which is renamed to the file when the block succeeds.

    Parameters
    ----------
    path
        The file to create or replace. For a link, its target is created or replaced, and the link stays.
    doing
        The action, for the error message: `"save the fit"`.

    Raises
    ------
    FileError
        The folder does not exist or cannot be written to, or the path is a folder, a device or a pipe. It is raised
        before the block begins.

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
    """Raise the error that `whole_file` would raise, before long work that writes only at its end.

    No temporary file stays in the folder meanwhile.

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
    """Return the file to write (a link's target), and an empty temporary file beside it."""
    _check_name(path, doing)
    path = Path(path)
    if path.is_symlink():
        path = path.resolve()
    # Created by name, not by tempfile, so that the file has the usual permissions of a new file.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise FileError(
            f"cannot {doing}",
            got=f"{path}: {error.strerror}",
            allowed="a folder that exists",
            do="create the folder first",
        ) from error
    return path, temporary


def made_folder(path: str | Path, *, what: str, do: str) -> Path:
    """Create a folder and its parents if they do not exist.

    Parameters
    ----------
    path
        The folder.
    what, do
        For the error message: the purpose of the folder, and what to do.

    Raises
    ------
    FileError
        It cannot be created.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"cannot create {what}", got=f"{folder}: {error.strerror}", allowed="a folder", do=do
        ) from error
    return folder


def _check_name(path: str | Path, doing: str) -> None:
    """Refuse a path that a file cannot replace: a folder, a device or a pipe."""
    if not str(path):
        raise FileError(f"cannot {doing}", got="an empty name", allowed="a file's name", do="name a file")
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno != errno.ELOOP:
            return  # It does not exist or cannot be read: writing beside it will raise the error.
        mode, kind = 0, "a link that points back to itself"
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
