"""Checks that refuse work that would not fit into memory before it starts."""

from typing import Final

import psutil

from partialpool.errors import EngineError

__all__ = ["SHARE", "check_fits", "fits"]

SHARE: Final = 0.6
"""Largest share of the installed memory that may be used."""


def fits(needed: float) -> bool:
    """Whether so many bytes are within the allowed share of the installed memory."""
    return needed <= SHARE * psutil.virtual_memory().total


def check_fits(needed: float, *, wrong: str, got: str, do: str) -> None:
    """Raise an error if more than the allowed share of the installed memory is needed.

    Parameters
    ----------
    needed
        Number of bytes.
    wrong, got, do
        Parts of the message; the amount is added to `got`.

    Raises
    ------
    EngineError
        It does not fit.
    """
    if not fits(needed):
        installed = psutil.virtual_memory().total
        raise EngineError(
            wrong,
            got=f"{got}: {needed / 2**30:.0f} GiB",
            allowed=f"{SHARE:.0%} of the {installed / 2**30:.0f} GiB installed",
            do=do,
        )
