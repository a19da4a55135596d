"""The consumer of every reader: aiokafka's, whose fetcher hands on raw records by the batch.

Only the consumers that are made of these classes differ; aiokafka itself is left as it is for everybody else.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher

from services.kafka.fetching import RawRecords, RawResult
from services.kafka.lenient import LenientRecords

log = structlog.get_logger(__name__)


def _under_other_names(method: Callable[..., Any], **names: Any) -> Any:
    """The library's method, which reads these names otherwise: it makes its objects of our classes."""
    assert isinstance(method, FunctionType) and method.__closure__ is None
    assert names.keys() <= set(method.__code__.co_names), "aiokafka has changed"
    ours = FunctionType(method.__code__, method.__globals__ | names, method.__name__, method.__defaults__)
    ours.__kwdefaults__ = method.__kwdefaults__
    return ours


class RawFetcher(Fetcher):  # type: ignore[misc]
    """aiokafka's fetcher, of whose answers raw records are made."""

    _proc_fetch_request = _under_other_names(
        Fetcher._proc_fetch_request, PartitionRecords=RawRecords, FetchResult=RawResult
    )
    fetched_records = _under_other_names(Fetcher.fetched_records, FetchResult=RawResult)


class LenientFetcher(RawFetcher):
    """The same with the slower parser, for records whose header names nobody can read."""

    _proc_fetch_request = _under_other_names(RawFetcher._proc_fetch_request, MemoryRecords=LenientRecords)


class RawConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """aiokafka's consumer with our fetcher."""

    async def start(self) -> None:
        """Nothing is fetched before it returns: `LogReader` assigns later, and workers pause what they are assigned."""
        await super().start()
        self._fetcher.__class__ = RawFetcher

    def is_lenient(self) -> bool:
        """Whether it reads leniently already."""
        return isinstance(self._fetcher, LenientFetcher)

    def read_leniently(self) -> None:
        """From now on; what was fetched before must be fetched again."""
        self._fetcher.__class__ = LenientFetcher
        log.warning("header_name_not_utf8", consequence="this consumer goes on with a slower, lenient parser")
