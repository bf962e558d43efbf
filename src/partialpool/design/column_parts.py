"""What each column of a term is made of: numbers, and indicators or codes of categories, multiplied."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from partialpool.spec.whitelist import quote_name

__all__ = ["ColumnPart", "parts_of_term"]


@dataclass(frozen=True)
class ColumnPart:
    """One of the expressions whose product is a column: `x` and `C(period)` of `x:C(period)[2]`.

    Attributes
    ----------
    expression
        A column, or a call as in the formula.
    is_call
        Whether it is a call: a column may have a name that looks like one.
    category
        Label of the category of which the column is a part; None for numbers.
    position
        Number of the column, from 0, where an expression such as `poly(x, 2)` has several; else None.
    coding
        Of categories, each category with its number in the column; empty for numbers.
    column
        Of categories, the column of the table that they are in; empty for numbers.
    """

    expression: str
    is_call: bool = False
    category: str | None = None
    position: int | None = None
    coding: tuple[tuple[str | int | float | bool, float], ...] = ()
    column: str = ""

    @property
    def name(self) -> str:
        """The part's name in a coefficient.

        Examples
        --------
        >>> ColumnPart("period", category="2").name, ColumnPart("poly(x, 2)", position=1).name, ColumnPart("x").name
        ('period[2]', 'poly(x, 2)[1]', 'x')
        """
        which = self.category if self.position is None else str(self.position)
        return self.expression if which is None else f"{self.expression}[{which}]"

    @property
    def text(self) -> str:
        """The expression as a formula has it, with backquotes around an unusual name."""
        return self.expression if self.is_call else quote_name(self.expression)


def parts_of_term(term: Any) -> Iterator[tuple[ColumnPart, ...]]:
    """Yield the parts of each of a term's columns, in their order; none for the intercept."""
    yield from product(*(_parts_of_component(component) for component in getattr(term, "components", ())))


def _parts_of_component(component: Any) -> list[ColumnPart]:
    name, is_call = str(component.name), hasattr(component, "call")
    if component.kind == "categoric":
        known, contrasts = component.categories, component.contrast_matrix
        return [
            ColumnPart(
                name,
                is_call,
                category=str(label),
                coding=tuple(zip(known.values, map(float, codes), strict=True)),
                column=known.column,
            )
            for label, codes in zip(contrasts.labels, contrasts.matrix.T, strict=True)
        ]
    count = len(component.labels)
    return [ColumnPart(name, is_call, position=at if count > 1 else None) for at in range(count)]
