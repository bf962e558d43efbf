"""Modules that another package imports at once, imported when they are first used."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

__all__ = ["imported_later"]


@contextmanager
def imported_later(name: str) -> Iterator[None]:
    """Make `import name` inside the block take no time: the module is imported when one of its attributes is used.

    Elsewhere the module is imported as ever. Nothing changes if it is loaded already.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = placeholder = _Later(name)
    try:
        yield
    finally:
        if sys.modules.get(name) is placeholder:
            del sys.modules[name]


class _Later(ModuleType):
    """A module whose attributes are those of the module of the same name."""

    def __getattr__(self, name: str) -> object:
        """Import the module, and return an attribute of it."""
        if name.startswith("__"):  # the import system asks for some, which must not import
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)
