"""Raw records are aiokafka's own, and batches filled at once are those that it fills record by record."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from events.topics import RECORD_BYTES_MOST
from services.kafka import LogHoleError, Record
from services.kafka.consuming import RawFetcher, RawRecords
from services.kafka.writing import _fill

PLACE = TopicPartition("usage", 3)
ZSTD = 4
RECORDS = (
    Record(None, b"no key"),
    Record(b"key", b""),
    Record(b"", b"headers", [("name", b"value"), ("nothing", None)]),
    *(Record(b"k%d" % number, b"v" * number) for number in range(40)),
)


class Read(NamedTuple):
    """What a consumer was given, and where it goes on."""

    records: list[tuple[Any, ...]]
    positions: list[int]


def batch_of(records: Sequence[Record], base: int, *, at_once: bool = True) -> bytes:
    """A batch as the broker stores it, from this offset on."""
    builder = BatchBuilder(RECORD_BYTES_MOST, ZSTD)
    if at_once:
        _fill(builder, records)
    else:
        for record in records:
            builder.append(timestamp=None, key=record.key, value=record.value, headers=list(record.headers))
    built = bytearray(builder._build())
    built[:8] = base.to_bytes(8, "big")
    return bytes(built)


def read(stored: bytes, start: int, most: int, *, raw: bool) -> Read:
    """Read everything by `getall`, at most so many records at a time."""
    records = RawRecords if raw else fetcher.PartitionRecords
    state = SimpleNamespace(paused=False, position=start)
    state.consumed_to = lambda offset: setattr(state, "position", offset)
    assignment = SimpleNamespace(active=True, state_value=lambda topic_partition: state)
    fetched = records(PLACE, MemoryRecords(stored), [], start, None, None, True, 0)
    result = fetcher.FetchResult(PLACE, assignment=assignment, partition_records=fetched, backoff=0)
    read_records, positions = list[tuple[Any, ...]](), list[int]()
    while result.has_more():
        read_records += [
            (record.offset, record.timestamp, record.key, record.value, list(record.headers))
            for record in result.getall(most)
        ]
        positions.append(state.position)
    return Read(read_records, positions)


@pytest.mark.parametrize("most", [1, 7, 43, 86, 1000])
@pytest.mark.parametrize("start", [100, 101, 130, 142])
def test_a_raw_consumer_reads_what_any_consumer_reads(start: int, most: int) -> None:
    stored = batch_of(RECORDS, 100) + batch_of(RECORDS, 143)
    usual, ours = read(stored, start, most, raw=False), read(stored, start, most, raw=True)
    assert ours.records == usual.records
    # Also in the middle of a batch: a paused or reassigned partition goes on from there.
    assert ours.positions == usual.positions and ours.positions[-1] == 143 + len(RECORDS)
    assert len(ours.records) == 2 * len(RECORDS) - (start - 100)


def test_a_log_that_lost_records_is_named() -> None:
    stored = batch_of(RECORDS, 100) + batch_of(RECORDS, 150)
    with pytest.raises(LogHoleError, match="usage/3 has no offsets 143 to 149, but has what comes after them"):
        read(stored, 100, 1000, raw=True)


def test_a_corrupt_batch_is_refused_and_what_was_before_it_is_read_again() -> None:
    stored = bytearray(batch_of(RECORDS, 100) + batch_of(RECORDS, 143))
    stored[-1] ^= 1
    with pytest.raises(CorruptRecordException):
        read(bytes(stored), 100, 1000, raw=True)
    with pytest.raises(CorruptRecordException):
        read(bytes(stored), 100, 1000, raw=False)


def test_a_batch_filled_at_once_holds_what_one_filled_record_by_record_holds() -> None:
    whole, in_pieces = batch_of(RECORDS, 100), batch_of(RECORDS, 100, at_once=False)
    now, before = read(whole, 100, 1000, raw=False), read(in_pieces, 100, 1000, raw=False)
    without_time = [[(offset, *rest) for offset, _, *rest in reading.records] for reading in (now, before)]
    assert without_time[0] == without_time[1] and len(without_time[0]) == len(RECORDS)
    assert all(abs(a[1] - b[1]) < 60_000 for a, b in zip(now.records, before.records, strict=True))


def test_a_record_that_fits_no_batch_is_named() -> None:
    with pytest.raises(ValueError, match="a record of 2000 bytes does not fit"):
        _fill(BatchBuilder(1000, ZSTD), [Record(None, b"fits"), Record(None, b"x" * 2000)])


@pytest.mark.parametrize("version", [4, 5, 11])
def test_what_a_broker_tells_of_a_partition_is_read_in_every_version_of_its_answer(version: int) -> None:
    stored, aborted = batch_of(RECORDS, 100), [(7, 50)]
    told = {4: [140, aborted, stored], 5: [140, 0, aborted, stored], 11: [140, 0, aborted, -1, stored]}[version]
    state = SimpleNamespace(paused=False, position=100)
    assignment = SimpleNamespace(active=True, state_value=lambda _: state)
    consumer: Any = SimpleNamespace(
        _records={}, _parser=MemoryRecords, _check_crcs=True, _isolation_level=0, _prefetch_backoff=0
    )
    assert RawFetcher._keep(consumer, PLACE, assignment, 143, *told)
    records = consumer._records[PLACE]._partition_records
    assert (state.highwater, state.lso, records._aborted_transactions) == (143, 140, aborted)
    assert [record.offset for record in records] == list(range(100, 143))
