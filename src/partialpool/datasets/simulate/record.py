"""The result of a simulation: the table and the true effects."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

__all__ = ["Simulated"]


@dataclass(frozen=True, eq=False)
class Simulated:
    """One draw of a data set.

    Attributes
    ----------
    table
        The table as it is stored; measured numbers are rounded.
    effects
        True effects of each level, by variable of the posterior (`b_patient`): a row per level, a column per effect.
    """

    table: pd.DataFrame
    effects: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The table as a CSV file."""
        return self.table.to_csv(index=False, lineterminator="\n")
