"""The ways to treat levels that a model has not seen."""

from typing import Literal

from partialpool.errors import DataError

__all__ = ["NewLevels", "check_new_levels"]

NewLevels = Literal["error", "sample", "population"]


def check_new_levels(new_levels: str) -> None:
    """Refuse an unknown treatment of new levels, whether or not there are new levels."""
    if new_levels not in ("error", "sample", "population"):
        raise DataError(
            "unknown treatment of new levels",
            got=repr(new_levels),
            allowed="'error', 'sample', 'population'",
            do="name one of these",
        )
