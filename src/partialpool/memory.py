"""What would not fit into memory is refused before it is made."""

from typing import Final

import psutil

from partialpool.errors import EngineError

__all__ = ["SHARE", "check_fits", "fits"]

SHARE: Final = 0.6
"""Of the memory installed."""


def fits(needed: float) -> bool:
    """Whether so many bytes take no more than their share of the memory installed."""
    return needed <= SHARE * psutil.virtual_memory().total


def check_fits(needed: float, *, wrong: str, got: str, do: str) -> None:
    """Refuse what takes more than its share of the memory installed.

    Parameters
    ----------
    needed
        Bytes.
    wrong, got, do
        What to say: got is completed with the amount.

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
