"""The units a user states, by column."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from partialpool.errors import SpecError, nearest
from partialpool.spec.frozen_table import FrozenTable

__all__ = ["UnitTable"]


class UnitTable(FrozenTable[str]):
    """Units by column: an immutable, hashable mapping.

    Examples
    --------
    >>> UnitTable({"Reaction": "ms", "Days": "days"})
    {'Days': 'days', 'Reaction': 'ms'}
    """

    __slots__ = ()

    def __init__(self, units: Mapping[str, str] = MappingProxyType({})) -> None:
        texts = isinstance(units, Mapping) and all(isinstance(t, str) and t for pair in units.items() for t in pair)
        if not texts:
            raise SpecError(
                "units must be given by column",
                got=repr(units),
                allowed="{'Reaction': 'ms', 'Days': 'days'}",
                do="write a dictionary from columns to texts",
            )
        super().__init__(units)

    def check_columns(self, columns: Iterable[str]) -> None:
        """Refuse units of columns that neither the table nor the model has.

        Raises
        ------
        SpecError
            An unknown column.
        """
        known = tuple(columns)
        for name in self:
            if name not in known:
                raise SpecError(
                    "units are stated for a column that the table does not have",
                    got=f"{name!r}: {self[name]!r}",
                    allowed=nearest(name, known),
                    do="name columns of the table",
                )
