"""Reading records whose header names are not UTF-8.

Kafka takes any bytes as a header's name; aiokafka decodes names strictly, inside `getmany`, so one such record would
stop its partition for ever, and nothing tells which record it is. After the first one a consumer reads with this parser
instead: slower, and exact in everything but the names that nobody can read.
"""

from typing import Any

from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

MAGIC_OFFSET = _MemoryRecordsPy.MAGIC_OFFSET


class _Buffer(bytearray):
    """Bytes whose slices decode with U+FFFD in the place of what is not UTF-8."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return _Buffer(found) if isinstance(place, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, "replace")


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    """aiokafka's own parser in Python, over a buffer that decodes leniently."""

    _buffer: Any

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        if not isinstance(self._buffer, _Buffer):
            self._buffer = _Buffer(self._buffer)


class LenientRecords(_MemoryRecordsPy):  # type: ignore[misc]
    """Batches of one fetch; those of the formats before headers existed are left to aiokafka."""

    def next_batch(self) -> Any:
        held = self._next_slice
        if held is None or len(held) <= MAGIC_OFFSET or held[MAGIC_OFFSET] < 2:
            return super().next_batch()
        self._cache_next()
        return _LenientBatch(held)
