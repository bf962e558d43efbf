"""Find which factors are nested in which, from the rows."""

from partialpool.design.design import Design

__all__ = ["nesting"]


def nesting(design: Design) -> dict[str, tuple[str, ...]]:
    """Return, for each factor, the factors that it is nested in.

    A factor is nested in another if each of its levels occurs with only one level of the other, whatever their labels:
    batch:cask in batch, pupil in school.

    Examples
    --------
    >>> from partialpool.datasets.load import load_dataset
    >>> from partialpool.design.build import build_design
    >>> from partialpool.spec.model import ModelSpec
    >>> nesting(build_design(ModelSpec.from_formula("strength ~ 1 + (1 | batch/cask)"), load_dataset("pastes")))
    {'batch': (), 'batch:cask': ('batch',)}
    """
    return {
        inner.name: tuple(
            outer.name for outer in design.grouping if outer is not inner and inner.parent_levels(outer) is not None
        )
        for inner in design.grouping
    }
