"""Limits on what a page shows."""

from typing import Final

__all__ = ["MOST_LABELLED", "MOST_LEVELS", "PHONE"]

MOST_LABELLED: Final = 60
"""Most levels of a factor that a forest plot names; of more, only the lowest and the highest are drawn."""
MOST_LEVELS: Final = 200
"""Most levels of a factor that are drawn one by one; with more, arrows would overlap."""
PHONE: Final = 5.0
"""Greatest width in inches of a one-panel figure: on a phone its letters then have three quarters of their size."""
