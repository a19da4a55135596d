"""Raw records by the batch: what aiokafka's `getmany` does for each record, done once for many.

aiokafka hands every record through three Python frames and into a dataclass of eleven fields, which costs as much as
reading its JSON does. A consumer that reads raw gets the records of aiokafka's own parser as they are: same bytes, same
checks, same positions (a test holds the two equal).

Only the consumers that are given to the functions below differ; aiokafka itself is left as it is for everybody else.

A consumer that has met a header's name that is not UTF-8 reads on with another parser (`lenient`): slower.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from types import FunctionType
from typing import Any, NamedTuple, Protocol

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import CorruptRecordException

from services.kafka.failures import LogHoleError
from services.kafka.lenient import ExactRecords, LenientRecords

log = structlog.get_logger(__name__)
DIGEST_BYTES = 8
#: aiokafka looks this often whether there is something to fetch, beside all that wakes it for that.
LOOK_S = 10.0


class Polled(NamedTuple):
    """What a poll brought of a partition: records in order, and the offset to go on from, which may lie further on
    than the last record: the end of a transaction takes an offset, too."""

    records: Sequence["FetchedRecord"]
    next_offset: int


class FetchedRecord(Protocol):
    """A record as the workers need it; its topic and partition are known to whoever asked for it."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def timestamp_type(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> Any: ...
    @property
    def headers(self) -> Any: ...


class RawRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """What one fetch brought of a partition, as the parser's records.

    Offsets without a record are only those of control records and, for a consumer that reads committed, of what was
    aborted: anything else that is missing is a hole. Raises: LogHoleError.
    """

    next_fetch_offset: int
    _records_iterator: Iterator[FetchedRecord] | None

    def _unpack_records(self) -> Iterator[FetchedRecord]:
        records, start = self._records, self.next_fetch_offset
        while records.has_next():
            batch = records.next_batch()
            if batch.base_offset > self.next_fetch_offset:
                raise LogHoleError(self._tp.topic, self._tp.partition, self.next_fetch_offset, batch.base_offset)
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"Invalid CRC - {self._tp}")
            if not self._is_aborted(batch) and not batch.is_control_batch:
                if batch.base_offset >= start:
                    yield from batch
                else:  # a batch comes whole, also when it was asked for from its middle on
                    yield from (record for record in batch if record.offset >= start)
            self.next_fetch_offset = batch.next_offset

    def _is_aborted(self, batch: Any) -> bool:
        """Whether the batch is of a transaction that was aborted, for a consumer that reads committed."""
        if self._isolation_level != fetcher.READ_COMMITTED or batch.producer_id is None:
            return False
        self._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch and self._contains_abort_marker(batch):
            self._aborted_producers.discard(batch.producer_id)
        return batch.is_transactional and batch.producer_id in self._aborted_producers

    def take(self, most: int | None) -> list[FetchedRecord]:
        """The next records. `next_fetch_offset` is right afterwards, whether or not they end within a batch."""
        assert self._records_iterator is not None
        taken = list(islice(self._records_iterator, most))
        if most is not None and len(taken) == most:
            self.next_fetch_offset = taken[-1].offset + 1
        else:
            self._records_iterator = None
        return taken


class RawResult(fetcher.FetchResult):  # type: ignore[misc]
    """One fetch of a partition."""

    _partition_records: RawRecords | None

    def getall(self, max_records: int | None = None) -> Sequence[FetchedRecord]:
        """The next records, at most so many; the consumer's position moves with them."""
        records = self._partition_records
        assert records is not None
        if not self.check_assignment(self._topic_partition):
            return []
        taken = records.take(max_records)
        self._update_position()
        if records._records_iterator is None:
            self._partition_records = None
        return taken


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


class ExactFetcher(LenientFetcher):
    """The same, for whoever needs the bytes of names."""

    _proc_fetch_request = _under_other_names(RawFetcher._proc_fetch_request, MemoryRecords=ExactRecords)


def look_seldom(consumer: AIOKafkaConsumer) -> None:
    """Once it is started. aiokafka has no option for it, and looks five times a second."""
    consumer._fetcher._fetcher_timeout = LOOK_S


def read_raw(consumer: AIOKafkaConsumer) -> None:
    """Hand on raw records from now on. The consumer is started, and has fetched nothing yet."""
    consumer._fetcher.__class__ = RawFetcher


def reads_leniently(consumer: AIOKafkaConsumer) -> bool:
    """Whether it does already."""
    return isinstance(consumer._fetcher, LenientFetcher)


def read_leniently(consumer: AIOKafkaConsumer, *, exact: bool = False) -> None:
    """From now on; what was fetched before must be fetched again. `exact`: `bytes_of_name` has the bytes of names."""
    consumer._fetcher.__class__ = ExactFetcher if exact else LenientFetcher
    log.warning("header_name_not_utf8", consequence="this consumer goes on with a slower, lenient parser")


class Mark(NamedTuple):
    """What a position remembers of the record before it: another one at that offset is noticed (decision 26).

    An offset alone does not tell: a topic that was made anew and has grown past the old end has a record there, too. Of
    the record: its offset, its LogAppendTime in ms, and a hash of its key and value.
    """

    offset: int
    ms: int
    digest: bytes


def digest_of(key: bytes | None, value: bytes | None) -> bytes:
    """The hash that a mark has of a record."""
    content = blake2b(key or b"", digest_size=DIGEST_BYTES)
    content.update(b"\0")
    content.update(value or b"")
    return content.digest()


def mark_of(record: FetchedRecord) -> Mark:
    """The mark of a record that was read."""
    return Mark(record.offset, record.timestamp, digest_of(record.key, record.value))
