"""Labels of a table's rows: names that people read, and those that the user gave instead."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from partialpool.design.column_parts import ColumnPart
from partialpool.design.design import Design
from partialpool.design.label_names import check_labels, parts_by_name
from partialpool.fitting.fit import Fit
from partialpool.names import FAMILY_PARAMETERS, SIGMA
from partialpool.spec.expression import columns_of
from partialpool.spec.members import is_membership
from partialpool.spec.terms import factor_columns
from partialpool.spec.whitelist import CODING
from partialpool.tabulate import printable

__all__ = ["Labels", "checked_labels", "one_line"]

_SUPERSCRIPTS: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_TOKEN: Final = re.compile(r"`([^`]*)`|'[^']*'|\"[^\"]*\"|[^\W\d]\w*")
"""Names of columns, which may be between backquotes, and text in an expression."""
_POWER: Final = re.compile(r"\*\*(\d+)")
_BY_LEVEL: Final = re.compile(r"(within|between)\((.+), (?:by=)?(`[^`]+`|\w+)\)")
_Parts = tuple[ColumnPart, ...]


@dataclass(frozen=True)
class Labels:
    """How the names of a model are written in a table.

    Parameters
    ----------
    given
        The user's labels, by the name of a coefficient, a part of it, a column, a factor or a parameter.
    added
        Names in `given` that follow from others: `period` from `C(period)`, which the formula has, and the reverse.

    Examples
    --------
    >>> labels = Labels({"Days": "Days awake", "Subject": "Participant"})
    >>> labels.coefficient("Days:C(arm)[b]", (ColumnPart("Days"), ColumnPart("C(arm)", True, category="b")))
    'Days awake × arm: b'
    >>> labels.coefficient("I(Days**2)", (ColumnPart("I(Days**2)", True),)), labels.factor("Subject:day")
    ('Days awake²', 'Participant:day')
    """

    given: Mapping[str, str]
    added: frozenset[str] = frozenset()

    def coefficient(self, name: str, parts: _Parts) -> str:
        """Label a fixed effect, or an effect that varies: the labels of its parts, with × between them."""
        if name in self.given or not parts:
            return self.plain(name)
        return " × ".join(self._part(part) for part in parts)

    def plain(self, name: str) -> str:
        """Label a name that has no parts."""
        return one_line(self.given.get(name, name))

    def factor(self, name: str) -> str:
        """Label a grouping factor; for a combination of columns, or for columns of members, the label of each.

        Examples
        --------
        >>> Labels({}).factor("batch:cask"), Labels({"school1": "First school"}).factor("mm(school1+school2)")
        ('batch:cask', 'First school and school2')
        """
        between = " and " if is_membership(name) else ":"
        return self.plain(name) if name in self.given else between.join(map(self.plain, factor_columns(name)))

    def parameter(self, name: str) -> str:
        """Label a parameter of the family.

        Examples
        --------
        >>> Labels({}).parameter("sigma"), Labels({}).parameter("phi")
        ('Residual sd', 'Precision (phi)')
        """
        if name in self.given:
            return self.plain(name)
        return "Residual sd" if name == SIGMA else f"{FAMILY_PARAMETERS[name].capitalize()} ({name})"

    def reference(self, column: str, value: object) -> str:
        """Name the reference category of a column, for a note: `period = 1`."""
        whole = f"{column}[{value}]"
        return self.plain(whole) if whole in self.given else f"{self.plain(column)} = {one_line(str(value))}"

    def reference_row(self, part: ColumnPart, value: object) -> str:
        """Label the row of a reference category, as those of the other categories: `arm: a`.

        Parameters
        ----------
        part
            The part of another category's coefficient.
        value
            The reference category.
        """
        whole = f"{part.column}[{value}]"
        return self.plain(whole) if whole in self.given else self._part(replace(part, category=str(value)))

    def expression(self, text: str) -> str:
        """Write an expression with the labels of its columns."""
        return self._written(text)

    def cutpoint(self, name: str, low: str, high: str) -> str:
        """Label a threshold between two categories of the response."""
        return self.plain(name) if name in self.given else f"{self.plain(low)} | {self.plain(high)}"

    def _part(self, part: ColumnPart) -> str:
        if part.name in self.given:
            return self.plain(part.name)
        base = self._call(part.expression) if part.is_call else self.plain(part.expression)
        if part.position is not None:
            return f"{base}, column {part.position + 1}"
        return base if part.category is None else f"{base}: {one_line(part.category)}"

    def _call(self, text: str) -> str:
        """Write a call, without its name where that only says how to read what is inside.

        Examples
        --------
        >>> [Labels({})._call(text) for text in ("T(arm, ref='a')", "I(x**2)", "log(`my x`)", "within(x, g)")]
        ['arm', 'x²', 'log(my x)', 'x, within g']
        """
        if text in self.given:
            return self.plain(text)
        call, columns = text.partition("(")[0], columns_of(text)
        if call in CODING and len(columns) == 1:
            return self.plain(columns[0])
        if by_level := _BY_LEVEL.fullmatch(text):
            kind, inner, factor = by_level.groups()
            return f"{self._written(inner)}, {kind} {self.factor(factor.strip('`'))}"
        return self._written(text[2:-1] if call == "I" else text)

    def _written(self, text: str) -> str:
        """Replace the columns in an expression by their labels, and whole powers by superscripts."""

        def renamed(found: re.Match[str]) -> str:
            token, after = found[0], text[found.end() :].lstrip()
            if token[0] in "'\"" or after.startswith("(") or re.match("=(?!=)", after):
                return token
            return self.plain(found[1] if found[1] is not None else token)

        written = _TOKEN.sub(renamed, text)
        return one_line(_POWER.sub(lambda found: found[1].translate(_SUPERSCRIPTS), written))


def one_line(text: str) -> str:
    r"""Return text on one line, without characters that a page cannot contain.

    Examples
    --------
    >>> one_line(" two\nlines\t")
    'two lines'
    """
    return printable(" ".join(text.split()))


def checked_labels(fits: Sequence[Fit], given: Mapping[str, str] | None) -> Labels:
    """Return the labels of the fits and those given, which come first, if every name belongs to one of the models.

    Raises
    ------
    SpecError
        A label is not text, or no model has the name.
    """
    designs = [fit.design for fit in fits]
    if given is not None:
        check_labels(designs, given)
    own = {name: label for fit in reversed(fits) for name, label in fit.labels.items()}
    given = own | dict(given or {})
    alike = [pair for design in designs for pair in _alike(design)]
    also = {b: given[a] for pair in alike for a, b in (pair, pair[::-1]) if a in given and b not in given}
    return Labels(given | also, frozenset(also))


def _alike(design: Design) -> Iterator[tuple[str, str]]:
    """Yield names of one thing: a column and the call that makes it a category, and each of its categories in both."""
    for part in (part for parts in parts_by_name(design).values() for part in parts):
        if part.is_call and part.column and part.expression.partition("(")[0] in CODING:
            yield part.expression, part.column
            for value in design.categories[part.column].values if part.column in design.categories else ():
                yield f"{part.expression}[{value}]", f"{part.column}[{value}]"
