"""How much a page shows."""

from typing import Final

__all__ = ["MOST_LABELLED", "MOST_LEVELS", "PHONE"]

MOST_LABELLED: Final = 60
"""Levels of a factor above which a forest would have no room for their names: the lowest and the highest are drawn."""
MOST_LEVELS: Final = 200
"""Levels of a factor above which an arrow for each is a blot."""
PHONE: Final = 5.0
"""Inches to which a picture of one panel is narrowed: on a phone its letters are then three quarters of their size."""
