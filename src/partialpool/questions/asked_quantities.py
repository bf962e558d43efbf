"""What a study is asked to follow, before any of it is worked out."""

from collections.abc import Mapping

from partialpool.errors import SpecError

__all__ = ["check_asked"]


def check_asked(quantities: object, *, do: str) -> None:
    """Refuse quantities that do not stand under names.

    Parameters
    ----------
    quantities
        What was given.
    do
        What somebody who wrote something else than a function may have meant.

    Raises
    ------
    SpecError
        It is not a mapping.

    Examples
    --------
    >>> check_asked({}, do="")
    """
    if not isinstance(quantities, Mapping):
        name = getattr(quantities, "__name__", "quantity")
        raise SpecError(
            "quantities are a mapping from names to functions of a fit",
            got=f"the function {name}" if callable(quantities) else repr(quantities),
            allowed="such as {'slope': lambda fit: pp.average_effect(fit, 'x')['population_average']}",
            do="write a name before the function, which returns one variable" if callable(quantities) else do,
        )
