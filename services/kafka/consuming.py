"""Raw records by the batch: the work that aiokafka's `getmany` does per record, done once for many.

aiokafka passes every record through three Python frames and into a dataclass of eleven fields, which costs as much as
parsing its JSON. A raw consumer gets the records of aiokafka's own parser unchanged: same bytes, same checks, same
positions (a test holds the two equal).

aiokafka has no option for this, so a started consumer gets our own fetcher (`read_raw`). It is aiokafka's except for
the handling of answers.
"""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import (
    CorruptRecordException,
    KafkaError,
    NotLeaderForPartitionError,
    OffsetOutOfRangeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.record.memory_records import MemoryRecords

from services.kafka.failures import LogHoleError
from services.kafka.lenient import ExactRecords, LenientRecords

log = structlog.get_logger(__name__)
#: As the library logs it: repeated many times a second, it is printed once a minute (`services/run/logs.py`).
_fetching = logging.getLogger("aiokafka.consumer.fetcher")
#: A consumer's option: the interval of checks for something to fetch, beside all events that wake it.
LOOK_MS = 10_000


class Polled(NamedTuple):
    """The result of a poll for a partition: records in order, and the offset to continue from. That may lie beyond the
    last record, because the end of a transaction takes an offset, too.
    """

    records: Sequence["FetchedRecord"]
    next_offset: int


class FetchedRecord(Protocol):
    """A record as the workers need it; the caller knows its topic and partition."""

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
    """The records of one fetch of a partition, from the parser.

    Only control records have an offset without a record, and, for a consumer that reads committed, records of aborted
    transactions: any other missing record is a hole. Raises: LogHoleError.
    """

    next_fetch_offset: int
    _records_iterator: Iterator[FetchedRecord]

    def __iter__(self) -> Iterator[FetchedRecord]:
        return self._records_iterator

    def _unpack_records(self) -> Iterator[FetchedRecord]:
        records, start = self._records, self.next_fetch_offset
        while records.has_next():
            batch = records.next_batch()
            if batch.base_offset > self.next_fetch_offset:
                raise LogHoleError(self._tp.topic, self._tp.partition, self.next_fetch_offset, batch.base_offset)
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"Invalid CRC - {self._tp}")
            if not self._is_aborted(batch) and not batch.is_control_batch:
                for record in batch:
                    offset = record.offset
                    if offset >= start:  # a batch comes whole, even if it was requested from its middle on
                        self.next_fetch_offset = offset + 1
                        yield record
            self.next_fetch_offset = batch.next_offset

    def _is_aborted(self, batch: Any) -> bool:
        """Whether the batch belongs to an aborted transaction, for a consumer that reads committed."""
        if self._isolation_level != fetcher.READ_COMMITTED or batch.producer_id is None:
            return False
        self._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch and self._contains_abort_marker(batch):
            self._aborted_producers.discard(batch.producer_id)
        return batch.is_transactional and batch.producer_id in self._aborted_producers


