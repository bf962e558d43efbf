"""Limits on what a page shows."""

from typing import Final

__all__ = ["MOST_FACTORS", "MOST_LABELLED", "MOST_LEVELS", "OF_EACH_END", "PHONE"]

MOST_FACTORS: Final = 3
"""Most factors whose levels are drawn in one chapter."""
MOST_LABELLED: Final = 60
"""Most levels of a factor that a forest plot names; of more, only the lowest and the highest are drawn."""
OF_EACH_END: Final = 15
"""How many of the lowest levels are drawn, and how many of the highest, where there are more than that."""
MOST_LEVELS: Final = 200
"""Most levels of a factor that are drawn one by one; with more, arrows would overlap."""
PHONE: Final = 5.0
"""Greatest width in inches of a one-panel figure: on a phone its letters then have three quarters of their size."""
