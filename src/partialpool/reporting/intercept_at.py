"""The values of the predictors at which an intercept is stated."""

from dataclasses import replace

from partialpool.design.design import Design
from partialpool.design.label_names import parts_by_name
from partialpool.labels.labels import Labels
from partialpool.spec.expression import columns_of

__all__ = ["intercept_at"]


def intercept_at(design: Design, labels: Labels) -> str:
    """Return where the posterior of the intercept is: numeric predictors are 0, categories at their reference.

    Empty where the model has no intercept or no predictors, so that there is nothing to state.

    Examples
    --------
    >>> from partialpool.datasets.load import load_dataset
    >>> from partialpool.design.build import build_design
    >>> from partialpool.spec.model import ModelSpec
    >>> design = build_design(ModelSpec.from_formula("Reaction ~ Days + (1 | Subject)"), load_dataset("sleepstudy"))
    >>> intercept_at(design, Labels({"Days": "Days awake"}))
    'Days awake = 0'
    """
    if not design.common.intercept or not design.common.names:
        return ""
    known = parts_by_name(design)
    parts = [part for name in design.common.names for part in known.get(name, ())]
    bare = {part.expression for part in parts if not part.is_call}
    said = []
    for part in parts:
        if part.category is None and not (part.is_call and set(columns_of(part.expression)) <= bare):
            whole = replace(part, position=None)
            said.append(f"{labels.coefficient(whole.name, (whole,))} = 0")
        elif part.column in design.categories:
            categories = design.categories[part.column]
            if categories.coding == "sum":
                said.append(f"{labels.plain(part.column)} averaged over its categories")
            elif categories.reference is not None:
                said.append(labels.reference(part.column, categories.reference))
    return ", ".join(dict.fromkeys(said))
