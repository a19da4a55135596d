"""The consumer of every reader: aiokafka's, whose fetcher is made to hand on raw records by the batch.

Only the consumers that are given to these functions differ; aiokafka itself is left as it is for everybody else.

Kafka takes any bytes as a header's name; aiokafka decodes names strictly, inside `getmany`, so one record whose names
are not UTF-8 would stop its partition for ever, and nothing tells which record it is. After the first one a consumer
reads with a lenient parser instead: slower, and exact in everything but the names that nobody can read.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

from services.kafka.fetching import RawRecords, RawResult

log = structlog.get_logger(__name__)


def _under_other_names(method: Callable[..., Any], **names: Any) -> Any:
    """The library's method, which reads these names otherwise: it makes its objects of our classes."""
    assert isinstance(method, FunctionType) and method.__closure__ is None
    assert names.keys() <= set(method.__code__.co_names), "aiokafka has changed"
    ours = FunctionType(method.__code__, method.__globals__ | names, method.__name__, method.__defaults__)
    ours.__kwdefaults__ = method.__kwdefaults__
    return ours


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


class RawFetcher(Fetcher):  # type: ignore[misc]
    """aiokafka's fetcher, of whose answers raw records are made."""

    _proc_fetch_request = _under_other_names(
        Fetcher._proc_fetch_request, PartitionRecords=RawRecords, FetchResult=RawResult
    )
    fetched_records = _under_other_names(Fetcher.fetched_records, FetchResult=RawResult)


class LenientFetcher(RawFetcher):
    """The same with the slower parser, for records whose header names nobody can read."""

    _proc_fetch_request = _under_other_names(RawFetcher._proc_fetch_request, MemoryRecords=LenientRecords)


def read_raw(consumer: AIOKafkaConsumer) -> None:
    """Hand on raw records from now on. The consumer is started, and has fetched nothing yet."""
    consumer._fetcher.__class__ = RawFetcher


def reads_leniently(consumer: AIOKafkaConsumer) -> bool:
    """Whether it does already."""
    return isinstance(consumer._fetcher, LenientFetcher)


def read_leniently(consumer: AIOKafkaConsumer) -> None:
    """From now on; what was fetched before must be fetched again."""
    consumer._fetcher.__class__ = LenientFetcher
    log.warning("header_name_not_utf8", consequence="this consumer goes on with a slower, lenient parser")
