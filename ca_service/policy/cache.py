"""Bounded caches; the decisions of one policy generation at a time (S14)."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """Keeps the `limit` values that were used last."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return the value, if it is kept."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        """Keep a value and let the least recently used one go."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._limit:
            self._values.popitem(last=False)

    def clear(self) -> None:
        """Keep nothing."""
        self._values.clear()

    def __len__(self) -> int:
        return len(self._values)


class GenerationCache(Generic[K, V]):
    """A bounded cache of what follows from one policy generation; a newer generation empties it."""

    def __init__(self, limit: int) -> None:
        self._values: BoundedCache[K, V] = BoundedCache(limit)
        self._generation = -1

    def get(self, generation: int, key: K) -> V | None:
        """Return the value if it was kept under this very generation."""
        return self._values.get(key) if generation == self._generation else None

    def put(self, generation: int, key: K, value: V) -> None:
        """Keep a value of the newest generation; one of an older generation is dropped."""
        if generation < self._generation:
            return
        if generation > self._generation:
            self._values.clear()
            self._generation = generation
        self._values.put(key, value)

    def __len__(self) -> int:
        return len(self._values)
