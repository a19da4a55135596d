"""Parsers for records with names of headers that are not UTF-8.

Kafka takes any bytes as a header's name; aiokafka decodes names strictly, inside `getmany`. So one record whose names
are not UTF-8 would stop its partition for ever, and nothing tells which record it is. After the first such error a
consumer reads with a lenient parser instead, which is slower, and replaces the bytes that are not UTF-8. A consumer
that needs the very bytes reads with the exact parser.
"""

from typing import Any, ClassVar

from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

MAGIC_OFFSET = _MemoryRecordsPy.MAGIC_OFFSET


class _Buffer(bytearray):
    """Bytes whose slices decode with U+FFFD in the place of bytes that are not UTF-8."""

    instead: ClassVar = "replace"

    def __getitem__(self, key: Any) -> Any:
        item = super().__getitem__(key)
        return type(self)(item) if isinstance(key, slice) else item

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return super().decode(encoding, self.instead)


class _ExactBuffer(_Buffer):
    """Bytes whose slices decode to text from which `bytes_of_name` restores the very bytes."""

    instead = "surrogateescape"


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    """aiokafka's own parser in Python, over a buffer that decodes leniently."""

    _buffer: Any
    buffer_of: ClassVar[type[_Buffer]] = _Buffer

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        if not isinstance(self._buffer, _Buffer):
            self._buffer = self.buffer_of(self._buffer)


class _ExactBatch(_LenientBatch):
    buffer_of = _ExactBuffer


class LenientRecords(_MemoryRecordsPy):  # type: ignore[misc]
    """Batches of one fetch, parsed leniently; formats older than headers are left to aiokafka."""

    batch_of: ClassVar[type[_LenientBatch]] = _LenientBatch

    def next_batch(self) -> Any:
        batch = self._next_slice
        if batch is None or len(batch) <= MAGIC_OFFSET or batch[MAGIC_OFFSET] < 2:
            return super().next_batch()
        self._cache_next()
        return self.batch_of(batch)


class ExactRecords(LenientRecords):
    """Batches of one fetch; `bytes_of_name` turns names of their headers back into bytes."""

    batch_of = _ExactBatch


def bytes_of_name(name: str) -> bytes:
    """The bytes of a header's name that an exact parser has read."""
    return name.encode("utf-8", "surrogateescape")
