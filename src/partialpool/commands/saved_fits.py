"""Read the saved fits that a command names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from partialpool.errors import FileError, SpecError

__all__ = ["check_other_file", "named_fits", "read_fit"]


def read_fit(path: Path) -> Any:
    """Return a saved fit.

    Raises
    ------
    FileError
        The path is not a file, or not one that `fit.save()` wrote.
    """
    from partialpool.fitting.load_fit import load_fit  # noqa: PLC0415 - keeps `--help` fast

    if path.exists() and not path.is_file():
        raise FileError(
            "cannot read this as a fit",
            got=f"{path}: {'a folder' if path.is_dir() else 'not a file'}",
            allowed="a file written by fit.save()",
            do=f"name the file, for instance {path / 'fit.nc'}" if path.is_dir() else "name another file",
        )
    return load_fit(path)


def check_other_file(out: Path, read: Path, *, wrong: str, option: str = "--out") -> None:
    """Refuse to write over a file that the command reads, under whatever name.

    Raises
    ------
    FileError
        They are the same file.
    """
    if out.exists() and read.exists() and out.samefile(read):
        raise FileError(
            wrong, got=f"{option} {out}".strip(), allowed="a separate file", do=f"name another {option or 'file'}"
        )


def named_fits(paths: Sequence[Path], names: Sequence[str] | None) -> dict[str, Any]:
    """Return saved fits by name.

    Parameters
    ----------
    paths
        The files.
    names
        Their names in the output; by default those of the files, or of their folders where the files have one name.

    Raises
    ------
    SpecError
        There are not as many names as fits, or two are equal.
    FileError
        A file is not a fit.
    """
    chosen = _file_names(paths) if names is None else list(names)
    if len(chosen) != len(paths) or len(set(chosen)) < len(chosen):
        raise SpecError(
            "each fit needs a name of its own",
            got=f"{len(paths)} fits and the names {', '.join(chosen)}",
            allowed="as many names as fits, all different",
            do="give one name for each file, in the order of the files",
        )
    return {name: read_fit(path) for name, path in zip(chosen, paths, strict=True)}


def _file_names(paths: Sequence[Path]) -> list[str]:
    """Return what tells the files apart: their names, else their folders, else their paths.

    Examples
    --------
    >>> _file_names([Path("out/slopes.nc"), Path("out/intercepts.nc")])
    ['slopes', 'intercepts']
    >>> _file_names([Path("a/fit.nc"), Path("b/fit.nc")])
    ['a', 'b']
    """
    stems = [path.stem for path in paths]
    if len(set(stems)) == len(stems):
        return stems
    folders = [path.resolve().parent.name for path in paths]
    if len(set(folders)) == len(folders):
        return folders
    return [str(path.with_suffix("")) for path in paths]