class RawFetcher(fetcher.Fetcher):  # type: ignore[misc]
    """aiokafka's fetcher, giving raw records. It has no rack: it always fetches from leaders."""

    #: Splits an answer's bytes into batches.
    _parser: type = MemoryRecords

    @property
    def is_lenient(self) -> bool:
        """Whether names of headers need not be UTF-8."""
        return self._parser is not MemoryRecords

    def read_leniently(self, *, exact: bool = False) -> None:
        """Continue with a slower parser, which accepts any name of a header (`services/kafka/lenient.py`).

        Everything fetched before must be fetched again. `exact`: `bytes_of_name` has the bytes of names.
        """
        self._parser = ExactRecords if exact else LenientRecords
        log.warning("header_name_not_utf8", consequence="this consumer goes on with a slower, lenient parser")

    def hold_for(self, ms: int) -> None:
        """Let brokers hold each fetch for this long from now on, until records come."""
        self._fetch_max_wait_ms = ms

    def wait_for_some(self) -> "asyncio.Future[None]":
        """Done once something was fetched. Awaiting it raises errors of the group."""
        waiter: asyncio.Future[None] = self._create_fetch_waiter()
        return waiter

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        """Send a fetch to a broker, and store its answer. Returns whether to wake those who wait for records."""
        try:
            response = await self._client.send(node_id, request)
        except KafkaError as error:
            _fetching.error("Failed fetch messages from %s: %s", node_id, error)
            await asyncio.sleep(self._retry_backoff)
            return False
        except asyncio.CancelledError:  # by `close`, or the assignment is over: nobody needs the answer
            return False
        if not assignment.active:
            return False
        offsets = {
            TopicPartition(topic, partition): offset
            for topic, partitions in request.topics
            for partition, offset, _ in partitions
        }
        has_come = False
        for topic, partitions in response.topics:
            for partition, code, *told in partitions:
                key = TopicPartition(topic, partition)
                state = assignment.state_value(key)
                if not state.has_valid_position or state.position != offsets[key]:
                    continue  # the partition was sought again meanwhile
                if code:
                    has_come |= self._refuse(key, state.position, for_code(code))
                else:
                    has_come |= self._keep(key, assignment, *told)
        return has_come

    def _keep(self, key: TopicPartition, assignment: Any, end: int, *told: Any) -> bool:
        """Store the fetched data of a partition with next offset `end`.

        `told`: the last stable offset, the log's start (since version 5 of the answer), the aborted transactions, the
        replica to read from (since 11), and the bytes.
        """
        state = assignment.state_value(key)
        stable, aborted = told[0], told[1 if len(told) == 3 else 2]
        state.highwater, state.lso, state.timestamp = end, stable, int(1000 * time.time())
        records = self._parser(told[-1])
        if records.has_next():
            self._records[key] = fetcher.FetchResult(
                key,
                partition_records=RawRecords(
                    key, records, aborted, state.position, None, None, self._check_crcs, self._isolation_level
                ),
                assignment=assignment,
                backoff=self._prefetch_backoff,
            )
        elif records.size_in_bytes() > 0:
            where = f"{key.topic}/{key.partition} at offset {state.position}"
            self._set_error(key, RecordTooLargeError(f"{where} has more than {self._max_partition_fetch_bytes} bytes"))
            state.consumed_to(state.position + 1)
        else:
            return False
        return True

    def _refuse(self, key: TopicPartition, position: int, error: type[KafkaError]) -> bool:
        """Handle a broker's error for a partition."""
        if error in (OffsetOutOfRangeError, TopicAuthorizationFailedError):
            self._set_error(key, error(f"{key.topic}/{key.partition} at offset {position}"))
            return True
        if error in (NotLeaderForPartitionError, UnknownTopicOrPartitionError):
            self._client.force_metadata_update()
        else:
            _fetching.warning("Unexpected error while fetching data: %s", error.__name__)
        return False


async def read_raw(consumer: AIOKafkaConsumer) -> RawFetcher:
    """Let the consumer return raw records; it is started and has fetched nothing yet. Returns its new fetcher.

    The consumer must have no deserializers, and a missing offset is an error (`auto_offset_reset` "none").
    """
    await asyncio.sleep(0)  # aiokafka awaits a task that it cancels: one that never began to run would cancel us
    await consumer._fetcher.close()
    consumer._fetcher = raw = RawFetcher(
        consumer._client,
        consumer._subscription,
        fetch_min_bytes=consumer._fetch_min_bytes,
        fetch_max_bytes=consumer._fetch_max_bytes,
        fetch_max_wait_ms=consumer._fetch_max_wait_ms,
        max_partition_fetch_bytes=consumer._max_partition_fetch_bytes,
        check_crcs=consumer._check_crcs,
        fetcher_timeout=consumer._consumer_timeout,
        retry_backoff_ms=consumer._retry_backoff_ms,
        auto_offset_reset="none",
        isolation_level=consumer._isolation_level,
    )
    return raw
