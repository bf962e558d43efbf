"""Predictors that enter a model as they are, with the unit per which their coefficients are."""

from partialpool.design.design import Design
from partialpool.design.label_names import parts_by_name

__all__ = ["units_of_slopes"]


def units_of_slopes(design: Design) -> dict[str, tuple[str, str]]:
    """Return column and unit, `("Days", "day")`, by the name of the coefficient; without those of unknown unit.

    Examples
    --------
    >>> from partialpool.datasets.load import load_dataset
    >>> from partialpool.design.build import build_design
    >>> from partialpool.spec.model import ModelSpec
    >>> data = load_dataset("sleepstudy")
    >>> units_of_slopes(build_design(ModelSpec.from_formula("Reaction ~ Days + I(Days**2) + (1 | Subject)"), data))
    {'Days': ('Days', 'day')}
    """
    found = {}
    for name, parts in parts_by_name(design).items():
        if len(parts) == 1 and not parts[0].is_call and parts[0].category is None:
            column = parts[0].expression.strip("`")
            if one := design.axis_units.per(column):
                found[name] = (column, one)
    return found
