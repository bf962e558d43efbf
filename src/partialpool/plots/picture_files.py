"""Names of files of pictures: the ending decides the format."""

from pathlib import Path
from typing import Final

from partialpool.errors import FileError

__all__ = ["check_picture_name"]

_ENDINGS: Final = (".png", ".pdf", ".svg", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".eps")


def check_picture_name(path: Path) -> None:
    """Refuse a name whose ending is not that of a picture.

    Raises
    ------
    FileError
        Another ending, or none.
    """
    if path.suffix.lower() not in _ENDINGS:
        raise FileError(
            "the name of a picture must end in its format",
            got=str(path),
            allowed=", ".join(_ENDINGS),
            do=f"name it {path.with_suffix('.png').name}, for instance",
        )
