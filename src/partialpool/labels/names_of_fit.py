"""The names that a fit shows: those of its formula, or its own labels."""

from partialpool.fitting.fit import Fit
from partialpool.labels.labels import checked_labels
from partialpool.labels.names_shown import NamesShown

__all__ = ["names_of_fit"]


def names_of_fit(fit: Fit) -> NamesShown:
    """Return what to write for each name of a fit's model: its labels where it has any (`Fit.with_labels`)."""
    return NamesShown(fit.design, checked_labels([fit], None) if fit.labels else None)
