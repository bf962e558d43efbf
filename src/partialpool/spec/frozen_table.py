"""An immutable, hashable mapping from names: what a user states by parameter, or by column."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

__all__ = ["FrozenTable"]


class FrozenTable[Value](Mapping[str, Value]):
    """A mapping that can be neither changed nor reordered: its names are sorted.

    Examples
    --------
    >>> table = FrozenTable({"b": 2, "a": 1})
    >>> list(table), hash(table) == hash(FrozenTable({"a": 1, "b": 2}))
    (['a', 'b'], True)
    """

    __slots__ = ("_items",)
    _items: Mapping[str, Value]

    def __init__(self, items: Mapping[str, Value]) -> None:
        object.__setattr__(self, "_items", MappingProxyType(dict(sorted(items.items()))))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable; cannot set {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable; cannot delete {name}")

    def __getitem__(self, name: str) -> Value:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(tuple(self._items.items()))

    def __repr__(self) -> str:
        return repr(dict(self._items))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (dict(self._items),)
