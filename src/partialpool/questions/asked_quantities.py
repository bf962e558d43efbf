"""Check the quantities that a sensitivity study is to follow, before anything is computed."""

from collections.abc import Mapping

from partialpool.errors import SpecError

__all__ = ["check_asked"]


def check_asked(quantities: object, *, do: str) -> None:
    """Refuse quantities that are not given as a mapping from names to functions.

    Parameters
    ----------
    quantities
        The argument as given.
    do
        What to do, for the error message, if the argument is not a function either.

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
            "quantities must be a mapping from names to functions of a fit",
            got=f"the function {name}" if callable(quantities) else repr(quantities),
            allowed="such as {'slope': lambda fit: pp.average_effect(fit, 'x')['population_average']}",
            do="write a name before the function, which returns one variable" if callable(quantities) else do,
        )
