"""The names of a model that may have labels."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from partialpool.design.column_parts import ColumnPart
from partialpool.design.design import Design
from partialpool.errors import SpecError, nearest
from partialpool.names import INTERCEPT
from partialpool.spec.expression import columns_of
from partialpool.spec.terms import factor_columns

__all__ = ["check_labels", "parts_by_name"]


def parts_by_name(design: Design) -> dict[str, tuple[ColumnPart, ...]]:
    """Return the parts of every fixed effect and of every effect that varies, in any predictor, by name."""
    found: dict[str, tuple[ColumnPart, ...]] = {}
    for one in (design, *design.parameters.values()):
        for recipe in (one.common.recipe, *(recipe for factor in one.factors for recipe in factor.recipes)):
            for name, parts in zip(recipe.names, recipe.parts, strict=True):
                found.setdefault(name, parts)
    return found


def check_labels(designs: Iterable[Design], given: Mapping[str, str]) -> None:
    """Refuse labels that are not text, and labels of names that no model has.

    Raises
    ------
    SpecError
        A label is not text, or no model has the name.
    """
    if not isinstance(given, Mapping) or not all(isinstance(text, str) for pair in given.items() for text in pair):
        raise SpecError(
            "labels must be a dictionary of text",
            got=repr(given),
            allowed="what to write for each name: {'Days': 'Days awake'}",
            do="write each name and its label as text",
        )
    known = tuple(dict.fromkeys(name for design in designs for name in _names(design)))
    for name in given:
        if name not in known:
            raise SpecError(
                "labels name something that no model has",
                got=repr(name),
                allowed=nearest(name, known),
                do="name a coefficient, a column, a factor or a parameter, as print(fit) does",
            )


def _names(design: Design) -> Iterator[str]:
    """Yield every name of a model that may have a label."""
    for name, parts in parts_by_name(design).items():
        for part in parts:
            columns = columns_of(part.expression) if part.is_call else ()
            yield from (*columns, part.expression, part.name)
        yield name
    for factor in (factor for one in (design, *design.parameters.values()) for factor in one.factors):
        yield from (factor.name, *factor_columns(factor.name))
    for column, categories in design.categories.items():
        yield from (f"{column}[{value}]" for value in categories.values)
    for offset in (offset for one in (design, *design.parameters.values()) for offset in one.spec.offsets):
        yield from columns_of(offset)
    yield INTERCEPT
    yield from (design.spec.response, design.response.name)
    if design.spec.family_record.has_cutpoints:
        grades = design.response.categories
        yield from (*grades, *(f"{low}|{high}" for low, high in pairwise(grades)))
    yield from (name for name, _ in design.spec.family_record.parameters if name != "cutpoints")
