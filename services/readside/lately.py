"""What was used lately is kept, a bounded number of it."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LatelyUsed(Generic[K, V]):
    """At most so many values by their keys: of more, the one that was used longest ago goes. Any thread may ask."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values = OrderedDict[K, V]()
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        """The value, which is used now; None if it is not kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def keep(self, key: K, value: V) -> None:
        """Keep the value, in the place of one that was kept by this key."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
