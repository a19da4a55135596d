"""Raw records by the batch: what aiokafka's `getmany` does for each record, done once for many.

aiokafka hands every record through three Python frames and into a dataclass of eleven fields, which costs as much as
reading its JSON does. A consumer that reads raw gets the records of aiokafka's own parser as they are: same bytes, same
checks, same positions (a test holds the two equal).
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, Protocol

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException

from services.kafka.failures import LogHoleError


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
        held = self._partition_records
        assert held is not None
        if not self.check_assignment(self._topic_partition):
            return []
        taken = held.take(max_records)
        self._update_position()
        if held._records_iterator is None:
            self._partition_records = None
        return taken
