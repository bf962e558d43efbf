"""Files appear under their name only when they are whole."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from partialpool.errors import FileError

__all__ = ["whole_file"]


@contextmanager
def whole_file(path: str | Path, *, doing: str) -> Iterator[Path]:
    """Give a temporary path in the same folder, which takes the file's name when the block ends well.

    Parameters
    ----------
    path
        The file to make, or to replace.
    doing
        What is done, for the error: `"save the fit"`.

    Raises
    ------
    FileError
        The folder is not there or cannot be written to, or a folder has this name; before the block begins.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with whole_file(folder / "note.txt", doing="write the note") as temporary:
    ...     _ = temporary.write_text("whole")
    >>> [path.name for path in folder.iterdir()]
    ['note.txt']
    """
    path = Path(path)
    if path.is_dir():
        raise FileError(
            f"cannot {doing}",
            got=f"{path}: a folder",
            allowed="a file's name",
            do=f"name a file in it, for instance {path / 'name'}",
        )
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
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
