"""Units of a model's quantities, for axes and sentences: of columns, of the response, of effects."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from partialpool.names import BETA, INTERCEPT, SIGMA, TOTAL_SD

__all__ = ["UNITS", "Units"]

_COLON = re.compile(r":(?![^\[]*\])")
"""A colon between the parts of an interaction, not inside the brackets of a category."""
UNITS = "units"
"""Attribute under which an answer carries the units of its model."""


@dataclass(frozen=True)
class Units:
    """Units as a table or a user states them. Empty texts where none is stated.

    Attributes
    ----------
    columns
        Unit of each column.
    response
        Unit of the response.
    linear
        Unit of the linear predictor and of all effects: the response's under an identity link, else none.
    effects
        Units of effects under other names than the model's, such as a report's labels.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    response: str = ""
    linear: str = ""
    effects: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_answer(cls, attrs: Mapping[Any, Any]) -> "Units":
        """Read the units that an answer carries in its attributes; none where it carries none."""
        return cls(**json.loads(attrs.get(UNITS, "{}")))

    def as_text(self) -> str:
        """Return the units as text, which files of answers can store.

        Examples
        --------
        >>> units = Units({"Days": "days"}, "ms", "ms")
        >>> Units.of_answer({"units": units.as_text()}) == units
        True
        """
        known = {"columns": dict(self.columns), "response": self.response, "linear": self.linear}
        return json.dumps(known | ({"effects": dict(self.effects)} if self.effects else {}))

    def of(self, column: str) -> str:
        """Return the unit of a column."""
        return self.columns.get(column, "")

    def per(self, column: str) -> str:
        """Return one unit of a column, for slopes per that unit; empty where none is known.

        Examples
        --------
        >>> Units({"Days": "days"}).per("Days"), Units({"floor": "0 basement, 1 first floor"}).per("floor")
        ('day', '')
        """
        unit = self.of(column)
        # A unit of several words is the description of a code.
        return _singular(unit) if len(unit.split()) == 1 else ""

    def of_effects(self, effects: Sequence[str]) -> Mapping[str, str]:
        """Return the unit of each effect; of none where the linear predictor has no unit.

        Examples
        --------
        >>> dict(Units({"Days": "days"}, "ms", "ms").of_effects(["Intercept", "Days"]))
        {'Intercept': 'ms', 'Days': 'ms/day'}
        >>> dict(Units({}, "ms", "ms").of_effects(["arm[b]"]))
        {'arm[b]': 'ms'}
        >>> dict(Units({"Days": "days"}, "ms", "ms").of_effects(["Days:arm[b:c]"]))
        {'Days:arm[b:c]': 'ms/day'}
        >>> dict(Units({"baseline": "mmHg"}, "mmHg", "mmHg").of_effects(["baseline"]))
        {'baseline': 'mmHg per mmHg'}
        """
        named = {effect: self.effects[effect] for effect in effects if effect in self.effects}
        others = {effect: self._of_effect(effect) for effect in effects} if self.linear else {}
        return MappingProxyType(others | named)

    def of_quantity(self, name: str) -> str:
        """Return the unit of a parameter, by its name in tables; empty where none is known.

        Examples
        --------
        >>> units = Units({"Days": "days"}, "ms", "ms")
        >>> [units.of_quantity(name) for name in ("beta[Days]", "sd_Subject[Intercept]", "sigma", "icc[Subject]")]
        ['ms/day', 'ms', 'ms', '']
        """
        kind, _, effect = name.removesuffix("]").partition("[")
        if kind in (SIGMA, TOTAL_SD):
            return self.linear
        if kind == BETA or (kind.startswith("sd_") and not kind.startswith("sd_s(")):  # a smooth's sd is none of slopes
            return self.of_effects([effect]).get(effect, "")
        return ""

    def _of_effect(self, effect: str) -> str:
        if effect == INTERCEPT:
            return self.linear
        # An indicator of a category has no unit: its effect is a difference of responses.
        numbers = [part for part in _COLON.split(effect) if not part.endswith("]")]
        if not numbers:
            return self.linear
        one = self.per(numbers[0]) if len(numbers) == 1 else ""
        if one == self.linear or "/" in one:  # mmHg/mmHg would look like a number without a unit
            return f"{self.linear} per {one}"
        return f"{self.linear}/{one}" if one else f"{self.linear} per unit of {':'.join(numbers)}"


def _singular(unit: str) -> str:
    """Return one unit of a plural; symbols and other words stay as they are.

    Examples
    --------
    >>> _singular("days"), _singular("s"), _singular("celsius"), _singular("kg")
    ('day', 's', 'celsius', 'kg')
    """
    return unit[:-1] if len(unit) > 2 and unit.endswith("s") and not unit.endswith(("ss", "us", "is")) else unit
